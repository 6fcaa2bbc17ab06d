//! Elementwise arithmetic, softmax and tables with vector instructions.
//!
//! Each entry says whether there is a vector form of the work for this processor, and leaves the output alone where there
//! is none: the plain kernels do it then. Where the answer may lie over an operand, the operand is `None`.

pub mod bytes;
#[cfg(target_arch = "x86_64")]
mod functions;
#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod pairs;
#[cfg(target_arch = "x86_64")]
mod softmax;
mod spread;
mod sums;

pub use spread::Spread;
pub use sums::{Addend, Narrow, sums};

use super::cpu::{self, Level};
use super::elementwise::binary::BinaryOp;
use super::elementwise::unary::UnaryOp;
use super::params::Clamp;

/// A function of each number, within 5 * 2^-24 of its value (of the argument where it multiplies one, as GELU does).
pub fn unary(op: UnaryOp, x: Option<&[f32]>, out: &mut [f32]) -> bool {
    unary_at(cpu::level(), op, x, out)
}

/// [`unary`] with these instructions, which must be there.
pub fn unary_at(level: Level, op: UnaryOp, x: Option<&[f32]>, out: &mut [f32]) -> bool {
    assert!(x.is_none_or(|x| x.len() == out.len()));
    #[cfg(target_arch = "x86_64")]
    return functions::run(level, op, x, out);
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// `x` times LOGISTIC of `x`, as the two would compute it one after the other; only `finite` numbers where it says so.
pub fn swish(finite: bool, x: Option<&[f32]>, out: &mut [f32]) -> bool {
    assert!(x.is_none_or(|x| x.len() == out.len()));
    #[cfg(target_arch = "x86_64")]
    return functions::swish(cpu::level(), finite, x, out);
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
    binary_at(cpu::level(), op, bounds, spread, first, operands, out)
}

/// [`binary`] with these instructions, which must be there.
pub fn binary_at(
    level: Level,
    op: BinaryOp,
    bounds: Clamp,
    spread: &Spread,
    first: usize,
    operands: [Option<&[f32]>; 2],
    out: &mut [f32],
) -> bool {
    #[cfg(target_arch = "x86_64")]
    return pairs::run(level, op, bounds, spread, first, operands, out);
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// SOFTMAX along rows of `depth`, see [`crate::kernels::reference::softmax::softmax_f32`].
pub fn softmax(depth: usize, beta: f32, x: &[f32], out: &mut [f32]) -> bool {
    softmax_at(cpu::level(), depth, beta, x, out)
}

/// [`softmax`] with these instructions, which must be there.
pub fn softmax_at(level: Level, depth: usize, beta: f32, x: &[f32], out: &mut [f32]) -> bool {
    assert_eq!(x.len(), out.len());
    #[cfg(target_arch = "x86_64")]
    return softmax::run(level, depth, beta, x, out);
    #[cfg(not(target_arch = "x86_64"))]
    false
}
