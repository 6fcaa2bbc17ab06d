//! What is worked out about the graph on the screen: its scopes, drawing, rows and costs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::levels::Ways;
use crate::layout::rails::{Row, rails};
use crate::layout::scene::{Detail, Scene, build};
use crate::layout::scope::{Flow, Hierarchy, Item, Open};
use crate::layout::weights::{Bound, Origin, Weight};
use crate::model::{DType, Graph, Model, NodeId, Value};
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
}

/// What the colours of boxes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlay {
    /// The family of the operator.
    #[default]
    Family,
    Bytes,
    Dtype,
}

impl Overlay {
    pub const ALL: [Overlay; 3] = [Overlay::Family, Overlay::Bytes, Overlay::Dtype];

    pub fn title(self) -> &'static str {
        ["family", "bytes", "type"][self as usize]
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
            before: HashMap::new(),
            after: HashMap::new(),
        }
    }

    /// Works it out. `old` lends what does not depend on the open scopes.
    pub fn new(model: &Model, ways: &Ways, key: Key, old: Option<&Seen>) -> Option<Seen> {
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
        let flows = hierarchy.shown_flows(&open);
        let mut before: HashMap<Item, Vec<Item>> = HashMap::new();
        let mut after: HashMap<Item, Vec<Item>> = HashMap::new();
        for flow in &flows {
            after.entry(flow.from).or_default().push(flow.to);
            before.entry(flow.to).or_default().push(flow.from);
        }
        let total = costs.values().fold(Cost::default(), |sum, c| Cost {
            params: sum.params + c.params,
            bytes: sum.bytes + c.bytes,
        });
        let mut scene = build(graph, &hierarchy, &open, key.detail);
        note(&mut scene, graph, &hierarchy, &costs, key.overlay);
        Some(Seen {
            scene,
            rows: rails(&hierarchy.shown(&open), &flows),
            key,
            open,
            hierarchy,
            flows,
            costs,
            total,
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
        let mut sum = Cost::default();
        for cost in self
            .hierarchy
            .nodes(item)
            .filter_map(|id| self.costs.get(&id))
        {
            sum.params += cost.params;
            sum.bytes += cost.bytes;
        }
        sum
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

/// What the colour says also stands on the box: everything reads without colour.
fn note(
    scene: &mut Scene,
    graph: &Graph,
    hierarchy: &Hierarchy,
    costs: &HashMap<NodeId, Cost>,
    overlay: Overlay,
) {
    for place in &mut scene.places {
        let nodes = hierarchy.nodes(place.item);
        place.label.tail = match overlay {
            Overlay::Family => continue,
            Overlay::Bytes => {
                let bytes = nodes.filter_map(|id| costs.get(&id)).map(|c| c.bytes).sum();
                if bytes == 0 {
                    String::new()
                } else {
                    text::bytes(bytes)
                }
            }
            Overlay::Dtype => dtype_of(graph, hierarchy, place.item)
                .map_or(String::new(), |dtype| dtype.to_string()),
        };
    }
}

/// The type of what comes out; of a scope's last operator.
pub fn dtype_of(graph: &Graph, hierarchy: &Hierarchy, item: Item) -> Option<DType> {
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
    // A weight that several operators share counts for the first of them.
    let mut counted: HashSet<Origin> = HashSet::new();
    for id in graph
        .node_ids()
        .filter(|id| hierarchy.contains(Item::Node(*id)))
    {
        let mut cost = Cost::default();
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
