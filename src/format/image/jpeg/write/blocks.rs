//! Pixels to coefficients: colours, halved chroma, the exact one of libjpeg's transforms (Loeffler, Ligtenberg and
//! Moschytz's), divided and rounded.

use super::super::colour::{HALF, fixed};
use super::super::entropy::ZIGZAG;
use crate::error::Result;
use crate::memory;

/// Divisors of lightness and of colour, in zigzag order (annex K.1), for the quality 50.
const DIVISORS: [[i32; 64]; 2] = [
    [
        16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35,
        37, 29, 40, 58, 51, 61, 60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80,
        109, 81, 87, 95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
    ],
    [
        17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    ],
];

/// The divisors for a quality of 0 to 100.
pub fn divisors(quality: u8) -> [[u8; 64]; 2] {
    let quality = i32::from(quality.clamp(1, 100));
    let scale = if quality < 50 {
        5000 / quality
    } else {
        200 - 2 * quality
    };
    let scaled = |divisor: i32| ((divisor * scale + 50) / 100).clamp(1, 255) as u8;
    DIVISORS.map(|table| table.map(scaled))
}

/// One component of an image.
pub struct Plane {
    /// 2 and 2 for lightness beside halved colours, else 1 and 1.
    pub h: usize,
    pub v: usize,
    /// 0 for lightness, 1 for colour.
    pub kind: usize,
    /// Blocks across and down that hold pixels.
    pub own: [usize; 2],
    /// With those that only fill up whole units.
    pub blocks: [usize; 2],
    /// In zigzag order.
    pub coefficients: Vec<[i16; 64]>,
}

/// The planes of an image of 1 or 3 channels, neither side of which is 0.
///
/// # Errors
/// There is no memory for them.
pub fn planes(
    samples: &[u8],
    [width, height, channels]: [usize; 3],
    halved: bool,
    divisors: &[[u8; 64]; 2],
) -> Result<Vec<Plane>> {
    if channels == 1 {
        let plane = plane(samples, [width, height], [1, 1], [1, 1], 0, &divisors[0])?;
        return Ok(vec![plane]);
    }
    let most = if halved { [2, 2] } else { [1, 1] };
    (0..3)
        .map(|component| {
            let mut part = zeros(width * height)?;
            for (part, pixel) in part.iter_mut().zip(samples.chunks_exact(3)) {
                *part = converted(component, [pixel[0], pixel[1], pixel[2]]);
            }
            if component == 0 {
                return plane(&part, [width, height], most, most, 0, &divisors[0]);
            }
            if !halved {
                return plane(&part, [width, height], [1, 1], most, 1, &divisors[1]);
            }
            let (part, size) = shrunk(&part, [width, height])?;
            plane(&part, size, [1, 1], most, 1, &divisors[1])
        })
        .collect()
}

fn zeros(count: usize) -> Result<Vec<u8>> {
    let room = memory::zeros_for(count);
    room.ok_or_else(|| memory::shortage("the pixels of a JPEG file", count))
}

/// ITU-R BT.601, as JFIF says: lightness, blue, red.
fn converted(component: usize, rgb: [u8; 3]) -> u8 {
    const MIDDLE: i32 = (128 << 16) + HALF - 1;
    let [r, g, b] = rgb.map(i32::from);
    let sum = match component {
        0 => fixed(0.299) * r + fixed(0.587) * g + fixed(0.114) * b + HALF,
        1 => fixed(0.5) * b - fixed(0.16874) * r - fixed(0.33126) * g + MIDDLE,
        _ => fixed(0.5) * r - fixed(0.41869) * g - fixed(0.08131) * b + MIDDLE,
    };
    (sum >> 16) as u8
}

/// Half the size, whole blocks wide: the mean of four, of which halves go down and up by turns.
fn shrunk(part: &[u8], [width, height]: [usize; 2]) -> Result<(Vec<u8>, [usize; 2])> {
    let across = width.div_ceil(16) * 8;
    let down = height.div_ceil(2);
    let mut out = zeros(across * down)?;
    for (y, out) in out.chunks_exact_mut(across).enumerate() {
        let rows = [2 * y, (2 * y + 1).min(height - 1)].map(|row| &part[row * width..][..width]);
        for (x, out) in out.iter_mut().enumerate() {
            let columns = [2 * x, 2 * x + 1].map(|column| column.min(width - 1));
            let four = rows.map(|row| columns.map(|column| u16::from(row[column])));
            let sum: u16 = four.iter().flatten().sum();
            *out = ((sum + 1 + (x % 2) as u16) >> 2) as u8;
        }
    }
    // What fills blocks up is made, not repeated, across; down the last row is repeated.
    Ok((out, [across, down]))
}

fn plane(
    part: &[u8],
    [width, height]: [usize; 2],
    [h, v]: [usize; 2],
    [most_h, most_v]: [usize; 2],
    kind: usize,
    divisors: &[u8; 64],
) -> Result<Plane> {
    let own = [width.div_ceil(8), height.div_ceil(8)];
    let alone = most_h * most_v == 1;
    let blocks = match alone {
        true => own,
        false => [own[0].next_multiple_of(h), own[1].next_multiple_of(v)],
    };
    let count = blocks[0].saturating_mul(blocks[1]);
    let room = memory::zeros_for::<[i16; 64]>(count);
    let mut coefficients = room
        .ok_or_else(|| memory::shortage("the pixels of a JPEG file", count.saturating_mul(128)))?;
    for row in 0..own[1] {
        for column in 0..own[0] {
            let pixel = |x: usize, y: usize| {
                let (x, y) = (
                    (column * 8 + x).min(width - 1),
                    (row * 8 + y).min(height - 1),
                );
                i32::from(part[y * width + x]) - 128
            };
            let block = std::array::from_fn(|at| pixel(at % 8, at / 8));
            coefficients[row * blocks[0] + column] = divided(&transformed(block), divisors);
        }
        // Blocks without pixels are as light as the one before them, which costs the least.
        for column in own[0]..blocks[0] {
            let at = row * blocks[0] + column;
            coefficients[at][0] = coefficients[at - 1][0];
        }
    }
    for row in own[1]..blocks[1] {
        for column in 0..blocks[0] {
            let last = column / h * h + h - 1;
            let above = coefficients[(row - 1) * blocks[0] + last][0];
            coefficients[row * blocks[0] + column][0] = above;
        }
    }
    Ok(Plane {
        h,
        v,
        kind,
        own,
        blocks,
        coefficients,
    })
}

/// A factor with 13 bits behind the point.
const fn factor(value: f64) -> i32 {
    (value * 8192.0 + 0.5) as i32
}

/// Eight samples to eight coefficients; `end` says how many bits go in the end, and how even ones that are sums alone are
/// scaled.
fn eight(d: [i32; 8], sums: impl Fn(i32) -> i32, end: impl Fn(i32) -> i32) -> [i32; 8] {
    let [s0, s1, s2, s3] = [0, 1, 2, 3].map(|at| d[at] + d[7 - at]);
    let [d0, d1, d2, d3] = [0, 1, 2, 3].map(|at| d[at] - d[7 - at]);
    let (outer, inner) = (s0 - s3, s1 - s2);
    let turned = (inner + outer) * factor(0.541_196_100);
    let five = (d3 + d1 + d2 + d0) * factor(1.175_875_602);
    let z1 = -(d3 + d0) * factor(0.899_976_223);
    let z2 = -(d2 + d1) * factor(2.562_915_447);
    let z3 = five - (d3 + d1) * factor(1.961_570_560);
    let z4 = five - (d2 + d0) * factor(0.390_180_644);
    [
        sums(s0 + s3 + s1 + s2),
        end(d0 * factor(1.501_321_110) + z1 + z4),
        end(turned + outer * factor(0.765_366_865)),
        end(d1 * factor(3.072_711_026) + z2 + z3),
        sums(s0 + s3 - s1 - s2),
        end(d2 * factor(2.053_119_869) + z2 + z4),
        end(turned - inner * factor(1.847_759_065)),
        end(d3 * factor(0.298_631_336) + z1 + z3),
    ]
}

/// Eight times the coefficients of a block, row by row.
fn transformed(mut block: [i32; 64]) -> [i32; 64] {
    let rounded = |value: i32, bits: u32| (value + (1 << (bits - 1))) >> bits;
    for row in block.as_chunks_mut::<8>().0 {
        *row = eight(*row, |v| v << 2, |v| rounded(v, 11));
    }
    for column in 0..8 {
        let own = std::array::from_fn(|row| block[row * 8 + column]);
        let own = eight(own, |v| rounded(v, 2), |v| rounded(v, 15));
        (0..8).for_each(|row| block[row * 8 + column] = own[row]);
    }
    block
}

/// In zigzag order, halves away from 0.
fn divided(block: &[i32; 64], divisors: &[u8; 64]) -> [i16; 64] {
    std::array::from_fn(|at| {
        let (value, by) = (block[usize::from(ZIGZAG[at])], i32::from(divisors[at]) * 8);
        let size = (value.abs() + by / 2) / by;
        (if value < 0 { -size } else { size }) as i16
    })
}
