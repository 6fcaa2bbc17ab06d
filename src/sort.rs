//! Stable sorting that is compiled once: the standard library's is made anew, a thousand lines of machine code, for
//! every type and every comparison. Here places are sorted, through a call per comparison, and the elements follow
//! them. For lists that are short or sorted once; what sorts a million again and again uses the slice's own.

use std::cmp::Ordering;

/// As `slice::sort_by`.
pub fn by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let order = order(items.len(), &mut |a, b| compare(&items[a], &items[b]));
    arrange(items, order);
}

/// As `slice::sort_by_key`.
pub fn by_key<T, K: Ord>(items: &mut [T], mut key: impl FnMut(&T) -> K) {
    by(items, |a, b| key(a).cmp(&key(b)));
}

/// The places of so many elements in their order.
#[inline(never)]
fn order(len: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by(|&a, &b| compare(a, b));
    order
}

/// Puts the element from place `order[at]` at each place `at`, one ring of elements that change places after the other.
fn arrange<T>(items: &mut [T], mut order: Vec<usize>) {
    for first in 0..order.len() {
        let mut at = first;
        loop {
            let from = std::mem::replace(&mut order[at], at);
            if from == first || from == at {
                break;
            }
            items.swap(at, from);
            at = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_the_slices_own(values in prop::collection::vec(0u8..16, 0..80)) {
            // The second number tells equal ones apart.
            let numbered: Vec<(u8, usize)> = values.into_iter().zip(0..).collect();
            let (mut ours, mut own) = (numbered.clone(), numbered);
            by_key(&mut ours, |pair| pair.0);
            own.sort_by_key(|pair| pair.0);
            prop_assert_eq!(&ours, &own);
            by(&mut ours, |a, b| (b.0 / 4).cmp(&(a.0 / 4)).then(a.0.cmp(&b.0)));
            own.sort_by(|a, b| (b.0 / 4).cmp(&(a.0 / 4)).then(a.0.cmp(&b.0)));
            prop_assert_eq!(ours, own);
        }
    }
}
