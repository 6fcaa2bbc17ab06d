//! Names cut at `/` into scopes. One sorted list answers for every scope; nothing is built before it is asked for.

use crate::model::Name;

/// Sorted names with what rolls up over them.
pub struct Names {
    sorted: Vec<(Name, u32)>,
    /// Bytes of the items before each place in the order.
    before: Vec<u64>,
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
}

impl Names {
    /// Items with their names and bytes.
    pub fn new(items: impl Iterator<Item = (Name, u32, u64)>) -> Names {
        let mut all: Vec<(Name, u32, u64)> = items.collect();
        all.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut before = Vec::with_capacity(all.len() + 1);
        let mut sum = 0u64;
        before.push(0);
        for (_, _, bytes) in &all {
            sum = sum.saturating_add(*bytes);
            before.push(sum);
        }
        Names {
            sorted: all
                .into_iter()
                .map(|(name, item, _)| (name, item))
                .collect(),
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
                        label: rest.to_owned(),
                        scope: None,
                        item: *item,
                        items: 1,
                        bytes: self.before[at + 1] - self.before[at],
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
        Child {
            label: scope[prefix.len()..].trim_end_matches('/').to_owned(),
            scope: Some(scope.into()),
            item,
            items: end - start,
            bytes: self.before[end] - self.before[start],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(list: &[&str]) -> Names {
        Names::new(
            list.iter()
                .enumerate()
                .map(|(at, n)| (Name::from(*n), at as u32, 10)),
        )
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
            .map(|c| (c.label.as_str(), c.items, c.bytes))
            .collect();
        assert_eq!(labels, [("input", 1, 10), ("net", 4, 40)]);
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
            let all = Names::new(list.iter().enumerate().map(|(at, n)| (Name::from(n.as_str()), at as u32, 1)));
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
