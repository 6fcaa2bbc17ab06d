//! Tree: everything in the model by level. Children are made when a row is opened.

mod names;
mod rows;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use tui_tree_widget::{Tree, TreeItem, TreeState};

use self::names::{Child, Item, Names};
use self::rows::{
    Id, Row, below_meta, branch, files, functions, node_names, roots, scoped_name, signatures,
};
use super::overview::all_costs;
use super::{Context, Handled, Pane, PaneId, View};
use crate::analysis::Costs;
use crate::model::{GraphKind, Model, NodeId, VariableId};
use crate::tui::command::Command;
use crate::tui::focus::Thing;
use crate::tui::jobs::Output;
use crate::tui::term::{
    Buffer, Line, MouseButton, MouseEvent, MouseEventKind, Position, Rect, Span, StatefulWidget,
    Style, Text,
};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::{Split, describe, facts::Facts, panel, panel_note};

/// State of the pane.
pub struct TreePane {
    state: RefCell<TreeState<Id>>,
    graphs: HashMap<(usize, usize), Names>,
    variables: Option<Names>,
    /// Of every MetaGraph; nothing until they are counted.
    costs: Option<Vec<Costs>>,
    /// Children of every row that was ever opened.
    children: HashMap<Id, Vec<Row>>,
    roots: Vec<Row>,
    /// Rows that can be reached, top to bottom.
    visible: Vec<Vec<Id>>,
    split: Split,
    scroll: Cell<usize>,
    height: Cell<u16>,
}

impl TreePane {
    pub fn new(model: &Arc<Model>) -> TreePane {
        let mut pane = TreePane {
            state: RefCell::default(),
            graphs: HashMap::new(),
            variables: None,
            costs: None,
            children: HashMap::new(),
            roots: roots(model, &[]),
            visible: Vec::new(),
            split: Split::default(),
            scroll: Cell::new(0),
            height: Cell::new(10),
        };
        let first = pane.roots.first().map(|r| r.id.clone());
        if let Some(id) = first {
            pane.open(model, vec![id.clone()]);
            pane.open(model, vec![id.clone(), Id::Signatures(0)]);
            pane.state.get_mut().select(vec![id]);
        }
        pane.flatten();
        pane
    }

    fn open(&mut self, model: &Model, path: Vec<Id>) {
        if let Some(id) = path.last() {
            self.build(model, id);
        }
        self.state.get_mut().open(path);
    }

    /// Makes the children of a row, once.
    fn build(&mut self, model: &Model, id: &Id) {
        if self.children.contains_key(id) {
            return;
        }
        let costs = |meta: &usize| self.costs.as_ref().and_then(|all| all.get(*meta));
        let rows = match id {
            Id::Meta(meta) => below_meta(model, *meta, costs(meta)),
            Id::Signatures(meta) => signatures(model, *meta, costs(meta)),
            Id::Functions(meta) => functions(model, *meta, costs(meta)),
            Id::Graph(meta, graph) => self.scope(model, *meta, *graph, ""),
            Id::Scope(meta, graph, prefix) => self.scope(model, *meta, *graph, prefix),
            Id::Variables => self.variable_scope(model, ""),
            Id::VariableScope(prefix) => self.variable_scope(model, prefix),
            Id::Files => files(model),
            Id::Signature(..)
            | Id::Node(..)
            | Id::Variable(_)
            | Id::Attachment(_)
            | Id::Metadata(_) => Vec::new(),
        };
        self.children.insert(id.clone(), rows);
    }

    fn scope(&mut self, model: &Model, meta: usize, graph: usize, prefix: &str) -> Vec<Row> {
        let Some(g) = model
            .meta_graphs
            .get(meta)
            .and_then(|m| m.graphs.get(graph))
        else {
            return Vec::new();
        };
        let costs = self.costs.as_ref().and_then(|all| all.get(meta));
        let names = self
            .graphs
            .entry((meta, graph))
            .or_insert_with(|| node_names(g, graph, costs));
        let row = |child: Child| match child.scope {
            Some(scope) => {
                let id = Id::Scope(meta, graph, scope);
                branch(id, child.label, child.items, child.bytes)
            }
            None => {
                let node = g.node(NodeId(child.item));
                Row {
                    id: Id::Node(meta, graph, NodeId(child.item)),
                    label: child.label,
                    op: Some((g.dialect, node.op_label().into())),
                    note: node
                        .outputs
                        .first()
                        .map(|&v| g.value(v).shape.to_string())
                        .unwrap_or_default(),
                    items: 0,
                    bytes: child.bytes,
                    macs: child.macs,
                    branch: false,
                }
            }
        };
        names.children(prefix).into_iter().map(row).collect()
    }

    fn variable_scope(&mut self, model: &Model, prefix: &str) -> Vec<Row> {
        let names = self.variables.get_or_insert_with(|| {
            let all = model.variables.iter().enumerate();
            Names::new(all.map(|(at, v)| Item {
                name: v.name.clone(),
                index: at as u32,
                bytes: v.bytes,
                macs: 0,
            }))
        });
        let row = |child: Child| match child.scope {
            Some(scope) => {
                let id = Id::VariableScope(scope);
                branch(id, child.label, child.items, child.bytes)
            }
            None => {
                let v = &model.variables[child.item as usize];
                Row {
                    id: Id::Variable(VariableId(child.item)),
                    label: child.label,
                    op: None,
                    note: format!("{} {}", v.dtype, v.shape),
                    items: 0,
                    bytes: v.bytes,
                    macs: 0,
                    branch: false,
                }
            }
        };
        names.children(prefix).into_iter().map(row).collect()
    }

    fn rows_of<'a>(&'a self, path: &[Id]) -> &'a [Row] {
        match path.last() {
            None => &self.roots,
            Some(id) => self.children.get(id).map_or(&[], Vec::as_slice),
        }
    }

    fn row(&self, path: &[Id]) -> Option<&Row> {
        let (id, parent) = path.split_last()?;
        self.rows_of(parent).iter().find(|r| r.id == *id)
    }

    fn selected(&self) -> Vec<Id> {
        self.state.borrow().selected().to_vec()
    }

    /// Lists the reachable rows anew.
    fn flatten(&mut self) {
        let mut visible = Vec::new();
        let mut stack: Vec<Vec<Id>> = self
            .roots
            .iter()
            .rev()
            .map(|r| vec![r.id.clone()])
            .collect();
        let state = self.state.borrow();
        while let Some(path) = stack.pop() {
            if state.opened().contains(&path) {
                for row in self.rows_of(&path).iter().rev() {
                    let mut below = path.clone();
                    below.push(row.id.clone());
                    stack.push(below);
                }
            }
            visible.push(path);
        }
        drop(state);
        self.visible = visible;
    }

    fn step(&mut self, step: isize) {
        let selected = self.selected();
        let at = self
            .visible
            .iter()
            .position(|p| *p == selected)
            .unwrap_or(0);
        let last = self.visible.len().saturating_sub(1);
        let to = at.saturating_add_signed(step).min(last);
        if let Some(path) = self.visible.get(to) {
            self.state.get_mut().select(path.clone());
        }
    }

    fn toggle(&mut self, model: &Model) {
        let path = self.selected();
        if self.state.borrow().opened().contains(&path) {
            self.state.get_mut().close(&path);
        } else if self.row(&path).is_some_and(|r| r.branch) {
            self.open(model, path);
        }
        self.flatten();
    }

    fn close_or_up(&mut self) {
        let mut path = self.selected();
        if !self.state.get_mut().close(&path) && path.len() > 1 {
            path.pop();
            self.state.get_mut().select(path);
        }
        self.flatten();
    }

    fn open_or_down(&mut self, model: &Model) {
        let path = self.selected();
        if self.state.borrow().opened().contains(&path) {
            self.step(1);
        } else if self.row(&path).is_some_and(|r| r.branch) {
            self.open(model, path);
            self.flatten();
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
        for end in 1..path.len() {
            self.open(cx.model, path[..end].to_vec());
        }
        self.state.get_mut().select(path);
        self.flatten();
    }

    /// Goes from `path` through the scopes of `name` to the row `last`.
    fn down_to(&mut self, model: &Model, mut path: Vec<Id>, name: &str, last: Id) -> Vec<Id> {
        loop {
            let Some(end) = path.last().cloned() else {
                return path;
            };
            self.build(model, &end);
            let next = self.rows_of(&path).iter().find_map(|row| match &row.id {
                id if *id == last => Some(id.clone()),
                Id::Scope(_, _, prefix) | Id::VariableScope(prefix)
                    if name.starts_with(&**prefix) =>
                {
                    Some(row.id.clone())
                }
                _ => None,
            });
            let Some(next) = next else { return path };
            let found = next == last;
            path.push(next);
            if found {
                return path;
            }
        }
    }

    fn items(&self, path: &mut Vec<Id>, wide: usize, theme: &Theme) -> Vec<TreeItem<'static, Id>> {
        let state = self.state.borrow();
        let rows = self.rows_of(path).to_vec();
        rows.into_iter()
            .map(|row| {
                let text = self.row_text(&row, wide.saturating_sub(path.len() * 2 + 2), theme);
                path.push(row.id.clone());
                let below = if state.opened().contains(path) {
                    self.items(path, wide, theme)
                } else if row.branch {
                    // A closed branch needs a child to be drawn as one.
                    vec![TreeItem::new_leaf(Id::Files, Text::raw(""))]
                } else {
                    Vec::new()
                };
                path.pop();
                let id = row.id.clone();
                TreeItem::new(row.id, text.clone(), below)
                    .unwrap_or_else(|_| TreeItem::new_leaf(id, text))
            })
            .collect()
    }

    fn row_text(&self, row: &Row, wide: usize, theme: &Theme) -> Text<'static> {
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
        Text::from(Line::from(spans))
    }

    fn detail(&self, view: &View, wide: usize) -> Facts {
        let (model, theme) = (view.model, view.theme);
        let path = self.selected();
        let meta = |at: usize| model.meta_graphs.get(at);
        match path.last() {
            Some(Id::Node(m, graph, id)) => match meta(*m).and_then(|m| m.graphs.get(*graph)) {
                Some(g) => describe::node(g, *id, wide, theme),
                None => Facts::new(0),
            },
            Some(Id::Signature(m, at)) => {
                match meta(*m).and_then(|m| Some((m, m.signatures.get(*at)?))) {
                    Some((m, signature)) => describe::signature(m, signature, wide, theme),
                    None => Facts::new(0),
                }
            }
            Some(Id::Graph(m, graph)) => match meta(*m).and_then(|m| m.graphs.get(*graph)) {
                Some(g) => describe::graph(g, wide, theme),
                None => Facts::new(0),
            },
            Some(id) => self.summary(id, &path, view),
            None => Facts::new(0),
        }
    }

    fn summary(&self, id: &Id, path: &[Id], view: &View) -> Facts {
        let (model, theme) = (view.model, view.theme);
        let mut facts = Facts::new(10);
        if let Some(row) = self.row(path) {
            if row.items > 0 {
                facts.add(theme, "holds", text::count(row.items as u64));
            }
            if row.bytes > 0 {
                facts.add(theme, "bytes", text::count(row.bytes));
            }
            if row.macs > 0 {
                facts.add(theme, "cost", format!("{} a run", text::macs(row.macs)));
            }
        }
        match id {
            Id::Meta(at) => {
                if let Some(meta) = model.meta_graphs.get(*at) {
                    facts.add(theme, "signatures", meta.signatures.len().to_string());
                    facts.add(theme, "graphs", meta.graphs.len().to_string());
                    if !meta.objects.nodes.is_empty() {
                        facts.add(theme, "objects", meta.objects.nodes.len().to_string());
                    }
                    for (name, n) in &meta.collections {
                        facts.add(theme, "collection", format!("{name}  {n}"));
                    }
                    if let Some(init) = meta.init.and_then(|n| Some(meta.graphs.first()?.node(n))) {
                        facts.add(theme, "init", init.name.to_string());
                    }
                }
            }
            Id::Variable(at) => {
                if let Some(v) = model.variables.get(at.0 as usize) {
                    facts.add(theme, "values", format!("{} {}", v.dtype, v.shape));
                    facts.add(
                        theme,
                        "shard",
                        format!("{} at {}", v.shard, text::count(v.offset)),
                    );
                    for owner in &v.owners {
                        facts.add(theme, "owner", owner.to_string());
                    }
                }
            }
            _ => {}
        }
        facts
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
            self.roots = roots(cx.model, &costs);
            self.costs = Some(costs);
            self.graphs.clear();
            let built: Vec<Id> = self.children.drain().map(|(id, _)| id).collect();
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
        let page = isize::from(i16::try_from(self.height.get()).unwrap_or(i16::MAX).max(2) - 1);
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
        let at = Position::new(mouse.column, mouse.row);
        let hit = self.state.borrow().rendered_at(at).map(<[Id]>::to_vec);
        let Some(path) = hit else { return Handled::No };
        self.state.get_mut().select(path);
        self.choose(cx);
        Handled::Yes
    }

    fn copied(&self, cx: &Context) -> Option<String> {
        let path = self.selected();
        match path.last()? {
            Id::Scope(_, _, name) | Id::VariableScope(name) => Some(name.to_string()),
            _ if self.thing() != Thing::Nothing => cx.focus.name(cx.model),
            _ => self.row(&path).map(|r| r.label.clone()),
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
            self.height.set(inner.height);
            let items = self.items(&mut Vec::new(), inner.width as usize, theme);
            let selected = if self.split.detail {
                theme[Role::SelectedDim]
            } else {
                theme[Role::Selected]
            };
            if let Ok(tree) = Tree::new(&items) {
                let tree = tree
                    .highlight_style(Style {
                        fg: None,
                        ..selected
                    })
                    .highlight_symbol("")
                    .node_closed_symbol("▸ ")
                    .node_open_symbol("▾ ")
                    .node_no_children_symbol("  ");
                StatefulWidget::render(tree, inner, buf, &mut self.state.borrow_mut());
            }
        }
        if !detail.is_empty() {
            let path = self.selected();
            let title = self
                .row(&path)
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
