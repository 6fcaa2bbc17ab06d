//! A run watched value by value: what was computed, one value to look at, and where the first NaN and the first
//! infinity of an output came from.
//!
//! Every value that is not finite carries with it where its first NaN and its first infinity came from: a value with a
//! NaN has it from an input that has one, or else the operator made it. So what is lost on the way, such as the minus
//! infinity of a mask that a softmax makes zero, is never blamed. Graphs that run graphs hand it on with the values.

use std::collections::HashMap;

use super::execute::Run;
use super::plan::{Plan, Step, Work};
use super::traced::{Maker, Operand, Origin, Source, Traced, What};
use super::values::Values;
use crate::analysis::Spread;
use crate::error::{Error, Result};
use crate::model::{DType, Dialect, Name, Tensor, ValueId};
use crate::ops::View;

/// A graph of the program, 0 the signature's own, and a value in it.
type At = (usize, ValueId);

/// Which [`Origin`] it came from, if it is not finite.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taint {
    nan: Option<usize>,
    infinite: Option<usize>,
    range: Option<(f64, f64)>,
}

impl Taint {
    fn of(self, what: What) -> Option<usize> {
        match what {
            What::Nan => self.nan,
            What::Infinity => self.infinite,
        }
    }

    fn set(&mut self, what: What, origin: usize) {
        match what {
            What::Nan => self.nan = Some(origin),
            What::Infinity => self.infinite = Some(origin),
        }
    }
}

/// Follows a run; see [`super::Session::trace`].
#[derive(Default)]
pub struct Tracer {
    /// The value to keep, and up to how many bytes.
    look: Option<(At, usize)>,
    /// Its value when it was computed last.
    pub taken: Option<Result<Tensor>>,
    pub values: Vec<Traced>,
    places: HashMap<At, usize>,
    pub origins: Vec<Origin>,
    made: HashMap<(At, What), usize>,
    /// Of the graphs that run each other down to this one: what is known of the values so far.
    scopes: Vec<HashMap<usize, Taint>>,
    /// Of the values that a graph is about to get, or has just given.
    passing: Vec<Taint>,
    returned: Vec<Taint>,
    /// Of constants, which are looked at once.
    constants: HashMap<At, Taint>,
    /// By graph: values that are the bytes of another, by that, for the plan that stands there.
    seen_as: HashMap<usize, (usize, SeenAs)>,
}

type SeenAs = HashMap<usize, Vec<ValueId>>;

/// Constants computed from each other that are followed back.
const DEEPEST: usize = 500;

impl Tracer {
    pub fn new(look: Option<(At, usize)>) -> Self {
        Tracer {
            look,
            ..Tracer::default()
        }
    }

    /// A graph begins, with its inputs in place.
    pub fn enter(&mut self, run: &Run<'_>) -> Result<()> {
        let (setup, values) = (run.setup, run.values());
        let outermost = run.within.is_empty();
        let mut scope = HashMap::new();
        let passing = std::mem::take(&mut self.passing);
        for (at, &input) in setup.body().inputs.iter().enumerate() {
            let root = run.plan.same_as[input.index()];
            if let (false, Some(&taint)) = (outermost, passing.get(at)) {
                scope.insert(root, taint);
                continue;
            }
            let taint = match values.view(input) {
                Ok(view) => self.given(&values, input, view, Source::Input),
                Err(_) => continue,
            };
            scope.insert(root, taint);
        }
        self.passing = passing;
        // What a variable tensor holds from the runs before.
        for (at, value) in setup.graph().values.iter().enumerate() {
            let id = ValueId(at as u32);
            if value.is_variable
                && let Ok(view) = values.view(id)
            {
                scope.insert(at, self.given(&values, id, view, Source::Variable));
            }
        }
        self.scopes.push(scope);
        if outermost {
            for &input in &setup.body().inputs {
                self.record(&values, input, run.plan.same_as[input.index()])?;
            }
        }
        Ok(())
    }

    /// A step has run, and nothing it read or made is given up yet.
    pub fn after(&mut self, run: &Run<'_>, step: &Step) -> Result<()> {
        let values = run.values();
        for (slot, &output) in step.outputs.iter().enumerate() {
            if run.is_dead(output) {
                continue;
            }
            let Ok(view) = values.view(output) else {
                continue; // nobody wants it
            };
            let taint = match &step.work {
                Work::Blocks(_) => self.passing.get(slot).copied().unwrap_or_default(),
                _ => self.judged(&values, step, output, view),
            };
            let range = Spread::of(view).and_then(|spread| spread.range());
            let root = run.plan.same_as[output.index()];
            if let Some(scope) = self.scopes.last_mut() {
                scope.insert(root, Taint { range, ..taint });
            }
            self.record(&values, output, root)?;
        }
        Ok(())
    }

    /// The graph is done.
    pub fn leave(&mut self, run: &Run<'_>) {
        let (values, outputs) = (run.values(), &run.setup.body().outputs);
        let returned = outputs.iter().map(|&value| self.of(&values, value, 0));
        self.returned = returned.collect();
        self.scopes.pop();
    }

    /// A step is about to hand its inputs, but for the first `skip`, to another graph.
    pub fn hand(&mut self, values: &Values<'_>, step: &Step, skip: usize) {
        let inputs = step.inputs.iter().skip(skip);
        self.passing = inputs
            .map(|value| value.map_or_else(Taint::default, |value| self.of(values, value, 0)))
            .collect();
    }

    /// What a graph gave is what the next one gets, or the step gives.
    pub fn hand_on(&mut self) {
        self.passing = std::mem::take(&mut self.returned);
    }

    /// Where the outputs' came from, as [`Tracer::leave`] found it at the end of the outermost graph.
    pub fn of_output(&self, slot: usize, what: What) -> Option<&Origin> {
        self.origins.get(self.returned.get(slot)?.of(what)?)
    }

    fn given(&mut self, values: &Values<'_>, id: ValueId, view: View<'_>, source: Source) -> Taint {
        let Some(spread) = Spread::of(view) else {
            return Taint::default();
        };
        let mut taint = Taint {
            range: spread.range(),
            ..Taint::default()
        };
        for what in found(values, &spread) {
            let origin = self.origin(values, id, (what, spread), source);
            taint.set(what, origin);
        }
        taint
    }

    /// What of an output came with the inputs, and what the operator made.
    fn judged(
        &mut self,
        values: &Values<'_>,
        step: &Step,
        output: ValueId,
        view: View<'_>,
    ) -> Taint {
        let node = values.setup.graph().node(step.node);
        let mut taint = Taint::default();
        // What a list or an array holds can't be seen: what goes in may come out.
        let held = ["TensorArray", "Stack"];
        if view.dtype == DType::Variant || held.iter().any(|op| node.op.starts_with(op)) {
            for input in self.of_inputs(values, step) {
                taint.nan = earlier(taint.nan, input.nan);
                taint.infinite = earlier(taint.infinite, input.infinite);
            }
        }
        let Some(spread) = Spread::of(view) else {
            return taint;
        };
        for what in found(values, &spread) {
            let inputs = self.of_inputs(values, step);
            let origins = inputs.iter().map(|input| input.of(what));
            let came = origins.fold(None, earlier);
            let origin = came.unwrap_or_else(|| {
                let source = match &*node.op {
                    "ReadVariableOp" | "READ_VARIABLE" | "ResourceGather" | "ResourceGatherNd" => {
                        Source::Variable
                    }
                    _ => Source::Operator,
                };
                let next = self.origins.len();
                let origin = self.origin(values, output, (what, spread), source);
                if origin == next {
                    self.explain(origin, values, step, &inputs);
                }
                origin
            });
            taint.set(what, origin);
        }
        taint
    }

    /// Notes what the operator made it of.
    fn explain(&mut self, origin: usize, values: &Values<'_>, step: &Step, inputs: &[Taint]) {
        let graph = values.setup.graph();
        let from = step.inputs.iter().flatten().filter_map(|&value| {
            let (min, max) = self.of(values, value, 0).range?;
            let name = graph.value(value).name.clone();
            Some(Operand { name, min, max })
        });
        let from = from.collect();
        let Some(what) = self.origins.get(origin).map(|origin| origin.what) else {
            return;
        };
        let other = inputs.iter().map(|input| input.of(what.other()));
        let cause = other.fold(None, earlier);
        let cause = cause.and_then(|at| self.origins.get(at)).cloned();
        let Some(origin) = self.origins.get_mut(origin) else {
            return;
        };
        let before = self
            .places
            .get(&origin.at)
            .map(|&place| &self.values[place]);
        origin.call = before.map_or(0, |value| value.calls) + 1;
        origin.from = from;
        origin.cause = cause.map(Box::new);
    }

    fn of_inputs(&mut self, values: &Values<'_>, step: &Step) -> Vec<Taint> {
        // A kernel has packed some: the node names them still.
        let node = values.setup.graph().node(step.node);
        let inputs = step.inputs.iter().chain(&node.inputs).flatten();
        inputs.map(|&value| self.of(values, value, 0)).collect()
    }

    fn of(&mut self, values: &Values<'_>, value: ValueId, depth: usize) -> Taint {
        let root = values.plan.same_as[value.index()];
        let scope = self.scopes.last();
        if let Some(&taint) = scope.and_then(|scope| scope.get(&root)) {
            return taint;
        }
        let at = (values.setup.number, value);
        if let Some(&taint) = self.constants.get(&at) {
            return taint;
        }
        let taint = self.of_constant(values, value, depth);
        self.constants.insert(at, taint);
        taint
    }

    /// Of a stored constant, of a variable that is one to this run, or of what an operator makes of such.
    fn of_constant(&mut self, values: &Values<'_>, value: ValueId, depth: usize) -> Taint {
        let fact = values.plan.facts[value.index()].as_ref();
        let constant = fact.and_then(|fact| fact.constant.as_ref());
        let Some(Ok(tensor)) = constant.map(|constant| constant.read()) else {
            return Taint::default();
        };
        let Some(spread) = Spread::of(View::of(&tensor)) else {
            return Taint::default();
        };
        let mut taint = Taint {
            range: spread.range(),
            ..Taint::default()
        };
        for what in found(values, &spread) {
            let node = values.setup.graph().producer(value);
            let inputs = node.iter().flat_map(|node| node.inputs.iter().flatten());
            let mut came = None;
            let mut reads = false;
            for &input in inputs.filter(|_| depth < DEEPEST) {
                reads |= values.setup.graph().value(input).dtype == DType::Resource;
                came = earlier(came, self.of(values, input, depth + 1).of(what));
            }
            let computed = node.is_some_and(|node| !node.inputs.is_empty());
            let source = match () {
                () if reads => Source::Variable,
                () if computed => Source::Operator,
                () => Source::Constant,
            };
            let origin = came.unwrap_or_else(|| self.origin(values, value, (what, spread), source));
            taint.set(what, origin);
        }
        taint
    }

    /// The origin that a value is, kept from the first time.
    fn origin(
        &mut self,
        values: &Values<'_>,
        value: ValueId,
        (what, spread): (What, Spread),
        source: Source,
    ) -> usize {
        let at = (values.setup.number, value);
        let next = self.origins.len();
        let origin = *self.made.entry((at, what)).or_insert(next);
        if origin == next {
            let (graph, body) = (values.setup.graph(), values.setup.body());
            let of_value = graph.value(value).name.clone();
            let node = graph.producer(value);
            let node = node.filter(|_| source == Source::Operator);
            self.origins.push(Origin {
                source,
                what,
                at,
                graph: body.title.clone(),
                name: match (source, node) {
                    (Source::Variable, _) => variable(values, value).unwrap_or(of_value),
                    (_, Some(node)) => node.name.clone(),
                    (_, None) => of_value,
                },
                op: node.map(|node| node.op_label().into()),
                clamped: what == What::Infinity && spread.infinite == 0,
                count: match what {
                    What::Nan => spread.nan,
                    What::Infinity => infinite(values, &spread),
                },
                of: spread.count,
                from: Vec::new(),
                call: 0,
                cause: None,
            });
        }
        origin
    }

    /// Notes a value that was computed, and those that are its bytes.
    fn record(&mut self, values: &Values<'_>, value: ValueId, root: usize) -> Result<()> {
        self.note(values, value)?;
        let number = values.setup.number;
        let plan: *const Plan = values.plan;
        let (of, seen_as) = self.seen_as.entry(number).or_default();
        if *of != plan.addr() {
            (*of, *seen_as) = (plan.addr(), seen(values.plan));
        }
        // Where conditions decide, another of them may be dead.
        if values.setup.body().liveness.is_none() {
            for other in seen_as.get(&root).cloned().unwrap_or_default() {
                self.note(values, other)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, values: &Values<'_>, value: ValueId) -> Result<()> {
        let Ok(view) = values.view(value) else {
            return Ok(());
        };
        let at = (values.setup.number, value);
        let next = self.values.len();
        let place = *self.places.entry(at).or_insert(next);
        if place == next {
            self.values.push(traced(values, value));
        }
        let taint = self.scopes.last().and_then(|scope| {
            let root = values.plan.same_as[value.index()];
            scope.get(&root).copied()
        });
        let known = &mut self.values[place];
        known.dtype = view.dtype;
        known.shape.clear();
        known.shape.extend_from_slice(view.shape);
        known.calls += 1;
        known.range = taint.and_then(|taint| taint.range);
        known.nan |= taint.is_some_and(|taint| taint.nan.is_some());
        known.infinite |= taint.is_some_and(|taint| taint.infinite.is_some());
        if let Some((_, most)) = self.look.filter(|(look, _)| *look == at) {
            let bytes = view.bytes().len();
            self.taken = Some(match bytes <= most {
                true => view.to_tensor(),
                false => Err(too_large(bytes, most)),
            });
        }
        Ok(())
    }
}

/// Values that are the bytes of another, by that.
fn seen(plan: &Plan) -> SeenAs {
    let mut seen: SeenAs = HashMap::new();
    for (at, &root) in plan.same_as.iter().enumerate() {
        if at != root {
            seen.entry(root).or_default().push(ValueId(at as u32));
        }
    }
    seen
}

fn traced(values: &Values<'_>, value: ValueId) -> Traced {
    let (graph, body) = (values.setup.graph(), values.setup.body());
    let known = graph.value(value);
    let given = body.inputs.contains(&value);
    let maker = graph.producer(value).filter(|_| !given).map(|node| Maker {
        node: node.name.clone(),
        op: node.op_label().into(),
    });
    Traced {
        at: (values.setup.number, value),
        graph: body.title.clone(),
        file_graph: body.home.clone(),
        name: known.name.clone(),
        maker,
        dtype: known.dtype,
        shape: Vec::new(),
        range: None,
        nan: false,
        infinite: false,
        calls: 0,
        quantization: known.quantization.clone(),
    }
}

fn too_large(bytes: usize, most: usize) -> Error {
    Error::unsupported(format!(
        "it has {} MB; values of up to {} MB are kept to be looked at",
        bytes.div_ceil(1_000_000),
        most / 1_000_000
    ))
}

/// What there is that is not finite.
fn found(values: &Values<'_>, spread: &Spread) -> impl Iterator<Item = What> + use<> {
    let nan = (spread.nan > 0).then_some(What::Nan);
    let infinite = (infinite(values, spread) > 0).then_some(What::Infinity);
    nan.into_iter().chain(infinite)
}

/// Infinities, or what stands for them: TensorFlow Lite's operators clamp to the largest float.
fn infinite(values: &Values<'_>, spread: &Spread) -> usize {
    let clamps = values.setup.graph().dialect == Dialect::Tflite;
    spread.infinite + if clamps { spread.largest } else { 0 }
}

fn earlier(a: Option<usize>, b: Option<usize>) -> Option<usize> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The stored variable that an operator reads to make the value.
fn variable(values: &Values<'_>, value: ValueId) -> Option<Name> {
    let node = values.setup.graph().producer(value)?;
    let mut handles = node.inputs.iter().flatten();
    let id = handles.find_map(|handle| values.plan.facts[handle.index()].as_ref()?.variable)?;
    let variable = values.setup.program.variables.get(id.0 as usize)?;
    Some(variable.name.clone())
}
