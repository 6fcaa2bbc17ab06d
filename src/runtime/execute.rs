//! Runs a plan: hands every step views of the memory it needs.

use std::sync::Arc;
use std::time::Instant;

use bytemuck::{cast_slice, cast_slice_mut};

use super::plan::{Place, Plan, Setup, Step, Work};
use super::{Intermediate, OpTime};
use crate::error::{Error, Result};
use crate::kernels::Threads;
use crate::model::{DType, Tensor, ValueId, shape::element_count};
use crate::ops::{Constant, Content, Fact, Io, Prepared, View};
use crate::progress::Progress;

/// What a plan writes while it runs; made once and used again.
pub struct Memory {
    /// Blocks of 16 bytes, so that every element type is aligned.
    arena: Vec<u128>,
    /// What one kernel at a time works with, in the same blocks.
    scratch: Vec<u128>,
    /// Values in tensors of their own, by value.
    owned: Vec<Option<Arc<Tensor>>>,
}

impl Memory {
    pub fn new(arena_bytes: usize, scratch_bytes: usize, values: usize) -> Result<Self> {
        Ok(Memory {
            arena: blocks(arena_bytes, "the values")?,
            scratch: blocks(scratch_bytes, "the kernels")?,
            owned: vec![None; values],
        })
    }
}

/// At least `bytes` zeroed bytes for what `needs` them.
fn blocks(bytes: usize, needs: &str) -> Result<Vec<u128>> {
    let count = bytes.div_ceil(size_of::<u128>());
    let mut blocks = Vec::new();
    blocks.try_reserve_exact(count).map_err(|_| {
        Error::unsupported(format!("no memory for the {bytes} bytes that {needs} need"))
    })?;
    blocks.resize(count, 0);
    Ok(blocks)
}

/// What the caller wants to know of a run besides the outputs.
#[derive(Default)]
pub struct Watch {
    pub profiling: bool,
    pub profile: Vec<OpTime>,
    pub keeping: bool,
    pub kept: Vec<Intermediate>,
}

/// A zeroed tensor; an error instead of an abort when there is not enough memory.
pub fn allocate(dtype: DType, sizes: &[usize]) -> Result<Tensor> {
    let bytes = element_count(sizes)
        .and_then(|n| n.checked_mul(dtype.size().unwrap_or(size_of::<Vec<u8>>())));
    let fits = bytes.is_some_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
    if !fits {
        return Err(Error::unsupported(format!(
            "no memory for a tensor of {dtype} {sizes:?}"
        )));
    }
    Tensor::zeros(dtype, sizes)
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
        Prepared::Kernel(kernel) => {
            let mut tensors = super::plan::allocate_all(outputs)?;
            let views: Vec<_> = inputs.iter().map(|t| t.as_deref().map(View::of)).collect();
            let mut memory: Vec<_> = tensors.iter_mut().map(Tensor::bytes_mut).collect();
            let mut scratch = blocks(kernel.scratch_bytes(), "the kernels")?;
            kernel.run(&mut Io {
                inputs: &views,
                outputs: &mut memory,
                threads,
                scratch: cast_slice_mut(&mut scratch),
            })?;
            Ok(tensors)
        }
    }
}

/// Operands that a step may have before its views need memory of their own.
const INLINE: usize = 8;

pub struct Run<'r> {
    pub setup: &'r Setup,
    pub plan: &'r Plan,
    pub inputs: &'r [Tensor],
    pub memory: &'r mut Memory,
    pub threads: &'r Threads,
}

impl Run<'_> {
    pub fn all(&mut self, watch: &mut Watch, progress: &Progress) -> Result<()> {
        watch.profile.clear();
        watch.kept.clear();
        let plan = self.plan;
        for (at, step) in plan.steps.iter().enumerate() {
            progress.step(1)?;
            let start = watch.profiling.then(Instant::now);
            self.step(step)
                .map_err(|e| self.setup.at_node(step.node, e))?;
            if let Some(start) = start {
                let node = self.setup.graph.node(step.node);
                watch.profile.push(OpTime {
                    step: at,
                    node: node.name.clone(),
                    op: node.custom.clone().unwrap_or_else(|| node.op.clone()),
                    nanos: start.elapsed().as_nanos() as u64,
                    macs: step.macs,
                });
            }
            if watch.keeping {
                self.keep(step, watch)?;
            }
            for &value in &step.releases {
                self.memory.owned[value] = None;
            }
        }
        Ok(())
    }

    fn keep(&self, step: &Step, watch: &mut Watch) -> Result<()> {
        let node = self.setup.graph.node(step.node);
        for &output in &step.outputs {
            watch.kept.push(Intermediate {
                value: self.setup.graph.value(output).name.clone(),
                node: node.name.clone(),
                op: node.custom.clone().unwrap_or_else(|| node.op.clone()),
                tensor: self.tensor(output)?,
            });
        }
        Ok(())
    }

    /// A copy of a value as it is now.
    pub fn tensor(&self, value: ValueId) -> Result<Tensor> {
        let never = || {
            let name = &self.setup.graph.value(value).name;
            Error::unsupported(format!("the value {name:?} was not computed"))
        };
        match &self.plan.places[value.index()] {
            Place::Nowhere => Err(never()),
            Place::Arena { offset, bytes } => {
                let arena: &[u8] = cast_slice(&self.memory.arena);
                let (dtype, sizes) = self.known(value).ok_or_else(never)?;
                Tensor::from_bytes(dtype, sizes, &arena[*offset..*offset + *bytes])
            }
            place => {
                let tensor = self.whole(place).ok_or_else(never)?;
                match self.known(value) {
                    Some((_, sizes)) if sizes != tensor.shape() => View {
                        shape: sizes,
                        ..View::of(tensor)
                    }
                    .to_tensor(),
                    _ => Ok(tensor.clone()),
                }
            }
        }
    }

    fn whole<'m>(&'m self, place: &'m Place) -> Option<&'m Tensor> {
        match place {
            Place::Input(index) => self.inputs.get(*index),
            Place::Constant(tensor) => Some(tensor),
            Place::Owned(index) => self.memory.owned.get(*index)?.as_deref(),
            Place::Nowhere | Place::Arena { .. } => None,
        }
    }

    fn known(&self, value: ValueId) -> Option<(DType, &[usize])> {
        let fact = self.plan.facts[value.index()].as_ref()?;
        let sizes = self.plan.sizes[value.index()].as_deref()?;
        Some((fact.dtype, sizes))
    }

    fn step(&mut self, step: &Step) -> Result<()> {
        match &step.work {
            Work::Kernel(_) => {
                let most = step
                    .inputs
                    .len()
                    .max(step.outputs.len())
                    .max(step.pieces.len());
                if most <= INLINE {
                    self.kernel(
                        step,
                        &mut [None; INLINE],
                        &mut [const { None }; INLINE],
                        &mut [(0, &[][..]); INLINE],
                    )
                } else {
                    let mut outputs = Vec::new();
                    outputs.resize_with(step.outputs.len(), || None);
                    let (views, shared) = (
                        &mut *vec![None; step.inputs.len()],
                        &mut *vec![(0, &[][..]); step.pieces.len()],
                    );
                    self.kernel(step, views, &mut outputs, shared)
                }
            }
            Work::Compute(compute) => {
                let tensors = self.gather(step)?;
                let views: Vec<_> = tensors.iter().map(|t| t.as_deref().map(View::of)).collect();
                let outputs = compute.compute(&views)?;
                self.store(step, outputs)
            }
            Work::Dynamic => {
                let tensors = self.gather(step)?;
                let facts = self.facts(step, &tensors);
                let outputs =
                    self.plan
                        .dynamic(self.setup, step.node, &facts, &tensors, self.threads)?;
                self.store(step, outputs)
            }
        }
    }

    /// Cuts the arena into the step's pieces and runs its kernel on them.
    fn kernel<'m>(
        &'m mut self,
        step: &'m Step,
        views: &mut [Option<View<'m>>],
        outputs: &mut [Option<&'m mut [u8]>],
        shared: &mut [(usize, &'m [u8])],
    ) -> Result<()> {
        let Work::Kernel(kernel) = &step.work else {
            return Ok(());
        };
        let (plan, inputs) = (self.plan, self.inputs);
        let Memory {
            arena,
            scratch,
            owned,
        } = &mut *self.memory;
        let mut rest: &'m mut [u8] = cast_slice_mut(arena);
        let mut base = 0;
        for (piece, slot) in step.pieces.iter().zip(shared.iter_mut()) {
            let (_, tail) = std::mem::take(&mut rest).split_at_mut(piece.offset - base);
            let (mine, tail) = tail.split_at_mut(piece.bytes);
            rest = tail;
            base = piece.offset + piece.bytes;
            match piece.output {
                Some(index) => outputs[index] = Some(mine),
                None => *slot = (piece.offset, mine),
            }
        }
        for (view, input) in views.iter_mut().zip(&step.inputs) {
            let Some(value) = input else { continue };
            let at = value.index();
            let sizes = plan.sizes[at].as_deref();
            let whole = match &plan.places[at] {
                Place::Input(index) => inputs.get(*index),
                Place::Constant(tensor) => Some(&**tensor),
                Place::Owned(index) => owned[*index].as_deref(),
                Place::Arena { offset, bytes } => {
                    let found = shared
                        .iter()
                        .find(|(o, b)| o == offset && b.len() == *bytes);
                    if let (Some((_, bytes)), Some(fact), Some(shape)) =
                        (found, &plan.facts[at], sizes)
                    {
                        *view = Some(View {
                            dtype: fact.dtype,
                            shape,
                            data: Content::Bytes(bytes),
                        });
                    } else if let (0, Some(fact), Some(shape)) = (*bytes, &plan.facts[at], sizes) {
                        *view = Some(View {
                            dtype: fact.dtype,
                            shape,
                            data: Content::Bytes(&[]),
                        });
                    }
                    None
                }
                Place::Nowhere => None,
            };
            if let Some(tensor) = whole {
                let full = View::of(tensor);
                *view = Some(View {
                    shape: sizes.unwrap_or(full.shape),
                    ..full
                });
            }
        }
        kernel.run(&mut Io {
            inputs: &views[..step.inputs.len()],
            outputs: &mut outputs[..step.outputs.len()],
            threads: self.threads,
            scratch: cast_slice_mut(scratch),
        })
    }

    /// The step's inputs as tensors of their own.
    fn gather(&self, step: &Step) -> Result<Vec<Option<Arc<Tensor>>>> {
        let mut tensors = Vec::with_capacity(step.inputs.len());
        for input in &step.inputs {
            tensors.push(match input {
                None => None,
                Some(value) => match &self.plan.places[value.index()] {
                    Place::Nowhere => None,
                    Place::Constant(tensor) => Some(tensor.clone()),
                    Place::Owned(index) if *index == value.index() => {
                        self.memory.owned[*index].clone()
                    }
                    _ => Some(Arc::new(self.tensor(*value)?)),
                },
            });
        }
        Ok(tensors)
    }

    fn facts(&self, step: &Step, tensors: &[Option<Arc<Tensor>>]) -> Vec<Option<Fact>> {
        let describe = |(input, tensor): (&Option<ValueId>, &Option<Arc<Tensor>>)| {
            let planned = self.plan.facts[(*input)?.index()].as_ref();
            let Some(tensor) = tensor else {
                return planned.cloned();
            };
            let known = planned.is_some_and(|f| f.constant.is_some());
            let mut fact = Fact::fixed(tensor.dtype(), tensor.shape());
            if known || Plan::may_shape(tensor.dtype(), tensor.len()) {
                fact.constant = Some(Constant::ready(tensor.clone()));
            }
            Some(fact)
        };
        step.inputs.iter().zip(tensors).map(describe).collect()
    }

    fn store(&mut self, step: &Step, tensors: Vec<Tensor>) -> Result<()> {
        for (value, tensor) in step.outputs.iter().zip(tensors) {
            if let Some((dtype, sizes)) = self.known(*value)
                && (dtype != tensor.dtype() || sizes != tensor.shape())
            {
                return Err(Error::unsupported(format!(
                    "it made {} {:?}, {dtype} {sizes:?} was planned",
                    tensor.dtype(),
                    tensor.shape()
                )));
            }
            self.memory.owned[value.index()] = Some(Arc::new(tensor));
        }
        Ok(())
    }
}
