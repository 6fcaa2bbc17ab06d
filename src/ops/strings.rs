//! Strings moved by the kernels that move numbers: their places are moved, then the strings are put there.

use super::kernel::{Compute, Io, Kernel, Prepared, View};
use super::{Context, Fact, Operator};
use crate::error::{Error, Result};
use crate::kernels::Threads;
use crate::model::{DType, Tensor};

/// As `operator.prepare` where no input is of strings, or strings are nothing to it.
pub(super) fn prepare(operator: &Operator, cx: &Context) -> Result<Prepared> {
    let is_string = |fact: &Fact| fact.dtype == DType::String;
    if !operator.moves || !cx.inputs.iter().flatten().any(is_string) {
        return (operator.prepare)(cx);
    }
    let inputs: Vec<Option<Fact>> = (cx.inputs.iter())
        .map(|fact| fact.as_ref().map(|fact| as_places(fact.clone())))
        .collect();
    let places = Context {
        inputs: &inputs,
        ..*cx
    };
    match (operator.prepare)(&places)? {
        Prepared::Kernel(kernel) => {
            let outputs = (operator.infer)(&places)?;
            Ok(Prepared::Compute(Box::new(Moved { kernel, outputs })))
        }
        other => Ok(other),
    }
}

fn as_places(mut fact: Fact) -> Fact {
    if fact.dtype == DType::String {
        fact.dtype = DType::Int32;
        fact.constant = None;
    }
    fact
}

struct Moved {
    kernel: Box<dyn Kernel>,
    /// With places for strings.
    outputs: Vec<Fact>,
}

impl Compute for Moved {
    fn compute(&self, inputs: &[Option<View<'_>>]) -> Result<Vec<Tensor>> {
        // The place 0, which is what kernels fill with, is the empty string.
        let mut strings: Vec<&[u8]> = vec![&[]];
        let mut places: Vec<Option<Tensor>> = Vec::with_capacity(inputs.len());
        for input in inputs {
            places.push(match input {
                Some(view) if view.dtype == DType::String => {
                    let first = strings.len() as i32;
                    strings.extend(view.strings()?.iter().map(Vec::as_slice));
                    let all: Vec<i32> = (first..strings.len() as i32).collect();
                    Some(Tensor::from_values(view.shape, &all))
                }
                _ => None,
            });
        }
        let views: Vec<Option<View>> = (inputs.iter().zip(&places))
            .map(|(input, places)| places.as_ref().map(View::of).or(*input))
            .collect();
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for fact in &self.outputs {
            let sizes = fact.shape.fixed();
            let sizes = sizes.ok_or_else(|| Error::unsupported("an output of unknown shape"))?;
            outputs.push(Tensor::zeros(fact.dtype, &sizes)?);
        }
        let mut scratch = vec![0u128; self.kernel.scratch_bytes().div_ceil(size_of::<u128>())];
        self.kernel.run(&mut Io {
            inputs: &views,
            outputs: &mut outputs
                .iter_mut()
                .map(Tensor::bytes_mut)
                .collect::<Vec<_>>(),
            threads: &Threads::single(),
            scratch: bytemuck::cast_slice_mut(&mut scratch),
        })?;
        let strings = |places: Tensor| match places.values::<i32>() {
            Some(at) => {
                let strings = at.iter().map(|&at| strings[at as usize].to_vec());
                Tensor::from_strings(places.shape(), strings.collect())
            }
            None => places,
        };
        Ok(outputs.into_iter().map(strings).collect())
    }
}
