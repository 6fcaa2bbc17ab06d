//! A signature made ready to run.

use std::borrow::Cow;

use super::execute::{Run, Watch};
use super::memory::Memory;
use super::plan::{Call, Plan};
use super::program::Program;
use super::values::Values;
use super::{ArenaReport, Intermediate, OpTime, RunOptions, changes, handover, inputs};
use crate::analysis::{index_bounds, takes_bytes};
use crate::error::{Error, Kind, Result};
use crate::model::content::Teller;
use crate::model::{
    Dialect, Graph, MetaGraph, Model, Name, Normalization, Port, Signature, Tensor, ValueId, inline,
};
use crate::ops::{Fact, State, View};
use crate::progress::Progress;

/// A signature made ready to run; runs share the model's weights.
pub struct Session {
    key: Name,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    /// Inputs may have other sizes than the signature says, where the graph takes them: a `.tflite`.
    resizes: bool,
    /// The file has no signature of its own.
    implied: bool,
    pub(super) program: Program,
    /// Variables and tables; what a run changes stays for the next.
    pub(super) state: State,
    /// What the model wants to run first has run.
    pub(super) ready: bool,
    /// The plan of the last input sizes, and the memory it runs in.
    pub(super) planned: Option<(Plan, Memory)>,
    pub(super) watch: Watch,
    /// What the variable tensors held when their memory was given back, until another plan is made.
    pub(super) left: Vec<changes::Left>,
}

impl Session {
    /// Finds the signature and checks that every operator can run; names all that can't.
    pub fn new(model: &Model, options: &RunOptions) -> Result<Self> {
        let (meta_graph, signature, graph) = found(model, options)?;
        Self::of_graph(model, meta_graph, &signature, graph, options)
            .map_err(|e| e.in_file(&model.path))
    }

    /// Of the signature's own graph, calls already inlined.
    pub(super) fn of_graph(
        model: &Model,
        meta_graph: &MetaGraph,
        signature: &Signature,
        graph: Graph,
        options: &RunOptions,
    ) -> Result<Self> {
        let resizes = graph.dialect == Dialect::Tflite;
        let inputs = port_values(&signature.inputs, &graph, &graph.inputs)?;
        let named = !signature.outputs.is_empty() || !resizes;
        let output_ports = match named {
            true => signature.outputs.clone(),
            false => by_position(&graph),
        };
        let outputs = port_values(&output_ports, &graph, &graph.outputs)?;
        for (port, &value) in signature.inputs.iter().zip(&inputs) {
            let own = graph.value(value).dtype;
            if own != port.dtype {
                return Err(Error::unreadable(format!(
                    "the input {:?} is {} in the signature, {own} in the graph",
                    port.name, port.dtype
                )));
            }
        }
        let ports = bounded(&signature.inputs, model, &graph, &inputs);
        let program = Program::new(model, meta_graph, graph, [inputs, outputs], options)?;
        let mut session = Session {
            key: signature.key.clone(),
            inputs: ports,
            outputs: output_ports,
            resizes,
            implied: signature.implied,
            state: program.state(),
            ready: false,
            program,
            planned: None,
            watch: Watch::default(),
            left: Vec::new(),
        };
        session.plan_ahead()?;
        Ok(session)
    }

    /// Plans where the signature tells all sizes, which finds operators that can't run on its types.
    fn plan_ahead(&mut self) -> Result<()> {
        let guess: Option<Vec<Vec<usize>>> = self
            .inputs
            .iter()
            .map(|port| port.shape.with_unknown_as(1))
            .collect();
        let Some(sizes) = guess else { return Ok(()) };
        let exact = self.inputs.iter().all(|port| port.shape.fixed().is_some());
        let facts = self.facts(sizes.iter().map(Vec::as_slice));
        let (main, progress) = (self.program.main(), Progress::new());
        match Plan::new(main, None, facts, Call::Outermost, &progress) {
            Ok(plan) => {
                let memory = plan.memory()?;
                self.planned = Some((plan, memory));
                Ok(())
            }
            // Sizes of 1 were a guess; the real ones may fit.
            Err(error) if error.kind() == Kind::Usage && !exact => Ok(()),
            Err(error) => Err(as_the_models_fault(error)),
        }
    }

    /// What is known of inputs of these sizes.
    pub(super) fn facts<'s>(&self, sizes: impl Iterator<Item = &'s [usize]>) -> Vec<Fact> {
        let main = self.program.main();
        let fact =
            |(&id, sizes): (&ValueId, &[usize])| Fact::fixed(main.graph().value(id).dtype, sizes);
        main.body().inputs.iter().zip(sizes).map(fact).collect()
    }

    /// Variables and tables are again as the model has them.
    pub fn reset(&mut self) {
        self.state = self.program.state();
        self.ready = false;
        self.planned = None;
        self.left.clear();
    }

    /// The lines that the graph printed in the last run.
    pub fn said(&self) -> &[String] {
        self.state.said()
    }

    /// What random numbers came from that the graph has no seed for, if any were drawn.
    pub fn seed(&self) -> Option<u64> {
        self.state.seed()
    }

    pub fn signature(&self) -> &str {
        &self.key
    }

    /// Inputs in the order that `#0`, `#1`, … count.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// `inputs` by name (or `#0`…), in any order, as [`Session::invoke`] takes them: in the order of
    /// [`Session::inputs`], floats for a quantized input quantized.
    ///
    /// # Errors
    /// Names, types and sizes that don't fit (usage).
    pub fn arrange<'t>(&self, inputs: &'t [(String, Tensor)]) -> Result<Vec<Cow<'t, Tensor>>> {
        inputs::arrange(&self.inputs, inputs, self.resizes)
    }

    /// Runs once on `inputs` in the order of [`Session::inputs`]. After the first call with the same sizes it
    /// allocates nothing where the graph [is static](Session::is_static).
    ///
    /// # Errors
    /// Inputs that don't fit (usage), values that an operator can't work with, and a stop asked for through `progress`
    /// between two operators or within a large one.
    pub fn invoke<'s>(
        &'s mut self,
        inputs: &'s [&'s Tensor],
        progress: &Progress,
    ) -> Result<Outputs<'s>> {
        inputs::check(&self.inputs, inputs, self.resizes)?;
        self.get_ready(progress)?;
        self.plan_for(inputs, progress)?;
        let Some((plan, memory)) = &mut self.planned else {
            return Err(Error::unsupported("nothing was planned"));
        };
        progress.stage("running", plan.steps.len() as u64);
        self.state.begin_run();
        let mut run = Run {
            setup: self.program.main(),
            plan,
            inputs,
            memory,
            state: &mut self.state,
            within: &[],
        };
        run.all(&mut self.watch, progress)?;
        Ok(Outputs {
            ports: &self.outputs,
            values: Values {
                setup: self.program.main(),
                plan,
                inputs,
                memory,
            },
        })
    }

    /// [`Session::arrange`], [`Session::invoke`] and copies of the outputs in the order of [`Session::outputs`].
    ///
    /// # Errors
    /// As those.
    pub fn run(
        &mut self,
        inputs: &[(String, Tensor)],
        progress: &Progress,
    ) -> Result<Vec<(String, Tensor)>> {
        let arranged = self.arrange(inputs)?;
        let given: Vec<&Tensor> = arranged.iter().map(|tensor| &**tensor).collect();
        self.invoke(&given, progress)?.to_tensors()
    }

    /// [`Session::run`] for the last time: gives the memory of the runs back, and hands the outputs over where they lie
    /// rather than to copy them. Another run would plan anew.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_last(
        &mut self,
        inputs: &[(String, Tensor)],
        progress: &Progress,
    ) -> Result<Vec<(String, Tensor)>> {
        let arranged = self.arrange(inputs)?;
        let given: Vec<&Tensor> = arranged.iter().map(|tensor| &**tensor).collect();
        self.invoke(&given, progress)?;
        let Some((plan, memory)) = self.planned.take() else {
            return Err(Error::unsupported("nothing was planned"));
        };
        self.left = changes::lasting(&plan, &memory);
        let tensors = handover::outputs(self.program.main(), &plan, memory, &given)?;
        let names = self.outputs.iter().map(|port| port.name.to_string());
        Ok(names.zip(tensors).collect())
    }

    /// Outputs of [`Session::run`] under the keys that files use: the signature's names, or `#0`, `#1`, … for a model
    /// without signatures.
    pub fn keyed<'t>(&self, outputs: &'t [(String, Tensor)]) -> Vec<(String, &'t Tensor)> {
        let key = |at: usize, name: &String| {
            if self.implied {
                format!("#{at}")
            } else {
                name.clone()
            }
        };
        let outputs = outputs.iter().enumerate();
        outputs
            .map(|(at, (name, tensor))| (key(at, name), tensor))
            .collect()
    }

    /// Runs what the model wants to run first: it fills tables. The first run does it else.
    ///
    /// # Errors
    /// As [`Session::invoke`].
    pub fn get_ready(&mut self, progress: &Progress) -> Result<()> {
        self.program.threads.watch(progress);
        if let (Some(setup), false) = (self.program.init(), self.ready) {
            let within = [setup.number];
            let call = Call::Within {
                graphs: &within,
                unchanged: &[],
            };
            let plan = Plan::new(setup, None, Vec::new(), call, progress)?;
            let mut run = Run {
                setup,
                plan: &plan,
                inputs: &[],
                memory: &mut plan.memory()?,
                state: &mut self.state,
                within: &within,
            };
            run.all(&mut Watch::default(), progress)?;
        }
        self.ready = true;
        Ok(())
    }

    fn plan_for(&mut self, given: &[&Tensor], progress: &Progress) -> Result<()> {
        let same = |plan: &Plan| {
            let sizes = plan.inputs.iter().zip(given);
            let mut same = sizes.map(|(fact, tensor)| fact.shape.accepts(tensor.shape()));
            same.all(|same| same)
        };
        if self.planned.as_ref().is_some_and(|(plan, _)| same(plan)) {
            return Ok(());
        }
        let facts = self.facts(given.iter().map(|tensor| tensor.shape()));
        let before = self.planned.as_ref().map(|(plan, _)| plan);
        let main = self.program.main();
        let plan = Plan::new(main, before, facts, Call::Outermost, progress);
        let plan = plan.map_err(|error| inputs::misfit(&self.inputs, given, error))?;
        self.planned = None; // frees the old arena before the new one is made
        let memory = plan.memory()?;
        self.planned = Some((plan, memory));
        Ok(())
    }

    /// Whether every size within the graph followed from the sizes of the last inputs, and everything is plain numbers.
    pub fn is_static(&self) -> bool {
        self.planned
            .as_ref()
            .is_some_and(|(plan, _)| plan.is_static())
    }

    /// Times every operator in the runs that follow, those in loops, branches and calls too; costs nothing when off.
    pub fn set_profiling(&mut self, on: bool) {
        self.watch.profile.on = on;
    }

    /// The signature's own operators in the order in which they ran, then those of each graph that these run.
    pub fn profile(&self) -> &[OpTime] {
        self.watch.profile.times()
    }

    /// Keeps every intermediate value of the runs that follow.
    pub fn set_keep_intermediates(&mut self, on: bool) {
        self.watch.keeping = on;
        // Another plan has all of them.
        self.program.options.fusion = !on && self.program.may_fuse();
        if on && self.planned.as_ref().is_some_and(|(plan, _)| plan.fused) {
            self.planned = None;
        }
    }

    pub fn intermediates(&self) -> Vec<Intermediate> {
        self.watch.kept.clone()
    }

    /// After the first run.
    pub fn arena(&self) -> ArenaReport {
        self.planned
            .as_ref()
            .map(|(plan, memory)| ArenaReport {
                beside: memory.beside(),
                ..plan.report.clone()
            })
            .unwrap_or_default()
    }
}

/// What an invocation gave, where it lies; to be read or copied before the next one.
#[derive(Clone, Copy)]
pub struct Outputs<'s> {
    ports: &'s [Port],
    values: Values<'s>,
}

impl<'s> Outputs<'s> {
    pub fn len(&self) -> usize {
        self.ports.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ports.is_empty()
    }

    /// Output `index` in the order of [`Session::outputs`].
    ///
    /// # Errors
    /// There is no such output.
    pub fn view(&self, index: usize) -> Result<View<'s>> {
        match self.values.setup.body().outputs.get(index) {
            Some(&value) => self.values.view(value),
            None => Err(Error::usage(format!(
                "there is no output {index}, the signature has {}",
                self.len()
            ))),
        }
    }

    /// Copies of all of them under their names.
    pub fn to_tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let copy = |(at, port): (usize, &Port)| {
            let tensor = self.view(at)?.to_tensor()?;
            Ok((port.name.to_string(), tensor))
        };
        self.ports.iter().enumerate().map(copy).collect()
    }
}

/// The outputs of a graph whose signature names none.
fn by_position(graph: &Graph) -> Vec<Port> {
    let outputs = graph.outputs.iter().flatten().enumerate();
    outputs
        .map(|(at, &id)| Port::of(format!("#{at}"), graph, id))
        .collect()
}

/// The inputs of a signature with their [bounds as indices](Port::index_bound) and what their values
/// [are](Port::content): those of a [`Session`], found sooner.
///
/// # Errors
/// There is no such signature, or its graph can't be put together.
pub fn inputs_of(model: &Model, options: &RunOptions) -> Result<Vec<Port>> {
    let (_, signature, graph) = found(model, options)?;
    let inputs = port_values(&signature.inputs, &graph, &graph.inputs)?;
    Ok(bounded(&signature.inputs, model, &graph, &inputs))
}

/// The signature that is meant, a port for each plain tensor, and its graph with all calls inlined. What no signature is
/// called may be a function of the object graph.
fn found<'m>(
    model: &'m Model,
    options: &RunOptions,
) -> Result<(&'m MetaGraph, Cow<'m, Signature>, Graph)> {
    let (tags, key) = (options.tags.as_deref(), options.signature.as_deref());
    let (meta_graph, signature) = match (model.signature(tags, key), key) {
        (Ok(found), _) => found,
        (Err(error), None) => return Err(error),
        (Err(error), Some(path)) => {
            let meta_graph = model.meta_graph(tags)?;
            let called = inline::flatten_callable(meta_graph, path);
            let (signature, graph) = called.map_err(|e| e.in_file(&model.path))?.ok_or(error)?;
            return Ok((meta_graph, Cow::Owned(signature), graph));
        }
    };
    let signature = match meta_graph.graphs.get(signature.graph) {
        Some(graph) => signature.of_tensors(graph),
        None => Cow::Borrowed(signature),
    };
    let graph = match (meta_graph.dialect, meta_graph.graphs.get(signature.graph)) {
        (Dialect::Tflite, Some(subgraph)) => subgraph.clone(),
        _ => inline::flatten(meta_graph, &signature).map_err(|e| e.in_file(&model.path))?,
    };
    Ok((meta_graph, signature, graph))
}

/// `ports` with their bounds as indices and what their values are; `values` are the ports' in `graph`.
fn bounded(ports: &[Port], model: &Model, graph: &Graph, values: &[ValueId]) -> Vec<Port> {
    let bounds = index_bounds(graph, &model.variables, values);
    let bytes = takes_bytes(graph, values);
    let bounded = |((port, index_bound), takes_bytes): ((&Port, _), _)| {
        let mut content = port.content.clone();
        if takes_bytes {
            let told = (Normalization::bytes(), Teller::Operators);
            content.normalization.get_or_insert(told);
        }
        Port {
            index_bound,
            content,
            ..port.clone()
        }
    };
    ports.iter().zip(bounds).zip(bytes).map(bounded).collect()
}

/// The value of each port in the flat graph: a .tflite's ports name it, a TensorFlow graph has them in order.
fn port_values(
    ports: &[Port],
    graph: &Graph,
    in_order: &[Option<ValueId>],
) -> Result<Vec<ValueId>> {
    ports
        .iter()
        .enumerate()
        .map(|(at, port)| {
            let own = port.value.filter(|v| v.index() < graph.values.len());
            let value = match graph.dialect {
                Dialect::Tflite => own,
                Dialect::Tf => in_order.get(at).copied().flatten(),
            };
            value.ok_or_else(|| {
                Error::unsupported(format!("nothing in the graph stands for {:?}", port.name))
            })
        })
        .collect()
}

/// The same words for a model whose own sizes don't fit together: not the caller's mistake.
fn as_the_models_fault(error: Error) -> Error {
    if error.kind() != Kind::Usage {
        return error;
    }
    let mut fault = Error::unsupported(error.what());
    if let Some(place) = error.place() {
        fault = fault.at(place);
    }
    if let Some(hint) = error.advice() {
        fault = fault.hint(hint);
    }
    fault
}
