//! Names cut at `/` into scopes. One sorted list answers for every scope; nothing is built before it is asked for.

use crate::model::Name;

/// Sorted names with what rolls up over them.
pub struct Names {
    sorted: Vec<(Name, u32)>,
    /// Bytes and multiply-accumulates of the items before each place in the order.
    before: Vec<(u64, u64)>,
}

/// What is cut into scopes.
pub struct Item {
    pub name: Name,
    pub index: u32,
    pub bytes: u64,
    pub macs: u64,
}

/// A scope or an item directly below a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// What is left of the name under its parent.
    pub label: String,
    /// Full prefix with its `/`, for a scope; `None` for an item.
    pub scope: Option<Name>,
    /// The item, or the first one within the scope.
    pub item: u32,
    pub items: usize,
    pub bytes: u64,
    pub macs: u64,
}

impl Names {
    pub fn new(items: impl Iterator<Item = Item>) -> Names {
        let mut all: Vec<Item> = items.collect();
        all.sort_by(|a, b| a.name.cmp(&b.name).then(a.index.cmp(&b.index)));
        let mut before = Vec::with_capacity(all.len() + 1);
        let (mut bytes, mut macs) = (0u64, 0u64);
        before.push((0, 0));
        for item in &all {
            bytes = bytes.saturating_add(item.bytes);
            macs = macs.saturating_add(item.macs);
            before.push((bytes, macs));
        }
        Names {
            sorted: all.into_iter().map(|i| (i.name, i.index)).collect(),
            before,
        }
    }

    /// Bytes and multiply-accumulates from one place in the order to another.
    fn sums(&self, start: usize, end: usize) -> (u64, u64) {
        let (from, to) = (self.before[start], self.before[end]);
        (to.0 - from.0, to.1 - from.1)
    }

    /// What is directly below `prefix` (empty, or ending with `/`), in the order of the first item of each.
    pub fn children(&self, prefix: &str) -> Vec<Child> {
        // A name that ends with `/` is an item beside the scope of that name.
        let start = self.sorted.partition_point(|(name, _)| {
            &**name < prefix || (!prefix.is_empty() && &**name == prefix)
        });
        let end =
            start + self.sorted[start..].partition_point(|(name, _)| name.starts_with(prefix));
        let mut children = Vec::new();
        let mut at = start;
        while at < end {
            let (name, item) = &self.sorted[at];
            let rest = &name[prefix.len()..];
            // `a/` and `a//b` have empty parts; an empty label would be no row to choose.
            match rest.find('/').filter(|&cut| cut + 1 < rest.len()) {
                None => {
                    let (bytes, macs) = self.sums(at, at + 1);
                    children.push(Child {
                        label: rest.to_owned(),
                        scope: None,
                        item: *item,
                        items: 1,
                        bytes,
                        macs,
                    });
                    at += 1;
                }
                Some(cut) => {
                    let scope = &name[..prefix.len() + cut + 1];
                    let last =
                        at + self.sorted[at..end].partition_point(|(n, _)| n.starts_with(scope));
                    children.push(self.scope(prefix, scope, at, last));
                    at = last;
                }
            }
        }
        children.sort_by_key(|c| c.item);
        children
    }

    /// A scope; one that holds nothing but another scope is shown as one row with it.
    fn scope(&self, prefix: &str, scope: &str, start: usize, end: usize) -> Child {
        let (first, last) = (&self.sorted[start].0, &self.sorted[end - 1].0);
        let mut scope = scope;
        while let Some(cut) = first[scope.len()..].find('/') {
            let longer = &first[..scope.len() + cut + 1];
            if longer.len() >= first.len() || !last.starts_with(longer) {
                break;
            }
            scope = longer;
        }
        let item = self.sorted[start..end]
            .iter()
            .map(|(_, item)| *item)
            .min()
            .unwrap_or(0);
        let (bytes, macs) = self.sums(start, end);
        Child {
            label: scope[prefix.len()..].trim_end_matches('/').to_owned(),
            scope: Some(scope.into()),
            item,
            items: end - start,
            bytes,
            macs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(name: &str, index: usize, bytes: u64) -> Item {
        Item {
            name: name.into(),
            index: index as u32,
            bytes,
            macs: 3 * bytes,
        }
    }

    fn names(list: &[&str]) -> Names {
        Names::new(list.iter().enumerate().map(|(at, n)| item(n, at, 10)))
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
        let top = names.children("");
        let labels: Vec<_> = top
            .iter()
            .map(|c| (c.label.as_str(), c.items, c.bytes, c.macs))
            .collect();
        assert_eq!(labels, [("input", 1, 10, 30), ("net", 4, 40, 120)]);
        let net = names.children("net/");
        let labels: Vec<_> = net.iter().map(|c| c.label.as_str()).collect();
        assert_eq!(labels, ["block", "out"]);
        let chain = self::names(&["a/b/c/x", "a/b/c/y", "z"]).children("");
        assert_eq!(chain[0].label, "a/b/c");
        assert_eq!(chain[0].scope.as_deref(), Some("a/b/c/"));
    }

    proptest! {
        #[test]
        fn every_item_is_found_once(list in prop::collection::vec("[ab/]{0,6}", 0..20)) {
            let all = Names::new(list.iter().enumerate().map(|(at, n)| item(n, at, 1)));
            let mut found = Vec::new();
            let mut stack = vec![String::new()];
            while let Some(prefix) = stack.pop() {
                for child in all.children(&prefix) {
                    match child.scope {
                        Some(scope) => {
                            prop_assert!(scope.len() > prefix.len());
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
