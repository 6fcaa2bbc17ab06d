//! One block of memory for all values, shared by those that don't live at the same time.

use crate::error::{Error, Result};

/// Every block starts on a multiple of this.
pub const ALIGNMENT: usize = 64;

/// When a value is needed, in steps, and how many bytes it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    pub bytes: usize,
    pub first: usize,
    pub last: usize,
}

impl Lifetime {
    fn overlaps(&self, other: &Lifetime) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// An offset for each lifetime so that no two that overlap in time overlap in memory, and the size of the whole.
/// Largest first, each at the lowest gap that holds it.
pub fn assign(lifetimes: &[Lifetime]) -> Result<(Vec<usize>, usize)> {
    let mut order: Vec<usize> = (0..lifetimes.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(lifetimes[i].bytes), lifetimes[i].first));
    let mut offsets = vec![0; lifetimes.len()];
    // Placed blocks by offset.
    let mut placed: Vec<usize> = Vec::with_capacity(lifetimes.len());
    let mut size = 0;
    for index in order {
        let wanted = &lifetimes[index];
        let too_big = || {
            Error::unsupported("the values of this model need more memory than can be addressed")
        };
        let bytes = wanted
            .bytes
            .checked_next_multiple_of(ALIGNMENT)
            .ok_or_else(too_big)?;
        let mut at = 0usize;
        for &other in &placed {
            let block = &lifetimes[other];
            if !block.overlaps(wanted) || block.bytes == 0 {
                continue;
            }
            if offsets[other] >= at.checked_add(bytes).ok_or_else(too_big)? {
                break;
            }
            at = at.max(offsets[other] + block.bytes.next_multiple_of(ALIGNMENT));
        }
        size = size.max(at.checked_add(bytes).ok_or_else(too_big)?);
        offsets[index] = at;
        let position = placed.partition_point(|&p| offsets[p] <= at);
        placed.insert(position, index);
    }
    Ok((offsets, size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_chain_needs_two_blocks() {
        let chain: Vec<_> = (0..5)
            .map(|i| Lifetime {
                bytes: 100,
                first: i,
                last: i + 1,
            })
            .collect();
        assert_eq!(assign(&chain).unwrap().1, 256);
    }

    proptest! {
        #[test]
        fn blocks_alive_together_are_apart(list in prop::collection::vec((0usize..500, 0usize..20, 0usize..6), 1..40)) {
            let lifetimes: Vec<_> = list.iter().map(|&(bytes, first, more)| Lifetime { bytes, first, last: first + more }).collect();
            let (offsets, size) = assign(&lifetimes).unwrap();
            for i in 0..lifetimes.len() {
                prop_assert!(offsets[i].is_multiple_of(ALIGNMENT));
                prop_assert!(offsets[i] + lifetimes[i].bytes <= size);
                for j in 0..i {
                    if lifetimes[i].overlaps(&lifetimes[j]) && lifetimes[i].bytes > 0 && lifetimes[j].bytes > 0 {
                        let apart = offsets[i] + lifetimes[i].bytes <= offsets[j] || offsets[j] + lifetimes[j].bytes <= offsets[i];
                        prop_assert!(apart);
                    }
                }
            }
        }
    }
}
