//! Operators that no builtin says: carried over as TensorFlow's own, for the Flex delegate, or as custom ones, for
//! kernels that the application registers.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::error::{Error, Kind};
use crate::format::tflite;
use crate::model::opdef::{self, ArgType};
use crate::model::{Attr, Attrs, DType, Graph, Name, Node, Shape, ValueId};
use crate::ops::{self, Constant, Fact};

/// What a person allows besides builtin operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowed {
    pub flex: bool,
    pub custom: bool,
}

/// What becomes of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// TFLite's own operators, or nothing where it folds away.
    Builtin,
    /// `Flex<Op>`: runs where TensorFlow's Flex delegate is linked.
    Flex,
    /// A custom operator under TensorFlow's name: runs where the application registers a kernel for it.
    Custom,
    Blocked,
}

/// Operators whose meaning lies in the graph around them.
const STRUCTURE: &[&str] = &[
    "Enter",
    "Exit",
    "LoopCond",
    "Merge",
    "NextIteration",
    "Placeholder",
    "PlaceholderV2",
    "Switch",
];

/// Operators of TensorFlow Text and of SentencePiece that the Flex delegate takes where they are registered (the same
/// source as the list of TensorFlow's own).
const TEXT_OPS: &[&str] = &[
    "CaseFoldUTF8",
    "ConstrainedSequence",
    "MaxSpanningTree",
    "NormalizeUTF8",
    "NormalizeUTF8WithOffsetsMap",
    "RegexSplitWithOffsets",
    "RougeL",
    "SentenceFragments",
    "SentencepieceDecode",
    "SentencepieceDetokenizeOp",
    "SentencepieceEncodeDense",
    "SentencepieceEncodeSparse",
    "SentencepieceGetPieceSize",
    "SentencepieceIdToPiece",
    "SentencepieceOp",
    "SentencepiecePieceToId",
    "SentencepieceTokenizeOp",
    "SentencepieceTokenizeWithOffsetsOp",
    "SentencepieceVocabSizeOp",
    "SplitMergeTokenizeWithOffsets",
    "UnicodeScriptTokenizeWithOffsets",
    "WhitespaceTokenizeWithOffsets",
    "WordpieceTokenizeWithOffsets",
];

static FLEX: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let names = include_str!("flex_ops.txt").lines();
    let names = names.filter(|line| !line.starts_with('#'));
    names.chain(TEXT_OPS.iter().copied()).collect()
});

/// Whether the Flex delegate takes the operator.
pub fn is_flex(op: &str) -> bool {
    FLEX.contains(op)
}

/// Why a node can't be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub reason: String,
    /// What it could become if that were allowed.
    pub could_be: Option<Fate>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal {
            reason: said(&error),
            could_be: None,
        }
    }
}

/// An error without its advice.
pub fn said(error: &Error) -> String {
    match error.place() {
        Some(place) => format!("{place}: {}", error.what()),
        None => error.what().to_owned(),
    }
}

/// How a node that became no builtin operator, and why not, is carried over.
pub fn fate(source: &Graph, node: &Node, why: &Error, allowed: Allowed) -> Result<Fate, Refusal> {
    let mut refusal = Refusal {
        reason: said(why),
        could_be: None,
    };
    if why.kind() != Kind::Unsupported {
        return Err(refusal);
    }
    let also = |text: &str| format!("{}; {text}", said(why));
    if let Some(obstacle) = obstacle(source, node) {
        if allowed != Allowed::default() {
            refusal.reason = also(&obstacle);
        }
        return Err(refusal);
    }
    match (is_flex(&node.op), allowed) {
        (true, Allowed { flex: true, .. }) => return Ok(Fate::Flex),
        (_, Allowed { custom: true, .. }) => return Ok(Fate::Custom),
        (true, _) => refusal.could_be = Some(Fate::Flex),
        (false, _) => refusal.could_be = Some(Fate::Custom),
    }
    if allowed.flex {
        refusal.reason = also("the Flex delegate does not take it");
    }
    Err(refusal)
}

/// Why a node can't stand alone in a `.tflite`.
fn obstacle(source: &Graph, node: &Node) -> Option<String> {
    let plain = node.op.strip_prefix("Ref").unwrap_or(&node.op);
    if STRUCTURE.contains(&plain) || node.op.starts_with('_') {
        return Some("it means nothing outside its graph".into());
    }
    let ends = || {
        let all = node.inputs.iter().flatten().chain(&node.outputs);
        all.map(|&v| source.value(v))
    };
    if node.variable.is_some() || ends().any(|v| v.dtype == DType::Resource) {
        return Some("its state can't come along".into());
    }
    if let Some(value) = ends().find(|v| v.reference || !tflite::holds(v.dtype)) {
        let reference = if value.reference {
            "a reference to "
        } else {
            ""
        };
        return Some(format!(
            "a .tflite has no tensors of {reference}{}",
            value.dtype
        ));
    }
    if node.attrs.iter().any(|(_, attr)| !stands_alone(attr)) {
        return Some("its attributes refer to functions of the model".into());
    }
    let takes_state = opdef::lookup(&node.op).is_some_and(|def| {
        let state = ArgType::Fixed(DType::Resource);
        def.inputs.iter().any(|arg| arg.dtype == state)
    });
    if takes_state {
        return Some("the variable that it reads became a constant".into());
    }
    None
}

fn stands_alone(attr: &Attr) -> bool {
    match attr {
        Attr::Func { .. } | Attr::Opaque(_) | Attr::Enum { .. } | Attr::Table { .. } => false,
        Attr::List(all) => all.iter().all(stands_alone),
        _ => true,
    }
}

/// The custom operator for a node of this fate; inputs and outputs are the caller's.
pub fn operator(node: &Node, fate: Fate) -> Node {
    let own = |(name, attr): (&str, &Attr)| {
        // Notes of the exporter: shapes, colocation, XLA.
        (!name.starts_with('_')).then(|| (Name::from(name), attr.clone()))
    };
    let mut attrs: Attrs = node.attrs.iter().filter_map(own).collect();
    let mut made = Node::new(node.name.clone(), "CUSTOM");
    made.custom = Some(match fate {
        Fate::Flex => format!("Flex{}", node.op).into(),
        _ => {
            // TensorFlow knows what an absent attribute means; another kernel can't.
            let known = opdef::lookup(&node.op).map_or(&[][..], |def| &def.attrs);
            for attr in known {
                if let (None, Some(default)) = (attrs.get(&attr.name), &attr.default) {
                    attrs.set(attr.name.clone(), default.clone());
                }
            }
            node.op.clone()
        }
    });
    made.attrs = attrs;
    made
}

/// Operators whose first result has the shape of their first operand, of those that can't be asked here.
const SHAPE_OF_FIRST: &[&str] = &[
    "AdjustContrast",
    "AdjustContrastv2",
    "AdjustHue",
    "AdjustSaturation",
    "Angle",
    "AsString",
    "Atan",
    "Cholesky",
    "Conj",
    "Cosh",
    "CumulativeLogsumexp",
    "DecodeBase64",
    "EluGrad",
    "EncodeBase64",
    "FFT",
    "FFT2D",
    "FFT3D",
    "HSVToRGB",
    "IFFT",
    "IFFT2D",
    "IFFT3D",
    "InvGrad",
    "MatrixInverse",
    "PopulationCount",
    "RGBToHSV",
    "RandomShuffle",
    "RegexFullMatch",
    "RegexReplace",
    "Relu6Grad",
    "ReluGrad",
    "Reverse",
    "Sinh",
    "SoftplusGrad",
    "SoftsignGrad",
    "StaticRegexFullMatch",
    "StaticRegexReplace",
    "StringLength",
    "StringLower",
    "StringStrip",
    "StringToHashBucket",
    "StringToHashBucketFast",
    "StringToHashBucketStrong",
    "StringToNumber",
    "StringUpper",
    "Tan",
    "TensorScatterMax",
    "TensorScatterMin",
    "TensorScatterSub",
    "TensorStridedSliceUpdate",
    "UnicodeTranscode",
];

/// Shapes of the results, where `inputs` are the operands in the graph that is being made: what the operator's own rule
/// says, where there is one, else what the model says.
pub fn shapes(source: &Graph, node: &Node, made: &Graph, inputs: &[ValueId]) -> Vec<Shape> {
    let facts: Vec<Option<Fact>> = inputs.iter().map(|&v| Some(fact(made, v))).collect();
    let inferred = ops::infer(source, node, &facts, &[]).unwrap_or_default();
    let first = inputs.first().map(|&v| made.value(v).shape.clone());
    let first = first.filter(|_| SHAPE_OF_FIRST.contains(&&*node.op));
    let declared = node.outputs.iter().map(|&v| source.value(v).shape.clone());
    declared
        .enumerate()
        .map(|(at, declared)| {
            let ruled = inferred.get(at).map(|fact| fact.shape.clone());
            let ruled = ruled.filter(|shape| shape.rank().is_some());
            ruled
                .or_else(|| first.clone().filter(|_| at == 0))
                .filter(|shape| shape.rank().is_some())
                .unwrap_or(declared)
        })
        .collect()
}

fn fact(graph: &Graph, id: ValueId) -> Fact {
    let value = graph.value(id);
    match (&value.data, value.stored_shape.fixed()) {
        (Some(data), Some(sizes)) => {
            Fact::constant(Constant::stored(value.dtype, &sizes, data.clone()))
        }
        _ => Fact::new(value.dtype, value.shape.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dialect, GraphKind, Value};

    fn with_node(op: &str, from: DType, to: DType) -> Graph {
        let mut graph = Graph::new("f", GraphKind::Function, Dialect::Tf);
        let x = graph.add_value(Value::new("x", from, Shape::of(&[2, 3])));
        let y = graph.add_value(Value::new("y", to, Shape::UNKNOWN));
        let mut node = Node::new("n", op);
        node.inputs = vec![Some(x)];
        node.outputs = vec![y];
        graph.add_node(node);
        graph
    }

    fn said(op: &str, from: DType, to: DType, flex: bool, custom: bool) -> String {
        let graph = with_node(op, from, to);
        let why = Error::unsupported("has no TFLite operator");
        match fate(&graph, &graph.nodes[0], &why, Allowed { flex, custom }) {
            Ok(fate) => format!("{fate:?}"),
            Err(refusal) => format!("{} {:?}", refusal.reason, refusal.could_be),
        }
    }

    #[test]
    fn flex_comes_before_custom_and_only_where_the_delegate_takes_it() {
        let float = DType::Float32;
        assert_eq!(said("Atan", float, float, true, true), "Flex");
        assert_eq!(said("Atan", float, float, false, true), "Custom");
        assert_eq!(said("Acosh", float, float, true, true), "Custom");
        insta::assert_snapshot!(
            said("Acosh", float, float, true, false),
            @"has no TFLite operator; the Flex delegate does not take it Some(Custom)"
        );
        insta::assert_snapshot!(said("Atan", float, float, false, false), @"has no TFLite operator Some(Flex)");
    }

    #[test]
    fn what_can_not_stand_alone_is_refused() {
        let float = DType::Float32;
        insta::assert_snapshot!(
            said("Switch", float, float, true, true),
            @"has no TFLite operator; it means nothing outside its graph None"
        );
        insta::assert_snapshot!(
            said("HashTableV2", float, DType::Resource, true, true),
            @"has no TFLite operator; its state can't come along None"
        );
        insta::assert_snapshot!(
            said("QuantizeV2", float, DType::QInt8, true, true),
            @"has no TFLite operator; a .tflite has no tensors of qint8 None"
        );
        insta::assert_snapshot!(
            said("ResourceGather", float, float, true, true),
            @"has no TFLite operator; the variable that it reads became a constant None"
        );
        let mut graph = with_node("Case", float, float);
        let call = Attr::Func {
            name: "g".into(),
            attrs: Attrs::new(),
        };
        graph.nodes[0].attrs.set("branches", Attr::List(vec![call]));
        let all = Allowed {
            flex: true,
            custom: true,
        };
        let refused = fate(&graph, &graph.nodes[0], &Error::unsupported("no"), all).unwrap_err();
        insta::assert_snapshot!(refused.reason, @"no; its attributes refer to functions of the model");
    }

    #[test]
    fn a_damaged_node_is_not_carried_over() {
        let graph = with_node("Atan", DType::Float32, DType::Float32);
        let why = Error::unreadable("axis 7 of a value of rank 2");
        let all = Allowed {
            flex: true,
            custom: true,
        };
        let refusal = fate(&graph, &graph.nodes[0], &why, all).unwrap_err();
        assert_eq!(refusal.reason, "axis 7 of a value of rank 2");
    }

    #[test]
    fn a_custom_operator_has_every_attribute_and_no_notes() {
        let mut node = Node::new("n", "StringNGrams");
        node.attrs.set("_output_shapes", Attr::List(Vec::new()));
        node.attrs.set("separator", Attr::Bytes("-".into()));
        let names = |node: &Node| {
            let names: Vec<_> = node.attrs.iter().map(|(n, _)| n.to_owned()).collect();
            names.join(" ")
        };
        assert_eq!(names(&operator(&node, Fate::Flex)), "separator");
        assert_eq!(names(&operator(&node, Fate::Custom)), "Tsplits separator");
    }

    #[test]
    fn the_lists_hold_names_of_operators() {
        for op in include_str!("flex_ops.txt").lines() {
            let known = op.starts_with('#') || opdef::lookup(op).is_some();
            assert!(known, "{op}");
        }
        assert!(SHAPE_OF_FIRST.iter().all(|op| opdef::lookup(op).is_some()));
        assert_eq!(FLEX.len(), 727 + TEXT_OPS.len());
    }
}
