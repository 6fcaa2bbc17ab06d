//! What the last run, or the last bench, changed in variables and tables; and back to what is stored.

use super::{RunPane, Session};
use crate::error::Result;
use crate::report::state::StateRow;
use crate::runtime::Moment;
use crate::tui::jobs::Output;
use crate::tui::panes::Context;
use crate::tui::term::{Buffer, Line, Rect, Span, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::{panel, panel_note, put};

/// Changes to the state, and how many runs made them.
#[derive(Default)]
pub struct Changes {
    rows: Vec<StateRow>,
    runs: usize,
}

/// Columns from which types and shapes stand beside the names.
const KINDS: u16 = 64;

impl Changes {
    /// Since the moment `before`, by so many runs.
    ///
    /// # Errors
    /// There is no memory to look at a large variable.
    pub fn since(before: &Moment, session: &Session, runs: usize) -> Result<Changes> {
        let changes = session.changes(before);
        Ok(Changes {
            rows: changes.iter().map(StateRow::of).collect::<Result<_>>()?,
            runs,
        })
    }

    /// Draws the changes at the foot of `area`, the first `skip` left out; gives the rest of it back, all of it where
    /// nothing changed.
    pub fn render(&self, area: Rect, skip: usize, buf: &mut Buffer, theme: &Theme) -> Rect {
        let most = area.height * 2 / 5;
        if self.rows.is_empty() || most < 3 {
            return area;
        }
        let high = (self.rows.len() as u16).saturating_add(2).min(most);
        let rest = Rect {
            height: area.height - high,
            ..area
        };
        let own = Rect {
            y: rest.bottom(),
            height: high,
            ..area
        };
        let title = match self.runs {
            1 => "state".to_owned(),
            runs => format!("state after {runs} runs"),
        };
        let inner = panel(title, own, buf, theme, false);
        panel_note("u  as stored", own, buf, theme[Role::Dim]);
        let fit = usize::from(inner.height);
        let skip = skip.min(self.rows.len().saturating_sub(fit));
        let shown = &self.rows[skip..];
        // The last line tells of what there is no line for.
        let whole = match shown.len() > fit {
            true => fit.saturating_sub(1),
            false => shown.len(),
        };
        self.render_rows(inner, &shown[..whole], buf, theme);
        if whole < shown.len() {
            let words = format!("… {} more", shown.len() - whole);
            put(
                inner,
                whole as u16,
                Line::styled(words, theme[Role::Dim]),
                buf,
            );
        }
        rest
    }

    fn render_rows(&self, area: Rect, rows: &[StateRow], buf: &mut Buffer, theme: &Theme) {
        let wide = usize::from(area.width);
        let longest = |words: &dyn Fn(&StateRow) -> String| {
            rows.iter().map(|row| width(&words(row))).max().unwrap_or(0)
        };
        let names = longest(&|row| text::clean(&row.name)).min(wide / 3);
        let kinds = match area.width < KINDS {
            true => 0,
            false => longest(&StateRow::kind).min(wide / 4) + 2,
        };
        let room = wide.saturating_sub(names + 2 + kinds);
        for (at, row) in rows.iter().enumerate() {
            let name = text::left(&text::fit_name(&text::clean(&row.name), names), names + 2);
            let kind = text::left(&text::fit(&row.kind(), kinds.saturating_sub(2)), kinds);
            let words = text::fit(&text::clean(&row.words(room)), room);
            let line = vec![
                Span::styled(name, theme[Role::Strong]),
                Span::styled(kind, theme[Role::Dim]),
                Span::styled(words, theme[Role::Number]),
            ];
            put(area, at as u16, Line::from(line), buf);
        }
    }
}

impl RunPane {
    /// The session's variables and tables are again as the model has them.
    pub(super) fn reset_state(&mut self, cx: &mut Context) {
        if self.ran.is_none() && self.timings.is_none() {
            return cx.say("nothing has run yet");
        }
        let session = self.session(cx);
        cx.job("reset", "resetting", move |_| {
            session.with(|session| {
                session.reset();
                Ok(Output::Reset)
            })
        });
    }

    /// What was shown came from a state that is no more.
    pub(super) fn was_reset(&mut self, cx: &mut Context) {
        self.ran = None;
        self.timings = None;
        self.layers.forget();
        cx.say("variables and tables are as stored");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tensor;
    use crate::runtime::{Change, Changed};

    fn drawn(count: usize, skip: usize, wide: u16, high: u16) -> String {
        let change = |at: usize| {
            let values = |v: f32| {
                let values = vec![v; if at == 1 { 100 } else { 2 }];
                Some(Tensor::from_values(&[values.len()], &values).into())
            };
            let changed = match at {
                0 => Changed::Table {
                    before: 1,
                    after: 3,
                },
                _ => Changed::Variable {
                    before: values(1.0),
                    after: values(at as f32 + 1.5),
                },
            };
            let name = format!("model/layer{at}/kernel").into();
            let quantization = None;
            StateRow::of(&Change {
                name,
                changed,
                quantization,
            })
            .unwrap()
        };
        let changes = Changes {
            rows: (0..count).map(change).collect(),
            runs: count,
        };
        let area = Rect::new(0, 0, wide, high);
        let mut buf = Buffer::empty(area);
        let theme = Theme::named("dark", None).unwrap();
        let rest = changes.render(area, skip, &mut buf, &theme);
        let row = |y: u16| -> String { (0..wide).map(|x| buf[(x, y)].symbol()).collect() };
        let rows: Vec<String> = (rest.height..high)
            .map(|y| row(y).trim_end().to_owned())
            .collect();
        rows.join("\n")
    }

    #[test]
    fn what_has_no_room_is_counted_and_reached_by_scrolling() {
        assert_eq!(drawn(0, 0, 60, 20), "");
        insta::assert_snapshot!(drawn(1, 0, 60, 20), @r"
        ╭ state ───────────────────────────────────── u  as stored ╮
        │ …/layer0/kernel     1 entry → 3                          │
        ╰──────────────────────────────────────────────────────────╯
        ");
        insta::assert_snapshot!(drawn(3, 0, 90, 20), @r"
        ╭ state after 3 runs ────────────────────────────────────────────────────── u  as stored ╮
        │ model/layer0/kernel  table        1 entry → 3                                          │
        │ model/layer1/kernel  float32 100  mean 1 → 2.5, by +1.5 at most, all 100 changed       │
        │ model/layer2/kernel  float32 2    [1  1] → [3.5  3.5]                                  │
        ╰────────────────────────────────────────────────────────────────────────────────────────╯
        ");
        insta::assert_snapshot!(drawn(5, 0, 44, 12), @r"
        ╭ state after 5 runs ──────── u  as stored ╮
        │ layer0/kernel  1 entry → 3               │
        │ … 4 more                                 │
        ╰──────────────────────────────────────────╯
        ");
        insta::assert_snapshot!(drawn(5, 9, 44, 12), @r"
        ╭ state after 5 runs ──────── u  as stored ╮
        │ layer3/kernel  [1  1] → [4.5  4.5]       │
        │ layer4/kernel  [1  1] → [5.5  5.5]       │
        ╰──────────────────────────────────────────╯
        ");
    }
}
