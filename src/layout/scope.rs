//! A graph as a hierarchy of name scopes: what can be drawn closed, opened in place, and which edges that leaves.

mod repeats;

use std::collections::{BTreeSet, HashMap, HashSet};

use super::net::Numbers;
use super::weights::Weights;
use crate::model::{Dialect, Graph, Node, NodeId, ValueId};

/// Index into [`Hierarchy::scopes`]; 0 is the whole graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeId(pub u32);

impl ScopeId {
    pub const ROOT: ScopeId = ScopeId(0);

    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What can stand in a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Item {
    /// An argument or subgraph input, by its position.
    Input(u32),
    Node(NodeId),
    Scope(ScopeId),
    /// A result of the graph, by its position.
    Output(u32),
}

/// A scope of names, or a run of equal blocks.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Path from the root: `encoder/layer_0`.
    pub path: String,
    /// The path below the parent's.
    pub label: String,
    pub parent: Option<ScopeId>,
    pub children: Vec<Item>,
    /// For a run of equal blocks, how many there are.
    pub repeat: Option<usize>,
    /// Operators of the main flow inside, at any depth.
    pub ops: usize,
    /// No scope of names: one of many pieces of a scope with too many children to be drawn at once.
    pub part: bool,
}

/// Data that flows from one operator, input or output to another, or only the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    pub from: Item,
    pub to: Item,
    /// `None`: `to` waits for `from` without taking anything from it.
    pub value: Option<ValueId>,
}

/// The scopes that are open; the root always is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Open(BTreeSet<ScopeId>);

impl Open {
    pub fn contains(&self, scope: ScopeId) -> bool {
        scope == ScopeId::ROOT || self.0.contains(&scope)
    }

    pub fn open(&mut self, scope: ScopeId) {
        self.0.insert(scope);
    }

    pub fn close(&mut self, scope: ScopeId) {
        self.0.remove(&scope);
    }
}

/// Scopes of a graph and the flow between its leaves.
#[derive(Debug, Clone)]
pub struct Hierarchy {
    pub scopes: Vec<Scope>,
    /// Between leaves; one per pair of ends.
    pub flows: Vec<Flow>,
    pub weights: Weights,
    /// The scope of every leaf.
    home: Numbers,
    /// Position of every node in an order in which data flows.
    position: Vec<u32>,
}

/// Deeper scopes are not told apart: no model is nested like this.
const DEEPEST: usize = 64;

impl Hierarchy {
    /// `bound` marks arguments that are weights ([`super::weights::bindings`]); with `all`, weights are drawn too.
    pub fn new(graph: &Graph, bound: &[bool], all: bool) -> Self {
        let weights = if all {
            Weights::none(graph)
        } else {
            Weights::of(graph, bound)
        };
        let mut position = vec![u32::MAX; graph.nodes.len()];
        let order = graph
            .topological_order()
            .unwrap_or_else(|_| graph.node_ids().collect());
        for (at, id) in order.into_iter().enumerate() {
            position[id.index()] = at as u32;
        }
        let mut hierarchy = Hierarchy {
            scopes: vec![Scope {
                path: String::new(),
                label: String::new(),
                parent: None,
                children: Vec::new(),
                repeat: None,
                ops: 0,
                part: false,
            }],
            flows: Vec::new(),
            weights,
            home: Numbers::default(),
            position,
        };
        hierarchy.place(graph);
        hierarchy.flows = hierarchy.flows_of(graph);
        hierarchy.compress();
        hierarchy.dissolve();
        hierarchy.count();
        hierarchy.group_repeats(graph);
        hierarchy
    }

    /// Cuts scopes with very many children into parts that are scopes themselves, in the order in which data flows.
    /// Nothing changes where there are none.
    #[must_use]
    pub fn in_parts(mut self, graph: &Graph) -> Self {
        /// Children that can be drawn at once, and those that a part has.
        const MOST: usize = 12_000;
        const PART: usize = 1_000;
        for index in 0..self.scopes.len() {
            if self.scopes[index].children.len() <= MOST {
                continue;
            }
            let above = ScopeId(index as u32);
            let is_port = |item: &Item| matches!(item, Item::Input(_) | Item::Output(_));
            let (ports, inner): (Vec<Item>, Vec<Item>) =
                self.in_order(above).into_iter().partition(is_port);
            let mut children = ports;
            for part in inner.chunks(PART) {
                children.push(Item::Scope(self.cut(graph, above, part)));
            }
            self.scopes[index].children = children;
        }
        self
    }

    /// Makes a part of a scope of some of its children.
    fn cut(&mut self, graph: &Graph, above: ScopeId, children: &[Item]) -> ScopeId {
        let id = ScopeId(self.scopes.len() as u32);
        let name = |item: Option<&Item>| match item {
            Some(Item::Node(node)) => {
                let name = node_path(graph.dialect, graph.node(*node));
                name.rsplit('/').next().unwrap_or(name).to_owned()
            }
            Some(Item::Scope(scope)) => self.scope(*scope).label.clone(),
            _ => String::new(),
        };
        let label = format!("{} … {}", name(children.first()), name(children.last()));
        let ops = children.iter().map(|child| match child {
            Item::Scope(scope) => self.scope(*scope).ops,
            _ => 1,
        });
        let part = Scope {
            path: self.scope(above).path.clone(),
            label,
            parent: Some(above),
            children: children.to_vec(),
            repeat: None,
            ops: ops.sum(),
            part: true,
        };
        self.scopes.push(part);
        for child in children {
            match *child {
                Item::Scope(scope) => self.scopes[scope.index()].parent = Some(id),
                leaf => self.home.insert(leaf, id.0),
            }
        }
        id
    }

    /// These scopes and every part of one.
    pub fn with_parts(&self, open: &Open) -> Open {
        let mut all = open.clone();
        let parts = self.scopes.iter().enumerate().filter(|(_, s)| s.part);
        parts.for_each(|(at, _)| all.open(ScopeId(at as u32)));
        all
    }

    pub fn scope(&self, id: ScopeId) -> &Scope {
        &self.scopes[id.index()]
    }

    /// The scope that an item stands in; `None` for the root and for what is not drawn.
    pub fn parent(&self, item: Item) -> Option<ScopeId> {
        match item {
            Item::Scope(id) => self.scope(id).parent,
            leaf => self.home.get(leaf).map(ScopeId),
        }
    }

    /// Whether the item takes part in the drawing at all.
    pub fn contains(&self, item: Item) -> bool {
        matches!(item, Item::Scope(_)) || self.home.get(item).is_some()
    }

    /// The outermost closed scope around an item, or the item itself when all around it are open.
    pub fn visible(&self, item: Item, open: &Open) -> Item {
        let mut shown = item;
        let mut at = self.parent(item);
        while let Some(scope) = at {
            if !open.contains(scope) {
                shown = Item::Scope(scope);
            }
            at = self.scope(scope).parent;
        }
        shown
    }

    /// From the root's child down to the item itself.
    pub fn path_to(&self, item: Item) -> Vec<Item> {
        let mut path = vec![item];
        let mut at = self.parent(item);
        while let Some(scope) = at.filter(|s| *s != ScopeId::ROOT) {
            path.push(Item::Scope(scope));
            at = self.scope(scope).parent;
        }
        path.reverse();
        path
    }

    /// What is drawn as one box each: leaves and closed scopes, in the order in which data flows.
    pub fn shown(&self, open: &Open) -> Vec<Item> {
        let mut found = Vec::new();
        let mut stack = vec![ScopeId::ROOT];
        while let Some(scope) = stack.pop() {
            for &child in &self.scope(scope).children {
                match child {
                    Item::Scope(id) if open.contains(id) => stack.push(id),
                    other => found.push(other),
                }
            }
        }
        found.sort_by_cached_key(|item| (self.position_of(*item), *item));
        found
    }

    /// The flow between what [`Self::shown`] gives, each pair once.
    pub fn shown_flows(&self, open: &Open) -> Vec<Flow> {
        let mut seen = HashSet::new();
        let mut shown = Vec::new();
        for flow in &self.flows {
            let from = self.visible(flow.from, open);
            let to = self.visible(flow.to, open);
            // Between leaves no pair comes twice.
            let leaves = from == flow.from && to == flow.to;
            if from != to && (leaves || seen.insert((from, to))) {
                let value = flow.value;
                shown.push(Flow { from, to, value });
            }
        }
        shown
    }

    /// Leaves inside an item; the item itself if it is one.
    pub fn leaves(&self, item: Item) -> impl Iterator<Item = Item> {
        let mut stack = vec![item];
        std::iter::from_fn(move || {
            loop {
                match stack.pop()? {
                    Item::Scope(id) => stack.extend(self.scope(id).children.iter().rev()),
                    leaf => return Some(leaf),
                }
            }
        })
    }

    /// The nodes inside an item.
    pub fn nodes(&self, item: Item) -> impl Iterator<Item = NodeId> {
        self.leaves(item).filter_map(|leaf| match leaf {
            Item::Node(id) => Some(id),
            _ => None,
        })
    }

    /// The leaf to stand on for a node that is folded away: the first one that its data reaches.
    pub fn stand_in(&self, graph: &Graph, node: NodeId) -> Option<Item> {
        let consumers = graph.consumers();
        let mut queue = std::collections::VecDeque::from([node]);
        let mut seen = HashSet::from([node]);
        while let Some(at) = queue.pop_front() {
            if self.contains(Item::Node(at)) {
                return Some(Item::Node(at));
            }
            for output in &graph.node(at).outputs {
                queue.extend(
                    consumers[output.index()]
                        .iter()
                        .filter(|id| seen.insert(**id)),
                );
            }
        }
        None
    }

    /// What to open at first: scopes while the root alone says too little, at most about `room` boxes. Repeated blocks
    /// stay closed as long as there is something else to see, and so do scopes beside others that stay closed.
    pub fn first_open(&self, room: usize) -> Open {
        let mut open = Open::default();
        loop {
            let shown = self.shown(&open);
            let scopes = shown.iter().filter_map(|item| match item {
                Item::Scope(id) => Some(*id),
                _ => None,
            });
            let next = scopes.max_by_key(|id| {
                let scope = self.scope(*id);
                (scope.repeat.is_none(), scope.ops, std::cmp::Reverse(*id))
            });
            let Some(next) = next else { return open };
            // Of several layers, one of them open says more of it than of the whole.
            let scopes = shown.iter().filter(|i| matches!(i, Item::Scope(_)));
            let layers = scopes.count() > 1 && self.scope(ScopeId::ROOT).ops > room;
            let more = self.scope(next).children.len();
            let many = shown.len() > 8 || (layers && shown.len() > 5);
            if many || shown.len() + more > room.max(9) {
                return open;
            }
            open.open(next);
        }
    }

    /// The children of a scope in the order in which data flows.
    pub fn in_order(&self, scope: ScopeId) -> Vec<Item> {
        let mut children = self.scope(scope).children.clone();
        children.sort_by_cached_key(|item| (self.position_of(*item), *item));
        children
    }

    fn position_of(&self, item: Item) -> (u8, u32) {
        match item {
            Item::Input(_) => (0, 0),
            Item::Node(id) => (1, self.position[id.index()]),
            Item::Scope(_) => (
                1,
                self.nodes(item)
                    .map(|id| self.position[id.index()])
                    .max()
                    .unwrap_or(u32::MAX),
            ),
            Item::Output(_) => (2, 0),
        }
    }

    /// Puts every leaf into its scope.
    fn place(&mut self, graph: &Graph) {
        let mut by_path: HashMap<String, ScopeId> = HashMap::from([(String::new(), ScopeId::ROOT)]);
        for (index, input) in graph.inputs.iter().enumerate() {
            if input.is_some_and(|v| !self.weights.is_value(v)) {
                self.put(Item::Input(index as u32), ScopeId::ROOT);
            }
        }
        let drawn: Vec<NodeId> = graph
            .node_ids()
            .filter(|id| !self.weights.is_node(*id) && &*graph.node(*id).op != "NoOp")
            .collect();
        // TensorFlow keeps what belongs to node `a/b` in the scope `a/b`: the node itself goes there too.
        let around: HashSet<&str> = drawn.iter().map(|id| scope_path(graph, *id)).collect();
        for &id in &drawn {
            let own = &*graph.node(id).name;
            let path = match graph.dialect {
                Dialect::Tf if around.contains(own) => own,
                _ => scope_path(graph, id),
            };
            let scope = self.scope_at(path, &mut by_path);
            self.put(Item::Node(id), scope);
        }
        for (index, output) in graph.outputs.iter().enumerate() {
            if output.is_some() {
                self.put(Item::Output(index as u32), ScopeId::ROOT);
            }
        }
    }

    fn put(&mut self, item: Item, scope: ScopeId) {
        self.home.insert(item, scope.0);
        self.scopes[scope.index()].children.push(item);
    }

    fn scope_at(&mut self, path: &str, by_path: &mut HashMap<String, ScopeId>) -> ScopeId {
        if let Some(&id) = by_path.get(path) {
            return id;
        }
        let mut parent = ScopeId::ROOT;
        let ends = path
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([path.len()]);
        for end in ends.take(DEEPEST) {
            let part = &path[..end];
            if let Some(&known) = by_path.get(part) {
                parent = known;
                continue;
            }
            let id = ScopeId(self.scopes.len() as u32);
            let above = self.scope(parent).path.len();
            let label = part[above..].trim_start_matches('/').to_owned();
            self.scopes.push(Scope {
                path: part.to_owned(),
                label,
                parent: Some(parent),
                children: Vec::new(),
                repeat: None,
                ops: 0,
                part: false,
            });
            self.scopes[parent.index()].children.push(Item::Scope(id));
            by_path.insert(part.to_owned(), id);
            parent = id;
        }
        parent
    }

    fn flows_of(&self, graph: &Graph) -> Vec<Flow> {
        let inputs: HashMap<ValueId, u32> = graph
            .inputs
            .iter()
            .enumerate()
            .filter_map(|(i, v)| v.map(|v| (v, i as u32)))
            .collect();
        let source = |value: ValueId| match graph.value(value).producer {
            Some((node, _)) => Some(Item::Node(node)),
            None => inputs.get(&value).map(|i| Item::Input(*i)),
        };
        let drawn = |item: Item| self.home.get(item).is_some();
        let mut flows = Vec::new();
        // What flows into one item.
        let mut seen = HashSet::new();
        let mut add = |value: ValueId, to: Item, seen: &mut HashSet<Item>| {
            if let Some(from) = source(value)
                && from != to
                && drawn(from)
                && seen.insert(from)
            {
                let value = Some(value);
                flows.push(Flow { from, to, value });
            }
        };
        for id in graph.node_ids().filter(|id| drawn(Item::Node(*id))) {
            seen.clear();
            for &value in graph.node(id).inputs.iter().flatten() {
                add(value, Item::Node(id), &mut seen);
            }
        }
        for (index, output) in graph.outputs.iter().enumerate() {
            if let Some(value) = output {
                seen.clear();
                add(*value, Item::Output(index as u32), &mut seen);
            }
        }
        // Where data flows too, waiting says nothing more.
        for id in graph.node_ids() {
            let to = Item::Node(id);
            if graph.node(id).control.is_empty() || !drawn(to) {
                continue;
            }
            let inputs = graph.node(id).inputs.iter().flatten();
            let mut seen: HashSet<Item> = inputs.filter_map(|value| source(*value)).collect();
            for from in awaited(graph, id).into_iter().map(Item::Node) {
                if from != to && drawn(from) && seen.insert(from) {
                    let value = None;
                    flows.push(Flow { from, to, value });
                }
            }
        }
        flows
    }

    /// A scope around a single thing says nothing: the thing takes its place. A scope around nothing goes.
    fn compress(&mut self) {
        // Children come after their parents, so from the end every child is settled before its parent.
        for index in (0..self.scopes.len()).rev() {
            let here = ScopeId(index as u32);
            let mut children = std::mem::take(&mut self.scopes[index].children);
            children.retain_mut(|child| {
                let Item::Scope(id) = *child else { return true };
                match *self.scopes[id.index()].children.as_slice() {
                    [] => return false,
                    [only] => *child = only,
                    _ => return true,
                }
                match *child {
                    Item::Scope(inner) => self.scopes[inner.index()].parent = Some(here),
                    leaf => {
                        self.home.insert(leaf, here.0);
                    }
                }
                // What is out of the tree holds nothing: it would tell another place of what it held.
                let gone = &mut self.scopes[id.index()];
                gone.parent = None;
                gone.children.clear();
                true
            });
            self.scopes[index].children = children;
        }
    }

    /// A scope around most of the graph says nothing either: what is in it stands at the root.
    fn dissolve(&mut self) {
        loop {
            let whole = self.leaves(Item::Scope(ScopeId::ROOT)).count();
            let around = self.scopes[0]
                .children
                .iter()
                .find_map(|child| match child {
                    Item::Scope(id) if self.leaves(*child).count() * 2 > whole => Some(*id),
                    _ => None,
                });
            let Some(id) = around else { break };
            let inner = std::mem::take(&mut self.scopes[id.index()].children);
            for child in &inner {
                match *child {
                    Item::Scope(inner) => {
                        self.scopes[inner.index()].parent = Some(ScopeId::ROOT);
                    }
                    leaf => {
                        self.home.insert(leaf, ScopeId::ROOT.0);
                    }
                }
            }
            self.scopes[id.index()].parent = None;
            self.scopes[0].path = self.scopes[id.index()].path.clone();
            let root = &mut self.scopes[0].children;
            if let Some(at) = root.iter().position(|c| *c == Item::Scope(id)) {
                root.splice(at..=at, inner);
            }
        }
        for index in 1..self.scopes.len() {
            if let Some(parent) = self.scopes[index].parent {
                let above = self.scope(parent).path.as_str();
                let path = self.scopes[index].path.as_str();
                let label = path.strip_prefix(above).unwrap_or(path);
                self.scopes[index].label = label.trim_start_matches('/').to_owned();
            }
        }
    }

    fn count(&mut self) {
        // Children come after their parents, so one pass from the end sums everything up.
        for index in (0..self.scopes.len()).rev() {
            let own = self.scopes[index]
                .children
                .iter()
                .map(|child| match child {
                    Item::Node(_) => 1,
                    Item::Scope(id) => self.scope(*id).ops,
                    _ => 0,
                })
                .sum();
            self.scopes[index].ops = own;
        }
    }
}

/// What a node waits for; a NoOp in between, which only gathers, stands for what it waits for itself.
fn awaited(graph: &Graph, id: NodeId) -> Vec<NodeId> {
    /// A NoOp that gathers all of a graph says nothing about one operator.
    const MOST: usize = 64;
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut stack = graph.node(id).control.clone();
    while let Some(at) = stack.pop() {
        if !seen.insert(at) || seen.len() > MOST {
            continue;
        }
        match &*graph.node(at).op {
            "NoOp" => stack.extend(&graph.node(at).control),
            _ => found.push(at),
        }
    }
    found.sort_unstable();
    found
}

/// The scope that a node's name puts it in, without the name itself.
fn scope_path(graph: &Graph, id: NodeId) -> &str {
    let name = node_path(graph.dialect, graph.node(id));
    match name.rfind('/') {
        Some(end) => name[..end].trim_matches('/'),
        None => "",
    }
}

/// A node's name as a path. TFLite's converter joins the names of fused operators with `;`: the one that tells
/// most about the operator that is left is taken, without the wrapper's `StatefulPartitionedCall/`.
pub fn node_path(dialect: Dialect, node: &Node) -> &str {
    let name = &*node.name;
    if dialect == Dialect::Tf {
        return name;
    }
    let hints: &[&str] = match &*node.op {
        "CONV_2D" | "CONV_3D" => &["conv"],
        "TRANSPOSE_CONV" => &["transpose", "conv"],
        "DEPTHWISE_CONV_2D" => &["depthwise"],
        "FULLY_CONNECTED" | "BATCH_MATMUL" => &["matmul", "tensordot", "einsum"],
        "ADD" | "SUB" => &["add", "sub"],
        _ => &[],
    };
    let parts = || name.split(';').filter(|part| !part.is_empty());
    let telling = hints.iter().find_map(|hint| {
        parts().find(|part| {
            let last = part.rsplit('/').next().unwrap_or(part);
            last.to_ascii_lowercase().contains(hint)
        })
    });
    let path = telling.or_else(|| parts().next()).unwrap_or(name);
    path.strip_prefix("StatefulPartitionedCall/")
        .unwrap_or(path)
}
