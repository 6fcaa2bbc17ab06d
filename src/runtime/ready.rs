//! Operators made ready for tensors that are there: steps whose sizes come with a run, and what is computed while planning.

use std::sync::Arc;

use super::execute::Run;
use super::plan::{self, Plan, Step};
use super::program::Setup;
use crate::error::{Error, Result};
use crate::kernels::Threads;
use crate::memory;
use crate::model::{NodeId, Tensor, ValueId, shape::element_count};
use crate::ops::{self, Constant, Fact, Io, Kernel, Prepared, View};

/// A step whose sizes came with a run, prepared for them.
pub struct Ready {
    inputs: Vec<Option<Fact>>,
    outputs: Vec<Fact>,
    prepared: Prepared,
    /// Whether the sizes depend on values, so that other values ask for another one.
    pub by_values: bool,
}

impl Ready {
    pub fn new(setup: Setup<'_>, node: NodeId, inputs: Vec<Option<Fact>>) -> Result<Self> {
        let context = setup.context(node, &inputs);
        let outputs = ops::infer_in(&context)?;
        let operator = ops::find_for(setup.graph(), context.node)
            .ok_or_else(|| Error::unsupported("no such operator here"))?;
        let known = !outputs.is_empty() && outputs.iter().all(|f| f.constant.is_some());
        let prepared = match known {
            true => Prepared::Nothing,
            false => operator.ready(&context)?,
        };
        Ok(Ready {
            inputs,
            outputs,
            prepared,
            by_values: false,
        })
    }

    /// Whether it is prepared for these sizes, and for the values if they matter.
    pub fn fits(&self, tensors: &[Option<Arc<Tensor>>]) -> bool {
        let same = |(fact, tensor): (&Option<Fact>, &Option<Arc<Tensor>>)| {
            let (Some(fact), Some(tensor)) = (fact, tensor) else {
                return tensor.is_none();
            };
            let alike = fact.dtype == tensor.dtype() && fact.shape.is(tensor.shape());
            let values = |constant: &Constant| constant.same(&Constant::ready(tensor.clone()));
            alike && fact.constant.as_ref().is_none_or(values)
        };
        self.inputs.len() == tensors.len() && self.inputs.iter().zip(tensors).all(same)
    }

    /// Whether it does for all values of its inputs.
    fn is_general(&self) -> bool {
        let fixed = |fact: &Fact| fact.shape.fixed().is_some();
        matches!(self.prepared, Prepared::Kernel(_)) && self.outputs.iter().all(fixed)
    }

    pub fn run(&self, tensors: &[Option<Arc<Tensor>>], threads: &Threads) -> Result<Vec<Tensor>> {
        if let Prepared::Nothing = self.prepared {
            let known = self.outputs.iter().filter_map(|f| f.constant.as_ref());
            return known.map(|c| c.read().map(|t| (*t).clone())).collect();
        }
        evaluate(&self.prepared, tensors, &self.outputs, threads)
    }
}

impl Run<'_> {
    /// A dynamic step for these tensors: for all of their sizes, where that is possible.
    pub(super) fn prepare(
        &self,
        step: &Step,
        tensors: &[Option<Arc<Tensor>>],
        by_values: bool,
    ) -> Result<Ready> {
        if !by_values {
            let ready = Ready::new(self.setup, step.node, self.facts(step, tensors, false));
            if let Some(general) = ready.ok().filter(Ready::is_general) {
                return Ok(general);
            }
        }
        let mut ready = Ready::new(self.setup, step.node, self.facts(step, tensors, true))?;
        ready.by_values = true;
        Ok(ready)
    }

    /// What is known of a step's inputs; small ones with their `values`, which may decide about sizes.
    fn facts(
        &self,
        step: &Step,
        tensors: &[Option<Arc<Tensor>>],
        values: bool,
    ) -> Vec<Option<Fact>> {
        let describe = |(input, tensor): (&Option<ValueId>, &Option<Arc<Tensor>>)| {
            let planned = self.plan.facts[(*input)?.index()].as_ref();
            let Some(tensor) = tensor else {
                return planned.cloned();
            };
            let known = planned.is_some_and(|f| f.constant.is_some());
            let mut fact = Fact::fixed(tensor.dtype(), tensor.shape());
            if known || values && Plan::may_shape(tensor.dtype(), tensor.len()) {
                fact.constant = Some(Constant::ready(tensor.clone()));
            }
            Some(fact)
        };
        step.inputs.iter().zip(tensors).map(describe).collect()
    }
}

/// Runs a prepared operator on whole tensors.
pub fn evaluate(
    prepared: &Prepared,
    inputs: &[Option<Arc<Tensor>>],
    outputs: &[Fact],
    threads: &Threads,
) -> Result<Vec<Tensor>> {
    let missing = |input: usize| Error::unsupported(format!("input {input} is missing"));
    match prepared {
        Prepared::Nothing => Ok(Vec::new()),
        Prepared::Later => Err(Error::unsupported(
            "it depends on values that are not known",
        )),
        Prepared::Alias(input) => {
            let tensor = inputs
                .get(*input)
                .cloned()
                .flatten()
                .ok_or_else(|| missing(*input))?;
            let sizes = outputs.first().and_then(|f| f.shape.fixed());
            let sizes = sizes.ok_or_else(|| Error::unsupported("an output of unknown shape"))?;
            if element_count(&sizes) != Some(tensor.len()) {
                return Err(Error::usage(format!(
                    "{:?} can't be seen as {sizes:?}",
                    tensor.shape()
                )));
            }
            Ok(vec![(*tensor).clone().reshaped(&sizes)])
        }
        Prepared::Forward => (0..outputs.len())
            .map(|i| inputs.get(i).cloned().flatten().ok_or_else(|| missing(i)))
            .map(|tensor| tensor.map(|t| (*t).clone()))
            .collect(),
        Prepared::Compute(compute) => {
            let views: Vec<_> = inputs.iter().map(|t| t.as_deref().map(View::of)).collect();
            compute.compute(&views)
        }
        Prepared::Effect(_) | Prepared::Control(_) | Prepared::Switch | Prepared::Merge => {
            Err(Error::unsupported("it needs a run around it"))
        }
        Prepared::Kernel(kernel) => {
            let mut tensors = plan::allocate_all(outputs)?;
            let views: Vec<_> = inputs.iter().map(|t| t.as_deref().map(View::of)).collect();
            let mut memory: Vec<_> = tensors.iter_mut().map(Tensor::bytes_mut).collect();
            let mut scratch = memory::zeroed("the kernels", kernel.scratch_bytes())?;
            write(
                &**kernel,
                &mut Io {
                    inputs: &views,
                    outputs: &mut memory,
                    threads,
                    scratch: scratch.as_mut_slice(),
                },
            )?;
            Ok(tensors)
        }
    }
}

/// Runs a kernel that has something to write. Where all of it is empty, a kernel would do nothing, and might take years
/// for it: an array of 2^40 × 0 elements has 2^40 rows.
pub fn write(kernel: &dyn Kernel, io: &mut Io<'_, '_>) -> Result<()> {
    let empty = |memory: &Option<&mut [u8]>| memory.as_ref().is_some_and(|bytes| bytes.is_empty());
    match !io.outputs.is_empty() && io.outputs.iter().all(empty) {
        true => Ok(()),
        false => kernel.run(io),
    }
}
