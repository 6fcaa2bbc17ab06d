//! Packing columns of a matrix, and output channels of a filter, into a panel, `[k][width]`.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

use std::ops::Range;

use crate::kernels::cpu::{Level, by_level};
use crate::kernels::movement::turn::BLOCK;
#[cfg(target_arch = "x86_64")]
use crate::kernels::movement::turn::turn_block;

/// Lines of a matrix as they lie: `count` of `len` numbers, each `step` numbers behind the one before.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    values: &'a [f32],
    count: usize,
    len: usize,
    step: usize,
}

impl<'a> Lines<'a> {
    /// The lines begin with `values`.
    pub fn new(values: &'a [f32], count: usize, len: usize, step: usize) -> Self {
        assert!(count == 0 || (count - 1) * step + len <= values.len());
        Lines {
            values,
            count,
            len,
            step,
        }
    }

    /// Lines that follow each other closely.
    pub fn close(values: &'a [f32], len: usize) -> Self {
        Self::new(values, values.len() / len.max(1), len, len)
    }
}

by_level! {
    /// These columns of lines that are rows; the rest of a panel's row becomes 0.
    pub fn pack_rows(y: Lines<'_>, columns: Range<usize>, panel: &mut [f32], width: usize) = rows
}

#[inline(always)]
fn rows(y: Lines<'_>, columns: Range<usize>, panel: &mut [f32], width: usize) {
    let count = columns.len();
    assert!(columns.end <= y.len);
    for (row, to) in panel.chunks_exact_mut(width).take(y.count).enumerate() {
        let from = &y.values[row * y.step + columns.start..][..count];
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

/// Lines that are columns, all of them; the rest of a panel's row becomes 0.
pub fn pack_turned(level: Level, y: Lines<'_>, panel: &mut [f32], width: usize) {
    let (k, columns, step) = (y.len, y.count, y.step);
    let panel = &mut panel[..k * width];
    assert!(columns <= width);
    if columns < width {
        panel.fill(0.0);
    }
    for top in (0..k).step_by(BLOCK) {
        let high = BLOCK.min(k - top);
        for left in (0..columns).step_by(BLOCK) {
            let wide = BLOCK.min(columns - left);
            let (from, to) = (
                &y.values[left * step + top..],
                &mut panel[top * width + left..],
            );
            #[cfg(target_arch = "x86_64")]
            if level == Level::Avx512 && (high, wide) == (BLOCK, BLOCK) {
                assert!(from.len() >= 15 * step + BLOCK && to.len() >= 15 * width + BLOCK);
                // SAFETY: the caller says that the level is there; sixteen rows of sixteen are there on both sides.
                unsafe { turn_block(from.as_ptr(), step, to.as_mut_ptr(), width) };
                continue;
            }
            for j in 0..wide {
                for (i, v) in from[j * step..j * step + high].iter().enumerate() {
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
            true => {
                let rows = Lines::close(self.values, count);
                pack_rows(level, rows, channels.clone(), panel, width);
            }
            false => {
                let own = &self.values[channels.start * depth..channels.end * depth];
                pack_turned(level, Lines::close(own, depth), panel, width);
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
            (half, apart) in (any::<bool>(), 0usize..4), seed in any::<u32>(),
        ) {
            let width = if half { 16 } else { 32 };
            let first = first.min(n - 1);
            let columns = first..n.min(first + count.min(width));
            let (row, column) = (n + apart, k + apart);
            let y = values(seed, (k - 1) * row + n);
            let turned: Vec<f32> = (0..n * column)
                .map(|i| if i % column < k { y[i % column * row + i / column] } else { f32::NAN })
                .collect();
            for level in cpu::levels() {
                let mut panel = vec![f32::NAN; k * width + 5];
                pack_rows(level, Lines::new(&y, k, n, row), columns.clone(), &mut panel, width);
                for (at, got) in panel[..k * width].iter().enumerate() {
                    let place = at % width;
                    let want = match place < columns.len() {
                        true => y[at / width * row + columns.start + place],
                        false => 0.0,
                    };
                    prop_assert_eq!(*got, want);
                }
                let mut other = vec![f32::NAN; k * width + 5];
                let mine = Lines::new(&turned[columns.start * column..], columns.len(), k, column);
                pack_turned(level, mine, &mut other, width);
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
