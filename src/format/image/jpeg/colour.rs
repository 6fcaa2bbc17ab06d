//! From the file's colours to RGB or grey, with libjpeg's 16 bits behind the point.

use super::Space;

/// A factor with 16 bits behind the point.
pub(super) const fn fixed(factor: f64) -> i32 {
    (factor * 65536.0 + 0.5) as i32
}

pub(super) const HALF: i32 = 1 << 15;

fn byte(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}

/// ITU-R BT.601, as JFIF says.
fn from_ycc([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    [
        byte(y + ((fixed(1.402) * cr + HALF) >> 16)),
        byte(y + ((-fixed(0.34414) * cb + HALF - fixed(0.71414) * cr) >> 16)),
        byte(y + ((fixed(1.772) * cb + HALF) >> 16)),
    ]
}

pub fn grey(space: Space, planes: &[Vec<u8>]) -> Vec<u8> {
    let [red, green, blue] = match planes {
        [r, g, b] if space == Space::Rgb => [r, g, b],
        _ => return planes.first().cloned().unwrap_or_default(),
    };
    let light = |((&r, &g), &b): ((&u8, &u8), &u8)| {
        let parts = fixed(0.299) * i32::from(r) + fixed(0.587) * i32::from(g);
        ((parts + fixed(0.114) * i32::from(b) + HALF) >> 16) as u8
    };
    red.iter().zip(green).zip(blue).map(light).collect()
}

/// Adobe writes inks inverted.
pub fn rgb(space: Space, planes: &[Vec<u8>], inverted: bool) -> Vec<u8> {
    let mut out = Vec::new();
    match planes {
        [grey] => out.extend(grey.iter().flat_map(|&v| [v; 3])),
        [a, b, c] => {
            for ((&a, &b), &c) in a.iter().zip(b).zip(c) {
                out.extend(match space {
                    Space::Rgb => [a, b, c],
                    _ => from_ycc([a, b, c]),
                });
            }
        }
        [a, b, c, k] => {
            for (((&a, &b), &c), &k) in a.iter().zip(b).zip(c).zip(k) {
                let inks = match space {
                    Space::Ycck => from_ycc([a, b, c]).map(|v| 255 - v),
                    _ => [a, b, c],
                };
                let turn = |v: u8| u16::from(if inverted { v } else { 255 - v });
                out.extend(inks.map(|ink| (turn(k) * turn(ink) / 255) as u8));
            }
        }
        _ => {}
    }
    out
}
