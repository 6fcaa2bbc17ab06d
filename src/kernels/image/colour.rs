//! Hue, saturation and value of RGB (Smith's hexcone), by TensorFlow's formulas, which take any real number: half types
//! round every step.

use crate::kernels::elementwise::number::Number;

fn largest<T: Number>(a: T, b: T) -> T {
    if b > a { b } else { a }
}

fn smallest<T: Number>(a: T, b: T) -> T {
    if b < a { b } else { a }
}

pub fn to_hsv<T: Number>([r, g, b]: [T; 3]) -> [T; 3] {
    let whole = T::from_f64;
    let value = largest(largest(r, g), b);
    let range = value.sub(smallest(smallest(r, g), b));
    let saturation = match value > T::ZERO {
        true => range.div(value),
        false => T::ZERO,
    };
    let norm = whole(1.0).div(range).mul(whole(1.0).div(whole(6.0)));
    let third = whole(2.0).div(whole(6.0));
    let hue = if range <= T::ZERO || range.is_nan() {
        T::ZERO
    } else if r == value {
        norm.mul(g.sub(b))
    } else if g == value {
        norm.mul(b.sub(r)).add(third)
    } else {
        norm.mul(r.sub(g)).add(whole(4.0).div(whole(6.0)))
    };
    let hue = match hue < T::ZERO {
        true => hue.add(whole(1.0)),
        false => hue,
    };
    [hue, saturation, value]
}

pub fn from_hsv<T: Number>([hue, saturation, value]: [T; 3]) -> [T; 3] {
    let whole = T::from_f64;
    let (one, two) = (whole(1.0), whole(2.0));
    let six = hue.mul(whole(6.0));
    let far = |from: f64| {
        let d = six.sub(whole(from));
        if d < T::ZERO { T::ZERO.sub(d) } else { d }
    };
    let pure = [far(3.0).sub(one), two.sub(far(2.0)), two.sub(far(4.0))];
    let grey = one.sub(saturation);
    pure.map(|part| {
        let part = smallest(largest(part, T::ZERO), one);
        grey.add(saturation.mul(part)).mul(value)
    })
}

/// The hue turned by `by` of a full turn. The largest and the smallest part stay what they are, whatever their signs, and
/// trade places with the one between them.
pub fn turned(rgb: [f32; 3], by: f32) -> [f32; 3] {
    let [r, g, b] = rgb;
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    if most == least {
        return from_hues(0.0 + by * 6.0, least, most);
    }
    // Six sectors: in the even ones the middle part rises with the hue.
    let share = |middle: f32| (middle - least) / (most - least);
    let hue = match (r < g, b < r, b < g, b > g, b > r) {
        (true, true, ..) => 1.0 + (1.0 - share(r)),
        (true, _, _, true, _) => 3.0 + (1.0 - share(g)),
        (true, ..) => 2.0 + share(b),
        (false, _, true, ..) => share(g),
        (false, _, _, _, true) => 4.0 + share(r),
        (false, ..) => 5.0 + (1.0 - share(b)),
    };
    from_hues(hue + by * 6.0, least, most)
}

/// The colour of a hue in sixths of a turn.
fn from_hues(hue: f32, least: f32, most: f32) -> [f32; 3] {
    let hue = hue.rem_euclid(6.0);
    let hue = if hue >= 6.0 { 0.0 } else { hue };
    let (sector, part) = (hue as usize, hue.fract());
    let rising = if sector % 2 == 0 { part } else { 1.0 - part };
    let middle = least + rising * (most - least);
    match sector {
        0 => [most, middle, least],
        1 => [middle, most, least],
        2 => [least, most, middle],
        3 => [least, middle, most],
        4 => [middle, least, most],
        _ => [most, least, middle],
    }
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
        assert_eq!(to_hsv([1.0f32, 0.0, 0.0]), [0.0, 1.0, 1.0]);
        assert_eq!(to_hsv([0.0f32, 0.0, 0.5])[0], 4.0 / 6.0);
        assert_eq!(to_hsv([0.25f32; 3]), [0.0, 0.0, 0.25]);
    }

    #[test]
    fn half_a_turn_of_a_colour_below_zero() {
        assert_eq!(turned([-1.0, -2.0, -3.0], 0.5), [-3.0, -2.0, -1.0]);
        assert_eq!(turned([-1.0; 3], 0.3), [-1.0; 3]);
    }

    proptest! {
        #[test]
        fn there_and_back(r in 0f32..1.0, g in 0f32..1.0, b in 0f32..1.0) {
            for (x, y) in [r, g, b].iter().zip(from_hsv(to_hsv([r, g, b]))) {
                prop_assert!((x - y).abs() < 1e-5);
            }
        }

        #[test]
        fn a_turn_is_that_of_the_hexcone(r in 0f32..1.0, g in 0f32..1.0, b in 0f32..1.0, by in -1f32..1.0) {
            let [hue, saturation, value] = to_hsv([r, g, b]);
            let wanted = from_hsv([(hue + by).rem_euclid(1.0), saturation, value]);
            for (x, y) in turned([r, g, b], by).iter().zip(wanted) {
                prop_assert!((x - y).abs() < 1e-5);
            }
        }
    }
}
