//! Equal blocks that follow one another become one scope with a count.
//!
//! Blocks are found by what they are made of, not by their names, nor by the order of their operators in the file: a
//! run of siblings in which everything is equal to what stands one period further on, in operator, attributes, weights,
//! windows and wiring, and in which each block takes from the one before, or all are joined behind. Siblings stand in
//! an order that depends on the flow alone ([`order`]). Time is about linear in their number.

mod order;
mod runs;
mod survey;

use std::collections::{HashMap, HashSet};

use self::runs::{LEAST_TIMES, Run, Siblings};
use self::survey::Survey;
use super::{Hierarchy, Item, Scope, ScopeId};
use crate::layout::label::cells;
use crate::model::{Graph, NodeId};

/// Columns of a group's name that fit on a box beside the count.
const ROOM: usize = 24;

/// Longest block, in siblings.
const LONGEST: usize = 512;

impl Hierarchy {
    /// Runs of equal blocks become one scope each.
    pub(super) fn group_repeats(&mut self, graph: &Graph) {
        let mut survey = Survey::of(self, graph);
        let orders = std::mem::take(&mut survey.orders);
        for (index, orders) in orders.into_iter().enumerate() {
            let here = ScopeId(index as u32);
            // Scopes first, whatever stands between them.
            let scopes = orders.clone().map(|mut order| {
                order.retain(|item| matches!(item, Item::Scope(_)));
                order
            });
            // What stands left and right of a group that went out follows nothing.
            if !self.group_in(here, (graph, &survey), &scopes, 1) {
                self.group_in(here, (graph, &survey), &orders, LONGEST);
            }
        }
    }

    /// Groups the runs in the one of `orders`, all of the same children of `parent`, that has most in runs; whether
    /// there were any.
    fn group_in(
        &mut self,
        parent: ScopeId,
        (graph, survey): (&Graph, &Survey),
        orders: &[Vec<Item>; 2],
        longest: usize,
    ) -> bool {
        let [first, second] = orders;
        if first.len() < LEAST_TIMES {
            return false;
        }
        let runs = |order: &[Item]| Siblings::new(graph, survey, order).runs(longest);
        let covered = |runs: &[Run]| runs.iter().map(|run| run.end() - run.from).sum::<usize>();
        let (mut order, mut found) = (first, runs(first));
        if covered(&found) < first.len() && first != second {
            let other = runs(second);
            if covered(&other) > covered(&found) {
                (order, found) = (second, other);
            }
        }
        // Which group each item went into.
        let mut group_of: HashMap<Item, ScopeId> = HashMap::new();
        for run in &found {
            let inside = &order[run.from..run.end()];
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
        !found.is_empty()
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
            _ if alone => made_of,
            _ => self.ends_of(graph, &path, blocks).unwrap_or(made_of),
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

    /// The name of an item as it goes on from the path of the scope around it.
    fn name_below<'g>(&'g self, graph: &'g Graph, above: &str, item: Item) -> &'g str {
        match item {
            Item::Scope(id) => &self.scope(id).label,
            Item::Node(id) => {
                let path = super::node_path(graph.dialect, graph.node(id));
                path.strip_prefix(above)
                    .unwrap_or(path)
                    .trim_start_matches('/')
            }
            Item::Input(_) | Item::Output(_) => "",
        }
    }

    /// Blocks without names by the layers where they begin and end: `Conv2d_1 … Conv2d_6`; `None` where that tells
    /// nothing.
    fn ends_of(&self, graph: &Graph, above: &str, blocks: &[&[Item]]) -> Option<String> {
        let first = *blocks.first()?.first()?;
        let last = *blocks.last()?.last()?;
        let name = |item| self.name_below(graph, above, item).split('/').next();
        numbered_ends(name(first)?, name(last)?)
    }

    /// What the names of a block's parts have in common: `block_3` of `block_3_conv` and `block_3_relu`.
    fn common_name(&self, graph: &Graph, above: &str, block: &[Item]) -> String {
        let mut names = block
            .iter()
            .map(|item| self.name_below(graph, above, *item));
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

    /// The operators of a block: `Conv2D Relu`, or the first and how many follow: `DEPTHWISE_CONV_2D +3`.
    fn operators_of(&self, graph: &Graph, block: &[Item]) -> String {
        const NAMED: usize = 3;
        let nodes: Vec<NodeId> = block.iter().flat_map(|item| self.nodes(*item)).collect();
        let named = nodes.iter().take(NAMED);
        let ops: Vec<&str> = named.map(|id| graph.node(*id).op_label()).collect();
        let all = ops.join(" ");
        match ops.first() {
            Some(first) if nodes.len() > 1 && (nodes.len() > NAMED || cells(&all) > ROOM) => {
                format!("{first} +{}", nodes.len() - 1)
            }
            _ => all,
        }
    }
}

/// `Conv2d_1 … Conv2d_6` for `Conv2d_1_depthwise` and `Conv2d_6_pointwise`: as far as the first number in which they
/// differ.
fn numbered_ends(first: &str, last: &str) -> Option<String> {
    let pairs = first.char_indices().zip(last.chars());
    let same = pairs.take_while(|((_, a), b)| a == b);
    let shared = same.last().map_or(0, |((at, c), _)| at + c.len_utf8());
    // Numbers stay whole.
    let stem = first.get(..shared)?;
    let stem = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let upto = |name: &str| -> Option<String> {
        let rest = name.get(stem.len()..)?;
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        (digits > 0).then(|| format!("{stem}{}", &rest[..digits]))
    };
    let named = stem.contains(char::is_alphabetic);
    Some(from_to(&upto(first)?, &upto(last)?)).filter(|_| named)
}

/// `layer_0 … layer_11`; `conv2_block1 … 6` where that gets too long for a box, or the first name alone.
fn from_to(first: &str, last: &str) -> String {
    let both = format!("{first} … {last}");
    if both.chars().count() <= ROOM {
        return both;
    }
    let stem = |name: &str| name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    match (first.split_at(stem(first)), last.split_at(stem(last))) {
        ((before, from), (same, to)) if before == same && !from.is_empty() && !to.is_empty() => {
            format!("{first} … {to}")
        }
        _ => format!("{first} …"),
    }
}

#[cfg(test)]
mod tests;
