//! Tensors: every stored value by size, and the chosen one's numbers.

mod detail;
mod list;

use std::cell::RefCell;
use std::sync::Arc;

pub use self::list::Listed;
use self::list::Order;

use super::arranged::{self, Arranged, Filtered};
use super::twins::{self, Twin};
use super::{Context, Handled, Pane, View};
use crate::analysis::{self, Place, Statistics, TensorRow};
use crate::error::Error;
use crate::format::npy;
use crate::model::{Model, Quantization, Tensor};
use crate::progress::Progress;
use crate::tui::command::Command;
use crate::tui::focus::Thing;
use crate::tui::jobs::{Output, discard};
use crate::tui::term::{Buffer, Line, MouseButton, MouseEvent, MouseEventKind, Rect};
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::describe;
use crate::tui::widgets::grid::{self, Corner};
use crate::tui::widgets::table::{Cell, Column};
use crate::tui::widgets::{self, Rows, Split, inside, panel, panel_note, put, table};

/// Values that were read, and what they say.
pub struct Loaded {
    pub place: Place,
    pub tensor: Tensor,
    pub statistics: Statistics,
    /// Of its channels or blocks; empty for plain values.
    pub scales: Vec<f64>,
}

/// How the values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Numbers,
    Heat,
    Scales,
}

/// State of the pane.
pub struct TensorsPane {
    listed: Option<Arc<Listed>>,
    /// Of each listed tensor the share of values that are zero, once counted.
    zeros: Arc<Vec<Option<f64>>>,
    /// Which of them are shown, filtered and in order.
    shown: Arranged,
    rows: Rows,
    order: Order,
    filter: String,
    /// The shared selection is looked for when the list is arranged.
    following: bool,
    split: Split,
    loaded: Option<Result<Loaded, (Place, Error)>>,
    corner: Corner,
    look: Look,
    detail: RefCell<Rect>,
}

/// Tensors up to this size are read as soon as they are chosen.
const READ_AT_ONCE: u64 = 64 << 20;
const BINS: usize = 64;

/// All tensors together are searched for zeros up to this size; beyond, those that were read tell.
const COUNT_AT_ONCE: u64 = 256 << 20;

const COLUMNS: [Column; 8] = [
    Column::flexible("name", 22),
    Column::left("dtype", 8, 2),
    Column::left("shape", 12, 1),
    Column::right("bytes", 8, 0),
    Column::right("share", 5, 4),
    Column::left("", 4, 6),
    Column::right("zeros", 5, 5),
    Column::left("quantization", 13, 3),
];
/// Columns that shapes get at most.
const LONGEST_SHAPE: u16 = 13;

impl TensorsPane {
    pub fn new(_model: &Arc<Model>) -> TensorsPane {
        TensorsPane {
            listed: None,
            zeros: Arc::default(),
            shown: Arranged::default(),
            rows: Rows::default(),
            order: Order::Bytes,
            filter: String::new(),
            following: false,
            split: Split::default(),
            loaded: None,
            corner: Corner::default(),
            look: Look::Numbers,
            detail: RefCell::default(),
        }
    }

    fn row(&self) -> Option<&TensorRow> {
        self.listed
            .as_ref()?
            .rows
            .get(self.shown.get(self.rows.at)?)
    }

    fn tensor(&self) -> Option<&Tensor> {
        match &self.loaded {
            Some(Ok(loaded)) => Some(&loaded.tensor),
            _ => None,
        }
    }

    fn arranged(&mut self, shown: Arranged, cx: &Context) {
        let chosen = self.shown.get(self.rows.at);
        discard(std::mem::replace(&mut self.shown, shown));
        let chosen = chosen.filter(|_| !std::mem::take(&mut self.following));
        match chosen {
            Some(chosen) => self.rows.at = self.shown.stay(Some(chosen), self.rows.at),
            None => {
                self.rows.at = self.shown.stay(None, self.rows.at);
                self.find(cx);
            }
        }
    }

    /// The list follows the shared selection, if that is a tensor.
    fn follow(&mut self, cx: &mut Context) {
        if !self.find(cx) && !self.filter.is_empty() && self.wanted(cx).is_some() {
            self.filter.clear();
            self.following = true;
            self.arrange(cx);
        }
    }

    /// The row of the shared selection among all that are listed.
    fn wanted(&self, cx: &Context) -> Option<usize> {
        let place = match (cx.focus.variable(cx.model), cx.focus.value(cx.model)) {
            (Some(id), _) => Place::Variable(id),
            (None, Some((graph, value))) => Place::Constant {
                meta_graph: cx.focus.meta,
                graph,
                value,
            },
            _ => return None,
        };
        self.listed.as_ref()?.row_of(&place)
    }

    /// Stands on the shared selection; whether it is among the shown.
    fn find(&mut self, cx: &Context) -> bool {
        let row = self.wanted(cx);
        let at = row.and_then(|row| self.shown.position(row));
        self.rows.at = at.unwrap_or(self.rows.at);
        at.is_some()
    }

    /// The chosen row becomes the shared selection, and its values are read.
    fn choose(&mut self, cx: &mut Context) {
        let Some(row) = self.row() else { return };
        let (place, bytes) = (row.place.clone(), row.bytes);
        if let Place::Constant { meta_graph, .. } = place {
            cx.focus.meta = meta_graph;
        }
        cx.focus.thing = Thing::of_place(&place, cx.model);
        let present = match &self.loaded {
            Some(Ok(loaded)) => Some(&loaded.place),
            Some(Err((place, _))) => Some(place),
            None => None,
        };
        if present == Some(&place) {
            return;
        }
        self.loaded = None;
        self.corner = Corner::default();
        if bytes <= READ_AT_ONCE {
            self.read(place, cx);
        }
    }

    fn read(&mut self, place: Place, cx: &mut Context) {
        let model = cx.model.clone();
        cx.job("values", "reading values", move |_| {
            let tensor = analysis::read(&model, &place)?;
            let statistics = analysis::statistics(&tensor, BINS);
            let scales = scales_of(&model, &place);
            Ok(Output::Tensor(Box::new(Loaded {
                place,
                tensor,
                statistics,
                scales,
            })))
        });
    }

    fn scroll(&mut self, command: Command) -> Handled {
        let Some(tensor) = self.tensor() else {
            return Handled::No;
        };
        let (rows, columns, slices) = grid::extent(tensor, self.corner);
        let corner = &mut self.corner;
        // A vector goes on in the lines below.
        let command = match (rows, command) {
            (1, Command::Up) => Command::PageUp,
            (1, Command::Down) => Command::PageDown,
            (_, command) => command,
        };
        match command {
            Command::PageUp if rows == 1 => corner.column = corner.column.saturating_sub(10),
            Command::PageDown if rows == 1 => corner.column += 10,
            Command::Bottom if rows == 1 => corner.column = columns.saturating_sub(10),
            Command::Up => corner.row = corner.row.saturating_sub(1),
            Command::Down => corner.row += 1,
            Command::Left => corner.column = corner.column.saturating_sub(1),
            Command::Right => corner.column += 1,
            Command::PageUp => corner.row = corner.row.saturating_sub(10),
            Command::PageDown => corner.row += 10,
            Command::Top => {
                *corner = Corner {
                    slice: corner.slice,
                    axes: corner.axes,
                    ..Corner::default()
                }
            }
            Command::Bottom => corner.row = rows,
            Command::NextInput => corner.slice = (corner.slice + 1) % slices.max(1),
            Command::PrevInput => corner.slice = (corner.slice + slices.max(1) - 1) % slices.max(1),
            _ => return Handled::No,
        }
        corner.row = corner.row.min(rows.saturating_sub(1));
        corner.column = corner.column.min(columns.saturating_sub(1));
        Handled::Yes
    }

    /// Which axes go down and across.
    fn choose_axes(&mut self, cx: &mut Context) {
        let Some(tensor) = self.tensor() else {
            return cx.say("no values yet");
        };
        match tensor.shape() {
            [] | [_] => cx.say("there is only one axis"),
            [_, _] => {
                let (down, across) = grid::axes(tensor, self.corner);
                self.corner = Corner::on(across, down);
            }
            shape => {
                let all = 0..shape.len();
                let pairs = all
                    .clone()
                    .flat_map(|down| all.clone().map(move |across| (down, across)));
                let choices =
                    pairs
                        .filter(|(down, across)| down != across)
                        .map(|(down, across)| {
                            let slices = grid::extent(tensor, Corner::on(down, across)).2;
                            let says =
                                format!("{}×{}, {slices} slices", shape[down], shape[across]);
                            (format!("{down} and {across}"), says)
                        });
                cx.pick("axes", "axes down and across", choices.collect());
            }
        }
    }

    /// Counts the zeros of all tensors where that takes no long time.
    fn count_zeros(&self, cx: &mut Context) {
        let Some(listed) = &self.listed else { return };
        if listed.bytes > COUNT_AT_ONCE {
            return;
        }
        let (listed, model) = (listed.clone(), cx.model.clone());
        cx.job("zeros", "counting zeros", move |progress| {
            let places = listed.rows.iter().map(|row| &row.place);
            progress.stage("counting zeros", places.len() as u64);
            let mut shares = Vec::with_capacity(places.len());
            for place in places {
                // What can't be read says so when it is chosen.
                let tensor = analysis::read(&model, place).ok();
                shares.push(tensor.and_then(|tensor| zero_share(&tensor, zero_of(&model, place))));
                progress.step(1)?;
            }
            Ok(Output::Zeros(shares))
        });
    }

    fn export(&self, cx: &mut Context) {
        match (self.row(), self.tensor()) {
            (Some(row), Some(_)) => {
                let file = text::fresh_file(&text::file_name(&row.name), "npy");
                cx.ask("export", "write the values to", file.display().to_string());
            }
            _ => cx.say("no values to write yet"),
        }
    }
}

impl Filtered for TensorsPane {
    fn parts(&mut self) -> (&mut Split, &mut String) {
        (&mut self.split, &mut self.filter)
    }

    /// Now or by a job; the chosen tensor stays chosen.
    fn arrange(&mut self, cx: &mut Context) {
        let Some(listed) = self.listed.clone() else {
            return;
        };
        let (order, filter, zeros) = (self.order, self.filter.clone(), self.zeros.clone());
        let arrange = move |progress: &Progress| {
            let fits = list::holding(&listed, &filter);
            let key = list::by(&listed, &zeros, order);
            Arranged::new(
                listed.rows.len(),
                fits,
                key,
                |at| listed.rows[at].bytes,
                progress,
            )
        };
        let len = self.listed.as_ref().map_or(0, |l| l.rows.len());
        arranged::start(len, arrange, cx, |shown, cx| self.arranged(shown, cx));
    }
}

impl Pane for TensorsPane {
    fn footer(&self) -> &'static [Command] {
        if self.split.detail {
            &[
                Command::ViewMode,
                Command::Axes,
                Command::NextInput,
                Command::NextFocus,
                Command::Export,
                Command::ShowGraph,
            ]
        } else {
            &[
                Command::Sort,
                Command::Filter,
                Command::NextFocus,
                Command::ViewMode,
                Command::ShowGraph,
            ]
        }
    }

    fn shown(&mut self, cx: &mut Context) {
        if self.listed.is_none() {
            let (model, counted) = (cx.model.clone(), cx.counted.clone());
            cx.job("list", "listing tensors", move |_| {
                Ok(Output::Tensors(Box::new(Listed::of(
                    &model,
                    counted.usage(),
                ))))
            });
            return;
        }
        self.follow(cx);
        self.choose(cx);
    }

    fn job(&mut self, _what: &'static str, output: Output, cx: &mut Context) {
        match output {
            Output::Tensors(listed) => {
                // They come in the order of their bytes.
                self.shown = Arranged::all(listed.rows.len(), listed.bytes);
                self.listed = Some(Arc::new(*listed));
                self.follow(cx);
                self.choose(cx);
                self.count_zeros(cx);
            }
            Output::Arranged(shown) => {
                self.arranged(shown, cx);
                self.choose(cx);
            }
            Output::Zeros(zeros) => {
                self.zeros = Arc::new(zeros);
                if self.order == Order::Zeros {
                    self.arrange(cx);
                }
            }
            Output::Tensor(loaded) => {
                if loaded.scales.len() < 2 && self.look == Look::Scales {
                    self.look = Look::Numbers;
                }
                self.loaded = Some(Ok(*loaded));
            }
            Output::Saved(path) => cx.say(format!("wrote {}", path.display())),
            _ => {}
        }
    }

    fn job_failed(&mut self, what: &'static str, error: Error, cx: &mut Context) {
        match self.row().map(|r| r.place.clone()) {
            _ if what == "zeros" => {}
            Some(place) if what == "values" => self.loaded = Some(Err((place, error))),
            _ => cx.fail(error),
        }
    }

    fn handle(&mut self, command: Command, cx: &mut Context) -> Handled {
        if self.take(command, cx) == Handled::Yes {
            return Handled::Yes;
        }
        let scroll =
            self.split.detail || matches!(command, Command::NextInput | Command::PrevInput);
        if scroll && self.scroll(command) == Handled::Yes {
            return Handled::Yes;
        }
        match command {
            Command::Enter if self.loaded.is_none() => {
                if let Some(place) = self.row().map(|r| r.place.clone()) {
                    self.read(place, cx);
                }
            }
            Command::Enter => self.split.detail = true,
            Command::Sort => {
                let at = Order::ALL
                    .iter()
                    .position(|o| *o == self.order)
                    .unwrap_or(0);
                self.order = Order::ALL[(at + 1) % Order::ALL.len()];
                self.arrange(cx);
            }
            Command::ViewMode => {
                let several = matches!(&self.loaded, Some(Ok(l)) if l.scales.len() > 1);
                self.look = match self.look {
                    Look::Numbers => Look::Heat,
                    Look::Heat if several => Look::Scales,
                    _ => Look::Numbers,
                };
            }
            Command::Axes => self.choose_axes(cx),
            Command::Export => self.export(cx),
            _ => {
                let handled = self.rows.handle(command, self.shown.len());
                if handled == Handled::Yes {
                    self.choose(cx);
                }
                return handled;
            }
        }
        Handled::Yes
    }

    fn text(&mut self, tag: &'static str, words: &str, cx: &mut Context) {
        match tag {
            "filter" => {
                words.clone_into(&mut self.filter);
                self.arrange(cx);
                self.choose(cx);
            }
            "axes" => {
                let (down, across) = words.split_once(" and ").unwrap_or_default();
                if let (Ok(down), Ok(across)) = (down.parse(), across.parse()) {
                    self.corner = Corner::on(down, across);
                }
            }
            "export" => {
                let Some(tensor) = self.tensor().cloned() else {
                    return;
                };
                let path = std::path::PathBuf::from(words.trim());
                cx.job("export", "writing", move |_| {
                    npy::write_npy(&path, &tensor)?;
                    Ok(Output::Saved(path))
                });
            }
            _ => {}
        }
    }

    fn split(&mut self) -> Option<&mut Split> {
        Some(&mut self.split)
    }

    fn mouse(&mut self, mouse: MouseEvent, cx: &mut Context) -> Handled {
        let in_detail = inside(*self.detail.borrow(), mouse.column, mouse.row);
        match mouse.kind {
            MouseEventKind::ScrollDown if in_detail => self.scroll(Command::Down),
            MouseEventKind::ScrollUp if in_detail => self.scroll(Command::Up),
            MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
                self.split.detail = false;
                Handled::No
            }
            MouseEventKind::Down(MouseButton::Left) => {
                self.split.detail = in_detail;
                if let Some(at) = self.rows.row_at(mouse.column, mouse.row, self.shown.len()) {
                    self.rows.at = at;
                    self.choose(cx);
                }
                Handled::Yes
            }
            _ => Handled::No,
        }
    }

    fn copied(&self, _cx: &Context) -> Option<String> {
        self.row().map(|r| r.name.to_string())
    }

    fn render(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let share = if area.width >= 110 { 70 } else { 60 };
        let (list, detail) = self.split.areas(area, share);
        self.detail.replace(detail);
        if !list.is_empty() {
            self.render_list(list, buf, view);
        }
        if !detail.is_empty() {
            self.render_detail(detail, buf, view);
        }
    }
}

impl TensorsPane {
    fn render_list(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let focused = !self.split.detail;
        let inner = panel("Tensors", area, buf, theme, focused);
        let Some(listed) = &self.listed else {
            put(inner, 0, Line::styled("counting…", theme[Role::Dim]), buf);
            return;
        };
        let note = arranged::note(&self.shown, true, &self.filter, view);
        panel_note(&note, area, buf, theme[Role::Dim]);
        if self.shown.is_empty() {
            let why = if self.filter.is_empty() {
                "This model stores no tensors."
            } else {
                "Nothing fits the filter."
            };
            widgets::message(inner, &[why], buf, theme);
            return;
        }
        let most = listed.most;
        let columns = columns(listed, inner.width);
        table::render(
            inner,
            buf,
            theme,
            &columns,
            (&self.rows, self.shown.len(), focused),
            Some(self.order.column()),
            |at| {
                let Some(row) = self.shown.get(at).and_then(|at| listed.rows.get(at)) else {
                    return Vec::new();
                };
                let zeros = self.shown.get(at).and_then(|at| self.zeros.get(at));
                let zeros = zeros.copied().flatten();
                let name = text::clean(text::last_name(&row.name));
                let style = match row.bookkeeping {
                    true => theme[Role::Dim],
                    false => theme[Role::Text],
                };
                let twin = self.shown.get(at).and_then(|at| listed.twins.get(at));
                let name = match twin {
                    None | Some(Twin::None) => Cell::Name(name, style),
                    Some(twin) => Cell::Twin {
                        name,
                        style,
                        told: twins::told_by(view.model, &row.place),
                        both: *twin == Twin::Whole,
                    },
                };
                vec![
                    name,
                    Cell::Text(row.dtype.to_string(), theme[Role::Dim]),
                    Cell::Text(row.shape.to_string(), theme[Role::Number]),
                    if row.shared {
                        Cell::Text("shared".to_owned(), theme[Role::Dim])
                    } else {
                        Cell::Text(text::bytes(row.bytes), theme[Role::Number])
                    },
                    Cell::Text(share_of(row.share), theme[Role::Dim]),
                    Cell::Bar(row.share / most),
                    match zeros {
                        Some(share) if share > 0.0 => {
                            Cell::Text(share_of(share), theme[Role::Number])
                        }
                        Some(_) => Cell::Text("–".to_owned(), theme[Role::Border]),
                        None => Cell::Text(String::new(), theme[Role::Dim]),
                    },
                    Cell::Text(
                        quantization(view.model, &row.place)
                            .and_then(describe::quantization_in_brief)
                            .unwrap_or_default(),
                        theme[Role::Quantize],
                    ),
                ]
            },
        );
        self.rows.scrollbar(self.shown.len(), area, buf, theme);
    }
}

/// As wide as what stands in them; without what would stay empty.
fn columns(listed: &Listed, wide: u16) -> [Column; 8] {
    let mut columns = COLUMNS;
    columns[1].width = listed.widest.0.clamp(5, 10);
    columns[2].width = listed.widest.1.clamp(6, LONGEST_SHAPE);
    if wide < 50 {
        columns[2].width = columns[2].width.min(12);
        // The type, which the detail tells too, makes room for long names unless types differ as in quantized models; the
        // shape does not.
        let room = wide.saturating_sub(columns[2].width + columns[3].width + 2);
        columns[0].least = match wide {
            0..30 => 12,
            _ if listed.is_quantized => 17,
            _ => listed.longest.min(room).max(17),
        };
    }
    if !listed.is_quantized {
        columns[7].hide();
    }
    columns
}

/// In five columns.
fn share_of(share: f64) -> String {
    let words = text::percent(share);
    words
        .strip_suffix(".0%")
        .filter(|w| w.len() > 2)
        .map_or(words.clone(), |w| format!("{w}%"))
}

fn quantization<'m>(model: &'m Model, place: &Place) -> Option<&'m Quantization> {
    place.constant(model)?.quantization.as_deref()
}

/// The stored number that stands for zero.
fn zero_of(model: &Model, place: &Place) -> f64 {
    let single = quantization(model, place).and_then(Quantization::single);
    single.map_or(0.0, |(_, zero)| zero as f64)
}

fn zero_share(tensor: &Tensor, zero: f64) -> Option<f64> {
    tensor.number(0)?;
    let count = tensor.len();
    let zeros = (0..count).filter(|&at| tensor.number(at) == Some(zero));
    Some(zeros.count() as f64 / count as f64)
}

/// One scale per channel, or those of the blocks, which are a constant of their own.
fn scales_of(model: &Model, place: &Place) -> Vec<f64> {
    let Some(quantization) = quantization(model, place) else {
        return Vec::new();
    };
    let stored = quantization.details.values()[0].and_then(|id| {
        let values = &place.graph(model)?.values;
        values.get(id.index())?.read()?.ok()
    });
    match stored {
        Some(scales) => scales.numbers(),
        None => quantization.scale.iter().map(|s| f64::from(*s)).collect(),
    }
}
