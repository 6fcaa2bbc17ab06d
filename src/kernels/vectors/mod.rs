//! Elementwise arithmetic, softmax and tables with vector instructions.
//!
//! Each entry says whether there is a vector form of the work for this processor, and leaves the output alone where there
//! is none: the plain kernels do it then. Where the answer may lie over an operand, the operand is `None`.

#[cfg(target_arch = "x86_64")]
mod as_c;
pub mod bytes;
#[cfg(target_arch = "x86_64")]
mod eigen;
#[cfg(target_arch = "x86_64")]
mod fdlibm;
#[cfg(target_arch = "x86_64")]
mod functions;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod layer_norm;
#[cfg(target_arch = "x86_64")]
mod pairs;
mod rows;
#[cfg(target_arch = "x86_64")]
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
    #[cfg(target_arch = "x86_64")]
    return functions::run(cpu::level(), op, exact, x, out);
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// `x` times LOGISTIC of `x`, as the two would compute it one after the other, see [`unary`]; only `finite` numbers where
/// it says so.
pub fn swish(exact: bool, finite: bool, x: Option<&[f32]>, out: &mut [f32]) -> bool {
    assert!(x.is_none_or(|x| x.len() == out.len()));
    #[cfg(target_arch = "x86_64")]
    return functions::swish(cpu::level(), (exact, finite), x, out);
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Whether [`binary`] has this operator.
pub fn has_binary(op: BinaryOp) -> bool {
    use BinaryOp::*;
    let known = matches!(op, Add | Sub | Mul | Div | SquaredDifference);
    known && cfg!(target_arch = "x86_64") && cpu::level() > Level::Portable
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
    #[cfg(target_arch = "x86_64")]
    return pairs::run(cpu::level(), op, bounds, spread, first, operands, out);
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// SOFTMAX along rows of `depth`, see [`crate::kernels::reference::softmax::softmax_f32`]. Each row is added up `in_order`, as
/// there, if it is to be, and is equal to it to the bit.
pub fn softmax(depth: usize, beta: f32, in_order: bool, x: &[f32], out: &mut [f32]) -> bool {
    assert_eq!(x.len(), out.len());
    #[cfg(target_arch = "x86_64")]
    return softmax::run(cpu::level(), depth, (beta, in_order), x, out);
    #[cfg(not(target_arch = "x86_64"))]
    false
}
