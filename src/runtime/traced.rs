//! What a traced run tells.

use crate::analysis::Spread;
use crate::error::Result;
use crate::model::{DType, Name, Quantization, Tensor, ValueId};
use crate::ops::Block;

/// A run watched value by value.
#[derive(Debug)]
pub struct Trace {
    /// Inputs, then every value that the run computed, in the order in which they came first: those in loops, branches and
    /// calls too. Not what was computed before the run, from constants.
    pub values: Vec<Traced>,
    /// The value that was asked for, as it was computed last; `None` where this run did not compute it.
    pub taken: Option<Result<Tensor>>,
    /// For each output that is not finite where its first NaN came from, else its first infinity; those with NaN first.
    pub not_finite: Vec<NotFinite>,
}

/// A value that a run computed.
#[derive(Debug, Clone)]
pub struct Traced {
    /// The graph as the session counts them, 0 the signature's own, and the value in it: the same in every run.
    pub at: (usize, ValueId),
    /// What the graph of the loop, the branch or the call is named that it lies in; `None` in the signature's own.
    pub graph: Option<Name>,
    /// The graph of the file that this is made of; `None` for the signature's own.
    pub file_graph: Option<Block>,
    pub name: Name,
    /// `None` for an input.
    pub maker: Option<Maker>,
    pub dtype: DType,
    /// When it was computed last, as the rest.
    pub shape: Vec<usize>,
    /// The least and the greatest finite number, where it is of real numbers.
    pub range: Option<(f64, f64)>,
    /// Whether it had any, in any of its calls.
    pub nan: bool,
    pub infinite: bool,
    /// How often it was computed.
    pub calls: u64,
    pub quantization: Option<Box<Quantization>>,
}

/// The operator that computes a value, as the model names it.
#[derive(Debug, Clone)]
pub struct Maker {
    pub node: Name,
    pub op: Name,
}

/// What is not a finite number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    Nan,
    Infinity,
}

impl What {
    pub fn other(self) -> What {
        match self {
            What::Nan => What::Infinity,
            What::Infinity => What::Nan,
        }
    }

    /// How many there are.
    pub fn count(self, spread: &Spread) -> usize {
        match self {
            What::Nan => spread.nan,
            What::Infinity => spread.infinite,
        }
    }
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            What::Nan => "NaN",
            What::Infinity => "Inf",
        })
    }
}

/// What brought the first NaN or infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It was given.
    Input,
    /// It stands in the file.
    Constant,
    /// A variable holds it, stored or from a run before.
    Variable,
    /// An operator made it of what had none.
    Operator,
}

/// Where a NaN or an infinity came from.
#[derive(Debug, Clone)]
pub struct Origin {
    pub source: Source,
    pub what: What,
    /// The largest float rather than an infinity, which TensorFlow Lite makes of it.
    pub clamped: bool,
    /// As in [`Traced`].
    pub at: (usize, ValueId),
    pub graph: Option<Name>,
    /// Of the operator; of the input, the constant or the variable otherwise.
    pub name: Name,
    pub op: Option<Name>,
    /// Of the value that it made or that holds them, and of how many values.
    pub count: usize,
    pub of: usize,
    /// Finite numbers that the operator made it of.
    pub from: Vec<Operand>,
    /// In which of the calls of the operator, from 1; 0 for what no operator made.
    pub call: u64,
    /// Of a NaN that an operator made of infinities, or of infinities that it made of a NaN: where these came from.
    pub cause: Option<Box<Origin>>,
}

/// An input of an operator.
#[derive(Debug, Clone)]
pub struct Operand {
    pub name: Name,
    pub min: f64,
    pub max: f64,
}

/// An output that is not finite.
#[derive(Debug, Clone)]
pub struct NotFinite {
    pub output: Name,
    /// Of its values.
    pub count: usize,
    pub of: usize,
    pub origin: Origin,
}
