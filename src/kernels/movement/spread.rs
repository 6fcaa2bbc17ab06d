//! Elements set apart, with padding around and between them.

/// How one axis is spread: values before the first (negative: so many are cut off), between two, after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    pub low: i64,
    pub between: i64,
    pub high: i64,
}

impl Spread {
    /// What becomes of `size` values; at least 0.
    pub fn size(&self, size: i64) -> i64 {
        let inner = (size - 1)
            .max(0)
            .saturating_mul(self.between)
            .saturating_add(size);
        inner
            .saturating_add(self.low)
            .saturating_add(self.high)
            .max(0)
    }
}

/// Spreads elements of `value.len()` bytes; what is new is `value`. `out` is as long as [`Spread::size`] tells.
pub fn spread((x, sizes): (&[u8], &[usize]), spreads: &[Spread], value: &[u8], out: &mut [u8]) {
    let width = value.len();
    for element in out.chunks_exact_mut(width) {
        element.copy_from_slice(value);
    }
    for (number, element) in x.chunks_exact(width).enumerate() {
        let (mut rest, mut at, mut step) = (number, 0, 1);
        let mut inside = true;
        for (&size, spread) in sizes.iter().zip(spreads).rev() {
            let place = (rest % size) as i64 * (spread.between + 1) + spread.low;
            rest /= size;
            let length = spread.size(size as i64);
            inside &= (0..length).contains(&place);
            at += place.max(0) as usize * step;
            step *= length as usize;
        }
        if inside {
            out[at * width..][..width].copy_from_slice(element);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_set_apart_and_cut_off() {
        let rows = Spread {
            low: 0,
            between: 1,
            high: 0,
        };
        let columns = Spread {
            low: -1,
            between: 2,
            high: 1,
        };
        assert_eq!((rows.size(2), columns.size(2)), (3, 4));
        let mut out = [0; 12];
        spread((&[1, 2, 3, 4], &[2, 2]), &[rows, columns], &[9], &mut out);
        assert_eq!(out, [9, 9, 2, 9, 9, 9, 9, 9, 9, 9, 4, 9]);
        assert_eq!(
            Spread {
                low: -5,
                between: 0,
                high: 0
            }
            .size(3),
            0
        );
    }
}
