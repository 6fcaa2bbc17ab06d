//! TensorFlow 1's loops (`Enter`, `Merge`, `Switch`, `NextIteration`, `Exit` around a `LoopCond`) become `While` operators
//! with graphs of their own.

use std::collections::HashMap;

use super::dead::{is_merge, is_switch};
use crate::error::{Error, Result};
use crate::model::{Attr, Attrs, DType, Graph, Name, Node, NodeId, Shape, Value, ValueId};
use crate::ops::Block;

/// A graph cut out of another one.
pub struct Part {
    pub graph: Graph,
    /// The loop's own name, and which part it is.
    pub title: Name,
    pub inputs: Vec<ValueId>,
    pub outputs: Vec<ValueId>,
}

/// Inputs and outputs of a graph.
type Ends = (Vec<ValueId>, Vec<ValueId>);

/// Nodes that may be copied for the loops of a graph.
const MOST_COPIED: usize = 1 << 24;

/// One loop as it stands in the graph.
struct Frame {
    head: NodeId,
    name: String,
    /// Per loop variable: where its first value comes in, and the merge, switch and next value.
    enters: Vec<NodeId>,
    merges: Vec<NodeId>,
    switches: Vec<Option<NodeId>>,
    next: Vec<ValueId>,
    /// What a round does before the next one begins, whether or not a value tells of it.
    acts: Vec<NodeId>,
    /// Values from outside that stay the same.
    constants: Vec<NodeId>,
    /// What belongs to the loop, other loops in it included.
    inside: Vec<bool>,
    /// The graph without the edges that lead out of the loop.
    cut: Graph,
}

/// Rewrites the loops of `graph` that its results need and that lie in no other loop. Gives the graphs that they run;
/// loops in loops are still in those.
///
/// # Errors
/// A loop that is not built as TensorFlow builds them.
pub fn close(
    graph: &mut Graph,
    inputs: &[ValueId],
    outputs: &[ValueId],
) -> Result<HashMap<Block, Part>> {
    let mut parts = HashMap::new();
    let is_head = |id: &NodeId| &*graph.node(*id).op == "LoopCond";
    if !graph.node_ids().any(|id| is_head(&id)) {
        return Ok(parts);
    }
    let mut stack = graph.control_outputs.clone();
    // What goes out as it came in needs none of what made it further out.
    let own = outputs.iter().filter(|value| !inputs.contains(value));
    let made = own.filter_map(|&v| graph.value(v).producer);
    stack.extend(made.map(|(id, _)| id));
    let needed = graph.needed(stack, |value| inputs.contains(&value));
    let heads: Vec<NodeId> = (graph.node_ids())
        .filter(|id| needed[id.index()] && is_head(id))
        .collect();
    // Each loop gets copies of the graph.
    if heads.len().saturating_mul(graph.nodes.len()) > MOST_COPIED {
        return Err(Error::unsupported(format!(
            "{} loops in one graph, more than any model has",
            heads.len()
        )));
    }
    let consumers = graph.consumers();
    let frames = heads.iter().map(|&head| {
        let fault = |e: Error| e.at(format_args!("loop {:?}", graph.node(head).name));
        Frame::new(graph, &consumers, head).map_err(fault)
    });
    let frames: Vec<Frame> = frames.collect::<Result<_>>()?;
    for frame in &frames {
        let others = frames.iter().filter(|other| other.head != frame.head);
        if !others
            .into_iter()
            .any(|other| other.inside[frame.head.index()])
        {
            frame.rewrite(graph, &consumers, &mut parts);
        }
    }
    Ok(parts)
}

impl Frame {
    fn new(graph: &Graph, consumers: &[Vec<NodeId>], head: NodeId) -> Result<Self> {
        let odd = |what: &str| Error::unsupported(format!("{what}, which no loop has"));
        let node = graph.node(head);
        let (Some(test), Some(&told)) = (node.input(0), node.outputs.first()) else {
            return Err(odd("a condition without a value"));
        };
        let mut frame = Frame {
            head,
            name: String::new(),
            enters: Vec::new(),
            merges: Vec::new(),
            switches: Vec::new(),
            next: Vec::new(),
            acts: Vec::new(),
            constants: Vec::new(),
            inside: Vec::new(),
            cut: graph.clone(),
        };
        let switches = consumers[told.index()].iter();
        for &id in switches.filter(|id| is_switch(graph.node(**id))) {
            let merge = graph
                .node(id)
                .input(0)
                .and_then(|v| graph.value(v).producer);
            let merge = merge.ok_or_else(|| odd("a switch behind no merge"))?.0;
            frame.variable(graph, merge, Some(id))?;
        }
        frame.find_unswitched(graph, test)?;
        if frame.merges.is_empty() {
            return Err(odd("no variable"));
        }
        frame.find_inside(test);
        Ok(frame)
    }

    /// Variables that only the condition looks at have no switch.
    fn find_unswitched(&mut self, graph: &Graph, test: ValueId) -> Result<()> {
        let producer = |value: ValueId| graph.value(value).producer.map(|(id, _)| id);
        let told: Vec<NodeId> = producer(test).into_iter().collect();
        // What comes from before the loop, maybe out of another one, is none.
        let name = self.name.clone();
        let ends = |value: ValueId| {
            let frame = producer(value).and_then(|id| frame_of(graph, id));
            frame.is_some_and(|frame| name.is_empty() || frame == name)
        };
        let before = graph.needed(told, ends);
        for id in graph.node_ids().filter(|id| before[id.index()]) {
            for input in graph.node(id).inputs.iter().flatten().filter(|v| ends(**v)) {
                if let Some(merge) = producer(*input).filter(|m| is_merge(graph.node(*m)))
                    && !self.merges.contains(&merge)
                    && is_loop_head(graph, merge)
                {
                    self.variable(graph, merge, None)?;
                }
            }
        }
        Ok(())
    }

    fn variable(&mut self, graph: &Graph, merge: NodeId, switch: Option<NodeId>) -> Result<()> {
        let (mut enter, mut next) = (None, None);
        for value in graph.node(merge).inputs.iter().flatten() {
            if let Some((id, _)) = graph.value(*value).producer {
                match &*graph.node(id).op {
                    "Enter" | "RefEnter" => enter = Some(id),
                    "NextIteration" | "RefNextIteration" => {
                        next = graph.node(id).input(0);
                        self.acts.extend(&graph.node(id).control);
                    }
                    _ => {}
                }
            }
        }
        let merges = is_merge(graph.node(merge));
        let (Some(enter), Some(next), true) = (enter, next, merges) else {
            return Err(Error::unsupported(
                "a variable that does not come in, or does not go round",
            ));
        };
        if self.name.is_empty() {
            let name = graph.node(enter).attrs.text("frame_name");
            self.name = name.unwrap_or_default().to_owned();
        }
        self.enters.push(enter);
        self.merges.push(merge);
        self.switches.push(switch);
        self.next.push(next);
        Ok(())
    }

    fn find_inside(&mut self, test: ValueId) {
        let own = |graph: &Graph, id: NodeId| {
            let node = graph.node(id);
            let enters = matches!(&*node.op, "Enter" | "RefEnter");
            enters && node.attrs.text("frame_name") == Some(self.name.as_str())
        };
        let entrances: Vec<NodeId> = (self.cut.node_ids())
            .filter(|&id| own(&self.cut, id))
            .collect();
        let mut given = vec![false; self.cut.values.len()];
        let mut outer = vec![false; self.cut.nodes.len()];
        let switches = self.switches.iter().flatten();
        let ends = self.merges.iter().chain(&entrances).chain(switches);
        for &id in ends.clone() {
            outer[id.index()] = true;
            for value in &self.cut.node(id).outputs {
                given[value.index()] = true;
            }
        }
        outer[self.head.index()] = true;
        for node in &mut self.cut.nodes {
            node.control.retain(|id| !outer[id.index()]);
        }
        self.acts.retain(|id| !outer[id.index()]);
        let results = self.next.iter().chain([&test]);
        let made = results.filter(|value| !given[value.index()]);
        let made = made.filter_map(|&value| Some(self.cut.value(value).producer?.0));
        let stack = made.chain(self.acts.iter().copied()).collect();
        self.inside = (self.cut).needed(stack, |value| given[value.index()]);
        let used = |id: &NodeId| {
            let output = self.cut.node(*id).outputs.first().copied();
            let takes = |node: &Node| output.is_some_and(|v| node.inputs.contains(&Some(v)));
            let mut nodes = self.cut.node_ids().filter(|n| self.inside[n.index()]);
            nodes.any(|n| takes(self.cut.node(n)))
                || output.is_some_and(|v| self.next.contains(&v) || v == test)
        };
        let constant = entrances.iter().filter(|id| !self.enters.contains(id));
        self.constants = constant.filter(|id| used(id)).copied().collect();
        for &id in ends {
            self.inside[id.index()] = true;
        }
        self.inside[self.head.index()] = true;
    }

    /// Puts a `While` beside the loop, whose exits take its results.
    fn rewrite(
        &self,
        graph: &mut Graph,
        consumers: &[Vec<NodeId>],
        parts: &mut HashMap<Block, Part>,
    ) {
        let head = graph.node(self.head).clone();
        let first = |graph: &Graph, id: NodeId| graph.node(id).outputs.first().copied();
        let (cut, ends) = self.ends(graph);
        graph.control_outputs.retain(|id| !self.inside[id.index()]);
        let mut node = Node::new(head.name.clone(), "While");
        for (attr, (inputs, outputs)) in ["cond", "body"].into_iter().zip(ends) {
            // Names need not be unique in a damaged graph.
            let number = self.head.index();
            let name = Name::from(format!("{}/{}@{number}/{attr}", graph.name, head.name));
            let mut part = cut.clone();
            part.name = name.clone();
            if attr == "cond" {
                part.control_outputs.clear();
            }
            let function = Attr::Func {
                name: name.clone(),
                attrs: Attrs::new(),
            };
            node.attrs.set(attr, function);
            let part = Part {
                graph: part,
                title: format!("{}/{attr}", self.name).into(),
                inputs,
                outputs,
            };
            parts.insert(Block::Function(name), part);
        }
        for &enter in self.enters.iter().chain(&self.constants) {
            node.inputs.push(graph.node(enter).input(0));
            node.control.extend(&graph.node(enter).control);
            let dtype = first(graph, enter).map(|v| graph.value(v).dtype);
            let value = Value::new(
                graph.node(enter).name.clone(),
                dtype.unwrap_or(DType::Invalid),
                Shape::UNKNOWN,
            );
            node.outputs.push(graph.add_value(value));
        }
        let results = node.outputs.clone();
        graph.add_node(node);
        for (switch, result) in self.switches.iter().zip(results) {
            let left = switch.and_then(|switch| first(graph, switch));
            for &exit in left.iter().flat_map(|v| &consumers[v.index()]) {
                let exit = graph.node_mut(exit);
                if matches!(&*exit.op, "Exit" | "RefExit") {
                    exit.op = "Identity".into();
                    exit.inputs = vec![Some(result)];
                    exit.control.clear();
                }
            }
        }
    }

    /// The loop's own graph, and in it the inputs and outputs of condition and body.
    fn ends(&self, graph: &Graph) -> (Graph, [Ends; 2]) {
        let first = |id: NodeId| graph.node(id).outputs.first().copied();
        let same: Vec<ValueId> = self.constants.iter().filter_map(|&id| first(id)).collect();
        let mut cut = self.cut.clone();
        let mut body: Vec<ValueId> = Vec::new();
        for (&merge, switch) in self.merges.iter().zip(&self.switches) {
            let handed = switch.and_then(|switch| graph.node(switch).outputs.get(1).copied());
            // A variable that no switch hands to the body still has its place there.
            let unread = |cut: &mut Graph| {
                let value = first(merge).map(|v| graph.value(v).clone());
                let nothing = || Value::new("", DType::Invalid, Shape::UNKNOWN);
                let mut value = value.unwrap_or_else(nothing);
                value.producer = None;
                cut.add_value(value)
            };
            body.push(handed.unwrap_or_else(|| unread(&mut cut)));
        }
        let merged = self.merges.iter().filter_map(|&merge| first(merge));
        let mut condition: Vec<ValueId> = merged.collect();
        condition.extend(&same);
        body.extend(&same);
        cut.control_outputs = (graph.control_outputs.iter().copied())
            .filter(|id| self.inside[id.index()])
            .chain(self.acts.iter().copied())
            .collect();
        let test = graph.node(self.head).inputs.iter().copied().flatten();
        let next = self.next.iter().chain(&same).copied();
        let ends = [(condition, test.collect()), (body, next.collect())];
        (cut, ends)
    }
}

/// The frame that a node leads into: of an entrance, and of a merge behind one.
fn frame_of(graph: &Graph, id: NodeId) -> Option<&str> {
    let enters = |node: &Node| matches!(&*node.op, "Enter" | "RefEnter");
    let node = graph.node(id);
    let entrance = match is_merge(node) {
        true => {
            let inputs = node.inputs.iter().flatten();
            let mut made = inputs.filter_map(|&value| graph.producer(value));
            made.find(|node| enters(node))?
        }
        false => Some(node).filter(|node| enters(node))?,
    };
    Some(entrance.attrs.text("frame_name").unwrap_or_default())
}

/// Whether something comes round to a merge.
fn is_loop_head(graph: &Graph, merge: NodeId) -> bool {
    let inputs = graph.node(merge).inputs.iter().flatten();
    inputs
        .filter_map(|&value| graph.producer(value))
        .any(|node| matches!(&*node.op, "NextIteration" | "RefNextIteration"))
}
