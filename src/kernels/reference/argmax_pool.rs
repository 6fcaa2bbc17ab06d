//! Max pooling that tells where each maximum was, and the way back.
//!
//! A place in a window is told as `x * k_h + y`: down the columns, as XNNPACK counts, in whose delegate these operators
//! live. They are bits of an unsigned number in tensors that call themselves float.

use crate::kernels::Pool2d;
use crate::kernels::cpu::{self, by_level};

/// Maxima of `[batch, in_h, in_w, channels]` and their places, the first of equals. Cells outside count as those at the
/// edge.
pub fn max_pool_places(p: &Pool2d, x: &[f32], out: &mut [f32], places: &mut [f32]) {
    assert_eq!(x.len(), p.input_len(), "input of {p:?}");
    assert_eq!((out.len(), places.len()), (p.output_len(), p.output_len()));
    let inside = |at: usize, pad: usize, size: usize| at.saturating_sub(pad).min(size - 1);
    let level = cpu::level();
    let cells = out.chunks_exact_mut(p.channels.max(1));
    let cells = cells.zip(places.chunks_exact_mut(p.channels.max(1)));
    for (cell, (out, places)) in cells.enumerate() {
        let (row, column) = (cell / p.out_w, cell % p.out_w);
        let (image, row) = (row / p.out_h, row % p.out_h);
        for spot in 0..p.k_h * p.k_w {
            let y = inside(row * p.stride_h + spot % p.k_h, p.pad_top, p.in_h);
            let x_at = inside(column * p.stride_w + spot / p.k_h, p.pad_left, p.in_w);
            let from = ((image * p.in_h + y) * p.in_w + x_at) * p.channels;
            let x = &x[from..][..p.channels];
            match spot {
                0 => {
                    out.copy_from_slice(x);
                    places.fill(0.0);
                }
                _ => better(level, x, spot as u32, out, places),
            }
        }
    }
}

by_level! {
    /// Takes what is greater, with its place.
    fn better(x: &[f32], spot: u32, out: &mut [f32], places: &mut [f32]) = better_here
}

#[inline(always)]
fn better_here(x: &[f32], spot: u32, out: &mut [f32], places: &mut [f32]) {
    let (x, places) = (&x[..out.len()], &mut places[..out.len()]);
    let spot = f32::from_bits(spot);
    for (i, out) in out.iter_mut().enumerate() {
        let greater = x[i] > *out;
        *out = if greater { x[i] } else { *out };
        places[i] = if greater { spot } else { places[i] };
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
    for cell in 0..x.len() / channels.max(1) {
        let (row, column) = (cell / in_w, cell % in_w);
        let (image, row) = (row / in_h, row % in_h);
        let corner = (image * in_h * k_h + row * k_h) * in_w * k_w + column * k_w;
        for channel in 0..channels {
            let number = cell * channels + channel;
            let spot = places[number].to_bits() as usize;
            if spot >= k_h * k_w {
                return Err(number);
            }
            let at = corner + spot % k_h * in_w * k_w + spot / k_h;
            out[at * channels + channel] = x[number];
        }
    }
    Ok(())
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
