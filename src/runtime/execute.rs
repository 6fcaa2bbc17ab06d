//! Runs a plan: hands every step views of the memory it needs.

use std::collections::HashMap;
use std::sync::Arc;

use super::Intermediate;
use super::blocks::Frame;
use super::few::{Few, Spare};
use super::joins::ahead::Room;
use super::plan::{Kept, Place, Plan, Role, Step, Work};
use super::profile::Profile;
use super::program::Setup;
use super::trace::Tracer;
use crate::error::{Error, Result};
use crate::kernels::Threads;
use crate::model::memory::{self, AlignedBytes};
use crate::model::{NodeId, Tensor, ValueId, shape::element_count};
use crate::ops::{self, Constant, Content, Fact, Io, Kernel, Prepared, State, View};
use crate::progress::Progress;

/// What a plan writes while it runs; made once and used again.
pub struct Memory {
    arena: AlignedBytes,
    /// Values in tensors of their own, by value.
    owned: Vec<Option<Arc<Tensor>>>,
    /// Dynamic steps as they ran last, by step.
    ready: Vec<Option<Ready>>,
    /// Other graphs that steps run, by step.
    frames: Vec<Vec<Option<Box<Frame>>>>,
    /// Products for several rounds of a loop, by step.
    pub(super) ahead: Vec<Option<Box<Room>>>,
    /// Values that no branch gave, where the graph has conditions.
    dead: Vec<bool>,
    operands: Operands,
}

/// A step whose sizes came with a run, prepared for them.
struct Ready {
    inputs: Vec<Option<Fact>>,
    outputs: Vec<Fact>,
    prepared: Prepared,
    /// Whether the sizes depend on values, so that other values ask for another one.
    by_values: bool,
}

impl Ready {
    fn new(setup: Setup<'_>, node: NodeId, inputs: Vec<Option<Fact>>) -> Result<Self> {
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
    fn fits(&self, tensors: &[Option<Arc<Tensor>>]) -> bool {
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

    fn run(&self, tensors: &[Option<Arc<Tensor>>], threads: &Threads) -> Result<Vec<Tensor>> {
        if let Prepared::Nothing = self.prepared {
            let known = self.outputs.iter().filter_map(|f| f.constant.as_ref());
            return known.map(|c| c.read().map(|t| (*t).clone())).collect();
        }
        evaluate(&self.prepared, tensors, &self.outputs, threads)
    }
}

/// Where the views of a step with many are listed.
#[derive(Default)]
struct Operands {
    inputs: Spare<Option<View<'static>>>,
    outputs: Spare<Option<&'static mut [u8]>>,
    /// Parts of the arena that are read, by offset.
    pieces: Spare<Option<(usize, &'static [u8])>>,
}

impl Memory {
    /// `operands` is the most that a step reads or writes.
    pub fn new(
        arena_bytes: usize,
        kept: &[Kept],
        operands: usize,
        values: usize,
        steps: usize,
    ) -> Result<Self> {
        let mut arena = blocks(arena_bytes, "the values")?;
        let bytes = arena.as_mut_slice();
        for kept in kept {
            bytes[kept.offset..kept.offset + kept.bytes].fill(kept.fill);
        }
        Ok(Memory {
            arena,
            owned: vec![None; values],
            ready: std::iter::repeat_with(|| None).take(steps).collect(),
            frames: std::iter::repeat_with(Vec::new).take(steps).collect(),
            ahead: std::iter::repeat_with(|| None).take(steps).collect(),
            dead: Vec::new(),
            operands: Operands {
                inputs: Spare::with_room(operands),
                outputs: Spare::with_room(operands),
                pieces: Spare::with_room(operands),
            },
        })
    }
}

impl Memory {
    pub(super) fn arena_mut(&mut self) -> &mut [u8] {
        self.arena.as_mut_slice()
    }

    /// Before a loop's first round, and where it may have other values than the round before left.
    pub fn begin(&mut self) {
        self.ahead
            .iter_mut()
            .flatten()
            .for_each(|room| room.forget());
    }

    /// Leaves none.
    pub fn take_arena(&mut self) -> AlignedBytes {
        std::mem::take(&mut self.arena)
    }

    /// The graph number `part` of the `parts` that step `at` runs, as it ran last.
    pub fn frame(&mut self, at: usize, part: usize, parts: usize) -> &mut Option<Box<Frame>> {
        let frames = &mut self.frames[at];
        if frames.len() < parts {
            frames.resize_with(parts, || None);
        }
        &mut frames[part]
    }

    /// Hands inputs over.
    pub fn give(&mut self, values: &[ValueId], tensors: Vec<Arc<Tensor>>) {
        for (value, tensor) in values.iter().zip(tensors) {
            self.owned[value.index()] = Some(tensor);
        }
    }

    /// A tensor that nothing will ask for again in this run.
    pub fn take(&mut self, value: ValueId) -> Option<Arc<Tensor>> {
        self.owned[value.index()].take()
    }

    /// What it keeps from run to run, of the graphs that steps run as well.
    pub fn lasting(&self, plan: &Plan) -> Lasting {
        let arena = self.arena.as_slice();
        let part = |kept: &Kept| arena[kept.offset..kept.offset + kept.bytes].to_vec();
        let mut frames = HashMap::new();
        for (at, parts) in self.frames.iter().enumerate() {
            for (part, frame) in parts.iter().enumerate() {
                let lasting = frame.as_ref().map(|frame| frame.lasting());
                if let Some(lasting) = lasting.filter(|lasting| !lasting.is_empty()) {
                    frames.insert((at, part), lasting);
                }
            }
        }
        Lasting {
            parts: plan.kept.iter().map(part).collect(),
            frames,
        }
    }

    /// Keeps again what it kept then; what has no counterpart begins anew.
    pub fn restore(&mut self, plan: &Plan, then: &Lasting) {
        let arena = self.arena.as_mut_slice();
        for (at, kept) in plan.kept.iter().enumerate() {
            let to = &mut arena[kept.offset..kept.offset + kept.bytes];
            match then.parts.get(at).filter(|part| part.len() == to.len()) {
                Some(part) => to.copy_from_slice(part),
                None => to.fill(kept.fill),
            }
        }
        for (at, parts) in self.frames.iter_mut().enumerate() {
            for (part, frame) in parts.iter_mut().enumerate() {
                let none = Lasting::default();
                let then = then.frames.get(&(at, part)).unwrap_or(&none);
                if let Some(frame) = frame {
                    frame.restore(then);
                }
            }
        }
    }

    /// Drops the tensors of the last run.
    pub fn forget(&mut self) {
        self.owned.fill(None);
    }
}

/// What variable tensors hold from run to run, and those of graphs that steps run, by step and number.
#[derive(Debug, Clone, Default)]
pub struct Lasting {
    parts: Vec<Vec<u8>>,
    frames: HashMap<(usize, usize), Lasting>,
}

impl Lasting {
    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.frames.is_empty()
    }

    /// The bytes of each variable tensor of the graph itself, in the order of [`Plan::kept`].
    pub fn parts(&self) -> &[Vec<u8>] {
        &self.parts
    }
}

/// Zeroed bytes for what `needs` them.
fn blocks(bytes: usize, needs: &str) -> Result<AlignedBytes> {
    AlignedBytes::zeroed(bytes).ok_or_else(|| memory::shortage(needs, bytes))
}

/// What the caller wants to know of a run besides the outputs.
#[derive(Default)]
pub struct Watch {
    pub profile: Profile,
    pub keeping: bool,
    pub kept: Vec<Intermediate>,
    pub tracer: Option<Tracer>,
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
            let mut tensors = super::plan::allocate_all(outputs)?;
            let views: Vec<_> = inputs.iter().map(|t| t.as_deref().map(View::of)).collect();
            let mut memory: Vec<_> = tensors.iter_mut().map(Tensor::bytes_mut).collect();
            let mut scratch = blocks(kernel.scratch_bytes(), "the kernels")?;
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
fn write(kernel: &dyn Kernel, io: &mut Io<'_, '_>) -> Result<()> {
    let empty = |memory: &Option<&mut [u8]>| memory.as_ref().is_some_and(|bytes| bytes.is_empty());
    match !io.outputs.is_empty() && io.outputs.iter().all(empty) {
        true => Ok(()),
        false => kernel.run(io),
    }
}

/// The values of a run, where they lie.
#[derive(Clone, Copy)]
pub struct Values<'v> {
    pub setup: Setup<'v>,
    pub plan: &'v Plan,
    pub inputs: &'v [&'v Tensor],
    pub memory: &'v Memory,
}

impl<'v> Values<'v> {
    /// A value as a tensor of its own, shared where it is one already.
    pub fn whole(&self, value: ValueId) -> Result<Arc<Tensor>> {
        let sizes = self.plan.sizes[value.index()].as_deref();
        let fits = |tensor: &&Arc<Tensor>| sizes.is_none_or(|s| s.iter().eq(tensor.shape()));
        let held = match &self.plan.places[value.index()] {
            Place::Constant(tensor) => Some(tensor),
            Place::Owned(index) => self.memory.owned[*index].as_ref(),
            _ => None,
        };
        match held.filter(fits) {
            Some(tensor) => Ok(tensor.clone()),
            None => self.view(value)?.to_tensor().map(Arc::new),
        }
    }

    /// A copy of a value, in the memory of `old` where that has its type and sizes and is nobody else's.
    pub fn copied(&self, value: ValueId, old: Option<Arc<Tensor>>) -> Result<Arc<Tensor>> {
        let view = self.view(value)?;
        let fits = |old: &Arc<Tensor>| {
            // Element by element: a call to compare so few bytes takes longer.
            old.dtype() == view.dtype && old.shape().iter().eq(view.shape)
        };
        if let Some(mut old) = old.filter(fits)
            && let Some(bytes) = Arc::get_mut(&mut old).and_then(Tensor::bytes_mut)
        {
            bytes.copy_from_slice(view.bytes());
            return Ok(old);
        }
        view.to_tensor().map(Arc::new)
    }

    pub fn view(&self, value: ValueId) -> Result<View<'v>> {
        let never = || {
            let name = &self.setup.graph().value(value).name;
            Error::unsupported(format!("the value {name:?} was not computed"))
        };
        let sizes = self.plan.sizes[value.index()].as_deref();
        let tensor = match &self.plan.places[value.index()] {
            Place::Nowhere => None,
            Place::Arena { offset, bytes } => {
                let arena = self.memory.arena.as_slice();
                let (dtype, shape) = self.plan.known(value).ok_or_else(never)?;
                let data = Content::Bytes(&arena[*offset..*offset + *bytes]);
                return Ok(View { dtype, shape, data });
            }
            Place::Input(index) => self.inputs.get(*index).copied(),
            Place::Constant(tensor) => Some(&**tensor),
            Place::Owned(index) => self.memory.owned.get(*index).and_then(Option::as_deref),
        };
        let whole = View::of(tensor.ok_or_else(never)?);
        Ok(View {
            shape: sizes.unwrap_or(whole.shape),
            ..whole
        })
    }
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

    /// A dynamic step for these tensors: for all of their sizes, where that is possible.
    fn prepare(
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
