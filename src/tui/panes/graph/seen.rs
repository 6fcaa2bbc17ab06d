//! What is worked out about the graph on the screen: its scopes, drawing, rows and costs.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::levels::{Ways, called};
use crate::analysis::Trained;
use crate::error::{Error, Result};
use crate::layout::label::{Label, WIDEST, cut_end, scope_tail, words};
use crate::layout::net::Net;
use crate::layout::rails::Rails;
use crate::layout::scene::{Detail, Scene, Shown, build_with};
use crate::layout::scope::{Hierarchy, Item, Open, ScopeId};
use crate::layout::weights::{Bound, Origin, Weight};
use crate::model::{DType, Graph, MetaGraph, Model, Node, NodeId, Shape, Value, ValueId};
use crate::progress::Progress;
use crate::tui::measured::Measured;
use crate::tui::term::width;
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
    /// Elements of weights as [`Trained`] counts them, each weight once.
    pub params: u64,
    /// Of weights and of all other stored values, each once.
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

/// What is known of a scope that is drawn.
struct Told {
    cost: Cost,
    figures: Figures,
    dtype: Option<DType>,
    label: Label,
    /// How often each operator occurs, the most frequent first.
    operators: Vec<(String, usize)>,
    /// The largest of the weights, and how many there are.
    weights: (Vec<Stored>, usize),
}

/// Neighbours, operators and weights of each kind that are listed.
pub const LISTED: usize = 12;

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

/// What does not depend on what is open, nor on how it is drawn.
pub struct Known {
    pub hierarchy: Hierarchy,
    /// By operator; nothing for those that are not of the main flow.
    costs: Vec<Cost>,
    /// Of the whole graph.
    pub total: Cost,
}

impl Known {
    fn of(
        model: &Model,
        ways: &Ways,
        key: &Key,
        graph: &Graph,
        progress: &Progress,
    ) -> Result<Known> {
        let hierarchy = Hierarchy::new(graph, &ways.weights(key.graph), false);
        progress.check()?;
        let hierarchy = hierarchy.in_parts(graph);
        let (costs, total) = costs(model, ways, key, graph, &hierarchy, progress)?;
        Ok(Known {
            hierarchy,
            costs,
            total,
        })
    }
}

/// What the map and the rails show, and how the rows hang together.
fn nets(
    hierarchy: &Hierarchy,
    open: &Open,
    waits: bool,
    progress: &Progress,
) -> Result<(Arc<Net>, Arc<Net>, Arc<Rails>)> {
    let map = Arc::new(Net::of(hierarchy, open, waits));
    let all = hierarchy.with_parts(open);
    let list = match all == *open {
        true => map.clone(),
        false => Arc::new(Net::of(hierarchy, &all, waits)),
    };
    progress.check()?;
    let rails = Arc::new(Rails::new(&list));
    Ok((map, list, rails))
}

/// Columns of the screen that rows would like to have, so that they need not be cut.
#[derive(Debug, Clone, Copy, Default)]
pub struct Widths {
    /// Operator and what tells it from its like.
    pub name: u16,
    /// The shape of what comes out.
    pub shape: u16,
}

impl Widths {
    /// Of very many rows the first ones decide.
    const ROWS: usize = 4096;

    fn of(seen: &Seen, graph: &Graph) -> Widths {
        let mut widths = Widths::default();
        for item in seen.list.items().iter().take(Self::ROWS).copied() {
            let words = seen.words(graph, item);
            let mut name = width(&words.head);
            if !words.tail.is_empty() && !is_port(item) {
                name += 1 + width(&words.tail);
            }
            if matches!(item, Item::Scope(_)) {
                name += 2;
            }
            let value = seen.value(graph, item);
            let shape = value.map_or(0, |v| width(&v.shape.to_string()));
            widths.name = widths.name.max(name.min(u16::MAX.into()) as u16);
            widths.shape = widths.shape.max(shape.min(u16::MAX.into()) as u16);
        }
        widths
    }
}

/// An input or an output.
pub fn is_port(item: Item) -> bool {
    matches!(item, Item::Input(_) | Item::Output(_))
}

/// All that is drawn of a graph.
pub struct Seen {
    pub key: Key,
    pub open: Open,
    pub known: Arc<Known>,
    pub scene: Scene,
    /// What is drawn on the map, and in the rails: there, the parts of a large scope are not told apart.
    pub map: Arc<Net>,
    pub list: Arc<Net>,
    pub rails: Arc<Rails>,
    pub widths: Widths,
    /// Of the scopes that are drawn, open or closed.
    told: HashMap<ScopeId, Told>,
    measured: Arc<Measured>,
    /// Nanoseconds of the last run's operators in this graph.
    pub nanos: u64,
    /// Whether a run and a comparison told anything of this graph.
    pub is_timed: bool,
    pub is_compared: bool,
    /// Why the overlay shows nothing.
    pub missing: Option<&'static str>,
}

/// What a later drawing of the same graph can use.
#[derive(Clone)]
pub struct Lent {
    meta: usize,
    graph: usize,
    known: Arc<Known>,
    open: Open,
    waits: bool,
    map: Arc<Net>,
    list: Arc<Net>,
    rails: Arc<Rails>,
}

impl Seen {
    pub fn lend(&self) -> Lent {
        Lent {
            meta: self.key.meta,
            graph: self.key.graph,
            known: self.known.clone(),
            open: self.open.clone(),
            waits: self.key.waits,
            map: self.map.clone(),
            list: self.list.clone(),
            rails: self.rails.clone(),
        }
    }

    /// Works it out. `old` lends what has not changed.
    ///
    /// # Errors
    /// When stopped, or when there is no such graph.
    pub fn new(
        model: &Model,
        ways: &Ways,
        (key, measured): (Key, Arc<Measured>),
        old: Option<Lent>,
        progress: &Progress,
    ) -> Result<Seen> {
        let meta = model.meta_graphs.get(key.meta);
        let gone = || Error::usage("the graph is not there any more");
        let graph = meta
            .and_then(|m| m.graphs.get(key.graph))
            .ok_or_else(gone)?;
        let old = old.filter(|o| o.meta == key.meta && o.graph == key.graph);
        let known = match &old {
            Some(old) => old.known.clone(),
            None => Arc::new(Known::of(model, ways, &key, graph, progress)?),
        };
        progress.check()?;
        let hierarchy = &known.hierarchy;
        let open = match &key.open {
            Some(open) => open.clone(),
            None => hierarchy.first_open(ROOM),
        };
        let old = old.filter(|old| old.open == open && old.waits == key.waits);
        let (map, list, rails) = match old {
            Some(old) => (old.map, old.list, old.rails),
            None => nets(hierarchy, &open, key.waits, progress)?,
        };
        progress.check()?;
        let mut seen = Seen {
            open,
            scene: Scene::default(),
            map,
            list,
            rails,
            widths: Widths::default(),
            told: HashMap::new(),
            nanos: 0,
            is_timed: measured.times(key.meta, key.graph).is_some(),
            is_compared: measured.errors(key.meta, key.graph).is_some(),
            missing: match key.overlay.missing(&measured, key.meta, key.graph) {
                Some(NOT_RUN) if meta.is_some_and(|m| is_within_a_loop(m, key.graph)) => {
                    Some(WITHIN_A_LOOP)
                }
                other => other,
            },
            known: known.clone(),
            measured,
            key,
        };
        let times = seen.measured.times(seen.key.meta, seen.key.graph);
        seen.nanos = times.map_or(0, |times| times.values().sum());
        let told = |id: ScopeId| {
            progress.check()?;
            Ok((id, seen.tell(model, ways, graph, id)))
        };
        seen.told = seen
            .drawn_scopes()
            .into_iter()
            .map(told)
            .collect::<Result<_>>()?;
        let ports = port_names(model, &seen.key);
        let relabel = |item: Item, label: &mut Label| {
            if let Some(name) = ports.get(&item) {
                label.head.clone_from(name);
            }
            seen.note(graph, item, label);
        };
        let what = Shown {
            open: &seen.open,
            detail: seen.key.detail,
            control: seen.key.waits,
        };
        let scene = build_with(graph, hierarchy, what, &relabel);
        progress.check()?;
        seen.scene = scene;
        seen.widths = Widths::of(&seen, graph);
        Ok(seen)
    }

    /// Closed ones, which are boxes and rows, and open ones, which are frames.
    fn drawn_scopes(&self) -> HashSet<ScopeId> {
        let closed = self.map.items().iter().chain(self.list.items());
        let closed = closed.filter_map(|item| match item {
            Item::Scope(id) => Some(*id),
            _ => None,
        });
        let all = (1..self.known.hierarchy.scopes.len() as u32).map(ScopeId);
        closed
            .chain(all.filter(|id| self.open.contains(*id)))
            .collect()
    }

    /// What comes out of an item first.
    pub fn value<'g>(&self, graph: &'g Graph, item: Item) -> Option<&'g Value> {
        let value = match item {
            Item::Input(i) => graph.inputs.get(i as usize).copied().flatten(),
            Item::Output(i) => graph.outputs.get(i as usize).copied().flatten(),
            Item::Node(id) => graph.node(id).outputs.first().copied(),
            Item::Scope(_) => self.list.flow_from(item).find_map(|flow| flow.value),
        };
        value.map(|v| graph.value(v))
    }

    /// What there is to know of a scope.
    fn tell(&self, model: &Model, ways: &Ways, graph: &Graph, id: ScopeId) -> Told {
        let hierarchy = &self.known.hierarchy;
        let item = Item::Scope(id);
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let (mut cost, mut figures) = (Cost::default(), Figures::default());
        let mut weights: Vec<Stored> = Vec::new();
        let mut many = 0;
        for node in hierarchy.nodes(item) {
            cost.add(&self.cost(Item::Node(node)));
            figures.add(self.figures(Item::Node(node)));
            *counts.entry(graph.node(node).op_label()).or_default() += 1;
            let found = weights_of(model, ways, self, node);
            many += found.len();
            weights.extend(found);
            if weights.len() > 64 * LISTED {
                largest(&mut weights);
            }
        }
        largest(&mut weights);
        let counts = counts.into_iter();
        let mut operators: Vec<(String, usize)> =
            counts.map(|(op, count)| (op.to_owned(), count)).collect();
        operators.sort_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
        let label = words(graph, hierarchy, item);
        Told {
            cost,
            figures,
            dtype: dtype_of(graph, hierarchy, item),
            label: Label {
                sub: cut_end(&label.sub, WIDEST),
                ..label
            },
            operators,
            weights: (weights, many),
        }
    }

    /// What is drawn in the rails or on the map.
    pub fn net(&self, rails: bool) -> &Arc<Net> {
        if rails { &self.list } else { &self.map }
    }

    pub fn cost(&self, item: Item) -> Cost {
        match item {
            Item::Scope(id) => self.told.get(&id).map_or(Cost::default(), |t| t.cost),
            Item::Node(id) => self
                .known
                .costs
                .get(id.index())
                .copied()
                .unwrap_or_default(),
            Item::Input(_) | Item::Output(_) => Cost::default(),
        }
    }

    pub fn figures(&self, item: Item) -> Figures {
        let (meta, graph) = (self.key.meta, self.key.graph);
        match item {
            Item::Scope(id) => self.told.get(&id).map_or(Figures::default(), |t| t.figures),
            Item::Node(id) => {
                let times = self.measured.times(meta, graph);
                let errors = self.measured.errors(meta, graph);
                Figures {
                    nanos: times.and_then(|times| times.get(&id).copied()),
                    sqnr_db: errors.and_then(|errors| errors.get(&id).copied()),
                }
            }
            Item::Input(_) | Item::Output(_) => Figures::default(),
        }
    }

    /// The type of what comes out.
    pub fn dtype(&self, graph: &Graph, item: Item) -> Option<DType> {
        match item {
            Item::Scope(id) => self.told.get(&id)?.dtype,
            leaf => dtype_of(graph, &self.known.hierarchy, leaf),
        }
    }

    /// The operators in a scope by how often they occur.
    pub fn operators(&self, id: ScopeId) -> &[(String, usize)] {
        self.told.get(&id).map_or(&[], |told| &told.operators)
    }

    /// The weights of a scope, the largest only, or of an operator; and how many there are.
    pub fn weights(&self, model: &Model, ways: &Ways, item: Item) -> (Vec<Stored>, usize) {
        match item {
            Item::Scope(id) => self
                .told
                .get(&id)
                .map(|told| told.weights.clone())
                .unwrap_or_default(),
            Item::Node(id) => {
                let all = weights_of(model, ways, self, id);
                let many = all.len();
                (all, many)
            }
            Item::Input(_) | Item::Output(_) => Default::default(),
        }
    }

    /// The words for an item, uncut, inputs and outputs by their signature's names.
    pub fn words(&self, graph: &Graph, item: Item) -> Label {
        let hierarchy = &self.known.hierarchy;
        match item {
            // Counting the operators of a large scope takes too long for every frame.
            Item::Scope(id) => match self.told.get(&id) {
                Some(told) => Label {
                    tail: scope_tail(hierarchy.scope(id)),
                    ..told.label.clone()
                },
                None => words(graph, hierarchy, item),
            },
            Item::Input(_) | Item::Output(_) => match self.scene.place(item) {
                Some(place) => Label {
                    head: place.label.head.clone(),
                    ..words(graph, hierarchy, item)
                },
                None => words(graph, hierarchy, item),
            },
            Item::Node(_) => words(graph, hierarchy, item),
        }
    }

    /// What the colour says also stands on the box: everything reads without colour.
    fn note(&self, graph: &Graph, item: Item, label: &mut Label) {
        let words = match self.key.overlay {
            Overlay::Family => return,
            Overlay::Bytes => Some(self.cost(item).bytes)
                .filter(|n| *n > 0)
                .map(text::bytes),
            Overlay::Macs => Some(self.cost(item).macs)
                .filter(|n| *n > 0)
                .map(text::short),
            Overlay::Dtype => self.dtype(graph, item).map(|dtype| dtype.to_string()),
            Overlay::Time => {
                let nanos = self.figures(item).nanos;
                nanos.map(|nanos| text::duration(nanos as f64))
            }
            Overlay::Error => self.figures(item).error_text(),
        };
        label.tail = words.unwrap_or_default();
    }
}

/// Keeps those that are listed.
fn largest(weights: &mut Vec<Stored>) {
    // Sizes and axes as constants say little; they are listed after the real weights.
    weights.sort_by_key(|stored| Reverse(stored.bytes));
    weights.truncate(LISTED);
}

/// What stays bright while the rest fades.
#[derive(Clone)]
pub struct Lit {
    net: Arc<Net>,
    places: Arc<Vec<bool>>,
}

impl Lit {
    /// Everything before and after an item, itself included; and how many there are.
    pub fn reach(net: &Arc<Net>, item: Item) -> (Lit, usize) {
        let (places, count) = net.reach(item);
        let lit = Lit {
            net: net.clone(),
            places: Arc::new(places),
        };
        (lit, count)
    }

    /// A shortest way between two items, and how many steps it has.
    pub fn path(net: &Arc<Net>, from: Item, to: Item) -> Option<(Lit, usize)> {
        let path = net.path(from, to)?;
        let mut places = vec![false; net.len()];
        path.iter()
            .filter_map(|item| net.place(*item))
            .for_each(|at| places[at] = true);
        let lit = Lit {
            net: net.clone(),
            places: Arc::new(places),
        };
        Some((lit, path.len() - 1))
    }

    pub fn contains(&self, item: Item) -> bool {
        let place = self.net.place(item).and_then(|at| self.places.get(at));
        place.copied().unwrap_or(false)
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
    /// Elements that training made; 0 of sizes, axes and the like.
    pub params: u64,
    pub bytes: u64,
    /// File and offset of a variable.
    pub place: Option<String>,
}

/// Where the values behind an origin are.
pub fn stored(model: &Model, ways: &Ways, key: &Key, origin: Origin) -> Option<Stored> {
    let meta = model.meta_graphs.get(key.meta)?;
    let graph = meta.graphs.get(key.graph)?;
    let trained = Trained::of(model);
    let elements = |shape: &Shape, counts: bool| match counts {
        true => shape.elements().unwrap_or(0) as u64,
        false => 0,
    };
    let variable = |id: crate::model::VariableId| {
        let v = model.variables.get(id.0 as usize)?;
        Some(Stored {
            name: v.name.to_string(),
            shape: format!("{} {}", v.shape, v.dtype),
            params: elements(&v.shape, trained.variable(v)),
            bytes: v.bytes,
            place: Some(format!("shard {} @ {}", v.shard, v.offset)),
        })
    };
    let constant = |value: &Value| Stored {
        name: value.name.to_string(),
        shape: format!("{} {}", value.shape, value.dtype),
        params: elements(&value.stored_shape, trained.constant(value)),
        bytes: value.stored_bytes() as u64,
        place: None,
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

/// What each operator of the main flow takes, and all together.
fn costs(
    model: &Model,
    ways: &Ways,
    key: &Key,
    graph: &Graph,
    hierarchy: &Hierarchy,
    progress: &Progress,
) -> Result<(Vec<Cost>, Cost)> {
    let mut costs = vec![Cost::default(); graph.nodes.len()];
    let mut total = Cost::default();
    let Some(meta) = model.meta_graphs.get(key.meta) else {
        return Ok((costs, total));
    };
    let macs = ways.costs(model, meta);
    progress.check()?;
    // A weight that several operators share counts for the first of them.
    let mut counted: HashSet<Origin> = HashSet::new();
    for id in graph.node_ids() {
        if !hierarchy.contains(Item::Node(id)) {
            continue;
        }
        let cost = &mut costs[id.index()];
        cost.macs = macs.node(key.graph, id);
        for weight in hierarchy.weights.at(graph, id) {
            for origin in weight.origins.iter().filter(|o| counted.insert(**o)) {
                if let Some(stored) = stored(model, ways, key, *origin) {
                    cost.params += stored.params;
                    cost.bytes += stored.bytes;
                }
            }
        }
        total.add(cost);
        if id.index() % 4096 == 0 {
            progress.check()?;
        }
    }
    Ok((costs, total))
}

/// The weights of an operator with where they are, the largest first.
fn weights_of(model: &Model, ways: &Ways, seen: &Seen, id: NodeId) -> Vec<Stored> {
    let meta = model.meta_graphs.get(seen.key.meta);
    let Some(graph) = meta.and_then(|m| m.graphs.get(seen.key.graph)) else {
        return Vec::new();
    };
    let weights = seen.known.hierarchy.weights.at(graph, id);
    let origins = weights.iter().flat_map(|weight: &Weight| &weight.origins);
    let mut found: Vec<Stored> = origins
        .filter_map(|origin| stored(model, ways, &seen.key, *origin))
        .collect();
    found.sort_by_key(|stored| Reverse(stored.bytes));
    found
}
