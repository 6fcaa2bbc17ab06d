//! What the children of every scope are made of, what each takes, and an order of them in which equal blocks look alike.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::order::Row;
use crate::layout::scope::{Hierarchy, Item, ScopeId};
use crate::model::opdef;
use crate::model::{Attr, Attrs, Dialect, Graph, Node, ValueId};
use crate::ops::{Family, family};

/// Where an item takes data from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// A sibling, and which of its values.
    Sibling(Item, ValueId),
    /// Something outside of the scope that both are in.
    Outside(ValueId),
}

/// What every item is made of and takes.
pub(super) struct Survey {
    /// Nodes, then scopes.
    pub(super) kinds: Vec<u64>,
    pub(super) sources: Vec<Vec<Source>>,
    /// The same for equal outputs of equal operators.
    pub(super) ports: Vec<u32>,
    /// The children of each scope that are operators and scopes, in orders in which equal blocks look alike: by branch
    /// and by level.
    pub(super) orders: Vec<[Vec<Item>; 2]>,
    /// Where each item stands in the first of its scope's orders.
    places: Vec<u32>,
    nodes: usize,
}

impl Survey {
    pub(super) fn slot(&self, item: Item) -> Option<usize> {
        slot(self.nodes, item)
    }

    pub(super) fn place(&self, item: Item) -> Option<u32> {
        self.slot(item).map(|slot| self.places[slot])
    }

    pub(super) fn of(hierarchy: &Hierarchy, graph: &Graph) -> Survey {
        let nodes = graph.nodes.len();
        let items = nodes + hierarchy.scopes.len();
        let mut survey = Survey {
            kinds: vec![0; items],
            sources: vec![Vec::new(); items],
            ports: vec![0; graph.values.len()],
            orders: Vec::with_capacity(hierarchy.scopes.len()),
            places: vec![0; items],
            nodes,
        };
        // What each item takes that is not made inside of it, as often as it takes it.
        let mut taken: Vec<Vec<ValueId>> = vec![Vec::new(); items];
        for id in graph.node_ids() {
            for (port, value) in graph.node(id).outputs.iter().enumerate() {
                survey.ports[value.index()] = port as u32;
            }
            if hierarchy.contains(Item::Node(id)) {
                survey.kinds[id.index()] = kind_of(hierarchy, graph, graph.node(id));
                let inputs = graph.node(id).inputs.iter().flatten().copied();
                taken[id.index()] = inputs
                    .filter(|value| !hierarchy.weights.is_value(*value))
                    .collect();
            }
        }
        let tree = Ancestors::of(hierarchy, graph);
        let children = children_by_position(hierarchy);
        // Children come after their parents.
        for (index, children) in children.into_iter().enumerate().rev() {
            let around = ScopeId(index as u32);
            for slot in children.iter().filter_map(|item| slot(nodes, *item)) {
                let resolved = std::mem::take(&mut taken[slot]).into_iter().map(|value| {
                    let from = graph.value(value).producer.map(|(id, _)| Item::Node(id));
                    match from.and_then(|from| tree.child_around(from, around)) {
                        Some(sibling) => Source::Sibling(sibling, value),
                        None => Source::Outside(value),
                    }
                });
                survey.sources[slot] = resolved.collect();
            }
            let orders = survey.arrange(graph, &children);
            survey.kinds[nodes + index] = survey.kind_of_scope(&orders[0]);
            let slots = orders[0].iter().filter_map(|item| survey.slot(*item));
            let sources = slots.flat_map(|slot| &survey.sources[slot]);
            let outside = sources.filter_map(|source| match source {
                Source::Outside(value) => Some(*value),
                Source::Sibling(..) => None,
            });
            taken[nodes + index] = outside.collect();
            survey.orders.push(orders);
        }
        survey.orders.reverse();
        survey
    }

    /// Puts siblings into their order, and what an operator takes in any order into one of its own.
    fn arrange(&mut self, graph: &Graph, children: &[Item]) -> [Vec<Item>; 2] {
        let slots: Vec<usize> = children.iter().filter_map(|i| self.slot(*i)).collect();
        for (place, slot) in slots.iter().enumerate() {
            self.places[*slot] = place as u32;
        }
        let mut sources: Vec<Vec<u32>> = slots.iter().map(|s| self.siblings_of(*s)).collect();
        let row = Row::new(&sources);
        for (at, slot) in slots.iter().enumerate() {
            if let Item::Node(id) = children[at]
                && sources[at].len() > 1
                && commutes(graph.dialect, &graph.node(id).op)
            {
                let mut taken = std::mem::take(&mut self.sources[*slot]);
                taken.sort_by_cached_key(|source| match *source {
                    Source::Sibling(item, value) => {
                        let place = self.place(item).map(|place| place as usize);
                        let way = place.map(|place| row.way(place, at));
                        let kind = self.slot(item).map(|slot| self.kinds[slot]);
                        (0, way, kind, self.ports[value.index()])
                    }
                    Source::Outside(_) => (1, None, None, 0),
                });
                self.sources[*slot] = taken;
                sources[at] = self.siblings_of(*slot);
            }
        }
        let kinds: Vec<u64> = slots.iter().map(|slot| self.kinds[*slot]).collect();
        let order = row.by_branch(&sources, &kinds);
        for (place, at) in order.iter().enumerate() {
            self.places[slots[*at as usize]] = place as u32;
        }
        [order, row.by_level(&sources, &kinds)]
            .map(|order| order.iter().map(|at| children[*at as usize]).collect())
    }

    /// The places of the siblings that an item takes from.
    fn siblings_of(&self, slot: usize) -> Vec<u32> {
        let places = self.sources[slot].iter().filter_map(|source| match source {
            Source::Sibling(item, _) => self.place(*item),
            Source::Outside(_) => None,
        });
        places.collect()
    }

    fn kind_of_scope(&self, order: &[Item]) -> u64 {
        let mut hasher = DefaultHasher::new();
        // Values from outside by the order in which they are first taken.
        let mut taken: HashMap<ValueId, usize> = HashMap::new();
        for slot in order.iter().filter_map(|item| self.slot(*item)) {
            (self.kinds[slot], self.sources[slot].len()).hash(&mut hasher);
            for source in &self.sources[slot] {
                match *source {
                    Source::Sibling(from, value) => {
                        (0, self.place(from), self.ports[value.index()]).hash(&mut hasher);
                    }
                    Source::Outside(value) => {
                        let next = taken.len();
                        (1, *taken.entry(value).or_insert(next)).hash(&mut hasher);
                    }
                }
            }
        }
        hasher.finish()
    }
}

fn slot(nodes: usize, item: Item) -> Option<usize> {
    match item {
        Item::Node(id) => Some(id.index()),
        Item::Scope(id) => Some(nodes + id.index()),
        Item::Input(_) | Item::Output(_) => None,
    }
}

/// The operators and scopes in every scope, by the place of their last operator in the hierarchy's order.
fn children_by_position(hierarchy: &Hierarchy) -> Vec<Vec<Item>> {
    let mut last = vec![0; hierarchy.scopes.len()];
    let mut all = vec![Vec::new(); hierarchy.scopes.len()];
    // Children come after their parents.
    for index in (0..hierarchy.scopes.len()).rev() {
        let position = |item: &Item| match item {
            Item::Node(id) => hierarchy.position[id.index()],
            Item::Scope(id) => last[id.index()],
            Item::Input(_) | Item::Output(_) => 0,
        };
        let children = hierarchy.scopes[index].children.iter().copied();
        let mut children: Vec<Item> = children
            .filter(|item| matches!(item, Item::Node(_) | Item::Scope(_)))
            .collect();
        children.sort_by_cached_key(|item| (position(item), *item));
        last[index] = children.last().map_or(0, position);
        all[index] = children;
    }
    all
}

/// The tree of scopes in a table: asked for every edge at every depth.
struct Ancestors {
    parents: Vec<Option<ScopeId>>,
    depths: Vec<usize>,
    nodes: usize,
}

impl Ancestors {
    fn of(hierarchy: &Hierarchy, graph: &Graph) -> Ancestors {
        let mut depths = Vec::with_capacity(hierarchy.scopes.len());
        for scope in &hierarchy.scopes {
            let above = scope.parent.and_then(|p| depths.get(p.index()));
            depths.push(above.map_or(0, |d: &usize| d + 1));
        }
        let nodes = graph.node_ids().map(Item::Node);
        let scopes = (0..hierarchy.scopes.len() as u32).map(|s| Item::Scope(ScopeId(s)));
        let items = nodes.chain(scopes);
        Ancestors {
            parents: items.map(|item| hierarchy.parent(item)).collect(),
            depths,
            nodes: graph.nodes.len(),
        }
    }

    /// The child of `around` that `item` is or is in.
    fn child_around(&self, item: Item, around: ScopeId) -> Option<Item> {
        let depth = self.depths[around.index()];
        let mut at = item;
        loop {
            let above = self.parents[slot(self.nodes, at)?]?;
            if above == around {
                return Some(at);
            }
            if self.depths[above.index()] <= depth {
                return None;
            }
            at = Item::Scope(above);
        }
    }
}

/// Whether an operator gives the same for its inputs in any order.
fn commutes(dialect: Dialect, op: &str) -> bool {
    match dialect {
        Dialect::Tf => opdef::lookup(op).is_some_and(|def| def.commutative),
        Dialect::Tflite => matches!(
            op,
            "ADD"
                | "ADD_N"
                | "MUL"
                | "MAXIMUM"
                | "MINIMUM"
                | "SQUARED_DIFFERENCE"
                | "EQUAL"
                | "NOT_EQUAL"
                | "LOGICAL_AND"
                | "LOGICAL_OR"
        ),
    }
}

/// The same for operators that do the same with weights in the same places, whatever the number of channels.
fn kind_of(hierarchy: &Hierarchy, graph: &Graph, node: &Node) -> u64 {
    let mut hasher = DefaultHasher::new();
    node.op_label().hash(&mut hasher);
    node.outputs.len().hash(&mut hasher);
    let convolves = family(graph.dialect, &node.op) == Family::Conv;
    let part = |input: &Option<ValueId>| {
        let value = (*input)?;
        let (at, is_weight) = (graph.value(value), hierarchy.weights.is_value(value));
        let filter = at.shape.0.as_deref().filter(|_| convolves && is_weight);
        Some((is_weight, at.dtype, window(graph.dialect, filter)))
    };
    let mut parts: Vec<_> = node.inputs.iter().map(part).collect();
    if parts.len() > 1 && commutes(graph.dialect, &node.op) {
        parts.sort_unstable();
    }
    parts.hash(&mut hasher);
    hash_attrs(&node.attrs, &mut hasher);
    hasher.finish()
}

/// Of a convolution's filter how far it reaches in each direction.
fn window(dialect: Dialect, filter: Option<&[i64]>) -> &[i64] {
    match (dialect, filter) {
        (Dialect::Tflite, Some([_, window @ .., _])) if window.len() == 2 => window,
        (_, Some([window @ .., _, _])) => window,
        _ => &[],
    }
}

fn hash_attrs(attrs: &Attrs, hasher: &mut impl Hasher) {
    // What an object is called says nothing about what it does.
    let telling =
        |name: &str| !name.starts_with('_') && !matches!(name, "shared_name" | "container");
    for (name, attr) in attrs.iter().filter(|(name, _)| telling(name)) {
        name.hash(hasher);
        hash_attr(attr, hasher);
    }
}

fn hash_attr(attr: &Attr, hasher: &mut impl Hasher) {
    std::mem::discriminant(attr).hash(hasher);
    match attr {
        Attr::Int(v) => v.hash(hasher),
        Attr::Float(v) => v.to_bits().hash(hasher),
        Attr::Bool(v) => v.hash(hasher),
        Attr::Bytes(v) => v.hash(hasher),
        Attr::Type(v) => v.hash(hasher),
        Attr::Shape(v) => v.0.hash(hasher),
        Attr::Tensor { dtype, shape, .. } => (dtype, &shape.0).hash(hasher),
        Attr::Enum { value, .. } => value.hash(hasher),
        Attr::List(list) => list.iter().for_each(|attr| hash_attr(attr, hasher)),
        Attr::Func { name, attrs } | Attr::Table { name, attrs } => {
            name.hash(hasher);
            hash_attrs(attrs, hasher);
        }
        Attr::Opaque(name) => name.hash(hasher),
    }
}
