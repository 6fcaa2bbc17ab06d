//! Operators: names in both dialects, shapes, cost, and which kernel runs them. One file per family, or a folder
//! where a family takes several; each has a table of operators, and the registry here is those tables. To add an
//! operator, add a line to its family's table.

mod arrays;
mod audio;
mod bincount;
mod blocks;
mod broadcast;
mod cells;
mod combine;
mod complex;
mod concat;
mod constant;
mod context;
mod control;
mod conv;
mod cost;
mod counts;
mod crosses;
mod ctc;
mod detection;
mod diagonal;
mod distance;
mod einsum;
mod elementwise;
mod epilogue;
mod examples;
mod fact;
mod family;
mod fast;
mod folds;
mod gather;
mod gradients;
mod halves;
mod host;
mod image;
mod in_place;
mod isotonic;
mod kernel;
mod known;
mod linalg;
mod lists;
mod lookup;
mod loss;
pub mod lower;
mod maps;
mod matmul;
mod movement;
mod normalization;
mod optionals;
mod packed;
pub mod parsers;
mod perception;
mod phrases;
mod picks;
mod places;
mod pool;
pub mod quantize;
mod quantized;
mod ragged;
mod random;
mod reals;
mod recurrent;
mod reduce;
mod reduce_window;
mod resize;
pub mod roles;
mod scatter;
mod search;
mod segment;
mod sequence;
mod serialized;
mod shape;
mod slice;
mod sparse;
mod special;
mod spectral;
mod spread;
mod stablehlo;
mod stacks;
mod staged;
mod state;
mod strings;
mod tables;
mod templates;
mod text;
mod tokens;
mod training;
mod turned;
mod types;
mod unary;
mod unicode;
mod variables;
pub mod weights;
mod windows;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use context::{Context, Options};
pub use control::{Block, Control, control};
pub use cost::macs;
pub use epilogue::{Epilogue, Fused};
pub use fact::{Constant, Fact};
pub use family::{Family, family};
pub use folds::REGION;
pub use kernel::{Compute, Content, Effect, Io, Kernel, Prepared, View, room_bytes};
pub use known::{declared, facts};
pub use matmul::{adds_a_bias, takes_a_bias};
pub use normalization::layer_norm;
pub use packed::Room;
pub use picks::{HandsOn, Picks};
pub use state::{Change, Changed, State};
pub use tables::{Table as LookupTable, table_of};
pub use turned::{may_be_turned, transposes, turned_product};
pub use variables::shared_variable;

use crate::error::{Error, Result};
use crate::model::{Dialect, Graph, Node, Variable};

/// An operator that can run.
pub struct Operator {
    /// Names in TensorFlow and in TFLite.
    pub tf: &'static [&'static str],
    pub tflite: &'static [&'static str],
    /// Types and sizes of the outputs, as far as the inputs tell them.
    pub infer: fn(&Context) -> Result<Vec<Fact>>,
    /// A kernel for inputs whose sizes are all known.
    pub prepare: fn(&Context) -> Result<Prepared>,
    /// The same inputs always give the same outputs, so constants can be computed ahead.
    pub foldable: bool,
    /// `prepare` does not ask for sizes.
    pub any_sizes: bool,
    /// Elements of the outputs are elements of the inputs, whatever they are.
    moves: bool,
    /// It picks rows of a table by indices.
    pub picks: Option<Picks>,
    pub hands_on: HandsOn,
}

impl Operator {
    pub const fn new(
        tf: &'static [&'static str],
        tflite: &'static [&'static str],
        infer: fn(&Context) -> Result<Vec<Fact>>,
        prepare: fn(&Context) -> Result<Prepared>,
    ) -> Self {
        Operator {
            tf,
            tflite,
            infer,
            prepare,
            foldable: true,
            any_sizes: false,
            moves: false,
            picks: None,
            hands_on: HandsOn::Nothing,
        }
    }

    /// Each call may answer otherwise, or changes something, or runs other graphs; it becomes a [`Prepared::Effect`] or a
    /// [`Prepared::Control`].
    const fn effect(mut self) -> Self {
        self.foldable = false;
        self.any_sizes = true;
        self
    }

    /// Its kernels only move elements, so that strings can be moved too.
    const fn moving(mut self) -> Self {
        self.moves = true;
        self
    }

    const fn picking(mut self, picks: Picks) -> Self {
        self.picks = Some(picks);
        self
    }

    const fn handing_on(mut self, hands_on: HandsOn) -> Self {
        self.hands_on = hands_on;
        self
    }

    /// [`Operator::prepare`], for strings too.
    pub fn ready(&self, context: &Context) -> Result<Prepared> {
        strings::prepare(self, context)
    }
}

const FAMILIES: &[&[Operator]] = &[
    arrays::OPERATORS,
    audio::OPERATORS,
    bincount::OPERATORS,
    blocks::OPERATORS,
    cells::OPERATORS,
    complex::OPERATORS,
    concat::OPERATORS,
    constant::OPERATORS,
    control::OPERATORS,
    conv::OPERATORS,
    conv::VOLUMES,
    counts::OPERATORS,
    crosses::OPERATORS,
    ctc::OPERATORS,
    detection::OPERATORS,
    diagonal::OPERATORS,
    distance::OPERATORS,
    einsum::OPERATORS,
    elementwise::OPERATORS,
    examples::OPERATORS,
    examples::SEQUENCES,
    gather::OPERATORS,
    gradients::OPERATORS,
    gradients::LAYERS,
    gradients::PADDING,
    gradients::IMAGES,
    gradients::ROWS,
    gradients::WINDOWS,
    host::OPERATORS,
    image::COLOUR,
    image::DECODE,
    image::DRAW,
    image::ENCODE,
    image::GLIMPSE,
    image::PATCHES,
    image::SCALE,
    image::VOLUMES,
    image::WARP,
    isotonic::OPERATORS,
    linalg::OPERATORS,
    linalg::EIGEN,
    linalg::SPECTRA,
    lists::OPERATORS,
    lookup::OPERATORS,
    loss::OPERATORS,
    maps::OPERATORS,
    matmul::OPERATORS,
    movement::OPERATORS,
    normalization::OPERATORS,
    optionals::OPERATORS,
    perception::OPERATORS,
    phrases::OPERATORS,
    places::OPERATORS,
    pool::OPERATORS,
    pool::FRACTIONAL,
    pool::VOLUMES,
    quantized::CONVERSIONS,
    quantized::CUSTOM,
    quantized::TENSORFLOW,
    ragged::OPERATORS,
    ragged::VARIANTS,
    random::OPERATORS,
    recurrent::OPERATORS,
    reduce::OPERATORS,
    reduce_window::OPERATORS,
    resize::OPERATORS,
    scatter::OPERATORS,
    search::OPERATORS,
    segment::OPERATORS,
    sequence::OPERATORS,
    serialized::OPERATORS,
    shape::OPERATORS,
    slice::OPERATORS,
    slice::UPDATES,
    sparse::OPERATORS,
    sparse::ARITHMETIC,
    sparse::REDUCE,
    sparse::SERIAL,
    sparse::SETS,
    special::OPERATORS,
    spectral::OPERATORS,
    spread::OPERATORS,
    stablehlo::OPERATORS,
    stacks::OPERATORS,
    staged::OPERATORS,
    staged::FUSED,
    tables::OPERATORS,
    templates::OPERATORS,
    text::OPERATORS,
    tokens::OPERATORS,
    training::OPERATORS,
    unary::OPERATORS,
    unicode::OPERATORS,
    variables::OPERATORS,
    variables::SLICES,
];

type Table = HashMap<&'static str, &'static Operator>;

static TF: LazyLock<Table> = LazyLock::new(|| table(|operator| operator.tf));
static TFLITE: LazyLock<Table> = LazyLock::new(|| table(|operator| operator.tflite));

fn table(names: fn(&'static Operator) -> &'static [&'static str]) -> Table {
    FAMILIES
        .iter()
        .flat_map(|family| family.iter())
        .flat_map(|operator| names(operator).iter().map(move |name| (*name, operator)))
        .collect()
}

/// The operator of this name, if it can run at all.
pub fn find(dialect: Dialect, op: &str) -> Option<&'static Operator> {
    match dialect {
        Dialect::Tf => TF.get(op).copied(),
        Dialect::Tflite => TFLITE.get(op).copied(),
    }
}

/// Whose operator a node of `graph` is: a Flex operator in a `.tflite` is TensorFlow's.
fn dialect(graph: &Graph, node: &Node) -> Dialect {
    match node.flex_op() {
        Some(_) => Dialect::Tf,
        None => graph.dialect,
    }
}

/// The operator of a node of `graph`, if it can run at all. Custom operators go by their own names.
pub fn find_for(graph: &Graph, node: &Node) -> Option<&'static Operator> {
    let custom = node.custom.as_ref().filter(|_| &*node.op == "CUSTOM");
    find(dialect(graph, node), custom.unwrap_or(&node.op))
}

/// Every operator name of a dialect that can run, sorted.
pub fn names(dialect: Dialect) -> Vec<&'static str> {
    let table = match dialect {
        Dialect::Tf => &TF,
        Dialect::Tflite => &TFLITE,
    };
    let mut names: Vec<_> = table.keys().copied().collect();
    names.sort_unstable();
    names
}

/// Types and sizes of the outputs of `node`, as far as `inputs` tell them. Follows values through chains such as
/// Shape, StridedSlice, Pack, Reshape where they are known.
///
/// # Errors
/// Inputs that don't fit the operator, and operators that are not known here ([`find`]).
pub fn infer(
    graph: &Graph,
    node: &Node,
    inputs: &[Option<Fact>],
    variables: &[Variable],
) -> Result<Vec<Fact>> {
    let context = Context {
        variables,
        ..Context::new(graph, node, inputs)
    };
    infer_in(&context)
}

pub(crate) fn infer_in(context: &Context) -> Result<Vec<Fact>> {
    let (graph, node) = (context.graph, context.node);
    let operator = find_for(graph, node).ok_or_else(|| {
        Error::unsupported(format!(
            "{} is not an operator that runs here",
            node.op_label()
        ))
    })?;
    let mut facts = (operator.infer)(context)?;
    facts.truncate(node.outputs.len());
    for &output in &node.outputs[facts.len()..] {
        let value = graph.value(output);
        facts.push(Fact::new(value.dtype, crate::model::Shape::UNKNOWN));
    }
    Ok(facts)
}

/// What an operator prepares to when its output sizes or axes are values of the run: it is inferred and prepared
/// again then.
fn later() -> Result<Prepared> {
    Ok(Prepared::Later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_operators() {
        for names in [|o: &Operator| o.tf, |o: &Operator| o.tflite] {
            let all = FAMILIES.iter().flat_map(|family| family.iter());
            let mut all: Vec<&str> = all.flat_map(names).copied().collect();
            all.sort_unstable();
            let twice = all.windows(2).filter(|pair| pair[0] == pair[1]);
            assert_eq!(twice.map(|pair| pair[0]).collect::<Vec<_>>(), [""; 0]);
        }
    }
}
