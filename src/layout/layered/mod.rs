//! Layered drawing of a directed graph on character cells: ranks from top to bottom, boxes in a rank ordered so
//! that few edges cross, straight long edges, and edges routed at right angles on tracks between the ranks.
//!
//! The steps are those of Sugiyama, Tagawa and Toda (1981): `rank`, `order` (barycenter sweeps), `place`
//! (Brandes and Köpf, 2001) and `route`. Edges that leave the same port are one net and share their way.

mod order;
mod place;
mod rank;
mod route;

use std::collections::HashMap;

/// What is to be placed: its size in cells. Widths are made odd, so that every box has a middle cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub width: i32,
    pub height: i32,
    pub pin: Pin,
}

/// Whether a box has to be in the first or the last rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pin {
    #[default]
    Free,
    Top,
    Bottom,
}

/// An edge between boxes, with its places on them as cells from their left side; `None` is chosen here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub from: usize,
    pub to: usize,
    pub out_at: Option<i32>,
    pub in_at: Option<i32>,
}

impl Link {
    pub fn new(from: usize, to: usize) -> Self {
        Link {
            from,
            to,
            out_at: None,
            in_at: None,
        }
    }
}

/// Free cells to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spacing {
    /// Columns between boxes.
    pub across: i32,
    /// Rows between ranks, at least.
    pub between: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rect {
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
}

impl Rect {
    pub fn right(&self) -> i32 {
        self.x + self.width
    }

    pub fn bottom(&self) -> i32 {
        self.y + self.height
    }

    pub fn middle(&self) -> (i32, i32) {
        (self.x + self.width / 2, self.y + self.height / 2)
    }

    pub fn contains(&self, x: i32, y: i32) -> bool {
        (self.x..self.right()).contains(&x) && (self.y..self.bottom()).contains(&y)
    }

    pub fn meets(&self, other: &Rect) -> bool {
        self.x < other.right()
            && other.x < self.right()
            && self.y < other.bottom()
            && other.y < self.bottom()
    }

    #[must_use]
    pub fn moved(&self, x: i32, y: i32) -> Rect {
        Rect {
            x: self.x + x,
            y: self.y + y,
            ..*self
        }
    }
}

/// Corners of an edge, from the lowest row of its source to the highest row of its target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    /// Empty for an edge to itself and for one that would be too long to draw.
    pub points: Vec<(i32, i32)>,
    /// It goes up, against the flow, because the graph has a cycle.
    pub back: bool,
    /// Edges of one net share cells; edges of different nets only cross.
    pub net: u32,
}

/// Boxes and edges with coordinates, in the order of the input; the upper left corner is 0, 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drawing {
    pub width: i32,
    pub height: i32,
    pub boxes: Vec<Rect>,
    pub edges: Vec<Edge>,
}

/// A box or one cell of a long edge.
#[derive(Debug, Clone, Copy)]
struct Cell {
    width: i32,
    height: i32,
    /// False for a cell of a long edge.
    real: bool,
}

impl Cell {
    fn half(&self) -> i32 {
        self.width / 2
    }
}

/// A part of an edge between neighbouring ranks.
#[derive(Debug, Clone, Copy)]
struct Segment {
    upper: usize,
    lower: usize,
    /// Fixed place at the upper and the lower end, from the middle of the box.
    upper_at: Option<i32>,
    lower_at: Option<i32>,
    net: usize,
}

/// The graph with long edges cut into cells, one rank after the other.
struct Layers {
    cells: Vec<Cell>,
    rank: Vec<usize>,
    layers: Vec<Vec<usize>>,
    segments: Vec<Segment>,
    /// Segments above and below each cell.
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
    /// Segments of each link from its upper to its lower end; empty for those that are not drawn.
    chains: Vec<Vec<usize>>,
    /// Links that go against the flow.
    back: Vec<bool>,
}

/// Draws the graph. Deterministic; about O((V + E) log V) with V counting the cells of long edges, which are bounded.
pub fn lay_out(boxes: &[Size], links: &[Link], spacing: Spacing) -> Drawing {
    let pinned = boxes.iter().any(|b| b.pin != Pin::Free);
    let parts = if pinned {
        vec![(0..boxes.len()).collect()]
    } else {
        components(boxes.len(), links)
    };
    if parts.len() <= 1 {
        return lay_out_one(boxes, links, spacing);
    }
    let mut local = vec![(0, 0); boxes.len()];
    for (part, members) in parts.iter().enumerate() {
        for (at, &member) in members.iter().enumerate() {
            local[member] = (part, at);
        }
    }
    let mut part_links: Vec<Vec<usize>> = vec![Vec::new(); parts.len()];
    for (index, link) in links.iter().enumerate() {
        part_links[local[link.from].0].push(index);
    }
    let drawings: Vec<Drawing> = parts
        .iter()
        .zip(&part_links)
        .map(|(members, own)| {
            let sizes: Vec<Size> = members.iter().map(|&m| boxes[m]).collect();
            let own: Vec<Link> = own
                .iter()
                .map(|&l| Link {
                    from: local[links[l].from].1,
                    to: local[links[l].to].1,
                    ..links[l]
                })
                .collect();
            lay_out_one(&sizes, &own, spacing)
        })
        .collect();
    pack(
        boxes.len(),
        links.len(),
        &parts,
        &part_links,
        drawings,
        spacing,
    )
}

/// Sets of boxes that edges join, in the order of their first boxes.
fn components(count: usize, links: &[Link]) -> Vec<Vec<usize>> {
    let mut sets = petgraph::unionfind::UnionFind::<usize>::new(count);
    for link in links {
        sets.union(link.from, link.to);
    }
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut part_of: HashMap<usize, usize> = HashMap::new();
    for member in 0..count {
        let part = *part_of.entry(sets.find_mut(member)).or_insert_with(|| {
            parts.push(Vec::new());
            parts.len() - 1
        });
        parts[part].push(member);
    }
    parts
}

/// Puts the drawings of the components on shelves, the largest first.
fn pack(
    boxes: usize,
    links: usize,
    parts: &[Vec<usize>],
    part_links: &[Vec<usize>],
    drawings: Vec<Drawing>,
    spacing: Spacing,
) -> Drawing {
    let mut whole = Drawing {
        boxes: vec![Rect::default(); boxes],
        edges: vec![Edge::default(); links],
        ..Drawing::default()
    };
    let widest = drawings.iter().map(|d| d.width).max().unwrap_or(0);
    let area: f64 = drawings
        .iter()
        .map(|d| f64::from(d.width + 4) * f64::from(d.height + 1))
        .sum();
    // Cells are about twice as high as wide, and screens wider than high.
    let shelf = widest.max((area * 5.0).sqrt() as i32);
    let mut order: Vec<usize> = (0..drawings.len()).collect();
    order.sort_by_key(|&d| std::cmp::Reverse(drawings[d].boxes.len()));
    let (mut x, mut y, mut tallest, mut net) = (0, 0, 0, 0);
    for index in order {
        let drawing = &drawings[index];
        if x > 0 && x + drawing.width > shelf {
            y += tallest + spacing.between.max(1);
            (x, tallest) = (0, 0);
        }
        for (&member, rect) in parts[index].iter().zip(&drawing.boxes) {
            whole.boxes[member] = rect.moved(x, y);
        }
        let mut nets = 0;
        for (&link, edge) in part_links[index].iter().zip(&drawing.edges) {
            nets = nets.max(edge.net + 1);
            whole.edges[link] = Edge {
                points: edge.points.iter().map(|p| (p.0 + x, p.1 + y)).collect(),
                back: edge.back,
                net: edge.net + net,
            };
        }
        net += nets;
        tallest = tallest.max(drawing.height);
        whole.width = whole.width.max(x + drawing.width);
        whole.height = whole.height.max(y + drawing.height);
        x += drawing.width + 2 * spacing.across;
    }
    whole
}

fn lay_out_one(boxes: &[Size], links: &[Link], spacing: Spacing) -> Drawing {
    if boxes.is_empty() {
        return Drawing::default();
    }
    let ranking = rank::assign(boxes, links);
    let mut layers = Layers::new(boxes, links, &ranking);
    order::reduce_crossings(&mut layers);
    let x = place::columns(&layers, spacing);
    route::draw(&layers, boxes.len(), &x, spacing)
}

impl Layers {
    fn new(boxes: &[Size], links: &[Link], ranking: &rank::Ranking) -> Self {
        let count = boxes.len();
        let mut layers = Layers {
            cells: boxes
                .iter()
                .map(|b| Cell {
                    width: b.width.max(1) | 1,
                    height: b.height.max(1),
                    real: true,
                })
                .collect(),
            rank: ranking.rank.clone(),
            layers: Vec::new(),
            segments: Vec::new(),
            above: vec![Vec::new(); count],
            below: vec![Vec::new(); count],
            chains: vec![Vec::new(); links.len()],
            back: ranking.back.clone(),
        };
        let longest = longest_drawn(links, ranking, count);
        let mut nets: HashMap<(usize, Option<i32>, Option<usize>), usize> = HashMap::new();
        let mut ways: HashMap<(usize, usize), usize> = HashMap::new();
        for (index, link) in links.iter().enumerate() {
            if link.from == link.to {
                continue;
            }
            let back = ranking.back[index];
            let (upper, lower, upper_at, lower_at) = if back {
                (link.to, link.from, link.in_at, link.out_at)
            } else {
                (link.from, link.to, link.out_at, link.in_at)
            };
            let (from, to) = (layers.rank[upper], layers.rank[lower]);
            if to <= from || to - from > longest {
                continue;
            }
            let next = nets.len();
            let net = *nets
                .entry((upper, upper_at, back.then_some(index)))
                .or_insert(next);
            layers.chain(index, net, (upper, upper_at), (lower, lower_at), &mut ways);
        }
        let ranks = layers.rank.iter().max().map_or(0, |r| r + 1);
        layers.layers = vec![Vec::new(); ranks];
        for cell in 0..layers.cells.len() {
            layers.layers[layers.rank[cell]].push(cell);
        }
        layers
    }

    /// Adds the segments of one link; cells that its net already has are shared.
    fn chain(
        &mut self,
        index: usize,
        net: usize,
        (upper, upper_at): (usize, Option<i32>),
        (lower, lower_at): (usize, Option<i32>),
        ways: &mut HashMap<(usize, usize), usize>,
    ) {
        let mut at = upper;
        let mut at_place = upper_at.map(|p| p - self.cells[upper].half());
        for rank in self.rank[upper] + 1..self.rank[lower] {
            let segment = *ways.entry((net, rank)).or_insert_with(|| {
                let cell = self.cells.len();
                self.cells.push(Cell {
                    width: 1,
                    height: 1,
                    real: false,
                });
                self.rank.push(rank);
                self.above.push(Vec::new());
                self.below.push(Vec::new());
                self.segments.push(Segment {
                    upper: at,
                    lower: cell,
                    upper_at: at_place,
                    lower_at: None,
                    net,
                });
                let segment = self.segments.len() - 1;
                self.above[cell].push(segment);
                self.below[at].push(segment);
                segment
            });
            self.chains[index].push(segment);
            at = self.segments[segment].lower;
            at_place = None;
        }
        self.segments.push(Segment {
            upper: at,
            lower,
            upper_at: at_place,
            lower_at: lower_at.map(|p| p - self.cells[lower].half()),
            net,
        });
        let segment = self.segments.len() - 1;
        self.above[lower].push(segment);
        self.below[at].push(segment);
        self.chains[index].push(segment);
    }
}

/// How many ranks an edge may span, so that all cells of long edges stay within bounds.
fn longest_drawn(links: &[Link], ranking: &rank::Ranking, boxes: usize) -> usize {
    let budget = 50_000 + 6 * boxes;
    let mut limit = ranking.rank.iter().max().copied().unwrap_or(0) + 1;
    loop {
        let mut reach: HashMap<(usize, Option<i32>), usize> = HashMap::new();
        let mut extra = 0;
        for (link, back) in links.iter().zip(&ranking.back) {
            let span = ranking.rank[link.from].abs_diff(ranking.rank[link.to]);
            if span > limit {
                continue;
            }
            if *back {
                extra += span;
            } else {
                let longest = reach.entry((link.from, link.out_at)).or_default();
                *longest = span.max(*longest);
            }
        }
        if extra + reach.values().sum::<usize>() <= budget || limit <= 2 {
            return limit;
        }
        limit = limit * 3 / 4;
    }
}

#[cfg(test)]
mod tests;
