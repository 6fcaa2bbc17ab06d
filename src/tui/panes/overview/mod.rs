//! Overview: what the model is, what it can do, where its bytes are, and whether it is well.

mod about;
mod signatures;
mod work;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use self::about::about;
use self::signatures::{called_graph, signature_lines, ways_in};
use super::twins::{self, Twin};
use super::{Context, Handled, Pane, PaneId, View};
use crate::analysis::{self, At, ByteEntry, Finding, Parameters, Severity, SignatureCost};
use crate::error::Error;
use crate::model::{MetaGraph, Model};
use crate::report::check::sentence;
use crate::report::cost_line;
use crate::sort;
use crate::tui::command::Command;
use crate::tui::focus::Thing;
use crate::tui::jobs::Output;
use crate::tui::term::{
    Buffer, Constraint, Layout, Line, MouseButton, MouseEvent, MouseEventKind, Rect, Span, Style,
    width,
};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::{self, Rows, is_small, panel, panel_note, put};

/// What is looked up in the structure of the model.
pub struct Summary {
    pub bytes: Vec<ByteEntry>,
    /// Columns of the longest name among them.
    widest: usize,
    /// How the name of each stands to the others'.
    twins: Vec<twins::Twin>,
    pub parameters: Parameters,
    pub health: Vec<Finding>,
}

/// Which box has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Signatures,
    Bytes,
    Health,
}

/// State of the pane.
pub struct OverviewPane {
    summary: Option<Summary>,
    weights: Option<Result<Vec<Finding>, Error>>,
    /// Of every MetaGraph.
    part: Part,
    signatures: Rows,
    bytes: Rows,
    health: Rows,
    /// Where the findings were drawn: area, first line in sight, the line where each begins.
    health_rows: RefCell<(Rect, usize, Vec<usize>)>,
    /// First line of the page that a small screen shows.
    scroll: Cell<usize>,
}

/// Weights of models up to this size are looked through without being asked.
const LOOK_THROUGH: u64 = 64 << 20;

impl OverviewPane {
    pub fn new(_model: &Arc<Model>) -> OverviewPane {
        OverviewPane {
            summary: None,
            weights: None,
            part: Part::Signatures,
            signatures: Rows::default(),
            bytes: Rows::default(),
            health: Rows::default(),
            health_rows: RefCell::default(),
            scroll: Cell::new(0),
        }
    }

    fn look_through(&mut self, cx: &mut Context) {
        let (model, counted) = (cx.model.clone(), cx.counted.clone());
        cx.job("weights", "looking through the weights", move |progress| {
            let found = analysis::weights_health(&model, counted.usage(), progress)?;
            Ok(Output::Health(found))
        });
    }

    /// The cost of the signature that would be run, once it is counted.
    fn cost<'v>(&self, view: &View<'v>) -> Option<&'v SignatureCost> {
        let signatures = &view.focus.meta(view.model)?.signatures;
        let serving = signatures.iter().position(|s| &*s.key == "serving_default");
        let costs = view.counted.get(view.focus.meta)?;
        costs.signatures.get(serving.unwrap_or(0))
    }

    /// `1.31 MMAC per sample`. The line is there before the count is, so that nothing moves when it comes.
    fn cost_line(&self, view: &View) -> Option<String> {
        let meta = view.focus.meta(view.model)?;
        if is_counting(view) {
            return (!meta.signatures.is_empty()).then(|| "counting…".to_owned());
        }
        let cost = self.cost(view)?;
        Some(match cost.macs {
            0 => "nothing that multiplies".to_owned(),
            _ => cost_line(cost),
        })
    }

    /// Findings, the gravest first; what is fine once, at the top, when nothing is wrong.
    fn findings(&self) -> Vec<&Finding> {
        let mut all: Vec<&Finding> = self.summary.iter().flat_map(|s| &s.health).collect();
        if let Some(Ok(weights)) = &self.weights {
            all.extend(weights);
        }
        sort::by_key(&mut all, |f| std::cmp::Reverse(f.severity));
        all
    }

    fn rows(&mut self, meta: Option<&MetaGraph>) -> (&mut Rows, usize) {
        let findings = self.findings().len();
        match self.part {
            Part::Signatures => (&mut self.signatures, meta.map_or(0, ways_in)),
            Part::Bytes => (
                &mut self.bytes,
                self.summary.as_ref().map_or(0, |s| s.bytes.len()),
            ),
            Part::Health => (&mut self.health, findings),
        }
    }

    /// On a small screen everything is one page.
    fn scroll_page(&self, command: Command) {
        let at = self.scroll.get();
        self.scroll.set(match command {
            Command::Up => at.saturating_sub(1),
            Command::Down => at + 1,
            Command::PageUp => at.saturating_sub(5),
            Command::PageDown => at + 5,
            Command::Top => 0,
            _ => at,
        });
    }

    fn enter(&mut self, cx: &mut Context) {
        match self.part {
            Part::Signatures => {
                let meta = cx.focus.meta(cx.model).filter(|m| m.signatures.is_empty());
                match meta.and_then(|m| called_graph(m, self.signatures.at)) {
                    Some(graph) => cx.go(PaneId::Graph, Thing::Graph(graph)),
                    None => cx.go(PaneId::Tree, Thing::Signature(self.signatures.at)),
                }
            }
            Part::Bytes => {
                let entry = self
                    .summary
                    .as_ref()
                    .and_then(|s| s.bytes.get(self.bytes.at));
                if let Some(entry) = entry {
                    match Thing::of_place(&entry.place, cx.model) {
                        Thing::Nothing => cx.say("that is the file itself: names, nodes, shapes"),
                        thing @ (Thing::Metadata(_) | Thing::Attachment(_)) => {
                            cx.go(PaneId::Source, thing)
                        }
                        thing => cx.go(PaneId::Tensors, thing),
                    }
                }
            }
            Part::Health => {
                let findings = self.findings();
                let at = findings.get(self.health.at).and_then(|f| f.spots.first());
                match at.map(|spot| spot.at.clone()) {
                    Some(At::Node {
                        meta_graph,
                        graph,
                        node,
                    }) => {
                        cx.focus.meta = meta_graph;
                        cx.go(PaneId::Graph, Thing::Node { graph, node });
                    }
                    Some(At::Signature {
                        meta_graph,
                        signature,
                    }) => {
                        cx.focus.meta = meta_graph;
                        cx.go(PaneId::Graph, Thing::Signature(signature));
                    }
                    Some(At::Stored(place)) => {
                        cx.go(PaneId::Tensors, Thing::of_place(&place, cx.model));
                    }
                    _ if self.weights.is_none() => self.look_through(cx),
                    _ => cx.say("this is about the model as a whole"),
                }
            }
        }
    }
}

/// Whether it is not known yet what a call costs.
fn is_counting(view: &View) -> bool {
    view.counted.get(view.focus.meta).is_none()
}

impl Pane for OverviewPane {
    fn footer(&self) -> &'static [Command] {
        &[
            Command::ShowRun,
            Command::ShowConvert,
            Command::ShowCompare,
            Command::ShowGraph,
            Command::Search,
        ]
    }

    fn shown(&mut self, cx: &mut Context) {
        if self.summary.is_none() {
            let (model, counted) = (cx.model.clone(), cx.counted.clone());
            cx.job("summary", "counting", move |_| {
                let bytes = analysis::where_bytes(&model);
                let usage = counted.usage();
                let names = bytes.iter();
                let names = names.map(|e| width(text::last_name(&e.name)));
                Ok(Output::Summary(Box::new(Summary {
                    widest: names.max().unwrap_or(0),
                    twins: twins::kinds(bytes.iter().map(|e| text::last_name(&e.name)), |at| {
                        twins::told_by(&model, &bytes[at].place)
                    }),
                    bytes,
                    parameters: analysis::parameters(&model, usage),
                    health: analysis::health(&model, usage),
                })))
            });
            let costs = cx.counted.clone();
            cx.job("costs", "counting what a call costs", move |progress| {
                costs.count_all(progress)?;
                Ok(Output::Counted)
            });
            if cx.model.total_bytes() <= LOOK_THROUGH {
                self.look_through(cx);
            }
        }
    }

    fn job(&mut self, _what: &'static str, output: Output, _cx: &mut Context) {
        match output {
            Output::Summary(summary) => self.summary = Some(*summary),
            Output::Health(findings) => self.weights = Some(Ok(findings)),
            _ => {}
        }
    }

    fn job_failed(&mut self, what: &'static str, error: Error, cx: &mut Context) {
        match what {
            "weights" => self.weights = Some(Err(error)),
            _ => cx.fail(error),
        }
    }

    fn handle(&mut self, command: Command, cx: &mut Context) -> Handled {
        match command {
            Command::NextFocus => {
                self.part = match self.part {
                    Part::Signatures => Part::Bytes,
                    Part::Bytes => Part::Health,
                    Part::Health => Part::Signatures,
                };
            }
            Command::PrevFocus => {
                self.part = match self.part {
                    Part::Signatures => Part::Health,
                    Part::Bytes => Part::Signatures,
                    Part::Health => Part::Bytes,
                };
            }
            Command::Enter => self.enter(cx),
            _ => {
                let meta = cx.focus.meta(cx.model);
                self.scroll_page(command);
                let (rows, len) = self.rows(meta);
                return rows.handle(command, len);
            }
        }
        Handled::Yes
    }

    fn mouse(&mut self, mouse: MouseEvent, cx: &mut Context) -> Handled {
        if mouse.kind != MouseEventKind::Down(MouseButton::Left) {
            return Handled::No;
        }
        if let Some(at) = self.finding_at(mouse.column, mouse.row) {
            self.part = Part::Health;
            self.health.at = at;
            return Handled::Yes;
        }
        for part in [Part::Signatures, Part::Bytes] {
            let before = std::mem::replace(&mut self.part, part);
            let meta = cx.focus.meta(cx.model);
            let (rows, len) = self.rows(meta);
            if let Some(row) = rows.row_at(mouse.column, mouse.row, len) {
                rows.at = row;
                return Handled::Yes;
            }
            self.part = before;
        }
        Handled::No
    }

    fn copied(&self, cx: &Context) -> Option<String> {
        let chosen = match self.part {
            Part::Signatures => cx
                .focus
                .meta(cx.model)
                .and_then(|m| m.signatures.get(self.signatures.at))
                .map(|s| s.key.to_string()),
            Part::Bytes => self
                .summary
                .as_ref()
                .and_then(|s| s.bytes.get(self.bytes.at))
                .map(|b| b.name.to_string()),
            Part::Health => self.findings().get(self.health.at).map(|f| f.text.clone()),
        };
        chosen.or_else(|| Some(text::path(&cx.model.path)))
    }

    fn render(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let meta = view.focus.meta(view.model);
        if is_small(area) {
            let inner = panel("Model", area, buf, theme, true);
            let wide = inner.width as usize;
            let mut all = about(
                view,
                meta,
                self.summary.as_ref(),
                self.cost_line(view),
                wide,
            );
            all.heading(theme, "Signatures");
            for line in signature_lines(meta, theme, inner.width as usize).0 {
                all.line(line);
            }
            all.heading(theme, "Health");
            for line in self.health_lines(theme, inner.width as usize).0 {
                all.line(line);
            }
            let most = all.len().saturating_sub(inner.height as usize);
            self.scroll.set(self.scroll.get().min(most));
            all.render(inner, self.scroll.get(), buf);
            return;
        }
        let left = Rect {
            width: area.width * 47 / 100,
            ..area
        };
        let right = Rect {
            x: left.right(),
            width: area.width - left.width,
            ..area
        };
        // Without the borders and the air in them.
        let wide = left.width.saturating_sub(4) as usize;
        let model_facts = about(
            view,
            meta,
            self.summary.as_ref(),
            self.cost_line(view),
            wide,
        );
        let top = (model_facts.len() as u16 + 2).min(area.height * 2 / 3);
        let [above, below] = stack(left, top);
        let inner = panel("Model", above, buf, theme, false);
        model_facts.render(inner, 0, buf);
        let lines = signature_lines(meta, theme, wide).0.len() as u16 + 2;
        let has_signatures = meta.is_some_and(|meta| !meta.signatures.is_empty());
        let [below, rest] = match has_signatures && below.height >= lines + work::LEAST {
            true => stack(below, lines),
            false => [below, Rect::ZERO],
        };
        self.render_signatures(below, buf, view, meta);
        if !rest.is_empty() {
            work::render(rest, self.cost(view), is_counting(view), buf, view);
        }
        let wide = right.width.saturating_sub(2) as usize;
        let findings = self.health_lines(theme, wide).0.len() as u16;
        let health =
            (findings + 2 + u16::from(self.weights.is_none())).clamp(4, area.height * 6 / 10);
        let [above, below] = stack(right, area.height - health);
        self.render_bytes(above, buf, view);
        self.render_health(below, buf, view);
    }
}

fn stack(area: Rect, top: u16) -> [Rect; 2] {
    Layout::vertical([Constraint::Length(top), Constraint::Fill(1)]).areas(area)
}

impl OverviewPane {
    fn render_signatures(
        &self,
        area: Rect,
        buf: &mut Buffer,
        view: &View,
        meta: Option<&MetaGraph>,
    ) {
        let theme = view.theme;
        let focused = self.part == Part::Signatures;
        let inner = panel("Signatures", area, buf, theme, focused);
        let count = meta.map_or(0, ways_in);
        let (lines, starts) = signature_lines(meta, theme, inner.width as usize);
        let chosen = starts.get(self.signatures.at).copied().unwrap_or(0);
        let end = starts
            .get(self.signatures.at + 1)
            .copied()
            .unwrap_or(lines.len());
        let high = inner.height as usize;
        let from = end.saturating_sub(high).min(chosen);
        let total = lines.len();
        for (row, line) in lines.into_iter().skip(from).take(high).enumerate() {
            put(inner, row as u16, line, buf);
        }
        if focused && count > 1 && chosen >= from {
            let row = Rect {
                y: inner.y + (chosen - from) as u16,
                height: 1,
                ..inner
            };
            buf.set_style(
                row,
                Style {
                    fg: None,
                    ..theme[Role::Selected]
                },
            );
        }
        if total > high {
            panel_note(&format!("{count}"), area, buf, theme[Role::Dim]);
        }
    }

    fn render_bytes(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let focused = self.part == Part::Bytes;
        let inner = panel("Where the bytes are", area, buf, theme, focused);
        let Some(summary) = &self.summary else {
            put(inner, 0, Line::styled("counting…", theme[Role::Dim]), buf);
            return;
        };
        let entries = &summary.bytes;
        let wide = inner.width as usize;
        // Where there is little room, names tell more than what the bars show already.
        let narrow = wide < 48;
        let (numbers, least_bar) = if narrow { (9, 5) } else { (17, 8) };
        let has_twins = summary.twins.iter().any(|twin| *twin != Twin::None);
        let names = summary.widest + if has_twins { twins::ROOM } else { 0 };
        let most = if narrow { wide } else { wide * 52 / 100 };
        let names = names
            .min(most)
            .min(wide.saturating_sub(numbers + least_bar + 1))
            .max(8);
        let bars = (inner.width as usize).saturating_sub(names + numbers + 1);
        let most = entries.first().map_or(1.0, |e| e.share).max(1e-9);
        for (row, at) in self.bytes.window(entries.len(), inner).enumerate() {
            let entry = &entries[at];
            let name = text::clean(text::last_name(&entry.name));
            let twin = summary.twins.get(at).copied().unwrap_or(Twin::None);
            let told = match twin {
                Twin::None => String::new(),
                _ => twins::told_by(view.model, &entry.place),
            };
            let (name, told) = text::fit_twin(&name, &told, twin == Twin::Whole, names);
            let name = text::left(&name, names - width(&told));
            let mut line = Line::from(vec![
                Span::styled(name, theme[Role::Text]),
                Span::styled(told + " ", theme[Role::Dim]),
                Span::styled(
                    text::left(&text::bar(entry.share / most, bars), bars),
                    theme[Role::Bar],
                ),
                Span::styled(
                    text::right(&text::bytes(entry.bytes), 9),
                    theme[Role::Number],
                ),
            ]);
            if !narrow {
                let share = text::right(&text::percent(entry.share), 8);
                line.push_span(Span::styled(share, theme[Role::Dim]));
            }
            put(inner, row as u16, line, buf);
            if focused && at == self.bytes.at {
                widgets::mark_row(inner, row as u16, buf, theme);
            }
        }
        self.bytes.scrollbar(entries.len(), area, buf, theme);
    }

    /// Every finding with what to do about it, and the line where each begins.
    fn health_lines(&self, theme: &Theme, wide: usize) -> (Vec<Line<'static>>, Vec<usize>) {
        let (mut lines, mut starts) = (Vec::new(), Vec::new());
        let room = wide.saturating_sub(2);
        for finding in self.findings() {
            starts.push(lines.len());
            let (mark, role) = match finding.severity {
                Severity::Fine => ("✔ ", Role::Good),
                Severity::Note => ("! ", Role::Warn),
                Severity::Bad => ("✘ ", Role::Bad),
            };
            let mut first = mark;
            for part in text::wrap(&text::clean(&sentence(finding)), room, 3) {
                lines.push(Line::from(vec![
                    Span::styled(first, theme[role]),
                    Span::styled(part, theme[Role::Text]),
                ]));
                first = "  ";
            }
            let mut first = "  → ";
            let room = room.saturating_sub(2);
            for part in text::wrap(&text::clean(&finding.advice), room, 2) {
                lines.push(Line::styled(format!("{first}{part}"), theme[Role::Dim]));
                first = "    ";
            }
        }
        if let Some(Err(error)) = &self.weights {
            lines.push(Line::styled(format!("weights: {error}"), theme[Role::Bad]));
        }
        (lines, starts)
    }

    fn render_health(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let focused = self.part == Part::Health;
        let inner = panel("Health", area, buf, theme, focused);
        let (mut lines, starts) = self.health_lines(theme, inner.width as usize);
        if self.weights.is_none() {
            let words = match view.job("weights") {
                Some(_) => "looking through the weights…",
                None => "Enter looks through the weights too",
            };
            lines.push(Line::styled(words, theme[Role::Dim]));
        }
        let at = self.health.at.min(starts.len().saturating_sub(1));
        let chosen = starts.get(at).copied().unwrap_or(0);
        let end = starts.get(at + 1).copied().unwrap_or(lines.len());
        let high = inner.height as usize;
        let from = end.saturating_sub(high).min(chosen);
        let hidden = lines.len() > high;
        for (row, line) in lines.into_iter().skip(from).take(high).enumerate() {
            put(inner, row as u16, line, buf);
        }
        if focused && chosen < from + high {
            let row = Rect {
                y: inner.y + (chosen - from) as u16,
                height: 1,
                ..inner
            };
            let style = theme[Role::Selected];
            buf.set_style(row, Style { fg: None, ..style });
        }
        self.health_rows.replace((inner, from, starts));
        if hidden {
            let count = self.findings().len();
            panel_note(
                &format!("{} of {count}", at + 1),
                area,
                buf,
                theme[Role::Dim],
            );
        }
    }

    /// The finding that a click meets.
    fn finding_at(&self, column: u16, row: u16) -> Option<usize> {
        let (area, from, starts) = &*self.health_rows.borrow();
        if !area.contains((column, row).into()) {
            return None;
        }
        let line = from + usize::from(row - area.y);
        starts.iter().rposition(|start| *start <= line)
    }
}
