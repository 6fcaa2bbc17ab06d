//! A whole scene as plain text.

use super::layered::Rect;
use super::paint::paint;
use super::scene::Scene;

/// Rows painted at a time: a long drawing never needs one huge picture.
const BAND: i32 = 256;

pub fn text(scene: &Scene) -> String {
    let mut text = String::new();
    let mut y = 0;
    while y < scene.height {
        let sight = Rect {
            x: 0,
            y,
            width: scene.width,
            height: BAND.min(scene.height - y),
        };
        for row in paint(scene, sight, None).rows() {
            text.push_str(&row);
            text.push('\n');
        }
        y += BAND;
    }
    text
}
