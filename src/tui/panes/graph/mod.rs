//! The Graph pane: one drawing, two views. The map is boxes on a canvas, the rails are one operator a row.

mod levels;
mod map;
mod meanings;
mod moves;
mod rows;
mod seen;
mod side;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

pub use seen::Seen;

use self::levels::{Level, Ways};
use self::map::{Follow, Shown, Window};
use self::rows::Scroll;
use self::seen::{Key, Overlay};
use super::{Context, Handled, Pane, View};
use crate::layout::scene::Detail;
use crate::layout::scope::Item;
use crate::model::{Graph, Model};
use crate::tui::command::Command;
use crate::tui::focus::Thing;
use crate::tui::jobs::Output;
use crate::tui::term::{Buffer, MouseEvent, Rect};
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{Split, message, panel, panel_note};

/// Graphs up to this many nodes are laid out before the next frame.
const AT_ONCE: usize = 2_000;
/// The job that lays out a large graph.
const LAYOUT: &str = "layout";

/// State of the pane.
pub struct GraphPane {
    meta: usize,
    ways: Arc<Ways>,
    /// The way from a signature down to the graph that is shown.
    levels: Vec<Level>,
    seen: Option<Seen>,
    chosen: Option<Item>,
    /// What to choose when the drawing is there.
    pending: Option<Item>,
    marked: Option<Item>,
    lit: Option<HashSet<Item>>,
    rails: bool,
    detail: Detail,
    overlay: Overlay,
    /// Edges that carry no data are drawn too.
    waits: bool,
    split: Split,
    side_scroll: usize,
    window: Window,
    scroll: Scroll,
    /// What this pane last told the others.
    told: Option<Thing>,
    /// Where the mouse went down, and the last press, for drags and double clicks.
    held: Option<(u16, u16)>,
}

impl GraphPane {
    pub fn new(_model: &Arc<Model>) -> GraphPane {
        GraphPane {
            meta: 0,
            ways: Arc::default(),
            levels: Vec::new(),
            seen: None,
            chosen: None,
            pending: None,
            marked: None,
            lit: None,
            rails: false,
            detail: Detail::Box,
            overlay: Overlay::Family,
            waits: true,
            split: Split::default(),
            side_scroll: 0,
            window: Window::default(),
            scroll: Scroll::default(),
            told: None,
            held: None,
        }
    }

    fn graph<'m>(&self, model: &'m Model) -> Option<&'m Graph> {
        let level = self.levels.last()?;
        model.meta_graphs.get(self.meta)?.graphs.get(level.graph)
    }

    /// Has the drawing of the present level made, at once or as a job.
    fn draw(&mut self, cx: &mut Context) {
        let Some(level) = self.levels.last() else {
            return;
        };
        let key = Key {
            meta: self.meta,
            graph: level.graph,
            open: level.open.clone(),
            detail: self.detail,
            overlay: self.overlay,
            waits: self.waits,
            measured: cx.measured.version,
        };
        let measured = cx.measured.clone();
        let nodes = self.graph(cx.model).map_or(0, |g| g.nodes.len());
        if nodes <= AT_ONCE {
            let seen = Seen::new(cx.model, &self.ways, (key, &measured), self.seen.as_ref());
            if let Some(seen) = seen {
                self.arrive(seen, cx);
            }
            return;
        }
        let (model, ways) = (cx.model.clone(), self.ways.clone());
        let lent = self.seen.as_ref().map(Seen::lend);
        cx.job(LAYOUT, "laying out the graph", move |progress| {
            let seen = Seen::new(&model, &ways, (key, &measured), lent.as_ref());
            progress.check()?;
            seen.map(|seen| Output::Drawn(Box::new(seen)))
                .ok_or_else(|| crate::error::Error::usage("the graph is not there any more"))
        });
    }

    /// A drawing is there: the window and the chosen box stay where they were.
    fn arrive(&mut self, seen: Seen, cx: &mut Context) {
        let same = self
            .seen
            .as_ref()
            .is_some_and(|old| old.key.graph == seen.key.graph && old.key.meta == seen.key.meta);
        let spot = |seen: &Seen, item: Option<Item>| {
            let rect = seen.scene.place(item?)?.rect;
            Some((rect.middle().0, rect.y))
        };
        let before = self.seen.as_ref().and_then(|old| spot(old, self.chosen));
        if let Some(level) = self.levels.last_mut() {
            level.open = Some(seen.open.clone());
        }
        let wanted = self.pending.take();
        let chosen = wanted
            .or(self.chosen.filter(|_| same))
            .filter(|item| seen.hierarchy.contains(*item));
        let shown = chosen.map(|item| match seen.scene.place(item) {
            Some(_) => item,
            None => seen.hierarchy.visible(item, &seen.open),
        });
        let first = || seen.rows.first().map(|row| row.item);
        let chosen = shown.or_else(first);
        let after = spot(&seen, chosen);
        self.seen = Some(seen);
        self.chosen = chosen;
        match (same, before, after) {
            (true, Some(before), Some(after)) => {
                let (x, y) = self.window.pan.get();
                self.window
                    .pan
                    .set((x + after.0 - before.0, y + after.1 - before.1));
                self.window.follow.set(Follow::Keep);
            }
            _ => self.window.follow.set(Follow::Begin),
        }
        if wanted.is_some() {
            self.tell(cx);
        }
    }

    /// Chooses an item and tells the other panes.
    fn choose(&mut self, item: Item, cx: &mut Context) {
        self.chosen = Some(item);
        self.side_scroll = 0;
        self.window.follow.set(Follow::Keep);
        self.tell(cx);
    }

    fn tell(&mut self, cx: &mut Context) {
        let (Some(level), Some(item)) = (self.levels.last(), self.chosen) else {
            return;
        };
        let graph = level.graph;
        let value = |list: &[Option<crate::model::ValueId>], index: u32| {
            let value = list.get(index as usize).copied().flatten()?;
            Some(Thing::Value { graph, value })
        };
        let found = self.graph(cx.model).and_then(|g| match item {
            Item::Node(node) => Some(Thing::Node { graph, node }),
            Item::Input(index) => value(&g.inputs, index),
            Item::Output(index) => value(&g.outputs, index),
            Item::Scope(_) => None,
        });
        if let Some(thing) = found {
            cx.focus.thing = thing;
            self.told = Some(thing);
        }
    }

    /// `serving_default ▸ digits_cnn ▸ block_2`.
    fn crumbs(&self) -> String {
        let mut parts: Vec<String> = self.levels.iter().map(|l| text::clean(&l.title)).collect();
        if let (Some(seen), Some(chosen)) = (&self.seen, self.chosen) {
            let path = seen.hierarchy.path_to(chosen);
            for item in &path[..path.len().saturating_sub(1)] {
                if let Item::Scope(id) = item {
                    parts.push(text::clean(&seen.hierarchy.scope(*id).label));
                }
            }
        }
        parts.join(" ▸ ")
    }

    /// The areas of drawing and detail.
    fn areas(&self, area: Rect) -> (Rect, Rect) {
        let side = (area.width / 4).clamp(34, 48);
        let share = (u32::from(area.width - side.min(area.width)) * 100)
            .div_ceil(u32::from(area.width.max(1)));
        let both = area.width >= 100 && area.height >= 12;
        self.split.areas_if(both, area, share as u16)
    }

    /// The chosen box in one line on the lower border, where there is no room for the detail.
    fn summary(&self, seen: &Seen, graph: &Graph, area: Rect, buf: &mut Buffer, view: &View) {
        let Some(item) = self.chosen else { return };
        let label = seen.words(graph, item);
        let cost = seen.cost(item);
        let mut parts = vec![format!("{} {}", label.head, label.tail), label.sub];
        if cost.bytes > 0 {
            parts.push(text::bytes(cost.bytes));
        }
        if cost.macs > 0 {
            parts.push(format!("{}MAC", text::short(cost.macs)));
        }
        let room = usize::from(area.width.saturating_sub(6));
        let line = text::fit(&text::clean(&parts.join(" · ")), room);
        if area.height > 2 && room > 20 {
            let style = view.theme[Role::Text];
            buf.set_string(area.x + 2, area.bottom() - 1, format!(" {line} "), style);
        }
    }

    fn render_drawing(&self, (area, alone): (Rect, bool), buf: &mut Buffer, view: &View) {
        let inner = panel(self.crumbs(), area, buf, view.theme, !self.split.detail);
        let (Some(seen), Some(graph)) = (&self.seen, self.graph(view.model)) else {
            let words = match view.job(LAYOUT) {
                Some(_) => "laying out the graph",
                None => "no graph",
            };
            message(inner, &[words], buf, view.theme);
            return;
        };
        let zoom = match self.detail {
            Detail::Full => "two lines",
            Detail::Box => "one line",
            Detail::Line => "names",
            Detail::Dot => "dots",
        };
        let overlay = self.overlay.title();
        let rows = text::count(seen.rows.len() as u64);
        let note = match (self.rails, seen.missing) {
            (_, Some(why)) => format!("{overlay} · {why}"),
            (true, None) if self.overlay == Overlay::Family => format!("{rows} rows"),
            (true, None) => format!("{overlay} · {rows} rows"),
            (false, None) => format!("{overlay} · {zoom}"),
        };
        panel_note(&note, area, buf, view.theme[Role::Dim]);
        if alone {
            self.summary(seen, graph, area, buf, view);
        }
        let shown = Shown {
            seen,
            chosen: self.chosen,
            marked: self.marked,
            lit: self.lit.as_ref(),
        };
        if self.rails {
            rows::render(&self.scroll, &shown, graph, inner, buf, view);
        } else {
            map::render(&self.window, &shown, inner, buf, view);
        }
    }
}

impl Pane for GraphPane {
    fn footer(&self) -> &'static [Command] {
        &[
            Command::Enter,
            Command::Back,
            Command::ViewMode,
            Command::ZoomOut,
            Command::Overlay,
            Command::Trace,
            Command::Export,
            Command::NextFocus,
        ]
    }

    fn handle(&mut self, command: Command, cx: &mut Context) -> Handled {
        if self.split.handle(command) == Handled::Yes {
            return Handled::Yes;
        }
        if self.split.detail && self.scroll_side(command) {
            return Handled::Yes;
        }
        self.command(command, cx)
    }

    fn render(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let (drawing, detail) = self.areas(area);
        if drawing.width > 0 {
            self.render_drawing((drawing, detail.width == 0), buf, view);
        }
        match &self.seen {
            Some(seen) if detail.width > 0 => side::render(
                (seen, self.chosen),
                &self.ways,
                self.side_scroll,
                (detail, self.split.detail),
                buf,
                view,
            ),
            _ if detail.width > 0 => {
                panel("", detail, buf, view.theme, self.split.detail);
            }
            _ => {}
        }
    }

    fn shown(&mut self, cx: &mut Context) {
        if self.levels.is_empty() || self.meta != cx.focus.meta {
            self.begin(cx);
        }
        if self.told != Some(cx.focus.thing) && cx.focus.thing != Thing::Nothing {
            self.told = Some(cx.focus.thing);
            self.go_to(cx);
        }
        let level = self.levels.last().map(|l| l.graph);
        let drawn = self.seen.as_ref().map(|s| s.key.graph);
        let new = self.seen.as_ref().map(|s| s.key.measured) != Some(cx.measured.version);
        if drawn != level || new || self.pending.is_some() {
            self.draw(cx);
        }
    }

    fn split(&mut self) -> Option<&mut Split> {
        Some(&mut self.split)
    }

    fn mouse(&mut self, mouse: MouseEvent, cx: &mut Context) -> Handled {
        self.pointer(mouse, cx)
    }

    fn text(&mut self, tag: &'static str, text: &str, cx: &mut Context) {
        match tag {
            moves::EXPORT => self.export(text, cx),
            moves::INTO => self.enter_named(text, cx),
            _ => {}
        }
    }

    fn job(&mut self, _what: &'static str, output: Output, cx: &mut Context) {
        match output {
            Output::Drawn(seen) => self.arrive(*seen, cx),
            Output::Saved(path) => cx.say(format!("wrote {}", path.display())),
            _ => {}
        }
    }

    fn copied(&self, cx: &Context) -> Option<String> {
        let (seen, graph) = (self.seen.as_ref()?, self.graph(cx.model)?);
        Some(match self.chosen? {
            Item::Scope(id) => seen.hierarchy.scope(id).path.clone(),
            Item::Node(id) => graph.node(id).name.to_string(),
            port @ (Item::Input(_) | Item::Output(_)) => seen.words(graph, port).head,
        })
    }
}
