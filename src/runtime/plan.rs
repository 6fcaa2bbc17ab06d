//! From a flat graph and concrete input sizes to a list of steps with a place for every value.

use std::sync::Arc;

use super::ArenaReport;
use super::blocks::Blocks;
use super::fusion::ahead::Ahead;
use super::fusion::neighbours::uses;
use super::memory::Memory;
use super::problems::Problems;
use super::program::Setup;
use super::ready::evaluate;
use crate::error::{Error, Kind, Result};
use crate::model::{DType, NodeId, Shape, Tensor, ValueId};
use crate::ops::{self, Constant, Context, Epilogue, Fact, Prepared};
use crate::progress::Progress;

/// Where a value is while the plan runs.
#[derive(Clone)]
pub enum Place {
    /// Nothing needs it.
    Nowhere,
    /// An input of the signature, read where the caller has it.
    Input(usize),
    Constant(Arc<Tensor>),
    /// In the arena.
    Arena {
        offset: usize,
        bytes: usize,
    },
    /// In a tensor of its own, made during the run, under this value's index.
    Owned(usize),
}

pub enum Work {
    Kernel(Box<dyn ops::Kernel>),
    /// A kernel for several rounds of a loop.
    Ahead(Box<Ahead>),
    Compute(Box<dyn ops::Compute>),
    Effect(Box<dyn ops::Effect>),
    /// Other graphs of the program.
    Blocks(Box<Blocks>),
    /// Decides by input 1 which of the node's outputs lives.
    Switch,
    /// Hands the input on that lives.
    Merge,
    /// Sizes are known only when the inputs are there: inferred, prepared and run in one go.
    Dynamic,
}

impl Work {
    /// Whether it looks at this input; packed weights need not be kept.
    pub fn reads(&self, input: usize) -> bool {
        match self {
            Work::Kernel(kernel) => kernel.reads(input),
            Work::Ahead(ahead) => ahead.reads(input),
            _ => true,
        }
    }
}

pub struct Step {
    pub node: NodeId,
    pub work: Work,
    pub inputs: Vec<Option<ValueId>>,
    pub outputs: Vec<ValueId>,
    /// The parts of the arena that the step touches, by offset, each once.
    pub pieces: Vec<Piece>,
    /// Values in tensors of their own that nothing needs after this step.
    pub releases: Vec<usize>,
    pub macs: u64,
}

impl Step {
    /// Whether it does something that its outputs don't show.
    fn has_effects(&self) -> bool {
        self.outputs.is_empty() || matches!(self.work, Work::Effect(_) | Work::Blocks(_))
    }
}

pub struct Piece {
    pub offset: usize,
    pub bytes: usize,
    pub role: Role,
}

/// What a step does with a piece of the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Input,
    Output(usize),
    Scratch,
}

pub struct Plan {
    /// What was known of the inputs.
    pub inputs: Vec<Fact>,
    pub steps: Vec<Step>,
    pub places: Vec<Place>,
    pub facts: Vec<Option<Fact>>,
    /// Sizes of every value that are known before the run.
    pub sizes: Vec<Option<Vec<usize>>>,
    pub arena_bytes: usize,
    /// Parts of the arena that keep their values from run to run.
    pub kept: Vec<Kept>,
    pub report: ArenaReport,
    /// Whether values that only pass between two operators may be missing, or be more than the first one's.
    pub fused: bool,
    /// The value whose bytes each value is.
    pub same_as: Vec<usize>,
}

/// Memory of a variable tensor.
pub struct Kept {
    pub value: ValueId,
    pub offset: usize,
    pub bytes: usize,
    /// What every byte is before the first run.
    pub fill: u8,
}

/// Sizes at most this large are looked at when shapes are inferred from values during a run.
const MAX_SHAPE_VALUES: usize = 4096;

pub(super) struct Builder<'s> {
    pub setup: Setup<'s>,
    /// A plan for other sizes, whose folded constants are used again.
    before: Option<&'s Plan>,
    pub facts: Vec<Option<Fact>>,
    /// Values that are the bytes of another value.
    pub same_as: Vec<usize>,
    /// How often each value is asked for.
    pub uses: Vec<u32>,
    pub steps: Vec<Step>,
    pub kept: Vec<Kept>,
    /// Whether an operator runs as part of another.
    pub fused: bool,
    /// Steps that are made ready once all behind them is known.
    pub awaiting: Vec<usize>,
    pub problems: Problems,
    pub call: Call<'s>,
}

/// How the graph of a plan is run.
#[derive(Clone, Copy)]
pub enum Call<'c> {
    /// As the signature's own graph: the caller has the inputs.
    Outermost,
    /// By operators of other graphs: the inputs are handed over.
    Within {
        /// The graphs that run each other, this one last.
        graphs: &'c [usize],
        /// In a loop: inputs that all rounds have alike. Else none.
        unchanged: &'c [bool],
    },
}

impl Plan {
    /// Plans for inputs of which this is known. What the plan `before` packed and folded is used again where it is the
    /// same.
    ///
    /// # Errors
    /// One error with every operator that can't run; else the first node whose inputs don't fit.
    pub fn new(
        setup: Setup<'_>,
        before: Option<&Plan>,
        inputs: Vec<Fact>,
        call: Call<'_>,
        progress: &Progress,
    ) -> Result<Plan> {
        let count = setup.graph().values.len();
        let mut builder = Builder {
            setup,
            before,
            facts: vec![None; count],
            same_as: (0..count).collect(),
            uses: uses(setup.body()),
            steps: Vec::new(),
            kept: Vec::new(),
            fused: false,
            awaiting: Vec::new(),
            problems: Problems::default(),
            call,
        };
        builder.seed(&inputs)?;
        let order = &setup.body().order;
        if let Call::Outermost = call {
            progress.stage("planning", order.len() as u64);
        }
        for &node in order {
            match call {
                Call::Outermost => progress.step(1)?,
                Call::Within { .. } => progress.check()?,
            }
            if !builder.replace_item(node) {
                builder.node(node)?;
            }
        }
        builder.fuse_planned(progress)?;
        // A constant that was computed meanwhile may be half of one.
        progress.check()?;
        std::mem::take(&mut builder.problems).result(|number| setup.program.graph(number))?;
        builder.finish(inputs)
    }
}

impl Builder<'_> {
    fn seed(&mut self, inputs: &[Fact]) -> Result<()> {
        let graph = self.setup.graph();
        for (at, value) in graph.values.iter().enumerate() {
            if value.is_variable && value.data.is_none() && value.producer.is_none() {
                let shape = value.stored_shape.clone();
                self.facts[at] = Some(Fact::new(value.dtype, shape));
            }
            let Some(data) = &value.data else { continue };
            let sizes = value.stored_shape.fixed().ok_or_else(|| {
                Error::unreadable(format!("a constant of shape {}", value.stored_shape))
                    .at(format_args!("tensor {:?}", value.name))
            })?;
            self.facts[at] = Some(Fact::constant(Constant::stored(
                value.dtype,
                &sizes,
                data.clone(),
            )));
        }
        for (&id, fact) in self.setup.body().inputs.iter().zip(inputs) {
            self.facts[id.index()] = Some(fact.clone());
        }
        Ok(())
    }

    fn node(&mut self, id: NodeId) -> Result<()> {
        let setup = self.setup;
        let graph = setup.graph();
        let node = graph.node(id);
        let known = |facts: &[Option<Fact>], value: &ValueId| facts[value.index()].is_some();
        if !node.outputs.is_empty() && node.outputs.iter().all(|v| known(&self.facts, v)) {
            return Ok(()); // constants and fed placeholders
        }
        let Some(operator) = ops::find_for(graph, node) else {
            let why = Error::unsupported("no such operator here");
            self.problems.add(setup.number, id, why);
            return Ok(());
        };
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            match input {
                None => inputs.push(None),
                Some(value) => match &self.facts[value.index()] {
                    Some(fact) => inputs.push(Some(fact.clone())),
                    // Behind an operator that is a problem already.
                    None if !self.problems.is_empty() => return Ok(()),
                    None => {
                        let name = &graph.value(*value).name;
                        return Err(setup.at_node(
                            id,
                            Error::usage(format!("its input {name:?} is never computed")),
                        ));
                    }
                },
            }
        }
        let context = setup.context(id, &inputs);
        let planned = ops::infer_in(&context).and_then(|outputs| {
            if let Some(input) = self.join(&context)? {
                return Ok((outputs, Choice::Same(vec![input])));
            }
            match self.across(&context)? {
                Some((work, inputs)) => Ok((outputs, Choice::Across(work, inputs))),
                None => self.choose(&context, operator, outputs),
            }
        });
        match planned {
            Ok((outputs, work)) => {
                let macs = ops::macs(graph.dialect, node, &inputs, &outputs);
                self.settle(id, outputs, work, macs);
                Ok(())
            }
            Err(error) if error.kind() == Kind::Unsupported => {
                self.problems.add(setup.number, id, error);
                Ok(())
            }
            Err(error) => Err(setup.at_node(id, error)),
        }
    }

    fn choose(
        &self,
        context: &Context,
        operator: &ops::Operator,
        mut outputs: Vec<Fact>,
    ) -> Result<(Vec<Fact>, Choice)> {
        if !outputs.is_empty() && outputs.iter().all(|fact| fact.constant.is_some()) {
            return Ok((outputs, Choice::Nothing));
        }
        let ready = context
            .inputs
            .iter()
            .flatten()
            .all(|fact| fact.shape.fixed().is_some());
        if !ready && !operator.any_sizes {
            return Ok((outputs, Choice::Step(Work::Dynamic)));
        }
        let constant = context
            .inputs
            .iter()
            .flatten()
            .all(|fact| fact.constant.is_some());
        if constant
            && operator.foldable
            && let Some(folded) = self.folded_before(context)
        {
            return Ok((folded, Choice::Nothing));
        }
        let fixed = outputs.iter().all(|fact| fact.shape.fixed().is_some());
        if context.options.fusion && fixed && !constant && Epilogue::of_product(context).is_some() {
            return Ok((outputs, Choice::Awaiting));
        }
        let prepared = operator.ready(context)?;
        let choice = match prepared {
            Prepared::Nothing => Choice::Nothing,
            Prepared::Alias(input) if fixed => Choice::Same(vec![input]),
            Prepared::Later | Prepared::Alias(_) => Choice::Step(Work::Dynamic),
            Prepared::Forward => Choice::Same((0..outputs.len()).collect()),
            prepared
                if constant
                    && operator.foldable
                    && foldable_size(context.inputs, &outputs)
                    && (fixed || matches!(prepared, Prepared::Compute(_))) =>
            {
                let mut tensors = Vec::new();
                for fact in context.inputs {
                    tensors.push(
                        fact.as_ref()
                            .and_then(|f| f.constant.as_ref())
                            .map(Constant::read)
                            .transpose()?,
                    );
                }
                let values = evaluate(&prepared, &tensors, &outputs, &self.setup.program.threads)?;
                outputs = values
                    .into_iter()
                    .map(|t| Fact::constant(Constant::ready(Arc::new(t))))
                    .collect();
                Choice::Nothing
            }
            Prepared::Kernel(kernel) if fixed => Choice::Step(Work::Kernel(kernel)),
            Prepared::Kernel(_) => Choice::Step(Work::Dynamic),
            Prepared::Compute(compute) => Choice::Step(Work::Compute(compute)),
            Prepared::Effect(effect) => Choice::Step(Work::Effect(effect)),
            Prepared::Control(control) => {
                let blocks = Blocks::new(self, context, control, &mut outputs)?;
                Choice::Step(Work::Blocks(Box::new(blocks)))
            }
            Prepared::Switch => Choice::Step(Work::Switch),
            Prepared::Merge => Choice::Step(Work::Merge),
        };
        Ok((outputs, choice))
    }

    /// The constants that the plan before made of the same inputs.
    fn folded_before(&self, context: &Context) -> Option<Vec<Fact>> {
        let known = |value: &ValueId| self.before?.facts[value.index()].as_ref();
        for (value, now) in context.node.inputs.iter().zip(context.inputs) {
            match (value, now) {
                (None, None) => {}
                (Some(value), Some(now)) if known(value)?.same(now) => {}
                _ => return None,
            }
        }
        let outputs = context.node.outputs.iter();
        let facts: Vec<Fact> = outputs.map(|v| known(v).cloned()).collect::<Option<_>>()?;
        let folded = !facts.is_empty() && facts.iter().all(|fact| fact.constant.is_some());
        folded.then_some(facts)
    }

    fn settle(&mut self, id: NodeId, mut outputs: Vec<Fact>, choice: Choice, macs: u64) {
        let node = self.setup.graph().node(id);
        if let Choice::Same(inputs) = &choice {
            for (slot, &input) in inputs.iter().enumerate() {
                let (Some(&output), Some(source)) = (node.outputs.get(slot), node.input(input))
                else {
                    continue;
                };
                self.same_as[output.index()] = self.same_as[source.index()];
                if let Some(fact) = &self.facts[source.index()] {
                    outputs[slot].variable = fact.variable;
                    outputs[slot].constant = reshaped(fact, &outputs[slot].shape);
                }
            }
        }
        for (&value, fact) in node.outputs.iter().zip(outputs) {
            self.facts[value.index()] = Some(fact);
        }
        let mut read = node.inputs.clone();
        let work = match choice {
            Choice::Step(work) => Some(work),
            Choice::Across(work, inputs) => {
                read = inputs;
                Some(work)
            }
            Choice::Awaiting => {
                self.awaiting.push(self.steps.len());
                Some(Work::Dynamic)
            }
            Choice::Same(_) | Choice::Nothing => None,
        };
        if let Some(work) = work {
            let mut made = node.outputs.clone();
            if let (Work::Switch, Some(source)) = (&work, node.input(0)) {
                for output in made.drain(..) {
                    self.same_as[output.index()] = self.same_as[source.index()];
                }
            }
            self.steps.push(Step {
                node: id,
                work,
                inputs: read,
                outputs: made,
                pieces: Vec::new(),
                releases: Vec::new(),
                macs,
            });
        }
    }

    fn finish(mut self, inputs: Vec<Fact>) -> Result<Plan> {
        for &output in &self.setup.body().outputs {
            if self.facts[output.index()].is_none() {
                let name = &self.setup.graph().value(output).name;
                return Err(Error::unsupported(format!(
                    "the output {name:?} is never computed"
                )));
            }
        }
        self.drop_unneeded();
        let last_use = self.last_uses();
        let mut places = self.places(&last_use)?;
        let (arena_bytes, report) = self.arena(&mut places, &last_use)?;
        for step in &mut self.steps {
            step.lay(&places);
        }
        let sizes = self
            .facts
            .iter()
            .map(|f| f.as_ref().and_then(|f| f.shape.fixed()))
            .collect();
        Ok(Plan {
            inputs,
            steps: self.steps,
            kept: self.kept,
            places,
            facts: self.facts,
            sizes,
            arena_bytes,
            report,
            fused: self.fused,
            same_as: self.same_as,
        })
    }

    /// Steps whose results nothing reads: what folding and packing left behind.
    fn drop_unneeded(&mut self) {
        let mut needed = vec![false; self.facts.len()];
        for output in &self.setup.body().outputs {
            needed[self.same_as[output.index()]] = true;
        }
        let mut keep = vec![false; self.steps.len()];
        for (at, step) in self.steps.iter_mut().enumerate().rev() {
            keep[at] =
                step.has_effects() || step.outputs.iter().any(|v| needed[self.same_as[v.index()]]);
            if !keep[at] {
                continue;
            }
            for (slot, input) in step.inputs.iter_mut().enumerate() {
                if !step.work.reads(slot) {
                    *input = None;
                } else if let Some(value) = input {
                    needed[self.same_as[value.index()]] = true;
                }
            }
        }
        // What only an operator read that does its work too.
        self.fused |= self.setup.program.options.fusion && keep.contains(&false);
        let mut at = 0;
        self.steps.retain(|_| {
            at += 1;
            keep[at - 1]
        });
    }
}

/// Whether what is computed ahead is small, or not much more than what it is made of: a shape that says gigabytes is
/// for the arena, which is asked for before anything is filled.
fn foldable_size(inputs: &[Option<Fact>], outputs: &[Fact]) -> bool {
    const SMALL: usize = 16 << 20;
    const GROWTH: usize = 8;
    let bytes = |fact: &Fact| fact.dtype.size()?.checked_mul(fact.shape.elements()?);
    let total = |sum: usize, fact: &Fact| sum.saturating_add(bytes(fact).unwrap_or(0));
    let read = inputs.iter().flatten().fold(0, total);
    let made = outputs.iter().fold(0, total);
    made <= SMALL.max(read.saturating_mul(GROWTH))
}

enum Choice {
    Step(Work),
    /// A product that may take the work of what comes behind it; see [`Builder::fuse`].
    Awaiting,
    /// Reads other values than the node does; see [`Builder::across`].
    Across(Work, Vec<Option<ValueId>>),
    /// Output i is the bytes of this input.
    Same(Vec<usize>),
    /// Known already, or without values.
    Nothing,
}

/// The constant of `fact` under other sizes.
fn reshaped(fact: &Fact, shape: &Shape) -> Option<Constant> {
    let constant = fact.constant.as_ref()?;
    let sizes = shape.fixed()?;
    if sizes == constant.shape() {
        return Some(constant.clone());
    }
    if crate::model::shape::element_count(&sizes) != Some(constant.len()) {
        return None;
    }
    constant.reshaped(&sizes)
}

impl Plan {
    /// Whether a value is small enough that shapes may depend on it.
    pub fn may_shape(dtype: DType, count: usize) -> bool {
        matches!(
            dtype,
            DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64 | DType::Bool
        ) && count <= MAX_SHAPE_VALUES
    }

    pub fn memory(&self) -> Result<Memory> {
        let operands = |step: &Step| {
            let (read, written) = (step.inputs.len(), step.outputs.len());
            read.max(written).max(step.pieces.len())
        };
        let most = self.steps.iter().map(operands).max().unwrap_or(0);
        let (values, steps) = (self.places.len(), self.steps.len());
        Memory::new(self.arena_bytes, &self.kept, most, values, steps).map_err(|e| {
            let node = &self.report.peak_node;
            e.hint(format!(
                "most is alive at {node:?}; smaller inputs may need less"
            ))
        })
    }

    pub fn is_static(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.all(|step| matches!(step.work, Work::Kernel(_)))
    }

    /// Type and sizes of a value, where they are known before the run.
    pub fn known(&self, value: ValueId) -> Option<(DType, &[usize])> {
        let fact = self.facts[value.index()].as_ref()?;
        let sizes = self.sizes[value.index()].as_deref()?;
        Some((fact.dtype, sizes))
    }
}

/// Zeroed output tensors for `facts`.
pub fn allocate_all(facts: &[Fact]) -> Result<Vec<Tensor>> {
    facts
        .iter()
        .map(|fact| {
            let sizes = fact.shape.fixed().ok_or_else(|| {
                Error::unsupported(format!("an output has the unknown shape {}", fact.shape))
            })?;
            Tensor::zeros(fact.dtype, &sizes)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_out_of_a_damaged_shape_do_not_overflow_when_they_are_summed() {
        let vast = || Fact::fixed(DType::UInt8, &[i64::MAX as usize]);
        let small = || Fact::fixed(DType::Float32, &[4]);
        let inputs = [Some(vast()), None, Some(vast()), Some(vast())];
        assert!(foldable_size(&inputs, &[small()]));
        assert!(!foldable_size(&[Some(small())], &[vast(), vast(), vast()]));
    }
}
