//! The whole drawing small in a corner of the map.

use crate::layout::layered;
use crate::layout::scene::Scene;
use crate::layout::scope::Item;
use crate::tui::term::{Block, BorderType, Borders, Buffer, Clear, Rect, Widget};
use crate::tui::theme::{Role, Theme};

/// Where the minimap stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Corner {
    #[default]
    BottomRight,
    TopRight,
    BottomLeft,
    TopLeft,
}

impl Corner {
    const ALL: [Corner; 4] = [
        Corner::BottomRight,
        Corner::TopRight,
        Corner::BottomLeft,
        Corner::TopLeft,
    ];

    /// Where something of this size begins in a window, both in columns and rows.
    fn begin(self, window: (i32, i32), size: (i32, i32)) -> (i32, i32) {
        let (right, bottom) = (window.0 - size.0, window.1 - size.1);
        match self {
            Corner::BottomRight => (right, bottom),
            Corner::TopRight => (right, 0),
            Corner::BottomLeft => (0, bottom),
            Corner::TopLeft => (0, 0),
        }
    }
}

/// Columns and rows with the frame; `None` for a drawing that is all in sight, or where there is no room.
pub fn size(scene: &Scene, area: Rect) -> Option<(u16, u16)> {
    let (width, height) = (i32::from(area.width), i32::from(area.height));
    let large = scene.width > width || scene.height > height;
    if !large || area.width < 50 || area.height < 14 {
        return None;
    }
    let (whole_x, whole_y) = whole(scene);
    // A dot is as high as wide when a row of cells counts twice a column.
    let unit = (whole_x / 36.0).max(2.0 * whole_y / 28.0);
    // It must not hide much of what it is a map of.
    let (most_columns, most_rows) = (area.width / 6, area.height / 5);
    let columns = (whole_x / unit / 2.0).ceil() as u16;
    let columns = columns.clamp(6, most_columns.clamp(6, 18));
    let rows = (2.0 * whole_y / unit / 4.0).ceil() as u16;
    let rows = rows.clamp(3, most_rows.clamp(3, 7));
    Some((columns + 2, rows + 2))
}

fn whole(scene: &Scene) -> (f64, f64) {
    (
        f64::from(scene.width.max(1)),
        f64::from(scene.height.max(1)),
    )
}

/// A minimap's corner and size.
pub struct Frame {
    pub corner: Corner,
    size: (u16, u16),
}

impl Frame {
    /// In the corner where it stood, as long as that hides no box; else where it hides least of them.
    pub fn place(
        scene: &Scene,
        sight: &layered::Rect,
        chosen: Option<Item>,
        size: (u16, u16),
        before: Corner,
    ) -> Frame {
        let hides = |corner: &Corner| hidden(scene, sight, chosen, size, *corner);
        let corner = match hides(&before) {
            0 => before,
            // Of equal ones the first, and the one where it stood before all others.
            _ => std::iter::once(before)
                .chain(Corner::ALL)
                .min_by_key(hides)
                .unwrap_or_default(),
        };
        Frame { corner, size }
    }

    pub fn on(&self, area: Rect) -> Rect {
        let (width, height) = self.size;
        let window = (i32::from(area.width), i32::from(area.height));
        let (x, y) = self.corner.begin(window, (width.into(), height.into()));
        Rect {
            x: area.x.saturating_add_signed(x as i16),
            y: area.y.saturating_add_signed(y as i16),
            width,
            height,
        }
    }
}

/// How many cells of boxes a minimap in a corner hides; the chosen box counts more than all others.
fn hidden(
    scene: &Scene,
    sight: &layered::Rect,
    chosen: Option<Item>,
    (width, height): (u16, u16),
    corner: Corner,
) -> i64 {
    let (width, height) = (i32::from(width), i32::from(height));
    let (x, y) = corner.begin((sight.width, sight.height), (width, height));
    let (x, y) = (sight.x + x, sight.y + y);
    let boxes = scene.places.iter().filter(|place| !place.open);
    let cells = boxes.map(|place| {
        let rect = &place.rect;
        let across = (x + width).min(rect.right()) - x.max(rect.x);
        let down = (y + height).min(rect.bottom()) - y.max(rect.y);
        let weight = if chosen == Some(place.item) {
            1_000_000
        } else {
            1
        };
        i64::from(across.max(0)) * i64::from(down.max(0)) * weight
    });
    cells.sum()
}

/// The whole drawing in dots, what is in `sight` marked. `macs` are the multiply-accumulates of a box.
pub fn render(
    scene: &Scene,
    macs: impl Fn(Item) -> u64,
    sight: &layered::Rect,
    frame: Rect,
    buf: &mut Buffer,
    theme: &Theme,
) {
    let block = Block::new()
        .borders(Borders::ALL)
        .border_type(BorderType::Rounded)
        .border_style(theme[Role::Border]);
    let inner = block.inner(frame);
    Clear.render(frame, buf);
    buf.set_style(frame, theme[Role::Screen]);
    block.render(frame, buf);
    let (columns, rows) = (inner.width, inner.height);
    let (dots_x, dots_y) = (usize::from(columns) * 2, usize::from(rows) * 4);
    let boxes = boxes(scene, dots_x, dots_y);
    let filled = boxes.iter().filter(|dot| **dot).count();
    // Where dots are too large to show single boxes, they tell where the work is.
    let work = (filled * 4 > boxes.len() * 3).then(|| work(scene, macs, dots_x, dots_y));
    let dots = match work.flatten() {
        Some(work) => {
            buf.set_string(frame.x + 2, frame.y, "MAC", theme[Role::Dim]);
            work
        }
        None => boxes,
    };
    for row in 0..rows {
        for column in 0..columns {
            let style = match is_seen(scene, sight, (column, columns), (row, rows)) {
                true => theme[Role::Accent].patch(theme[Role::SelectedDim]),
                false => theme[Role::Dim],
            };
            if let Some(cell) = buf.cell_mut((inner.x + column, inner.y + row)) {
                let letter = braille(&dots, dots_x, (column, row));
                cell.set_char(letter).set_style(style);
            }
        }
    }
}

/// Whether what a cell of so many stands for is in sight.
fn is_seen(
    scene: &Scene,
    sight: &layered::Rect,
    (column, columns): (u16, u16),
    (row, rows): (u16, u16),
) -> bool {
    let (whole_x, whole_y) = whole(scene);
    let from = |at: u16, cells: u16, whole: f64| f64::from(at) / f64::from(cells) * whole;
    from(column + 1, columns, whole_x) > f64::from(sight.x)
        && from(column, columns, whole_x) < f64::from(sight.right())
        && from(row + 1, rows, whole_y) > f64::from(sight.y)
        && from(row, rows, whole_y) < f64::from(sight.bottom())
}

/// The letter for two by four dots.
fn braille(dots: &[bool], dots_x: usize, (column, row): (u16, u16)) -> char {
    let bit = |x: usize, y: usize| {
        let at = (usize::from(row) * 4 + y) * dots_x + usize::from(column) * 2 + x;
        u32::from(dots.get(at).copied().unwrap_or(false))
    };
    let pattern = bit(0, 0)
        | bit(0, 1) << 1
        | bit(0, 2) << 2
        | bit(1, 0) << 3
        | bit(1, 1) << 4
        | bit(1, 2) << 5
        | bit(0, 3) << 6
        | bit(1, 3) << 7;
    char::from_u32(0x2800 + pattern).unwrap_or(' ')
}

/// Dots of the whole drawing, row by row, that lie on a box.
fn boxes(scene: &Scene, dots_x: usize, dots_y: usize) -> Vec<bool> {
    let (whole_x, whole_y) = (scene.width.max(1), scene.height.max(1));
    let across = |x: i32| dot(x, whole_x, dots_x);
    let down = |y: i32| dot(y, whole_y, dots_y);
    let mut dots = vec![false; dots_x * dots_y];
    for place in scene.places.iter().filter(|p| !p.open) {
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
fn work(
    scene: &Scene,
    macs_of: impl Fn(Item) -> u64,
    dots_x: usize,
    dots_y: usize,
) -> Option<Vec<bool>> {
    let mut macs = vec![0_u64; dots_y];
    for place in scene.places.iter().filter(|p| !p.open) {
        let row = dot(place.rect.middle().1, scene.height.max(1), dots_y);
        macs[row] = macs[row].saturating_add(macs_of(place.item));
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

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::layout::scene::{Detail, build};
    use crate::layout::scope::{Hierarchy, Open};
    use crate::layout::testing::graph;

    /// A chain of `rows` steps, each of `across` operators that take the one before and come together.
    fn drawing(across: usize, rows: usize) -> Scene {
        let mut nodes: Vec<(String, &str, Vec<String>)> = Vec::new();
        let mut last = "x".to_owned();
        for row in 0..rows {
            let names: Vec<String> = (0..across).map(|at| format!("n{row}_{at}")).collect();
            // No two rows alike: equal ones would be one box.
            let ops = ["Relu", "Elu", "Selu", "Softmax", "Sigmoid", "Tanh", "Erf"];
            for (at, name) in names.iter().enumerate() {
                let op = ops[(row * row + at * at) % ops.len()];
                nodes.push((name.clone(), op, vec![last.clone()]));
            }
            last = format!("join{row}");
            nodes.push((last.clone(), "AddN", names));
        }
        let takes: Vec<Vec<&str>> = nodes
            .iter()
            .map(|(_, _, takes)| takes.iter().map(String::as_str).collect())
            .collect();
        let nodes: Vec<(&str, &str, &[&str])> = nodes
            .iter()
            .zip(&takes)
            .map(|((name, op, _), takes)| (name.as_str(), *op, takes.as_slice()))
            .collect();
        let graph = graph(&["x"], &nodes);
        let hierarchy = Hierarchy::new(&graph, &[], false);
        build(&graph, &hierarchy, &Open::default(), Detail::Box)
    }

    const WINDOW: Rect = Rect {
        x: 0,
        y: 0,
        width: 100,
        height: 30,
    };

    fn sight(x: i32, y: i32) -> layered::Rect {
        layered::Rect {
            x,
            y,
            width: WINDOW.width.into(),
            height: WINDOW.height.into(),
        }
    }

    /// What is drawn; cells in sight are followed by a `'`.
    fn drawn(scene: &Scene, sight: &layered::Rect, macs: impl Fn(Item) -> u64) -> String {
        let (width, height) = size(scene, WINDOW).unwrap();
        let frame = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(frame);
        let theme = Theme::named("dark", None).unwrap();
        render(scene, macs, sight, frame, &mut buf, &theme);
        let lit = theme[Role::SelectedDim].bg;
        let row = |y: u16| -> String {
            let cells = (0..width).map(|x| &buf[(x, y)]);
            let text = cells.map(|cell| {
                let mark = if cell.style().bg == lit { "'" } else { "" };
                format!("{}{mark}", cell.symbol())
            });
            text.collect()
        };
        (0..height).map(row).collect::<Vec<_>>().join("\n")
    }

    /// Where it stands in a window on the drawing, with this box chosen.
    fn corner(scene: &Scene, at: (i32, i32), chosen: Option<Item>, before: Corner) -> Corner {
        let size = size(scene, WINDOW).unwrap();
        Frame::place(scene, &sight(at.0, at.1), chosen, size, before).corner
    }

    #[test]
    fn a_tall_drawing_is_a_column_of_dots() {
        let tall = drawing(2, 12);
        assert_snapshot!(drawn(&tall, &sight(0, 20), |_| 0), @r"
        ╭──────╮
        │⢸⣿⣿⣿⣿⡇│
        │⠿'⢿'⣿'⣿'⡿'⠧'│
        │⠭'⢽'⣷'⣿'⡯'⠍'│
        │⢸⣿⣿⣿⣿⡇│
        │⣾⣿⣿⣿⣿⣇│
        │⠛⠻⣯⣿⠟⠛│
        ╰──────╯
        ");
    }

    #[test]
    fn where_boxes_fill_it_the_dots_tell_where_the_work_is() {
        let tall = drawing(2, 12);
        assert_snapshot!(drawn(&tall, &sight(0, 0), |_| 1), @r"
        ╭─MAC──╮
        │⣿'⣿'⣒'⣒'⣀'⣀'│
        │⣿'⣿'⠭'⠭'⠀'⠀'│
        │⣿⣿⠭⠭⠀⠀│
        │⣿⣿⠭⠭⠀⠀│
        │⣿⣿⣛⣛⠒⠒│
        │⣿⣿⠒⠒⠀⠀│
        ╰──────╯
        ");
    }

    #[test]
    fn a_wide_drawing_is_a_row_of_dots() {
        let wide = drawing(16, 2);
        assert_snapshot!(drawn(&wide, &sight(wide.width - 100, 0), |_| 1), @r"
        ╭────────────────╮
        │⠒⠒⠒⠒⠒⠒⠒⠛⠒⠒⠒'⠒'⠒'⠒'⠒'⠒'│
        │⠤⠤⠤⠤⠤⠤⠼⠿⠿⠤⠤'⠤'⠤'⠤'⠤'⠤'│
        │⠀⠀⠀⠀⠀⠀⠰⣶⠶⠀⠀'⠀'⠀'⠀'⠀'⠀'│
        ╰────────────────╯
        ");
    }

    #[test]
    fn what_is_all_in_sight_needs_none() {
        assert_eq!(size(&drawing(1, 1), WINDOW), None);
        assert_eq!(size(&Scene::default(), WINDOW), None);
        let narrow = Rect {
            width: 49,
            ..WINDOW
        };
        assert_eq!(size(&drawing(1, 40), narrow), None);
    }

    #[test]
    fn it_moves_only_to_hide_less() {
        let tall = drawing(1, 40);
        let beside = -(100 - tall.width) / 2;
        for before in Corner::ALL {
            assert_eq!(corner(&tall, (beside, 0), None, before), before);
        }
        // The drawing at the right end of the window.
        let end = tall.width - 100;
        let moved = corner(&tall, (end, 9), None, Corner::BottomRight);
        assert_eq!(moved, Corner::BottomLeft);
        // The chosen box counts more than any other.
        let wide = drawing(16, 8);
        for place in wide.places.iter().filter(|place| !place.open) {
            let at = (place.rect.x - 80, place.rect.y - 25);
            let (size, sight) = (size(&wide, WINDOW).unwrap(), sight(at.0, at.1));
            let found = corner(&wide, at, Some(place.item), Corner::BottomRight);
            assert!(hidden(&wide, &sight, Some(place.item), size, found) < 1_000_000);
        }
    }
}
