//! Names cut at `/` into scopes. One sorted list answers for every scope; nothing is built before it is asked for.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use crate::model::Name;

/// Sorted names with what rolls up over them; cloning shares.
#[derive(Clone)]
pub struct Names {
    sorted: Arc<Vec<(Name, u32)>>,
    /// Bytes and multiply-accumulates of the items before each place in the order.
    before: Arc<Vec<(u64, u64)>>,
}

/// What is cut into scopes.
pub struct Item {
    pub name: Name,
    pub index: u32,
}

/// A scope or an item directly below a scope: a place in the sorted list, 16 bytes whatever the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Child {
    start: u32,
    end: u32,
    /// Bytes of the scope's prefix with its `/`; 0 for an item.
    scope: u32,
    /// The item, or the first one within the scope.
    pub item: u32,
}

impl Child {
    pub fn is_scope(&self) -> bool {
        self.scope > 0
    }

    pub fn items(&self) -> usize {
        (self.end - self.start) as usize
    }
}

impl Names {
    /// `sums` tells bytes and multiply-accumulates of an item by its index.
    pub fn new(items: impl Iterator<Item = Item>, sums: impl Fn(u32) -> (u64, u64)) -> Names {
        let mut sorted: Vec<(Name, u32)> = items.map(|item| (item.name, item.index)).collect();
        sorted.sort_unstable();
        let names = Names {
            sorted: Arc::new(sorted),
            before: Arc::default(),
        };
        names.with_sums(sums)
    }

    /// The same names with other sums.
    pub fn with_sums(&self, sums: impl Fn(u32) -> (u64, u64)) -> Names {
        let mut before = Vec::with_capacity(self.sorted.len() + 1);
        let mut sum = (0u64, 0u64);
        before.push(sum);
        for (_, index) in self.sorted.iter() {
            let (bytes, macs) = sums(*index);
            sum = (sum.0.saturating_add(bytes), sum.1.saturating_add(macs));
            before.push(sum);
        }
        Names {
            sorted: self.sorted.clone(),
            before: Arc::new(before),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// The places in the order that are below `prefix`.
    fn below(&self, prefix: &str) -> Range<usize> {
        // A name that ends with `/` is an item beside the scope of that name.
        let start = self.sorted.partition_point(|(name, _)| {
            &**name < prefix || (!prefix.is_empty() && &**name == prefix)
        });
        let end =
            start + self.sorted[start..].partition_point(|(name, _)| name.starts_with(prefix));
        start..end
    }

    /// How many items are below `prefix`, however deep.
    pub fn count(&self, prefix: &str) -> usize {
        self.below(prefix).len()
    }

    /// Which of `children` is item `index` with this name, or the scope that holds it.
    pub fn leading_to(&self, children: &[Child], name: &Name, index: u32) -> Option<usize> {
        let wanted = (name, &index);
        let place = self.sorted.partition_point(|(n, i)| (n, i) < wanted);
        let found = self.sorted.get(place).filter(|(n, i)| (n, i) == wanted);
        let place = found.map(|_| place as u32)?;
        children
            .iter()
            .position(|c| (c.start..c.end).contains(&place))
    }

    /// Which of `children`, in the order of their first items, is this scope.
    pub fn scope_at(&self, children: &[Child], prefix: &str) -> Option<usize> {
        let start = self.below(prefix).start as u32;
        let is_it =
            |c: &Child| c.is_scope() && c.start == start && c.scope as usize == prefix.len();
        children.iter().position(is_it)
    }

    /// What is directly below `prefix` (empty, or ending with `/`), in the order of the first item of each.
    pub fn children(&self, prefix: &str) -> Vec<Child> {
        let Range { start, end } = self.below(prefix);
        let mut children = Vec::new();
        let mut at = start;
        while at < end {
            let (name, item) = &self.sorted[at];
            let rest = &name[prefix.len()..];
            // `a/` and `a//b` have empty parts; an empty label would be no row to choose.
            match rest.find('/').filter(|&cut| cut + 1 < rest.len()) {
                None => {
                    children.push(Child {
                        start: at as u32,
                        end: at as u32 + 1,
                        scope: 0,
                        item: *item,
                    });
                    at += 1;
                }
                Some(cut) => {
                    let scope = &name[..prefix.len() + cut + 1];
                    let last =
                        at + self.sorted[at..end].partition_point(|(n, _)| n.starts_with(scope));
                    children.push(self.scope(scope, at, last));
                    at = last;
                }
            }
        }
        children.sort_unstable_by_key(|c| c.item);
        children
    }

    /// Puts children into the order in which a person counts: `block_2` before `block_10`, and last what begins with
    /// `_`, which is bookkeeping.
    pub fn order_by_label(&self, prefix: &str, children: &mut [Child]) {
        children.sort_by(|a, b| {
            let (a, b) = (self.label(prefix, a), self.label(prefix, b));
            (a.starts_with('_').cmp(&b.starts_with('_'))).then_with(|| counted(a, b))
        });
    }

    /// A scope; one that holds nothing but another scope is shown as one row with it.
    fn scope(&self, scope: &str, start: usize, end: usize) -> Child {
        let (first, last) = (&self.sorted[start].0, &self.sorted[end - 1].0);
        let mut scope = scope;
        while let Some(cut) = first[scope.len()..].find('/') {
            let longer = &first[..scope.len() + cut + 1];
            if longer.len() >= first.len() || !last.starts_with(longer) {
                break;
            }
            scope = longer;
        }
        let items = self.sorted[start..end].iter().map(|(_, item)| *item);
        Child {
            start: start as u32,
            end: end as u32,
            scope: scope.len() as u32,
            item: items.min().unwrap_or(0),
        }
    }

    /// What is left of a child's name under a parent of this prefix.
    pub fn label(&self, prefix: &str, child: &Child) -> &str {
        let name = &self.sorted[child.start as usize].0;
        match child.scope as usize {
            0 => &name[prefix.len()..],
            end => name[prefix.len()..end].trim_end_matches('/'),
        }
    }

    /// Full prefix with its `/`, for a scope; `None` for an item.
    pub fn prefix(&self, child: &Child) -> Option<&str> {
        let name = &self.sorted[child.start as usize].0;
        child.is_scope().then(|| &name[..child.scope as usize])
    }

    /// Bytes and multiply-accumulates of a child.
    pub fn sums(&self, child: &Child) -> (u64, u64) {
        let (from, to) = (
            self.before[child.start as usize],
            self.before[child.end as usize],
        );
        (to.0 - from.0, to.1 - from.1)
    }
}

/// Compares words by their letters, large or small, and numbers by what they count.
fn counted(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let order = match (left.chars().next(), right.chars().next()) {
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, rest) = number(left);
                let (y, other) = number(right);
                (left, right) = (rest, other);
                x.len().cmp(&y.len()).then_with(|| x.cmp(y))
            }
            (Some(x), Some(y)) => {
                (left, right) = (&left[x.len_utf8()..], &right[y.len_utf8()..]);
                x.to_lowercase().cmp(y.to_lowercase())
            }
            (x, y) => return x.cmp(&y).then_with(|| a.cmp(b)),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The digits at the beginning without zeros before them, and what follows.
fn number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    (digits.trim_start_matches('0'), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(name: &str, index: usize) -> Item {
        Item {
            name: name.into(),
            index: index as u32,
        }
    }

    fn names(list: &[&str]) -> Names {
        let items = list.iter().enumerate().map(|(at, n)| item(n, at));
        Names::new(items, |_| (10, 30))
    }

    #[test]
    fn scopes_roll_up_and_chains_are_one_row() {
        let names = names(&[
            "input",
            "net/block/conv/kernel",
            "net/block/conv/bias",
            "net/block/add",
            "net/out",
        ]);
        let labels = |prefix: &str| -> Vec<(String, usize, (u64, u64))> {
            let children = names.children(prefix);
            let one = |c: &Child| (names.label(prefix, c).to_owned(), c.items(), names.sums(c));
            children.iter().map(one).collect()
        };
        assert_eq!(
            labels(""),
            [("input".into(), 1, (10, 30)), ("net".into(), 4, (40, 120))]
        );
        assert_eq!(
            labels("net/"),
            [("block".into(), 3, (30, 90)), ("out".into(), 1, (10, 30))]
        );
        let chain = self::names(&["a/b/c/x", "a/b/c/y", "z"]);
        let first = chain.children("")[0];
        assert_eq!(chain.label("", &first), "a/b/c");
        assert_eq!(chain.prefix(&first), Some("a/b/c/"));
    }

    #[test]
    fn labels_stand_in_the_order_in_which_a_person_counts() {
        let names = names(&[
            "_BOOKS",
            "block_10/kernel",
            "block_2/kernel",
            "Conv/kernel",
            "block_2_bn/gamma",
            "block_002/beta",
            "bn",
        ]);
        let mut children = names.children("");
        names.order_by_label("", &mut children);
        let labels: Vec<&str> = children.iter().map(|c| names.label("", c)).collect();
        let counted = [
            "block_002",
            "block_2",
            "block_2_bn",
            "block_10",
            "bn",
            "Conv",
            "_BOOKS",
        ];
        assert_eq!(labels, counted);
    }

    proptest! {
        #[test]
        fn every_item_is_found_once(list in prop::collection::vec("[ab/]{0,6}", 0..20)) {
            let list: Vec<&str> = list.iter().map(String::as_str).collect();
            let all = names(&list);
            let mut found = Vec::new();
            let mut stack = vec![String::new()];
            while let Some(prefix) = stack.pop() {
                let children = all.children(&prefix);
                for (at, child) in children.iter().enumerate() {
                    let first = child.item;
                    let name = Name::from(list[first as usize]);
                    prop_assert_eq!(all.leading_to(&children, &name, first), Some(at));
                    match all.prefix(child) {
                        Some(scope) => {
                            prop_assert!(scope.len() > prefix.len());
                            prop_assert_eq!(all.scope_at(&children, scope), Some(at));
                            stack.push(scope.to_string());
                        }
                        None => found.push(child.item),
                    }
                }
            }
            found.sort_unstable();
            prop_assert_eq!(found, (0..list.len() as u32).collect::<Vec<_>>());
        }
    }
}
