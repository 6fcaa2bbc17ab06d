//! Equal blocks that follow one another become one scope with a count.
//!
//! Blocks are found by what they are made of, not by their names: a run of siblings in which everything is equal to
//! what stands one period further on, in operator, attributes, weights and wiring, and in which each block takes from
//! the one before. Time is about linear in the number of siblings.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Hierarchy, Item, Scope, ScopeId};
use crate::model::{Attr, Attrs, Graph, Node, NodeId, ValueId};
use crate::ops::{Family, family};

/// Fewer equal blocks stay as they are.
const LEAST_TIMES: usize = 3;
/// The same for single operators: three of them are seen at a glance.
const LEAST_SINGLE: usize = 4;
/// Longest block, in siblings.
const LONGEST: usize = 512;
/// Later siblings of the same kind that are tried as the beginning of the second block.
const TRIED: usize = 24;
/// Siblings that are tried as the first of a block.
const STARTS: usize = 64;
/// Comparisons per sibling before the search gives up: only made-up graphs need them all.
const STEPS: usize = 256;

/// Where an item takes data from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    /// A sibling, and which of its values.
    Sibling(Item, ValueId),
    /// Something outside of the scope that both are in.
    Outside(ValueId),
}

/// What every item is made of and takes.
struct Survey {
    /// Nodes, then scopes.
    kinds: Vec<u64>,
    sources: Vec<Vec<Source>>,
    /// The same for equal outputs of equal operators.
    ports: Vec<u32>,
    /// Where each item stands in its scope's order.
    places: Vec<u32>,
    nodes: usize,
}

impl Survey {
    fn slot(&self, item: Item) -> Option<usize> {
        match item {
            Item::Node(id) => Some(id.index()),
            Item::Scope(id) => Some(self.nodes + id.index()),
            Item::Input(_) | Item::Output(_) => None,
        }
    }

    fn of(hierarchy: &Hierarchy, graph: &Graph, orders: &[Vec<Item>]) -> Survey {
        let nodes = graph.nodes.len();
        let mut survey = Survey {
            kinds: vec![0; nodes + hierarchy.scopes.len()],
            sources: vec![Vec::new(); nodes + hierarchy.scopes.len()],
            ports: vec![0; graph.values.len()],
            places: vec![0; nodes + hierarchy.scopes.len()],
            nodes,
        };
        for (place, item) in orders.iter().flat_map(|order| order.iter().enumerate()) {
            if let Some(slot) = survey.slot(*item) {
                survey.places[slot] = place as u32;
            }
        }
        for id in graph.node_ids() {
            for (port, value) in graph.node(id).outputs.iter().enumerate() {
                survey.ports[value.index()] = port as u32;
            }
            if hierarchy.contains(Item::Node(id)) {
                survey.kinds[id.index()] = kind_of(hierarchy, graph, graph.node(id));
            }
        }
        survey.wire(hierarchy, graph);
        // Children come after their parents.
        for index in (0..hierarchy.scopes.len()).rev() {
            survey.kinds[nodes + index] = survey.kind_of_scope(&orders[index]);
        }
        survey
    }

    /// What each item takes, in the order in which its operators run and take it.
    fn wire(&mut self, hierarchy: &Hierarchy, graph: &Graph) {
        let mut depths = Vec::with_capacity(hierarchy.scopes.len());
        for scope in &hierarchy.scopes {
            let above = scope.parent.and_then(|p| depths.get(p.index()));
            depths.push(above.map_or(0, |d: &usize| d + 1));
        }
        let mut sources = std::mem::take(&mut self.sources);
        // Asked for every edge at every depth: looked up once.
        let nodes = graph.node_ids().map(Item::Node);
        let scopes = (0..hierarchy.scopes.len() as u32).map(|s| Item::Scope(ScopeId(s)));
        let parents: Vec<Option<ScopeId>> = nodes
            .chain(scopes)
            .map(|item| hierarchy.parent(item))
            .collect();
        let parent = |item: Item| self.slot(item).and_then(|slot| parents[slot]);
        let mut order: Vec<NodeId> = graph.node_ids().collect();
        order.retain(|id| parents[id.index()].is_some());
        order.sort_by_key(|id| hierarchy.position[id.index()]);
        for id in order {
            for &value in graph.node(id).inputs.iter().flatten() {
                if hierarchy.weights.is_value(value) {
                    continue;
                }
                let from = graph
                    .value(value)
                    .producer
                    .map(|(node, _)| Item::Node(node));
                let from = from.filter(|item| parent(*item).is_some());
                let mut item = Item::Node(id);
                while let Some(around) = parent(item) {
                    let depth = depths[around.index()];
                    let sibling = from.and_then(|f| below(&parent, &depths, f, (around, depth)));
                    let source = match sibling {
                        Some(sibling) => Source::Sibling(sibling, value),
                        None => Source::Outside(value),
                    };
                    if let Some(slot) = self.slot(item) {
                        sources[slot].push(source);
                    }
                    if sibling.is_some() {
                        break;
                    }
                    item = Item::Scope(around);
                }
            }
        }
        self.sources = sources;
    }

    fn place(&self, item: Item) -> Option<u32> {
        self.slot(item).map(|slot| self.places[slot])
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

/// The child of `around` that `item` is or is in.
fn below(
    parent: &impl Fn(Item) -> Option<ScopeId>,
    depths: &[usize],
    item: Item,
    (around, depth): (ScopeId, usize),
) -> Option<Item> {
    let mut at = item;
    loop {
        let above = parent(at)?;
        if above == around {
            return Some(at);
        }
        if depths[above.index()] <= depth {
            return None;
        }
        at = Item::Scope(above);
    }
}

/// The same for operators that do the same with weights in the same places.
fn kind_of(hierarchy: &Hierarchy, graph: &Graph, node: &Node) -> u64 {
    let mut hasher = DefaultHasher::new();
    node.op_label().hash(&mut hasher);
    node.outputs.len().hash(&mut hasher);
    for input in &node.inputs {
        let part = input.map(|value| {
            let at = graph.value(value);
            (hierarchy.weights.is_value(value), at.dtype)
        });
        part.hash(&mut hasher);
    }
    hash_attrs(&node.attrs, &mut hasher);
    hasher.finish()
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

/// Equal blocks among siblings: `times` of them, `period` siblings each, from the one at `from` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    from: usize,
    period: usize,
    times: usize,
}

impl Run {
    fn end(&self) -> usize {
        self.from + self.period * self.times
    }
}

/// A source as the search sees it: the place of a sibling among those in the row, or one value for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Taken {
    At(usize, u32),
    Else(ValueId),
}

/// Siblings in the order in which data flows.
struct Siblings {
    keys: Vec<u64>,
    taken: Vec<Vec<Taken>>,
    /// Whether a block may well begin with it.
    begins: Vec<bool>,
    single: Vec<bool>,
}

impl Siblings {
    fn new(graph: &Graph, survey: &Survey, order: &[Item]) -> Siblings {
        // In rising order: some of a scope's items, as they follow one another there.
        let places: Vec<u32> = order.iter().filter_map(|i| survey.place(*i)).collect();
        let place = |item: Item| places.binary_search(&survey.place(item)?).ok();
        let slots: Vec<usize> = order.iter().filter_map(|i| survey.slot(*i)).collect();
        let taken = |slot: &usize| -> Vec<Taken> {
            let found = survey.sources[*slot].iter().map(|source| match *source {
                Source::Sibling(from, value) => match place(from) {
                    Some(at) => Taken::At(at, survey.ports[value.index()]),
                    None => Taken::Else(value),
                },
                Source::Outside(value) => Taken::Else(value),
            });
            found.collect()
        };
        let begins = |item: &Item| match item {
            Item::Node(id) => {
                let op = &graph.node(*id).op;
                matches!(family(graph.dialect, op), Family::Conv | Family::MatMul)
            }
            _ => true,
        };
        Siblings {
            keys: slots.iter().map(|slot| survey.kinds[*slot]).collect(),
            taken: slots.iter().map(taken).collect(),
            begins: order.iter().map(begins).collect(),
            single: order.iter().map(|i| matches!(i, Item::Node(_))).collect(),
        }
    }

    fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether a sibling is the same as the one a period further on: each source stands a period further on too, or
    /// is one that both take from.
    fn same(&self, at: usize, period: usize) -> bool {
        let next = at + period;
        next < self.len()
            && self.keys[at] == self.keys[next]
            && self.taken[at].len() == self.taken[next].len()
            && self.taken[at]
                .iter()
                .zip(&self.taken[next])
                .all(|pair| match pair {
                    (Taken::At(a, out), Taken::At(b, other)) => {
                        out == other && (a == b || *b == a + period)
                    }
                    (a, b) => a == b,
                })
    }

    /// All runs, none of which overlap.
    fn runs(&self, longest: usize) -> Vec<Run> {
        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, key) in self.keys.iter().enumerate() {
            places.entry(*key).or_default().push(at);
        }
        // Of each period where the last stretch of equals that was walked ends.
        let longest = longest.min(self.len());
        let mut ends = vec![0; longest + 1];
        let mut steps = STEPS * self.len();
        let mut found = Vec::new();
        let (mut at, mut free) = (0, 0);
        while at < self.len() && steps > 0 {
            let same = &places[&self.keys[at]];
            let rank = same.partition_point(|other| *other <= at);
            let mut stretches: Vec<(usize, usize)> = Vec::new();
            for second in same[rank..].iter().take(TRIED) {
                let period = second - at;
                if period > longest {
                    break;
                }
                let end = &mut ends[period];
                if *end <= at {
                    *end = at;
                    while steps > 0 && self.same(*end, period) {
                        *end += 1;
                        steps -= 1;
                    }
                }
                let equal = *end - at;
                // What repeats with a period repeats with its multiples too, and no further.
                let known = |(p, e): &(usize, usize)| period % p == 0 && p + e >= period + equal;
                if equal > 0 && !stretches.iter().any(known) {
                    stretches.push((period, equal));
                }
            }
            // What covers most first, of those the shortest block.
            stretches.sort_by_key(|(period, equal)| (std::cmp::Reverse(period + equal), *period));
            // Most are too short to look at, and cost nothing.
            stretches.retain(|(period, equal)| self.may_be_run(at, *equal, *period));
            let best = stretches.iter().find_map(|&(period, equal)| {
                steps = steps.saturating_sub(period + equal);
                self.aligned((free, at), equal, period)
            });
            match best {
                Some(run) => {
                    at = run.end();
                    free = at;
                    found.push(run);
                }
                None => at += 1,
            }
        }
        found
    }

    /// How many equal blocks are worth a scope.
    fn least(&self, from: usize, period: usize) -> usize {
        match period {
            1 if self.single[from] => LEAST_SINGLE,
            _ => LEAST_TIMES,
        }
    }

    /// Whether a stretch is long enough for a run; the block before it may be one of the run too.
    fn may_be_run(&self, from: usize, equal: usize, period: usize) -> bool {
        (equal + period) / period + 1 >= self.least(from, period)
    }

    /// The run in a stretch where `equal` siblings are the same as those a period further on, begun where the least
    /// data passes from block to block. Nothing before `free` is taken.
    fn aligned(&self, (free, from): (usize, usize), equal: usize, period: usize) -> Option<Run> {
        let least = self.least(from, period);
        let whole = (equal + period) / period;
        let runs = (0..period.min(equal)).map(|shift| {
            let from = from + shift;
            let times = (equal + period - shift) / period;
            match from >= free + period && self.leads(from, period) {
                true => Run {
                    from: from - period,
                    period,
                    times: times + 1,
                },
                false => Run {
                    from,
                    period,
                    times,
                },
            }
        });
        let fit = runs.filter(|run| run.times >= least && run.times + 1 >= whole);
        let mut ranked: Vec<_> = fit
            .take(STARTS)
            .map(|run| {
                let begins = self.begins[run.from];
                let rank = (self.passing(&run), !begins, std::cmp::Reverse(run.times));
                (rank, run)
            })
            .collect();
        ranked.sort_by_key(|(rank, run)| (*rank, run.from));
        let mut runs = ranked.into_iter().map(|(_, run)| run);
        runs.find(|run| self.is_chain(run))
    }

    /// Whether what stands before the block at `second` is such a block too. The first one of a run may take from
    /// anywhere what the others take from the one before.
    fn leads(&self, second: usize, period: usize) -> bool {
        let first = second - period;
        let mut given: HashMap<Taken, Taken> = HashMap::new();
        (first..second).all(|at| {
            let (here, there) = (&self.taken[at], &self.taken[at + period]);
            self.keys[at] == self.keys[at + period]
                && here.len() == there.len()
                && here.iter().zip(there).all(|(a, b)| match (*a, *b) {
                    (Taken::At(a, out), Taken::At(b, other)) if b == a + period => out == other,
                    (a, b) if a == b => true,
                    (Taken::At(a, _), _) if a >= first => false,
                    (a, Taken::At(b, out)) if (first..second).contains(&b) => {
                        *given.entry(Taken::At(b, out)).or_insert(a) == a
                    }
                    _ => false,
                })
        })
    }

    /// Whether the second block takes from the first, and what all take comes from before the run.
    fn is_chain(&self, run: &Run) -> bool {
        let second = run.from + run.period;
        let first = run.from..second;
        let feeds = |at: usize| {
            let sources = self.taken[at].iter();
            sources
                .filter_map(|t| match t {
                    Taken::At(source, _) => Some(*source),
                    Taken::Else(_) => None,
                })
                .any(|source| first.contains(&source))
        };
        let shared_before = |at: usize| {
            let pairs = self.taken[at].iter().zip(&self.taken[at + run.period]);
            pairs.filter(|(a, b)| a == b).all(|(a, _)| match a {
                Taken::At(source, _) => *source < run.from,
                Taken::Else(_) => true,
            })
        };
        (second..second + run.period).any(feeds)
            && (run.from..run.end() - run.period).all(shared_before)
    }

    /// Values that pass from the first block to the second.
    fn passing(&self, run: &Run) -> usize {
        let second = run.from + run.period;
        let mut seen: Vec<(usize, u32)> = Vec::new();
        for at in second..second + run.period {
            for taken in &self.taken[at] {
                if let Taken::At(source, out) = taken
                    && (run.from..second).contains(source)
                {
                    seen.push((*source, *out));
                }
            }
        }
        seen.sort_unstable();
        seen.dedup();
        seen.len()
    }
}

impl Hierarchy {
    /// Runs of equal blocks become one scope each.
    pub(super) fn group_repeats(&mut self, graph: &Graph) {
        let mut orders = self.orders();
        let survey = Survey::of(self, graph, &orders);
        for (index, order) in orders.iter_mut().enumerate() {
            let here = ScopeId(index as u32);
            let is_scope = |item: &Item| matches!(item, Item::Scope(_));
            // Scopes first, whatever stands between them.
            let scopes: Vec<Item> = order.iter().copied().filter(is_scope).collect();
            let grouped = self.group_in(here, (graph, &survey), &scopes, 1);
            order.retain(|item| !grouped.contains(item));
            // What stands left and right of a group that went out follows nothing.
            if grouped.is_empty() {
                self.group_in(here, (graph, &survey), order, LONGEST);
            }
        }
    }

    /// The children of every scope in the order in which data flows, without inputs and outputs.
    fn orders(&self) -> Vec<Vec<Item>> {
        let mut last = vec![0; self.scopes.len()];
        let mut orders = vec![Vec::new(); self.scopes.len()];
        // Children come after their parents.
        for index in (0..self.scopes.len()).rev() {
            let position = |item: &Item| match item {
                Item::Node(id) => self.position[id.index()],
                Item::Scope(id) => last[id.index()],
                Item::Input(_) | Item::Output(_) => 0,
            };
            let children = self.scopes[index].children.iter().copied();
            let mut order: Vec<Item> = children
                .filter(|item| matches!(item, Item::Node(_) | Item::Scope(_)))
                .collect();
            order.sort_by_cached_key(|item| (position(item), *item));
            last[index] = order.last().map_or(0, position);
            orders[index] = order;
        }
        orders
    }

    /// Groups the runs among `order`, which are children of `parent`; what went into a group.
    fn group_in(
        &mut self,
        parent: ScopeId,
        (graph, survey): (&Graph, &Survey),
        order: &[Item],
        longest: usize,
    ) -> HashSet<Item> {
        let mut grouped = HashSet::new();
        if order.len() < LEAST_TIMES {
            return grouped;
        }
        let siblings = Siblings::new(graph, survey, order);
        // Which group each item went into.
        let mut group_of: HashMap<Item, ScopeId> = HashMap::new();
        for run in siblings.runs(longest) {
            let inside = &order[run.from..run.end()];
            grouped.extend(inside);
            let blocks: Vec<&[Item]> = inside.chunks(run.period).collect();
            let group = self.group(parent, graph, &blocks);
            if group != parent {
                group_of.extend(inside.iter().map(|item| (*item, group)));
            }
        }
        if !group_of.is_empty() {
            // A group stands where the first of its items stood.
            let mut placed = HashSet::new();
            let children = std::mem::take(&mut self.scopes[parent.index()].children);
            let kept = children
                .into_iter()
                .filter_map(|child| match group_of.get(&child) {
                    Some(group) => placed.insert(*group).then_some(Item::Scope(*group)),
                    None => Some(child),
                });
            self.scopes[parent.index()].children = kept.collect();
        }
        grouped
    }

    /// Makes one scope of equal blocks; `parent` itself where nothing stands beside them. Its place among the children
    /// of `parent` is left to the caller.
    fn group(&mut self, parent: ScopeId, graph: &Graph, blocks: &[&[Item]]) -> ScopeId {
        let path = self.scope(parent).path.clone();
        let names: Vec<String> = blocks
            .iter()
            .map(|b| self.common_name(graph, &path, b))
            .collect();
        let distinct = names.iter().collect::<HashSet<_>>().len() == names.len();
        let named = distinct && names.iter().all(|name| !name.is_empty());
        let made_of = self.operators_of(graph, blocks.first().copied().unwrap_or_default());
        let alone = matches!(blocks.first(), Some([Item::Node(_)]));
        let label = match (names.first(), names.last()) {
            (Some(first), Some(last)) if named && !alone => from_to(first, last),
            _ => made_of,
        };
        let inside: usize = blocks.iter().map(|block| block.len()).sum();
        let children = &mut self.scopes[parent.index()].children;
        let group = match parent != ScopeId::ROOT && inside == children.len() {
            // Nothing stands beside the blocks: the scope around them is the group.
            true => {
                let scope = &mut self.scopes[parent.index()];
                scope.children.clear();
                scope.ops = 0;
                scope.repeat = Some(blocks.len());
                parent
            }
            false => self.insert(Scope {
                path: path.clone(),
                label,
                parent: Some(parent),
                children: Vec::new(),
                repeat: Some(blocks.len()),
                ops: 0,
                part: false,
            }),
        };
        for (at, (block, name)) in blocks.iter().zip(names).enumerate() {
            let around = match block {
                [_] => group,
                _ => {
                    let label = if named {
                        name
                    } else {
                        format!("block {}", at + 1)
                    };
                    let around = self.insert(Scope {
                        path: path.clone(),
                        label,
                        parent: Some(group),
                        children: Vec::new(),
                        repeat: None,
                        ops: 0,
                        part: false,
                    });
                    self.scopes[group.index()]
                        .children
                        .push(Item::Scope(around));
                    around
                }
            };
            for &item in *block {
                match item {
                    Item::Scope(id) => self.scopes[id.index()].parent = Some(around),
                    leaf => {
                        self.home.insert(leaf, around.0);
                    }
                }
                let ops = match item {
                    Item::Scope(id) => self.scope(id).ops,
                    _ => 1,
                };
                self.scopes[around.index()].children.push(item);
                self.scopes[around.index()].ops += ops;
                if around != group {
                    self.scopes[group.index()].ops += ops;
                }
            }
        }
        group
    }

    fn insert(&mut self, scope: Scope) -> ScopeId {
        self.scopes.push(scope);
        ScopeId(self.scopes.len() as u32 - 1)
    }

    /// What the names of a block's parts have in common: `block_3` of `block_3_conv` and `block_3_relu`.
    fn common_name(&self, graph: &Graph, above: &str, block: &[Item]) -> String {
        let name = |item: &Item| match *item {
            Item::Scope(id) => self.scope(id).label.as_str(),
            Item::Node(id) => {
                let path = super::node_path(graph.dialect, graph.node(id));
                path.strip_prefix(above)
                    .unwrap_or(path)
                    .trim_start_matches('/')
            }
            Item::Input(_) | Item::Output(_) => "",
        };
        let mut names = block.iter().map(name);
        let first = names.next().unwrap_or_default();
        let names: Vec<&str> = names.collect();
        let shared = |a: &str, b: &str| -> usize {
            let same = a
                .char_indices()
                .zip(b.chars())
                .take_while(|((_, x), y)| x == y);
            same.map(|((at, c), _)| at + c.len_utf8())
                .last()
                .unwrap_or(0)
        };
        let mut end = names
            .iter()
            .map(|n| shared(first, n))
            .min()
            .unwrap_or(first.len());
        // Words and numbers stay whole.
        let is_whole = |end: usize| {
            let all = std::iter::once(&first).chain(&names);
            all.filter_map(|name| name.get(end..))
                .all(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
        };
        while end > 0 && !(first.is_char_boundary(end) && is_whole(end)) {
            end -= 1;
        }
        let apart = |c: char| !c.is_alphanumeric();
        first
            .get(..end)
            .unwrap_or_default()
            .trim_end_matches(apart)
            .to_owned()
    }

    /// The first operators of a block: `DEPTHWISE_CONV_2D CONV_2D`.
    fn operators_of(&self, graph: &Graph, block: &[Item]) -> String {
        const NAMED: usize = 3;
        let nodes: Vec<NodeId> = block.iter().flat_map(|item| self.nodes(*item)).collect();
        let mut ops: Vec<&str> = nodes
            .iter()
            .map(|id| graph.node(*id).op_label())
            .take(NAMED)
            .collect();
        if nodes.len() > NAMED {
            ops.push("…");
        }
        ops.join(" ")
    }
}

/// `layer_0 … layer_11`, or the first alone where that gets too long for a box.
fn from_to(first: &str, last: &str) -> String {
    const ROOM: usize = 24;
    let both = format!("{first} … {last}");
    match both.chars().count() <= ROOM {
        true => both,
        false => format!("{first} …"),
    }
}

#[cfg(test)]
mod tests;
