//! What keys and the mouse do in the Graph pane.

use std::sync::Arc;

use super::levels::{Level, Ways, called, called_as, title};
use super::lit::Lit;
use super::map::{Follow, Way, step};
use super::meanings::meaning;
use super::rows::{self, row_of};
use super::{FIND, FOLLOW, GraphPane, Output, WAYS, answer, is_large};
use crate::error::Error;
use crate::format::write_file;
use crate::layout::export::{self, Options, Scopes};
use crate::layout::scene::Detail;
use crate::layout::scope::{Item, ScopeId};
use crate::layout::weights::{Bound, Origin, Weights};
use crate::model::{Model, NodeId};
use crate::tui::command::Command;
use crate::tui::focus::{Focus, Thing};
use crate::tui::jobs::{self, discard};
use crate::tui::panes::{Context, Handled, PaneId};
use crate::tui::term::{MouseButton, MouseEvent, MouseEventKind};
use crate::tui::text;

/// Tag of the question what to export.
pub(super) const EXPORT: &str = "export";
/// Tag of the question which function to go into.
pub(super) const INTO: &str = "into";
/// Cells that a turn of the wheel and a pan key move.
const WHEEL: i32 = 3;
const PAN: (i32, i32) = (12, 6);

impl GraphPane {
    pub(super) fn command(&mut self, command: Command, cx: &mut Context) -> Handled {
        match command {
            Command::Up => self.walk(Way::Up, cx),
            Command::Down => self.walk(Way::Down, cx),
            Command::Left => self.walk(Way::Left, cx),
            Command::Right => self.walk(Way::Right, cx),
            Command::PageUp => self.page(-1, cx),
            Command::PageDown => self.page(1, cx),
            Command::Top => self.end(true, cx),
            Command::Bottom => self.end(false, cx),
            Command::Enter => self.enter(cx),
            Command::Back => return self.leave(cx),
            Command::Cancel => return self.clear(),
            Command::ViewMode => self.change_view(),
            Command::ZoomIn | Command::ZoomOut => self.zoom(command == Command::ZoomIn, cx),
            Command::Overlay => {
                self.overlay = self.overlay.next();
                self.draw(cx);
            }
            Command::Waits => {
                self.waits = !self.waits;
                cx.say(match self.waits {
                    true => "showing what waits for what",
                    false => "showing data only",
                });
                self.draw(cx);
            }
            Command::PanLeft => self.window.shift(-PAN.0, 0),
            Command::PanRight => self.window.shift(PAN.0, 0),
            Command::PanUp => self.window.shift(0, -PAN.1),
            Command::PanDown => self.window.shift(0, PAN.1),
            Command::Mark => {
                self.marked = if self.marked == self.chosen {
                    None
                } else {
                    self.chosen
                }
            }
            Command::Producer | Command::Consumer => self.neighbour(command, cx),
            Command::Trace => self.trace(cx),
            Command::PathTo => self.path_to(cx),
            Command::NextGraph => self.next_graph(1, cx),
            Command::PrevGraph => self.next_graph(-1, cx),
            Command::Export => cx.pick(
                EXPORT,
                "Export what is shown",
                [
                    ("svg", "a picture"),
                    ("dot", "for Graphviz"),
                    ("txt", "the characters on the screen"),
                    ("json", "boxes and edges"),
                ]
                .map(|(id, says)| (id.to_owned(), says.to_owned()))
                .to_vec(),
            ),
            _ => return Handled::No,
        }
        Handled::Yes
    }

    /// Keys that scroll the detail while it has the focus.
    pub(super) fn scroll_side(&mut self, command: Command) -> bool {
        self.side_scroll = match command {
            Command::Up => self.side_scroll.saturating_sub(1),
            Command::Down => self.side_scroll + 1,
            Command::PageUp => self.side_scroll.saturating_sub(10),
            Command::PageDown => self.side_scroll + 10,
            Command::Top => 0,
            _ => return false,
        };
        true
    }

    /// The levels of the signature that the model would be run with.
    pub(super) fn begin(&mut self, cx: &mut Context) {
        self.meta = cx.focus.meta;
        let Some(meta) = cx.model.meta_graphs.get(self.meta) else {
            return;
        };
        self.levels.clear();
        discard(self.seen.take());
        self.chosen = None;
        if !meta.graphs.iter().any(|g| is_large(Some(g))) {
            return self.start(Arc::new(Ways::of(meta)), cx);
        }
        let (model, at) = (cx.model.clone(), self.meta);
        cx.job(
            WAYS,
            "looking for ways through the graphs",
            move |progress| {
                let gone = || Error::usage("the MetaGraph is not there any more");
                let meta = model.meta_graphs.get(at).ok_or_else(gone)?;
                let mut ways = Ways::of(meta);
                progress.check()?;
                ways.find_starts(meta, progress)?;
                Ok(answer(Output::Ways(at, ways)))
            },
        );
    }

    /// Stands at the signature that the model would be run with.
    pub(super) fn start(&mut self, ways: Arc<Ways>, cx: &mut Context) {
        let Some(meta) = cx.model.meta_graphs.get(self.meta) else {
            return;
        };
        self.ways = ways;
        let usual = meta
            .signatures
            .iter()
            .position(|s| &*s.key == "serving_default");
        self.levels = match usual.or((!meta.signatures.is_empty()).then_some(0)) {
            Some(signature) => self.ways.of_signature(meta, signature),
            None => vec![Level::new(0, title(meta, 0))],
        };
    }

    /// The chosen operator stays chosen, or what stands for it.
    fn change_view(&mut self) {
        self.rails = !self.rails;
        if let Some(seen) = &self.seen {
            self.chosen = self.chosen.map(|item| self.shown_in(seen, item));
        }
        self.window.follow.set(Follow::Keep);
    }

    /// Shows what the other panes have chosen.
    pub(super) fn go_to(&mut self, cx: &mut Context) {
        let Some(meta) = cx.model.meta_graphs.get(self.meta) else {
            return;
        };
        let target = match cx.focus.thing {
            Thing::Signature(index) => {
                self.levels = self.ways.of_signature(meta, index);
                return;
            }
            Thing::Graph(index) => {
                self.levels = vec![Level::new(index, title(meta, index))];
                return;
            }
            Thing::Node { graph, node } => Some((graph, node)),
            thing if meta.graphs.iter().any(|g| is_large(Some(g))) => {
                let (model, ways, focus) = (cx.model.clone(), self.ways.clone(), *cx.focus);
                let here = self.levels.last().map(|l| l.graph);
                cx.job(FIND, "looking for it in the graphs", move |_| {
                    let target = operator_of(&model, &ways, &focus, here);
                    Ok(answer(Output::Target(thing, target)))
                });
                return;
            }
            _ => {
                let here = self.levels.last().map(|l| l.graph);
                operator_of(cx.model, &self.ways, cx.focus, here)
            }
        };
        self.go_to_node(target, cx);
    }

    /// Shows an operator.
    pub(super) fn go_to_node(&mut self, target: Option<(usize, NodeId)>, cx: &mut Context) {
        let Some(meta) = cx.model.meta_graphs.get(self.meta) else {
            return;
        };
        let Some((graph, node)) = target else { return };
        match self.levels.iter().position(|l| l.graph == graph) {
            Some(at) => {
                self.remember();
                self.levels.truncate(at + 1);
            }
            None => self.levels = vec![Level::new(graph, title(meta, graph))],
        }
        self.reveal(graph, node, cx);
    }

    /// Opens the scopes around a node, or around what stands for it, and chooses it.
    fn reveal(&mut self, graph: usize, node: NodeId, cx: &mut Context) {
        let drawn = self.seen.as_ref().map(|s| s.key.graph);
        if drawn != Some(graph) {
            discard(self.seen.take());
            self.draw(cx);
        }
        let Some(seen) = &self.seen else {
            self.pending = Some(Item::Node(node));
            return;
        };
        let item = Item::Node(node);
        if seen.known.hierarchy.contains(item) {
            return self.uncover(Some(item), cx);
        }
        let (model, known, meta) = (cx.model.clone(), seen.known.clone(), self.meta);
        let stand_in = move || {
            let graph = model.meta_graphs.get(meta)?.graphs.get(graph)?;
            known.hierarchy.stand_in(graph, node)
        };
        if !is_large(self.graph(cx.model)) {
            return self.uncover(stand_in(), cx);
        }
        self.pending = Some(item);
        cx.job(FIND, "looking for it in the graph", move |_| {
            Ok(answer(Output::StandIn(node, stand_in())))
        });
    }

    /// Opens the scopes around something and chooses it.
    pub(super) fn uncover(&mut self, item: Option<Item>, cx: &mut Context) {
        let (Some(seen), Some(level), Some(item)) = (&self.seen, self.levels.last_mut(), item)
        else {
            return;
        };
        let mut open = seen.open.clone();
        for around in seen.known.hierarchy.path_to(item) {
            match around {
                // The rails show what is in a part without its being open.
                Item::Scope(id) if self.rails && seen.known.hierarchy.scope(id).part => {}
                Item::Scope(id) => open.open(id),
                _ => {}
            }
        }
        if open == seen.open && seen.net(self.rails).place(item).is_some() {
            // It is drawn already.
            return self.choose(item, cx);
        }
        level.open = Some(open);
        self.pending = Some(item);
    }

    fn walk(&mut self, way: Way, cx: &mut Context) {
        let (Some(seen), Some(chosen)) = (&self.seen, self.chosen) else {
            return;
        };
        if self.rails {
            match way {
                Way::Up => self.row(-1, cx),
                Way::Down => self.row(1, cx),
                Way::Left => {
                    self.leave(cx);
                }
                Way::Right => self.open(cx),
            }
            return;
        }
        match step(seen, chosen, way) {
            Some(next) => self.choose(next, cx),
            None => self.window.follow.set(Follow::Keep),
        }
    }

    /// To what comes before or after along the flow, in both views.
    fn neighbour(&mut self, command: Command, cx: &mut Context) {
        let (Some(seen), Some(chosen)) = (&self.seen, self.chosen) else {
            return;
        };
        let net = seen.net(self.rails);
        let (first, missing) = match command {
            Command::Producer => (
                net.flow_into(chosen).next().map(|flow| flow.from),
                "nothing comes before",
            ),
            _ => (
                net.flow_from(chosen).next().map(|flow| flow.to),
                "nothing comes after",
            ),
        };
        match first {
            Some(next) => self.choose(next, cx),
            None => cx.say(missing),
        }
    }

    fn row(&mut self, by: isize, cx: &mut Context) {
        let Some(seen) = &self.seen else { return };
        let at = row_of(seen, self.chosen).saturating_add_signed(by);
        let row = seen.list.item(at.min(seen.list.len().saturating_sub(1)));
        if let Some(item) = row {
            self.choose(item, cx);
        }
    }

    fn page(&mut self, by: i32, cx: &mut Context) {
        if self.rails {
            let rows = isize::from(self.scroll.area.get().height.max(2) as i16) - 1;
            self.row(by as isize * rows, cx);
            return;
        }
        let height = i32::from(self.window.area.get().height.max(2));
        let (Some(seen), Some(chosen)) = (&self.seen, self.chosen) else {
            return;
        };
        let Some(here) = seen.scene.place(chosen).map(|p| p.rect) else {
            return;
        };
        let (x, y) = (here.middle().0, here.middle().1 + by * height * 3 / 4);
        let nearest = seen
            .scene
            .places
            .iter()
            .filter(|p| !p.open)
            .min_by_key(|p| (p.rect.middle().1 - y).abs() * 2 + (p.rect.middle().0 - x).abs() / 2);
        if let Some(item) = nearest.map(|p| p.item) {
            self.choose(item, cx);
        }
    }

    fn end(&mut self, first: bool, cx: &mut Context) {
        let Some(seen) = &self.seen else { return };
        let net = seen.net(self.rails);
        let last = net.len().saturating_sub(1);
        if let Some(item) = net.item(if first { 0 } else { last }) {
            self.choose(item, cx);
        }
    }

    /// Opens a scope in place, or goes into the function that an operator calls.
    fn enter(&mut self, cx: &mut Context) {
        if self.open_scope().is_some() {
            self.open(cx);
            return;
        }
        let Some(item) = self.chosen else { return };
        let meta = cx.model.meta_graphs.get(self.meta);
        let (Some(meta), Some(graph)) = (meta, self.graph(cx.model)) else {
            return;
        };
        match (called_as(meta, graph, item).as_slice(), item) {
            ([], Item::Node(_)) => {
                let thing = cx.focus.thing;
                cx.go(PaneId::Source, thing);
            }
            ([], _) => cx.say("nothing to go into here"),
            ([(_, only)], _) => self.descend(*only, cx),
            (several, _) => {
                let choices = several.iter().map(|&(role, callee)| {
                    let nodes = meta.graphs.get(callee).map_or(0, |g| g.nodes.len());
                    let role = meaning(graph.dialect, role).unwrap_or(role);
                    let says = format!("{role}: {} operators", text::count(nodes as u64));
                    (format!("{callee} {}", title(meta, callee)), says)
                });
                let choices = choices.collect();
                cx.pick(INTO, "go into", choices);
            }
        }
    }

    /// One of several graphs that an operator calls was chosen.
    pub(super) fn enter_named(&mut self, label: &str, cx: &mut Context) {
        let number = label.split_once(' ').and_then(|(n, _)| n.parse().ok());
        if let Some(graph) = number {
            self.descend(graph, cx);
        }
    }

    /// Goes into a graph that the present one calls.
    fn descend(&mut self, graph: usize, cx: &mut Context) {
        let Some(meta) = cx.model.meta_graphs.get(self.meta) else {
            return;
        };
        let level = Level::new(graph, title(meta, graph));
        self.remember();
        self.levels.push(level);
        self.chosen = None;
        self.lit = None;
        self.draw(cx);
    }

    fn open_scope(&self) -> Option<ScopeId> {
        match (self.chosen?, &self.seen) {
            (Item::Scope(id), Some(seen)) if !seen.open.contains(id) => Some(id),
            _ => None,
        }
    }

    fn open(&mut self, cx: &mut Context) {
        let (Some(id), Some(seen)) = (self.open_scope(), &self.seen) else {
            return;
        };
        let mut open = seen.open.clone();
        open.open(id);
        // The first operator inside is chosen: one is in the scope now.
        self.pending = seen.known.hierarchy.in_order(id).first().copied();
        if let Some(level) = self.levels.last_mut() {
            level.open = Some(open);
        }
        self.draw(cx);
    }

    /// Closes the scope around the chosen item, or goes back to the graph that led here.
    fn leave(&mut self, cx: &mut Context) -> Handled {
        let (Some(seen), Some(chosen)) = (&self.seen, self.chosen) else {
            return Handled::No;
        };
        let hierarchy = &seen.known.hierarchy;
        let mut around = match chosen {
            Item::Scope(id) if seen.open.contains(id) => Some(id),
            item => hierarchy.parent(item),
        };
        // The rails know no parts.
        while self.rails && around.is_some_and(|id| hierarchy.scope(id).part) {
            around = around.and_then(|id| hierarchy.scope(id).parent);
        }
        let around = around.filter(|scope| *scope != ScopeId::ROOT);
        if let Some(scope) = around {
            let mut open = seen.open.clone();
            open.close(scope);
            self.pending = Some(Item::Scope(scope));
            if let Some(level) = self.levels.last_mut() {
                level.open = Some(open);
            }
            self.draw(cx);
            return Handled::Yes;
        }
        if self.levels.len() < 2 {
            return Handled::No;
        }
        self.levels.pop();
        self.lit = None;
        self.pending = self.levels.last().and_then(|l| l.chosen);
        self.chosen = None;
        self.draw(cx);
        Handled::Yes
    }

    /// The present level keeps what was chosen in it.
    fn remember(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            level.chosen = self.chosen;
        }
    }

    fn clear(&mut self) -> Handled {
        if self.lit.take().is_some() || self.marked.take().is_some() {
            Handled::Yes
        } else {
            Handled::No
        }
    }

    fn zoom(&mut self, closer: bool, cx: &mut Context) {
        let all = [Detail::Full, Detail::Box, Detail::Line, Detail::Dot];
        let at = all.iter().position(|d| *d == self.detail).unwrap_or(1);
        // Farther than the farthest is the closest again: one key goes round.
        let next = match closer {
            true => at.saturating_sub(1),
            false => (at + 1) % all.len(),
        };
        self.detail = all[next];
        self.draw(cx);
    }

    fn trace(&mut self, cx: &mut Context) {
        let (Some(seen), Some(chosen)) = (&self.seen, self.chosen) else {
            return;
        };
        if let Some(lit) = self.lit.take() {
            return discard(lit);
        }
        let net = seen.net(self.rails).clone();
        let trace = move || {
            let (lit, count) = Lit::reach(&net, chosen);
            let words = format!("{} boxes feed it or are fed by it", count.saturating_sub(1));
            (Some(lit), words)
        };
        self.follow(trace, cx);
    }

    /// Lights up what `find` finds, now or by a job.
    fn follow(
        &mut self,
        find: impl FnOnce() -> (Option<Lit>, String) + Send + 'static,
        cx: &mut Context,
    ) {
        if is_large(self.graph(cx.model)) {
            cx.job(FOLLOW, "following the flow", move |_| {
                let (lit, words) = find();
                Ok(answer(Output::Lit(lit, words)))
            });
            return;
        }
        let (lit, words) = find();
        cx.say(words);
        self.lit = lit;
    }

    fn path_to(&mut self, cx: &mut Context) {
        let (Some(seen), Some(chosen)) = (&self.seen, self.chosen) else {
            return;
        };
        let Some(marked) = self.marked.filter(|m| *m != chosen) else {
            cx.say("mark the other end with Space first");
            return;
        };
        let (net, lit) = (seen.net(self.rails).clone(), self.lit.clone());
        let path = move || match Lit::path(&net, marked, chosen) {
            Some((lit, steps)) => (Some(lit), format!("{steps} steps")),
            None => (lit, "no data flows from one to the other".to_owned()),
        };
        self.follow(path, cx);
    }

    fn next_graph(&mut self, by: isize, cx: &mut Context) {
        let Some(meta) = cx.model.meta_graphs.get(self.meta) else {
            return;
        };
        let count = meta.graphs.len() as isize;
        let Some(level) = self.levels.last() else {
            return;
        };
        if count < 2 {
            cx.say("there is only this graph");
            return;
        }
        let next = (level.graph as isize + by).rem_euclid(count) as usize;
        self.levels = vec![Level::new(next, title(meta, next))];
        self.chosen = None;
        self.lit = None;
        self.draw(cx);
    }

    pub(super) fn export(&mut self, kind: &str, cx: &mut Context) {
        let Some(seen) = &self.seen else { return };
        let options = Options {
            detail: self.detail,
            bound: self.ways.weights(seen.key.graph),
            weights: false,
            scopes: Scopes::These(seen.open.clone()),
        };
        let name = self.levels.last().map_or("graph", |l| l.title.as_str());
        let path = text::fresh_file(&text::file_name(name), kind);
        let (model, seen, rails) = (cx.model.clone(), seen.clone(), self.rails);
        let kind = kind.to_owned();
        cx.job("export", "drawing", move |_| {
            let meta = model.meta_graphs.get(seen.key.meta);
            let gone = || Error::usage("the graph is not there any more");
            let graph = meta
                .and_then(|m| m.graphs.get(seen.key.graph))
                .ok_or_else(gone)?;
            let drawn = match kind.as_str() {
                "txt" if rails => rows::text(&seen, graph),
                "svg" => export::svg(graph, &options),
                "dot" => export::dot(graph, &options),
                "json" => export::json(graph, &options),
                _ => export::text(graph, &options),
            };
            write_file(&path, drawn.as_bytes())?;
            Ok(jobs::Output::Saved(path))
        });
    }

    pub(super) fn pointer(&mut self, mouse: MouseEvent, cx: &mut Context) -> Handled {
        let on_map = !self.rails
            && crate::tui::widgets::inside(self.window.area.get(), mouse.column, mouse.row);
        match mouse.kind {
            MouseEventKind::ScrollUp if on_map => self.window.shift(0, -WHEEL),
            MouseEventKind::ScrollDown if on_map => self.window.shift(0, WHEEL),
            MouseEventKind::ScrollLeft if on_map => self.window.shift(-2 * WHEEL, 0),
            MouseEventKind::ScrollRight if on_map => self.window.shift(2 * WHEEL, 0),
            MouseEventKind::Down(MouseButton::Left) => {
                self.held = Some((mouse.column, mouse.row));
                self.press(mouse, cx);
            }
            MouseEventKind::Drag(MouseButton::Left) if on_map => {
                if let Some((x, y)) = self.held.replace((mouse.column, mouse.row)) {
                    let by = (
                        i32::from(x) - i32::from(mouse.column),
                        i32::from(y) - i32::from(mouse.row),
                    );
                    self.window.shift(by.0, by.1);
                }
            }
            MouseEventKind::Up(MouseButton::Left) => self.held = None,
            _ => return Handled::No,
        }
        Handled::Yes
    }

    fn press(&mut self, mouse: MouseEvent, cx: &mut Context) {
        let Some(seen) = &self.seen else { return };
        let item = if self.rails {
            let row = self.scroll.hit(mouse.row);
            row.and_then(|r| seen.list.item(r))
        } else {
            self.window
                .hit(seen, mouse.column, mouse.row)
                .map(|p| p.item)
        };
        let Some(item) = item else { return };
        self.choose(item, cx);
        // What is under the pointer is in sight already: the window stays.
        self.window.follow.set(Follow::No);
    }
}

/// The operator to stand on for what is chosen in other panes; of a variable the one that takes it, in graph `here` if
/// there is one.
fn operator_of(
    model: &Model,
    ways: &Ways,
    focus: &Focus,
    here: Option<usize>,
) -> Option<(usize, NodeId)> {
    let Thing::Variable(id) = focus.thing else {
        return focus.node(model);
    };
    let meta = focus.meta(model)?;
    let all = here.into_iter().chain((0..meta.graphs.len()).rev());
    for index in all {
        let graph = meta.graphs.get(index)?;
        let bound = ways.bound.get(index)?;
        let weights = Weights::of(graph, &ways.weights(index));
        let is_it = |origin: &Origin| match origin {
            Origin::Argument(at) => bound.get(*at).copied().flatten() == Some(Bound::Variable(id)),
            Origin::Variable(node) => graph.node(*node).variable == Some(id),
            Origin::Constant(_) => false,
        };
        let takes = |node: NodeId| {
            let all = weights.at(graph, node);
            all.iter().any(|w| w.origins.iter().any(is_it))
        };
        let found = graph
            .node_ids()
            .filter(|n| !weights.is_node(*n))
            .find(|n| takes(*n) && called(meta, graph, Item::Node(*n)).is_empty());
        if let Some(node) = found {
            return Some((index, node));
        }
    }
    None
}
