//! What is worked out about the graph on the screen: its scopes, drawing, rows and costs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::levels::{Ways, called};
use crate::layout::label::{Label, WIDEST, cut_end, scope_tail, words};
use crate::layout::rails::{Row, rails};
use crate::layout::scene::{Detail, Scene, Shown, build_with};
use crate::layout::scope::{Flow, Hierarchy, Item, Open, ScopeId};
use crate::layout::weights::{Bound, Origin, Weight};
use crate::model::{DType, Graph, MetaGraph, Model, Node, NodeId, Value, ValueId};
use crate::tui::measured::Measured;
use crate::tui::text;

/// Why a graph has no times.
const NOT_RUN: &str = "not in the last run";
const WITHIN_A_LOOP: &str = "timed as a whole where it is called";

/// Whether a loop or a branch calls the graph: a run times these as one operator.
pub(super) fn is_within_a_loop(meta: &MetaGraph, graph: usize) -> bool {
    let branches = |node: &Node| {
        let ops = ["While", "WHILE", "If", "IF", "Case"];
        ops.iter().any(|op| node.op.ends_with(op))
    };
    meta.graphs.iter().any(|from| {
        let mut found = from.node_ids().filter(|id| branches(from.node(*id)));
        found.any(|id| called(meta, from, Item::Node(id)).contains(&graph))
    })
}

/// Boxes that may be open at first.
const ROOM: usize = 40;

/// What a drawing is of; the same key gives the same drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub meta: usize,
    pub graph: usize,
    /// `None` opens what shows a graph best at first.
    pub open: Option<Open>,
    pub detail: Detail,
    pub overlay: Overlay,
    /// Edges that only say what runs after what are drawn too.
    pub waits: bool,
    /// [`Measured::version`].
    pub measured: u64,
}

/// What the colours of boxes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlay {
    /// The family of the operator.
    #[default]
    Family,
    Bytes,
    Macs,
    Dtype,
    /// Of the last run.
    Time,
    /// Of the last comparison.
    Error,
}

impl Overlay {
    pub const ALL: [Overlay; 6] = [
        Overlay::Family,
        Overlay::Bytes,
        Overlay::Macs,
        Overlay::Dtype,
        Overlay::Time,
        Overlay::Error,
    ];

    pub fn title(self) -> &'static str {
        ["family", "bytes", "MAC", "type", "time", "error"][self as usize]
    }

    /// What to say when nothing was measured for a graph.
    fn missing(self, measured: &Measured, meta: usize, graph: usize) -> Option<&'static str> {
        let unless = |known: bool, words| (!known).then_some(words);
        match self {
            Overlay::Time if !measured.has_times() => Some("no run yet: press r"),
            Overlay::Time => unless(measured.times(meta, graph).is_some(), NOT_RUN),
            Overlay::Error if !measured.has_errors() => Some("not compared yet: press d"),
            Overlay::Error => unless(measured.errors(meta, graph).is_some(), "not compared"),
            _ => None,
        }
    }

    #[must_use]
    pub fn next(self) -> Overlay {
        Overlay::ALL[(self as usize + 1) % Overlay::ALL.len()]
    }
}

/// What an operator, or all of a scope, takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Elements and bytes of weights, each weight once.
    pub params: u64,
    pub bytes: u64,
    /// Multiply-accumulates for one sample, those of called functions included.
    pub macs: u64,
}

/// What a run and a comparison told of an operator or of all of a scope.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    pub nanos: Option<u64>,
    /// Signal to noise in dB; the worst of a scope.
    pub sqnr_db: Option<f64>,
}

/// What is known of something that is drawn.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    cost: Cost,
    figures: Figures,
    dtype: Option<DType>,
}

/// A signal to noise from which on nothing is wrong.
const CLEAN_DB: f64 = 60.0;

impl Figures {
    fn add(&mut self, other: Figures) {
        let nanos = [self.nanos, other.nanos].into_iter().flatten();
        self.nanos = nanos.reduce(|a, b| a + b);
        let errors = [self.sqnr_db, other.sqnr_db].into_iter().flatten();
        self.sqnr_db = errors.reduce(f64::min);
    }

    /// How bad the error is, from 0 to 1.
    pub fn badness(&self) -> Option<f64> {
        Some((1.0 - self.sqnr_db? / CLEAN_DB).clamp(0.0, 1.0))
    }

    /// `31.4 dB`, `equal`.
    pub fn error_text(&self) -> Option<String> {
        let db = self.sqnr_db?;
        Some(match db {
            f64::INFINITY => "equal".to_owned(),
            db => format!("{db:.1} dB"),
        })
    }
}

impl Cost {
    fn add(&mut self, other: &Cost) {
        self.params += other.params;
        self.bytes += other.bytes;
        self.macs += other.macs;
    }
}

/// All that is drawn of a graph.
pub struct Seen {
    pub key: Key,
    pub open: Open,
    pub hierarchy: Arc<Hierarchy>,
    pub scene: Scene,
    pub rows: Vec<Row>,
    pub flows: Vec<Flow>,
    /// Of every operator of the main flow.
    pub costs: Arc<HashMap<NodeId, Cost>>,
    /// Of the whole graph.
    pub total: Cost,
    /// Of everything that is drawn.
    told: HashMap<Item, Told>,
    /// Nanoseconds of the last run's operators in this graph.
    pub nanos: u64,
    /// Whether a run and a comparison told anything of this graph.
    pub is_timed: bool,
    pub is_compared: bool,
    /// Why the overlay shows nothing.
    pub missing: Option<&'static str>,
    before: HashMap<Item, Vec<Item>>,
    after: HashMap<Item, Vec<Item>>,
}

impl Seen {
    /// What a later drawing of the same graph can use, without the drawing.
    pub fn lend(&self) -> Seen {
        Seen {
            key: self.key.clone(),
            open: self.open.clone(),
            hierarchy: self.hierarchy.clone(),
            scene: Scene::default(),
            rows: Vec::new(),
            flows: Vec::new(),
            costs: self.costs.clone(),
            total: self.total,
            told: HashMap::new(),
            nanos: 0,
            is_timed: false,
            is_compared: false,
            missing: None,
            before: HashMap::new(),
            after: HashMap::new(),
        }
    }

    /// Works it out. `old` lends what does not depend on the open scopes.
    pub fn new(
        model: &Model,
        ways: &Ways,
        (key, measured): (Key, &Measured),
        old: Option<&Seen>,
    ) -> Option<Seen> {
        let meta = model.meta_graphs.get(key.meta)?;
        let graph = meta.graphs.get(key.graph)?;
        let same = old.filter(|o| o.key.meta == key.meta && o.key.graph == key.graph);
        let (hierarchy, costs) = match same {
            Some(old) => (old.hierarchy.clone(), old.costs.clone()),
            None => {
                let hierarchy = Hierarchy::new(graph, &ways.weights(key.graph), false);
                let costs = costs(model, ways, &key, graph, &hierarchy);
                (Arc::new(hierarchy), Arc::new(costs))
            }
        };
        let open = match &key.open {
            Some(open) => open.clone(),
            None => hierarchy.first_open(ROOM),
        };
        let mut flows = hierarchy.shown_flows(&open);
        flows.retain(|flow| key.waits || flow.value.is_some());
        let mut before: HashMap<Item, Vec<Item>> = HashMap::new();
        let mut after: HashMap<Item, Vec<Item>> = HashMap::new();
        for flow in &flows {
            after.entry(flow.from).or_default().push(flow.to);
            before.entry(flow.to).or_default().push(flow.from);
        }
        let (times, errors) = (
            measured.times(key.meta, key.graph),
            measured.errors(key.meta, key.graph),
        );
        let told = |item: Item| {
            let mut told = Told {
                dtype: dtype_of(graph, &hierarchy, item),
                ..Told::default()
            };
            for id in hierarchy.nodes(item) {
                if let Some(cost) = costs.get(&id) {
                    told.cost.add(cost);
                }
                told.figures.add(Figures {
                    nanos: times.and_then(|times| times.get(&id).copied()),
                    sqnr_db: errors.and_then(|errors| errors.get(&id).copied()),
                });
            }
            (item, told)
        };
        let opened = (1..hierarchy.scopes.len() as u32).map(ScopeId);
        let opened = opened.filter(|id| open.contains(*id)).map(Item::Scope);
        let shown = hierarchy.shown(&open);
        let told: HashMap<Item, Told> = shown.iter().copied().chain(opened).map(told).collect();
        let ports = port_names(model, &key);
        let relabel = |item: Item, label: &mut Label| {
            if let Some(name) = ports.get(&item) {
                label.head.clone_from(name);
            }
            note(label, told.get(&item), key.overlay);
        };
        let what = Shown {
            open: &open,
            detail: key.detail,
            control: key.waits,
        };
        let scene = build_with(graph, &hierarchy, what, &relabel);
        let is_compared = errors.is_some();
        let missing = key.overlay.missing(measured, key.meta, key.graph);
        let missing = match missing {
            Some(NOT_RUN) if is_within_a_loop(meta, key.graph) => Some(WITHIN_A_LOOP),
            other => other,
        };
        let nanos = times.map_or(0, |times| times.values().sum());
        let mut total = Cost::default();
        costs.values().for_each(|cost| total.add(cost));
        Some(Seen {
            scene,
            rows: rails(&shown, &flows),
            key,
            open,
            hierarchy,
            flows,
            costs,
            total,
            told,
            nanos,
            is_timed: times.is_some(),
            is_compared,
            missing,
            before,
            after,
        })
    }

    pub fn before(&self, item: Item) -> &[Item] {
        self.before.get(&item).map_or(&[], Vec::as_slice)
    }

    pub fn after(&self, item: Item) -> &[Item] {
        self.after.get(&item).map_or(&[], Vec::as_slice)
    }

    pub fn cost(&self, item: Item) -> Cost {
        self.told.get(&item).copied().unwrap_or_default().cost
    }

    pub fn figures(&self, item: Item) -> Figures {
        self.told.get(&item).copied().unwrap_or_default().figures
    }

    /// The type of what comes out.
    pub fn dtype(&self, item: Item) -> Option<DType> {
        self.told.get(&item)?.dtype
    }

    /// The words for an item, uncut, inputs and outputs by their signature's names.
    pub fn words(&self, graph: &Graph, item: Item) -> Label {
        let place = self.scene.place(item);
        match (item, place) {
            // Counting the operators of a large scope takes too long for every frame.
            (Item::Scope(id), Some(place)) => Label {
                tail: scope_tail(self.hierarchy.scope(id)),
                ..place.label.clone()
            },
            (Item::Input(_) | Item::Output(_), Some(place)) => Label {
                head: place.label.head.clone(),
                ..words(graph, &self.hierarchy, item)
            },
            _ => words(graph, &self.hierarchy, item),
        }
    }

    /// Everything before and after an item, itself included.
    pub fn reach(&self, item: Item) -> HashSet<Item> {
        let mut all = HashSet::from([item]);
        for next in [Seen::before, Seen::after] {
            let mut stack = vec![item];
            let mut seen = HashSet::from([item]);
            while let Some(at) = stack.pop() {
                stack.extend(next(self, at).iter().filter(|i| seen.insert(**i)));
            }
            all.extend(seen);
        }
        all
    }

    /// A shortest way along the flow between two items, in either direction.
    pub fn path(&self, from: Item, to: Item) -> Option<Vec<Item>> {
        self.one_way(from, to).or_else(|| {
            let mut path = self.one_way(to, from)?;
            path.reverse();
            Some(path)
        })
    }

    fn one_way(&self, from: Item, to: Item) -> Option<Vec<Item>> {
        let mut came: HashMap<Item, Item> = HashMap::new();
        let mut queue = std::collections::VecDeque::from([from]);
        while let Some(at) = queue.pop_front() {
            if at == to {
                let mut path = vec![to];
                let mut back = to;
                while let Some(&earlier) = came.get(&back) {
                    path.push(earlier);
                    back = earlier;
                }
                path.reverse();
                return Some(path);
            }
            for &next in self.after(at) {
                if next != from && !came.contains_key(&next) {
                    came.insert(next, at);
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

/// Names that a signature gives to inputs and outputs of this graph.
fn port_names(model: &Model, key: &Key) -> HashMap<Item, String> {
    let meta = model.meta_graphs.get(key.meta);
    let Some((meta, graph)) = meta.and_then(|m| Some((m, m.graphs.get(key.graph)?))) else {
        return HashMap::new();
    };
    let signatures = meta
        .signatures
        .iter()
        .filter(|s| s.graph == key.graph && !s.implied);
    // The first signature decides.
    let mut names: HashMap<ValueId, &str> = HashMap::new();
    for port in signatures.flat_map(|s| s.inputs.iter().chain(&s.outputs)) {
        if let Some(value) = port.value {
            names.entry(value).or_insert(&port.name);
        }
    }
    let name = |item: Item, value: &Option<ValueId>| {
        let name = names.get(value.as_ref()?)?;
        Some((item, cut_end(&text::clean(name), WIDEST)))
    };
    let inputs = graph.inputs.iter().enumerate();
    let outputs = graph.outputs.iter().enumerate();
    inputs
        .filter_map(|(at, value)| name(Item::Input(at as u32), value))
        .chain(outputs.filter_map(|(at, value)| name(Item::Output(at as u32), value)))
        .collect()
}

/// What the colour says also stands on the box: everything reads without colour.
fn note(label: &mut Label, told: Option<&Told>, overlay: Overlay) {
    let Told {
        cost,
        figures,
        dtype,
    } = told.copied().unwrap_or_default();
    let words = match overlay {
        Overlay::Family => return,
        Overlay::Bytes => (cost.bytes > 0).then(|| text::bytes(cost.bytes)),
        Overlay::Macs => (cost.macs > 0).then(|| text::short(cost.macs)),
        Overlay::Dtype => dtype.map(|dtype| dtype.to_string()),
        Overlay::Time => figures.nanos.map(|nanos| text::duration(nanos as f64)),
        Overlay::Error => figures.error_text(),
    };
    label.tail = words.unwrap_or_default();
}

/// The type of what comes out; of a scope's last operator.
fn dtype_of(graph: &Graph, hierarchy: &Hierarchy, item: Item) -> Option<DType> {
    let value = match item {
        Item::Input(index) => *graph.inputs.get(index as usize)?,
        Item::Output(index) => *graph.outputs.get(index as usize)?,
        _ => hierarchy
            .nodes(item)
            .last()
            .and_then(|id| graph.node(id).outputs.first().copied()),
    };
    value.map(|v| graph.value(v).dtype)
}

/// A weight's stored tensor: name, value-like facts and bytes in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub name: String,
    pub shape: String,
    pub elements: u64,
    pub bytes: u64,
    /// File and offset of a variable.
    pub place: Option<String>,
}

/// Where the values behind an origin are.
pub fn stored(model: &Model, ways: &Ways, key: &Key, origin: Origin) -> Option<Stored> {
    let meta = model.meta_graphs.get(key.meta)?;
    let graph = meta.graphs.get(key.graph)?;
    let variable = |id: crate::model::VariableId| {
        let v = model.variables.get(id.0 as usize)?;
        Some(Stored {
            name: v.name.to_string(),
            shape: format!("{} {}", v.shape, v.dtype),
            elements: v.shape.elements().unwrap_or(0) as u64,
            bytes: v.bytes,
            place: Some(format!("shard {} @ {}", v.shard, v.offset)),
        })
    };
    match origin {
        Origin::Constant(id) => Some(constant(graph.values.get(id.index())?)),
        Origin::Variable(node) => variable(graph.nodes.get(node.index())?.variable?),
        Origin::Argument(index) => match ways.bound.get(key.graph)?.get(index).copied()?? {
            Bound::Variable(id) => variable(id),
            Bound::Constant(at, id) => Some(constant(meta.graphs.get(at)?.values.get(id.index())?)),
        },
    }
}

fn constant(value: &Value) -> Stored {
    Stored {
        name: value.name.to_string(),
        shape: format!("{} {}", value.shape, value.dtype),
        elements: value.stored_shape.elements().unwrap_or(0) as u64,
        bytes: value.data.as_ref().map_or(0, |d| d.stored_bytes() as u64),
        place: None,
    }
}

fn costs(
    model: &Model,
    ways: &Ways,
    key: &Key,
    graph: &Graph,
    hierarchy: &Hierarchy,
) -> HashMap<NodeId, Cost> {
    let mut costs = HashMap::new();
    let Some(meta) = model.meta_graphs.get(key.meta) else {
        return costs;
    };
    let macs = ways.costs(model, meta);
    // A weight that several operators share counts for the first of them.
    let mut counted: HashSet<Origin> = HashSet::new();
    for id in graph
        .node_ids()
        .filter(|id| hierarchy.contains(Item::Node(*id)))
    {
        let mut cost = Cost {
            macs: macs.node(key.graph, id),
            ..Cost::default()
        };
        for weight in hierarchy.weights.at(graph, id) {
            for origin in weight.origins.iter().filter(|o| counted.insert(**o)) {
                if let Some(stored) = stored(model, ways, key, *origin) {
                    cost.params += stored.elements;
                    cost.bytes += stored.bytes;
                }
            }
        }
        costs.insert(id, cost);
    }
    costs
}

/// The weights of the operators in an item, the largest first, with where they are.
pub fn weights_of(
    model: &Model,
    ways: &Ways,
    seen: &Seen,
    item: Item,
) -> Vec<(NodeId, Weight, Stored)> {
    let Some(graph) = model
        .meta_graphs
        .get(seen.key.meta)
        .and_then(|m| m.graphs.get(seen.key.graph))
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for id in seen.hierarchy.nodes(item).take(1000) {
        for weight in seen.hierarchy.weights.at(graph, id) {
            for &origin in &weight.origins {
                if let Some(stored) = stored(model, ways, &seen.key, origin) {
                    found.push((id, weight.clone(), stored));
                }
            }
        }
    }
    if matches!(item, Item::Scope(_)) {
        found.sort_by_key(|(_, _, stored)| std::cmp::Reverse(stored.bytes));
    }
    found
}
