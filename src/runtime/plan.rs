//! From a flat graph and concrete input sizes to a list of steps with a place for every value.

use std::sync::Arc;

use super::ArenaReport;
use super::execute::{Memory, evaluate};
use super::problems::Problems;
use crate::error::{Error, Kind, Result};
use crate::kernels::Threads;
use crate::model::{DType, Graph, NodeId, Shape, Tensor, ValueId, Variable};
use crate::ops::{self, Constant, Context, Fact, Options, Prepared};
use crate::progress::Progress;

/// What a session knows before it knows any sizes.
pub struct Setup {
    pub graph: Graph,
    pub variables: Vec<Variable>,
    pub options: Options,
    pub threads: Threads,
    /// The values behind the signature's ports, in their order.
    pub inputs: Vec<ValueId>,
    pub outputs: Vec<ValueId>,
    pub order: Vec<NodeId>,
}

impl Setup {
    pub fn context<'g>(&'g self, node: NodeId, inputs: &'g [Option<Fact>]) -> Context<'g> {
        Context {
            graph: &self.graph,
            node: self.graph.node(node),
            inputs,
            variables: &self.variables,
            options: self.options,
        }
    }

    /// An error of a node, with its name.
    pub fn at_node(&self, node: NodeId, error: Error) -> Error {
        let node = self.graph.node(node);
        error.at(format_args!("{} {:?}", node.op_label(), node.name))
    }
}

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
    Compute(Box<dyn ops::Compute>),
    /// Sizes are known only when the inputs are there: inferred, prepared and run in one go.
    Dynamic,
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
    pub input_sizes: Vec<Vec<usize>>,
    pub steps: Vec<Step>,
    pub places: Vec<Place>,
    pub facts: Vec<Option<Fact>>,
    /// Sizes of every value that are known before the run.
    pub sizes: Vec<Option<Vec<usize>>>,
    pub arena_bytes: usize,
    pub report: ArenaReport,
}

/// Sizes at most this large are looked at when shapes are inferred from values during a run.
const MAX_SHAPE_VALUES: usize = 4096;

pub(super) struct Builder<'s> {
    pub setup: &'s Setup,
    /// A plan for other sizes, whose folded constants are used again.
    before: Option<&'s Plan>,
    pub facts: Vec<Option<Fact>>,
    /// Values that are the bytes of another value.
    pub same_as: Vec<usize>,
    pub steps: Vec<Step>,
    problems: Problems,
}

impl Plan {
    /// Plans for inputs of these sizes. What the plan `before` packed and folded is used again where it is the same.
    ///
    /// # Errors
    /// One error with every operator that can't run; else the first node whose inputs don't fit.
    pub fn new(
        setup: &Setup,
        before: Option<&Plan>,
        input_sizes: &[Vec<usize>],
        progress: &Progress,
    ) -> Result<Plan> {
        let count = setup.graph.values.len();
        let mut builder = Builder {
            setup,
            before,
            facts: vec![None; count],
            same_as: (0..count).collect(),
            steps: Vec::new(),
            problems: Problems::default(),
        };
        builder.seed(input_sizes)?;
        progress.stage("planning", setup.order.len() as u64);
        for &node in &setup.order {
            progress.step(1)?;
            builder.node(node)?;
        }
        // A constant that was computed meanwhile may be half of one.
        progress.check()?;
        std::mem::take(&mut builder.problems).result(&setup.graph)?;
        builder.finish(input_sizes)
    }
}

impl Builder<'_> {
    fn seed(&mut self, input_sizes: &[Vec<usize>]) -> Result<()> {
        let graph = &self.setup.graph;
        for (at, value) in graph.values.iter().enumerate() {
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
        for (&id, sizes) in self.setup.inputs.iter().zip(input_sizes) {
            let dtype = graph.value(id).dtype;
            self.facts[id.index()] = Some(Fact::fixed(dtype, sizes));
        }
        Ok(())
    }

    fn node(&mut self, id: NodeId) -> Result<()> {
        let setup = self.setup;
        let node = setup.graph.node(id);
        let known = |facts: &[Option<Fact>], value: &ValueId| facts[value.index()].is_some();
        if !node.outputs.is_empty() && node.outputs.iter().all(|v| known(&self.facts, v)) {
            return Ok(()); // constants and fed placeholders
        }
        let Some(operator) = ops::find_for(&setup.graph, node) else {
            self.problems
                .add(id, Error::unsupported("no such operator here"));
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
                        let name = &setup.graph.value(*value).name;
                        return Err(setup.at_node(
                            id,
                            Error::usage(format!("its input {name:?} is never computed")),
                        ));
                    }
                },
            }
        }
        let context = setup.context(id, &inputs);
        let planned =
            ops::infer_in(&context).and_then(|outputs| self.choose(&context, operator, outputs));
        match planned {
            Ok((outputs, work)) => {
                let macs = ops::macs(setup.graph.dialect, node, &inputs, &outputs);
                self.settle(id, outputs, work, macs);
                Ok(())
            }
            Err(error) if error.kind() == Kind::Unsupported => {
                self.problems.add(id, error);
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
        if !ready {
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
        let prepared = (operator.prepare)(context)?;
        let fixed = outputs.iter().all(|fact| fact.shape.fixed().is_some());
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
                let values = evaluate(&prepared, &tensors, &outputs, &self.setup.threads)?;
                outputs = values
                    .into_iter()
                    .map(|t| Fact::constant(Constant::ready(Arc::new(t))))
                    .collect();
                Choice::Nothing
            }
            Prepared::Kernel(kernel) if fixed => Choice::Step(Work::Kernel(kernel)),
            Prepared::Kernel(_) => Choice::Step(Work::Dynamic),
            Prepared::Compute(compute) => Choice::Step(Work::Compute(compute)),
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
        let node = self.setup.graph.node(id);
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
        if let Choice::Step(work) = choice {
            self.steps.push(Step {
                node: id,
                work,
                inputs: node.inputs.clone(),
                outputs: node.outputs.clone(),
                pieces: Vec::new(),
                releases: Vec::new(),
                macs,
            });
        }
    }

    fn finish(mut self, input_sizes: &[Vec<usize>]) -> Result<Plan> {
        for &output in &self.setup.outputs {
            if self.facts[output.index()].is_none() {
                let name = &self.setup.graph.value(output).name;
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
            input_sizes: input_sizes.to_vec(),
            steps: self.steps,
            places,
            facts: self.facts,
            sizes,
            arena_bytes,
            report,
        })
    }

    /// Steps whose results nothing reads: what folding and packing left behind.
    fn drop_unneeded(&mut self) {
        let mut needed = vec![false; self.facts.len()];
        for output in &self.setup.outputs {
            needed[self.same_as[output.index()]] = true;
        }
        let mut keep = vec![false; self.steps.len()];
        for (at, step) in self.steps.iter_mut().enumerate().rev() {
            let effects = step.outputs.is_empty();
            keep[at] = effects || step.outputs.iter().any(|v| needed[self.same_as[v.index()]]);
            if !keep[at] {
                continue;
            }
            for (slot, input) in step.inputs.iter_mut().enumerate() {
                let unread = matches!(&step.work, Work::Kernel(kernel) if !kernel.reads(slot));
                if unread {
                    *input = None;
                } else if let Some(value) = input {
                    needed[self.same_as[value.index()]] = true;
                }
            }
        }
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
            DType::Int32 | DType::Int64 | DType::Bool | DType::Int16
        ) && count <= MAX_SHAPE_VALUES
    }

    pub fn memory(&self) -> Result<Memory> {
        let operands = |step: &Step| {
            let (read, written) = (step.inputs.len(), step.outputs.len());
            read.max(written).max(step.pieces.len())
        };
        let most = self.steps.iter().map(operands).max().unwrap_or(0);
        let (values, steps) = (self.places.len(), self.steps.len());
        Memory::new(self.arena_bytes, most, values, steps).map_err(|e| {
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
