//! Pooling by cells whose sizes differ by one (Graham, "Fractional max-pooling", 2014), with the cells that TensorFlow
//! draws.

use super::draws::shuffled;
use super::philox::{Philox, uniform_f64};

/// Where the cells of `output` begin in `input` values, and at the end where the last one ends. Draws from `philox`,
/// and leaves it where TensorFlow does. `pseudo` draws one number for all cells, else their order is drawn.
pub fn cells(input: usize, output: usize, pseudo: bool, philox: &mut Philox) -> Vec<i64> {
    assert!(output > 0 && output <= input);
    let least = input / output;
    let sizes: Vec<i64> = if input.is_multiple_of(output) {
        vec![least as i64; output]
    } else if pseudo {
        let drawn = drawn_together(input, output, philox);
        drawn.windows(2).map(|pair| pair[1] - pair[0]).collect()
    } else {
        let base = philox.clone();
        philox.skip(output.div_ceil(4) as u128);
        let order = shuffled(base, output);
        let larger = input % output;
        let size = |&at: &usize| (least + usize::from(at < larger)) as i64;
        order.iter().map(size).collect()
    };
    let mut ends = vec![0];
    ends.extend(sizes.iter().scan(0, |end, size| {
        *end += size;
        Some(*end)
    }));
    ends
}

/// `ceil(α (i + u))` of one number `u`, small enough that no cell is too large.
fn drawn_together(input: usize, output: usize, philox: &mut Philox) -> Vec<i64> {
    let (alpha, least) = (input as f64 / output as f64, (input / output) as f64);
    let of_cells = (least + 2.0) / alpha - 1.0;
    let of_end = (input as f64 + 1.0 - least) / alpha - (output as f64 - 1.0);
    let [a, b, ..] = philox.four();
    let u = uniform_f64(a, b) * of_cells.min(of_end);
    let inner = (1..output).map(|at| (alpha * (at as f64 + u)).ceil() as i64);
    let mut ends = vec![1];
    ends.extend(inner);
    ends.push(input as i64 + 1);
    ends
}

/// The values of each cell, of `[height, width]` by their ends, handed to `cell` with the channel: row by row, and the
/// channels of a cell one after the other. With `overlapping` the first value of the next cell belongs to a cell too.
pub fn each_cell(
    [rows, columns]: [&[i64]; 2],
    channels: usize,
    overlapping: bool,
    mut cell: impl FnMut(&mut dyn Iterator<Item = usize>),
) {
    let width = columns.last().map_or(0, |&end| end as usize);
    let spans = |ends: &[i64]| -> Vec<[usize; 2]> {
        let most = ends.last().map_or(0, |&end| end as usize);
        let pairs = ends
            .windows(2)
            .map(|pair| [pair[0] as usize, pair[1] as usize]);
        pairs
            .map(|[start, end]| [start, (end + usize::from(overlapping)).min(most)])
            .collect()
    };
    let columns = spans(columns);
    for &[top, bottom] in &spans(rows) {
        for &[left, right] in &columns {
            for channel in 0..channels {
                let places = (top..bottom)
                    .flat_map(|y| (left..right).map(move |x| (y * width + x) * channels + channel));
                cell(&mut { places });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TensorFlow 2.21's cells for the seeds 3 and 4.
    #[test]
    fn cells_are_tensorflows() {
        let mut philox = Philox::new(3, 4);
        assert_eq!(cells(9, 6, false, &mut philox), [0, 1, 3, 5, 6, 8, 9]);
        assert_eq!(philox.counter() - Philox::new(3, 4).counter(), 2);
        assert_eq!(cells(6, 3, false, &mut philox), [0, 2, 4, 6]);
    }

    #[test]
    fn every_cell_has_one_of_two_sizes() {
        for (input, output) in [(9, 7), (10, 7), (31, 10), (7, 6), (100, 51)] {
            for seed in 0..20 {
                for pseudo in [false, true] {
                    let found = cells(input, output, pseudo, &mut Philox::new(seed, 1));
                    assert_eq!((found[0], found[output]), (0, input as i64));
                    let least = (input / output) as i64;
                    let fits = |pair: &[i64]| (least..=least + 1).contains(&(pair[1] - pair[0]));
                    assert!(found.windows(2).all(fits), "{input} {output} {found:?}");
                }
            }
        }
    }

    #[test]
    fn cells_share_their_ends_where_they_overlap() {
        let mut found = Vec::new();
        let ends: [&[i64]; 2] = [&[0, 1], &[0, 2, 3]];
        each_cell(ends, 1, true, |places| {
            found.push(places.collect::<Vec<_>>())
        });
        assert_eq!(found, [vec![0, 1, 2], vec![2]]);
    }
}
