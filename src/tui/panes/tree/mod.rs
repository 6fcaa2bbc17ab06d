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
use std::collections::HashMap;
use std::sync::Arc;

use tui_tree_widget::TreeState;

use self::draw::Figures;
use self::levels::Levels;
use self::rows::{Id, Told};
use self::visible::Branch;
use super::{Context, Handled, Pane, PaneId, View};
use crate::model::{GraphKind, Model, NodeId};
use crate::tui::command::Command;
use crate::tui::focus::Thing;
use crate::tui::jobs;
use crate::tui::term::{Buffer, MouseButton, MouseEvent, MouseEventKind, Rect};
use crate::tui::text;
use crate::tui::widgets::{Split, inside, panel};

/// What is done when the rows that a job looks for are there.
enum Waiting {
    /// This row is opened.
    Open(Vec<Id>),
    /// The tree opens down to the shared selection.
    Reveal,
}

/// What a job made of the model's names.
pub enum Output {
    /// The rows below a row.
    Rows(levels::Built),
    /// What is counted over whole graphs.
    Told(Told),
    Sums(Vec<(levels::Of, names::Names)>),
    /// The operator to stand on for this.
    Operator(Found),
}

/// Something chosen elsewhere, and the graph and operator that stand for it.
type Found = (Thing, Option<(usize, NodeId)>);

/// Jobs by their names.
const COSTS: &str = "costs";
const SUMS: &str = "sums";
const ROWS: &str = "rows";
const FIND: &str = "find";

/// State of the pane.
pub struct TreePane {
    levels: Levels,
    /// What is open and what is chosen, by the ids from the root down to it.
    state: RefCell<TreeState<Id>>,
    /// Rows that can be reached, top to bottom.
    visible: Branch,
    /// What is open below rows that were closed.
    folded: HashMap<Vec<Id>, Branch>,
    waiting: Option<Waiting>,
    /// What a job has found last.
    found: Option<Found>,
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
        let levels = Levels::new(model);
        let mut pane = TreePane {
            visible: Branch::new(&[], levels.below(&[]).len()),
            levels,
            state: RefCell::default(),
            folded: HashMap::new(),
            waiting: None,
            found: None,
            chosen: 0,
            first: Cell::new(0),
            list: Cell::default(),
            split: Split::default(),
            scroll: Cell::new(0),
        };
        if let Some(first) = pane.levels.id(pane.levels.below(&[]), 0) {
            let first = vec![first];
            for path in [first.clone(), [&first[..], &[Id::Signatures(0)]].concat()] {
                if path.last().is_some_and(|id| pane.levels.build(model, id)) {
                    pane.unfold(&path);
                }
            }
            pane.open_served(model, &first);
            pane.stand_on(&first);
        }
        pane
    }

    /// Opens the graph that the first signature runs, unless that only calls a function or the rest would go out of
    /// sight.
    fn open_served(&mut self, model: &Model, first: &[Id]) {
        const ROWS: usize = 32;
        const OPERATORS: usize = 2_000;
        let Some(meta) = model.meta_graphs.first() else {
            return;
        };
        let graph = meta.signatures.first().map_or(0, |s| s.graph);
        let Some(found) = meta.graphs.get(graph) else {
            return;
        };
        let calls = |op: &str| op.ends_with("PartitionedCall");
        if found.kind == GraphKind::Function
            || found.nodes.len() > OPERATORS
            || found.nodes.iter().any(|n| calls(&n.op))
        {
            return;
        }
        let mut path = [first, &[Id::Graph(0, graph)]].concat();
        while path.last().is_some_and(|id| self.levels.build(model, id))
            && (1..=ROWS).contains(&self.levels.below(&path).len())
        {
            self.unfold(&path);
            let below = self.levels.below(&path);
            let only = match below.len() {
                1 if below.is_branch(0) => self.levels.id(below, 0),
                _ => None,
            };
            let Some(only) = only else { break };
            path.push(only);
        }
    }

    /// Opens a row, now or when a job has found what is below it.
    fn open(&mut self, path: Vec<Id>, cx: &mut Context) {
        let Some(id) = path.last() else { return };
        if self.levels.build(cx.model, id) {
            self.unfold(&path);
        } else {
            self.look_for(id.clone(), Waiting::Open(path), cx);
        }
    }

    fn look_for(&mut self, id: Id, then: Waiting, cx: &mut Context) {
        let work = self.levels.work(cx.model, id);
        self.waiting = Some(then);
        cx.job(ROWS, "sorting names", move |progress| {
            let built = work(progress)?;
            Ok(jobs::Output::Tree(Box::new(Output::Rows(built))))
        });
    }

    /// The operator that uses or makes a value; in a large graph a job looks for it first.
    fn operator(&mut self, graph: usize, cx: &mut Context) -> Option<(usize, NodeId)> {
        let thing = cx.focus.thing;
        if let Some((_, found)) = self.found.filter(|(known, _)| *known == thing) {
            return found;
        }
        let meta = cx.focus.meta(cx.model);
        let nodes = meta
            .and_then(|m| m.graphs.get(graph))
            .map_or(0, |g| g.nodes.len());
        if !levels::are_many(nodes) {
            return cx.focus.node(cx.model);
        }
        let (model, focus) = (cx.model.clone(), *cx.focus);
        cx.job(FIND, "looking for its operator", move |_| {
            let found = (thing, focus.node(&model));
            Ok(jobs::Output::Tree(Box::new(Output::Operator(found))))
        });
        None
    }

    /// The rows that a job looked for are there.
    fn arrived(&mut self, built: levels::Built, cx: &mut Context) {
        self.levels.insert(built);
        match self.waiting.take() {
            Some(Waiting::Open(path)) => self.open(path, cx),
            Some(Waiting::Reveal) => self.reveal(cx),
            None => {}
        }
        self.sum_up(cx);
    }

    /// Brings sums over names up to what is counted, now or by a job.
    fn sum_up(&mut self, cx: &mut Context) {
        let told = self.levels.told().clone();
        let stale = self.levels.uncounted();
        if told.costs.is_none() || stale.is_empty() {
            return;
        }
        if levels::are_few(&stale) {
            self.levels.count(levels::summed(cx.model, &told, stale));
            return;
        }
        let model = cx.model.clone();
        cx.job(SUMS, "adding up", move |_| {
            let sums = levels::summed(&model, &told, stale);
            Ok(jobs::Output::Tree(Box::new(Output::Sums(sums))))
        });
    }

    fn toggle(&mut self, cx: &mut Context) {
        if !self.fold() && self.is_branch() {
            self.open(self.selected(), cx);
        }
    }

    fn close_or_up(&mut self) {
        if !self.fold() {
            self.up();
        }
    }

    fn open_or_down(&mut self, cx: &mut Context) {
        if self.state.borrow().opened().contains(&self.selected()) {
            self.step(1);
        } else {
            self.toggle(cx);
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
            _ => self.toggle(cx),
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
        if self.levels.told().costs.is_none() {
            let (model, costs) = (cx.model.clone(), cx.counted.clone());
            let graphs = self.levels.told().graphs.clone();
            cx.job(COSTS, "counting what a call costs", move |progress| {
                let graphs = graphs.unwrap_or_else(|| Arc::new(rows::count(&model)));
                costs.count_all(progress)?;
                let told = Told {
                    costs: Some(costs),
                    graphs: Some(graphs),
                    variables: rows::variable_bytes(&model),
                };
                Ok(jobs::Output::Tree(Box::new(Output::Told(told))))
            });
        }
        self.reveal(cx);
    }

    fn job(&mut self, _what: &'static str, output: jobs::Output, cx: &mut Context) {
        let jobs::Output::Tree(output) = output else {
            return;
        };
        match *output {
            Output::Rows(built) => self.arrived(built, cx),
            Output::Told(told) => {
                self.levels.tell(cx.model, told);
                self.sum_up(cx);
            }
            Output::Sums(sums) => self.levels.count(sums),
            Output::Operator(found) => {
                self.found = Some(found);
                self.reveal(cx);
            }
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
        // Whoever goes elsewhere meanwhile stays there.
        self.waiting.take_if(|w| matches!(w, Waiting::Reveal));
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
            Command::Right => self.open_or_down(cx),
            Command::Mark => self.toggle(cx),
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
        let (list, detail) = self
            .split
            .areas(area, if area.width < 100 { 65 } else { 62 });
        if !list.is_empty() {
            let inner = panel("Tree", list, buf, theme, !self.split.detail);
            Figures::fitting(inner.width.into()).titles(list, buf, theme);
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
