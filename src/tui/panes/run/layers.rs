//! One value of the last run, whichever a person chooses, and where the first NaN or infinity of its outputs came from.
//!
//! Both are found by running the last run once more, watched ([`Session::trace`]): from the state that it began with, on
//! the same inputs, so that nothing is stepped twice. What is chosen stays chosen while inputs change.

use std::sync::Arc;

use super::outputs::{self, Given, Item};
use super::{RunPane, Values};
use crate::error::Result;
use crate::feed;
use crate::model::{Model, NodeId, Tensor, ValueId};
use crate::progress::Progress;
use crate::report::{human, not_finite};
use crate::runtime::{self, Moment, NotFinite, Session, Traced};
use crate::tui::focus::Thing;
use crate::tui::jobs::{Output, discard};
use crate::tui::measured::InFile;
use crate::tui::panes::{Context, PaneId};
use crate::tui::term::{Buffer, Line, Rect, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::{panel, put};

/// Bytes of a value at most: it is shown as real numbers too, four times as large for int8.
const MOST: usize = 64 << 20;
/// Columns of a name in a title.
const NAME: usize = 24;
/// Lines that tell of what is not finite.
const LINES: usize = 3;
/// Columns from which what is stored stands beside the real numbers.
const BESIDE: u16 = 72;

/// How the last run began.
pub struct Replay {
    pub before: Moment,
    pub inputs: Values,
}

/// What of the last run is looked at.
#[derive(Default)]
pub struct Layers {
    replay: Option<Arc<Replay>>,
    /// What can be chosen, under the names that the list has for it.
    rows: Vec<(String, Traced)>,
    pub chosen: Option<Traced>,
    told: Watched,
    /// Work has begun that Esc is to stop before it lets go of anything.
    pub busy: bool,
}

/// What a watched run told.
#[derive(Default)]
pub struct Watched {
    /// Of each output that has any.
    not_finite: Vec<NotFinite>,
    /// There are several outputs.
    several: bool,
    /// The operator of the file, by graph, that made the chosen value, or the first that is not finite.
    place: Option<(usize, NodeId)>,
    /// The chosen value: its real numbers, and what is stored where that is something else; or why there is none.
    looked: Option<Result<Vec<Given>, String>>,
    /// Why nothing was told.
    failed: Option<String>,
}

/// Runs once more where an output is not finite or a value is chosen. `file` is the model and the index of the MetaGraph.
///
/// # Errors
/// It was stopped. Anything else that goes wrong is told beside the outputs, which are there.
pub fn tell(
    session: &mut Session,
    replay: &Replay,
    outputs: &[(String, Tensor)],
    chosen: Option<&Traced>,
    file: (&Model, usize),
    progress: &Progress,
) -> Result<Watched> {
    if chosen.is_none() && runtime::are_finite(outputs) {
        return Ok(Watched::default());
    }
    let look = chosen.map(|value| (value.at, MOST));
    let trace = session.trace(&replay.before, &replay.inputs, look, progress);
    progress.check()?;
    let trace = match trace {
        Ok(trace) => trace,
        Err(error) => {
            return Ok(Watched {
                failed: Some(error.to_string()),
                ..Watched::default()
            });
        }
    };
    let now = chosen.and_then(|chosen| trace.values.iter().find(|value| value.at == chosen.at));
    let looked = match (trace.taken, now, chosen) {
        (Some(Ok(tensor)), Some(now), _) => Some(given(&tensor, now).map_err(|e| e.to_string())),
        (Some(Err(error)), ..) => Some(Err(error.to_string())),
        (_, _, Some(_)) => Some(Err("this run did not compute it".to_owned())),
        (_, _, None) => None,
    };
    let first = trace.not_finite.first().map(|found| found.origin.at);
    let place = (chosen.map(|value| value.at).or(first))
        .and_then(|at| place(file, session.signature(), &trace.values, at));
    Ok(Watched {
        not_finite: trace.not_finite,
        place,
        several: outputs.len() > 1,
        looked,
        failed: None,
    })
}

/// Where the operator stands that made the value `at`.
fn place(
    (model, meta): (&Model, usize),
    key: &str,
    values: &[Traced],
    at: (usize, ValueId),
) -> Option<(usize, NodeId)> {
    let own = values.iter().position(|value| value.at == at)?;
    let named =
        |value: &Traced| Some((value.file_graph.clone(), value.maker.as_ref()?.node.clone()));
    let (graph, node) = named(&values[own])?;
    let mut file = InFile::new(model.meta_graphs.get(meta)?, key)?;
    let mut way = file.find(graph.as_ref(), &node)?;
    // Those before it that have its name.
    let alike = values[..own].iter().filter_map(named);
    for _ in alike.filter(|other| *other == (graph.clone(), node.clone())) {
        way = file.find(graph.as_ref(), &node)?;
    }
    way.last().copied()
}

fn given(tensor: &Tensor, value: &Traced) -> Result<Vec<Given>> {
    let real = feed::dequantized(tensor, value.quantization.as_deref())?;
    let quantized = matches!(real, std::borrow::Cow::Owned(_));
    let mut name = title(value);
    if quantized {
        name += &format!(", of {}", value.dtype);
    }
    let real = Given::of(&(name, real.into_owned()), &[], Item::default())?;
    Ok(match quantized {
        true => vec![
            real,
            Given::of(&("stored".to_owned(), tensor.clone()), &[], Item::default())?,
        ],
        false => vec![real],
    })
}

/// `relu/Relu · Relu`, and of a value in a loop which of its rounds it is of.
fn title(value: &Traced) -> String {
    let mut title = text::fit_name(&name(value), NAME);
    if let Some(maker) = &value.maker {
        title = format!("{title} · {}", maker.op);
    }
    if value.calls > 1 {
        title += &format!(", last of {}", human::exact(value.calls));
    }
    title
}

fn name(value: &Traced) -> String {
    let name = value
        .maker
        .as_ref()
        .map_or(&value.name, |maker| &maker.node);
    text::last_name(name).to_owned()
}

impl Layers {
    /// The last run began so, and this is told of it.
    pub fn ran(&mut self, replay: Arc<Replay>, told: Watched) {
        self.replay = Some(replay);
        self.rows.clear();
        self.told(told);
    }

    pub fn told(&mut self, told: Watched) {
        discard(std::mem::replace(&mut self.told, told));
    }

    /// Esc. Whether it was for this.
    pub fn cancel(&mut self) -> bool {
        !std::mem::take(&mut self.busy) && self.let_go()
    }

    /// How the last run began.
    pub fn replay(&self) -> Option<Arc<Replay>> {
        self.replay.clone()
    }

    /// There is no last run; what is chosen stays so.
    pub fn forget(&mut self) {
        discard(self.replay.take());
        discard(std::mem::take(&mut self.rows));
        self.told(Watched::default());
    }

    /// Lets go of the chosen value. Whether there was one.
    pub fn let_go(&mut self) -> bool {
        discard(self.told.looked.take());
        self.chosen.take().is_some()
    }

    /// The list to choose from: what made the first NaN or infinity, then all in order of execution.
    fn list(&mut self, values: Vec<Traced>) -> Vec<(String, String)> {
        let origin = self.told.not_finite.first().map(|found| found.origin.at);
        let (first, rest): (Vec<Traced>, Vec<Traced>) = values
            .into_iter()
            .partition(|value| Some(value.at) == origin);
        let mut names: std::collections::HashMap<String, usize> = Default::default();
        self.rows.clear();
        for value in first.into_iter().chain(rest) {
            let name = text::clean(&name(&value));
            let times = names.entry(name.clone()).or_default();
            *times += 1;
            let name = match *times {
                1 => name,
                times => format!("{name} #{times}"),
            };
            self.rows.push((name, value));
        }
        let detail = |value: &Traced| detail(value, Some(value.at) == origin);
        let rows = self.rows.iter();
        rows.map(|(name, value)| (name.clone(), detail(value)))
            .collect()
    }

    /// The chosen value, where it is there: what its key works on.
    pub fn given(&self) -> Option<&[Given]> {
        let looked = self.told.looked.as_ref().filter(|_| self.chosen.is_some());
        looked.and_then(|looked| looked.as_deref().ok())
    }

    /// Tells of what is not finite, and draws the chosen value; gives the rest of `area` back.
    pub fn render(&self, area: Rect, look: outputs::Look, buf: &mut Buffer) -> Rect {
        let theme = look.theme;
        let rest = self.render_not_finite(area, buf, theme);
        let Some(chosen) = &self.chosen else {
            return rest;
        };
        let high = match rest.height {
            0..6 => rest.height,
            high => (high * 3 / 5).max(5),
        };
        let own = Rect {
            height: high,
            ..rest
        };
        let rest = Rect {
            y: own.bottom(),
            height: rest.height - high,
            ..rest
        };
        let words = match &self.told.looked {
            Some(Ok(given)) => {
                render_given(own, given, look, buf);
                note_below(own, self.told.place.is_some(), buf, theme);
                return rest;
            }
            Some(Err(words)) => words.as_str(),
            None => self.told.failed.as_deref().unwrap_or("looking …"),
        };
        let inner = panel(text::clean(&title(chosen)), own, buf, theme, false);
        let lines = text::wrap(&text::clean(words), inner.width.into(), inner.height.into());
        for (row, line) in lines.into_iter().enumerate() {
            put(
                inner,
                row as u16,
                Line::styled(line, theme[Role::Text]),
                buf,
            );
        }
        rest
    }

    fn render_not_finite(&self, area: Rect, buf: &mut Buffer, theme: &Theme) -> Rect {
        let short: Vec<NotFinite> = self.told.not_finite.iter().map(shortened).collect();
        let places = not_finite::told(&short);
        let mut lines: Vec<String> = Vec::new();
        let room = area.width.saturating_sub(2).into();
        for (at, (outputs, words)) in places.iter().enumerate() {
            let words = match self.told.several {
                true => format!("{outputs}: {words}"),
                false => words.clone(),
            };
            let hint = match (at, self.chosen.is_none(), self.told.place.is_some()) {
                (0, true, true) => "x looks at it · o goes there",
                (0, true, false) => "x looks at it",
                _ => "",
            };
            let left = LINES.saturating_sub(lines.len());
            lines.extend(text::wrap(&text::clean(&words), room, left.max(1)));
            // Never cut.
            match lines.last_mut() {
                Some(last) if width(last) + 3 + width(hint) <= room && !hint.is_empty() => {
                    *last += &format!(" · {hint}");
                }
                _ if hint.is_empty() => {}
                _ => lines.push(hint.to_owned()),
            }
        }
        match (&self.told.failed, lines.is_empty()) {
            (Some(failed), true) if self.chosen.is_none() => {
                let words = format!("what is not finite could not be traced: {failed}");
                lines = text::wrap(&text::clean(&words), room, LINES);
            }
            (_, true) => return area,
            _ => {}
        }
        let room = Rect {
            x: area.x + 1,
            width: area.width.saturating_sub(2),
            ..area
        };
        let high = (lines.len() as u16).min(area.height / 3);
        for (row, line) in lines.into_iter().take(high.into()).enumerate() {
            put(room, row as u16, Line::styled(line, theme[Role::Warn]), buf);
        }
        Rect {
            y: area.y + high,
            height: area.height - high,
            ..area
        }
    }
}

/// With names that leave room for what is told of them.
fn shortened(found: &NotFinite) -> NotFinite {
    let mut found = found.clone();
    let mut each = Some(&mut found.origin);
    while let Some(origin) = each {
        origin.name = text::fit_name(&origin.name, NAME).into();
        each = origin.cause.as_deref_mut();
    }
    found
}

/// How to let go, in the lower border: the upper one has its own notes.
fn note_below(area: Rect, has_place: bool, buf: &mut Buffer, theme: &Theme) {
    let words = match has_place {
        true => " o in the graph · x lets go ",
        false => " x lets go ",
    };
    let wide = width(words) as u16;
    if area.width > wide + 4 && area.height > 2 {
        let at = area.right() - wide - 2;
        buf.set_string(at, area.bottom() - 1, words, theme[Role::Dim]);
    }
}

/// The real numbers, and what is stored beside them where there is room.
fn render_given(area: Rect, given: &[Given], look: outputs::Look, buf: &mut Buffer) {
    let beside = given.len().min(if area.width < BESIDE { 1 } else { 2 }) as u16;
    for (at, given) in given.iter().take(beside.into()).enumerate() {
        let wide = area.width / beside.max(1);
        let own = Rect {
            x: area.x + at as u16 * wide,
            width: if at as u16 + 1 == beside {
                area.width - at as u16 * wide
            } else {
                wide
            },
            ..area
        };
        let look = outputs::Look {
            scroll: 0,
            key: at == 0,
            ..look
        };
        outputs::render(own, std::slice::from_ref(given), look, buf);
    }
}

/// `Conv2D  float32 1×26×26×8  in body ×12  -1.2 … 3.4`
fn detail(value: &Traced, is_origin: bool) -> String {
    let op = value.maker.as_ref().map_or("input", |maker| &maker.op);
    let sizes: Vec<String> = value.shape.iter().map(usize::to_string).collect();
    let mut words = vec![op.to_owned()];
    words.push(
        format!("{} {}", value.dtype, sizes.join("×"))
            .trim_end()
            .to_owned(),
    );
    for (has, word) in [(value.nan, "NaN"), (value.infinite, "Inf")] {
        let first = if is_origin { "first " } else { "" };
        words.extend(has.then(|| format!("{first}{word}")));
    }
    let times = match value.calls {
        0 | 1 => String::new(),
        calls => format!(" ×{}", human::exact(calls)),
    };
    words.extend(
        value
            .graph
            .as_ref()
            .map(|graph| format!("in {graph}{times}")),
    );
    if let Some((min, max)) = value.range {
        words.push(format!(
            "{} … {}",
            text::number(min, 9),
            text::number(max, 9)
        ));
    }
    text::clean(&words.join("  "))
}

impl RunPane {
    /// Lets go of the chosen value, or looks for what can be chosen.
    pub(super) fn choose_layer(&mut self, cx: &mut Context) {
        if self.layers.let_go() {
            return;
        }
        let replay = self.layers.replay.clone();
        let Some(replay) = replay.filter(|_| self.ran.is_some()) else {
            return cx.say("nothing has run yet");
        };
        let session = self.session(cx);
        self.layers.busy = true;
        cx.job("layers", "looking through the run", move |progress| {
            session.with(|session| {
                let trace = session.trace(&replay.before, &replay.inputs, None, progress)?;
                Ok(Output::Layers(trace.values))
            })
        });
    }

    /// Shows the operator in the graph that made the chosen value, or the first that is not finite.
    pub(super) fn go_to_origin(&mut self, cx: &mut Context) {
        let told = &self.layers.told;
        match (told.place, told.not_finite.first()) {
            (Some((graph, node)), _) => cx.go(PaneId::Graph, Thing::Node { graph, node }),
            (None, Some(_)) => cx.say("no operator of the graph made it"),
            (None, None) if self.layers.chosen.is_some() => {
                cx.say("no operator of the graph made it");
            }
            (None, None) => cx.say("all outputs are finite; x inspects a value inside"),
        }
    }

    /// Everything that can be chosen is known.
    pub(super) fn offer_layers(&mut self, values: Vec<Traced>, cx: &mut Context) {
        let rows = self.layers.list(values);
        cx.pick("layer", "a value of the last run", rows);
    }

    /// A row of the list was chosen.
    pub(super) fn take_layer(&mut self, name: &str, cx: &mut Context) {
        let mut rows = self.layers.rows.iter();
        let Some((_, chosen)) = rows.find(|(own, _)| own == name) else {
            return;
        };
        let chosen = chosen.clone();
        self.layers.chosen = Some(chosen.clone());
        let (Some(replay), Some(ran)) = (self.layers.replay.clone(), &self.ran) else {
            return;
        };
        let (session, outputs) = (self.session(cx), ran.outputs.clone());
        let (model, meta) = (cx.model.clone(), cx.focus.meta);
        self.layers.busy = true;
        cx.job("look", "looking at a value", move |progress| {
            session.with(|session| {
                let file = (&*model, meta);
                let told = tell(session, &replay, &outputs, Some(&chosen), file, progress)?;
                Ok(Output::Looked(Box::new(told)))
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{add, argument, model, subgraph};
    use crate::model::{DType, Quantization};
    use crate::runtime::RunOptions;

    fn drawn(layers: &Layers, wide: u16, high: u16) -> String {
        let area = Rect::new(0, 0, wide, high);
        let mut buf = Buffer::empty(area);
        let theme = Theme::named("dark", None).unwrap();
        let look = outputs::Look {
            labels: None,
            scroll: 0,
            chosen: &outputs::Chosen::default(),
            key: true,
            focused: false,
            theme: &theme,
        };
        let rest = layers.render(area, look, &mut buf);
        let row = |y: u16| -> String { (0..wide).map(|x| buf[(x, y)].symbol()).collect() };
        let rows: Vec<String> = (0..rest.y).map(|y| row(y).trim_end().to_owned()).collect();
        rows.join("\n")
    }

    fn run(model: &Model, session: &mut Session, layers: &mut Layers, x: [f32; 3]) {
        let inputs = vec![("in0".to_owned(), Tensor::from_values(&[1, 3], &x))];
        let before = session.moment();
        let progress = Progress::new();
        let outputs = session.run(&inputs, &progress).unwrap();
        let replay = Replay { before, inputs };
        let chosen = layers.chosen.as_ref();
        let told = tell(session, &replay, &outputs, chosen, (model, 0), &progress).unwrap();
        layers.ran(Arc::new(replay), told);
    }

    #[test]
    fn the_first_nan_is_told_and_heads_the_list_and_any_value_can_be_seen() {
        let mut main = subgraph("main");
        let x = argument(&mut main, "x", DType::Float32, &[1, 3]);
        let scale = add(&mut main, "block/scale", "MUL", &[x, x], &[1, 3]);
        let less = add(&mut main, "block/less", "SUB", &[x, scale], &[1, 3]);
        let log = add(&mut main, "block/log", "LOG", &[less], &[1, 3]);
        let out = add(&mut main, "out", "NEG", &[log], &[1, 3]);
        let model = model(vec![main], &[x], &[out]);
        let mut session = Session::new(&model, &RunOptions::default()).unwrap();
        let mut layers = Layers::default();
        run(&model, &mut session, &mut layers, [0.5, 0.25, 0.75]);
        assert_eq!(drawn(&layers, 60, 20), "");
        run(&model, &mut session, &mut layers, [0.5, 2.0, 0.25]);
        insta::assert_snapshot!(drawn(&layers, 60, 20), @r"
        NaN first made by block/log (LOG) from -2 … 0.25: 1 of 3
        values · x looks at it · o goes there
        ");
        let made_it = |layers: &Layers| {
            let (graph, node) = layers.told.place.unwrap();
            let graphs = &model.meta_graphs[0].graphs;
            graphs[graph].node(node).op.to_string()
        };
        assert_eq!(made_it(&layers), "LOG");

        let replay = layers.replay.clone().unwrap();
        let progress = Progress::new();
        let all = session.trace(&replay.before, &replay.inputs, None, &progress);
        let rows = layers.list(all.unwrap().values);
        let rows: Vec<String> = rows.into_iter().map(|(a, b)| format!("{a}  {b}")).collect();
        insta::assert_snapshot!(rows.join("\n"), @r"
        block/log  LOG  float32 1×3  first NaN  -1.6740 … -1.3863
        in0  input  float32 1×3  0.2500 … 2
        block/scale  MUL  float32 1×3  0.0625 … 4
        block/less  SUB  float32 1×3  -2 … 0.2500
        out  NEG  float32 1×3  NaN  1.3863 … 1.6740
        ");

        // It stays chosen while inputs change.
        layers.chosen = layers.rows.first().map(|(_, value)| value.clone());
        run(&model, &mut session, &mut layers, [0.5, 2.0, 0.25]);
        let first = drawn(&layers, 60, 12);
        run(&model, &mut session, &mut layers, [0.5, 0.5, 0.5]);
        assert_eq!(made_it(&layers), "LOG");
        assert_ne!(drawn(&layers, 60, 12), first);
        insta::assert_snapshot!(drawn(&layers, 60, 12), @r"
        ╭ block/log · LOG  float32 1×3 ───────────────── v numbers ╮
        │ 0                                                -1.3863 │
        │ 1                                                -1.3863 │
        │ 2                                                -1.3863 │
        │                                                          │
        │                                                          │
        ╰───────────────────────────── o in the graph · x lets go ─╯
        ");
        assert!(layers.cancel() && !layers.cancel());
        assert_eq!(drawn(&layers, 60, 12), "");
    }

    #[test]
    fn of_integers_the_real_numbers_and_what_is_stored_are_shown() {
        let mut main = subgraph("main");
        let x = argument(&mut main, "x", DType::Float32, &[1, 3]);
        let q = add(&mut main, "small", "QUANTIZE", &[x], &[1, 3]);
        main.value_mut(q).dtype = DType::Int8;
        main.value_mut(q).quantization = Some(Quantization::per_tensor(0.25, 4).into());
        let out = add(&mut main, "out", "DEQUANTIZE", &[q], &[1, 3]);
        let model = model(vec![main], &[x], &[out]);
        let mut session = Session::new(&model, &RunOptions::default()).unwrap();
        let inputs = vec![(
            "in0".to_owned(),
            Tensor::from_values(&[1, 3], &[1.0f32, -2.0, 0.5]),
        )];
        let replay = Replay {
            before: session.moment(),
            inputs,
        };
        let progress = Progress::new();
        let outputs = session.run(&replay.inputs, &progress).unwrap();
        let all = session.trace(&replay.before, &replay.inputs, None, &progress);
        let all = all.unwrap().values;
        let chosen = all.iter().find(|value| &*value.name == "small").cloned();
        let file = (&model, 0);
        let chosen_now = chosen.as_ref();
        let told = tell(&mut session, &replay, &outputs, chosen_now, file, &progress).unwrap();
        let layers = Layers {
            chosen,
            told,
            ..Layers::default()
        };
        insta::assert_snapshot!(drawn(&layers, 80, 10), @r"
        ╭ small · QUANTIZE, of int8  float32 … ╮╭ stored  int8 1×3 ────────────────────╮
        │ 0  ▇▇▇▇▇▇▇▇▇▇▇                     1 ││ 0  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇          8 │
        │ 2  ▇▇▇▇▇▌                     0.5000 ││ 2  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▌               6 │
        │ 1                                 -2 ││ 1                                 -4 │
        │                                      ││                                      │
        ╰──────────────────────────────────────╯╰───────── o in the graph · x lets go ─╯
        ");
    }
}
