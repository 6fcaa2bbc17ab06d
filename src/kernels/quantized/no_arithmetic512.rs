//! Stands for the vectors of other processors.

use super::arithmetic::QuantizedBinary;
use crate::kernels::vectors::Spread;

/// There is none.
#[derive(Clone, Copy)]
pub enum Bytes {}

impl Bytes {
    /// `None`: the plain loop has to do it.
    pub fn new(_: &QuantizedBinary) -> Option<Self> {
        None
    }

    pub fn quicken(&mut self, _: &QuantizedBinary, _signed: bool) {
        match *self {}
    }

    pub fn run(
        &self,
        _signed: bool,
        _spread: &Spread,
        _first: usize,
        _operands: [Option<&[u8]>; 2],
        _out: &mut [u8],
    ) {
        match *self {}
    }
}
