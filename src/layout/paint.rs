//! A part of a scene as characters, each with what it stands for. Only what is in sight is looked at closely.

use super::label::{cells, cells_of, cut_end};
use super::layered::Rect;
use super::scene::{Detail, Line, Place, Scene};
use super::scope::Item;

/// What a character is part of; numbers are indices into [`Scene::places`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ink {
    #[default]
    Blank,
    Edge,
    /// An edge of the chosen box.
    ChosenEdge,
    /// An edge that carries no data.
    Control,
    /// The shape of what flows along an edge.
    Shape,
    Border(usize),
    /// The stroke in the colour of the operator's family.
    Mark(usize),
    Head(usize),
    Tail(usize),
    Sub(usize),
    /// Inside a box, without a character.
    Inside(usize),
}

/// The letter of a cell that a wide character on its left covers.
pub const COVERED: char = '\0';

/// Characters of a rectangle of the scene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub cells: Vec<(char, Ink)>,
}

impl Picture {
    /// Rows without blanks at their ends.
    pub fn rows(&self) -> impl Iterator<Item = String> {
        self.cells.chunks(self.width.max(1)).map(|row| {
            let text: String = row
                .iter()
                .map(|(c, _)| *c)
                .filter(|c| *c != COVERED)
                .collect();
            text.trim_end().to_owned()
        })
    }
}

const UP: u8 = 1;
const RIGHT: u8 = 2;
const DOWN: u8 = 4;
const LEFT: u8 = 8;

/// Strokes by the sides they reach: up 1, right 2, down 4, left 8.
const LIGHT: [char; 16] = [
    ' ', '│', '─', '╰', '│', '│', '╭', '├', '─', '╯', '─', '┴', '╮', '┤', '┬', '┼',
];
const HEAVY: [char; 16] = [
    ' ', '┃', '━', '┗', '┃', '┃', '┏', '┣', '━', '┛', '━', '┻', '┓', '┫', '┳', '╋',
];

/// Strokes of edges in a cell.
#[derive(Clone, Copy, Default)]
struct Stroke {
    sides: u8,
    net: u32,
    chosen: bool,
    back: bool,
    control: bool,
}

struct Painter<'a> {
    scene: &'a Scene,
    sight: Rect,
    strokes: Vec<Stroke>,
    picture: Picture,
}

/// Paints the part of the scene in `sight`; edges to and from `chosen` are heavy.
pub fn paint(scene: &Scene, sight: Rect, chosen: Option<Item>) -> Picture {
    let (width, height) = (sight.width.max(0) as usize, sight.height.max(0) as usize);
    let mut painter = Painter {
        scene,
        sight,
        strokes: vec![Stroke::default(); width * height],
        picture: Picture {
            width,
            height,
            cells: vec![(' ', Ink::Blank); width * height],
        },
    };
    let is_chosen = |line: &Line| chosen.is_some_and(|c| line.from == c || line.to.contains(&c));
    let visible: Vec<&Line> = scene
        .lines_in(sight.y, sight.bottom())
        .into_iter()
        .filter(|line| extent(line).is_some_and(|r| r.meets(&sight)))
        .collect();
    let (heavy, light): (Vec<&Line>, Vec<&Line>) =
        visible.into_iter().partition(|line| is_chosen(line));
    light.into_iter().for_each(|line| painter.line(line, false));
    heavy.into_iter().for_each(|line| painter.line(line, true));
    painter.edges();
    for (index, place) in scene.places_in(sight.y, sight.bottom()) {
        if place.rect.meets(&sight) {
            painter.place(index, place);
        }
    }
    let lines = scene.lines.iter().filter(|line| !line.says.is_empty());
    for line in lines.filter(|line| extent(line).is_some_and(|r| r.meets(&sight))) {
        painter.shape(line);
    }
    painter.picture
}

/// The rectangle that an edge spans.
fn extent(line: &Line) -> Option<Rect> {
    let xs = || line.points.iter().map(|p| p.0);
    let ys = || line.points.iter().map(|p| p.1);
    let (x, y) = (xs().min()?, ys().min()?);
    Some(Rect {
        x,
        y,
        width: xs().max()? - x + 1,
        height: ys().max()? - y + 1,
    })
}

impl Painter<'_> {
    fn index(&self, x: i32, y: i32) -> Option<usize> {
        let (x, y) = (x - self.sight.x, y - self.sight.y);
        let inside = x >= 0 && y >= 0 && x < self.sight.width && y < self.sight.height;
        inside.then(|| y as usize * self.picture.width + x as usize)
    }

    fn put(&mut self, x: i32, y: i32, letter: char, ink: Ink) {
        if let Some(at) = self.index(x, y) {
            self.picture.cells[at] = (letter, ink);
        }
    }

    /// Puts as much of `text` as `room` has; the column after it.
    fn write(&mut self, x: i32, y: i32, text: &str, room: i32, ink: Ink) -> i32 {
        let mut at = x;
        for letter in text.chars() {
            // Marks on the letter before have no cell of their own.
            let wide = cells_of(letter) as i32;
            if at + wide > x + room {
                break;
            }
            // Half a character at the edge of the sight can't be drawn.
            let whole =
                wide < 2 || (self.index(at, y).is_some() && self.index(at + 1, y).is_some());
            for cell in 0..wide {
                let letter = match (whole, cell) {
                    (true, 0) => letter,
                    (true, _) => COVERED,
                    (false, _) => ' ',
                };
                self.put(at + cell, y, letter, ink);
            }
            at += wide;
        }
        at
    }

    fn line(&mut self, line: &Line, chosen: bool) {
        for (at, pair) in line.points.windows(2).enumerate() {
            let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
            let (first, last) = (at == 0, at + 2 == line.points.len());
            if x1 == x2 {
                let (top, bottom) = (y1.min(y2), y1.max(y2));
                let from = top.max(self.sight.y);
                let to = bottom.min(self.sight.bottom() - 1);
                for y in from..=to {
                    let mut sides = 0;
                    if y > top {
                        sides |= UP;
                    }
                    if y < bottom {
                        sides |= DOWN;
                    }
                    // Through a frame the stroke goes on on the other side.
                    if (y == y1 && first && !line.begins) || (y == y2 && last && !line.ends) {
                        sides |= UP | DOWN;
                    }
                    self.stroke(x1, y, sides, line, chosen);
                }
            } else {
                let (left, right) = (x1.min(x2), x1.max(x2));
                let from = left.max(self.sight.x);
                let to = right.min(self.sight.right() - 1);
                for x in from..=to {
                    let mut sides = 0;
                    if x > left {
                        sides |= LEFT;
                    }
                    if x < right {
                        sides |= RIGHT;
                    }
                    self.stroke(x, y1, sides, line, chosen);
                }
            }
        }
    }

    /// Strokes of one net join; those of two nets cross, with the vertical one, or the chosen one, on top.
    fn stroke(&mut self, x: i32, y: i32, sides: u8, line: &Line, chosen: bool) {
        let Some(at) = self.index(x, y) else { return };
        let old = self.strokes[at];
        let crosses = |a: u8, b: u8| a == UP | DOWN && b == LEFT | RIGHT;
        let other = old.sides != 0 && old.net != line.net;
        let sides = match other {
            true if chosen && (crosses(sides, old.sides) || crosses(old.sides, sides)) => sides,
            true if crosses(old.sides, sides) => return,
            true if crosses(sides, old.sides) => sides,
            _ => old.sides | sides,
        };
        let joined = old.sides != 0 && !other;
        self.strokes[at] = Stroke {
            sides,
            net: line.net,
            chosen: chosen || (old.chosen && !other),
            back: line.back,
            control: line.control && (!joined || old.control),
        };
    }

    /// Writes what flows along an edge beside its first or last upright stroke, if there is room.
    fn shape(&mut self, line: &Line) {
        let ends = match (line.says_first, line.points.as_slice()) {
            (_, _) if line.back => return,
            (true, [first, second, ..]) => (first, second),
            (false, [.., second, last]) => (last, second),
            _ => return,
        };
        let ((x, from), (other, to)) = (*ends.0, *ends.1);
        if x != other {
            return;
        }
        let wide = cells(&line.says) as i32;
        let rows: Vec<i32> = match from < to {
            true => (from + 1..=to).collect(),
            false => (to..from).rev().collect(),
        };
        for y in rows {
            for at in [x + 2, x - 1 - wide] {
                // A blank on both sides keeps it apart from other edges.
                let free = (at - 1..=at + wide).filter(|c| *c != x).all(|c| {
                    let cell = self.index(c, y).map(|i| self.picture.cells[i]);
                    matches!(cell, Some((' ', Ink::Blank)))
                });
                if free {
                    self.write(at, y, &line.says, wide, Ink::Shape);
                    return;
                }
            }
        }
    }

    fn edges(&mut self) {
        for (cell, stroke) in self.picture.cells.iter_mut().zip(&self.strokes) {
            if stroke.sides == 0 {
                continue;
            }
            let set = if stroke.chosen { &HEAVY } else { &LIGHT };
            let letter = match (stroke.back || stroke.control, stroke.sides) {
                (true, 5) => '┊',
                (true, 10) => '╌',
                (_, sides) => set[sides as usize & 15],
            };
            let ink = match (stroke.chosen, stroke.control) {
                (true, _) => Ink::ChosenEdge,
                (false, true) => Ink::Control,
                (false, false) => Ink::Edge,
            };
            *cell = (letter, ink);
        }
    }

    fn place(&mut self, index: usize, place: &Place) {
        match self.scene.detail {
            _ if place.open => self.frame(index, place),
            Detail::Dot => {
                let letter = match place.item {
                    Item::Scope(_) => '◆',
                    Item::Node(_) => '●',
                    Item::Input(_) | Item::Output(_) => '○',
                };
                self.put(place.rect.x, place.rect.y, letter, Ink::Mark(index));
            }
            Detail::Line => {
                let row = place.rect.y;
                self.fill(place.rect, index);
                self.text(index, place, place.rect.x, row, place.rect.width);
            }
            Detail::Full | Detail::Box => {
                let rect = place.rect;
                self.fill(rect, index);
                self.border(rect, index);
                self.text(index, place, rect.x + 1, rect.y + 1, rect.width - 2);
                if self.scene.detail == Detail::Full {
                    self.put(rect.x + 1, rect.y + 2, '▌', Ink::Mark(index));
                    self.write(
                        rect.x + 2,
                        rect.y + 2,
                        &place.label.sub,
                        rect.width - 3,
                        Ink::Sub(index),
                    );
                }
            }
        }
    }

    fn fill(&mut self, rect: Rect, index: usize) {
        for y in rect.y.max(self.sight.y)..rect.bottom().min(self.sight.bottom()) {
            for x in rect.x.max(self.sight.x)..rect.right().min(self.sight.right()) {
                self.put(x, y, ' ', Ink::Inside(index));
            }
        }
    }

    /// The line of a box: the family's stroke, a scope's triangle, head and tail.
    fn text(&mut self, index: usize, place: &Place, x: i32, y: i32, room: i32) {
        self.put(x, y, '▌', Ink::Mark(index));
        let end = x + room;
        let mut at = x + 1;
        if matches!(place.item, Item::Scope(_)) {
            at = self.write(at, y, "▸ ", end - at, Ink::Mark(index));
        }
        at = self.write(at, y, &place.label.head, end - at, Ink::Head(index));
        self.write(at + 1, y, &place.label.tail, end - at - 1, Ink::Tail(index));
    }

    fn border(&mut self, rect: Rect, index: usize) {
        let (right, bottom) = (rect.right() - 1, rect.bottom() - 1);
        for x in rect.x.max(self.sight.x)..=right.min(self.sight.right() - 1) {
            for y in [rect.y, bottom] {
                let corner = match (x == rect.x, x == right, y == rect.y) {
                    (true, _, true) => RIGHT | DOWN,
                    (_, true, true) => LEFT | DOWN,
                    (true, _, false) => RIGHT | UP,
                    (_, true, false) => LEFT | UP,
                    _ => LEFT | RIGHT,
                };
                self.border_cell(x, y, corner, index);
            }
        }
        for y in (rect.y + 1).max(self.sight.y)..bottom.min(self.sight.bottom()) {
            for x in [rect.x, right] {
                self.border_cell(x, y, UP | DOWN, index);
            }
        }
    }

    /// A cell of a border, joined with the edges that end in it.
    fn border_cell(&mut self, x: i32, y: i32, sides: u8, index: usize) {
        let Some(at) = self.index(x, y) else { return };
        let stroke = self.strokes[at];
        let letter = match (stroke.chosen, sides, stroke.sides) {
            // A light border, joined by a heavy edge.
            (true, 10, UP) => '┸',
            (true, 10, DOWN) => '┰',
            (true, 10, 5) => '╂',
            _ => LIGHT[(sides | stroke.sides) as usize & 15],
        };
        self.picture.cells[at] = (letter, Ink::Border(index));
    }

    fn frame(&mut self, index: usize, place: &Place) {
        let rect = place.rect;
        self.border(rect, index);
        let passes = |x: i32| {
            let at = self.index(x, rect.y);
            at.is_some_and(|at| self.strokes[at].sides & (UP | DOWN) != 0)
        };
        let mut ends: Vec<i32> = (rect.x + 1..rect.right() - 1)
            .filter(|x| passes(*x))
            .collect();
        ends.push(rect.right() - 1);
        // The title stands in the first piece of the border that has room, else in the widest: edges may pass anywhere.
        let title = format!(" ▾ {} ", place.label.head);
        let needed = cells(&title) as i32;
        let mut pieces: Vec<(i32, i32)> = Vec::new();
        let mut from = rect.x;
        for end in ends {
            pieces.push((from, end - from));
            from = end;
        }
        let first = pieces.iter().find(|p| p.1 > needed);
        let widest = pieces.iter().rev().max_by_key(|p| p.1);
        let free = first.or(widest).copied().unwrap_or((rect.x, 0));
        let (x, room) = (free.0 + 1, free.1 - 1);
        let title = cut_end(&title, room.max(0) as usize);
        let at = self.write(x, rect.y, &title, room, Ink::Head(index));
        let tail = format!("{} ", place.label.tail);
        if (cells(&tail) as i32) < room - (at - x) {
            self.write(at, rect.y, &tail, room, Ink::Tail(index));
        }
    }
}
