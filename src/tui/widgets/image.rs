//! Images and maps of classes in half blocks: two pixels a character.

use super::hues::Hues;
use crate::feed::{ClassMap, Image};
use crate::tui::term::{Buffer, Color, Rect, Style};
use crate::tui::theme::Theme;

/// Where an image is drawn, and how large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The characters that it takes.
    pub area: Rect,
    /// Pixels that are drawn.
    pub height: usize,
    pub width: usize,
}

impl Frame {
    /// An image of `height` × `width` in the upper left of `room`: as large as fits, its aspect kept; small ones grow
    /// by whole steps, four times at most. `None` where nobody would see what it is.
    pub fn of(room: Rect, (height, width): (usize, usize)) -> Option<Frame> {
        /// Rows and columns of characters.
        const LEAST: (u16, u16) = (2, 4);
        const GROWN: usize = 4;
        if room.height < LEAST.0 || room.width < LEAST.1 || height == 0 || width == 0 {
            return None;
        }
        let (high, wide) = (usize::from(room.height) * 2, usize::from(room.width));
        let grow = (high / height).min(wide / width).min(GROWN);
        let (height, width) = if grow >= 1 {
            (height * grow, width * grow)
        } else {
            let scale = (high as f64 / height as f64).min(wide as f64 / width as f64);
            let scaled = |size: usize| ((size as f64 * scale).round() as usize).max(1);
            (scaled(height).min(high), scaled(width).min(wide))
        };
        Some(Frame {
            area: Rect {
                height: height.div_ceil(2) as u16,
                width: width as u16,
                ..room
            },
            height,
            width,
        })
    }

    /// Sets every character from its upper pixel and its lower one; the last row may have no lower one.
    fn paint<T: Copy>(
        &self,
        pixel: impl Fn(usize, usize) -> T,
        cell: impl Fn(&mut crate::tui::term::Cell, T, Option<T>),
        buf: &mut Buffer,
    ) {
        for y in 0..self.height.div_ceil(2) {
            for x in 0..self.width {
                let lower = (y * 2 + 1 < self.height).then(|| pixel(y * 2 + 1, x));
                if let Some(at) = buf.cell_mut((self.area.x + x as u16, self.area.y + y as u16)) {
                    cell(at, pixel(y * 2, x), lower);
                }
            }
        }
    }
}

/// What a side of `kept` pixels is shrunk to for a side of `drawn`, and how often each is repeated.
fn side(kept: usize, drawn: usize) -> (usize, usize) {
    let shown = kept.min(drawn);
    (shown, (drawn / shown.max(1)).max(1))
}

fn halves(cell: &mut crate::tui::term::Cell, upper: Option<Color>, lower: Option<Color>) {
    cell.set_symbol("▀");
    let style = Style {
        fg: upper,
        bg: lower,
        ..Style::new()
    };
    cell.set_style(style);
}

/// Draws an image into the frame made for it.
pub fn image(frame: &Frame, image: &Image, buf: &mut Buffer, theme: &Theme) {
    let (rows, tall) = side(image.height, frame.height);
    let (columns, broad) = side(image.width, frame.width);
    let shown = image.shrunk(rows, columns);
    let pixel = |y: usize, x: usize| {
        shown[(y / tall).min(rows - 1) * columns + (x / broad).min(columns - 1)]
    };
    let is_mono = theme.is_mono();
    let cell = |cell: &mut crate::tui::term::Cell, upper: [u8; 3], lower: Option<[u8; 3]>| {
        if is_mono {
            const SHADES: [&str; 5] = [" ", "░", "▒", "▓", "█"];
            let light = |p: [u8; 3]| p.iter().map(|c| usize::from(*c)).sum::<usize>();
            let both = light(upper) + light(lower.unwrap_or(upper));
            cell.set_symbol(SHADES[(both * 4 + 765) / 1530]);
        } else {
            let colour = |p: [u8; 3]| Color::Rgb(p[0], p[1], p[2]);
            halves(cell, Some(colour(upper)), lower.map(colour));
        }
    };
    frame.paint(pixel, cell, buf);
}

/// Draws a map of classes into the frame made for it.
pub fn classes(frame: &Frame, map: &ClassMap, buf: &mut Buffer, theme: &Theme) {
    let (rows, tall) = side(map.height, frame.height);
    let (columns, broad) = side(map.width, frame.width);
    let shown = map.shrunk(rows, columns);
    let pixel = |y: usize, x: usize| {
        shown[(y / tall).min(rows - 1) * columns + (x / broad).min(columns - 1)]
    };
    let hues = Hues::of(theme);
    let is_mono = theme.is_mono();
    let cell = |cell: &mut crate::tui::term::Cell, upper: u16, lower: Option<u16>| {
        if is_mono {
            cell.set_symbol(Hues::letter(upper.into()));
        } else {
            let colour = |class: u16| hues.class(class.into()).fg;
            halves(cell, colour(upper), lower.and_then(colour));
        }
    };
    frame.paint(pixel, cell, buf);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(buf: &Buffer) -> String {
        let row = |y: u16| -> String {
            let row = (0..buf.area.width).map(|x| buf[(x, y)].symbol());
            row.collect::<String>().trim_end().to_owned()
        };
        (0..buf.area.height).map(row).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn frames_keep_the_aspect() {
        let room = Rect::new(3, 1, 80, 20);
        let size = |of| {
            let frame = Frame::of(room, of).unwrap();
            assert_eq!(usize::from(frame.area.height), frame.height.div_ceil(2));
            (frame.height, frame.width)
        };
        assert_eq!(size((8, 8)), (32, 32));
        assert_eq!(size((16, 16)), (32, 32));
        assert_eq!(size((13, 40)), (26, 80));
        assert_eq!(size((513, 513)), (40, 40));
        assert_eq!(size((100, 500)), (16, 80));
        assert_eq!(size((1, 5000)), (1, 80));
        assert_eq!(Frame::of(Rect::new(0, 0, 3, 9), (8, 8)), None);
    }

    #[test]
    fn pixels_lie_two_in_a_character() {
        let image = Image {
            height: 3,
            width: 4,
            pixels: (0..12).map(|i| [i * 20; 3]).collect(),
            of: (3, 4),
            ends: (0.0, 1.0),
            likely: true,
        };
        let area = Rect::new(0, 0, 4, 2);
        let frame = Frame::of(area, (3, 4)).unwrap();
        let mut buf = Buffer::empty(area);
        super::image(
            &frame,
            &image,
            &mut buf,
            &Theme::named("dark", None).unwrap(),
        );
        let grey = |level: u8| Color::Rgb(level, level, level);
        assert_eq!((buf[(1, 0)].fg, buf[(1, 0)].bg), (grey(20), grey(100)));
        assert_eq!((buf[(3, 1)].fg, buf[(3, 1)].bg), (grey(220), Color::Reset));
        super::image(
            &frame,
            &image,
            &mut buf,
            &Theme::named("mono", None).unwrap(),
        );
        insta::assert_snapshot!(letters(&buf), @r"
        ░░░▒
        ▓▓▓▓
        ");
    }

    #[test]
    fn without_colours_classes_are_letters() {
        let map = ClassMap {
            height: 2,
            width: 8,
            cells: vec![0, 0, 0, 1, 1, 7, 7, 7, 0, 0, 0, 0, 0, 2, 2, 2],
            of: (2, 8),
            shares: Vec::new(),
            likely: true,
        };
        let area = Rect::new(0, 0, 16, 2);
        let frame = Frame::of(area, (2, 8)).unwrap();
        let mut buf = Buffer::empty(area);
        classes(&frame, &map, &mut buf, &Theme::named("mono", None).unwrap());
        insta::assert_snapshot!(letters(&buf), @r"
        ······▓▓▓▓xxxxxx
        ··········░░░░░░
        ");
    }
}
