//! Operators that run other graphs: planned as far as the sizes are known, run with the memory that they had before.

use std::sync::Arc;

use super::execute::{Run, Watch};
use super::memory::{Lasting, Memory};
use super::plan::{Builder, Call, Place, Plan, Step};
use super::rounds::Rounds;
use crate::error::{Error, Kind, Result};
use crate::model::{DType, Tensor, ValueId};
use crate::ops::{Context, Control, Fact, View};
use crate::progress::Progress;

/// Graphs that run graphs; TensorFlow's own functions nest no deeper.
const DEEPEST: usize = 64;
/// How often the sizes of a loop's values are tried before they count as unknown.
const ROUNDS: usize = 8;

/// A step that runs other graphs.
pub struct Blocks {
    control: Control,
    /// In the order of [`Control::blocks`].
    parts: Vec<Part>,
    /// Of a loop: values that the body hands on as they are.
    unchanged: Vec<bool>,
}

/// One graph that a step runs.
struct Part {
    /// Which graph of the program.
    number: usize,
    /// For what was known of the inputs when the step was planned.
    plan: Option<Arc<Plan>>,
}

/// What a graph runs on.
struct Given<'g> {
    inputs: Vec<Arc<Tensor>>,
    known: &'g [Fact],
    /// Nothing else was known when the graph ran last.
    settled: bool,
    /// No round of the same loop came before.
    begins: bool,
}

impl<'g> Given<'g> {
    fn new(inputs: Vec<Arc<Tensor>>, known: &'g [Fact]) -> Self {
        Given {
            inputs,
            known,
            settled: false,
            begins: true,
        }
    }
}

/// A graph with the memory that it runs in.
pub struct Frame {
    plan: Arc<Plan>,
    memory: Memory,
}

impl Frame {
    /// Its arena, and what lies beside that.
    pub fn bytes(&self) -> usize {
        self.plan.arena_bytes.saturating_add(self.memory.beside())
    }

    pub fn lasting(&self) -> Lasting {
        self.memory.lasting(&self.plan)
    }

    pub fn restore(&mut self, then: &Lasting) {
        self.memory.restore(&self.plan, then);
    }
}

impl Blocks {
    /// Tells the types and sizes of the results in `outputs` as far as they follow from the inputs.
    ///
    /// # Errors
    /// A graph that is not there or has other numbers of inputs or outputs; operators that can't run.
    pub fn new(
        builder: &Builder<'_>,
        context: &Context,
        control: Control,
        outputs: &mut [Fact],
    ) -> Result<Self> {
        let program = builder.setup.program;
        let numbers: Vec<usize> = (control.blocks().into_iter())
            .map(|block| program.number(block))
            .collect::<Result<_>>()?;
        let parts = numbers.iter().map(|&number| Part { number, plan: None });
        let mut blocks = Blocks {
            control,
            parts: parts.collect(),
            unchanged: Vec::new(),
        };
        let given: Vec<Fact> = (context.inputs.iter().cloned())
            .collect::<Option<_>>()
            .ok_or_else(|| Error::unsupported("an input is missing"))?;
        let results = match &blocks.control {
            Control::Once(_) => {
                blocks.check(builder, 0, 0, 0)?;
                blocks.plan(builder, 0, Vec::new())?
            }
            Control::Call(_) => {
                blocks.check(builder, 0, given.len(), outputs.len())?;
                blocks.plan(builder, 0, given)?
            }
            Control::Branch { .. } => {
                let given = given.get(1..).unwrap_or_default();
                let mut results = Some(Vec::new());
                for at in 0..blocks.parts.len() {
                    blocks.check(builder, at, given.len(), outputs.len())?;
                    let branch = blocks.plan(builder, at, given.to_vec())?;
                    results = match (results, branch) {
                        (Some(_), Some(branch)) if at == 0 => Some(branch),
                        (Some(results), Some(branch)) => Some(joined(&results, &branch)?),
                        _ => None,
                    };
                }
                results
            }
            Control::Loop { .. } => {
                blocks.check(builder, 0, given.len(), 1)?;
                blocks.check(builder, 1, given.len(), given.len())?;
                blocks.unchanged = unchanged(builder, numbers[1]);
                blocks.plan_loop(builder, given)?
            }
        };
        for (output, result) in outputs.iter_mut().zip(results.into_iter().flatten()) {
            if output.dtype == result.dtype {
                output.shape = result.shape;
            }
        }
        Ok(blocks)
    }

    fn check(
        &self,
        builder: &Builder<'_>,
        part: usize,
        inputs: usize,
        outputs: usize,
    ) -> Result<()> {
        let setup = builder.setup.program.setup(self.parts[part].number);
        let body = setup.body();
        if body.inputs.len() != inputs || body.outputs.len() < outputs {
            return Err(Error::unreadable(format!(
                "it runs {:?} with {inputs} inputs for {outputs} outputs, which has {} and {}",
                body.graph.name,
                body.inputs.len(),
                body.outputs.len()
            )));
        }
        Ok(())
    }

    /// Plans a graph for `inputs` and says what its results are; `None` where that can't be known before it runs.
    fn plan(
        &mut self,
        builder: &Builder<'_>,
        part: usize,
        inputs: Vec<Fact>,
    ) -> Result<Option<Vec<Fact>>> {
        let number = self.parts[part].number;
        let mut within = match builder.call {
            Call::Outermost => Vec::new(),
            Call::Within { graphs, .. } => graphs.to_vec(),
        };
        if within.contains(&number) || within.len() >= DEEPEST {
            return Ok(None); // it calls itself; planned when it runs
        }
        within.push(number);
        let setup = builder.setup.program.setup(number);
        let call = Call::Within {
            graphs: &within,
            unchanged: &self.unchanged,
        };
        match Plan::new(setup, None, inputs, call, &Progress::new()) {
            Ok(plan) => {
                let results = plan.results(setup.body());
                self.parts[part].plan = Some(Arc::new(plan));
                Ok(Some(results))
            }
            // A branch that does not fit need not be taken.
            Err(error) if error.kind() == Kind::Usage => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sizes that one round changes are left open until a round changes nothing more.
    fn plan_loop(&mut self, builder: &Builder<'_>, given: Vec<Fact>) -> Result<Option<Vec<Fact>>> {
        let mut values = self.carried(given);
        for _ in 0..ROUNDS {
            let Some(after) = self.plan(builder, 1, values.clone())? else {
                return Ok(None);
            };
            let next: Vec<Fact> = (values.iter().zip(&after))
                .map(|(before, after)| met(before, after))
                .collect::<Result<_>>()?;
            let settled = values.iter().zip(&next).all(|(a, b)| a.shape == b.shape);
            values = next;
            if settled {
                self.plan(builder, 0, values.clone())?;
                return Ok(Some(values));
            }
        }
        self.parts[1].plan = None;
        Ok(None)
    }

    /// What is known of a loop's values in every round.
    fn carried(&self, given: Vec<Fact>) -> Vec<Fact> {
        let fact = |(fact, &same): (Fact, &bool)| match same {
            true => fact,
            false => Fact::new(fact.dtype, fact.shape),
        };
        given.into_iter().zip(&self.unchanged).map(fact).collect()
    }
}

impl Plan {
    fn results(&self, body: &super::program::Body) -> Vec<Fact> {
        let fact = |&value: &ValueId| self.facts[value.index()].clone();
        body.outputs.iter().filter_map(fact).collect()
    }

    /// Whether it was made for what is known now. A loop's plan leaves sizes open that its rounds change.
    fn serves(&self, inputs: &[Fact], open: bool) -> bool {
        self.inputs.len() == inputs.len()
            && self.inputs.iter().zip(inputs).all(|(planned, now)| {
                let fits = || now.shape.fixed().is_some_and(|s| planned.shape.accepts(&s));
                planned.same(now)
                    || open
                        && planned.constant.is_none()
                        && now.constant.is_none()
                        && planned.dtype == now.dtype
                        && fits()
            })
    }
}

/// What two ways to a value have in common.
fn met(a: &Fact, b: &Fact) -> Result<Fact> {
    if a.dtype != b.dtype {
        return Err(Error::unreadable(format!(
            "a value is {} in one graph and {} in another",
            a.dtype, b.dtype
        )));
    }
    let mut fact = Fact::new(a.dtype, a.shape.common(&b.shape));
    if a.same(b) {
        fact = a.clone();
    }
    Ok(fact)
}

fn joined(a: &[Fact], b: &[Fact]) -> Result<Vec<Fact>> {
    a.iter().zip(b).map(|(a, b)| met(a, b)).collect()
}

/// Which inputs a loop's body gives back as they are.
fn unchanged(builder: &Builder<'_>, number: usize) -> Vec<bool> {
    let setup = builder.setup.program.setup(number);
    let (graph, body) = (setup.graph(), setup.body());
    let source = |mut value: ValueId| {
        for _ in 0..graph.nodes.len() {
            match graph.producer(value) {
                Some(node) if &*node.op == "Identity" => match node.input(0) {
                    Some(input) => value = input,
                    None => break,
                },
                _ => break,
            }
        }
        value
    };
    let ends = body.inputs.iter().zip(&body.outputs);
    ends.map(|(&input, &output)| source(output) == input)
        .collect()
}

impl Run<'_> {
    pub(super) fn blocks(
        &mut self,
        (at, step): (usize, &Step),
        blocks: &Blocks,
        watch: &mut Watch,
        progress: &Progress,
    ) -> Result<Vec<Arc<Tensor>>> {
        let facts: Vec<Option<Fact>> = (step.inputs.iter())
            .map(|value| self.plan.facts[(*value)?.index()].clone())
            .collect();
        let mut inputs: Vec<Arc<Tensor>> = (self.gather(step)?.into_iter())
            .collect::<Option<_>>()
            .ok_or_else(|| Error::unsupported("an input is missing"))?;
        if let Some(tracer) = &mut watch.tracer {
            let condition = matches!(blocks.control, Control::Branch { .. });
            tracer.hand(&self.values(), step, usize::from(condition));
        }
        match &blocks.control {
            Control::Once(block) => {
                if !self.state.first_time(block) {
                    return Ok(Vec::new());
                }
                let given = Given::new(Vec::new(), &[]);
                let left = self.block((at, 0), blocks, given, watch, progress)?;
                self.state.begin();
                Ok(left)
            }
            Control::Call(_) => {
                let known = known(&facts, &inputs);
                self.block((at, 0), blocks, Given::new(inputs, &known), watch, progress)
            }
            Control::Branch { numbered, .. } => {
                if inputs.is_empty() {
                    return Err(Error::unsupported("input 0 is missing"));
                }
                let branch = chosen(&inputs.remove(0), *numbered, blocks.parts.len())?;
                let known = known(&facts[1..], &inputs);
                self.block(
                    (at, branch),
                    blocks,
                    Given::new(inputs, &known),
                    watch,
                    progress,
                )
            }
            Control::Loop { .. } => {
                let facts: Vec<Option<Fact>> = (facts.into_iter().zip(&blocks.unchanged))
                    .map(|(fact, &same)| fact.filter(|_| same))
                    .collect();
                let program = self.setup.program;
                let numbers: Vec<usize> = blocks.parts.iter().map(|part| part.number).collect();
                let repeats = || program.repeats(&numbers);
                let mut rounds = Rounds::new(program.max_iterations, &repeats);
                let mut known = known(&facts, &inputs);
                let (mut settled, mut begins) = (false, true);
                loop {
                    progress.check()?;
                    settled &= refresh(&mut known, &inputs);
                    let now = |inputs| Given {
                        inputs,
                        known: &known,
                        settled,
                        begins,
                    };
                    let goes_on = |run: &mut Run<'_>| run.goes_on();
                    let given = now(inputs.clone());
                    if !self.enter((at, 0), blocks, given, watch, progress, goes_on)? {
                        return Ok(inputs);
                    }
                    rounds.another(&inputs)?;
                    inputs = self.block((at, 1), blocks, now(inputs), watch, progress)?;
                    (settled, begins) = (true, false);
                }
            }
        }
    }

    /// Runs one graph of a step on what is given.
    fn block(
        &mut self,
        place: (usize, usize),
        blocks: &Blocks,
        given: Given<'_>,
        watch: &mut Watch,
        progress: &Progress,
    ) -> Result<Vec<Arc<Tensor>>> {
        let results = self.enter(place, blocks, given, watch, progress, |run| run.results())?;
        if let Some(tracer) = &mut watch.tracer {
            tracer.hand_on();
        }
        Ok(results)
    }

    /// The same, and takes from it what `results` does.
    fn enter<R>(
        &mut self,
        (at, part): (usize, usize),
        blocks: &Blocks,
        given: Given<'_>,
        watch: &mut Watch,
        progress: &Progress,
        results: impl FnOnce(&mut Run<'_>) -> Result<R>,
    ) -> Result<R> {
        let depth = self.within.len();
        if depth >= DEEPEST {
            return Err(Error::unsupported(format!(
                "graphs run each other more than {DEEPEST} deep"
            )));
        }
        let Part { number, plan } = &blocks.parts[part];
        let mut within = [0; DEEPEST];
        within[..depth].copy_from_slice(self.within);
        within[depth] = *number;
        let within = &within[..=depth];
        let setup = self.setup.program.setup(*number);
        let open = matches!(blocks.control, Control::Loop { .. });
        let last = self.memory.frame(at, part, blocks.parts.len()).take();
        let known = given.known;
        let serves = |plan: &Plan| plan.serves(known, open);
        let mut frame = match last.filter(|frame| given.settled || serves(&frame.plan)) {
            Some(frame) => frame,
            None => {
                let plan = match plan.as_ref().filter(|plan| serves(plan)) {
                    Some(plan) => plan.clone(),
                    None => {
                        let call = Call::Within {
                            graphs: within,
                            unchanged: &blocks.unchanged,
                        };
                        Arc::new(Plan::new(
                            setup,
                            plan.as_deref(),
                            known.to_vec(),
                            call,
                            progress,
                        )?)
                    }
                };
                let memory = plan.memory()?;
                Box::new(Frame { plan, memory })
            }
        };
        let Frame { plan, memory } = &mut *frame;
        if given.begins {
            memory.begin();
        }
        memory.give(&setup.body().inputs, given.inputs);
        let mut run = Run {
            setup,
            plan,
            inputs: &[],
            memory,
            state: &mut *self.state,
            within,
        };
        let results = run
            .all(watch, progress)
            .and_then(|()| results(&mut run))
            .map_err(|e| e.at(format_args!("{:?}", setup.graph().name)));
        frame.memory.forget();
        *self.memory.frame(at, part, blocks.parts.len()) = Some(frame);
        results
    }

    /// The graph's outputs as tensors of their own: one that lies in the arena goes where the input of its number was,
    /// if that has the same sizes and nobody else reads it.
    fn results(&mut self) -> Result<Vec<Arc<Tensor>>> {
        let body = self.setup.body();
        let arena =
            |value: &ValueId| matches!(self.plan.places[value.index()], Place::Arena { .. });
        let apart = |value: &ValueId| match arena(value) {
            true => Ok(None),
            false => self.values().whole(*value).map(Some),
        };
        // All that may read an input comes before anything is written there.
        let mut results: Vec<Option<Arc<Tensor>>> =
            body.outputs.iter().map(apart).collect::<Result<_>>()?;
        for (at, result) in results.iter_mut().enumerate() {
            if result.is_none() {
                let old = body
                    .inputs
                    .get(at)
                    .and_then(|&input| self.memory.take(input));
                *result = Some(self.values().copied(body.outputs[at], old)?);
            }
        }
        Ok(results.into_iter().flatten().collect())
    }

    /// Whether a loop goes on, which the first output says.
    fn goes_on(&self) -> Result<bool> {
        match self.setup.body().outputs.first() {
            Some(&value) => truth(self.values().view(value)?),
            None => Ok(false),
        }
    }
}

/// What the plan knew of the inputs, and their sizes now.
fn known(planned: &[Option<Fact>], inputs: &[Arc<Tensor>]) -> Vec<Fact> {
    let fact = |(planned, tensor): (&Option<Fact>, &Arc<Tensor>)| match planned {
        Some(fact) if fact.constant.is_some() => fact.clone(),
        _ => Fact::fixed(tensor.dtype(), tensor.shape()),
    };
    planned.iter().zip(inputs).map(fact).collect()
}

/// The sizes of inputs that may have changed since; whether none has.
fn refresh(known: &mut [Fact], inputs: &[Arc<Tensor>]) -> bool {
    let mut same = true;
    for (fact, tensor) in known.iter_mut().zip(inputs) {
        let is = fact.dtype == tensor.dtype() && fact.shape.is(tensor.shape());
        if fact.constant.is_none() && !is {
            *fact = Fact::fixed(tensor.dtype(), tensor.shape());
            same = false;
        }
    }
    same
}

/// TensorFlow takes any type as a condition: numbers by whether they are 0, strings and longer tensors by whether they
/// are empty.
fn truth(condition: View<'_>) -> Result<bool> {
    if let (DType::Bool, [byte]) = (condition.dtype, condition.bytes()) {
        return Ok(*byte != 0);
    }
    let tensor = condition.to_tensor()?;
    if tensor.rank() > 0 && tensor.len() != 1 {
        return Ok(!tensor.is_empty());
    }
    match tensor.dtype() {
        DType::String => Ok(tensor
            .strings()
            .is_some_and(|s| s.iter().any(|s| !s.is_empty()))),
        _ => (tensor.number(0).map(|number| number != 0.0))
            .ok_or_else(|| Error::unsupported(format!("a condition of {}", tensor.dtype()))),
    }
}

fn chosen(input: &Tensor, numbered: bool, branches: usize) -> Result<usize> {
    if !numbered {
        return Ok(usize::from(!truth(View::of(input))?));
    }
    let number = input.values::<i32>().and_then(|v| v.first().copied());
    let number =
        number.ok_or_else(|| Error::unsupported("the number of the branch is no int32"))?;
    Ok(usize::try_from(number).map_or(branches - 1, |n| n.min(branches - 1)))
}
