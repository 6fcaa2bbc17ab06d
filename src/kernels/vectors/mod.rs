//! Elementwise arithmetic, softmax and tables with vector instructions.
//!
//! Each entry says whether there is a vector form of the work for this processor, and leaves the output alone where there
//! is none: the plain kernels do it then. Where the answer may lie over an operand, the operand is `None`.

mod as_c;
pub mod bytes;
mod eigen;
mod fdlibm;
mod functions;
mod lanes;
mod layer_norm;
mod pairs;
mod rows;
mod softmax;
mod spread;
mod sums;

pub use layer_norm::LayerNorm;
pub use spread::Spread;
pub use sums::{Addend, Narrow, sums};

use super::cpu::{self, Level};
use super::elementwise::binary::BinaryOp;
use super::elementwise::unary::UnaryOp;
use super::params::Clamp;

/// A function of each number, within 5 * 2^-24 of its value (of the argument where it multiplies one, as GELU does); if
/// it is to be `exact`, EXP, LOGISTIC, TANH, ELU and GELU are those of the plain kernel to the bit.
pub fn unary(op: UnaryOp, exact: bool, x: Option<&[f32]>, out: &mut [f32]) -> bool {
    assert!(x.is_none_or(|x| x.len() == out.len()));
    functions::run(cpu::level(), op, exact, x, out)
}

/// `x` times LOGISTIC of `x`, as the two would compute it one after the other, see [`unary`]; only `finite` numbers where
/// it says so.
pub fn swish(exact: bool, finite: bool, x: Option<&[f32]>, out: &mut [f32]) -> bool {
    assert!(x.is_none_or(|x| x.len() == out.len()));
    functions::swish(cpu::level(), (exact, finite), x, out)
}

/// Whether [`binary`] has this operator.
pub fn has_binary(op: BinaryOp) -> bool {
    use BinaryOp::*;
    let known = matches!(op, Add | Sub | Mul | Div | SquaredDifference);
    known && cpu::level() > Level::Portable
}

/// Rows `first..` of an operator of two numbers, broadcast as `spread` says, as the plain kernel computes them, within
/// bounds. Rows are whole, `out` has nothing else. An operand that is `None` is what `out` holds.
pub fn binary(
    op: BinaryOp,
    bounds: Clamp,
    spread: &Spread,
    first: usize,
    operands: [Option<&[f32]>; 2],
    out: &mut [f32],
) -> bool {
    pairs::run(cpu::level(), op, bounds, spread, first, operands, out)
}

/// SOFTMAX along rows of `depth`, see [`crate::kernels::reference::softmax::softmax_f32`]. Each row is added up `in_order`, as
/// there, if it is to be, and is equal to it to the bit.
pub fn softmax(depth: usize, beta: f32, in_order: bool, x: &[f32], out: &mut [f32]) -> bool {
    assert_eq!(x.len(), out.len());
    softmax::run(cpu::level(), depth, (beta, in_order), x, out)
}
