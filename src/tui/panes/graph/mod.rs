//! The Graph pane: one drawing, two views. The map is boxes on a canvas, the rails are one operator a row.

mod costs;
mod levels;
mod lit;
mod map;
mod meanings;
mod minimap;
mod moves;
mod overlay;
mod rows;
mod seen;
mod side;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use seen::Seen;

use self::levels::{Level, Ways};
use self::lit::Lit;
use self::map::{Follow, Shown, Window};
use self::overlay::Overlay;
use self::rows::Scroll;
use self::seen::Key;
use super::{Context, Handled, Pane, View};
use crate::layout::scene::Detail;
use crate::layout::scope::Item;
use crate::model::{Graph, Model, NodeId};
use crate::progress::Progress;
use crate::tui::command::Command;
use crate::tui::focus::Thing;
use crate::tui::jobs::{self, discard};
use crate::tui::term::{Buffer, MouseEvent, Rect};
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{Split, message, panel, panel_note};

/// Graphs up to this many nodes are laid out before the next frame.
const AT_ONCE: usize = 2_000;
/// The job that lays out a large graph.
const LAYOUT: &str = "layout";
/// The job that finds the ways into the graphs of a large model.
const WAYS: &str = "ways";
/// The job that finds what stands for something in a large graph.
const FIND: &str = "find";
/// The job that follows the flow through a large graph.
const FOLLOW: &str = "follow";

/// What a job found out.
pub enum Output {
    Drawn(Box<Seen>),
    /// Into the graphs of a MetaGraph.
    Ways(usize, Ways),
    /// The operator to stand on for this.
    Target(Thing, Option<(usize, NodeId)>),
    /// What is drawn for an operator that is not.
    StandIn(NodeId, Option<Item>),
    /// What to light up, and what to say of it.
    Lit(Option<Lit>, String),
}

fn answer(output: Output) -> jobs::Output {
    jobs::Output::Graph(Box::new(output))
}

/// Whether work on a graph takes too long to be done before the next frame.
fn is_large(graph: Option<&Graph>) -> bool {
    graph.is_some_and(|g| g.nodes.len() > AT_ONCE)
}

/// State of the pane.
pub struct GraphPane {
    meta: usize,
    ways: Arc<Ways>,
    /// The way from a signature down to the graph that is shown.
    levels: Vec<Level>,
    seen: Option<Arc<Seen>>,
    chosen: Option<Item>,
    /// What to choose when the drawing is there.
    pending: Option<Item>,
    marked: Option<Item>,
    lit: Option<Lit>,
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
        let lent = self.seen.as_ref().map(|seen| seen.lend());
        if !is_large(self.graph(cx.model)) && cx.counted.is_at_hand(self.meta) {
            let progress = Progress::new();
            let ways = (&*self.ways, &**cx.counted);
            let seen = Seen::new(cx.model, ways, (key, measured), lent, &progress);
            if let Ok(seen) = seen {
                self.arrive(seen, cx);
            }
            return;
        }
        let (model, ways, calls) = (cx.model.clone(), self.ways.clone(), cx.counted.clone());
        cx.job(LAYOUT, "laying out the graph", move |progress| {
            let ways = (&*ways, &*calls);
            let seen = Seen::new(&model, ways, (key, measured), lent, progress)?;
            Ok(answer(Output::Drawn(Box::new(seen))))
        });
    }

    /// Draws what is not drawn yet.
    fn draw_new(&mut self, cx: &mut Context) {
        let level = self.levels.last().map(|l| l.graph);
        let drawn = self.seen.as_ref().map(|s| s.key.graph);
        let new = self.seen.as_ref().map(|s| s.key.measured) != Some(cx.measured.version);
        if drawn != level || new || self.pending.is_some() {
            self.draw(cx);
        }
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
            .filter(|item| seen.known.hierarchy.contains(*item));
        let shown = chosen.map(|item| self.shown_in(&seen, item));
        let first = || seen.net(self.rails).item(0);
        let chosen = shown.or_else(first);
        let after = spot(&seen, chosen);
        discard(self.seen.replace(Arc::new(seen)));
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

    /// The item itself, or what stands for it in the present view.
    fn shown_in(&self, seen: &Seen, item: Item) -> Item {
        let hierarchy = &seen.known.hierarchy;
        let known = seen.scene.place(item).is_some() && !self.rails;
        match item {
            item if known || seen.net(self.rails).place(item).is_some() => item,
            // The rails have no row for a part, but for what is in it.
            Item::Scope(id) if self.rails && hierarchy.scope(id).part => {
                let inside = hierarchy.in_order(id).first().copied();
                inside.unwrap_or(item)
            }
            item if self.rails => hierarchy.visible(item, &hierarchy.with_parts(&seen.open)),
            item => hierarchy.visible(item, &seen.open),
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
            let path = seen.known.hierarchy.path_to(chosen);
            for item in &path[..path.len().saturating_sub(1)] {
                if let Item::Scope(id) = item {
                    parts.push(text::clean(&seen.known.hierarchy.scope(*id).label));
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
            let job = view.job(LAYOUT).or_else(|| view.job(WAYS));
            let words: &[&str] = match job {
                Some(_) => &["laying out the graph", "", "Esc stops it"],
                None if self.graph(view.model).is_some() => &["not laid out", "", "3 does it"],
                None => &["no graph"],
            };
            message(inner, words, buf, view.theme);
            return;
        };
        let zoom = match self.detail {
            Detail::Full => "two lines",
            Detail::Box => "one line",
            Detail::Line => "names",
            Detail::Dot => "dots",
        };
        let overlay = self.overlay.title();
        let rows = text::count(seen.list.len() as u64);
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
            map::render(&self.window, &shown, graph, inner, buf, view);
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
                (seen, seen.net(self.rails), self.chosen),
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
            if self.levels.is_empty() {
                // A job looks for the ways first.
                return;
            }
        }
        if self.told != Some(cx.focus.thing) && cx.focus.thing != Thing::Nothing {
            self.told = Some(cx.focus.thing);
            self.go_to(cx);
        }
        self.draw_new(cx);
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

    fn job(&mut self, _what: &'static str, output: jobs::Output, cx: &mut Context) {
        let output = match output {
            jobs::Output::Graph(output) => *output,
            jobs::Output::Saved(path) => return cx.say(format!("wrote {}", path.display())),
            _ => return,
        };
        match output {
            Output::Drawn(seen) => self.arrive(*seen, cx),
            Output::Ways(meta, ways) if meta == self.meta => {
                self.start(Arc::new(ways), cx);
                self.shown(cx);
            }
            Output::Target(thing, target) if thing == cx.focus.thing => {
                self.go_to_node(target, cx);
                self.draw_new(cx);
            }
            Output::StandIn(node, item) if self.pending == Some(Item::Node(node)) => {
                self.pending = None;
                self.uncover(item, cx);
                self.draw_new(cx);
            }
            Output::Lit(lit, words) => {
                cx.say(words);
                discard(std::mem::replace(&mut self.lit, lit));
            }
            Output::Ways(..) | Output::Target(..) | Output::StandIn(..) => {}
        }
    }

    fn copied(&self, cx: &Context) -> Option<String> {
        let (seen, graph) = (self.seen.as_ref()?, self.graph(cx.model)?);
        Some(match self.chosen? {
            Item::Scope(id) => seen.known.hierarchy.scope(id).path.clone(),
            Item::Node(id) => graph.node(id).name.to_string(),
            port @ (Item::Input(_) | Item::Output(_)) => seen.words(graph, port).head,
        })
    }
}
