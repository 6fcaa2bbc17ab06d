//! The rows that fit the screen, as the widget draws them: it is given those and nothing more, however many there are.

use std::collections::HashSet;
use std::iter::Peekable;
use std::slice::Iter;

use tui_tree_widget::{Tree, TreeItem, TreeState};

use super::TreePane;
use super::levels::Levels;
use super::rows::{Id, Row};
use super::visible::Place;
use crate::model::Model;
use crate::tui::term::{Buffer, Line, Rect, Span, StatefulWidget, Style};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

impl TreePane {
    /// The rows that fit, with the chosen one among them.
    pub(super) fn render_rows(&self, area: Rect, buf: &mut Buffer, model: &Model, theme: &Theme) {
        self.list.set(area);
        let window = self.window(usize::from(area.height));
        let mut state = self.state.borrow_mut();
        let items = Items {
            levels: &self.levels,
            opened: state.opened(),
            model,
            theme,
            wide: usize::from(area.width),
            figures: Figures::fitting(area.width.into()),
        }
        .of(&window);
        let selected = match self.split.detail {
            true => theme[Role::SelectedDim],
            false => theme[Role::Selected],
        };
        // Ids are never twice below one row.
        let Ok(tree) = Tree::new(&items) else { return };
        let tree = tree
            .highlight_style(Style {
                fg: None,
                ..selected
            })
            .highlight_symbol("")
            .node_closed_symbol("▸ ")
            .node_open_symbol("▾ ")
            .node_no_children_symbol("  ");
        let above = window.first().map_or(0, |place| place.above.len());
        scroll_to(above, &tree, &mut state);
        within(area, buf, |buf| {
            StatefulWidget::render(tree, area, buf, &mut state);
        });
    }

    /// Scrolls as little as brings the chosen row among the `height` on the screen; these.
    fn window(&self, height: usize) -> Vec<Place> {
        let highest = self.visible.len().saturating_sub(height);
        let first = self.first.get().min(highest).min(self.chosen);
        let first = first.max((self.chosen + 1).saturating_sub(height));
        self.first.set(first);
        self.visible.window(first, height)
    }
}

/// Makes the widget's items of rows that follow one another.
struct Items<'a> {
    levels: &'a Levels,
    opened: &'a HashSet<Vec<Id>>,
    model: &'a Model,
    theme: &'a Theme,
    /// Columns that a row has.
    wide: usize,
    figures: Figures,
}

impl Items<'_> {
    /// The rows of `window`, below blank ones for what the first of them is below.
    fn of(&self, window: &[Place]) -> Vec<TreeItem<'static, Id>> {
        self.level(&mut Vec::new(), &mut window.iter().peekable())
    }

    /// The rows directly below `path` with all below them; stops at the first row that is none of these.
    fn level(
        &self,
        path: &mut Vec<Id>,
        rows: &mut Peekable<Iter<Place>>,
    ) -> Vec<TreeItem<'static, Id>> {
        let depth = path.len();
        let mut items = Vec::new();
        while let Some(place) = rows.peek().filter(|place| place.above.len() >= depth) {
            // What the first row is below lies above the window.
            let (id, line, branch) = match place.above.get(depth) {
                Some(id) => (id.clone(), Line::default(), false),
                None => {
                    let row = self.levels.row(self.model, &place.above, place.at);
                    rows.next();
                    let Some(row) = row else { continue };
                    let wide = self.wide.saturating_sub(2 * depth + 2);
                    let line = row_line(&row, wide, &self.figures, self.theme);
                    (row.id, line, row.branch)
                }
            };
            path.push(id.clone());
            let mut below = self.level(path, rows);
            if branch && below.is_empty() && self.holds_hidden(path) {
                // The widget draws what has nothing below it as no branch.
                below.push(TreeItem::new_leaf(Id::Files, ""));
            }
            path.pop();
            items.extend(TreeItem::new(id, line, below));
        }
        items
    }

    /// Whether a branch is closed, or has its rows below the window.
    fn holds_hidden(&self, path: &[Id]) -> bool {
        !self.opened.contains(path) || self.levels.below(path).len() > 0
    }
}

/// Puts row `at` at the top of the widget.
fn scroll_to(at: usize, tree: &Tree<Id>, state: &mut TreeState<Id>) {
    state.scroll_up(usize::MAX);
    state.scroll_down(at);
    if state.get_offset() < at {
        // It goes no further than the rows it drew last: let it count these.
        let line = Rect::new(0, 0, 1, 1);
        StatefulWidget::render(tree.clone(), line, &mut Buffer::empty(line), state);
        state.scroll_up(usize::MAX);
        state.scroll_down(at);
    }
}

/// Draws into `area` and nothing beside it: the widget indents as far as rows are deep.
fn within(area: Rect, buf: &mut Buffer, draw: impl FnOnce(&mut Buffer)) {
    let mut inside = Buffer::empty(area);
    swap_cells(&mut inside, buf);
    draw(&mut inside);
    swap_cells(&mut inside, buf);
}

/// Exchanges all cells of `one` with those in the same places of `other`.
fn swap_cells(one: &mut Buffer, other: &mut Buffer) {
    for (cell, at) in one.content.iter_mut().zip(one.area.positions()) {
        if let Some(other) = other.cell_mut(at) {
            std::mem::swap(cell, other);
        }
    }
}

/// Columns of the screen for the figures at the right end of every row, each with a blank before it.
pub(super) struct Figures {
    items: usize,
    bytes: usize,
    macs: usize,
}

impl Figures {
    /// Those that leave room for names in a list so wide.
    pub(super) fn fitting(wide: usize) -> Figures {
        let (items, bytes, macs) = match wide {
            64.. => (9, 10, 10),
            40.. => (7, 8, 7),
            30.. => (0, 8, 7),
            24.. => (0, 8, 0),
            _ => (0, 0, 0),
        };
        Figures { items, bytes, macs }
    }

    fn width(&self) -> usize {
        self.items + self.bytes + self.macs
    }

    /// Puts what each column is onto the upper border.
    pub(super) fn titles(&self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        // The figures end a blank before the border.
        let mut right = area.right().saturating_sub(2);
        let columns = [
            ("MAC", self.macs),
            ("bytes", self.bytes),
            ("ops", self.items),
        ];
        for (title, wide) in columns.into_iter().filter(|(_, wide)| *wide > 0) {
            let x = right.saturating_sub(title.len() as u16 + 1);
            let words = format!(" {title} ");
            buf.set_string(x, area.y, words, theme[Role::Column]);
            right = right.saturating_sub(wide as u16);
        }
    }

    fn spans(&self, row: &Row, theme: &Theme) -> [Span<'static>; 3] {
        let column = |count: u64, words: String, wide: usize, role: Role| {
            let words = if count == 0 { "" } else { &words };
            // The blank before it stays even where the figure is cut.
            let words = text::fit(words, wide.saturating_sub(1));
            Span::styled(text::right(&words, wide), theme[role])
        };
        let items = row.items as u64;
        let count = match items {
            100_000.. if self.items < 9 => text::short(items),
            _ => text::count(items),
        };
        [
            column(items, count, self.items, Role::Dim),
            column(row.bytes, text::bytes(row.bytes), self.bytes, Role::Number),
            column(row.macs, text::short(row.macs), self.macs, Role::Number),
        ]
    }
}

/// A row in `wide` columns; names give way, figures stay under one another.
fn row_line(row: &Row, wide: usize, figures: &Figures, theme: &Theme) -> Line<'static> {
    let room = wide.saturating_sub(figures.width());
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
    let label = text::fit_name(&text::clean(&row.label), room.saturating_sub(1));
    let used = crate::tui::term::width(&label);
    // A note of which only a few letters would be left says nothing.
    let left = room.saturating_sub(used + 2);
    let note = match left {
        0..4 if crate::tui::term::width(&note) > left => String::new(),
        _ => text::fit(&note, left),
    };
    let note = match note.is_empty() {
        true => note,
        false => format!("  {note}"),
    };
    let mut spans = vec![
        Span::styled(label, style),
        Span::styled(
            text::left(&note, room.saturating_sub(used)),
            theme[Role::Dim],
        ),
    ];
    spans.extend(figures.spans(row, theme));
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{DType, Dialect, Graph, GraphKind, MetaGraph, Node, NodeId, Shape, Value};
    use crate::progress::Progress;

    /// A model of one graph with operators of these names.
    fn model(names: impl IntoIterator<Item = String>) -> Arc<Model> {
        let mut graph = Graph::new("", GraphKind::Main, Dialect::Tf);
        for name in names {
            let out = graph.add_value(Value::new(name.as_str(), DType::Float32, Shape::scalar()));
            let mut node = Node::new(name, "Relu");
            node.outputs = vec![out];
            graph.add_node(node);
        }
        let meta = MetaGraph::new(Dialect::Tf, vec![graph], Vec::new());
        Arc::new(Model::new("made", meta))
    }

    fn theme() -> Theme {
        Theme::named("dark", None).unwrap()
    }

    /// The pane with every scope open.
    fn opened(model: &Arc<Model>) -> TreePane {
        let mut pane = TreePane::new(model);
        let mut at = 0;
        while at < pane.visible.len() {
            pane.stand(at);
            let path = pane.selected();
            if pane.is_branch() && !pane.state.borrow().opened().contains(&path) {
                let id = path.last().unwrap().clone();
                if !pane.levels.build(model, &id) {
                    let built = pane.levels.work(model, id)(&Progress::new()).unwrap();
                    pane.levels.insert(built);
                }
                pane.unfold(&path);
            }
            at += 1;
        }
        pane.stand(0);
        pane
    }

    fn drawn(pane: &TreePane, model: &Model, (wide, high): (u16, u16)) -> Buffer {
        // Something stands beside the tree.
        let all = Rect::new(0, 0, wide + 8, high + 2);
        let mut buf = Buffer::with_lines(vec!["#".repeat(all.width.into()); all.height.into()]);
        let area = Rect::new(3, 1, wide, high);
        for at in area.positions() {
            buf[at].reset();
        }
        pane.render_rows(area, &mut buf, model, &theme());
        for at in all.positions().filter(|at| !area.contains(*at)) {
            assert_eq!(buf[at].symbol(), "#", "beside the tree, at {at}");
        }
        buf
    }

    fn lines(buf: &Buffer, (wide, high): (u16, u16)) -> Vec<String> {
        let line = |y| (0..wide).map(|x| buf[(x + 3, y + 1)].symbol()).collect();
        (0..high).map(line).collect()
    }

    fn count(items: &[TreeItem<Id>]) -> usize {
        items.iter().map(|item| 1 + count(item.children())).sum()
    }

    #[test]
    fn a_frame_makes_no_more_items_than_it_shows_and_what_these_are_below() {
        const HEIGHT: usize = 60;
        let model = model((0..100_000).map(|n| format!("net/deep/block{}/op{n}", n / 50_000)));
        let mut pane = opened(&model);
        assert!(pane.visible.len() > 100_000);
        let theme = theme();
        for step in [0, 1, 40, 49_990, 20, 40, 30_000, isize::MAX, -70_000] {
            pane.step(step);
            let window = pane.window(HEIGHT);
            assert_eq!(window.len(), HEIGHT);
            let state = pane.state.borrow();
            let items = Items {
                levels: &pane.levels,
                opened: state.opened(),
                model: &model,
                theme: &theme,
                wide: 80,
                figures: Figures::fitting(80),
            }
            .of(&window);
            let depth = window[0].above.len();
            // A branch in the last row has one item to stand for all below it.
            let most = HEIGHT + depth + 1;
            assert!((HEIGHT + depth..=most).contains(&count(&items)));
        }
    }

    #[test]
    fn a_window_shows_what_a_screen_for_all_rows_shows_there() {
        let names = [
            "in",
            "a/b/c/d/x",
            "a/b/c/y",
            "a/b/e/z",
            "a/b/e/w",
            "a/v",
            "out",
        ];
        let deep = (0..12).map(|n| format!("{}leaf", "s/t/".repeat(n)));
        let model = model(names.iter().map(|n| n.to_string()).chain(deep));
        let mut pane = opened(&model);
        let rows = pane.visible.len();
        for closed in [None, Some(4), Some(8)] {
            if let Some(at) = closed {
                pane.stand(at);
                pane.close_or_up();
            }
            let rows = pane.visible.len();
            for wide in [5, 12, 30, 70] {
                let tall = (wide, rows as u16);
                pane.stand(0);
                let all = lines(&drawn(&pane, &model, tall), tall);
                for high in [1, 2, 5, 9] {
                    for at in (0..rows).chain((0..rows).rev()).chain([rows - 1, 0]) {
                        pane.stand(at);
                        let size = (wide, high);
                        let shown = lines(&drawn(&pane, &model, size), size);
                        let first = pane.first.get();
                        assert!((first..first + usize::from(high)).contains(&at));
                        assert_eq!(shown, all[first..first + usize::from(high)]);
                    }
                }
            }
        }
        assert!(rows > 30);
    }

    #[test]
    fn the_chosen_row_is_marked_wherever_it_is() {
        let model = model((0..40).map(|n| format!("net/op{n}")));
        let mut pane = opened(&model);
        let marked = theme()[Role::Selected].bg;
        for at in [0, 1, 20, 12, 41, 3] {
            pane.stand(at);
            let buf = drawn(&pane, &model, (30, 6));
            let y = (at - pane.first.get()) as u16 + 1;
            let found: Vec<u16> = (1..7)
                .filter(|&y| buf[(3, y)].style().bg == marked)
                .collect();
            assert_eq!(found, [y]);
        }
        let chosen = |pane: &TreePane| pane.selected().last().cloned();
        assert_eq!(chosen(&pane), Some(Id::Node(0, 0, NodeId(0))));
    }
}
