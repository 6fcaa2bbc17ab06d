//! What is known of an operator's results although it may not run here.

use super::cost::{Label, einsum_labels, equation, labels};
use super::lower::shapes::{self, Arg};
use super::{Context, Fact};
use crate::model::{Dialect, Graph, Shape, ValueId};

/// Types and sizes of the outputs of a node when every size that the model leaves open is 1: inferred where the operator
/// is known, else as the file declares them.
pub fn facts(context: &Context) -> Vec<Fact> {
    let node = context.node;
    let inferred = super::infer_in(context)
        .ok()
        .or_else(|| beyond(context))
        .unwrap_or_default();
    let mut inferred = inferred.into_iter();
    node.outputs
        .iter()
        .map(|&output| match inferred.next() {
            Some(fact) => settled(context, output, fact),
            None => like_input(context, output),
        })
        .collect()
}

/// What the file says of a value, open sizes taken as 1.
pub fn declared(graph: &Graph, id: ValueId) -> Fact {
    let value = graph.value(id);
    let shape = match graph.dialect {
        Dialect::Tflite => &value.stored_shape,
        Dialect::Tf => &value.shape,
    };
    let shape = match shape.with_unknown_as(1) {
        Some(sizes) => Shape::of(&sizes),
        None => Shape::UNKNOWN,
    };
    Fact::new(value.dtype, shape)
}

/// What inference leaves open is as declared.
fn settled(context: &Context, output: ValueId, mut fact: Fact) -> Fact {
    if fact.shape.fixed().is_some() {
        return fact;
    }
    let said = declared(context.graph, output);
    fact.shape = match (fact.shape.dims(), said.shape.dims()) {
        (Some(found), Some(said)) if found.len() == said.len() => {
            let pick = |(&f, &s): (&i64, &i64)| if f < 0 { s } else { f };
            Shape(Some(found.iter().zip(said).map(pick).collect()))
        }
        (Some(found), _) => Shape(Some(found.iter().map(|&d| d.max(1)).collect())),
        _ => said.shape,
    };
    fact
}

/// The declared shape; where it has open sizes and otherwise fits the first input, that input's.
fn like_input(context: &Context, output: ValueId) -> Fact {
    let said = declared(context.graph, output);
    let first = context.inputs.iter().flatten().next();
    let open = &context.graph.value(output).shape;
    if let (Some(first), Some(open)) = (first, open.dims())
        && open.contains(&-1)
        && let Some(sizes) = first.shape.fixed()
        && context.graph.value(output).shape.accepts(&sizes)
    {
        return Fact::new(said.dtype, first.shape.clone());
    }
    said
}

/// Rules for operators without a kernel here.
fn beyond(context: &Context) -> Option<Vec<Fact>> {
    let node = context.node;
    if context.graph.dialect == Dialect::Tflite {
        let arg = |fact: &Fact| Arg {
            dtype: fact.dtype,
            shape: fact.shape.clone(),
            known: None,
        };
        let args: Vec<Option<Arg>> = context.inputs.iter().map(|f| f.as_ref().map(arg)).collect();
        let found = shapes::infer(&node.op, &args, &node.attrs).ok()?;
        return Some(found.into_iter().map(|(d, s)| Fact::new(d, s)).collect());
    }
    let out = |shape: Shape| {
        let dtype = context.out_dtype(0).ok()?;
        Some(vec![Fact::new(dtype, shape)])
    };
    let elements = |input: usize| {
        let sizes = context.ints(input).ok()??;
        Some(sizes.iter().map(|&d| d.max(1)).collect::<Vec<i64>>())
    };
    match &*node.op {
        "Enter" | "Exit" | "NextIteration" | "LoopCond" | "RefEnter" | "RefExit"
        | "RefNextIteration" => Some(vec![context.input(0).ok()?.clone()]),
        "Switch" | "RefSwitch" => {
            let input = context.input(0).ok()?;
            Some(vec![input.clone(), input.clone()])
        }
        "Merge" | "RefMerge" => {
            let input = context.inputs.iter().flatten().next()?;
            out(input.shape.clone())
        }
        "Einsum" | "XlaEinsum" => {
            let sizes = einsum_labels(node, context.inputs)?;
            let (_, result) = equation(node)?;
            let wide = sizes
                .keys()
                .filter(|label| matches!(label, Label::Ellipsis(_)))
                .count();
            let named = result.replace("...", "").chars().count();
            let dims: Option<Vec<i64>> = labels(&result, Some(wide + named))?
                .iter()
                .map(|label| sizes.get(label).map(|&n| n as i64))
                .collect();
            out(Shape(Some(dims?)))
        }
        "TensorListGetItem" => out(Shape(Some(elements(2)?))),
        "ResourceGather" => {
            let id = context.input(0).ok()?.variable?;
            let table = context.variables.get(id.0 as usize)?.shape.dims()?;
            let mut dims = context.shape(1).ok()?.dims()?.to_vec();
            dims.extend(table.get(1..)?);
            out(Shape(Some(dims)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attr, DType, GraphKind, Node, Value};

    fn shape_of(op: &str, equation: Option<&str>, inputs: &[&[usize]], said: &[i64]) -> String {
        let mut graph = Graph::new("g", GraphKind::Main, Dialect::Tf);
        let said = Shape(Some(said.to_vec()));
        let output = graph.add_value(Value::new("n:0", DType::Float32, said));
        let mut node = Node::new("n", op);
        node.outputs = vec![output];
        if let Some(equation) = equation {
            let text = equation.to_owned().into_bytes();
            node.attrs.set("equation", Attr::Bytes(text.into()));
        }
        let inputs: Vec<_> = inputs
            .iter()
            .map(|sizes| Some(Fact::fixed(DType::Float32, sizes)))
            .collect();
        let context = Context::new(&graph, &node, &inputs);
        facts(&context)[0].shape.to_string()
    }

    #[test]
    fn an_einsum_gives_its_labels() {
        let sizes: &[&[usize]] = &[&[7, 4, 8], &[4, 8, 16]];
        assert_eq!(
            shape_of("Einsum", Some("abc,bcd->ad"), sizes, &[-1, 16]),
            "7×16"
        );
        let sizes: &[&[usize]] = &[&[2, 5, 8], &[8, 3]];
        assert_eq!(
            shape_of("Einsum", Some("...x,xy->...y"), sizes, &[-1, -1, 3]),
            "2×5×3"
        );
    }

    #[test]
    fn an_operator_without_a_rule_is_as_its_input_where_that_fits() {
        assert_eq!(shape_of("Erfc", None, &[&[7, 16]], &[-1, 16]), "7×16");
        assert_eq!(shape_of("SomethingNew", None, &[&[7, 16]], &[-1, 3]), "1×3");
        assert_eq!(shape_of("SomethingNew", None, &[&[7, 16]], &[4, 3]), "4×3");
    }
}
