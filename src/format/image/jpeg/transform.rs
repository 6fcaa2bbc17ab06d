//! Inverse cosine transforms of 8×8 blocks, as libjpeg's integer ones round.

/// Scale factors of Arai, Agui and Nakajima's transform: products of cosines with 14 bits behind the point.
fn scale(row: usize, column: usize) -> f64 {
    let factor = |k: usize| match k {
        0 => 1.0,
        k => (k as f64 * std::f64::consts::PI / 16.0).cos() * std::f64::consts::SQRT_2,
    };
    factor(row) * factor(column)
}

/// Divisors, in the order of the block, with the fast transform's factors: two bits behind the point.
pub fn fast_divisors(divisors: &[i32; 64]) -> [i32; 64] {
    std::array::from_fn(|at| {
        let factor = (scale(at / 8, at % 8) * 16384.0).round() as i64;
        let product = i64::from(divisors[at]) * factor;
        ((product + (1 << 11)) >> 12) as i32
    })
}

/// Coefficients times divisors, in the 16 bits of libjpeg's vector code.
fn coefficient(value: i16, divisor: i32) -> i32 {
    let product = i64::from(value) * i64::from(divisor);
    product.clamp(-32768, 32767) as i32
}

fn sample(value: i64) -> u8 {
    (value + 128).clamp(0, 255) as u8
}

/// One line of the fast transform.
fn fast_line(x: [i32; 8]) -> [i32; 8] {
    let times = |value: i32, factor: i32| (value * factor) >> 8;
    let (t10, t11) = (x[0] + x[4], x[0] - x[4]);
    let t13 = x[2] + x[6];
    let t12 = times(x[2] - x[6], 362) - t13;
    let even = [t10 + t13, t11 + t12, t11 - t12, t10 - t13];
    let (z13, z10) = (x[5] + x[3], x[5] - x[3]);
    let (z11, z12) = (x[1] + x[7], x[1] - x[7]);
    let o7 = z11 + z13;
    let z5 = times(z10 + z12, 473);
    let o6 = times(z10, -669) + z5 - o7;
    let o5 = times(z11 - z13, 362) - o6;
    let o4 = times(z12, 277) - z5 + o5;
    [
        even[0] + o7,
        even[1] + o6,
        even[2] + o5,
        even[3] - o4,
        even[3] + o4,
        even[2] - o5,
        even[1] - o6,
        even[0] - o7,
    ]
}

/// The transform with 8 bits behind the point of its factors and truncating shifts; `divisors` from [`fast_divisors`].
pub fn fast(block: &[i16; 64], divisors: &[i32; 64]) -> [u8; 64] {
    let mut columns = [0; 64];
    for x in 0..8 {
        let line = std::array::from_fn(|y| coefficient(block[y * 8 + x], divisors[y * 8 + x]));
        for (y, value) in fast_line(line).into_iter().enumerate() {
            columns[y * 8 + x] = value;
        }
    }
    let mut out = [0; 64];
    for (row, out) in columns.chunks_exact(8).zip(out.chunks_exact_mut(8)) {
        let line = fast_line(std::array::from_fn(|x| row[x]));
        for (out, value) in out.iter_mut().zip(line) {
            *out = sample((value >> 5).into());
        }
    }
    out
}

/// One line of Loeffler, Ligtenberg and Moschytz' transform, 13 bits behind the point.
fn exact_line(x: [i64; 8]) -> [i64; 8] {
    let z1 = (x[2] + x[6]) * 4433;
    let (t2, t3) = (z1 - x[6] * 15137, z1 + x[2] * 6270);
    let (t0, t1) = ((x[0] + x[4]) << 13, (x[0] - x[4]) << 13);
    let even = [t0 + t3, t1 + t2, t1 - t2, t0 - t3];
    let (a, b, c, d) = (x[7], x[5], x[3], x[1]);
    let (z1, z2, z3, z4) = (a + d, b + c, a + c, b + d);
    let z5 = (z3 + z4) * 9633;
    let (z1, z2) = (-z1 * 7373, -z2 * 20995);
    let (z3, z4) = (z5 - z3 * 16069, z5 - z4 * 3196);
    let odd = [
        d * 12299 + z1 + z4,
        c * 25172 + z2 + z3,
        b * 16819 + z2 + z4,
        a * 2446 + z1 + z3,
    ];
    std::array::from_fn(|at| match at {
        0..4 => even[at] + odd[at],
        _ => even[7 - at] - odd[7 - at],
    })
}

/// The transform that rounds, libjpeg's "slow" one.
pub fn exact(block: &[i16; 64], divisors: &[i32; 64]) -> [u8; 64] {
    let rounded = |value: i64, shift: u32| (value + (1 << (shift - 1))) >> shift;
    let mut columns = [0; 64];
    for x in 0..8 {
        let at = |y: usize| coefficient(block[y * 8 + x], divisors[y * 8 + x]).into();
        for (y, value) in exact_line(std::array::from_fn(at)).into_iter().enumerate() {
            columns[y * 8 + x] = rounded(value, 11);
        }
    }
    let mut out = [0; 64];
    for (row, out) in columns.chunks_exact(8).zip(out.chunks_exact_mut(8)) {
        let line = exact_line(std::array::from_fn(|x| row[x]));
        for (out, value) in out.iter_mut().zip(line) {
            *out = sample(rounded(value, 18));
        }
    }
    out
}

/// Half of a line of the transform to 4 samples: the sums of the even and of the odd coefficients, 14 bits behind the
/// point; the fourth coefficient counts for nothing.
fn quarter_line(x: [i64; 8]) -> [i64; 4] {
    let even = x[0] << 14;
    let odd = x[2] * 15137 - x[6] * 6270;
    let (a, b) = (even + odd, even - odd);
    let inner = -x[7] * 1730 + x[5] * 11893 - x[3] * 17799 + x[1] * 8697;
    let outer = -x[7] * 4176 - x[5] * 4926 + x[3] * 7373 + x[1] * 20995;
    [a + outer, b + inner, b - inner, a - outer]
}

/// The same to 2 samples, 15 bits behind the point, from the odd coefficients and the first.
fn half_line(x: [i64; 8]) -> [i64; 2] {
    let odd = -x[7] * 5906 + x[5] * 6967 - x[3] * 10426 + x[1] * 29692;
    [(x[0] << 15) + odd, (x[0] << 15) - odd]
}

/// A block as 4, 2 or 1 samples across and down, in the first of the 64, as libjpeg's reduced transforms.
pub fn reduced(block: &[i16; 64], divisors: &[i32; 64], points: usize) -> [u8; 64] {
    let rounded = |value: i64, shift: u32| (value + (1 << (shift - 1))) >> shift;
    let at = |y: usize, x: usize| i64::from(coefficient(block[y * 8 + x], divisors[y * 8 + x]));
    let mut out = [0; 64];
    if points == 1 {
        out[0] = sample(rounded(at(0, 0), 3));
        return out;
    }
    // What the line transforms leave behind the point beyond libjpeg's two bits between the passes.
    let extra = if points == 4 { 1 } else { 2 };
    let line = |x: [i64; 8]| match points {
        4 => quarter_line(x),
        _ => {
            let [a, b] = half_line(x);
            [a, b, 0, 0]
        }
    };
    let mut columns = [0; 32];
    for x in 0..8 {
        for (y, value) in line(std::array::from_fn(|y| at(y, x)))
            .into_iter()
            .take(points)
            .enumerate()
        {
            columns[y * 8 + x] = rounded(value, 11 + extra);
        }
    }
    let rows = columns.chunks_exact(8).zip(out.chunks_exact_mut(points));
    for (row, out) in rows.take(points) {
        for (out, value) in out.iter_mut().zip(line(std::array::from_fn(|x| row[x]))) {
            *out = sample(rounded(value, 18 + extra));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By the definition.
    fn plain(block: &[i16; 64], divisors: &[i32; 64]) -> [f64; 64] {
        std::array::from_fn(|at| {
            let (y, x) = (at / 8, at % 8);
            let mut sum = 0.0;
            for k in 0..64 {
                let (v, u) = (k / 8, k % 8);
                let wave = |at: usize, k: usize| {
                    let angle = (2 * at + 1) as f64 * k as f64 * std::f64::consts::PI / 16.0;
                    angle.cos() * if k == 0 { 0.5f64.sqrt() } else { 1.0 }
                };
                sum += f64::from(block[k]) * f64::from(divisors[k]) * wave(y, v) * wave(x, u);
            }
            (sum / 4.0 + 128.0).clamp(0.0, 255.0)
        })
    }

    proptest! {
        #[test]
        fn both_transforms_are_near_the_definition(
            values in proptest::collection::vec(-6i16..6, 64), divisor in 1i32..12,
        ) {
            let mut block: [i16; 64] = values.try_into().unwrap();
            block[0] *= 10;
            let divisors = [divisor; 64];
            let truth = plain(&block, &divisors);
            let (exact, fast) = (exact(&block, &divisors), fast(&block, &fast_divisors(&divisors)));
            for at in 0..64 {
                prop_assert!((f64::from(exact[at]) - truth[at]).abs() <= 1.0);
                prop_assert!((f64::from(fast[at]) - truth[at]).abs() <= 12.0);
            }
        }

        #[test]
        fn any_coefficients_give_samples(values in proptest::collection::vec(any::<i16>(), 64)) {
            let block: [i16; 64] = values.try_into().unwrap();
            exact(&block, &[65535; 64]);
            fast(&block, &fast_divisors(&[65535; 64]));
        }
    }
}
