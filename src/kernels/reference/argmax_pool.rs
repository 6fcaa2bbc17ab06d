//! Max pooling that tells where each maximum was, and the way back.
//!
//! A place in a window is told as `x * k_h + y`: down the columns, as XNNPACK counts, in whose delegate these operators
//! live. They are bits of an unsigned number in tensors that call themselves float.

use crate::kernels::Pool2d;

/// Maxima of `[batch, in_h, in_w, channels]` and their places, the first of equals. Cells outside count as those at the
/// edge.
pub fn max_pool_places(p: &Pool2d, x: &[f32], out: &mut [f32], places: &mut [f32]) {
    let inside = |at: usize, pad: usize, size: usize| at.saturating_sub(pad).min(size - 1);
    for (number, (out, place)) in out.iter_mut().zip(places).enumerate() {
        let [image, row, column, channel] = apart(number, [p.out_h, p.out_w, p.channels]);
        let value = |spot: usize| {
            let y = inside(row * p.stride_h + spot % p.k_h, p.pad_top, p.in_h);
            let x_at = inside(column * p.stride_w + spot / p.k_h, p.pad_left, p.in_w);
            x[((image * p.in_h + y) * p.in_w + x_at) * p.channels + channel]
        };
        let mut best = (value(0), 0);
        for spot in 1..p.k_h * p.k_w {
            let next = value(spot);
            if next > best.0 {
                best = (next, spot);
            }
        }
        *out = best.0;
        *place = f32::from_bits(best.1 as u32);
    }
}

/// Puts every value of `[batch, in_h, in_w, channels]` at its place in a window of `[k_h, k_w]`, zeros around it. The
/// output is `k_h` and `k_w` times as large. A place that no window has gives its cell as an error.
pub fn unpool(
    [in_h, in_w, channels]: [usize; 3],
    [k_h, k_w]: [usize; 2],
    x: &[f32],
    places: &[f32],
    out: &mut [f32],
) -> Result<(), usize> {
    out.fill(0.0);
    for (number, (&value, place)) in x.iter().zip(places).enumerate() {
        let [image, row, column, channel] = apart(number, [in_h, in_w, channels]);
        let spot = place.to_bits() as usize;
        if spot >= k_h * k_w {
            return Err(number);
        }
        let (y, x) = (row * k_h + spot % k_h, column * k_w + spot / k_h);
        out[((image * in_h * k_h + y) * in_w * k_w + x) * channels + channel] = value;
    }
    Ok(())
}

/// Image, row, column and channel of the value `number` among images of `[h, w, channels]`.
fn apart(number: usize, [h, w, channels]: [usize; 3]) -> [usize; 4] {
    let (cell, row) = (number / channels, number / channels / w);
    [row / h, row % h, cell % w, number % channels]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pooled_goes_back_to_its_place() {
        let p = Pool2d {
            batch: 1,
            in_h: 2,
            in_w: 4,
            channels: 1,
            out_h: 1,
            out_w: 2,
            k_h: 2,
            k_w: 2,
            stride_h: 2,
            stride_w: 2,
            pad_top: 0,
            pad_left: 0,
        };
        let x = [1.0, 5.0, 0.0, 0.0, 2.0, 3.0, 7.0, 0.0];
        let (mut out, mut places) = ([0.0; 2], [0.0; 2]);
        max_pool_places(&p, &x, &mut out, &mut places);
        assert_eq!((out, places.map(f32::to_bits)), ([5.0, 7.0], [2, 1]));
        let mut back = [9.0; 8];
        unpool([1, 2, 1], [2, 2], &out, &places, &mut back).unwrap();
        assert_eq!(back, [0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 7.0, 0.0]);
        let lying = [f32::from_bits(4), 0.0];
        assert_eq!(unpool([1, 2, 1], [2, 2], &out, &lying, &mut back), Err(0));
    }

    #[test]
    fn cells_outside_are_those_at_the_edge() {
        let p = Pool2d {
            batch: 1,
            in_h: 1,
            in_w: 3,
            channels: 1,
            out_h: 1,
            out_w: 2,
            k_h: 2,
            k_w: 2,
            stride_h: 2,
            stride_w: 2,
            pad_top: 0,
            pad_left: 0,
        };
        let (mut out, mut places) = ([0.0; 2], [0.0; 2]);
        max_pool_places(&p, &[-1.0, -2.0, -3.0], &mut out, &mut places);
        assert_eq!((out, places.map(f32::to_bits)), ([-1.0, -3.0], [0, 0]));
    }
}
