//! Convert: choose what becomes of the model, write it, and see what was done.

mod draw;

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::work::Work;
use super::{Context, Handled, Pane, Request, View};
use crate::convert::{self, Allowed, ConvertOptions, ConvertReport, Fate, Placement};
use crate::error::{Error, Result};
use crate::feed::{self, SampleSet};
use crate::model::{Format, Model, Port};
use crate::progress::Progress;
use crate::quantize::{Calibration, Io, Mode, Recipe};
use crate::sort;
use crate::tui::command::Command;
use crate::tui::jobs::Output;
use crate::tui::term::{Buffer, MouseButton, MouseEvent, MouseEventKind, Rect};
use crate::tui::text;
use crate::tui::widgets::{Rows, Split};

/// A written file and how it came to be.
pub struct Done {
    pub path: PathBuf,
    pub report: ConvertReport,
    pub took: Duration,
}

/// What would become of the operators.
pub struct Ahead {
    /// How many become what: builtin, Flex, custom, blocked.
    counts: [usize; 4],
    /// Those that become no builtin one, the blocked ones first.
    odd: Vec<Placement>,
}

impl Ahead {
    fn of(all: Vec<Placement>) -> Ahead {
        let fates = [Fate::Builtin, Fate::Flex, Fate::Custom, Fate::Blocked];
        let count = |fate: Fate| all.iter().filter(|p| p.becomes == fate).count();
        let counts = fates.map(count);
        let mut odd = all;
        odd.retain(|p| p.becomes != Fate::Builtin);
        sort::by_key(&mut odd, |p| p.becomes != Fate::Blocked);
        Ahead { counts, odd }
    }
}

/// What the right side shows.
enum Outcome {
    Nothing,
    Preflight(Ahead),
    Done(Box<Done>),
}

/// Lines of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Mode,
    Calibration,
    Io,
    Recipe,
    Operators,
    Path,
    Start,
    Compare,
}

/// Where calibration samples come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Samples {
    /// Number of a set that lies beside the model.
    Set(usize),
    File(PathBuf),
    None,
}

/// State of the pane.
pub struct ConvertPane {
    mode: usize,
    io: Io,
    /// What may stand in the file besides builtin operators; `None` where the model is a .tflite already.
    allowed: Option<Allowed>,
    sets: Vec<(String, SampleSet)>,
    looked: bool,
    samples: Samples,
    /// Operator by operator; what it says nothing about follows the mode.
    recipe: Option<PathBuf>,
    path: PathBuf,
    /// The person named the file; it no longer follows the mode.
    path_typed: bool,
    rows: Rows,
    split: Split,
    outcome: Outcome,
    work: Work,
    scroll: Cell<usize>,
}

/// A way to convert.
struct Way {
    mode: Option<Mode>,
    name: &'static str,
    says: &'static str,
    /// The same in the words that a narrow screen has room for.
    brief: &'static str,
}

/// What can be chosen, in the order of how much changes.
const MODES: [Way; 7] = [
    Way {
        mode: None,
        name: "float32",
        says: "weights and arithmetic stay float32",
        brief: "stays float32",
    },
    Way {
        mode: Some(Mode::Float16),
        name: "float16",
        says: "weights halve; arithmetic stays float32",
        brief: "weights halve",
    },
    Way {
        mode: Some(Mode::WeightsInt8),
        name: "weights-int8",
        says: "weights quarter; arithmetic stays float32",
        brief: "weights quarter",
    },
    Way {
        mode: Some(Mode::Dynamic),
        name: "dynamic",
        says: "weights become int8, sums are scaled at run time; no calibration",
        brief: "int8, no samples",
    },
    Way {
        mode: Some(Mode::WeightsInt4),
        name: "weights-int4",
        says: "as dynamic, in 4 bits where there are kernels",
        brief: "int4, no samples",
    },
    Way {
        mode: Some(Mode::Int8),
        name: "int8",
        says: "everything becomes int8 with ranges from calibration samples",
        brief: "int8, by samples",
    },
    Way {
        mode: Some(Mode::Int16x8),
        name: "int16x8",
        says: "int16 values, int8 weights; ranges from calibration samples",
        brief: "int16, by samples",
    },
];

/// int8.
const DEFAULT_MODE: usize = 5;

/// What may stand in the file, in the order of how little a runtime needs.
const ALLOWED: [(Allowed, &str); 4] = [
    (allowed(false, false), "builtin only"),
    (allowed(true, false), "builtin and Flex"),
    (allowed(false, true), "builtin and custom"),
    (allowed(true, true), "builtin, Flex, custom"),
];

const fn allowed(flex: bool, custom: bool) -> Allowed {
    Allowed { flex, custom }
}

/// Samples taken from a set for calibration.
const MOST_SAMPLES: usize = 100;

impl ConvertPane {
    pub fn new(model: &Arc<Model>) -> ConvertPane {
        let mut pane = ConvertPane {
            mode: DEFAULT_MODE,
            io: Io::Float,
            allowed: (model.format == Format::SavedModel).then(Allowed::default),
            sets: Vec::new(),
            looked: false,
            samples: Samples::None,
            recipe: None,
            path: PathBuf::new(),
            path_typed: false,
            rows: Rows::default(),
            split: Split::default(),
            outcome: Outcome::Nothing,
            work: Work::new(&["convert", "preflight"], "working", "it was not converted"),
            scroll: Cell::new(0),
        };
        pane.name_file(model);
        pane
    }

    /// A name beside which no file stands yet, in the folder that one works in.
    fn name_file(&mut self, model: &Model) {
        if self.path_typed {
            return;
        }
        let base = model.name.split('/').next().unwrap_or("model");
        let base = base.strip_suffix(".tflite").unwrap_or(base);
        let mode = MODES[self.mode].name;
        self.path = text::fresh_file(&format!("{base}.{mode}"), "tflite");
    }

    /// Whether the mode asks for ranges.
    fn calibrates(&self) -> bool {
        matches!(MODES[self.mode].mode, Some(Mode::Int8 | Mode::Int16x8))
    }

    /// Whether ranges may be asked for: a recipe's entries can.
    fn may_calibrate(&self) -> bool {
        self.calibrates() || self.recipe.is_some()
    }

    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![Field::Mode];
        if self.may_calibrate() {
            fields.extend([Field::Calibration, Field::Io]);
        }
        fields.push(Field::Recipe);
        fields.extend(self.allowed.map(|_| Field::Operators));
        fields.extend([Field::Path, Field::Start]);
        if matches!(self.outcome, Outcome::Done(_)) {
            fields.push(Field::Compare);
        }
        fields
    }

    fn field(&self) -> Field {
        self.fields()
            .get(self.rows.at)
            .copied()
            .unwrap_or(Field::Start)
    }

    fn change(&mut self, forward: bool, model: &Model) {
        let step = |at: usize, len: usize| {
            if forward {
                (at + 1) % len
            } else {
                (at + len - 1) % len
            }
        };
        match self.field() {
            Field::Mode => {
                self.mode = step(self.mode, MODES.len());
                self.name_file(model);
            }
            Field::Calibration if !self.sets.is_empty() => {
                let at = match self.samples {
                    Samples::Set(at) => step(at, self.sets.len()),
                    _ => 0,
                };
                self.samples = Samples::Set(at);
            }
            Field::Io => {
                self.io = match self.io {
                    Io::Float => Io::Int,
                    Io::Int => Io::Float,
                }
            }
            Field::Operators => {
                let at = ALLOWED.iter().position(|(a, _)| Some(*a) == self.allowed);
                self.allowed = Some(ALLOWED[step(at.unwrap_or(0), ALLOWED.len())].0);
            }
            _ => {}
        }
    }

    /// What calibration reads, done in the job: sets are in memory, files are not.
    fn calibration(
        &self,
        model: &Arc<Model>,
    ) -> impl FnOnce() -> Result<Option<Calibration>> + Send + use<> {
        let (wanted, needed) = (self.may_calibrate(), self.calibrates());
        let set = match self.samples {
            Samples::Set(at) => self.sets.get(at).cloned(),
            _ => None,
        };
        let file = match &self.samples {
            Samples::File(path) => Some(path.clone()),
            _ => None,
        };
        let model = model.clone();
        move || {
            if !wanted {
                return Ok(None);
            }
            if let Some(file) = file {
                return Calibration::read(&file, &model, None).map(Some);
            }
            let (_, signature) = model.signature(None, None)?;
            match (set, &signature.inputs[..]) {
                (Some((name, set)), [port]) => from_set(&name, &set, port).map(Some),
                _ if !needed => Ok(None),
                _ => Err(Error::usage("this mode needs samples to calibrate with")
                    .hint("choose the line \"calibration\" and name an .npz or a folder of them")),
            }
        }
    }

    fn options(&self) -> ConvertOptions {
        ConvertOptions {
            mode: MODES[self.mode].mode,
            io: self.io,
            allowed: self.allowed.unwrap_or_default(),
            ..ConvertOptions::default()
        }
    }

    fn start(&mut self, cx: &mut Context) {
        if self.path.exists() {
            let choices = vec![
                (
                    "another name".to_owned(),
                    "keep the file that is there".to_owned(),
                ),
                (
                    "replace it".to_owned(),
                    format!("{} is written anew", self.path.display()),
                ),
            ];
            cx.pick("exists", "a file of this name is there", choices);
            return;
        }
        self.convert(cx);
    }

    fn convert(&mut self, cx: &mut Context) {
        self.outcome = Outcome::Nothing;
        self.work.begin();
        self.scroll.set(0);
        let model = cx.model.clone();
        let calibration = self.calibration(&model);
        let mut options = self.options();
        let (path, recipe) = (self.path.clone(), self.recipe.clone());
        cx.job(
            "convert",
            format!("converting to {}", MODES[self.mode].name),
            move |progress| {
                let begun = Instant::now();
                options.recipe = recipe.as_deref().map(Recipe::read).transpose()?;
                options.calibration = calibration()?;
                let done = convert::convert(&model, &options, progress)?;
                progress.check()?;
                done.write(&path)?;
                Ok(Output::Converted(Box::new(Done {
                    path,
                    report: done.report,
                    took: begun.elapsed(),
                })))
            },
        );
    }

    fn preflight(&mut self, cx: &mut Context) {
        let model = cx.model.clone();
        let options = self.options();
        self.outcome = Outcome::Nothing;
        self.work.begin();
        cx.job("preflight", "looking ahead", move |_: &Progress| {
            let all = convert::preflight(&model, &options)?;
            Ok(Output::Preflight(Ahead::of(all)))
        });
    }

    fn compare(&self, cx: &mut Context) {
        if let Outcome::Done(done) = &self.outcome {
            cx.requests.push(Request::Open {
                path: done.path.clone(),
                compare: true,
            });
        }
    }

    fn enter(&mut self, cx: &mut Context) {
        match self.field() {
            Field::Calibration => {
                let initial = match &self.samples {
                    Samples::File(path) => path.display().to_string(),
                    _ => String::new(),
                };
                cx.ask(
                    "calibration",
                    "samples: an .npz keyed like the inputs, or a folder of them",
                    initial,
                );
            }
            Field::Recipe => {
                let initial = self.recipe.as_ref().map(|p| p.display().to_string());
                let asks = "an AI Edge Quantizer recipe (JSON); nothing for none";
                cx.ask("recipe", asks, initial.unwrap_or_default());
            }
            Field::Path => cx.ask("path", "write to", self.path.display().to_string()),
            Field::Mode | Field::Io | Field::Operators | Field::Start => self.start(cx),
            Field::Compare => self.compare(cx),
        }
    }
}

fn from_set(name: &str, set: &SampleSet, port: &Port) -> Result<Calibration> {
    let samples: Result<Vec<_>> = (0..set.count.min(MOST_SAMPLES))
        .map(|at| Ok(vec![(name.to_owned(), set.sample(at, port)?)]))
        .collect();
    Ok(Calibration { samples: samples? })
}

impl Pane for ConvertPane {
    fn footer(&self) -> &'static [Command] {
        match self.outcome {
            Outcome::Done(_) => &[
                Command::ShowCompare,
                Command::StartConvert,
                Command::CheckConvert,
            ],
            _ => &[
                Command::StartConvert,
                Command::CheckConvert,
                Command::NextFocus,
            ],
        }
    }

    fn shown(&mut self, cx: &mut Context) {
        self.name_file(cx.model);
        if self.looked {
            return;
        }
        self.looked = true;
        let model = cx.model.clone();
        cx.job("samples", "looking for samples", move |_| {
            let ports = model
                .signature(None, None)
                .map(|(_, s)| s.inputs.clone())
                .unwrap_or_default();
            // Sets go with one input; several inputs need a file that names them.
            let sets = match &ports[..] {
                [port] => feed::samples_for(&model, port),
                _ => Vec::new(),
            };
            let name = ports
                .first()
                .map(|p| p.name.to_string())
                .unwrap_or_default();
            Ok(Output::Samples(
                sets.into_iter().map(|s| (name.clone(), s)).collect(),
            ))
        });
    }

    fn handle(&mut self, command: Command, cx: &mut Context) -> Handled {
        if self.split.handle(command) == Handled::Yes {
            return Handled::Yes;
        }
        match command {
            Command::StartConvert => self.enter(cx),
            Command::CheckConvert => self.preflight(cx),
            Command::Left | Command::Right => self.change(command == Command::Right, cx.model),
            Command::ShowCompare if matches!(self.outcome, Outcome::Done(_)) => self.compare(cx),
            Command::Up if self.split.detail => {
                self.scroll.set(self.scroll.get().saturating_sub(1))
            }
            Command::Down if self.split.detail => self.scroll.set(self.scroll.get() + 1),
            _ => return self.rows.handle(command, self.fields().len()),
        }
        Handled::Yes
    }

    fn text(&mut self, tag: &'static str, words: &str, cx: &mut Context) {
        let words = words.trim();
        match tag {
            "calibration" if !words.is_empty() => self.samples = Samples::File(words.into()),
            "recipe" => self.recipe = (!words.is_empty()).then(|| words.into()),
            "path" if !words.is_empty() => {
                self.path = words.into();
                self.path_typed = true;
            }
            "exists" if words == "replace it" => self.convert(cx),
            "exists" => cx.ask("path", "write to", self.path.display().to_string()),
            _ => {}
        }
    }

    fn job(&mut self, _what: &'static str, output: Output, cx: &mut Context) {
        match output {
            Output::Samples(sets) => {
                self.sets = sets;
                if self.samples == Samples::None && !self.sets.is_empty() {
                    self.samples = Samples::Set(0);
                }
            }
            Output::Preflight(ahead) => self.outcome = Outcome::Preflight(ahead),
            Output::Converted(done) => {
                cx.say(format!("wrote {}", done.path.display()));
                self.outcome = Outcome::Done(done);
                self.rows.at = self.fields().len() - 1;
            }
            _ => {}
        }
    }

    fn job_failed(&mut self, what: &'static str, error: Error, cx: &mut Context) {
        if let Err(error) = self.work.fail(what, error) {
            cx.fail(error);
        }
    }

    fn split(&mut self) -> Option<&mut Split> {
        Some(&mut self.split)
    }

    fn mouse(&mut self, mouse: MouseEvent, cx: &mut Context) -> Handled {
        if mouse.kind == MouseEventKind::Down(MouseButton::Left)
            && let Some(at) = self
                .rows
                .row_at(mouse.column, mouse.row, self.fields().len())
        {
            if std::mem::replace(&mut self.rows.at, at) == at {
                match self.field() {
                    Field::Mode | Field::Io | Field::Operators => self.change(true, cx.model),
                    _ => self.enter(cx),
                }
            }
            return Handled::Yes;
        }
        Handled::No
    }

    fn copied(&self, cx: &Context) -> Option<String> {
        let (model, file) = (text::path(&cx.model.path), text::path(&self.path));
        let mut words = vec!["mexplore", "convert", &model, "-o", &file];
        let way = &MODES[self.mode];
        if way.mode.is_some() {
            words.extend(["--quantize", way.name]);
        }
        let set = match &self.samples {
            Samples::Set(at) => self.sets.get(*at).map(|(_, set)| set),
            _ => None,
        };
        let samples = match &self.samples {
            Samples::File(path) => Some(text::path(path)),
            _ => set.map(|set| text::path(&set.path)),
        };
        let most = MOST_SAMPLES.to_string();
        let recipe = self.recipe.as_deref().map(text::path);
        if let Some(recipe) = &recipe {
            words.extend(["--recipe", recipe]);
        }
        let allowed = self.allowed.unwrap_or_default();
        words.extend(allowed.flex.then_some("--allow-flex"));
        words.extend(allowed.custom.then_some("--allow-custom"));
        if self.may_calibrate() {
            if let Some(samples) = &samples {
                words.extend(["--calibration", samples]);
            }
            if set.is_some_and(|set| set.count > MOST_SAMPLES) {
                words.extend(["--samples", &most]);
            }
            if self.io == Io::Int {
                words.extend(["--io", "int"]);
            }
        }
        Some(text::command_line(words))
    }

    fn render(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let (left, right) = self.split.areas(area, 48);
        if !left.is_empty() {
            self.render_form(left, buf, view);
        }
        if !right.is_empty() {
            self.render_outcome(right, buf, view);
        }
    }
}
