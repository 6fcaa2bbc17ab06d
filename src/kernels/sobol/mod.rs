//! Sobol's sequence: points that fill a cube more evenly than random ones. Each axis has a primitive polynomial modulo 2
//! and the first of its direction numbers; the others follow from them (S. Joe and F. Y. Kuo, "Constructing Sobol
//! sequences with better two-dimensional projections", 2008).

/// Points have at most this many axes: those of polynomials up to degree 16.
pub const MOST_AXES: usize = 5715;

/// TensorFlow's table goes on to degree 18; these two need five times the room of all others.
const MOST_DEGREE: u32 = 16;

/// Bits of a coordinate.
const BITS: usize = 31;

/// The first direction numbers of each axis from the second on, in the order of degree and polynomial: number `i` of an
/// axis, counted from 0, is odd and below `2^(i + 1)`; its `i` upper bits stand here, lowest first, and number 0, which is
/// always 1, does not. Found from the points that TensorFlow 2.21 gives, whose table is `new-joe-kuo-6.21201`.
const DIRECTIONS: &[u8] = include_bytes!("directions.bin");

/// `directions[axis][bit]`: what flips in a coordinate of [`BITS`] bits where this bit of the index's Gray code flips.
fn directions(axes: usize) -> Vec<[u32; BITS]> {
    let mut all = Vec::with_capacity(axes);
    all.push(std::array::from_fn(|bit| 1 << (BITS - 1 - bit)));
    let mut place = 0;
    for (degree, polynomial) in (1..=MOST_DEGREE).flat_map(primitive) {
        if all.len() == axes {
            break;
        }
        let degree = degree as usize;
        let mut numbers = [0u32; BITS];
        for (at, number) in numbers.iter_mut().enumerate().take(degree) {
            let upper = (0..at).fold(0, |sum, bit| sum | stored(place + bit) << bit);
            place += at;
            *number = upper << 1 | 1;
        }
        for at in degree..BITS {
            let terms = (1..=degree).filter(|back| polynomial >> (degree - back) & 1 == 1);
            let first = numbers[at - degree];
            numbers[at] = terms.fold(first, |sum, back| sum ^ numbers[at - back] << back);
        }
        all.push(std::array::from_fn(|bit| numbers[bit] << (BITS - 1 - bit)));
    }
    all
}

fn stored(place: usize) -> u32 {
    u32::from(DIRECTIONS[place / 8] >> (place % 8)) & 1
}

/// The primitive polynomials of a degree, smallest first; bit `i` is the factor of `x^i`.
fn primitive(degree: u32) -> impl Iterator<Item = (u32, u32)> {
    let order = (1u32 << degree) - 1;
    let primes = (2..=order).filter(move |p| order.is_multiple_of(*p));
    let primes: Vec<u32> = primes
        .filter(|p| (2..*p).take_while(|d| d * d <= *p).all(|d| p % d != 0))
        .collect();
    let all = (1 << degree..2 << degree).step_by(2).map(|p| p | 1);
    // Another with an even number of terms is a multiple of x + 1.
    let all = all.filter(move |p: &u32| degree == 1 || p.count_ones() % 2 == 1);
    let generates = move |p: &u32| {
        let mut rest = primes.iter().map(|prime| order / prime);
        power(order, *p, degree) == 1 && rest.all(|n| power(n, *p, degree) != 1)
    };
    all.filter(generates).map(move |p| (degree, p))
}

/// `x^exponent` modulo a polynomial.
fn power(mut exponent: u32, polynomial: u32, degree: u32) -> u32 {
    let (mut result, mut base) = (1, if degree == 1 { 1 } else { 2 });
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = product(result, base, polynomial, degree);
        }
        base = product(base, base, polynomial, degree);
        exponent >>= 1;
    }
    result
}

fn product(mut a: u32, mut b: u32, polynomial: u32, degree: u32) -> u32 {
    let mut sum = 0;
    while b > 0 {
        if b & 1 == 1 {
            sum ^= a;
        }
        b >>= 1;
        a <<= 1;
        if a >> degree & 1 == 1 {
            a ^= polynomial;
        }
    }
    sum
}

/// Writes the points of index `skip + 1` and on, `axes` coordinates each, as TensorFlow 2.21 does: whole numbers of as
/// many bits as the index behind the last has, times the unit of these. `to` makes a coordinate of both. Of 31 bits the unit is
/// negative, as `1 << 31` is.
///
/// `skip + points` is below `2^31 - 1`, `axes` from 1 to [`MOST_AXES`].
pub fn points<T>(axes: usize, skip: u32, out: &mut [T], to: impl Fn(i32, f64) -> T) {
    let directions = directions(axes);
    // Of one more index than there is.
    let bits = u32::BITS - (skip + (out.len() / axes) as u32 + 1).leading_zeros();
    let unit = 1.0 / f64::from((1u32 << bits) as i32);
    let gray = |index: u32| index ^ index >> 1;
    let mut point = vec![0u32; axes];
    let mut before = 0;
    for (index, row) in (skip + 1..).zip(out.chunks_exact_mut(axes)) {
        let mut flips = gray(index) ^ before;
        before = gray(index);
        while flips > 0 {
            let bit = flips.trailing_zeros() as usize;
            flips &= flips - 1;
            for (coordinate, own) in point.iter_mut().zip(&directions) {
                *coordinate ^= own[bit];
            }
        }
        for (out, coordinate) in row.iter_mut().zip(&point) {
            *out = to((coordinate >> (BITS as u32 - bits)) as i32, unit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_polynomial_for_each_axis() {
        let counts: Vec<usize> = (1..=10).map(|degree| primitive(degree).count()).collect();
        assert_eq!(counts, [1, 1, 2, 2, 6, 6, 18, 16, 48, 60]);
        let all = directions(MOST_AXES);
        assert_eq!(all.len(), MOST_AXES);
        // The largest coordinate that each bit alone can set is its own, so half of each axis has it.
        let leading = |own: &[u32; BITS]| (0..BITS).all(|bit| own[bit] >> (30 - bit) & 1 == 1);
        assert!(all.iter().all(leading));
    }
}
