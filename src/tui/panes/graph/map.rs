//! The map: a canvas that pans, with the whole drawing small in a corner.

use std::cell::Cell;

use super::seen::{Lit, Overlay, Seen};
use crate::layout::layered;
use crate::layout::paint::paint;
use crate::layout::scene::Place;
use crate::layout::scope::Item;
use crate::model::{DType, Graph};
use crate::tui::panes::View;
use crate::tui::term::{Block, BorderType, Borders, Buffer, Clear, Rect, Style, Widget};
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::canvas::{self, Look};

/// Where the window on the drawing is; what the last frame leaves behind for keys and mouse.
#[derive(Debug, Default)]
pub struct Window {
    /// Column and row of the drawing in the upper left corner.
    pub pan: Cell<(i32, i32)>,
    pub area: Cell<Rect>,
    pub follow: Cell<Follow>,
}

/// What the next frame does about the chosen box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Follow {
    /// Nothing: the person moved the window.
    No,
    /// Moves the window just as far as it takes to see it.
    Keep,
    /// Puts it in the middle of the first rows.
    #[default]
    Begin,
}

/// A way to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
    Left,
    Right,
}

impl Window {
    /// The window moves by this many cells.
    pub fn shift(&self, x: i32, y: i32) {
        let (old_x, old_y) = self.pan.get();
        self.pan.set((old_x + x, old_y + y));
        self.follow.set(Follow::No);
    }

    /// The box under a cell of the screen.
    pub fn hit<'s>(&self, seen: &'s Seen, column: u16, row: u16) -> Option<&'s Place> {
        let area = self.area.get();
        let (x, y) = self.pan.get();
        let (column, row) = (
            i32::from(column) - i32::from(area.x),
            i32::from(row) - i32::from(area.y),
        );
        seen.scene.at(column + x, row + y)
    }

    /// Fits the window to the drawing and to what it should show.
    fn settle(&self, seen: &Seen, chosen: Option<Item>, area: Rect) {
        let (width, height) = (i32::from(area.width), i32::from(area.height));
        let (mut x, mut y) = self.pan.get();
        let place = chosen.and_then(|c| seen.scene.place(c)).map(|p| p.rect);
        match (self.follow.get(), place) {
            (Follow::Keep, Some(rect)) => {
                x = keep(x, width, rect.x, rect.width, 2);
                y = keep(y, height, rect.y, rect.height, 1);
            }
            (Follow::Begin, Some(rect)) => {
                x = rect.middle().0 - width / 2;
                y = if rect.bottom() <= height {
                    0
                } else {
                    rect.y - height / 3
                };
            }
            _ => {}
        }
        self.pan.set((
            bound(x, width, seen.scene.width),
            bound(y, height, seen.scene.height),
        ));
        self.follow.set(Follow::No);
        self.area.set(area);
    }
}

/// Moves a window of `size` from `at` so that `from..from + length` is in sight with a margin.
fn keep(at: i32, size: i32, from: i32, length: i32, margin: i32) -> i32 {
    let at = at.max(from + length + margin - size);
    at.min(from - margin)
}

/// A small drawing stands in the middle; a large one is left by no more than a margin.
fn bound(at: i32, size: i32, whole: i32) -> i32 {
    const MARGIN: i32 = 2;
    if whole <= size {
        -(size - whole) / 2
    } else {
        at.clamp(-MARGIN, whole - size + MARGIN)
    }
}

/// The item that lies that way: along the flow up and down, beside it left and right.
pub fn step(seen: &Seen, from: Item, way: Way) -> Option<Item> {
    let here = seen.scene.place(from)?.rect;
    let along: Vec<Item> = match way {
        Way::Down => seen.map.flow_from(from).map(|flow| flow.to).collect(),
        Way::Up => seen.map.flow_into(from).map(|flow| flow.from).collect(),
        Way::Left | Way::Right => Vec::new(),
    };
    let nearest = along
        .into_iter()
        .filter_map(|item| seen.scene.place(item))
        .min_by_key(|p| distance(&here, &p.rect));
    nearest
        .or_else(|| {
            let places = seen.scene.places.iter();
            places
                .filter(|p| !p.open && p.item != from && lies(&here, &p.rect, way))
                .min_by_key(|p| distance(&here, &p.rect))
        })
        .map(|p| p.item)
}

/// Rows count double, as they look on the screen; sideways distance between middles.
fn distance(a: &layered::Rect, b: &layered::Rect) -> i32 {
    let ((ax, ay), (bx, by)) = (a.middle(), b.middle());
    (ax - bx).abs() + 2 * (ay - by).abs()
}

fn lies(from: &layered::Rect, to: &layered::Rect, way: Way) -> bool {
    match way {
        Way::Up => to.bottom() <= from.y,
        Way::Down => to.y >= from.bottom(),
        Way::Left => to.right() <= from.x && to.y < from.bottom() + 2 && from.y < to.bottom() + 2,
        Way::Right => to.x >= from.right() && to.y < from.bottom() + 2 && from.y < to.bottom() + 2,
    }
}

/// The hue of a box under an overlay.
fn hue(seen: &Seen, graph: &Graph, place: &Place, view: &View) -> Style {
    let theme = view.theme;
    match seen.key.overlay {
        Overlay::Family => theme.family(place.label.family),
        Overlay::Bytes => match seen.cost(place.item).bytes {
            0 => theme[Role::Dim],
            bytes => theme.heat(share(bytes, seen.known.total.bytes)),
        },
        Overlay::Macs => match seen.cost(place.item).macs {
            0 => theme[Role::Dim],
            macs => theme.heat(share(macs, seen.known.total.macs)),
        },
        Overlay::Dtype => by_type(seen.dtype(graph, place.item), theme),
        Overlay::Time => match seen.figures(place.item).nanos {
            None => theme[Role::Dim],
            Some(nanos) => theme.heat(share(nanos, seen.nanos)),
        },
        Overlay::Error => match seen.figures(place.item).badness() {
            None => theme[Role::Dim],
            Some(badness) => theme.heat(badness),
        },
    }
}

/// A share of the whole from 0 to 1, stretched so that small ones differ: each tenth part is a third down.
fn share(part: u64, whole: u64) -> f64 {
    let share = part as f64 / whole.max(1) as f64;
    (1.0 + share.max(1e-3).log10() / 3.0).clamp(0.0, 1.0)
}

fn by_type(dtype: Option<DType>, theme: &Theme) -> Style {
    let role = match dtype {
        Some(DType::Float32 | DType::Float64) => Role::Convolution,
        Some(DType::Float16 | DType::BFloat16) => Role::Matmul,
        Some(DType::Bool) => Role::Control,
        Some(DType::String) => Role::State,
        Some(DType::Int16 | DType::UInt16) => Role::Reduce,
        Some(DType::Int32 | DType::Int64 | DType::UInt32 | DType::UInt64) => Role::Elementwise,
        Some(small) if (1..=8).contains(&small.bits()) => Role::Quantize,
        _ => Role::Dim,
    };
    theme[role]
}

/// What `render` needs to know of the pane.
pub struct Shown<'a> {
    pub seen: &'a Seen,
    pub chosen: Option<Item>,
    pub marked: Option<Item>,
    /// What stays bright while the rest fades.
    pub lit: Option<&'a Lit>,
}

pub fn render(
    window: &Window,
    shown: &Shown,
    graph: &Graph,
    area: Rect,
    buf: &mut Buffer,
    view: &View,
) {
    let seen = shown.seen;
    window.settle(seen, shown.chosen, area);
    let (x, y) = window.pan.get();
    let sight = layered::Rect {
        x,
        y,
        width: i32::from(area.width),
        height: i32::from(area.height),
    };
    let picture = paint(&seen.scene, sight, shown.chosen);
    canvas::render(&picture, &seen.scene, area, buf, view.theme, |place| Look {
        hue: hue(seen, graph, place, view),
        chosen: shown.chosen == Some(place.item) || shown.marked == Some(place.item),
        faded: shown
            .lit
            .is_some_and(|lit| !place.open && !lit.contains(place.item)),
    });
    let (width, height) = (seen.scene.width, seen.scene.height);
    let large = width > sight.width || height > sight.height;
    if large && area.width >= 50 && area.height >= 14 {
        minimap(seen, &sight, area, buf, view.theme);
    }
}

/// The whole drawing in dots, what is in sight marked.
fn minimap(seen: &Seen, sight: &layered::Rect, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let (whole_x, whole_y) = (
        f64::from(seen.scene.width.max(1)),
        f64::from(seen.scene.height.max(1)),
    );
    // A dot is as high as wide when a row of cells counts twice a column.
    let unit = (whole_x / 36.0).max(2.0 * whole_y / 28.0);
    // It must not hide much of what it is a map of.
    let (most_columns, most_rows) = (area.width / 6, area.height / 5);
    let columns = (whole_x / unit / 2.0).ceil() as u16;
    let columns = columns.clamp(6, most_columns.clamp(6, 18));
    let rows = (2.0 * whole_y / unit / 4.0).ceil() as u16;
    let rows = rows.clamp(3, most_rows.clamp(3, 7));
    let frame = Rect {
        x: area.right().saturating_sub(columns + 2),
        y: area.bottom().saturating_sub(rows + 2),
        width: columns + 2,
        height: rows + 2,
    };
    let block = Block::new()
        .borders(Borders::ALL)
        .border_type(BorderType::Rounded)
        .border_style(theme[Role::Border]);
    let inner = block.inner(frame);
    Clear.render(frame, buf);
    buf.set_style(frame, theme[Role::Screen]);
    block.render(frame, buf);
    let (dots_x, dots_y) = (usize::from(columns) * 2, usize::from(rows) * 4);
    let boxes = boxes(seen, dots_x, dots_y);
    let filled = boxes.iter().filter(|dot| **dot).count();
    // Where dots are too large to show single boxes, they tell where the work is.
    let work = (filled * 4 > boxes.len() * 3).then(|| work(seen, dots_x, dots_y));
    let dots = match work.flatten() {
        Some(work) => {
            buf.set_string(frame.x + 2, frame.y, "MAC", theme[Role::Dim]);
            work
        }
        None => boxes,
    };
    for row in 0..rows {
        for column in 0..columns {
            let bit = |x: usize, y: usize| {
                u32::from(dots[(usize::from(row) * 4 + y) * dots_x + usize::from(column) * 2 + x])
            };
            let pattern = bit(0, 0)
                | bit(0, 1) << 1
                | bit(0, 2) << 2
                | bit(1, 0) << 3
                | bit(1, 1) << 4
                | bit(1, 2) << 5
                | bit(0, 3) << 6
                | bit(1, 3) << 7;
            let middle = (
                (f64::from(column) + 0.5) / f64::from(columns) * whole_x,
                (f64::from(row) + 0.5) / f64::from(rows) * whole_y,
            );
            let half = (
                whole_x / f64::from(columns) / 2.0,
                whole_y / f64::from(rows) / 2.0,
            );
            let seen = middle.0 + half.0 > f64::from(sight.x)
                && middle.0 - half.0 < f64::from(sight.right())
                && middle.1 + half.1 > f64::from(sight.y)
                && middle.1 - half.1 < f64::from(sight.bottom());
            let style = if seen {
                theme[Role::Accent].patch(theme[Role::SelectedDim])
            } else {
                theme[Role::Dim]
            };
            if let Some(cell) = buf.cell_mut((inner.x + column, inner.y + row)) {
                let letter = char::from_u32(0x2800 + pattern).unwrap_or(' ');
                cell.set_char(letter).set_style(style);
            }
        }
    }
}

/// Dots of the whole drawing, row by row, that lie on a box.
fn boxes(seen: &Seen, dots_x: usize, dots_y: usize) -> Vec<bool> {
    let (whole_x, whole_y) = (seen.scene.width.max(1), seen.scene.height.max(1));
    let across = |x: i32| dot(x, whole_x, dots_x);
    let down = |y: i32| dot(y, whole_y, dots_y);
    let mut dots = vec![false; dots_x * dots_y];
    for place in seen.scene.places.iter().filter(|p| !p.open) {
        let rect = &place.rect;
        let (left, right) = (across(rect.x), across(rect.right() - 1));
        for y in down(rect.y)..=down(rect.bottom() - 1) {
            dots[y * dots_x + left..=y * dots_x + right].fill(true);
        }
    }
    dots
}

/// A bar for each row of dots: its boxes' multiply-accumulates, against those of the heaviest row. `None` where nothing
/// is known of them.
fn work(seen: &Seen, dots_x: usize, dots_y: usize) -> Option<Vec<bool>> {
    let mut macs = vec![0_u64; dots_y];
    for place in seen.scene.places.iter().filter(|p| !p.open) {
        let row = dot(place.rect.middle().1, seen.scene.height.max(1), dots_y);
        macs[row] = macs[row].saturating_add(seen.cost(place.item).macs);
    }
    let most = macs.iter().copied().max().filter(|most| *most > 0)?;
    let mut dots = vec![false; dots_x * dots_y];
    for (row, macs) in dots.chunks_mut(dots_x).zip(macs) {
        let long = (macs as f64 / most as f64 * dots_x as f64).round() as usize;
        // The flow itself is one dot wide.
        row[..long.clamp(1, dots_x)].fill(true);
    }
    Some(dots)
}

/// Which of `dots` a cell of a drawing of `whole` cells falls on.
fn dot(at: i32, whole: i32, dots: usize) -> usize {
    let dot = (f64::from(at) / f64::from(whole) * dots as f64) as usize;
    dot.min(dots.saturating_sub(1))
}
