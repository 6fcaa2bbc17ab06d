//! Strings and variants moved by the kernels that move numbers: their places are moved, then they are put there.

use std::sync::Arc;

use super::kernel::{Compute, Content, Io, Kernel, Prepared, View};
use super::{Context, Fact, Operator};
use crate::error::{Error, Result};
use crate::kernels::Threads;
use crate::model::{DType, Tensor, TensorList};

/// As `operator.prepare` where no input is of strings or variants, or they are nothing to it.
pub(super) fn prepare(operator: &Operator, cx: &Context) -> Result<Prepared> {
    let has = |dtype| cx.inputs.iter().flatten().any(|fact| fact.dtype == dtype);
    let variants = has(DType::Variant);
    if !operator.moves || !variants && !has(DType::String) {
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
            Ok(Prepared::Compute(Box::new(Moved {
                kernel,
                outputs,
                variants,
            })))
        }
        other => Ok(other),
    }
}

fn as_places(mut fact: Fact) -> Fact {
    if matches!(fact.dtype, DType::String | DType::Variant) {
        fact.dtype = DType::Int32;
        fact.constant = None;
    }
    fact
}

struct Moved {
    kernel: Box<dyn Kernel>,
    /// With places for what is moved.
    outputs: Vec<Fact>,
    /// Variants are moved, not strings.
    variants: bool,
}

impl Compute for Moved {
    fn compute(&self, inputs: &[Option<View<'_>>]) -> Result<Vec<Tensor>> {
        // The place 0, which is what kernels fill with, is the empty string, or no variant.
        let mut strings: Vec<&[u8]> = vec![&[]];
        let mut variants = vec![Arc::new(TensorList::nothing())];
        let mut places: Vec<Option<Tensor>> = Vec::with_capacity(inputs.len());
        for input in inputs {
            let (first, end) = match input.map(|view| view.data) {
                Some(Content::Strings(all)) if !self.variants => {
                    strings.extend(all.iter().map(Vec::as_slice));
                    (strings.len() - all.len(), strings.len())
                }
                Some(Content::Lists(all)) if self.variants => {
                    variants.extend_from_slice(all);
                    (variants.len() - all.len(), variants.len())
                }
                _ => {
                    places.push(None);
                    continue;
                }
            };
            let all: Vec<i32> = (first as i32..end as i32).collect();
            places.push(input.map(|view| Tensor::from_values(view.shape, &all)));
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
        let put = |places: Tensor| match places.values::<i32>() {
            Some(at) if self.variants => {
                let moved = at.iter().map(|&at| variants[at as usize].clone());
                Tensor::from_lists(places.shape(), moved.collect())
            }
            Some(at) => {
                let strings = at.iter().map(|&at| strings[at as usize].to_vec());
                Ok(Tensor::from_strings(places.shape(), strings.collect()))
            }
            None => Ok(places),
        };
        outputs.into_iter().map(put).collect()
    }
}
