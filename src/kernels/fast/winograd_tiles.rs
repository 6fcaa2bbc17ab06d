//! The transformations of Winograd's F(2x2, 3x3): of inputs before the products, and of products to outputs.

use std::ops::Range;

use super::grid::SharedOut;
#[cfg(target_arch = "aarch64")]
use super::vector::arm;
#[cfg(target_arch = "x86_64")]
use super::vector::x86;
use super::vector::{Plain, Vector};
use super::winograd::{CELLS, Winograd};
use crate::kernels::cpu::Level;
use crate::kernels::params::Conv2d;

/// The transformations of an instruction set, which must be there.
#[derive(Clone, Copy)]
pub struct Transforms {
    pub inputs: unsafe fn(&Winograd, &[f32], usize, &mut [f32]),
    pub outputs: unsafe fn(&Winograd, &Products, &SharedOut),
}

macro_rules! entry {
    ($module:ident, $feature:literal, $vector:ty) => {
        #[cfg(target_arch = "x86_64")]
        mod $module {
            use super::*;

            #[target_feature(enable = $feature)]
            unsafe fn inputs(conv: &Winograd, input: &[f32], first: usize, seen: &mut [f32]) {
                // SAFETY: promised by the caller.
                unsafe { transform_inputs::<$vector>(conv, input, first, seen) }
            }

            #[target_feature(enable = $feature)]
            unsafe fn outputs(conv: &Winograd, products: &Products, out: &SharedOut) {
                // SAFETY: promised by the caller.
                unsafe { transform_outputs::<$vector>(conv, products, out) }
            }

            pub const TRANSFORMS: Transforms = Transforms { inputs, outputs };
        }
    };
}

entry!(avx512, "avx512f", x86::Avx512);
entry!(avx2, "avx2,fma", x86::Avx2);

pub fn transforms(level: Level) -> Transforms {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => avx512::TRANSFORMS,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => avx2::TRANSFORMS,
        #[cfg(target_arch = "aarch64")]
        Level::Neon | Level::NeonDot => Transforms {
            inputs: transform_inputs::<arm::Neon>,
            outputs: transform_outputs::<arm::Neon>,
        },
        _ => Transforms {
            inputs: transform_inputs::<Plain>,
            outputs: transform_outputs::<Plain>,
        },
    }
}

/// `B' d B` of the tiles from `first` on, to `[tile][CELLS][in_c]` with [`Winograd::tile_len`] elements for each.
///
/// # Safety
/// The instruction set of `V` must be there.
#[inline(always)]
unsafe fn transform_inputs<V: Vector>(
    conv: &Winograd,
    input: &[f32],
    first: usize,
    seen: &mut [f32],
) {
    let (p, c) = (&conv.p, conv.p.in_c);
    assert_eq!(input.len(), p.input_len());
    for (tile, seen) in (first..).zip(seen.chunks_exact_mut(conv.tile_len())) {
        let [b, y, x] = conv.place(tile);
        let (rows, columns) = (
            inside(2 * y, p.pad_top, p.in_h),
            inside(2 * x, p.pad_left, p.in_w),
        );
        // The tile's first cell, as if it were there.
        let at = (b * p.in_h + 2 * y)
            .wrapping_sub(p.pad_top)
            .wrapping_mul(p.in_w);
        let at = at
            .wrapping_add(2 * x)
            .wrapping_sub(p.pad_left)
            .wrapping_mul(c);
        let from = input.as_ptr().wrapping_add(at);
        let whole = rows == (0..4) && columns == (0..4);
        // SAFETY: the caller promises the instruction set; of the cells only those inside the image are read, each of
        // `c` elements, and `seen` has `CELLS * c` elements and more.
        unsafe {
            match whole {
                true => transform_input::<V, true>(p, from, (0..4, 0..4), seen),
                false => transform_input::<V, false>(p, from, (rows, columns), seen),
            }
        }
    }
}

/// Which of the four cells from `at - pad` on lie inside an axis of `len` cells.
fn inside(at: usize, pad: usize, len: usize) -> Range<usize> {
    let first = pad.saturating_sub(at).min(4);
    first..(len + pad).saturating_sub(at).clamp(first, 4)
}

/// # Safety
/// The instruction set of `V` must be there; the cells of these rows and columns must be readable, `from` being the
/// first of the tile's, and `seen` must have `CELLS * in_c` elements.
#[inline(always)]
unsafe fn transform_input<V: Vector, const WHOLE: bool>(
    p: &Conv2d,
    from: *const f32,
    (rows, columns): (Range<usize>, Range<usize>),
    seen: &mut [f32],
) {
    let c = p.in_c;
    assert!(seen.len() >= CELLS * c && c.is_multiple_of(V::LANES));
    // SAFETY: promised by the caller and asserted; channels go up in whole vectors.
    unsafe {
        for at in (0..c).step_by(V::LANES) {
            let mut d = [[V::splat(0.0); 4]; 4];
            for (y, d) in d.iter_mut().enumerate() {
                for (x, d) in d.iter_mut().enumerate() {
                    if WHOLE || (rows.contains(&y) && columns.contains(&x)) {
                        *d = V::load(from.wrapping_add((y * p.in_w + x) * c + at));
                    }
                }
            }
            let mut turned = [[V::splat(0.0); 4]; 4];
            for x in 0..4 {
                let column = differences([d[0][x], d[1][x], d[2][x], d[3][x]]);
                for y in 0..4 {
                    turned[y][x] = column[y];
                }
            }
            let to = seen.as_mut_ptr().add(at);
            for (y, row) in turned.into_iter().enumerate() {
                for (x, value) in differences(row).into_iter().enumerate() {
                    value.store(to.add((4 * y + x) * c));
                }
            }
        }
    }
}

/// `B' d` of one column.
///
/// # Safety
/// The instruction set of `V` must be there.
#[inline(always)]
unsafe fn differences<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 4] {
    // SAFETY: promised by the caller.
    unsafe { [a.sub(c), b.add(c), c.sub(b), b.sub(d)] }
}

/// Products of some tiles and of the output channels of one panel.
pub struct Products<'a> {
    pub tiles: Range<usize>,
    pub columns: Range<usize>,
    /// `[CELLS][tiles][width]`
    pub values: &'a [f32],
    pub width: usize,
    /// `[columns]`
    pub bias: &'a [f32],
}

/// `A' m A` of every tile with the bias, clamped, to where its outputs lie.
///
/// # Safety
/// The instruction set of `V` must be there; nobody else may write these outputs meanwhile.
#[inline(always)]
unsafe fn transform_outputs<V: Vector>(conv: &Winograd, products: &Products, out: &SharedOut) {
    let (p, width, count) = (&conv.p, products.width, products.tiles.len());
    let columns = products.columns.len();
    assert!(products.values.len() >= CELLS * count * width && columns <= width);
    assert!(products.bias.len() == columns && columns.is_multiple_of(V::LANES));
    // SAFETY: the caller promises the instruction set; of every tile's row `columns` elements are read, and `at` asserts
    // that as many can be written.
    unsafe {
        let (lo, hi) = (V::splat(conv.clamp.lo), V::splat(conv.clamp.hi));
        for (index, tile) in products.tiles.clone().enumerate() {
            let [b, y, x] = conv.place(tile);
            let mut to = [[std::ptr::null_mut(); 2]; 2];
            for (dy, to) in to.iter_mut().enumerate() {
                for (dx, to) in to.iter_mut().enumerate() {
                    let (y, x) = (2 * y + dy, 2 * x + dx);
                    if y < p.out_h && x < p.out_w {
                        let cell = (b * p.out_h + y) * p.out_w + x;
                        *to = out.at(cell * p.out_c + products.columns.start, columns);
                    }
                }
            }
            let from = products.values.as_ptr().add(index * width);
            for at in (0..columns).step_by(V::LANES) {
                let bias = V::load(products.bias.as_ptr().add(at));
                let mut columns = [[bias; 2]; 4];
                for (x, column) in columns.iter_mut().enumerate() {
                    let mut m = [bias; 4];
                    for (y, m) in m.iter_mut().enumerate() {
                        *m = V::load(from.add((4 * y + x) * count * width + at));
                    }
                    *column = sums(m);
                }
                for dy in 0..2 {
                    let [a, b, c, d] = columns;
                    let row = sums([a[dy], b[dy], c[dy], d[dy]]);
                    for dx in 0..2 {
                        if !to[dy][dx].is_null() {
                            let value = row[dx].add(bias).clamp(lo, hi);
                            value.store(to[dy][dx].add(at));
                        }
                    }
                }
            }
        }
    }
}

/// `A' m` of one column.
///
/// # Safety
/// The instruction set of `V` must be there.
#[inline(always)]
unsafe fn sums<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 2] {
    // SAFETY: promised by the caller.
    unsafe { [a.add(b).add(c), b.sub(c).sub(d)] }
}
