//! RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR over `[batch, height, width, channels]`.

use crate::kernels::requant::Quantized;

/// Geometry of a resize.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resize {
    pub batch: usize,
    pub in_h: usize,
    pub in_w: usize,
    pub channels: usize,
    pub out_h: usize,
    pub out_w: usize,
    pub align_corners: bool,
    pub half_pixel: bool,
}

impl Resize {
    fn scale(&self, input: usize, output: usize) -> f32 {
        if self.align_corners && output > 1 {
            (input - 1) as f32 / (output - 1) as f32
        } else {
            input as f32 / output as f32
        }
    }

    pub(in crate::kernels) fn nearest(&self, at: usize, input: usize, output: usize) -> usize {
        let scale = self.scale(input, output);
        let offset = if self.half_pixel { 0.5 } else { 0.0 };
        let position = (at as f32 + offset) * scale;
        let whole = if self.align_corners {
            position.round()
        } else {
            position.floor()
        };
        (whole.max(0.0) as usize).min(input - 1)
    }

    /// Lower and upper neighbour and the distance from the lower one.
    pub(in crate::kernels) fn between(
        &self,
        at: usize,
        input: usize,
        output: usize,
    ) -> (usize, usize, f32) {
        let scale = self.scale(input, output);
        let position = if self.half_pixel {
            (at as f32 + 0.5) * scale - 0.5
        } else {
            at as f32 * scale
        };
        let lower = position.floor().clamp(0.0, (input - 1) as f32);
        let upper = (position.ceil().max(0.0) as usize).min(input - 1);
        (lower as usize, upper, position - lower)
    }

    /// [`Resize::between`] in 10-bit fixed point.
    pub(in crate::kernels) fn between_fixed(
        &self,
        at: usize,
        input: usize,
        output: usize,
    ) -> (usize, usize, i64) {
        let (input_len, output_len) = (input as i64, output as i64);
        let scale = if self.align_corners && output > 1 {
            (1024 * (input_len - 1) + (output_len - 1) / 2) / (output_len - 1)
        } else {
            (1024 * input_len + output_len / 2) / output_len
        };
        let mut position = at as i64 * scale;
        if self.half_pixel {
            position += scale / 2 - 512;
        }
        let lower = (position / 1024).clamp(0, input_len - 1);
        let upper = ((position + 1023) / 1024).min(input_len - 1).max(0);
        (lower as usize, upper as usize, position - 1024 * lower)
    }

    /// Batch, row and column of an output cell.
    fn place(&self, at: usize) -> (usize, usize, usize) {
        let row = at / self.out_w;
        (row / self.out_h, row % self.out_h, at % self.out_w)
    }

    fn cell(&self, b: usize, y: usize, x: usize) -> usize {
        ((b * self.in_h + y) * self.in_w + x) * self.channels
    }

    pub(in crate::kernels) fn check(&self, input: usize, output: usize, size: usize) {
        let (b, c) = (self.batch, self.channels * size);
        assert_eq!(input, b * self.in_h * self.in_w * c, "input of {self:?}");
        assert_eq!(
            output,
            b * self.out_h * self.out_w * c,
            "output of {self:?}"
        );
    }
}

/// Copies the nearest cell; elements are `size` bytes.
pub fn resize_nearest(p: &Resize, size: usize, input: &[u8], output: &mut [u8]) {
    p.check(input.len(), output.len(), size);
    let bytes = p.channels * size;
    if output.is_empty() {
        return;
    }
    for (at, out) in output.chunks_exact_mut(bytes).enumerate() {
        let (b, y, x) = p.place(at);
        let (iy, ix) = (p.nearest(y, p.in_h, p.out_h), p.nearest(x, p.in_w, p.out_w));
        let from = p.cell(b, iy, ix) * size;
        out.copy_from_slice(&input[from..from + bytes]);
    }
}

/// Interpolates on f32.
pub fn resize_bilinear_f32(p: &Resize, input: &[f32], output: &mut [f32]) {
    bilinear(p, input, output, |v| v, |v| v);
}

/// Interpolates `u8` in f32 and rounds half up, as TensorFlow Lite does for this type alone.
pub fn resize_bilinear_u8(p: &Resize, input: &[u8], output: &mut [u8]) {
    bilinear(p, input, output, f32::from, |v| (v + 0.5) as u8);
}

fn bilinear<T: Copy>(
    p: &Resize,
    input: &[T],
    output: &mut [T],
    widen: impl Fn(T) -> f32,
    narrow: impl Fn(f32) -> T,
) {
    p.check(input.len(), output.len(), 1);
    if output.is_empty() {
        return;
    }
    for (at, out) in output.chunks_exact_mut(p.channels).enumerate() {
        let (b, y, x) = p.place(at);
        let (y0, y1, dy) = p.between(y, p.in_h, p.out_h);
        let (x0, x1, dx) = p.between(x, p.in_w, p.out_w);
        let (a, c) = (p.cell(b, y0, x0), p.cell(b, y1, x0));
        let (d, e) = (p.cell(b, y0, x1), p.cell(b, y1, x1));
        for (i, out) in out.iter_mut().enumerate() {
            *out = narrow(
                widen(input[a + i]) * (1.0 - dy) * (1.0 - dx)
                    + widen(input[c + i]) * dy * (1.0 - dx)
                    + widen(input[d + i]) * (1.0 - dy) * dx
                    + widen(input[e + i]) * dy * dx,
            );
        }
    }
}

/// Interpolates on `i8` or `i16` with 10-bit weights.
pub fn resize_bilinear_quantized<T: Quantized>(p: &Resize, input: &[T], output: &mut [T]) {
    p.check(input.len(), output.len(), 1);
    if output.is_empty() {
        return;
    }
    for (at, out) in output.chunks_exact_mut(p.channels).enumerate() {
        let (b, y, x) = p.place(at);
        let (y0, y1, dy) = p.between_fixed(y, p.in_h, p.out_h);
        let (x0, x1, dx) = p.between_fixed(x, p.in_w, p.out_w);
        let corners = [
            (p.cell(b, y0, x0), (1024 - dy) * (1024 - dx)),
            (p.cell(b, y1, x0), dy * (1024 - dx)),
            (p.cell(b, y0, x1), (1024 - dy) * dx),
            (p.cell(b, y1, x1), dy * dx),
        ];
        for (i, out) in out.iter_mut().enumerate() {
            let sum: i64 = corners
                .iter()
                .map(|&(cell, weight)| i64::from(input[cell + i].into()) * weight)
                .sum();
            let round = if sum > 0 { 1 << 19 } else { -(1 << 19) };
            *out = T::from_i32(((sum + round) / (1 << 20)) as i32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: Resize = Resize {
        batch: 1,
        in_h: 1,
        in_w: 2,
        channels: 1,
        out_h: 1,
        out_w: 4,
        align_corners: false,
        half_pixel: false,
    };

    #[test]
    fn nothing_is_read_behind_the_last_cell() {
        let p = Resize {
            out_w: 2,
            align_corners: true,
            half_pixel: true,
            ..P
        };
        let mut out = [0.0; 2];
        resize_bilinear_f32(&p, &[0.0, 4.0], &mut out);
        assert_eq!(out, [0.0, 4.0]);
        let mut out = [0i8; 2];
        resize_bilinear_quantized(&p, &[0, 4], &mut out);
        assert_eq!(out, [0, 4]);
    }

    #[test]
    fn grids() {
        let mut out = [0.0; 4];
        resize_bilinear_f32(&P, &[0.0, 4.0], &mut out);
        assert_eq!(out, [0.0, 2.0, 4.0, 4.0]);
        let half = Resize {
            half_pixel: true,
            ..P
        };
        resize_bilinear_f32(&half, &[0.0, 4.0], &mut out);
        assert_eq!(out, [0.0, 1.0, 3.0, 4.0]);
        let mut out = [0i8; 4];
        resize_bilinear_quantized(&half, &[0, 4], &mut out);
        assert_eq!(out, [0, 1, 3, 4]);
        let mut out = [0u8; 4];
        resize_bilinear_u8(&half, &[0, 5], &mut out);
        assert_eq!(out, [0, 1, 4, 5]);
        resize_nearest(&P, 1, &[1, 2], &mut out);
        assert_eq!(out, [1, 1, 2, 2]);
    }
}
