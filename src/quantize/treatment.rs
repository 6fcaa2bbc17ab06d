//! What becomes of one operator, and which kernels there are for it.

use std::fmt;

use super::ranges::Bits;
use crate::model::{Graph, Node};
use crate::ops::quantize::{
    Width, dynamic_weights, int4_beside_floats, int4_beside_integers, rule,
};
use crate::ops::weights::weighted;

/// How many weights share a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Grain {
    Tensor,
    /// One scale per output channel, or row of a table; operators without channels have one in all.
    Channel,
    /// One float16 scale per so many elements of a row.
    Block(usize),
}

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Form {
    pub bits: Bits,
    pub grain: Grain,
    /// Whether there is no zero point; only a DEQUANTIZE takes one.
    pub symmetric: bool,
}

impl Form {
    pub const INT8: Form = Form {
        bits: Bits::Eight,
        grain: Grain::Channel,
        symmetric: true,
    };
    pub const INT4: Form = Form {
        bits: Bits::Four,
        grain: Grain::Channel,
        symmetric: true,
    };
}

/// What an operator with integer weights and float data computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// The kernel quantizes its input as it runs and multiplies integers.
    Integer,
    /// A DEQUANTIZE in front makes the weights float.
    Float,
}

/// What becomes of one operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Treatment {
    Float,
    /// float16 constants behind a DEQUANTIZE.
    Float16,
    /// Integer weights beside float data; weights of fewer elements stay as they are.
    Weights {
        form: Form,
        arithmetic: Arithmetic,
        fewest: usize,
    },
    /// Integer data in ranges from calibration; `form` is that of the weights, if the operator has any.
    Static {
        width: Width,
        form: Form,
    },
}

impl Treatment {
    /// Whether `op` has kernels for it.
    pub fn suits(self, op: &str) -> bool {
        match self {
            Treatment::Float => true,
            Treatment::Float16 => dynamic_weights(op).is_some(),
            Treatment::Weights {
                form, arithmetic, ..
            } => dynamic_weights(op).is_some() && form_suits(op, form, arithmetic),
            Treatment::Static { width, form } => {
                rule(op, width).is_some()
                    && (weighted(op).is_none()
                        || form.bits == Bits::Eight
                        || int4_beside_integers(op))
            }
        }
    }

    /// Whether it suits the operator and the sizes of its weights.
    pub fn fits(self, graph: &Graph, node: &Node) -> bool {
        if !self.suits(&node.op) {
            return false;
        }
        let Treatment::Weights {
            form,
            arithmetic: Arithmetic::Integer,
            ..
        } = self
        else {
            return true;
        };
        let weights = dynamic_weights(&node.op).and_then(|(operand, _)| node.input(operand));
        let sizes = weights.and_then(|v| graph.value(v).shape.fixed());
        let Some([.., columns]) = sizes.as_deref() else {
            return true;
        };
        match form.grain {
            Grain::Block(size) => columns.is_multiple_of(size),
            // LiteRT 2.3.0 begins each row of a table on a byte of its own, against the format.
            _ => {
                form.bits == Bits::Eight
                    || &*node.op != "EMBEDDING_LOOKUP"
                    || columns.is_multiple_of(2)
            }
        }
    }

    /// What has become of an operator, in words.
    pub fn of(self, op: &str) -> String {
        match self {
            Treatment::Static { width, .. } if weighted(op).is_none() => Treatment::Static {
                width,
                form: Form::INT8,
            }
            .to_string(),
            other => other.to_string(),
        }
    }
}

fn form_suits(op: &str, form: Form, arithmetic: Arithmetic) -> bool {
    match (arithmetic, form.grain, form.bits) {
        (Arithmetic::Integer, Grain::Block(_), bits) => {
            bits == Bits::Four && matches!(op, "FULLY_CONNECTED" | "EMBEDDING_LOOKUP")
        }
        // LiteRT 2.3.0 reads a scale for each channel here, whether there is one or not.
        (Arithmetic::Integer, Grain::Tensor, _) if op == "DEPTHWISE_CONV_2D" => false,
        (Arithmetic::Float, Grain::Block(_), _) => false,
        (Arithmetic::Float, ..) | (Arithmetic::Integer, _, Bits::Eight) => true,
        (Arithmetic::Integer, _, Bits::Four) => int4_beside_floats(op),
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} weights", self.bits.dtype())?;
        match self.grain {
            Grain::Block(size) => write!(f, " in blocks of {size}"),
            Grain::Channel | Grain::Tensor => Ok(()),
        }
    }
}

impl fmt::Display for Treatment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Treatment::Float => f.write_str("float32"),
            Treatment::Float16 => f.write_str("float16 weights, float arithmetic"),
            Treatment::Weights {
                form,
                arithmetic: Arithmetic::Integer,
                ..
            } => write!(f, "{form}"),
            Treatment::Weights { form, .. } => write!(f, "{form}, float arithmetic"),
            Treatment::Static { width, form } => {
                let data = match width {
                    Width::Int8 => "int8",
                    Width::Int16 => "int16x8",
                };
                match form.bits {
                    Bits::Eight => f.write_str(data),
                    Bits::Four => write!(f, "{data}, {form}"),
                }
            }
        }
    }
}
