//! Runs a plan: hands every step views of the memory it needs.

use std::sync::Arc;

use super::Intermediate;
use super::few::Few;
use super::memory::Memory;
use super::plan::{Place, Plan, Role, Step, Work};
use super::profile::Profile;
use super::program::Setup;
use super::ready::write;
use super::trace::Tracer;
use super::values::Values;
use crate::error::{Error, Result};
use crate::model::{Tensor, ValueId};
use crate::ops::{Content, Io, Kernel, State, View};
use crate::progress::Progress;

/// What the caller wants to know of a run besides the outputs.
#[derive(Default)]
pub struct Watch {
    pub profile: Profile,
    pub keeping: bool,
    pub kept: Vec<Intermediate>,
    pub tracer: Option<Tracer>,
}

pub struct Run<'r> {
    pub setup: Setup<'r>,
    pub plan: &'r Plan,
    pub inputs: &'r [&'r Tensor],
    pub memory: &'r mut Memory,
    pub state: &'r mut State,
    /// The graphs that run each other down to this one, without the signature's own.
    pub within: &'r [usize],
}

impl Run<'_> {
    pub fn all(&mut self, watch: &mut Watch, progress: &Progress) -> Result<()> {
        let outermost = self.within.is_empty();
        if outermost {
            watch.profile.clear();
            watch.kept.clear();
        }
        if let Some(tracer) = &mut watch.tracer {
            tracer.enter(self)?;
        }
        let plan = self.plan;
        for (at, step) in plan.steps.iter().enumerate() {
            match outermost {
                true => progress.step(1)?,
                false => progress.check()?,
            }
            if !self.lives(step) {
                continue;
            }
            let begun = watch.profile.begin();
            self.step(at, step, watch, progress)
                .map_err(|e| self.setup.at_node(step.node, e))?;
            if let Some(begun) = begun {
                let profile = &mut watch.profile;
                profile.end(begun, self.setup, at, step.node, step.macs);
            }
            if watch.keeping && outermost {
                self.keep(step, watch)?;
            }
            if let Some(tracer) = &mut watch.tracer {
                tracer.after(self, step)?;
            }
            for &value in &step.releases {
                self.memory.owned[value] = None;
            }
        }
        if outermost {
            watch.profile.arrange();
        }
        // What a kernel gave that was stopped means nothing.
        progress.check()?;
        self.results_live()?;
        if let Some(tracer) = &mut watch.tracer {
            tracer.leave(self);
        }
        Ok(())
    }

    /// Whether the step's inputs are alive. What a dead one would decide is dead too.
    fn lives(&mut self, step: &Step) -> bool {
        let body = self.setup.body();
        let Some(liveness) = &body.liveness else {
            return true;
        };
        self.memory.dead.resize(body.graph.values.len(), false);
        let lives = liveness.node_lives(step.node, &self.memory.dead);
        if !lives {
            for value in &body.graph.node(step.node).outputs {
                self.memory.dead[value.index()] = true;
            }
            for &value in &step.releases {
                self.memory.owned[value] = None;
            }
        }
        lives
    }

    fn results_live(&self) -> Result<()> {
        let body = self.setup.body();
        let Some(liveness) = &body.liveness else {
            return Ok(());
        };
        for &value in &body.outputs {
            if !liveness.value_lives(&body.graph, value, &self.memory.dead) {
                let name = &body.graph.value(value).name;
                return Err(Error::usage(format!(
                    "{name:?} has no value: it lies in a branch that was not taken"
                )));
            }
        }
        Ok(())
    }

    fn switch(&mut self, step: &Step) -> Result<()> {
        let choice = step.inputs.get(1).copied().flatten();
        let choice = choice.ok_or_else(|| Error::unsupported("input 1 is missing"))?;
        let choice = self.values().whole(choice)?.number(0) == Some(1.0);
        let outputs = &self.setup.graph().node(step.node).outputs;
        for (slot, value) in outputs.iter().enumerate() {
            self.memory.dead[value.index()] = (slot == 1) != choice;
        }
        Ok(())
    }

    fn merge(&mut self, step: &Step) -> Result<()> {
        let (graph, body) = (self.setup.graph(), self.setup.body());
        let lives = |value: &ValueId| match &body.liveness {
            Some(liveness) => liveness.value_lives(graph, *value, &self.memory.dead),
            None => true,
        };
        let mut inputs = step.inputs.iter().enumerate();
        let living = inputs.find_map(|(at, input)| Some((at, input.filter(lives)?)));
        let outputs = &graph.node(step.node).outputs;
        if body.liveness.is_some() {
            for value in outputs {
                self.memory.dead[value.index()] = living.is_none();
            }
        }
        match living {
            Some((at, value)) => {
                let number = Tensor::from_values(&[], &[at as i32]);
                self.store(step, vec![self.values().whole(value)?, Arc::new(number)])
            }
            None => Ok(()),
        }
    }

    /// Whether no branch gave it.
    pub fn is_dead(&self, value: ValueId) -> bool {
        self.memory.dead.get(value.index()) == Some(&true)
    }

    fn keep(&self, step: &Step, watch: &mut Watch) -> Result<()> {
        let node = self.setup.graph().node(step.node);
        for &output in &step.outputs {
            if self.is_dead(output) {
                continue;
            }
            watch.kept.push(Intermediate {
                id: output,
                value: self.setup.graph().value(output).name.clone(),
                node: node.name.clone(),
                op: node.custom.clone().unwrap_or_else(|| node.op.clone()),
                tensor: self.values().view(output)?.to_tensor()?,
            });
        }
        Ok(())
    }

    pub(super) fn values(&self) -> Values<'_> {
        Values {
            setup: self.setup,
            plan: self.plan,
            inputs: self.inputs,
            memory: self.memory,
        }
    }

    fn step(
        &mut self,
        at: usize,
        step: &Step,
        watch: &mut Watch,
        progress: &Progress,
    ) -> Result<()> {
        match &step.work {
            Work::Kernel(kernel) => self.kernel(step, &**kernel),
            Work::Ahead(ahead) => self.ahead(at, step, ahead),
            Work::Compute(compute) => {
                let tensors = self.gather(step)?;
                let views: Vec<_> = tensors.iter().map(|t| t.as_deref().map(View::of)).collect();
                let outputs = compute.compute(&views)?;
                self.store(step, outputs.into_iter().map(Arc::new).collect())
            }
            Work::Effect(effect) => {
                let inputs = self.hand_over(step)?;
                let outputs = effect.run(inputs, self.state)?;
                self.store(step, outputs)
            }
            Work::Switch => self.switch(step),
            Work::Merge => self.merge(step),
            Work::Blocks(blocks) => {
                let outputs = self.blocks((at, step), blocks, watch, progress)?;
                self.store(step, outputs)
            }
            Work::Dynamic => {
                let tensors = self.gather(step)?;
                let ready = match self.memory.ready[at].take() {
                    Some(ready) if ready.fits(&tensors) => ready,
                    last => self.prepare(step, &tensors, last.is_some_and(|r| r.by_values))?,
                };
                let outputs = ready.run(&tensors, &self.setup.program.threads);
                self.memory.ready[at] = Some(ready);
                let outputs = outputs?;
                self.store(step, outputs.into_iter().map(Arc::new).collect())
            }
        }
    }

    /// Cuts the arena into the step's pieces and runs its kernel on them.
    fn kernel(&mut self, step: &Step, kernel: &dyn Kernel) -> Result<()> {
        let (plan, given) = (self.plan, self.inputs);
        let Memory {
            arena,
            owned,
            operands,
            ..
        } = &mut *self.memory;
        let written = step.outputs.len() + kernel.changes().len();
        let mut inputs = Few::<View<'_>>::new(step.inputs.len(), &mut operands.inputs);
        let mut outputs = Few::<&mut [u8]>::new(written, &mut operands.outputs);
        let mut pieces = Few::<(usize, &[u8])>::new(step.pieces.len(), &mut operands.pieces);
        let mut read = 0;
        let mut scratch: &mut [u8] = &mut [];
        let mut rest = arena.as_mut_slice();
        let mut base = 0;
        for piece in &step.pieces {
            let (_, tail) = std::mem::take(&mut rest).split_at_mut(piece.offset - base);
            let (mine, tail) = tail.split_at_mut(piece.bytes);
            rest = tail;
            base = piece.offset + piece.bytes;
            match piece.role {
                Role::Output(index) => outputs.places()[index] = Some(mine),
                Role::Input => {
                    pieces.places()[read] = Some((piece.offset, &*mine));
                    read += 1;
                }
                Role::Scratch => scratch = mine,
            }
        }
        let readable = &pieces.places()[..read];
        for (slot, input) in inputs.places().iter_mut().zip(&step.inputs) {
            *slot = input.and_then(|value| {
                let whole = match &plan.places[value.index()] {
                    Place::Nowhere => None,
                    Place::Input(index) => given.get(*index).copied(),
                    Place::Constant(tensor) => Some(&**tensor),
                    Place::Owned(index) => owned[*index].as_deref(),
                    Place::Arena { offset, bytes } => {
                        let found = readable
                            .iter()
                            .flatten()
                            .find(|(at, piece)| at == offset && piece.len() == *bytes);
                        let data = match (found, bytes) {
                            (Some((_, piece)), _) => *piece,
                            (None, 0) => &[],
                            _ => return None,
                        };
                        let (dtype, shape) = plan.known(value)?;
                        let data = Content::Bytes(data);
                        return Some(View { dtype, shape, data });
                    }
                };
                let whole = View::of(whole?);
                let shape = plan.sizes[value.index()].as_deref();
                Some(View {
                    shape: shape.unwrap_or(whole.shape),
                    ..whole
                })
            });
        }
        let result = write(
            kernel,
            &mut Io {
                inputs: inputs.places(),
                outputs: outputs.places(),
                threads: &self.setup.program.threads,
                scratch,
            },
        );
        inputs.give_back(&mut operands.inputs);
        outputs.give_back(&mut operands.outputs);
        pieces.give_back(&mut operands.pieces);
        result
    }

    /// As [`Run::gather`]; what nothing needs after the step is handed over.
    fn hand_over(&mut self, step: &Step) -> Result<Vec<Option<Arc<Tensor>>>> {
        let tensors = self.gather(step)?;
        for &value in &step.releases {
            self.memory.owned[value] = None;
        }
        Ok(tensors)
    }

    /// The step's inputs as tensors of their own.
    pub(super) fn gather(&self, step: &Step) -> Result<Vec<Option<Arc<Tensor>>>> {
        let mut tensors = Vec::with_capacity(step.inputs.len());
        for input in &step.inputs {
            tensors.push(match input {
                None => None,
                Some(value) => match &self.plan.places[value.index()] {
                    Place::Nowhere => None,
                    _ => Some(self.values().whole(*value)?),
                },
            });
        }
        Ok(tensors)
    }

    fn store(&mut self, step: &Step, tensors: Vec<Arc<Tensor>>) -> Result<()> {
        for (value, tensor) in step.outputs.iter().zip(tensors) {
            if let Some((dtype, sizes)) = self.plan.known(*value)
                && (dtype != tensor.dtype() || sizes != tensor.shape())
            {
                return Err(Error::unsupported(format!(
                    "it made {} {:?}, {dtype} {sizes:?} was planned",
                    tensor.dtype(),
                    tensor.shape()
                )));
            }
            self.memory.owned[value.index()] = Some(tensor);
        }
        Ok(())
    }
}
