//! What a detector saw, drawn over the image it was given.

use super::drawn;
use crate::feed::{Detection, Detections, Image};
use crate::model::Tensor;
use crate::tui::term::{Buffer, Line, Modifier, Rect, Span, Style, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::hues::Hues;
use crate::tui::widgets::image::{self, Frame};
use crate::tui::widgets::{put, put_cut};

/// Detections and the image that they are of.
pub struct Detector {
    detections: Detections,
    image: Option<Image>,
}

/// Columns of a label at most.
const LABEL: usize = 24;

impl Detector {
    /// The image is the input that reads most like one.
    pub fn new(detections: Detections, inputs: &[(String, Tensor)]) -> Detector {
        let images = inputs.iter().filter_map(|(_, tensor)| Image::of(tensor));
        Detector {
            detections,
            image: images.max_by_key(|p| (p.likely, p.of.0 * p.of.1)),
        }
    }

    /// `detections  3 of 25 score ≥ 0.3`
    pub fn title(&self) -> String {
        let (certain, all) = (self.detections.sure(), self.detections.found.len());
        format!("detections  {certain} of {all} score ≥ 0.3")
    }

    /// Height and width of what the boxes lie over.
    pub fn extent(&self) -> (usize, usize) {
        match &self.image {
            Some(image) => (image.height, image.width),
            None => (512, 512),
        }
    }

    /// Rows of the list.
    pub fn rows(&self) -> u16 {
        self.detections.found.len().min(40) as u16 + 1
    }

    /// Height and width that are 1 to the edges of the boxes.
    fn whole(&self) -> (f64, f64) {
        match (&self.image, self.detections.in_pixels) {
            (_, false) => (1.0, 1.0),
            (Some(image), true) => (image.of.0 as f64, image.of.1 as f64),
            (None, true) => {
                let edges = self.detections.found.iter().flat_map(|d| d.edges);
                let farthest = edges.fold(1.0, f64::max);
                (farthest, farthest)
            }
        }
    }

    /// The boxes over the image, and which they are.
    pub fn render(&self, area: Rect, labels: Option<&[String]>, buf: &mut Buffer, theme: &Theme) {
        let hues = Hues::of(theme);
        let shown = self.detections.certain();
        let label =
            |d: &Detection| text::fit(&text::clean(&self.detections.label(d.class, labels)), LABEL);
        let wide = shown.iter().map(|d| width(&label(d))).max().unwrap_or(0);
        let mut notes: Vec<Line> = shown
            .iter()
            .map(|d| {
                Line::from(vec![
                    Span::styled("■ ", hues.thing(d.class)),
                    Span::styled(text::left(&label(d), wide), theme[Role::Text]),
                    Span::styled(format!("  {:.2}", d.score), theme[Role::Number]),
                ])
            })
            .collect();
        if notes.is_empty() {
            notes.push(Line::styled("nothing seen", theme[Role::Dim]));
        }
        let Some(frame) = drawn::place(area, self.extent(), &notes, buf, theme) else {
            return;
        };
        match &self.image {
            Some(image) => image::image(&frame, image, buf, theme),
            None => outline(frame.area, theme[Role::Border], buf),
        }
        for d in shown.iter().rev() {
            outline(self.place(d, &frame), hues.thing(d.class), buf);
        }
        // The surest over the others.
        for d in shown.iter().rev() {
            let words = [
                format!(" {} {:.2} ", label(d), d.score),
                format!(" {} ", label(d)),
            ];
            let style = tag(hues.thing(d.class), theme);
            name(self.place(d, &frame), words, style, buf);
        }
    }

    /// The characters that a box covers, one at least.
    fn place(&self, d: &Detection, frame: &Frame) -> Rect {
        let (high, wide) = self.whole();
        let span = |from: f64, to: f64, size: u16| {
            let size = f64::from(size);
            let begin = (from * size).floor().clamp(0.0, size - 1.0);
            let end = (to * size).ceil().clamp(begin + 1.0, size);
            (begin as u16, (end - begin) as u16)
        };
        let [top, left, bottom, right] = d.edges;
        let (y, height) = span(top / high, bottom / high, frame.area.height);
        let (x, width) = span(left / wide, right / wide, frame.area.width);
        Rect {
            x: frame.area.x + x,
            y: frame.area.y + y,
            width,
            height,
        }
    }

    /// Every detection as numbers.
    pub fn list(&self, area: Rect, labels: Option<&[String]>, buf: &mut Buffer, theme: &Theme) {
        let found = &self.detections.found;
        let label =
            |d: &Detection| text::fit(&text::clean(&self.detections.label(d.class, labels)), LABEL);
        let wide = found
            .iter()
            .map(|d| width(&label(d)))
            .max()
            .unwrap_or(0)
            .max(5);
        // Digits behind the point, and columns from an edge to the one across.
        let (digits, across) = match usize::from(area.width) < wide + 35 {
            true => (2, 11),
            false => (3, 14),
        };
        let head = format!(
            "{}  score  {}x",
            text::left("class", wide),
            text::left("y", across)
        );
        put_cut(area, 0, Line::styled(head, theme[Role::Column]), buf);
        for (at, d) in found.iter().take(area.height.into()).enumerate() {
            let edge = |v: f64| match self.detections.in_pixels {
                true => format!("{v:.0}"),
                false => format!("{v:.digits$}"),
            };
            let span = |from, to| text::left(&format!("{}…{}", edge(from), edge(to)), across);
            let [top, left, bottom, right] = d.edges;
            let line = Line::from(vec![
                Span::styled(text::left(&label(d), wide), theme[Role::Text]),
                Span::styled(format!("{:7.3}  ", d.score), theme[Role::Number]),
                Span::styled(span(top, bottom) + &span(left, right), theme[Role::Dim]),
            ]);
            put_cut(area, at as u16 + 1, line, buf);
        }
        if found.is_empty() {
            put(area, 1, Line::styled("nothing seen", theme[Role::Dim]), buf);
        }
    }
}

/// Words on a ground of the box's hue.
fn tag(hue: Style, theme: &Theme) -> Style {
    match (hue.fg, theme[Role::Screen].bg) {
        (Some(hue), Some(ground)) => Style::new().fg(ground).bg(hue),
        _ => hue.add_modifier(Modifier::REVERSED),
    }
}

/// Words in the upper edge of a box, as many as it has room for. Without room for any the list beside tells.
fn name<const N: usize>(place: Rect, words: [String; N], style: Style, buf: &mut Buffer) {
    /// Columns below which a cut word tells nothing.
    const LEAST: usize = 8;
    let room = usize::from(place.width.saturating_sub(2));
    let words = text::fitting(words, room);
    if width(&words) <= room || room >= LEAST {
        buf.set_string(place.x + 1, place.y, text::fit(&words, room), style);
    }
}

/// The border of a box over what is drawn already. What is too small for a border is a line.
fn outline(place: Rect, hue: Style, buf: &mut Buffer) {
    let Rect {
        x,
        y,
        width: wide,
        height: high,
    } = place;
    let mut set = |x: u16, y: u16, letter: &str| {
        if let Some(cell) = buf.cell_mut((x, y)) {
            cell.set_symbol(letter).set_style(hue);
        }
    };
    if wide < 2 || high < 2 {
        for at in 0..wide.max(high) {
            let along = if wide > high {
                (x + at, y)
            } else {
                (x, y + at)
            };
            set(along.0, along.1, if wide > high { "━" } else { "┃" });
        }
    } else {
        let (right, bottom) = (x + wide - 1, y + high - 1);
        for at in x + 1..right {
            set(at, y, "━");
            set(at, bottom, "━");
        }
        for at in y + 1..bottom {
            set(x, at, "┃");
            set(right, at, "┃");
        }
        let corners = [
            (x, y, "┏"),
            (right, y, "┓"),
            (x, bottom, "┗"),
            (right, bottom, "┛"),
        ];
        for (x, y, letter) in corners {
            set(x, y, letter);
        }
    }
}
