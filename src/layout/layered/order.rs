//! The order of cells within each rank: depth first at the start, then barycenter sweeps while they help.

use super::Layers;

/// Sweeps over all ranks, at most; large graphs get fewer.
const SWEEPS: usize = 24;
/// Segments that all sweeps together may look at.
const WORK: usize = 4_000_000;
/// Above this many segments neighbours are not exchanged one by one.
const EXCHANGED: usize = 6_000;

pub(super) fn reduce_crossings(layers: &mut Layers) {
    first_order(layers);
    let segments = layers.segments.len().max(1);
    let sweeps = SWEEPS.min(WORK / segments).max(2);
    let mut position = positions(layers);
    let mut best = layers.layers.clone();
    let mut fewest = crossings(layers, &position);
    let mut idle = 0;
    for sweep in 0..sweeps {
        if fewest == 0 || idle == 6 {
            break;
        }
        let ranks = layers.layers.len();
        for step in 1..ranks {
            let (rank, down) = if sweep % 2 == 0 {
                (step, true)
            } else {
                (ranks - 1 - step, false)
            };
            sort_rank(layers, rank, down, &mut position);
        }
        if segments <= EXCHANGED {
            exchange(layers, &mut position);
        }
        let now = crossings(layers, &position);
        if now < fewest {
            fewest = now;
            best.clone_from(&layers.layers);
            idle = 0;
        } else {
            idle += 1;
        }
    }
    layers.layers = best;
}

fn positions(layers: &Layers) -> Vec<usize> {
    let mut position = vec![0; layers.cells.len()];
    for layer in &layers.layers {
        for (at, &cell) in layer.iter().enumerate() {
            position[cell] = at;
        }
    }
    position
}

/// Cells in the order of a depth-first walk from the top, boxes before the cells of long edges.
fn first_order(layers: &mut Layers) {
    let mut seen = vec![false; layers.cells.len()];
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); layers.layers.len()];
    let roots: Vec<usize> = layers.layers.iter().flatten().copied().collect();
    for root in roots {
        let mut stack = vec![root];
        while let Some(cell) = stack.pop() {
            if std::mem::replace(&mut seen[cell], true) {
                continue;
            }
            order[layers.rank[cell]].push(cell);
            let below = layers.below[cell].iter().rev();
            let next: Vec<usize> = below.map(|&s| layers.segments[s].lower).collect();
            // What is pushed last is walked first.
            stack.extend(next.iter().filter(|&&c| !layers.cells[c].real));
            stack.extend(next.iter().filter(|&&c| layers.cells[c].real));
        }
    }
    layers.layers = order;
}

/// Sorts a rank by the mean position of its neighbours above (`down`) or below; cells without any stay in place.
fn sort_rank(layers: &mut Layers, rank: usize, down: bool, position: &mut [usize]) {
    let weight = |cell: usize| -> Option<f64> {
        let around = if down {
            &layers.above[cell]
        } else {
            &layers.below[cell]
        };
        let sum: f64 = around
            .iter()
            .map(|&s| {
                let segment = &layers.segments[s];
                let (other, at) = if down {
                    (segment.upper, segment.upper_at)
                } else {
                    (segment.lower, segment.lower_at)
                };
                let width = f64::from(layers.cells[other].width);
                position[other] as f64 + at.map_or(0.0, |at| 0.9 * f64::from(at) / width)
            })
            .sum();
        (!around.is_empty()).then(|| sum / around.len() as f64)
    };
    let layer = &layers.layers[rank];
    let weights: Vec<Option<f64>> = layer.iter().map(|&c| weight(c)).collect();
    let mut movable: Vec<(f64, usize)> = layer
        .iter()
        .zip(&weights)
        .filter_map(|(&c, w)| w.map(|w| (w, c)))
        .collect();
    movable.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut movable = movable.into_iter();
    let mut sorted = layer.clone();
    for (slot, weight) in sorted.iter_mut().zip(&weights) {
        if weight.is_some()
            && let Some((_, cell)) = movable.next()
        {
            *slot = cell;
        }
    }
    for (at, &cell) in sorted.iter().enumerate() {
        position[cell] = at;
    }
    layers.layers[rank] = sorted;
}

/// Neighbours change places where that leaves fewer crossings.
fn exchange(layers: &mut Layers, position: &mut [usize]) {
    for rank in 0..layers.layers.len() {
        for at in 1..layers.layers[rank].len() {
            let (left, right) = (layers.layers[rank][at - 1], layers.layers[rank][at]);
            let (kept, changed) = pair_crossings(layers, position, left, right);
            if changed < kept {
                layers.layers[rank].swap(at - 1, at);
                position.swap(left, right);
            }
        }
    }
}

/// Crossings of the edges of two neighbouring cells as they stand, and the other way round.
fn pair_crossings(
    layers: &Layers,
    position: &[usize],
    left: usize,
    right: usize,
) -> (usize, usize) {
    let ends = |cell: usize, above: bool| -> Vec<usize> {
        let around = if above {
            &layers.above[cell]
        } else {
            &layers.below[cell]
        };
        let mut ends: Vec<usize> = around
            .iter()
            .map(|&s| {
                let segment = &layers.segments[s];
                position[if above { segment.upper } else { segment.lower }]
            })
            .collect();
        ends.sort_unstable();
        ends
    };
    let (mut kept, mut changed) = (0, 0);
    for above in [true, false] {
        let (left, right) = (ends(left, above), ends(right, above));
        if left.len() * right.len() > 4_096 {
            continue;
        }
        for l in &left {
            kept += right.iter().filter(|r| *r < l).count();
            changed += right.iter().filter(|r| *r > l).count();
        }
    }
    (kept, changed)
}

/// Crossings in the whole drawing, counted with a tree of sums (Barth, Jünger, Mutzel 2002).
fn crossings(layers: &Layers, position: &[usize]) -> u64 {
    let mut total = 0;
    for layer in layers.layers.iter().skip(1) {
        let mut ends: Vec<(usize, usize)> = layer
            .iter()
            .flat_map(|&cell| &layers.above[cell])
            .map(|&s| {
                let segment = &layers.segments[s];
                (position[segment.upper], position[segment.lower])
            })
            .collect();
        ends.sort_unstable();
        let mut sums = vec![0u64; layer.len() + 1];
        for (seen, &(_, lower)) in ends.iter().enumerate() {
            // Those already seen with a larger lower end cross this one.
            let mut at = lower + 1;
            let mut not_larger = 0;
            while at > 0 {
                not_larger += sums[at];
                at &= at - 1;
            }
            total += seen as u64 - not_larger;
            let mut at = lower + 1;
            while at < sums.len() {
                sums[at] += 1;
                at += at & at.wrapping_neg();
            }
        }
    }
    total
}
