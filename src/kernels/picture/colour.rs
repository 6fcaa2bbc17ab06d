//! Hue, saturation and value of RGB, all from 0 to 1 (Smith's hexcone).

pub fn to_hsv([r, g, b]: [f32; 3]) -> [f32; 3] {
    let value = r.max(g).max(b);
    let range = value - r.min(g).min(b);
    let saturation = if value > 0.0 { range / value } else { 0.0 };
    let norm = 1.0 / (6.0 * range);
    let hue = if range <= 0.0 || range.is_nan() {
        0.0
    } else if r == value {
        norm * (g - b)
    } else if g == value {
        norm * (b - r) + 2.0 / 6.0
    } else {
        norm * (r - g) + 4.0 / 6.0
    };
    [if hue < 0.0 { hue + 1.0 } else { hue }, saturation, value]
}

pub fn from_hsv([hue, saturation, value]: [f32; 3]) -> [f32; 3] {
    let six = hue * 6.0;
    let pure = [
        (six - 3.0).abs() - 1.0,
        2.0 - (six - 2.0).abs(),
        2.0 - (six - 4.0).abs(),
    ];
    pure.map(|part| ((1.0 - saturation) + saturation * part.clamp(0.0, 1.0)) * value)
}

/// The hue turned by `by` of a full turn.
pub fn turned(rgb: [f32; 3], by: f32) -> [f32; 3] {
    let [hue, saturation, value] = to_hsv(rgb);
    from_hsv([(hue + by).rem_euclid(1.0), saturation, value])
}

/// The saturation times `by`, kept between 0 and 1.
pub fn saturated(rgb: [f32; 3], by: f32) -> [f32; 3] {
    let [hue, saturation, value] = to_hsv(rgb);
    from_hsv([hue, (saturation * by).clamp(0.0, 1.0), value])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pure_colours_stand_at_sixths() {
        assert_eq!(to_hsv([1.0, 0.0, 0.0]), [0.0, 1.0, 1.0]);
        assert_eq!(to_hsv([0.0, 0.0, 0.5])[0], 4.0 / 6.0);
        assert_eq!(to_hsv([0.25; 3]), [0.0, 0.0, 0.25]);
    }

    proptest! {
        #[test]
        fn there_and_back(r in 0f32..1.0, g in 0f32..1.0, b in 0f32..1.0) {
            for (x, y) in [r, g, b].iter().zip(from_hsv(to_hsv([r, g, b]))) {
                prop_assert!((x - y).abs() < 1e-5);
            }
        }
    }
}
