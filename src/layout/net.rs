//! What is drawn and the flow among it, by number: a few bytes for each, however many there are.

use super::scope::{Flow, Hierarchy, Item, Open};

/// Items in the order in which data flows, and what flows into and out of each.
#[derive(Debug, Clone, Default)]
pub struct Net {
    items: Vec<Item>,
    index: Numbers,
    flows: Vec<Flow>,
    into: Lists,
    out_of: Lists,
}

/// A number for each item, by the kind and number of the item.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers([Vec<u32>; 4]);

const NOWHERE: u32 = u32::MAX;

impl Numbers {
    fn slot(item: Item) -> (usize, usize) {
        let (kind, number) = match item {
            Item::Input(at) => (0, at),
            Item::Node(id) => (1, id.0),
            Item::Scope(id) => (2, id.0),
            Item::Output(at) => (3, at),
        };
        (kind, number as usize)
    }

    /// `number` must not be the largest there is.
    pub(super) fn insert(&mut self, item: Item, number: u32) {
        let (kind, slot) = Numbers::slot(item);
        let all = &mut self.0[kind];
        if all.len() <= slot {
            all.resize(slot + 1, NOWHERE);
        }
        all[slot] = number;
    }

    pub(super) fn get(&self, item: Item) -> Option<u32> {
        let (kind, slot) = Numbers::slot(item);
        let number = self.0[kind].get(slot).copied()?;
        (number != NOWHERE).then_some(number)
    }
}

/// Lists of flows, one for each item, in one piece.
#[derive(Debug, Clone, Default)]
struct Lists {
    starts: Vec<u32>,
    flows: Vec<u32>,
}

impl Lists {
    /// `owner` tells whose list a flow is in.
    fn new(items: usize, flows: &[Flow], owner: impl Fn(&Flow) -> Option<usize>) -> Lists {
        let mut starts = vec![0u32; items + 1];
        for at in flows.iter().filter_map(&owner) {
            starts[at + 1] += 1;
        }
        for at in 0..items {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut list = vec![0; starts[items] as usize];
        for (number, flow) in flows.iter().enumerate() {
            if let Some(at) = owner(flow) {
                list[next[at] as usize] = number as u32;
                next[at] += 1;
            }
        }
        Lists {
            starts,
            flows: list,
        }
    }

    fn of(&self, at: usize) -> &[u32] {
        match self.starts.get(at..at + 2) {
            Some(&[from, to]) => &self.flows[from as usize..to as usize],
            _ => &[],
        }
    }
}

impl Net {
    /// `items` in the order of their rows. Flow from or to anything else is left out.
    pub fn new(items: Vec<Item>, flows: Vec<Flow>) -> Net {
        let mut index = Numbers::default();
        for (at, item) in items.iter().enumerate() {
            index.insert(*item, at as u32);
        }
        let place = |item: Item| Some(index.get(item)? as usize);
        let ends = |flow: &Flow| Some((place(flow.from)?, place(flow.to)?));
        let into = Lists::new(items.len(), &flows, |flow| Some(ends(flow)?.1));
        let out_of = Lists::new(items.len(), &flows, |flow| Some(ends(flow)?.0));
        Net {
            items,
            index,
            flows,
            into,
            out_of,
        }
    }

    /// What is drawn with these scopes open; `waits`: what only waits for something is flow too.
    pub fn of(hierarchy: &Hierarchy, open: &Open, waits: bool) -> Net {
        let mut flows = hierarchy.shown_flows(open);
        flows.retain(|flow| waits || flow.value.is_some());
        Net::new(hierarchy.shown(open), flows)
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn items(&self) -> &[Item] {
        &self.items
    }

    pub fn item(&self, at: usize) -> Option<Item> {
        self.items.get(at).copied()
    }

    pub fn place(&self, item: Item) -> Option<usize> {
        self.index.get(item).map(|at| at as usize)
    }

    /// What flows into an item.
    pub fn flow_into(
        &self,
        item: Item,
    ) -> impl DoubleEndedIterator<Item = &Flow> + ExactSizeIterator {
        let list = self.place(item).map_or(&[][..], |at| self.into.of(at));
        list.iter().map(|at| &self.flows[*at as usize])
    }

    /// What flows out of an item.
    pub fn flow_from(
        &self,
        item: Item,
    ) -> impl DoubleEndedIterator<Item = &Flow> + ExactSizeIterator {
        let list = self.place(item).map_or(&[][..], |at| self.out_of.of(at));
        list.iter().map(|at| &self.flows[*at as usize])
    }

    /// The places of the items on the other side of what flows out of place `at`, or into it.
    fn next(&self, at: usize, backward: bool) -> impl Iterator<Item = usize> {
        let list = if backward { &self.into } else { &self.out_of };
        list.of(at).iter().filter_map(move |number| {
            let flow = &self.flows[*number as usize];
            self.place(if backward { flow.from } else { flow.to })
        })
    }

    /// Whether each item is before or after `item`, itself included; and how many are.
    pub fn reach(&self, item: Item) -> (Vec<bool>, usize) {
        let mut all = vec![false; self.len()];
        let Some(start) = self.place(item) else {
            return (all, 0);
        };
        for backward in [true, false] {
            let mut seen = vec![false; self.len()];
            seen[start] = true;
            let mut stack = vec![start];
            while let Some(at) = stack.pop() {
                all[at] = true;
                let fresh = self.next(at, backward);
                stack.extend(fresh.filter(|next| !std::mem::replace(&mut seen[*next], true)));
            }
        }
        let count = all.iter().filter(|in_reach| **in_reach).count();
        (all, count)
    }

    /// A shortest way along the flow between two items, in either direction.
    pub fn path(&self, from: Item, to: Item) -> Option<Vec<Item>> {
        let (from, to) = (self.place(from)?, self.place(to)?);
        self.one_way(from, to).or_else(|| {
            let mut path = self.one_way(to, from)?;
            path.reverse();
            Some(path)
        })
    }

    fn one_way(&self, from: usize, to: usize) -> Option<Vec<Item>> {
        let mut came = vec![NOWHERE; self.len()];
        came[from] = from as u32;
        let mut queue = std::collections::VecDeque::from([from]);
        while let Some(at) = queue.pop_front() {
            if at == to {
                let mut path = vec![self.items[to]];
                let mut back = to;
                while back != from {
                    back = came[back] as usize;
                    path.push(self.items[back]);
                }
                path.reverse();
                return Some(path);
            }
            for next in self.next(at, false) {
                if came[next] == NOWHERE {
                    came[next] = at as u32;
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NodeId, ValueId};

    #[test]
    fn ways_and_reach_follow_the_flow() {
        let node = |at: u32| Item::Node(NodeId(at));
        let flow = |from: u32, to: u32| Flow {
            from: node(from),
            to: node(to),
            value: Some(ValueId(from)),
        };
        let flows = vec![
            flow(7, 2),
            flow(2, 4),
            flow(7, 3),
            flow(3, 5),
            flow(5, 4),
            flow(9, 4),
        ];
        let net = Net::new([7, 2, 3, 5, 4, 8].map(node).to_vec(), flows);
        assert_eq!(
            net.path(node(7), node(4)),
            Some([7, 2, 4].map(node).to_vec())
        );
        assert_eq!(
            net.path(node(5), node(7)),
            Some([5, 3, 7].map(node).to_vec())
        );
        assert_eq!(net.path(node(7), node(8)), None);
        let (all, count) = net.reach(node(3));
        assert_eq!(
            (all, count),
            (vec![true, false, true, true, true, false], 4)
        );
        let before: Vec<Item> = net.flow_into(node(4)).map(|f| f.from).collect();
        assert_eq!(before, [2, 5].map(node));
        assert_eq!(net.flow_from(node(9)).len(), 0);
    }
}
