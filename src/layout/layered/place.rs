//! Columns of the cells after Brandes and Köpf: "Fast and simple horizontal coordinate assignment" (2001).
//!
//! Four extreme alignments, each with long edges straight, are averaged. Where an edge has a fixed place on a box,
//! the blocks are shifted so that the places, not the middles, come to stand above one another.

use super::{Layers, Spacing};

/// The middle column of every cell; the leftmost cell of the drawing is column 0.
pub(super) fn columns(layers: &Layers, spacing: Spacing) -> Vec<i32> {
    let conflicts = conflicts(layers);
    let mut all: Vec<Vec<i32>> = Vec::with_capacity(4);
    for down in [true, false] {
        for left in [true, false] {
            all.push(extreme(layers, spacing, &conflicts, down, left));
        }
    }
    let extent = |x: &[i32]| {
        let low = x.iter().zip(&layers.cells).map(|(x, c)| x - c.half()).min();
        let high = x.iter().zip(&layers.cells).map(|(x, c)| x + c.half()).max();
        (low.unwrap_or(0), high.unwrap_or(0))
    };
    let extents: Vec<(i32, i32)> = all.iter().map(|x| extent(x)).collect();
    let (low, high) = extents
        .iter()
        .copied()
        .min_by_key(|(low, high)| high - low)
        .unwrap_or((0, 0));
    for (index, x) in all.iter_mut().enumerate() {
        let shift = if index % 2 == 0 {
            low - extents[index].0
        } else {
            high - extents[index].1
        };
        x.iter_mut().for_each(|x| *x += shift);
    }
    let mut x: Vec<i32> = (0..layers.cells.len())
        .map(|cell| {
            let mut four = [all[0][cell], all[1][cell], all[2][cell], all[3][cell]];
            four.sort_unstable();
            (four[1] + four[2]).div_euclid(2)
        })
        .collect();
    keep_apart(layers, spacing, &mut x);
    let left = extent(&x).0;
    x.iter_mut().for_each(|x| *x -= left);
    x
}

/// Cells between the middles of two neighbours.
fn distance(layers: &Layers, spacing: Spacing, left: usize, right: usize) -> i32 {
    let (a, b) = (&layers.cells[left], &layers.cells[right]);
    let gap = match (a.real, b.real) {
        (true, true) => spacing.across,
        (false, false) => 1,
        _ => spacing.across.min(2),
    };
    a.half() + b.half() + 1 + gap
}

/// The average keeps all distances already; this makes it certain.
fn keep_apart(layers: &Layers, spacing: Spacing, x: &mut [i32]) {
    for layer in &layers.layers {
        for pair in layer.windows(2) {
            let least = x[pair[0]] + distance(layers, spacing, pair[0], pair[1]);
            x[pair[1]] = x[pair[1]].max(least);
        }
    }
}

/// Segments that must not be made straight: they cross the inside of a long edge, or they are ends of a long edge at a
/// box that goes on straight to another box.
fn conflicts(layers: &Layers) -> Vec<bool> {
    let mut marked = vec![false; layers.segments.len()];
    let mut position = vec![0; layers.cells.len()];
    for layer in &layers.layers {
        for (at, &cell) in layer.iter().enumerate() {
            position[cell] = at;
        }
    }
    let inner_above = |cell: usize| -> Option<usize> {
        if layers.cells[cell].real {
            return None;
        }
        let upper = layers.above[cell]
            .first()
            .map(|&s| layers.segments[s].upper)?;
        (!layers.cells[upper].real).then_some(upper)
    };
    for rank in 1..layers.layers.len() {
        let layer = &layers.layers[rank];
        let width_above = layers.layers[rank - 1].len();
        let (mut low, mut scanned) = (0, 0);
        for (at, &cell) in layer.iter().enumerate() {
            let inner = inner_above(cell);
            if at + 1 != layer.len() && inner.is_none() {
                continue;
            }
            let high = inner.map_or(width_above, |upper| position[upper]);
            for &other in &layer[scanned..=at] {
                for &segment in &layers.above[other] {
                    let upper = layers.segments[segment].upper;
                    let inside = !layers.cells[upper].real && !layers.cells[other].real;
                    if !inside && (position[upper] < low || position[upper] > high) {
                        marked[segment] = true;
                    }
                }
            }
            scanned = at + 1;
            low = high;
        }
    }
    beside_boxes(layers, &mut marked);
    marked
}

fn beside_boxes(layers: &Layers, marked: &mut [bool]) {
    let real = |cell: usize| layers.cells[cell].real;
    // Where long edges are the majority the box stands in the middle of all of them.
    let mut above = vec![0i32; layers.cells.len()];
    let mut below = vec![0i32; layers.cells.len()];
    for segment in &layers.segments {
        below[segment.upper] += if real(segment.lower) { 1 } else { -1 };
        above[segment.lower] += if real(segment.upper) { 1 } else { -1 };
    }
    for (marked, segment) in marked.iter_mut().zip(&layers.segments) {
        let leaves = real(segment.upper) && !real(segment.lower) && below[segment.upper] >= 0;
        let enters = real(segment.lower) && !real(segment.upper) && above[segment.lower] >= 0;
        *marked |= leaves || enters;
    }
}

/// Blocks of aligned cells: each cell's root, and how far right of the root's middle its own middle is.
struct Blocks {
    root: Vec<usize>,
    shift: Vec<i32>,
}

/// One of the four alignments. The right-hand ones are computed on the mirrored drawing.
fn extreme(
    layers: &Layers,
    spacing: Spacing,
    conflicts: &[bool],
    down: bool,
    left: bool,
) -> Vec<i32> {
    let mirrored: Vec<Vec<usize>> = layers
        .layers
        .iter()
        .map(|layer| {
            let mut layer = layer.clone();
            if !left {
                layer.reverse();
            }
            layer
        })
        .collect();
    let blocks = align(layers, &mirrored, conflicts, down, left);
    let x = compact(layers, spacing, &mirrored, &blocks);
    if left {
        x
    } else {
        x.into_iter().map(|x| -x).collect()
    }
}

fn align(
    layers: &Layers,
    order: &[Vec<usize>],
    conflicts: &[bool],
    down: bool,
    left: bool,
) -> Blocks {
    let count = layers.cells.len();
    let mut blocks = Blocks {
        root: (0..count).collect(),
        shift: vec![0; count],
    };
    let mut position = vec![0usize; count];
    for layer in order {
        for (at, &cell) in layer.iter().enumerate() {
            position[cell] = at;
        }
    }
    let ranks: Vec<usize> = if down {
        (0..order.len()).collect()
    } else {
        (0..order.len()).rev().collect()
    };
    let mirror = if left { 1 } else { -1 };
    for rank in ranks {
        let mut taken: Option<usize> = None;
        for &cell in &order[rank] {
            let around = neighbours(layers, conflicts, &position, cell, down);
            if around.is_empty() {
                continue;
            }
            let middle = [(around.len() - 1) / 2, around.len() / 2];
            for (segment, other) in middle.map(|m| around[m]) {
                if taken.is_some_and(|t| position[other] <= t) {
                    continue;
                }
                let s = &layers.segments[segment];
                let (own, others) = if down {
                    (s.lower_at, s.upper_at)
                } else {
                    (s.upper_at, s.lower_at)
                };
                blocks.root[cell] = blocks.root[other];
                blocks.shift[cell] =
                    blocks.shift[other] + mirror * (others.unwrap_or(0) - own.unwrap_or(0));
                taken = Some(position[other]);
                break;
            }
        }
    }
    blocks
}

/// The cells that `cell` may be aligned with, by position. Boxes are aligned with boxes first, so that a trunk stays
/// straight and the long edges beside it give way.
fn neighbours(
    layers: &Layers,
    conflicts: &[bool],
    position: &[usize],
    cell: usize,
    down: bool,
) -> Vec<(usize, usize)> {
    let around = if down {
        &layers.above[cell]
    } else {
        &layers.below[cell]
    };
    let mut all: Vec<(usize, usize)> = around
        .iter()
        .filter(|&&s| !conflicts[s])
        .map(|&s| {
            let segment = &layers.segments[s];
            (s, if down { segment.upper } else { segment.lower })
        })
        .collect();
    all.sort_by_key(|(s, c)| (position[*c], *s));
    all
}

/// The leftmost columns that keep blocks apart, then every block as far right as its right neighbours let it.
fn compact(layers: &Layers, spacing: Spacing, order: &[Vec<usize>], blocks: &Blocks) -> Vec<i32> {
    let count = layers.cells.len();
    let mut after: Vec<Vec<(usize, i32)>> = vec![Vec::new(); count];
    let mut waiting = vec![0usize; count];
    for layer in order {
        for pair in layer.windows(2) {
            let (a, b) = (blocks.root[pair[0]], blocks.root[pair[1]]);
            if a == b {
                continue;
            }
            let gap = distance(layers, spacing, pair[0], pair[1]) + blocks.shift[pair[0]]
                - blocks.shift[pair[1]];
            after[a].push((b, gap));
            waiting[b] += 1;
        }
    }
    let mut sorted: Vec<usize> = (0..count)
        .filter(|&c| blocks.root[c] == c && waiting[c] == 0)
        .collect();
    let mut x = vec![0i32; count];
    let mut next = 0;
    while next < sorted.len() {
        let block = sorted[next];
        next += 1;
        for &(right, gap) in &after[block] {
            x[right] = x[right].max(x[block] + gap);
            waiting[right] -= 1;
            if waiting[right] == 0 {
                sorted.push(right);
            }
        }
    }
    for &block in sorted.iter().rev() {
        if let Some(room) = after[block]
            .iter()
            .map(|(right, gap)| x[*right] - gap)
            .min()
        {
            x[block] = x[block].max(room);
        }
    }
    (0..count)
        .map(|cell| x[blocks.root[cell]] + blocks.shift[cell])
        .collect()
}
