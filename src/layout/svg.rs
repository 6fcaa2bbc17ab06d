//! A scene as an SVG picture.

use std::fmt::Write;

use super::export::hue;
use super::scene::{Detail, Place, Scene};
use super::scope::Item;

/// Pixels of a cell.
const CELL: (i32, i32) = (8, 16);
const MARGIN: i32 = 16;

pub fn svg(scene: &Scene) -> String {
    let (width, height) = (
        scene.width * CELL.0 + 2 * MARGIN,
        scene.height * CELL.1 + 2 * MARGIN,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"monospace\" font-size=\"13\">\n\
         <style>text{{fill:#1f2430}}.t{{fill:#6b7280}}rect{{fill:#fff}}path{{fill:none;stroke:#9aa3b2}}\
         @media(prefers-color-scheme:dark){{text{{fill:#e6e8ee}}.t{{fill:#9aa3b2}}rect{{fill:#1b1e27}}\
         path{{stroke:#5a6272}}}}</style>\n"
    );
    let (frames, boxes): (Vec<&Place>, Vec<&Place>) = scene.places.iter().partition(|p| p.open);
    for place in frames {
        draw(&mut svg, scene.detail, place);
    }
    for line in scene.lines.iter().filter(|l| !l.points.is_empty()) {
        let mut path = String::new();
        for (at, (x, y)) in line.points.iter().enumerate() {
            let first = at == 0;
            // Ends lie on the rims of boxes, bends in the middle of cells.
            let down = match (first, at + 1 == line.points.len()) {
                (true, _) => CELL.1 * i32::from(!line.back),
                (_, true) => CELL.1 * i32::from(line.back),
                _ => CELL.1 / 2,
            };
            let _ = write!(
                path,
                "{}{} {} ",
                if first { 'M' } else { 'L' },
                x * CELL.0 + CELL.0 / 2 + MARGIN,
                y * CELL.1 + down + MARGIN
            );
        }
        let dashes = match (line.control, line.back) {
            (true, _) => " stroke-dasharray=\"1 3\"",
            (false, true) => " stroke-dasharray=\"4 3\"",
            (false, false) => "",
        };
        let _ = writeln!(svg, "<path d=\"{}\"{dashes}/>", path.trim_end());
        let near = match line.says_first {
            true => line.points.first(),
            false => line.points.last(),
        };
        if let Some((x, y)) = near.filter(|_| !line.says.is_empty() && !line.back) {
            let down = if line.says_first { 1 } else { -1 };
            let _ = writeln!(
                svg,
                "<text class=\"t\" font-size=\"10\" x=\"{}\" y=\"{}\">{}</text>",
                x * CELL.0 + CELL.0 + MARGIN,
                (y + down) * CELL.1 + CELL.1 * 3 / 4 + MARGIN,
                escaped(&line.says)
            );
        }
    }
    for place in boxes {
        draw(&mut svg, scene.detail, place);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, detail: Detail, place: &Place) {
    let rect = place.rect;
    let (x, y) = (rect.x * CELL.0 + MARGIN, rect.y * CELL.1 + MARGIN);
    let (width, height) = (rect.width * CELL.0, rect.height * CELL.1);
    let colour = hue(place.label.family);
    let _ = writeln!(
        svg,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\" stroke=\"{colour}\"{}/>",
        if place.open {
            " fill-opacity=\"0.4\""
        } else {
            ""
        }
    );
    if detail == Detail::Dot && !place.open {
        return;
    }
    let sign = match place.item {
        Item::Scope(_) if place.open => "▾ ",
        Item::Scope(_) => "▸ ",
        _ => "",
    };
    let row = match (place.open, detail) {
        (true, _) => y + 12,
        (_, Detail::Full) => y + 26,
        (_, Detail::Box) => y + 29,
        _ => y + 12,
    };
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{row}\">{sign}{} <tspan class=\"t\">{}</tspan></text>",
        x + 8,
        escaped(&place.label.head),
        escaped(&place.label.tail)
    );
    if detail == Detail::Full && !place.open {
        let _ = writeln!(
            svg,
            "<text class=\"t\" x=\"{}\" y=\"{}\">{}</text>",
            x + 8,
            row + 18,
            escaped(&place.label.sub)
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
