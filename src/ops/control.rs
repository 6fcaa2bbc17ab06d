//! Operators that run other graphs of the model: branches, loops, calls.

use std::fmt;

use super::{Context, Fact, HandsOn, Operator, Prepared};
use crate::error::{Error, Result};
use crate::model::{Attr, DType, Dialect, Graph, Name, Node, Shape};

/// Another graph of the model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Block {
    Subgraph(usize),
    Function(Name),
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Block::Subgraph(number) => write!(f, "subgraph {number}"),
            Block::Function(name) => write!(f, "function {name:?}"),
        }
    }
}

/// Which graphs an operator runs, and when. Graphs take the operator's inputs in order and give its outputs.
#[derive(Debug, Clone)]
pub enum Control {
    Call(Block),
    /// Nothing goes in or out; only the first run does anything.
    Once(Block),
    /// Input 0 chooses the branch, the graphs get the other inputs. Of two, true is the first; of more, it is the
    /// branch's number, and a number without a branch means the last.
    Branch {
        blocks: Vec<Block>,
        numbered: bool,
    },
    /// Runs the body on what it gave before as long as the condition says so.
    Loop {
        condition: Block,
        body: Block,
    },
}

impl Control {
    pub fn blocks(&self) -> Vec<&Block> {
        match self {
            Control::Call(block) | Control::Once(block) => vec![block],
            Control::Branch { blocks, .. } => blocks.iter().collect(),
            Control::Loop { condition, body } => vec![condition, body],
        }
    }
}

pub(super) const OPERATORS: &[Operator] = &[
    operator(&["If", "StatelessIf"], &["IF"]),
    operator(&["Case", "StatelessCase"], &["STABLEHLO_CASE"]),
    operator(&["While", "StatelessWhile"], &["WHILE"]),
    operator(&[], &["CALL_ONCE", "STABLEHLO_COMPOSITE"]),
    Operator::new(&["Switch", "RefSwitch"], &[], infer_switch, |_| {
        Ok(Prepared::Switch)
    })
    .effect()
    .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(&["Merge", "RefMerge"], &[], infer_merge, |_| {
        Ok(Prepared::Merge)
    })
    .effect()
    .handing_on(HandsOn::All),
    Operator::new(&["LoopCond"], &[], infer_same, |_| Ok(Prepared::Alias(0))),
    Operator::new(&["Assert"], &[], |_| Ok(Vec::new()), assert).effect(),
];

/// What comes in, of which nothing is known that one branch alone would make use of.
fn infer_switch(cx: &Context) -> Result<Vec<Fact>> {
    let mut fact = cx.input(0)?.clone();
    fact.constant = None;
    Ok(vec![fact; 2])
}

fn infer_merge(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    let mut shape = cx.shape(0)?.clone();
    for at in 1..cx.node.inputs.len() {
        shape = shape.common(cx.shape(at)?);
    }
    let number = Fact::fixed(DType::Int32, &[]);
    Ok(vec![Fact::new(dtype, shape), number])
}

fn infer_same(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

/// Fails with the other inputs where input 0 is false.
fn assert(cx: &Context) -> Result<Prepared> {
    let most = usize::try_from(cx.attr_int("summarize", 3)).unwrap_or(usize::MAX);
    Prepared::effect(move |inputs, _| {
        let holds = super::state::tensor(&inputs, 0)?.number(0) == Some(1.0);
        if holds {
            return Ok(Vec::new());
        }
        let told = inputs[1..].iter().flatten().map(|tensor| {
            let elements = (0..tensor.len().min(most)).map(|at| tensor.element_text(at));
            elements.collect::<Vec<_>>().join(" ")
        });
        let told = told.collect::<Vec<_>>().join(" ");
        Err(Error::usage(format!(
            "the model's own check failed: {told}"
        )))
    })
}

const fn operator(tf: &'static [&'static str], tflite: &'static [&'static str]) -> Operator {
    Operator::new(tf, tflite, declared, prepare).effect()
}

fn prepare(cx: &Context) -> Result<Prepared> {
    match control(cx.graph, cx.node) {
        Some(control) => Ok(Prepared::Control(control?)),
        None => Err(cx.unsupported("it runs no other graph")),
    }
}

/// Which graphs a node runs, whether it can run here or not; `None` where it is an operator of another kind.
///
/// # Errors
/// Its attributes name none.
pub fn control(graph: &Graph, node: &Node) -> Option<Result<Control>> {
    let subgraph = |attr: &str| {
        let number = node.attrs.int(attr).and_then(|n| usize::try_from(n).ok());
        number
            .map(Block::Subgraph)
            .ok_or_else(|| Error::unreadable(format!("{attr} names no subgraph")))
    };
    let function = |attr: &str| {
        let name = node.attrs.func(attr);
        name.map(|name| Block::Function(name.into()))
            .ok_or_else(|| Error::unreadable(format!("{attr} names no function")))
    };
    let control = match (super::dialect(graph, node), &*node.op) {
        (Dialect::Tflite, "CALL_ONCE") => subgraph("init_subgraph_index").map(Control::Once),
        (Dialect::Tflite, "STABLEHLO_COMPOSITE") => {
            subgraph("decomposition_subgraph_index").map(Control::Call)
        }
        (Dialect::Tflite, "CALL") => subgraph("subgraph").map(Control::Call),
        (Dialect::Tflite, "IF") => choice([
            subgraph("then_subgraph_index"),
            subgraph("else_subgraph_index"),
        ]),
        (
            Dialect::Tf,
            "PartitionedCall" | "StatefulPartitionedCall" | "BatchFunction" | "RemoteCall",
        ) => function("f").map(Control::Call),
        (Dialect::Tf, "If" | "StatelessIf" | "_If") => {
            choice([function("then_branch"), function("else_branch")])
        }
        (Dialect::Tflite, "WHILE" | "STABLEHLO_WHILE") => repeat(
            subgraph("cond_subgraph_index"),
            subgraph("body_subgraph_index"),
        ),
        (Dialect::Tf, "While" | "StatelessWhile" | "_While") => {
            repeat(function("cond"), function("body"))
        }
        (Dialect::Tf, "Case" | "StatelessCase") => cases(node),
        (Dialect::Tflite, "STABLEHLO_CASE") => numbered_cases(node),
        _ => return None,
    };
    Some(control)
}

fn choice(branches: [Result<Block>; 2]) -> Result<Control> {
    let blocks = branches.into_iter().collect::<Result<_>>()?;
    let numbered = false;
    Ok(Control::Branch { blocks, numbered })
}

fn repeat(condition: Result<Block>, body: Result<Block>) -> Result<Control> {
    let (condition, body) = (condition?, body?);
    Ok(Control::Loop { condition, body })
}

fn cases(node: &Node) -> Result<Control> {
    let list = node.attrs.list("branches").unwrap_or_default();
    let names = list.iter().filter_map(Attr::as_func);
    let blocks: Vec<_> = names.map(|name| Block::Function(name.into())).collect();
    if blocks.is_empty() {
        return Err(Error::unreadable("it has no branches"));
    }
    let numbered = true;
    Ok(Control::Branch { blocks, numbered })
}

fn numbered_cases(node: &Node) -> Result<Control> {
    let numbers = node.attrs.ints("branch_subgraph_indices");
    let numbers = numbers.filter(|numbers| !numbers.is_empty());
    let numbers = numbers.ok_or_else(|| Error::unreadable("it has no branches"))?;
    let blocks = numbers.iter().map(|&number| {
        let number = usize::try_from(number);
        let number = number.map_err(|_| Error::unreadable(format!("a branch is {number:?}")))?;
        Ok(Block::Subgraph(number))
    });
    Ok(Control::Branch {
        blocks: blocks.collect::<Result<_>>()?,
        numbered: true,
    })
}

/// What the graph says of the types; sizes are known to who has the other graphs.
fn declared(cx: &Context) -> Result<Vec<Fact>> {
    let outputs = 0..cx.node.outputs.len();
    outputs
        .map(|at| Ok(Fact::new(cx.out_dtype(at)?, Shape::UNKNOWN)))
        .collect()
}
