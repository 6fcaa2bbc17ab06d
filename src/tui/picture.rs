//! A drawn screen as an SVG picture: for the README, and for whoever wants to show what they see.
//!
//! Lines and blocks become geometry, so that they join without gaps whatever font the viewer has.

use std::fmt::Write;

use super::term::{Buffer, Cell, Color, Modifier, Style};

/// Width and height of a cell in SVG units; the font size follows from them.
const CELL: (f32, f32) = (8.4, 18.0);
const FONT_SIZE: f32 = 14.0;
/// Distance of the baseline from the top of the cell.
const BASELINE: f32 = 13.5;
const MARGIN: f32 = 10.0;

/// How far blocks reach into their neighbours, so that no seam shows.
const OVERLAP: f32 = 0.3;

/// An sRGB colour.
pub type Rgb = (u8, u8, u8);

/// The colours of a style as sRGB; white on black where it has none.
pub fn base_colours(style: Style) -> (Rgb, Rgb) {
    (
        rgb(style.fg.unwrap_or(Color::Reset), (229, 229, 229)),
        rgb(style.bg.unwrap_or(Color::Reset), (0, 0, 0)),
    )
}

/// The picture of `buffer`, with `foreground` and `background` where a cell leaves its colours to the terminal.
pub fn svg(buffer: &Buffer, foreground: Rgb, background: Rgb) -> String {
    let area = buffer.area;
    let (width, height) = (
        f32::from(area.width) * CELL.0 + 2.0 * MARGIN,
        f32::from(area.height) * CELL.1 + 2.0 * MARGIN,
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.1} {height:.1}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{}\"/>\n\
         <g transform=\"translate({MARGIN} {MARGIN})\" font-size=\"{FONT_SIZE}\" xml:space=\"preserve\" \
         font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\">\n",
        hex(background)
    );
    for row in 0..area.height {
        let cells: Vec<&Cell> = (0..area.width)
            .filter_map(|column| buffer.cell((area.x + column, area.y + row)))
            .collect();
        backgrounds(&mut out, &cells, row, (foreground, background));
        glyphs(&mut out, &cells, row, (foreground, background));
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// Runs of equal background as rectangles.
fn backgrounds(out: &mut String, cells: &[&Cell], row: u16, default: (Rgb, Rgb)) {
    let mut start = 0;
    while start < cells.len() {
        let colour = colours(cells[start], default).1;
        let length = cells[start..]
            .iter()
            .take_while(|c| colours(c, default).1 == colour)
            .count();
        if colour != default.1 {
            let (x, y) = corner(start, row);
            let width = length as f32 * CELL.0;
            // Writing to a String does not fail.
            let _ = writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{}\" fill=\"{}\"/>",
                CELL.1,
                hex(colour)
            );
        }
        start += length;
    }
}

/// Text in runs of one style; lines and blocks cell by cell.
fn glyphs(out: &mut String, cells: &[&Cell], row: u16, default: (Rgb, Rgb)) {
    let mut start = 0;
    while start < cells.len() {
        let cell = cells[start];
        let colour = colours(cell, default).0;
        let symbol = cell.symbol();
        if let Some(path) = symbol.chars().next().and_then(geometry) {
            let (x, y) = corner(start, row);
            let _ = writeln!(
                out,
                "<path transform=\"translate({x:.1} {y:.1})\" {}/>",
                path.replace("COLOUR", &hex(colour))
            );
            start += 1;
            continue;
        }
        let same = |c: &&&Cell| {
            colours(c, default).0 == colour
                && c.modifier == cell.modifier
                && c.symbol().chars().next().and_then(geometry).is_none()
        };
        let length = cells[start..].iter().take_while(same).count();
        let text: String = cells[start..start + length]
            .iter()
            .map(|c| c.symbol())
            .collect();
        if !text.trim().is_empty() {
            text_run(out, &text, (start, row, length), colour, cell.modifier);
        }
        start += length;
    }
}

fn text_run(
    out: &mut String,
    text: &str,
    (column, row, length): (usize, u16, usize),
    colour: Rgb,
    modifier: Modifier,
) {
    let (x, y) = corner(column, row);
    let mut style = String::new();
    if modifier.contains(Modifier::BOLD) {
        style.push_str(" font-weight=\"bold\"");
    }
    if modifier.contains(Modifier::ITALIC) {
        style.push_str(" font-style=\"italic\"");
    }
    if modifier.contains(Modifier::UNDERLINED) {
        style.push_str(" text-decoration=\"underline\"");
    }
    if modifier.contains(Modifier::DIM) {
        style.push_str(" opacity=\"0.7\"");
    }
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{:.1}\" fill=\"{}\"{style}>{}</text>",
        y + BASELINE,
        length as f32 * CELL.0,
        hex(colour),
        escape(text)
    );
}

fn corner(column: usize, row: u16) -> (f32, f32) {
    (column as f32 * CELL.0, f32::from(row) * CELL.1)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Attributes of the path that draws a box-drawing or block character in a cell; `None` for text.
fn geometry(symbol: char) -> Option<String> {
    let (w, h) = CELL;
    let (cx, cy) = (w / 2.0, h / 2.0);
    let block = |x: f32, y: f32, width: f32, height: f32| {
        Some(format!(
            "fill=\"COLOUR\" shape-rendering=\"crispEdges\" d=\"M{x:.2} {y:.2}h{:.2}v{:.2}h-{:.2}z\"",
            width + OVERLAP,
            height + OVERLAP,
            width + OVERLAP
        ))
    };
    let code = symbol as u32;
    match symbol {
        '█' => return block(0.0, 0.0, w, h),
        '▀' => return block(0.0, 0.0, w, h / 2.0),
        '▐' => return block(cx, 0.0, cx, h),
        // U+2581 … U+2587: lower eighths; U+2589 … U+258F: left eighths, falling.
        '▁'..='▇' => {
            let part = h * (code - 0x2580) as f32 / 8.0;
            return block(0.0, h - part, w, part);
        }
        '▉'..='▏' => return block(0.0, 0.0, w * (0x2590 - code) as f32 / 8.0, h),
        _ => {}
    }
    let stroke = |d: String| {
        Some(format!(
            "fill=\"none\" stroke=\"COLOUR\" stroke-width=\"1.2\" d=\"{d}\""
        ))
    };
    let curve = |x: f32, y: f32| stroke(format!("M{cx:.1} {y:.1}Q{cx:.1} {cy:.1} {x:.1} {cy:.1}"));
    match symbol {
        '╭' => return curve(w, h),
        '╮' => return curve(0.0, h),
        '╰' => return curve(w, 0.0),
        '╯' => return curve(0.0, 0.0),
        _ => {}
    }
    // Arms: up, right, down, left.
    let arms = match symbol {
        '─' | '━' | '╌' | '┄' => "rl",
        '│' | '┃' | '╎' | '┆' => "ud",
        '┌' | '┏' => "rd",
        '┐' | '┓' => "dl",
        '└' | '┗' => "ur",
        '┘' | '┛' => "ul",
        '├' | '┣' => "urd",
        '┤' | '┫' => "udl",
        '┬' | '┳' => "rdl",
        '┴' | '┻' => "url",
        '┼' | '╋' => "urdl",
        '╴' => "l",
        '╵' => "u",
        '╶' => "r",
        '╷' => "d",
        _ => return None,
    };
    let path: String = arms
        .chars()
        .map(|arm| match arm {
            'u' => format!("M{cx:.1} {cy:.1}V0"),
            'r' => format!("M{cx:.1} {cy:.1}H{w}"),
            'd' => format!("M{cx:.1} {cy:.1}V{h}"),
            _ => format!("M{cx:.1} {cy:.1}H0"),
        })
        .collect();
    stroke(path)
}

fn hex((r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Foreground and background of a cell, reversed where it asks for that.
fn colours(cell: &Cell, default: (Rgb, Rgb)) -> (Rgb, Rgb) {
    let pair = (rgb(cell.fg, default.0), rgb(cell.bg, default.1));
    if cell.modifier.contains(Modifier::REVERSED) {
        (pair.1, pair.0)
    } else {
        pair
    }
}

fn rgb(colour: Color, default: Rgb) -> Rgb {
    match colour {
        Color::Reset => default,
        Color::Rgb(r, g, b) => (r, g, b),
        Color::Black => indexed(0),
        Color::Red => indexed(1),
        Color::Green => indexed(2),
        Color::Yellow => indexed(3),
        Color::Blue => indexed(4),
        Color::Magenta => indexed(5),
        Color::Cyan => indexed(6),
        Color::Gray => indexed(7),
        Color::DarkGray => indexed(8),
        Color::LightRed => indexed(9),
        Color::LightGreen => indexed(10),
        Color::LightYellow => indexed(11),
        Color::LightBlue => indexed(12),
        Color::LightMagenta => indexed(13),
        Color::LightCyan => indexed(14),
        Color::White => indexed(15),
        Color::Indexed(index) => indexed(index),
    }
}

/// xterm's palette: 16 named colours, a cube of 6×6×6, 24 greys.
fn indexed(index: u8) -> Rgb {
    const NAMED: [Rgb; 16] = [
        (0, 0, 0),
        (205, 49, 49),
        (13, 188, 121),
        (229, 229, 16),
        (36, 114, 200),
        (188, 63, 188),
        (17, 168, 205),
        (229, 229, 229),
        (102, 102, 102),
        (241, 76, 76),
        (35, 209, 139),
        (245, 245, 67),
        (59, 142, 234),
        (214, 112, 214),
        (41, 184, 219),
        (255, 255, 255),
    ];
    match index {
        0..=15 => NAMED[usize::from(index)],
        16..=231 => {
            let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
            let cube = index - 16;
            (level(cube / 36), level(cube / 6 % 6), level(cube % 6))
        }
        232..=255 => {
            let grey = 8 + 10 * (index - 232);
            (grey, grey, grey)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_lines_are_drawn() {
        let mut buffer = Buffer::with_lines(["╭a<b─"]);
        buffer.set_style(buffer.area, Style::new().fg(Color::Indexed(196)));
        let picture = svg(&buffer, (255, 255, 255), (0, 0, 0));
        assert!(picture.contains(">a&lt;b</text>"), "{picture}");
        assert_eq!(picture.matches("<path").count(), 2);
        assert!(picture.contains("#ff0000"));
    }

    #[test]
    fn a_background_of_its_own_is_one_rectangle_a_run() {
        let mut buffer = Buffer::with_lines(["    "]);
        buffer[(1, 0)].bg = Color::Blue;
        buffer[(2, 0)].bg = Color::Blue;
        let picture = svg(&buffer, (255, 255, 255), (0, 0, 0));
        assert_eq!(picture.matches("<rect x=").count(), 1);
    }
}
