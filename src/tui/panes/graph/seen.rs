//! What is worked out about the graph on the screen: its scopes, drawing, rows and costs.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::costs::{Cost, Costs, Figures, Stored, Whose};
use super::levels::Ways;
use super::overlay::Overlay;
use super::rows::Widths;
use crate::error::{Error, Result};
use crate::layout::label::{Label, WIDEST, cut_end, scope_tail, words};
use crate::layout::net::Net;
use crate::layout::rails::Rails;
use crate::layout::scene::{Detail, Scene, Shown, build_with};
use crate::layout::scope::{Hierarchy, Item, Open, ScopeId};
use crate::model::{DType, Graph, Model, Value, ValueId};
use crate::progress::Progress;
use crate::sort;
use crate::tui::counts::Counts;
use crate::tui::measured::Measured;
use crate::tui::text;

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

/// What does not depend on what is open, nor on how it is drawn.
pub struct Known {
    pub hierarchy: Hierarchy,
    pub costs: Costs,
}

impl Known {
    fn of(whose: Whose, graph: &Graph, calls: &Counts, progress: &Progress) -> Result<Known> {
        let hierarchy = Hierarchy::new(graph, &whose.ways.weights(whose.graph), false);
        progress.check()?;
        let hierarchy = hierarchy.in_parts(graph);
        let costs = whose.costs(&hierarchy, calls, progress)?;
        Ok(Known { hierarchy, costs })
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
        (ways, calls): (&Ways, &Counts),
        (key, measured): (Key, Arc<Measured>),
        old: Option<Lent>,
        progress: &Progress,
    ) -> Result<Seen> {
        let meta = model.meta_graphs.get(key.meta);
        let gone = || Error::usage("the graph is not there any more");
        let graph = meta
            .and_then(|m| m.graphs.get(key.graph))
            .ok_or_else(gone)?;
        let whose = Whose {
            model,
            ways,
            meta: key.meta,
            graph: key.graph,
        };
        let old = old.filter(|o| o.meta == key.meta && o.graph == key.graph);
        let known = match &old {
            Some(old) => old.known.clone(),
            None => Arc::new(Known::of(whose, graph, calls, progress)?),
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
            missing: key.overlay.missing(&measured, (key.meta, key.graph)),
            known: known.clone(),
            measured,
            key,
        };
        let times = seen.measured.times(seen.key.meta, seen.key.graph);
        seen.nanos = times.map_or(0, |times| times.values().sum());
        let told = |id: ScopeId| {
            progress.check()?;
            Ok((id, seen.tell(whose, graph, id)))
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
    fn tell(&self, whose: Whose, graph: &Graph, id: ScopeId) -> Told {
        let hierarchy = &self.known.hierarchy;
        let item = Item::Scope(id);
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let (mut cost, mut figures) = (Cost::default(), Figures::default());
        for node in hierarchy.nodes(item) {
            cost.add(&self.cost(Item::Node(node)));
            figures.add(self.figures(Item::Node(node)));
            *counts.entry(graph.node(node).op_label()).or_default() += 1;
        }
        let counts = counts.into_iter();
        let mut operators: Vec<(String, usize)> =
            counts.map(|(op, count)| (op.to_owned(), count)).collect();
        sort::by(&mut operators, |a, b| {
            (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0))
        });
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
            weights: whose.weights(hierarchy, hierarchy.nodes(item)),
        }
    }

    /// What is drawn in the rails or on the map.
    pub fn net(&self, rails: bool) -> &Arc<Net> {
        if rails { &self.list } else { &self.map }
    }

    pub fn cost(&self, item: Item) -> Cost {
        match item {
            Item::Scope(id) => self.told.get(&id).map_or(Cost::default(), |t| t.cost),
            Item::Node(id) => self.known.costs.node(id),
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

    /// The largest weights of a scope or of an operator, and how many there are.
    pub fn weights(&self, model: &Model, ways: &Ways, item: Item) -> (Vec<Stored>, usize) {
        match item {
            Item::Scope(id) => self
                .told
                .get(&id)
                .map(|told| told.weights.clone())
                .unwrap_or_default(),
            Item::Node(id) => {
                let whose = Whose {
                    model,
                    ways,
                    meta: self.key.meta,
                    graph: self.key.graph,
                };
                whose.weights(&self.known.hierarchy, std::iter::once(id))
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
