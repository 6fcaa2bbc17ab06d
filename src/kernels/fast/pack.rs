//! Packing columns of a matrix into a panel, `[k][width]`.

use std::ops::Range;

use crate::kernels::cpu::{Level, by_level};
use crate::kernels::movement::turn::BLOCK;
#[cfg(target_arch = "x86_64")]
use crate::kernels::movement::turn::turn_block;

by_level! {
    /// These columns of rows of `n`; the rest of a panel's row becomes 0.
    pub fn pack_rows(y: &[f32], n: usize, columns: Range<usize>, panel: &mut [f32], width: usize) = rows
}

#[inline(always)]
fn rows(y: &[f32], n: usize, columns: Range<usize>, panel: &mut [f32], width: usize) {
    let count = columns.len();
    for (row, to) in y.chunks_exact(n).zip(panel.chunks_exact_mut(width)) {
        let from = &row[columns.clone()];
        let (to, rest) = to.split_at_mut(count);
        // In pieces of a known size: a call for so few elements takes as long as the copy.
        let (blocks, last) = from.as_chunks::<8>();
        let (to_blocks, to_last) = to.as_chunks_mut::<8>();
        for (i, block) in blocks.iter().enumerate() {
            to_blocks[i] = *block;
        }
        for (i, v) in last.iter().enumerate() {
            to_last[i] = *v;
        }
        for v in rest {
            *v = 0.0;
        }
    }
}

/// Columns that lie as rows of `k` elements, `y` being all of them; the rest of a panel's row becomes 0.
pub fn pack_turned(level: Level, y: &[f32], k: usize, panel: &mut [f32], width: usize) {
    let columns = y.len() / k.max(1);
    let panel = &mut panel[..k * width];
    assert!(columns <= width);
    if columns < width {
        panel.fill(0.0);
    }
    for top in (0..k).step_by(BLOCK) {
        let high = BLOCK.min(k - top);
        for left in (0..columns).step_by(BLOCK) {
            let wide = BLOCK.min(columns - left);
            let (from, to) = (&y[left * k + top..], &mut panel[top * width + left..]);
            #[cfg(target_arch = "x86_64")]
            if level == Level::Avx512 && (high, wide) == (BLOCK, BLOCK) {
                assert!(from.len() >= 15 * k + BLOCK && to.len() >= 15 * width + BLOCK);
                // SAFETY: the caller says that the level is there; sixteen rows of sixteen are there on both sides.
                unsafe { turn_block(from.as_ptr(), k, to.as_mut_ptr(), width) };
                continue;
            }
            for j in 0..wide {
                for (i, v) in from[j * k..j * k + high].iter().enumerate() {
                    to[i * width + j] = *v;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::values;
    use super::*;
    use crate::kernels::cpu;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_ways_give_the_same_panel(
            (n, k, first, count) in (1usize..60, 1usize..50, 0usize..60, 1usize..33),
            half in any::<bool>(), seed in any::<u32>(),
        ) {
            let width = if half { 16 } else { 32 };
            let first = first.min(n - 1);
            let columns = first..n.min(first + count.min(width));
            let y = values(seed, k * n);
            let turned: Vec<f32> = (0..n * k).map(|i| y[i % k * n + i / k]).collect();
            for level in cpu::levels() {
                let mut panel = vec![f32::NAN; k * width + 5];
                pack_rows(level, &y, n, columns.clone(), &mut panel, width);
                for (at, got) in panel[..k * width].iter().enumerate() {
                    let column = at % width;
                    let want = match column < columns.len() {
                        true => y[at / width * n + columns.start + column],
                        false => 0.0,
                    };
                    prop_assert_eq!(*got, want);
                }
                let mut other = vec![f32::NAN; k * width + 5];
                let mine = &turned[columns.start * k..columns.end * k];
                pack_turned(level, mine, k, &mut other, width);
                prop_assert_eq!(&panel[..k * width], &other[..k * width]);
                prop_assert!(panel[k * width..].iter().chain(&other[k * width..]).all(|v| v.is_nan()));
            }
        }
    }
}
