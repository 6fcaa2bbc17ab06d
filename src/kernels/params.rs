//! Geometry that kernels share: windows, padding, clamps.

/// The rules of which program an operator follows where the two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rules {
    /// TensorFlow Lite's reference kernels.
    Tflite,
    /// TensorFlow's CPU kernels.
    TensorFlow,
}

/// Bounds of a fused activation. NaN passes through, as in TensorFlow Lite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clamp {
    pub lo: f32,
    pub hi: f32,
}

impl Clamp {
    /// No bounds at all: TensorFlow without an activation.
    pub const NONE: Clamp = Clamp {
        lo: f32::NEG_INFINITY,
        hi: f32::INFINITY,
    };
    /// What TensorFlow Lite does for "no activation" in ADD, SUB, MUL, DIV, convolutions, FULLY_CONNECTED and
    /// pooling: infinities become the largest finite number.
    pub const FINITE: Clamp = Clamp {
        lo: f32::MIN,
        hi: f32::MAX,
    };
    pub const RELU: Clamp = Clamp {
        lo: 0.0,
        hi: f32::MAX,
    };
    pub const RELU6: Clamp = Clamp { lo: 0.0, hi: 6.0 };
    pub const RELU_N1_TO_1: Clamp = Clamp { lo: -1.0, hi: 1.0 };
    pub const RELU_0_TO_1: Clamp = Clamp { lo: 0.0, hi: 1.0 };

    #[inline(always)]
    pub fn apply(self, x: f32) -> f32 {
        let x = if x < self.lo { self.lo } else { x };
        if x > self.hi { self.hi } else { x }
    }

    /// Clamps every value; does nothing for [`Clamp::NONE`].
    pub fn apply_all(self, values: &mut [f32]) {
        if self != Clamp::NONE {
            for value in values {
                *value = self.apply(*value);
            }
        }
    }
}

/// Geometry of a 2-D convolution over `[batch, height, width, channels]`.
///
/// The output cell `(y, x)` reads input cells `y * stride_h - pad_top + ky * dilation_h` (likewise in x); cells
/// outside the input count as zero. `out_h`, `out_w` are given, so explicit padding after the end needs no field.
///
/// - convolution: filter `[out_c, k_h, k_w, in_c / groups]`; group `g` of the outputs reads group `g` of the inputs;
/// - depthwise: filter `[k_h, k_w, out_c]`, `out_c = in_c * multiplier`, output channel `c * multiplier + m`;
///   `groups` is not read. TensorFlow's `[k_h, k_w, in_c, multiplier]` is the same memory;
/// - transposed: filter `[out_c, k_h, k_w, in_c]`; input cell `(y, x)` adds to output cells
///   `y * stride_h - pad_top + ky * dilation_h`; `groups` is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2d {
    pub batch: usize,
    pub in_h: usize,
    pub in_w: usize,
    pub in_c: usize,
    pub out_h: usize,
    pub out_w: usize,
    pub out_c: usize,
    pub k_h: usize,
    pub k_w: usize,
    pub stride_h: usize,
    pub stride_w: usize,
    pub dilation_h: usize,
    pub dilation_w: usize,
    pub pad_top: usize,
    pub pad_left: usize,
    pub groups: usize,
}

impl Conv2d {
    /// A matrix product of `rows` cells as a convolution by a window of 1x1.
    pub fn product(rows: usize, depth: usize, units: usize) -> Self {
        Conv2d {
            batch: 1,
            in_h: 1,
            in_w: rows,
            in_c: depth,
            out_h: 1,
            out_w: rows,
            out_c: units,
            k_h: 1,
            k_w: 1,
            stride_h: 1,
            stride_w: 1,
            dilation_h: 1,
            dilation_w: 1,
            pad_top: 0,
            pad_left: 0,
            groups: 1,
        }
    }

    pub fn input_len(&self) -> usize {
        self.batch * self.in_h * self.in_w * self.in_c
    }

    pub fn output_len(&self) -> usize {
        self.batch * self.out_h * self.out_w * self.out_c
    }

    /// Elements of a convolution's filter.
    pub fn filter_len(&self) -> usize {
        self.out_c * self.k_h * self.k_w * (self.in_c / self.groups.max(1))
    }

    /// Index of the input's first channel at the cell that output `(y, x)` sees through tap `(ky, kx)`;
    /// `None` in the padding.
    #[inline(always)]
    pub fn source(&self, b: usize, y: usize, x: usize, ky: usize, kx: usize) -> Option<usize> {
        let iy = (y * self.stride_h + ky * self.dilation_h).checked_sub(self.pad_top)?;
        let ix = (x * self.stride_w + kx * self.dilation_w).checked_sub(self.pad_left)?;
        (iy < self.in_h && ix < self.in_w)
            .then(|| ((b * self.in_h + iy) * self.in_w + ix) * self.in_c)
    }
}

/// Geometry of a pooling window over `[batch, height, width, channels]`; cells outside the input don't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool2d {
    pub batch: usize,
    pub in_h: usize,
    pub in_w: usize,
    pub channels: usize,
    pub out_h: usize,
    pub out_w: usize,
    pub k_h: usize,
    pub k_w: usize,
    pub stride_h: usize,
    pub stride_w: usize,
    pub pad_top: usize,
    pub pad_left: usize,
}

impl Pool2d {
    pub fn input_len(&self) -> usize {
        self.batch * self.in_h * self.in_w * self.channels
    }

    pub fn output_len(&self) -> usize {
        self.batch * self.out_h * self.out_w * self.channels
    }

    /// Rows and columns of the input inside the window of output `(y, x)`.
    pub fn window(&self, y: usize, x: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let cut = |at: usize, stride: usize, pad: usize, k: usize, len: usize| {
            let start = (at * stride).saturating_sub(pad);
            let end = (at * stride + k).saturating_sub(pad).min(len);
            start.min(end)..end
        };
        (
            cut(y, self.stride_h, self.pad_top, self.k_h, self.in_h),
            cut(x, self.stride_w, self.pad_left, self.k_w, self.in_w),
        )
    }
}

/// Cells that a window of `k` with holes spans.
pub fn effective_window(k: usize, dilation: usize) -> usize {
    k.saturating_sub(1) * dilation + 1
}

/// Output size of SAME padding.
pub fn same_output(input: usize, stride: usize) -> usize {
    input.div_ceil(stride)
}

/// Output size of VALID padding.
pub fn valid_output(input: usize, k: usize, stride: usize, dilation: usize) -> usize {
    (input + 1)
        .saturating_sub(effective_window(k, dilation))
        .div_ceil(stride)
}

/// Padding before and after that makes `output` windows fit; the odd cell goes after. Zero for VALID sizes.
pub fn padding(
    input: usize,
    output: usize,
    k: usize,
    stride: usize,
    dilation: usize,
) -> (usize, usize) {
    let needed = output.saturating_sub(1) * stride + effective_window(k, dilation);
    let total = needed.saturating_sub(input);
    (total / 2, total - total / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_puts_the_odd_cell_after() {
        assert_eq!(same_output(224, 2), 112);
        assert_eq!(padding(224, 112, 3, 2, 1), (0, 1));
        assert_eq!(padding(5, 5, 3, 1, 2), (2, 2));
        assert_eq!(valid_output(5, 3, 2, 1), 2);
        assert_eq!(valid_output(2, 3, 1, 1), 0);
    }

    #[test]
    fn clamp_lets_nan_through_and_keeps_minus_zero() {
        assert!(Clamp::RELU6.apply(f32::NAN).is_nan());
        assert!(Clamp::RELU.apply(-0.0).is_sign_negative());
        assert_eq!(Clamp::FINITE.apply(f32::INFINITY), f32::MAX);
        assert_eq!(Clamp::NONE.apply(f32::INFINITY), f32::INFINITY);
    }
}
