//! Tree: everything in the model by level. Children are made when a row is opened.

mod detail;
mod names;
mod objects;
mod rows;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use self::names::{Child, Item, Names};
use self::objects::Objects;
use self::rows::{
    Id, Row, below_meta, branch, files, functions, node_names, roots, scoped_name, signatures,
};
use super::overview::all_costs;
use super::{Context, Handled, Pane, PaneId, View};
use crate::analysis::Costs;
use crate::model::{GraphKind, Model, Name, NodeId, VariableId};
use crate::tui::command::Command;
use crate::tui::focus::Thing;
use crate::tui::jobs::Output;
use crate::tui::term::{Buffer, Line, MouseButton, MouseEvent, MouseEventKind, Rect, Span, Style};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::{Split, inside, panel, panel_note};

/// The rows below a row. Those of a scope are only made when they are drawn: there may be a million of them.
enum Below {
    Rows(Vec<Row>),
    Operators {
        meta: usize,
        graph: usize,
        prefix: Name,
        children: Vec<Child>,
    },
    Variables {
        prefix: Name,
        children: Vec<Child>,
    },
}

impl Below {
    fn len(&self) -> usize {
        match self {
            Below::Rows(rows) => rows.len(),
            Below::Operators { children, .. } | Below::Variables { children, .. } => children.len(),
        }
    }

    /// Whether a row may have others below it.
    fn is_branch(&self, at: usize) -> bool {
        match self {
            Below::Rows(rows) => rows[at].branch,
            Below::Operators { children, .. } | Below::Variables { children, .. } => {
                children[at].is_scope()
            }
        }
    }
}

/// A reachable row: the rows above it, and its place below the last of them.
struct Place {
    above: Rc<[Id]>,
    at: usize,
}

/// State of the pane.
pub struct TreePane {
    opened: HashSet<Id>,
    graphs: HashMap<(usize, usize), Names>,
    variables: Option<Names>,
    /// By MetaGraph.
    objects: HashMap<usize, Objects>,
    /// Of every MetaGraph; nothing until they are counted.
    costs: Option<Vec<Costs>>,
    /// The rows below every row that was ever opened.
    below: HashMap<Id, Below>,
    roots: Below,
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
        let roots = roots(model, &[]);
        let first = roots.first().map(|r| r.id.clone());
        let mut pane = TreePane {
            opened: HashSet::new(),
            graphs: HashMap::new(),
            variables: None,
            objects: HashMap::new(),
            costs: None,
            below: HashMap::new(),
            roots: Below::Rows(roots),
            visible: Vec::new(),
            chosen: 0,
            first: Cell::new(0),
            list: Cell::default(),
            split: Split::default(),
            scroll: Cell::new(0),
        };
        if let Some(id) = first {
            pane.open(model, id.clone());
            pane.open(model, Id::Signatures(0));
            pane.flatten(&[id]);
        }
        pane
    }

    fn open(&mut self, model: &Model, id: Id) {
        self.build(model, &id);
        self.opened.insert(id);
    }

    /// Finds the rows below a row, once.
    fn build(&mut self, model: &Model, id: &Id) {
        if self.below.contains_key(id) {
            return;
        }
        let costs = |meta: &usize| self.costs.as_ref().and_then(|all| all.get(*meta));
        let below = match id {
            Id::Meta(meta) => Below::Rows(below_meta(model, *meta, costs(meta))),
            Id::Signatures(meta) => Below::Rows(signatures(model, *meta, costs(meta))),
            Id::Functions(meta) => Below::Rows(functions(model, *meta, costs(meta))),
            Id::Graph(meta, graph) => self.operators(model, (*meta, *graph), ""),
            Id::Scope(meta, graph, prefix) => self.operators(model, (*meta, *graph), prefix),
            Id::Variables => self.variables(model, ""),
            Id::VariableScope(prefix) => self.variables(model, prefix),
            Id::Files => Below::Rows(files(model)),
            Id::Objects(meta) => self.objects(model, *meta, 0),
            Id::Object(meta, object) => self.objects(model, *meta, *object),
            Id::Signature(..)
            | Id::Reference(..)
            | Id::Node(..)
            | Id::Variable(_)
            | Id::Attachment(_)
            | Id::Metadata(_) => Below::Rows(Vec::new()),
        };
        self.below.insert(id.clone(), below);
    }

    fn operators(&mut self, model: &Model, (meta, graph): (usize, usize), prefix: &str) -> Below {
        let found = model.meta_graphs.get(meta);
        let Some(g) = found.and_then(|m| m.graphs.get(graph)) else {
            return Below::Rows(Vec::new());
        };
        let costs = self.costs.as_ref().and_then(|all| all.get(meta));
        let names = self
            .graphs
            .entry((meta, graph))
            .or_insert_with(|| node_names(g, graph, costs));
        Below::Operators {
            meta,
            graph,
            prefix: prefix.into(),
            children: names.children(prefix),
        }
    }

    fn objects(&mut self, model: &Model, meta: usize, object: u32) -> Below {
        let Some(found) = model.meta_graphs.get(meta) else {
            return Below::Rows(Vec::new());
        };
        let objects = self.objects.entry(meta);
        let objects = objects.or_insert_with(|| Objects::new(model, found));
        Below::Rows(objects.rows(model, meta, object))
    }

    fn variables(&mut self, model: &Model, prefix: &str) -> Below {
        let names = self.variables.get_or_insert_with(|| {
            let all = model.variables.iter().enumerate();
            Names::new(all.map(|(at, v)| Item {
                name: v.name.clone(),
                index: at as u32,
                bytes: v.bytes,
                macs: 0,
            }))
        });
        Below::Variables {
            prefix: prefix.into(),
            children: names.children(prefix),
        }
    }

    fn below(&self, above: &[Id]) -> &Below {
        const NOTHING: &Below = &Below::Rows(Vec::new());
        match above.last() {
            None => &self.roots,
            Some(id) => self.below.get(id).unwrap_or(NOTHING),
        }
    }

    /// The id of a row; `None` past the last.
    fn id(&self, below: &Below, at: usize) -> Option<Id> {
        Some(match below {
            Below::Rows(rows) => rows.get(at)?.id.clone(),
            Below::Operators {
                meta,
                graph,
                children,
                ..
            } => {
                let child = children.get(at)?;
                match self.graphs.get(&(*meta, *graph))?.prefix(child) {
                    Some(scope) => Id::Scope(*meta, *graph, scope.into()),
                    None => Id::Node(*meta, *graph, NodeId(child.item)),
                }
            }
            Below::Variables { children, .. } => {
                let child = children.get(at)?;
                match self.variables.as_ref()?.prefix(child) {
                    Some(scope) => Id::VariableScope(scope.into()),
                    None => Id::Variable(VariableId(child.item)),
                }
            }
        })
    }

    fn row(&self, model: &Model, place: &Place) -> Option<Row> {
        let below = self.below(&place.above);
        let id = self.id(below, place.at)?;
        let (names, prefix, child) = match below {
            Below::Rows(rows) => return rows.get(place.at).cloned(),
            Below::Operators {
                meta,
                graph,
                prefix,
                children,
            } => (
                self.graphs.get(&(*meta, *graph))?,
                prefix,
                children.get(place.at)?,
            ),
            Below::Variables { prefix, children } => {
                (self.variables.as_ref()?, prefix, children.get(place.at)?)
            }
        };
        let label = names.label(prefix, child);
        let (bytes, macs) = names.sums(child);
        let mut row = branch(id, label, child.items(), bytes);
        row.macs = macs;
        match &row.id {
            Id::Node(meta, graph, node) => {
                let g = model.meta_graphs.get(*meta)?.graphs.get(*graph)?;
                let n = g.node(*node);
                row.op = Some((g.dialect, n.op_label().into()));
                let output = n.outputs.first();
                row.note = output
                    .map(|&v| g.value(v).shape.to_string())
                    .unwrap_or_default();
            }
            Id::Variable(id) => {
                let v = model.variables.get(id.0 as usize)?;
                row.note = format!("{} {}", v.dtype, v.shape);
            }
            _ => return Some(row),
        }
        row.items = 0;
        row.branch = false;
        Some(row)
    }

    fn chosen_row(&self, model: &Model) -> Option<Row> {
        self.row(model, self.visible.get(self.chosen)?)
    }

    /// The ids from the root down to the chosen row.
    fn selected(&self) -> Vec<Id> {
        let Some(place) = self.visible.get(self.chosen) else {
            return Vec::new();
        };
        let mut path = place.above.to_vec();
        path.extend(self.id(self.below(&place.above), place.at));
        path
    }

    /// Lists the reachable rows anew and stands on the one that `path` leads to.
    fn flatten(&mut self, path: &[Id]) {
        let mut visible = Vec::new();
        let mut chosen = 0;
        self.list(&Rc::from([]), path, &mut visible, &mut chosen);
        self.visible = visible;
        self.chosen = chosen;
    }

    fn list(&self, above: &Rc<[Id]>, path: &[Id], visible: &mut Vec<Place>, chosen: &mut usize) {
        let below = self.below(above);
        let wanted = path.split_last().filter(|(_, way)| *way == &**above);
        for at in 0..below.len() {
            if let Some((last, _)) = wanted
                && self.is(below, at, last)
            {
                *chosen = visible.len();
            }
            visible.push(Place {
                above: above.clone(),
                at,
            });
            if !below.is_branch(at) {
                continue;
            }
            if let Some(id) = self.id(below, at).filter(|id| self.opened.contains(id)) {
                let inner: Rc<[Id]> = above.iter().cloned().chain([id]).collect();
                self.list(&inner, path, visible, chosen);
            }
        }
    }

    /// Whether a row has this id; makes none to tell.
    fn is(&self, below: &Below, at: usize, id: &Id) -> bool {
        match (below, id) {
            (Below::Operators { children, .. }, Id::Node(_, _, node)) => {
                !children[at].is_scope() && children[at].item == node.0
            }
            (Below::Variables { children, .. }, Id::Variable(variable)) => {
                !children[at].is_scope() && children[at].item == variable.0
            }
            (Below::Operators { children, .. } | Below::Variables { children, .. }, _)
                if !children[at].is_scope() =>
            {
                false
            }
            _ => self.id(below, at).as_ref() == Some(id),
        }
    }

    fn step(&mut self, step: isize) {
        let last = self.visible.len().saturating_sub(1);
        self.chosen = self.chosen.saturating_add_signed(step).min(last);
    }

    fn is_branch(&self) -> bool {
        self.visible
            .get(self.chosen)
            .is_some_and(|place| self.below(&place.above).is_branch(place.at))
    }

    fn toggle(&mut self, model: &Model) {
        let path = self.selected();
        let Some(id) = path.last() else { return };
        if !self.opened.remove(id) {
            if !self.is_branch() {
                return;
            }
            self.open(model, id.clone());
        }
        self.flatten(&path);
    }

    fn close_or_up(&mut self) {
        let mut path = self.selected();
        if path.last().is_some_and(|id| self.opened.remove(id)) {
            self.flatten(&path);
        } else if path.len() > 1 {
            path.pop();
            self.flatten(&path);
        }
    }

    fn open_or_down(&mut self, model: &Model) {
        let is_open = self
            .selected()
            .last()
            .is_some_and(|id| self.opened.contains(id));
        if is_open {
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

    /// Opens what holds the shared selection and stands on it.
    fn reveal(&mut self, cx: &Context) {
        if self.thing() == cx.focus.thing && cx.focus.thing != Thing::Nothing {
            return;
        }
        let meta = cx.focus.meta;
        let thing = match cx.focus.thing {
            Thing::Value { .. } => match cx.focus.node(cx.model) {
                Some((graph, node)) => Thing::Node { graph, node },
                None => return,
            },
            thing => thing,
        };
        let graph_path = |graph: usize| {
            let mut path = vec![Id::Meta(meta)];
            let kind = cx
                .model
                .meta_graphs
                .get(meta)
                .and_then(|m| m.graphs.get(graph))
                .map(|g| g.kind);
            if kind == Some(GraphKind::Function) {
                path.push(Id::Functions(meta));
            }
            path.push(Id::Graph(meta, graph));
            path
        };
        let path = match thing {
            Thing::Signature(at) => vec![
                Id::Meta(meta),
                Id::Signatures(meta),
                Id::Signature(meta, at),
            ],
            Thing::Graph(graph) => graph_path(graph),
            Thing::Variable(id) => {
                let Some(v) = cx.model.variables.get(id.0 as usize) else {
                    return;
                };
                self.down_to(cx.model, vec![Id::Variables], &v.name, Id::Variable(id))
            }
            Thing::Node { graph, node } => {
                let g = cx
                    .model
                    .meta_graphs
                    .get(meta)
                    .and_then(|m| m.graphs.get(graph));
                let Some(n) = g.and_then(|g| g.nodes.get(node.index())) else {
                    return;
                };
                let name = scoped_name(&n.name);
                self.down_to(
                    cx.model,
                    graph_path(graph),
                    &name,
                    Id::Node(meta, graph, node),
                )
            }
            Thing::Attachment(at) => vec![Id::Files, Id::Attachment(at)],
            Thing::Metadata(at) => vec![Id::Files, Id::Metadata(at)],
            Thing::Nothing | Thing::Value { .. } => return,
        };
        for id in &path[..path.len().saturating_sub(1)] {
            self.open(cx.model, id.clone());
        }
        self.flatten(&path);
    }

    /// Goes from `path` through the scopes of `name` to the row `last`.
    fn down_to(&mut self, model: &Model, mut path: Vec<Id>, name: &str, last: Id) -> Vec<Id> {
        loop {
            let Some(end) = path.last().cloned() else {
                return path;
            };
            self.build(model, &end);
            let below = self.below(&path);
            let leads = |at: &usize| {
                if self.is(below, *at, &last) {
                    return true;
                }
                below.is_branch(*at)
                    && match self.id(below, *at) {
                        Some(Id::Scope(_, _, prefix) | Id::VariableScope(prefix)) => {
                            name.starts_with(&*prefix)
                        }
                        _ => false,
                    }
            };
            let next = (0..below.len())
                .find(leads)
                .and_then(|at| self.id(below, at));
            let Some(next) = next else { return path };
            let found = next == last;
            path.push(next);
            if found {
                return path;
            }
        }
    }

    /// The rows that fit, with the chosen one among them.
    fn render_rows(&self, area: Rect, buf: &mut Buffer, view: &View) {
        self.list.set(area);
        let theme = view.theme;
        let height = usize::from(area.height);
        let highest = self.visible.len().saturating_sub(height);
        let first = self.first.get().min(highest).min(self.chosen);
        let first = first.max((self.chosen + 1).saturating_sub(height));
        self.first.set(first);
        let selected = match self.split.detail {
            true => theme[Role::SelectedDim],
            false => theme[Role::Selected],
        };
        let shown = self.visible.iter().enumerate().skip(first).take(height);
        for ((at, place), y) in shown.zip(area.y..) {
            let Some(row) = self.row(view.model, place) else {
                continue;
            };
            let indent = 2 * place.above.len();
            let mark = match (row.branch, self.opened.contains(&row.id)) {
                (false, _) => "  ",
                (true, false) => "▸ ",
                (true, true) => "▾ ",
            };
            let line = Rect {
                y,
                height: 1,
                ..area
            };
            let start = indent.min(usize::from(area.width)) as u16;
            let (x, _) = buf.set_stringn(
                area.x + start,
                y,
                mark,
                usize::from(area.width - start),
                Style::default(),
            );
            let room = usize::from(area.width).saturating_sub(indent + 2);
            buf.set_line(
                x,
                y,
                &self.row_line(&row, room, theme),
                area.right().saturating_sub(x),
            );
            if at == self.chosen {
                buf.set_style(
                    line,
                    Style {
                        fg: None,
                        ..selected
                    },
                );
            }
        }
    }

    fn row_line(&self, row: &Row, wide: usize, theme: &Theme) -> Line<'static> {
        const ITEMS: usize = 7;
        const BYTES: usize = 10;
        const MACS: usize = 10;
        let numbers = if wide >= 56 {
            ITEMS + BYTES + MACS
        } else if wide >= 40 {
            ITEMS + BYTES
        } else if wide >= 24 {
            BYTES
        } else {
            0
        };
        let room = wide.saturating_sub(numbers);
        let op = row
            .op
            .as_ref()
            .map(|(_, op)| op.to_string())
            .unwrap_or_default();
        let style = match &row.op {
            Some((dialect, op)) => theme.op(*dialect, op),
            None if row.branch => theme[Role::Strong],
            None => theme[Role::Text],
        };
        let note = if op.is_empty() {
            row.note.clone()
        } else {
            format!("{op}  {}", row.note)
        };
        let label = text::fit_end(&text::clean(&row.label), room.saturating_sub(2));
        let used = crate::tui::term::width(&label);
        let note = text::left(
            &text::fit(&note, room.saturating_sub(used + 3)),
            room.saturating_sub(used + 2),
        );
        let mut spans = vec![
            Span::styled(label, style),
            Span::styled(format!("  {note}"), theme[Role::Dim]),
        ];
        if numbers > BYTES {
            let items = if row.items > 0 {
                text::count(row.items as u64)
            } else {
                String::new()
            };
            spans.push(Span::styled(text::right(&items, ITEMS), theme[Role::Dim]));
        }
        if numbers > 0 {
            let bytes = if row.bytes > 0 {
                text::bytes(row.bytes)
            } else {
                String::new()
            };
            spans.push(Span::styled(
                text::right(&bytes, BYTES),
                theme[Role::Number],
            ));
        }
        if numbers > ITEMS + BYTES {
            let macs = match row.macs {
                0 => String::new(),
                n => text::short(n),
            };
            spans.push(Span::styled(text::right(&macs, MACS), theme[Role::Number]));
        }
        Line::from(spans)
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
        if self.costs.is_none() {
            let model = cx.model.clone();
            cx.job("costs", "counting what a call costs", move |progress| {
                Ok(Output::Costs(all_costs(&model, progress)?))
            });
        }
        self.reveal(cx);
    }

    fn job(&mut self, _what: &'static str, output: Output, cx: &mut Context) {
        if let Output::Costs(costs) = output {
            self.roots = Below::Rows(roots(cx.model, &costs));
            self.costs = Some(costs);
            self.graphs.clear();
            let built: Vec<Id> = self.below.drain().map(|(id, _)| id).collect();
            for id in &built {
                self.build(cx.model, id);
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
        self.chosen = hit;
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
            self.render_rows(inner, buf, view);
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
