//! Tree: everything in the model by level. Children are made when a row is opened.

mod detail;
mod draw;
mod levels;
mod names;
mod objects;
mod reveal;
mod rows;
mod visible;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use tui_tree_widget::TreeState;

use self::levels::Levels;
use self::rows::Id;
use self::visible::Place;
use super::overview::all_costs;
use super::{Context, Handled, Pane, PaneId, View};
use crate::model::Model;
use crate::tui::command::Command;
use crate::tui::focus::Thing;
use crate::tui::jobs::Output;
use crate::tui::term::{Buffer, MouseButton, MouseEvent, MouseEventKind, Rect};
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{Split, inside, panel, panel_note};

/// State of the pane.
pub struct TreePane {
    levels: Levels,
    /// What is open and what is chosen, by the ids from the root down to it.
    state: RefCell<TreeState<Id>>,
    /// Rows that can be reached, top to bottom.
    visible: Vec<Place>,
    /// The chosen one of them.
    chosen: usize,
    /// The first one on the screen, and where the screen has them.
    first: Cell<usize>,
    list: Cell<Rect>,
    split: Split,
    scroll: Cell<usize>,
}

impl TreePane {
    pub fn new(model: &Arc<Model>) -> TreePane {
        let mut pane = TreePane {
            levels: Levels::new(model),
            state: RefCell::default(),
            visible: Vec::new(),
            chosen: 0,
            first: Cell::new(0),
            list: Cell::default(),
            split: Split::default(),
            scroll: Cell::new(0),
        };
        if let Some(first) = pane.levels.id(pane.levels.below(&[]), 0) {
            pane.open(model, vec![first.clone()]);
            pane.open(model, vec![first.clone(), Id::Signatures(0)]);
            pane.flatten(&[first]);
        }
        pane
    }

    fn open(&mut self, model: &Model, path: Vec<Id>) {
        if let Some(id) = path.last() {
            self.levels.build(model, id);
        }
        self.state.get_mut().open(path);
    }

    fn toggle(&mut self, model: &Model) {
        let path = self.selected();
        if !self.state.get_mut().close(&path) {
            if !self.is_branch() {
                return;
            }
            self.open(model, path.clone());
        }
        self.flatten(&path);
    }

    fn close_or_up(&mut self) {
        let mut path = self.selected();
        if self.state.get_mut().close(&path) {
            self.flatten(&path);
        } else if path.len() > 1 {
            path.pop();
            self.flatten(&path);
        }
    }

    fn open_or_down(&mut self, model: &Model) {
        if self.state.borrow().opened().contains(&self.selected()) {
            self.step(1);
        } else {
            self.toggle(model);
        }
    }

    fn thing(&self) -> Thing {
        match self.selected().last() {
            Some(Id::Signature(_, at)) => Thing::Signature(*at),
            Some(Id::Graph(_, graph) | Id::Scope(_, graph, _)) => Thing::Graph(*graph),
            Some(Id::Node(_, graph, node)) => Thing::Node {
                graph: *graph,
                node: *node,
            },
            Some(Id::Variable(id)) => Thing::Variable(*id),
            Some(Id::Attachment(at)) => Thing::Attachment(*at),
            Some(Id::Metadata(at)) => Thing::Metadata(*at),
            _ => Thing::Nothing,
        }
    }

    /// The chosen row becomes the shared selection.
    fn choose(&self, cx: &mut Context) {
        self.scroll.set(0);
        let meta = self.selected().iter().find_map(|id| match id {
            Id::Meta(meta) => Some(*meta),
            _ => None,
        });
        cx.focus.meta = meta.unwrap_or(cx.focus.meta);
        cx.focus.thing = self.thing();
    }

    fn enter(&mut self, cx: &mut Context) {
        match self.thing() {
            thing @ Thing::Node { .. } => cx.go(PaneId::Graph, thing),
            thing @ Thing::Variable(_) => cx.go(PaneId::Tensors, thing),
            thing @ (Thing::Attachment(_) | Thing::Metadata(_)) => cx.go(PaneId::Source, thing),
            thing @ Thing::Signature(_) => cx.go(PaneId::Graph, thing),
            _ => self.toggle(cx.model),
        }
    }
}

impl Pane for TreePane {
    fn footer(&self) -> &'static [Command] {
        &[
            Command::Enter,
            Command::Mark,
            Command::ShowGraph,
            Command::ShowSource,
            Command::Search,
        ]
    }

    fn shown(&mut self, cx: &mut Context) {
        if !self.levels.has_costs() {
            let model = cx.model.clone();
            cx.job("costs", "counting what a call costs", move |progress| {
                Ok(Output::Costs(all_costs(&model, progress)?))
            });
        }
        self.reveal(cx);
    }

    fn job(&mut self, _what: &'static str, output: Output, cx: &mut Context) {
        if let Output::Costs(costs) = output {
            self.levels.set_costs(cx.model, costs);
        }
    }

    fn handle(&mut self, command: Command, cx: &mut Context) -> Handled {
        if self.split.handle(command) == Handled::Yes {
            return Handled::Yes;
        }
        if self.split.detail {
            match command {
                Command::Up => self.scroll.set(self.scroll.get().saturating_sub(1)),
                Command::Down => self.scroll.set(self.scroll.get() + 1),
                Command::Cancel | Command::Left => self.split.detail = false,
                _ => return Handled::No,
            }
            return Handled::Yes;
        }
        let height = i16::try_from(self.list.get().height).unwrap_or(i16::MAX);
        let page = isize::from(height.max(2) - 1);
        match command {
            Command::Up => self.step(-1),
            Command::Down => self.step(1),
            Command::PageUp => self.step(-page),
            Command::PageDown => self.step(page),
            Command::Top => self.step(isize::MIN + 1),
            Command::Bottom => self.step(isize::MAX),
            Command::Left => self.close_or_up(),
            Command::Right => self.open_or_down(cx.model),
            Command::Mark => self.toggle(cx.model),
            Command::Enter => {
                self.enter(cx);
                return Handled::Yes;
            }
            _ => return Handled::No,
        }
        self.choose(cx);
        Handled::Yes
    }

    fn split(&mut self) -> Option<&mut Split> {
        Some(&mut self.split)
    }

    fn mouse(&mut self, mouse: MouseEvent, cx: &mut Context) -> Handled {
        if mouse.kind != MouseEventKind::Down(MouseButton::Left) {
            return Handled::No;
        }
        let list = self.list.get();
        if !inside(list, mouse.column, mouse.row) {
            return Handled::No;
        }
        let hit = self.first.get() + usize::from(mouse.row - list.y);
        if hit >= self.visible.len() {
            return Handled::No;
        }
        self.stand(hit);
        self.choose(cx);
        Handled::Yes
    }

    fn copied(&self, cx: &Context) -> Option<String> {
        let path = self.selected();
        match path.last()? {
            Id::Scope(_, _, name) | Id::VariableScope(name) => Some(name.to_string()),
            _ if self.thing() != Thing::Nothing => cx.focus.name(cx.model),
            _ => self.chosen_row(cx.model).map(|r| r.label),
        }
    }

    fn render(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let (list, detail) = self.split.areas(area, 62);
        if !list.is_empty() {
            let inner = panel("Tree", list, buf, theme, !self.split.detail);
            let columns = match inner.width {
                ..60 => "operators · bytes",
                _ => "operators · bytes · MAC",
            };
            panel_note(columns, list, buf, theme[Role::Column]);
            self.render_rows(inner, buf, view.model, theme);
        }
        if !detail.is_empty() {
            let title = self
                .chosen_row(view.model)
                .map(|r| text::clean(&r.label))
                .unwrap_or_default();
            let title = text::fit_end(&title, detail.width.saturating_sub(6) as usize);
            let inner = panel(title, detail, buf, theme, self.split.detail);
            let facts = self.detail(view, inner.width as usize);
            let most = facts.len().saturating_sub(inner.height as usize);
            self.scroll.set(self.scroll.get().min(most));
            facts.render(inner, self.scroll.get(), buf);
        }
    }
}
