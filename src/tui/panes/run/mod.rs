//! Run: choose inputs, run the signature here, see what comes out and how long it takes.

mod choice;
mod inputs;
mod kept;
mod layers;
mod memory;
mod outputs;
mod preview;
mod results;
mod state;

use std::sync::Arc;
use std::time::Instant;

use self::choice::Entry;
use self::inputs::{Input, Source};
use self::kept::{Access, Kept};
pub use self::layers::Watched;
use self::layers::{Layers, Replay};
use self::outputs::{Chosen, Given};
pub use self::preview::Preview;
use self::results::Times;
pub use self::state::Changes;
use super::work::Work;
use super::{Context, Handled, Pane, View};
use crate::error::{Error, Result};
use crate::feed::{self, SampleSet};
use crate::format::npy;
use crate::model::{Model, Port, Tensor};
use crate::progress::Progress;
use crate::runtime::{self, ArenaReport, RunOptions, Session, Timings};
use crate::tui::command::Command;
use crate::tui::focus::Focus;
use crate::tui::jobs::{Output, discard};
use crate::tui::measured;
use crate::tui::place::Inputs;
use crate::tui::term::{Buffer, Line, MouseButton, MouseEvent, MouseEventKind, Rect, Span, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::{self, Rows, Split, panel, panel_note, put};

/// Values by the names of inputs.
type Values = Vec<(String, Tensor)>;

/// What a run gave.
pub struct Ran {
    pub outputs: Vec<(String, Tensor)>,
    pub nanos: u64,
    pub times: Times,
    pub arena: ArenaReport,
    given: Vec<Given>,
    seed: Option<u64>,
    replay: Arc<Replay>,
    told: Watched,
    state: Changes,
    /// By operator of the file, for all panes.
    pub measured: Option<measured::Run>,
}

/// State of the pane.
pub struct RunPane {
    /// Index of the MetaGraph whose these are.
    meta: usize,
    /// What can be run, and which of it is.
    entries: Vec<Entry>,
    at: usize,
    /// Its key.
    key: String,
    inputs: Vec<Input>,
    rows: Rows,
    preview: Option<Result<Preview>>,
    /// What the person chose for the signatures, this one when it was left.
    recalled: Inputs,
    /// The value of the chosen input is still to be made, by a job.
    unseen: bool,
    labels: Option<Vec<String>>,
    looked: bool,
    session: Kept,
    /// What a person wants random numbers to come from that the graph has no seed for.
    seed: Option<u64>,
    ran: Option<Shown>,
    layers: Layers,
    /// How outputs and the chosen value are looked at.
    ways: Chosen,
    timings: Option<Timings>,
    work: Work,
    below: Below,
    split: Split,
    scroll: usize,
}

/// What stands below the outputs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Below {
    Time,
    Operators,
    Memory,
}

impl Below {
    /// Away from what is shown already is back to the time.
    fn toggled(self, to: Below) -> Below {
        match self == to {
            true => Below::Time,
            false => to,
        }
    }
}

/// The last run without its session.
struct Shown {
    outputs: Arc<Vec<(String, Tensor)>>,
    given: Vec<Given>,
    nanos: u64,
    /// What random numbers came from that the graph has no seed for.
    seed: Option<u64>,
    times: Times,
    arena: ArenaReport,
    state: Changes,
}

/// Jobs that Esc stops before it closes anything.
const BUSY: [&str; 4] = ["run", "bench", "layers", "look"];

/// A bench takes about this long, within these numbers of runs.
const BENCH_NANOS: u64 = 2_000_000_000;
const BENCH_RUNS: std::ops::RangeInclusive<u64> = 20..=1000;

impl RunPane {
    pub fn new(model: &Arc<Model>) -> RunPane {
        let mut pane = RunPane {
            meta: Focus::start(model).meta,
            entries: Vec::new(),
            at: 0,
            key: String::new(),
            inputs: Vec::new(),
            rows: Rows::default(),
            preview: None,
            recalled: Inputs::new(),
            unseen: false,
            labels: None,
            looked: false,
            session: Kept::default(),
            seed: None,
            ran: None,
            layers: Layers::default(),
            ways: Chosen::default(),
            timings: None,
            work: Work::new(&["run", "bench"], "running", "it did not run"),
            below: Below::Time,
            split: Split::default(),
            scroll: 0,
        };
        if let Some(meta) = model.meta_graphs.get(pane.meta) {
            pane.entries = choice::entries(meta);
            pane.take(choice::usual(&pane.entries));
        }
        pane
    }

    /// Stands on another signature or function.
    fn take(&mut self, at: usize) {
        self.recalled = self.inputs();
        self.at = at;
        let entry = self.entries.get(at);
        let ports = entry.map_or(&[][..], |entry| &entry.inputs);
        self.inputs = ports.iter().cloned().map(Input::new).collect();
        self.key = entry.map(|entry| entry.key.clone()).unwrap_or_default();
        self.recall();
        self.rows = Rows::default();
        discard(std::mem::take(&mut self.session));
        discard(std::mem::take(&mut self.layers));
        self.ran = None;
        self.timings = None;
        self.work.begin();
        self.looked = false;
        self.preview();
    }

    /// Gives the inputs what the person chose for this signature before.
    fn recall(&mut self) {
        let Some(specs) = self.recalled.get(&self.key) else {
            return;
        };
        for input in &mut self.inputs {
            if let Some(spec) = specs.get(&*input.port.name) {
                input.recall(spec);
            }
        }
    }

    fn preview(&mut self) {
        let input = self.inputs.get(self.rows.at);
        self.unseen = input.is_some_and(Input::is_large);
        let small = input.filter(|_| !self.unseen).map(Input::told);
        let small = small.map(|told| told.map(Preview::of));
        discard(std::mem::replace(&mut self.preview, small));
    }

    /// Makes the value of a large input.
    fn preview_large(&mut self, cx: &mut Context) {
        if !std::mem::take(&mut self.unseen) {
            return;
        }
        if let Some(input) = self.inputs.get(self.rows.at).cloned() {
            cx.job("preview", "making a value", move |_| {
                Ok(Output::Preview(Box::new(input.told().map(Preview::of))))
            });
        }
    }

    /// Looks once for what the inputs are indices of, for sample sets and for labels.
    fn look(&mut self, cx: &mut Context) {
        if self.looked {
            return;
        }
        self.looked = true;
        let (model, options) = (cx.model.clone(), self.options(cx));
        let ports: Vec<Port> = self.inputs.iter().map(|i| i.port.clone()).collect();
        cx.job("samples", "looking for samples", move |_| {
            // A graph that can't be put together says so when it is to run.
            let ports = runtime::inputs_of(&model, &options).unwrap_or(ports);
            let with_sets = |port: Port| {
                let sets = feed::samples_for(&model, &port).into_iter();
                (port, sets.map(Arc::new).collect())
            };
            Ok(Output::Inputs(ports.into_iter().map(with_sets).collect()))
        });
    }

    /// The values of all inputs, made in the thread of the job; small ones that can't be made are refused at once.
    fn values(&mut self) -> Option<impl FnOnce(&Session) -> Result<Values> + Send + use<>> {
        let mut small = self.inputs.iter().filter(|input| !input.is_large());
        if let Some(error) = small.find_map(|input| input.value().err()) {
            self.work.refuse(error);
            return None;
        }
        let mut inputs = self.inputs.clone();
        Some(move |session: &Session| {
            // The session knows what they are indices of, even where nobody has looked yet.
            for input in &mut inputs {
                let mut ports = session.inputs().iter();
                if let Some(port) = ports.find(|port| port.name == input.port.name) {
                    input.port.index_bound = port.index_bound;
                    input.port.content = port.content.clone();
                }
            }
            let named = |input: &Input| Ok((input.port.name.to_string(), input.value()?));
            inputs.iter().map(named).collect()
        })
    }

    /// Which signature is meant.
    fn options(&self, cx: &Context) -> RunOptions {
        let meta = cx.focus.meta(cx.model);
        RunOptions {
            signature: self.entries.get(self.at).map(|entry| entry.key.clone()),
            tags: meta.filter(|m| !m.tags.is_empty()).map(|m| m.tags.clone()),
            // One key stops it.
            max_iterations: 0,
            seed: self.seed,
            ..RunOptions::default()
        }
    }

    /// The kept session or a new one, for a job.
    fn session(&self, cx: &Context) -> Access {
        self.session.access(cx.model, self.options(cx))
    }

    fn run(&mut self, cx: &mut Context) {
        self.work.begin();
        let Some(inputs) = self.values() else { return };
        let session = self.session(cx);
        let (model, meta) = (cx.model.clone(), cx.focus.meta);
        let chosen = self.layers.chosen.clone();
        self.layers.busy = true;
        cx.job("run", "running", move |progress| {
            session.with(|session| {
                let inputs = inputs(session)?;
                // Tables that the model comes with are no change.
                session.get_ready(progress)?;
                let before = session.moment();
                let (outputs, nanos) = run_once(session, &inputs, progress)?;
                let state = Changes::since(&before, session, 1)?;
                let replay = Replay { before, inputs };
                let told = layers::tell(session, &replay, &outputs, chosen.as_ref(), progress)?;
                let ports = session.outputs();
                let profile = session.profile();
                Ok(Output::Ran(Box::new(Ran {
                    given: Given::all(&outputs, ports, &replay.inputs)?,
                    measured: measured::Run::of(&model, meta, session.signature(), profile),
                    times: Times::of(profile),
                    arena: session.arena(),
                    seed: session.seed(),
                    replay: Arc::new(replay),
                    told,
                    state,
                    outputs,
                    nanos,
                })))
            })
        });
    }

    fn bench(&mut self, cx: &mut Context) {
        self.work.begin();
        let Some(inputs) = self.values() else { return };
        let runs = match &self.ran {
            Some(ran) => {
                (BENCH_NANOS / ran.nanos.max(1)).clamp(*BENCH_RUNS.start(), *BENCH_RUNS.end())
            }
            None => 100,
        };
        let session = self.session(cx);
        self.layers.busy = true;
        cx.job("bench", format!("{runs} runs"), move |progress| {
            session.with(|session| {
                session.set_profiling(false);
                let inputs = inputs(session)?;
                session.get_ready(progress)?;
                let before = session.moment();
                let timings = runtime::bench(session, &inputs, runs as usize, progress)?;
                let state = Changes::since(&before, session, timings.runs_ns.len() + 1)?;
                Ok(Output::Benched(timings, state))
            })
        });
    }

    fn after_input(&mut self, cx: &mut Context) {
        self.preview();
        // One that has run once runs again at once: the digits turn over as one presses `i`.
        if self.ran.is_some() {
            self.run(cx);
        }
    }
}

fn run_once(
    session: &mut Session,
    inputs: &[(String, Tensor)],
    progress: &Progress,
) -> Result<(Vec<(String, Tensor)>, u64)> {
    session.set_profiling(true);
    let begun = Instant::now();
    let outputs = session.run(inputs, progress)?;
    Ok((outputs, begun.elapsed().as_nanos() as u64))
}

impl Pane for RunPane {
    fn footer(&self) -> &'static [Command] {
        &[
            Command::RunOnce,
            Command::Bench,
            Command::NextInput,
            Command::Layer,
            Command::Arena,
            Command::Profile,
            Command::EditInput,
            Command::ViewMode,
        ]
    }

    fn shown(&mut self, cx: &mut Context) {
        self.follow(cx);
        if self.labels.is_none() {
            self.labels = feed::labels_of(cx.model).or_else(|| feed::labels_beside(cx.model));
        }
        self.look(cx);
        self.preview_large(cx);
    }

    fn handle(&mut self, command: Command, cx: &mut Context) -> Handled {
        let handled = self.command(command, cx);
        self.preview_large(cx);
        handled
    }

    fn text(&mut self, tag: &'static str, words: &str, cx: &mut Context) {
        match tag {
            "input" if !words.trim().is_empty() => {
                if let Some(input) = self.inputs.get_mut(self.rows.at) {
                    input.type_in(words.trim());
                }
                self.after_input(cx);
                self.preview_large(cx);
            }
            "signature" => self.take_signature(words, cx),
            "layer" => self.take_layer(words, cx),
            "seed" => self.take_seed(words, cx),
            "save" if !words.trim().is_empty() => {
                let Some(ran) = &self.ran else { return };
                let outputs = ran.outputs.clone();
                let path = std::path::PathBuf::from(words.trim());
                cx.job("save", "writing", move |_| {
                    npy::write_arrays(&path, &outputs)?;
                    Ok(Output::Saved(path))
                });
            }
            _ => {}
        }
    }

    fn job(&mut self, what: &'static str, output: Output, cx: &mut Context) {
        self.layers.busy &= !BUSY.contains(&what);
        match output {
            Output::Inputs(found) => {
                self.found(found);
                self.preview_large(cx);
            }
            Output::Preview(value) => self.preview = Some(*value),
            Output::Ran(ran) => {
                let ran = *ran;
                self.layers.ran(ran.replay, ran.told);
                discard(self.ran.replace(Shown {
                    outputs: Arc::new(ran.outputs),
                    given: ran.given,
                    nanos: ran.nanos,
                    seed: ran.seed,
                    times: ran.times,
                    arena: ran.arena,
                    state: ran.state,
                }));
            }
            Output::Benched(timings, state) => {
                self.timings = Some(timings);
                match &mut self.ran {
                    Some(ran) => ran.state = state,
                    None => self.run(cx),
                }
            }
            Output::Reset => self.was_reset(cx),
            Output::Layers(values) => self.offer_layers(values, cx),
            Output::Looked(told) => self.layers.told(*told),
            Output::Saved(path) => cx.say(format!("wrote {}", path.display())),
            _ => {}
        }
    }

    fn job_failed(&mut self, what: &'static str, error: Error, cx: &mut Context) {
        self.layers.busy &= !BUSY.contains(&what);
        match self.work.fail(what, error) {
            Ok(()) => self.ran = None,
            Err(error) => cx.fail(error),
        }
    }

    fn inputs(&self) -> Inputs {
        let mut all = self.recalled.clone();
        let chosen = self.inputs.iter().filter(|input| input.chosen);
        let specs = chosen.map(|i| (i.port.name.to_string(), feed::with_whole_path(&i.spec())));
        all.insert(self.key.clone(), specs.collect());
        all.retain(|_, specs| !specs.is_empty());
        all
    }

    fn take_inputs(&mut self, inputs: Inputs) {
        self.recalled = inputs;
        self.recall();
        self.preview();
    }

    fn split(&mut self) -> Option<&mut Split> {
        Some(&mut self.split)
    }

    fn mouse(&mut self, mouse: MouseEvent, cx: &mut Context) -> Handled {
        if mouse.kind == MouseEventKind::Down(MouseButton::Left)
            && let Some(at) = self.rows.row_at(mouse.column, mouse.row, self.inputs.len())
        {
            self.rows.at = at;
            self.preview();
            self.preview_large(cx);
            return Handled::Yes;
        }
        Handled::No
    }

    fn copied(&self, cx: &Context) -> Option<String> {
        let mut words = vec!["mexplore".to_owned(), "run".to_owned()];
        words.push(text::path(&cx.model.path));
        if let Some(meta) = cx.focus.meta(cx.model)
            && cx.model.meta_graphs.len() > 1
        {
            words.extend(["--tag-set".to_owned(), meta.tags.join(",")]);
        }
        // A lone signature needs no name.
        if let Some(entry) = self.entries.get(self.at)
            && (entry.is_function() || !choice::is_lone(&self.entries))
        {
            words.extend(["--signature".to_owned(), entry.key.clone()]);
        }
        if let Some(seed) = self.seed {
            words.extend(["--seed".to_owned(), seed.to_string()]);
        }
        for input in &self.inputs {
            let named = format!("{}={}", input.port.name, input.spec());
            words.extend(["--input".to_owned(), named]);
        }
        Some(text::command_line(words.iter().map(String::as_str)))
    }

    fn render(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let (left, right) = self.split.areas(area, 46);
        if !left.is_empty() {
            self.render_inputs(left, buf, view);
        }
        if !right.is_empty() {
            self.render_results(right, buf, view);
        }
    }
}

impl RunPane {
    fn command(&mut self, command: Command, cx: &mut Context) -> Handled {
        if self.split.handle(command) == Handled::Yes {
            return Handled::Yes;
        }
        match command {
            Command::RunOnce => self.run(cx),
            Command::Bench => self.bench(cx),
            Command::NextInput | Command::PrevInput => {
                for input in &mut self.inputs {
                    input.step(command == Command::NextInput);
                }
                self.after_input(cx);
            }
            Command::Left | Command::Right => {
                if let Some(input) = self.inputs.get_mut(self.rows.at) {
                    input.choose(command == Command::Right);
                }
                self.after_input(cx);
            }
            Command::EditInput => {
                if let Some(input) = self.inputs.get(self.rows.at) {
                    let initial = match &input.source {
                        Source::Typed(text) => text.clone(),
                        _ => String::new(),
                    };
                    cx.ask("input", input.prompt(), initial);
                }
            }
            Command::NextSignature => self.choose_signature(cx),
            Command::ResetState => self.reset_state(cx),
            Command::Layer => self.choose_layer(cx),
            Command::Cancel => return Handled::from(self.layers.cancel()),
            Command::Seed => {
                let seed = self.seed.or(self.ran.as_ref().and_then(|ran| ran.seed));
                let title = "seed of random numbers that the graph has none for; any without it";
                cx.ask(
                    "seed",
                    title,
                    seed.map(|s| s.to_string()).unwrap_or_default(),
                );
            }
            Command::Profile => self.below = self.below.toggled(Below::Operators),
            Command::Arena => self.below = self.below.toggled(Below::Memory),
            Command::ViewMode => {
                let shown = match (self.layers.given(), &self.ran) {
                    (Some(given), _) => Some((given, 0)),
                    (None, ran) => ran.as_ref().map(|ran| (&ran.given[..], self.scroll)),
                };
                match shown {
                    Some((given, first)) if self.ways.next(given, first) => {}
                    Some(_) => cx.say("there is no other way to look at it"),
                    None => cx.say("nothing has run yet"),
                }
            }
            Command::SaveOutputs => match &self.ran {
                Some(_) => {
                    let file = text::fresh_file("outputs", "npz");
                    cx.ask("save", "write the outputs to", file.display().to_string());
                }
                None => cx.say("nothing has run yet"),
            },
            Command::Up if self.split.detail => self.scroll = self.scroll.saturating_sub(1),
            Command::Down if self.split.detail => self.scroll += 1,
            _ => {
                let handled = self.rows.handle(command, self.inputs.len());
                if handled == Handled::Yes {
                    self.preview();
                }
                return handled;
            }
        }
        Handled::Yes
    }

    /// A new session draws from the seed, and begins with the variables that the model has.
    fn take_seed(&mut self, words: &str, cx: &mut Context) {
        let seed = match words.trim() {
            "" => None,
            words => match words.parse() {
                Ok(seed) => Some(seed),
                Err(_) => {
                    let what = format!("{words:?} is no seed");
                    return cx.fail(Error::usage(what).hint("a whole number from 0 to 2^64 - 1"));
                }
            },
        };
        self.seed = seed;
        discard(std::mem::take(&mut self.session));
        self.timings = None;
        if self.ran.is_some() {
            self.run(cx);
        }
    }

    fn found(&mut self, found: Vec<(Port, Vec<Arc<SampleSet>>)>) {
        for (port, sets) in &found {
            let mut inputs = self.inputs.iter_mut();
            let Some(input) = inputs.find(|input| input.port.name == port.name) else {
                continue;
            };
            input.port.index_bound = port.index_bound;
            input.port.content = port.content.clone();
            input.found(sets.clone());
        }
        // Who frees the last of what the job made gives back all that lay below it, a whole graph.
        discard(found);
        self.preview();
    }

    fn render_inputs(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let title = match self.entries.get(self.at) {
            Some(entry) if entry.is_function() => format!("function {}", entry.key),
            Some(entry) => entry.key.clone(),
            None => "no signature".to_owned(),
        };
        let inner = panel(text::clean(&title), area, buf, theme, !self.split.detail);
        if self.entries.len() > 1 {
            let note = format!("S  {} of {}", self.at + 1, self.entries.len());
            panel_note(&note, area, buf, theme[Role::Dim]);
        }
        if self.inputs.is_empty() {
            put(inner, 0, Line::styled("no inputs", theme[Role::Dim]), buf);
            return;
        }
        let names = self
            .inputs
            .iter()
            .map(|i| width(&text::clean(&i.port.name)));
        let names = names.max().unwrap_or(0);
        let kinds = self.inputs.iter().map(|i| kind(&i.port, theme).width());
        let kinds = kinds.max().unwrap_or(0);
        // What does not fit beside the names stands below, of the chosen input.
        let beside = names + 2 + kinds <= inner.width.into();
        let names = names.min(inner.width.into());
        let list = Rect {
            height: (self.inputs.len() as u16)
                .min(inner.height / 2)
                .max(1)
                .min(inner.height),
            ..inner
        };
        for (row, at) in self.rows.window(self.inputs.len(), list).enumerate() {
            let port = &self.inputs[at].port;
            let name = text::left(&text::fit_end(&text::clean(&port.name), names), names);
            let mut line = Line::styled(name + "  ", theme[Role::Strong]);
            if beside {
                line.extend(kind(port, theme));
            }
            put(list, row as u16, line, buf);
            if at == self.rows.at && self.inputs.len() > 1 {
                widgets::mark_row(list, row as u16, buf, theme);
            }
        }
        let mut used = list.height;
        if let Some(input) = self.inputs.get(self.rows.at).filter(|_| !beside) {
            let mut line = Line::raw("  ");
            line.extend(kind(&input.port, theme));
            widgets::put_cut(inner, used, line, buf);
            used = (used + 1).min(inner.height);
        }
        let below = Rect {
            y: inner.y + used,
            height: inner.height - used,
            ..inner
        };
        self.render_choice(below, buf, theme);
    }

    /// The chosen input's value and the other choices.
    fn render_choice(&self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        let Some(input) = self.inputs.get(self.rows.at) else {
            return;
        };
        let room = area.width.saturating_sub(2) as usize;
        let says = text::clean(&input.says(room));
        // Of a file the end tells more.
        let says = match &input.source {
            Source::Typed(spec) if feed::names_a_file(spec) => text::fit_end(&says, room),
            _ => text::fit(&says, room),
        };
        let chosen = Line::from(vec![
            Span::styled("▸ ", theme[Role::Accent]),
            Span::styled(says, theme[Role::Text]),
        ]);
        put(area, 0, chosen, buf);
        let mut words: Vec<String> = input.sets.iter().map(|s| s.name.clone()).collect();
        words.extend(["random", "zeros", "ones", "range"].map(str::to_owned));
        let hint = format!("  ←→ {}", words.join(" · "));
        let typed = "   t value, file…";
        let wordings = [
            format!("{hint}{typed}"),
            format!("  ←→ another{typed}"),
            hint,
        ];
        let room = area.width as usize;
        let hint = text::fit(&text::fitting(wordings, room), room);
        put(area, 1, Line::styled(hint, theme[Role::Dim]), buf);
        let said = match &self.preview {
            Some(Ok(preview)) => preview.said(room.saturating_sub(2)),
            _ => Vec::new(),
        };
        for (row, line) in said.iter().enumerate() {
            let line = Line::styled(format!("  {line}"), theme[Role::Text]);
            put(area, row as u16 + 2, line, buf);
        }
        let above = (said.len() as u16 + 3).min(area.height);
        let rest = Rect {
            y: area.y + above,
            height: area.height - above,
            ..area
        };
        match &self.preview {
            Some(Ok(preview)) => preview.render(rest, buf, theme),
            Some(Err(error)) => widgets::card(error, buf, rest, theme),
            None => {}
        }
    }
}

/// Type and shape of an input.
fn kind(port: &Port, theme: &Theme) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!("{} ", port.dtype), theme[Role::Dim]),
        Span::styled(port.shape.to_string(), theme[Role::Number]),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{add, argument, constant, model, subgraph};
    use crate::model::DType;

    #[test]
    fn random_indices_reach_the_whole_table() {
        let mut main = subgraph("main");
        let ids = argument(&mut main, "ids", DType::Float32, &[1000]);
        let cast = add(&mut main, "cast", "CAST", &[ids], &[1000]);
        main.value_mut(cast).dtype = DType::Int32;
        let table = Tensor::zeros(DType::Float32, &[700, 2]).unwrap();
        let table = constant(&mut main, "table", &table);
        let out = add(&mut main, "rows", "GATHER", &[table, cast], &[1000, 2]);
        let model = Arc::new(model(vec![main], &[ids], &[out]));
        let mut pane = RunPane::new(&model);
        let most = |input: &Input| {
            let numbers = input.value().unwrap().numbers();
            numbers.into_iter().fold(0.0, f64::max)
        };
        assert!(most(&pane.inputs[0]) < 1.0);
        let ports = runtime::inputs_of(&model, &RunOptions::default()).unwrap();
        pane.found(ports.into_iter().map(|port| (port, Vec::new())).collect());
        assert!(most(&pane.inputs[0]) > 650.0);
        // A run that comes before anybody has looked gives the same values.
        let hasty = RunPane::new(&model).values().unwrap();
        let session = Session::new(&model, &RunOptions::default()).unwrap();
        let hasty = hasty(&session).unwrap();
        assert_eq!(hasty[0].1, pane.inputs[0].value().unwrap());
    }
}
