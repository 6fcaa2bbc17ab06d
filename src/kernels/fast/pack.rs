//! Packing columns of a matrix, and output channels of a filter, into a panel, `[k][width]`.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

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

/// A filter as it lies: `[channels][depth]` or, as in SavedModels, `[depth][channels]`.
#[derive(Clone, Copy)]
pub struct FilterView<'a> {
    values: &'a [f32],
    channels_last: bool,
    factors: Option<&'a [f64]>,
}

impl<'a> FilterView<'a> {
    /// `[depth][channels]`, multiplied by a factor for each channel, if there are some, and rounded once.
    pub fn channels_last(values: &'a [f32], factors: Option<&'a [f64]>) -> Self {
        FilterView {
            values,
            channels_last: true,
            factors,
        }
    }

    /// Weights in all.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Fills a panel `[depth][width]` with some of so many channels, and says whether all are finite.
    pub(super) fn pack(
        &self,
        level: Level,
        (channels, count): (Range<usize>, usize),
        panel: &mut [f32],
        width: usize,
    ) -> bool {
        let depth = self.values.len() / count.max(1);
        let panel = &mut panel[..depth * width];
        match self.channels_last {
            true => pack_rows(level, self.values, count, channels.clone(), panel, width),
            false => {
                let own = &self.values[channels.start * depth..channels.end * depth];
                pack_turned(level, own, depth, panel, width);
            }
        }
        if let Some(factors) = self.factors {
            multiply(level, panel, width, &factors[channels]);
        }
        all_finite(level, panel)
    }
}

impl<'a> From<&'a [f32]> for FilterView<'a> {
    /// `[channels][depth]`.
    fn from(values: &'a [f32]) -> Self {
        FilterView {
            values,
            channels_last: false,
            factors: None,
        }
    }
}

by_level! {
    fn multiply(panel: &mut [f32], width: usize, factors: &[f64]) = multiply_rows
}

#[inline(always)]
fn multiply_rows(panel: &mut [f32], width: usize, factors: &[f64]) {
    for row in panel.chunks_exact_mut(width) {
        let row = &mut row[..factors.len()];
        for i in 0..factors.len() {
            row[i] = (f64::from(row[i]) * factors[i]) as f32;
        }
    }
}

by_level! {
    fn all_finite(values: &[f32]) -> bool = no_odd_one
}

#[inline(always)]
fn no_odd_one(values: &[f32]) -> bool {
    let mut odd = false;
    for i in 0..values.len() {
        odd |= !values[i].is_finite();
    }
    !odd
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

    proptest! {
        #[test]
        fn a_filter_gives_the_same_panels_however_it_lies(
            (count, depth) in (1usize..70, 1usize..40), scaled in any::<bool>(), seed in any::<u32>(),
            (first, columns, odd) in (0usize..70, 1usize..33, any::<bool>()),
        ) {
            let first = first.min(count - 1);
            let channels = first..count.min(first + columns);
            let mut last = values(seed, depth * count);
            if odd {
                last[seed as usize % (depth * count)] = f32::NAN;
            }
            let factors: Vec<f64> = (0..count).map(|c| 0.5 + c as f64 * 0.01).collect();
            let factor = |c: usize| if scaled { factors[c] } else { 1.0 };
            let mut by_channel = Vec::new();
            for c in 0..count {
                let own = (0..depth).map(|d| (f64::from(last[d * count + c]) * factor(c)) as f32);
                by_channel.extend(own);
            }
            let own = &by_channel[channels.start * depth..channels.end * depth];
            let finite = own.iter().all(|w| w.is_finite());
            for level in cpu::levels() {
                let views = [
                    FilterView::from(&*by_channel),
                    FilterView::channels_last(&last, scaled.then_some(&factors)),
                ];
                let panels = views.map(|view| {
                    let mut panel = vec![7f32; depth * 32];
                    let all = view.pack(level, (channels.clone(), count), &mut panel, 32);
                    assert_eq!(all, finite);
                    panel.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
                });
                prop_assert_eq!(&panels[0], &panels[1]);
            }
        }
    }
}
