//! Run: choose inputs, run the signature here, see what comes out and how long it takes.

mod choice;
mod form;
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
use self::form::Form;
use self::kept::{Access, Kept};
pub use self::layers::Watched;
use self::layers::{Layers, Replay};
use self::outputs::Chosen;
pub use self::outputs::{Given, Item};
pub use self::preview::Preview;
use self::results::Times;
pub use self::state::Changes;
use super::work::Work;
use super::{Context, Handled, Pane, View};
use crate::error::{Error, Result};
use crate::feed;
use crate::format::npy;
use crate::model::{Model, Port, Tensor};
use crate::progress::Progress;
use crate::runtime::{self, ArenaReport, RunOptions, Session, Timings};
use crate::tui::command::Command;
use crate::tui::focus::Focus;
use crate::tui::jobs::{Output, discard};
use crate::tui::measured;
use crate::tui::place::Inputs;
use crate::tui::term::{Buffer, MouseButton, MouseEvent, MouseEventKind, Rect};
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{Split, panel, panel_note};

/// Values by the names of inputs.
type Values = Vec<(String, Tensor)>;

/// What a run gave.
pub struct Ran {
    pub outputs: Vec<(String, Tensor)>,
    pub nanos: u64,
    pub times: Times,
    pub arena: ArenaReport,
    given: Vec<Given>,
    item: Item,
    ports: Vec<Port>,
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
    form: Form,
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
    /// How they are quantized.
    ports: Vec<Port>,
    given: Vec<Given>,
    /// Which one of the batch these show.
    item: Item,
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
            form: Form::default(),
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
        self.at = at;
        match self.entries.get(at) {
            Some(entry) => self.form.take(entry.key.clone(), &entry.inputs),
            None => self.form.take(String::new(), &[]),
        }
        discard(std::mem::take(&mut self.session));
        discard(std::mem::take(&mut self.layers));
        self.ran = None;
        self.timings = None;
        self.work.begin();
        self.looked = false;
    }

    /// Looks once for what the inputs are indices of, for sample sets and for labels.
    fn look(&mut self, cx: &mut Context) {
        if self.looked {
            return;
        }
        self.looked = true;
        let (model, options) = (cx.model.clone(), self.options(cx));
        let ports = self.form.ports();
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
        let inputs = match self.form.values() {
            Ok(inputs) => inputs,
            Err(error) => return self.work.refuse(error),
        };
        let session = self.session(cx);
        let (model, meta) = (cx.model.clone(), cx.focus.meta);
        let chosen = self.layers.chosen.clone();
        let at = self.form.item();
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
                let file = (&*model, meta);
                let told =
                    layers::tell(session, &replay, &outputs, chosen.as_ref(), file, progress)?;
                let ports = session.outputs().to_vec();
                let item = Item::of(&replay.inputs, at);
                let profile = session.profile();
                Ok(Output::Ran(Box::new(Ran {
                    given: Given::all(&outputs, &ports, &replay.inputs, item)?,
                    item,
                    ports,
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
        let inputs = match self.form.values() {
            Ok(inputs) => inputs,
            Err(error) => return self.work.refuse(error),
        };
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

    /// The next item of the batch, or the one before: of the outputs and of the inputs' values.
    fn step_item(&mut self, on: bool, cx: &mut Context) {
        let (Some(ran), Some(replay)) = (&self.ran, self.layers.replay()) else {
            return cx.say("nothing has run yet");
        };
        let Item { at, count } = ran.item;
        if count < 2 {
            return cx.say("the last run was not one of several items");
        }
        let at = (at + if on { 1 } else { count - 1 }) % count;
        self.form.see(at);
        let (outputs, ports) = (ran.outputs.clone(), ran.ports.clone());
        cx.job("item", "looking at another item", move |_| {
            let item = Item::of(&replay.inputs, at);
            let given = Given::all(&outputs, &ports, &replay.inputs, item)?;
            Ok(Output::Item(given, item))
        });
    }

    fn after_input(&mut self, cx: &mut Context) {
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
        self.form.preview_large(cx);
    }

    fn handle(&mut self, command: Command, cx: &mut Context) -> Handled {
        let handled = self.command(command, cx);
        self.form.preview_large(cx);
        handled
    }

    fn text(&mut self, tag: &'static str, words: &str, cx: &mut Context) {
        match tag {
            "input" if !words.trim().is_empty() => {
                self.form.type_in(words.trim());
                self.after_input(cx);
                self.form.preview_large(cx);
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
                self.form.found(found);
                self.form.preview_large(cx);
            }
            Output::Preview(value) => self.form.previewed(*value),
            Output::Ran(ran) => {
                let ran = *ran;
                self.form.see(ran.item.at);
                self.layers.ran(ran.replay, ran.told);
                discard(self.ran.replace(Shown {
                    outputs: Arc::new(ran.outputs),
                    ports: ran.ports,
                    given: ran.given,
                    item: ran.item,
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
            Output::Item(given, item) => {
                if let Some(ran) = &mut self.ran {
                    discard(std::mem::replace(&mut ran.given, given));
                    ran.item = item;
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
        self.form.choices()
    }

    fn take_inputs(&mut self, inputs: Inputs) {
        self.form.take_choices(inputs);
    }

    fn split(&mut self) -> Option<&mut Split> {
        Some(&mut self.split)
    }

    fn mouse(&mut self, mouse: MouseEvent, cx: &mut Context) -> Handled {
        if mouse.kind == MouseEventKind::Down(MouseButton::Left)
            && self.form.click(mouse.column, mouse.row)
        {
            self.form.preview_large(cx);
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
        for named in self.form.specs() {
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
                self.form.step(command == Command::NextInput);
                self.after_input(cx);
            }
            Command::Left | Command::Right => {
                self.form.choose(command == Command::Right);
                self.after_input(cx);
            }
            Command::EditInput => {
                if let Some((prompt, initial)) = self.form.asked() {
                    cx.ask("input", prompt, initial);
                }
            }
            Command::NextSignature => self.choose_signature(cx),
            Command::ResetState => self.reset_state(cx),
            Command::NextItem | Command::PrevItem => {
                self.step_item(command == Command::NextItem, cx);
            }
            Command::Layer => self.choose_layer(cx),
            Command::Origin => self.go_to_origin(cx),
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
            _ => return self.form.handle(command),
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
        self.form.render(inner, buf, theme);
    }
}
