//! How a convolution's windows lie in memory once the padding is part of the array.

use crate::kernels::params::Conv2d;

/// Sizes of the padded input and the runs of consecutive elements that a window is made of.
#[derive(Debug, Clone)]
pub struct Window {
    pub p: Conv2d,
    pub padded_h: usize,
    pub padded_w: usize,
    /// First element of each run, from the window's first element.
    pub taps: Vec<usize>,
    /// Elements in a run.
    pub run: usize,
}

impl Window {
    pub fn new(p: &Conv2d) -> Self {
        let span = |out: usize, stride: usize, k: usize, dilation: usize| {
            out.saturating_sub(1) * stride + k.saturating_sub(1) * dilation + 1
        };
        let reach_h = span(p.out_h, p.stride_h, p.k_h, p.dilation_h);
        let reach_w = span(p.out_w, p.stride_w, p.k_w, p.dilation_w);
        let padded_h = reach_h.max(p.in_h + p.pad_top);
        let padded_w = reach_w.max(p.in_w + p.pad_left);
        let row = padded_w * p.in_c;
        let group_in = p.in_c / p.groups.max(1);
        let whole_rows = p.dilation_w == 1 && p.groups == 1;
        let taps: Vec<usize> = if whole_rows {
            (0..p.k_h).map(|ky| ky * p.dilation_h * row).collect()
        } else {
            (0..p.k_h * p.k_w)
                .map(|tap| {
                    let (ky, kx) = (tap / p.k_w, tap % p.k_w);
                    ky * p.dilation_h * row + kx * p.dilation_w * p.in_c
                })
                .collect()
        };
        Window {
            p: *p,
            padded_h,
            padded_w,
            taps,
            run: if whole_rows {
                p.k_w * group_in
            } else {
                group_in
            },
        }
    }

    /// Whether the input as it is serves as the padded one.
    pub fn is_plain(&self) -> bool {
        self.padded_h == self.p.in_h && self.padded_w == self.p.in_w
    }

    pub fn padded_len(&self) -> usize {
        self.p.batch * self.padded_h * self.padded_w * self.p.in_c
    }

    /// Elements from a window's first to behind its last.
    pub fn reach(&self) -> usize {
        self.taps.last().map_or(0, |last| last + self.run)
    }

    /// Fills rows of the padded array, from row `first` on (counting all images'), through `copy`; the padding of image
    /// `b` is `zero(b)`.
    pub fn copy_rows<T, P: Copy>(
        &self,
        input: &[T],
        (first, rows): (usize, &mut [P]),
        zero: impl Fn(usize) -> P,
        copy: impl Fn(&[T], &mut [P]),
    ) {
        let p = &self.p;
        let (row_in, row_out) = (p.in_w * p.in_c, self.padded_w * p.in_c);
        let left = p.pad_left * p.in_c;
        for (row, to) in (first..).zip(rows.chunks_exact_mut(row_out)) {
            let (b, y) = (row / self.padded_h, row % self.padded_h);
            let zero = zero(b);
            match y.checked_sub(p.pad_top).filter(|&y| y < p.in_h) {
                Some(y) => {
                    let from = (b * p.in_h + y) * row_in;
                    to[..left].fill(zero);
                    copy(&input[from..from + row_in], &mut to[left..left + row_in]);
                    to[left + row_in..].fill(zero);
                }
                None => to.fill(zero),
            }
        }
    }

    /// First elements, in the padded array, of the windows of outputs `first`, `first + 1`, … in row-major order.
    pub fn bases(&self, first: usize, bases: &mut [usize]) {
        let p = &self.p;
        let cell = first % (p.out_h * p.out_w);
        let (mut b, mut y, mut x) = (first / (p.out_h * p.out_w), cell / p.out_w, cell % p.out_w);
        for base in bases {
            let row = b * self.padded_h + y * p.stride_h;
            *base = (row * self.padded_w + x * p.stride_w) * p.in_c;
            x += 1;
            if x == p.out_w {
                x = 0;
                y += 1;
                if y == p.out_h {
                    y = 0;
                    b += 1;
                }
            }
        }
    }
}
