//! The map: a canvas that pans, with the whole drawing small in a corner ([`minimap`]).

use std::cell::Cell;

use super::lit::Lit;
use super::minimap::{self, Corner};
use super::overlay::Overlay;
use super::seen::Seen;
use crate::layout::layered;
use crate::layout::paint::paint;
use crate::layout::scene::Place;
use crate::layout::scope::Item;
use crate::model::{DType, Graph};
use crate::tui::panes::View;
use crate::tui::term::{Buffer, Rect, Style};
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::canvas::{self, Look};

/// Where the window on the drawing is; what the last frame leaves behind for keys and mouse.
#[derive(Debug, Default)]
pub struct Window {
    /// Column and row of the drawing in the upper left corner.
    pub pan: Cell<(i32, i32)>,
    pub area: Cell<Rect>,
    pub follow: Cell<Follow>,
    corner: Cell<Corner>,
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
        // Beside the drawing, or beyond its right end, is room for the minimap.
        let beside = minimap::size(&seen.scene, area).map_or(0, |(columns, _)| columns);
        self.pan.set((
            bound(x, width, seen.scene.width, i32::from(beside)),
            bound(y, height, seen.scene.height, 0),
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

/// A small drawing stands in the middle, farther left if that leaves `beside` cells free; a large one is left by no
/// more than a margin, at its end by that many cells.
fn bound(at: i32, size: i32, whole: i32, beside: i32) -> i32 {
    const MARGIN: i32 = 2;
    let free = size - whole;
    match free >= beside {
        _ if free < 0 => at.clamp(-MARGIN, MARGIN.max(beside) - free),
        true => -(free / 2).min(free - beside),
        false => -free / 2,
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
            bytes => theme.heat(share(bytes, seen.known.costs.total.bytes)),
        },
        Overlay::Macs => match seen.cost(place.item).macs {
            0 => theme[Role::Dim],
            macs => theme.heat(share(macs, seen.known.costs.total.macs)),
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
    if let Some(size) = minimap::size(&seen.scene, area) {
        let frame =
            minimap::Frame::place(&seen.scene, &sight, shown.chosen, size, window.corner.get());
        window.corner.set(frame.corner);
        let macs = |item| seen.cost(item).macs;
        minimap::render(&seen.scene, macs, &sight, frame.on(area), buf, view.theme);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_leaves_room_beside_it_where_there_is_some() {
        // In the middle where that does.
        assert_eq!(bound(7, 100, 60, 12), -20);
        // Farther left, to its very end.
        assert_eq!(bound(7, 100, 80, 12), -8);
        assert_eq!(bound(7, 100, 88, 12), 0);
        // No room either way: in the middle again.
        assert_eq!(bound(7, 100, 94, 12), -3);
        assert_eq!(bound(7, 100, 100, 12), 0);
        // A large one can be moved until its end is beside.
        assert_eq!(bound(-50, 100, 300, 12), -2);
        assert_eq!(bound(900, 100, 300, 12), 212);
        assert_eq!(bound(900, 100, 300, 0), 202);
    }
}
