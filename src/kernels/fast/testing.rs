//! What the tests of fast kernels share: random geometries and values.

use proptest::prelude::*;

use crate::kernels::params::Conv2d;

/// Small convolutions of every kind: strides, dilations, groups, padding on either side.
pub fn any_conv() -> impl Strategy<Value = Conv2d> {
    let sizes = (1usize..3, 1usize..9, 1usize..9, 1usize..20, 1usize..40);
    let window = (
        1usize..4,
        1usize..4,
        1usize..3,
        1usize..3,
        1usize..3,
        1usize..3,
    );
    let rest = (0usize..3, 0usize..3, 1usize..9, 1usize..9, 1usize..4);
    (sizes, window, rest).prop_map(|(sizes, window, rest)| {
        let (batch, in_h, in_w, in_c, out_c) = sizes;
        let (k_h, k_w, stride_h, stride_w, dilation_h, dilation_w) = window;
        let (pad_top, pad_left, out_h, out_w, groups) = rest;
        let groups = if groups == 1 { 1 } else { groups };
        Conv2d {
            batch,
            in_h,
            in_w,
            in_c: in_c * groups,
            out_h,
            out_w,
            out_c: out_c * groups,
            k_h,
            k_w,
            stride_h,
            stride_w,
            dilation_h,
            dilation_w,
            pad_top,
            pad_left,
            groups,
        }
    })
}

/// Repeatable numbers in [-1, 1).
pub fn values(seed: u32, len: usize) -> Vec<f32> {
    words(seed, len)
        .map(|w| w as f32 / (1u64 << 31) as f32 - 1.0)
        .collect()
}

/// Repeatable bytes.
pub fn bytes(seed: u32, len: usize) -> Vec<i8> {
    words(seed, len).map(|w| (w >> 24) as i8).collect()
}

fn words(seed: u32, len: usize) -> impl Iterator<Item = u32> {
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len).map(move |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    })
}

/// Within 1e-5 of the largest value.
pub fn close(got: &[f32], want: &[f32]) -> Result<(), TestCaseError> {
    let largest = want.iter().fold(1.0f32, |m, v| m.max(v.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        prop_assert!((g - w).abs() <= 1e-5 * largest, "{i}: {g} instead of {w}");
    }
    Ok(())
}
