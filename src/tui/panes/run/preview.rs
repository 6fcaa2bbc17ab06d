//! The value of the chosen input: drawn where it reads as an image or a signal, and as numbers.

use super::inputs::Told;
use super::outputs::Item;
use crate::feed::{Image, Signal};
use crate::model::Tensor;
use crate::tui::term::{Buffer, Rect};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::widgets::grid::{self, Corner};
use crate::tui::widgets::image::{self, Frame};
use crate::tui::widgets::wave;

/// A value and what is drawn of it: found once, where the value is made.
pub struct Preview {
    tensor: Tensor,
    /// What was done with a file to make it fit.
    said: Option<String>,
    image: Option<Image>,
    signal: Option<Signal>,
}

impl Preview {
    /// Of a batch what is drawn is its item `at`.
    pub fn of((tensor, said): Told, at: usize) -> Preview {
        /// A side of what is drawn though only its sizes speak for an image: samples of digits are small.
        const MOST: usize = 512;
        let is_small = |p: &Image| p.of.0.max(p.of.1) <= MOST;
        let count = tensor.shape().first().copied().unwrap_or(1);
        let part = Item { at, count }.part(&tensor).filter(|_| at < count);
        let drawn = part.as_ref().unwrap_or(&tensor);
        Preview {
            image: Image::of(drawn).filter(|p| p.likely || is_small(p)),
            signal: Signal::of(drawn).filter(|s| s.likely),
            tensor,
            said,
        }
    }

    /// What was done with a file to make it fit, in a few lines of so many columns.
    pub fn said(&self, room: usize) -> Vec<String> {
        let said = self.said.iter();
        said.flat_map(|said| text::wrap(said, room, 3)).collect()
    }

    /// The drawing, and the numbers in what it leaves.
    pub fn render(&self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        /// Rows of a line, and those below which numbers tell nothing beside a drawing.
        const LINE: u16 = 8;
        const NUMBERS: u16 = 9;
        let used = if let Some(image) = &self.image {
            let frame = Frame::of(area, (image.height, image.width));
            if let Some(frame) = &frame {
                image::image(frame, image, buf, theme);
            }
            frame.map_or(0, |frame| frame.area.height)
        } else if let Some(signal) = &self.signal {
            let count = signal.channels.len().max(1) as u16;
            let high = LINE.min(area.height / count);
            for (at, channel) in signal.channels.iter().enumerate() {
                let own = Rect {
                    y: area.y + at as u16 * high,
                    height: high,
                    ..area
                };
                wave::trace(own, channel, buf, theme);
            }
            high * count
        } else {
            0
        };
        let skip = if used > 0 { used + 1 } else { 0 };
        let rest = Rect {
            y: area.y + skip.min(area.height),
            height: area.height.saturating_sub(skip),
            ..area
        };
        let is_list = used > 0 && self.tensor.shape().last() == Some(&1);
        if used == 0 || rest.height > NUMBERS && !is_list {
            grid::numbers(rest, &self.tensor, Corner::default(), buf, theme);
        }
    }
}
