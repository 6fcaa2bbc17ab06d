//! A signature made ready to run.

use std::borrow::Cow;

use super::execute::{Memory, Run, Values, Watch};
use super::plan::{Plan, Setup};
use super::problems::Problems;
use super::{ArenaReport, Intermediate, KernelChoice, OpTime, RunOptions, handover, inputs};
use crate::analysis::table_rows;
use crate::error::{Error, Kind, Result};
use crate::kernels::Threads;
use crate::model::{Dialect, Graph, Model, Name, NodeId, Port, Signature, Tensor, ValueId, inline};
use crate::ops::{self, Options, View};
use crate::progress::Progress;

/// A signature made ready to run; runs share the model's weights.
pub struct Session {
    key: Name,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    /// The file has no signature of its own.
    implied: bool,
    setup: Setup,
    /// The plan of the last input sizes, and the memory it runs in.
    planned: Option<(Plan, Memory)>,
    watch: Watch,
}

impl Session {
    /// Finds the signature and checks that every operator can run; names all that can't.
    pub fn new(model: &Model, options: &RunOptions) -> Result<Self> {
        let (meta_graph, signature) =
            model.signature(options.tags.as_deref(), options.signature.as_deref())?;
        let graph = match (meta_graph.dialect, meta_graph.graphs.get(signature.graph)) {
            (Dialect::Tflite, Some(subgraph)) => subgraph.clone(),
            _ => inline::flatten(meta_graph, signature).map_err(|e| e.in_file(&model.path))?,
        };
        Self::of_graph(model, signature, graph, options).map_err(|e| e.in_file(&model.path))
    }

    /// Of the signature's own graph, calls already inlined.
    pub(super) fn of_graph(
        model: &Model,
        signature: &Signature,
        mut graph: Graph,
        options: &RunOptions,
    ) -> Result<Self> {
        // What a Flex operator carries runs as TensorFlow's own; its attributes are the NodeDef's.
        for node in &mut graph.nodes {
            if let Some(op) = node.flex_op() {
                node.op = op.into();
            }
        }
        let inputs = port_values(&signature.inputs, &graph, &graph.inputs)?;
        let outputs = port_values(&signature.outputs, &graph, &graph.outputs)?;
        for (port, &value) in signature.inputs.iter().zip(&inputs) {
            let own = graph.value(value).dtype;
            if own != port.dtype {
                return Err(Error::unreadable(format!(
                    "the input {:?} is {} in the signature, {own} in the graph",
                    port.name, port.dtype
                )));
            }
        }
        let order = graph.topological_order()?;
        let mut ports = signature.inputs.clone();
        let rows = table_rows(&graph, &model.variables, &inputs);
        for (port, rows) in ports.iter_mut().zip(rows) {
            port.rows = rows;
        }
        let setup = Setup {
            variables: model.variables.clone(),
            options: Options {
                reference: options.kernels == KernelChoice::Reference,
            },
            threads: Threads::new(options.threads),
            order: needed(&graph, order, &inputs, &outputs),
            inputs,
            outputs,
            graph,
        };
        let mut session = Session {
            key: signature.key.clone(),
            inputs: ports,
            outputs: signature.outputs.clone(),
            implied: signature.implied,
            setup,
            planned: None,
            watch: Watch::default(),
        };
        session.check()?;
        Ok(session)
    }

    /// Fails with every operator that can't run. Plans ahead where the signature tells all sizes.
    fn check(&mut self) -> Result<()> {
        let setup = &self.setup;
        let mut problems = Problems::default();
        for &id in &setup.order {
            let node = setup.graph.node(id);
            if ops::find_for(&setup.graph, node).is_none() {
                problems.add(id, Error::unsupported("no such operator here"));
            }
        }
        problems.result(&setup.graph)?;
        let guess: Option<Vec<Vec<usize>>> = self
            .inputs
            .iter()
            .map(|port| port.shape.with_unknown_as(1))
            .collect();
        let Some(sizes) = guess else { return Ok(()) };
        let exact = self.inputs.iter().all(|port| port.shape.fixed().is_some());
        match Plan::new(setup, None, &sizes, &Progress::new()) {
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
        inputs::arrange(&self.inputs, inputs)
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
        inputs::check(&self.inputs, inputs)?;
        self.setup.threads.watch(progress);
        self.plan_for(inputs, progress)?;
        let Some((plan, memory)) = &mut self.planned else {
            return Err(Error::unsupported("nothing was planned"));
        };
        progress.stage("running", plan.steps.len() as u64);
        let mut run = Run {
            setup: &self.setup,
            plan,
            inputs,
            memory,
        };
        run.all(&mut self.watch, progress)?;
        Ok(Outputs {
            ports: &self.outputs,
            values: Values {
                setup: &self.setup,
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
        let tensors = handover::outputs(&self.setup, &plan, memory, &given)?;
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

    fn plan_for(&mut self, given: &[&Tensor], progress: &Progress) -> Result<()> {
        let same = |plan: &Plan| {
            plan.input_sizes
                .iter()
                .zip(given)
                .all(|(a, b)| a == b.shape())
        };
        if self.planned.as_ref().is_some_and(|(plan, _)| same(plan)) {
            return Ok(());
        }
        let sizes: Vec<_> = given.iter().map(|t| t.shape().to_vec()).collect();
        let before = self.planned.as_ref().map(|(plan, _)| plan);
        let plan = Plan::new(&self.setup, before, &sizes, progress)?;
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

    /// Times every operator in the runs that follow; costs nothing when off.
    pub fn set_profiling(&mut self, on: bool) {
        self.watch.profiling = on;
    }

    pub fn profile(&self) -> &[OpTime] {
        &self.watch.profile
    }

    /// Keeps every intermediate value of the runs that follow.
    pub fn set_keep_intermediates(&mut self, on: bool) {
        self.watch.keeping = on;
    }

    pub fn intermediates(&self) -> Vec<Intermediate> {
        self.watch.kept.clone()
    }

    /// After the first run.
    pub fn arena(&self) -> ArenaReport {
        self.planned
            .as_ref()
            .map(|(plan, _)| plan.report.clone())
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
        match self.values.setup.outputs.get(index) {
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

/// Nodes that the outputs need, and in a .tflite those that only have effects, in the given order.
fn needed(
    graph: &Graph,
    order: Vec<NodeId>,
    inputs: &[ValueId],
    outputs: &[ValueId],
) -> Vec<NodeId> {
    let mut live = vec![false; graph.nodes.len()];
    let mut stack: Vec<NodeId> = graph.control_outputs.clone();
    if graph.dialect == Dialect::Tflite {
        stack.extend(
            graph
                .node_ids()
                .filter(|&id| graph.node(id).outputs.is_empty()),
        );
    }
    let producer = |value: &ValueId| {
        let fed = inputs.contains(value);
        graph
            .value(*value)
            .producer
            .map(|(id, _)| id)
            .filter(|_| !fed)
    };
    stack.extend(outputs.iter().filter_map(producer));
    while let Some(id) = stack.pop() {
        if !std::mem::replace(&mut live[id.index()], true) {
            let node = graph.node(id);
            stack.extend(node.inputs.iter().flatten().filter_map(producer));
            stack.extend(&node.control);
        }
    }
    order.into_iter().filter(|id| live[id.index()]).collect()
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
