//! Half types that are computed in float32 and rounded once: wide copies of what comes in and of the result.

use super::{Io, View, room_bytes};
use crate::error::Result;
use crate::kernels::elementwise::halves::Half;
use crate::kernels::elementwise::map;
use crate::model::{Element, Tensor};

/// How many numbers each operand and the result have, at most.
#[derive(Clone, Copy)]
pub struct Lengths<const N: usize> {
    pub operands: [usize; N],
    pub result: usize,
}

/// Memory for the wide copies.
pub struct Wide<'a, const N: usize> {
    operands: [&'a mut [f32]; N],
    result: &'a mut [f32],
}

impl Lengths<1> {
    /// A result as long as the operand.
    pub fn like(length: usize) -> Self {
        Lengths {
            operands: [length],
            result: length,
        }
    }
}

impl<const N: usize> Lengths<N> {
    /// Bytes of scratch that [`Lengths::room`] takes.
    pub fn bytes(&self) -> usize {
        let operands = self.operands.map(room_bytes::<f32>).into_iter();
        operands.fold(room_bytes::<f32>(self.result), usize::saturating_add)
    }

    pub fn room<'a>(&self, io: &mut Io<'_, 'a>) -> Result<Wide<'a, N>> {
        let mut operands = std::array::from_fn(|_| &mut [] as &mut [f32]);
        for (operand, &length) in operands.iter_mut().zip(&self.operands) {
            *operand = io.room(length)?;
        }
        let result = io.room(self.result)?;
        Ok(Wide { operands, result })
    }
}

impl<const N: usize> Wide<'_, N> {
    /// `compute` gets the operands and fills the result. None may be longer than was said.
    pub fn run<T: Half>(
        self,
        operands: [&[T]; N],
        out: &mut [T],
        compute: impl FnOnce([&[f32]; N], &mut [f32]),
    ) {
        let mut wide = [&[] as &[f32]; N];
        for ((wide, room), operand) in wide.iter_mut().zip(self.operands).zip(operands) {
            let room = &mut room[..operand.len()];
            map(operand, room, T::wide);
            *wide = room;
        }
        let result = &mut self.result[..out.len()];
        compute(wide, result);
        map(result, out, T::narrow);
    }
}

/// The same of a tensor whose result has a shape that its numbers decide.
pub fn in_float<T: Half + Element>(
    data: &View<'_>,
    compute: impl Fn(&View<'_>) -> Result<Tensor>,
) -> Result<Tensor> {
    let wide: Vec<f32> = data.values::<T>()?.iter().map(|x| x.wide()).collect();
    let found = compute(&View::of(&Tensor::from_values(data.shape, &wide)))?;
    let numbers = found.values::<f32>().unwrap_or_default().iter();
    let narrow: Vec<T> = numbers.map(|&x| T::narrow(x)).collect();
    Ok(Tensor::from_values(found.shape(), &narrow))
}
