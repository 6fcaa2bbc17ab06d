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
        children.sort_by_key(|c| c.item);
        children
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

    proptest! {
        #[test]
        fn every_item_is_found_once(list in prop::collection::vec("[ab/]{0,6}", 0..20)) {
            let all = Names::new(list.iter().enumerate().map(|(at, n)| item(n, at, 1)));
            let mut found = Vec::new();
            let mut stack = vec![String::new()];
            while let Some(prefix) = stack.pop() {
                for child in all.children(&prefix) {
                    match all.prefix(&child) {
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
