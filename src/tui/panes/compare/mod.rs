//! Compare: this model beside another: sizes, outputs on the same inputs, time, layer by layer.

mod again;
mod draw;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::work::Work;
use super::{Context, Handled, Pane, PaneId, Request, View};
use crate::analysis::Locator;
use crate::compare::{self, CompareOptions, Comparison, LayerDiff};
use crate::error::Error;
use crate::model::Model;
use crate::report;
use crate::tui::command::Command;
use crate::tui::focus::Thing;
use crate::tui::jobs::{Output, discard};
use crate::tui::measured::{self, ByNode};
use crate::tui::term::{Buffer, MouseButton, MouseEvent, MouseEventKind, Rect};
use crate::tui::text;
use crate::tui::widgets::Rows;

/// A finished comparison.
pub struct Compared {
    pub comparison: Comparison,
    /// Its layers, the worst first.
    worst_first: Vec<u32>,
    /// By operator of the files, for all panes.
    pub errors: (Option<ByNode<f64>>, Option<ByNode<f64>>),
    /// Left and right.
    pub sides: (Arc<Model>, Arc<Model>),
    /// `64 samples of digits:image`; empty for random values.
    pub from: String,
    /// Of one sample only; the times are those of an earlier comparison.
    pub sample: Option<usize>,
}

/// The lower half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Layers,
    Operators,
    Notes,
}

impl Part {
    const ALL: [Part; 3] = [Part::Layers, Part::Operators, Part::Notes];

    fn title(self) -> &'static str {
        match self {
            Part::Layers => "layer by layer",
            Part::Operators => "operators",
            Part::Notes => "what could not be compared",
        }
    }
}

/// Where a layer is told apart from others of its name: its last operator.
fn key(layer: &LayerDiff) -> &str {
    let last = layer.nodes_a.last().or(layer.nodes_b.last());
    last.map_or("", String::as_str)
}

/// State of the pane.
pub struct ComparePane {
    other: Option<Arc<Model>>,
    swapped: bool,
    compared: Option<Compared>,
    work: Work,
    part: Part,
    rows: Rows,
    by_error: bool,
    /// The right side is the one that Enter shows a layer in.
    right: bool,
    /// Keys of the layers that shall stay in float.
    marks: BTreeSet<String>,
}

const SAMPLES: usize = 64;
const RUNS: usize = 100;

/// Layers less alike than this are where the models part.
const PARTS_DB: f64 = 25.0;

impl ComparePane {
    pub fn new(_model: &Arc<Model>) -> ComparePane {
        ComparePane {
            other: None,
            swapped: false,
            compared: None,
            work: Work::new(
                &["compare", "requantize"],
                "working",
                "that could not be done",
            ),
            part: Part::Layers,
            rows: Rows::default(),
            by_error: false,
            right: false,
            marks: BTreeSet::new(),
        }
    }

    /// Left and right as they are shown.
    fn sides(&self, own: &Arc<Model>) -> Option<(Arc<Model>, Arc<Model>)> {
        let other = self.other.clone()?;
        Some(if self.swapped {
            (other, own.clone())
        } else {
            (own.clone(), other)
        })
    }

    fn start(&mut self, sample: Option<usize>, cx: &mut Context) {
        let Some((a, b)) = self.sides(cx.model) else {
            self.choose(cx);
            return;
        };
        self.work.begin();
        cx.job("compare", "comparing", move |progress| {
            let mut samples = compare::usual_samples(&a, SAMPLES);
            let count = samples.inputs.len();
            let mut from = samples.from;
            if let Some(at) = sample.filter(|_| count > 0) {
                samples.inputs = vec![samples.inputs.swap_remove(at % count)];
                from = format!("sample {} of {count}", at % count + 1);
            }
            let options = CompareOptions {
                inputs: samples.inputs,
                runs: if sample.is_some() { 0 } else { RUNS },
                threads: 0,
                per_layer: true,
            };
            let comparison = compare::compare(&a, &b, &options, progress)?;
            Ok(Output::Compared(Box::new(Compared {
                worst_first: worst_first(&comparison.layers),
                errors: (
                    measured::errors(&a, true, &comparison),
                    measured::errors(&b, false, &comparison),
                ),
                comparison,
                sides: (a, b),
                from,
                sample,
            })))
        });
    }

    fn choose(&self, cx: &mut Context) {
        let mut choices: Vec<(String, String)> = cx
            .models
            .iter()
            .enumerate()
            .filter(|(_, m)| !Arc::ptr_eq(m, cx.model))
            .map(|(at, m)| {
                (
                    format!("{} {}", at + 1, m.name),
                    text::bytes(m.total_bytes()),
                )
            })
            .collect();
        choices.push(("open another…".to_owned(), "type a path".to_owned()));
        if choices.len() == 1 {
            cx.ask(
                "path",
                "compare with: a SavedModel folder or a .tflite file",
                "",
            );
        } else {
            cx.pick("pick", "compare with", choices);
        }
    }

    fn take(&mut self, index: usize, cx: &mut Context) {
        if let Some(model) = cx.models.get(index) {
            self.other = Some(model.clone());
            self.swapped = false;
            self.compared = None;
            self.rows.at = 0;
            self.start(None, cx);
        }
    }

    /// The layer of a row.
    fn layer(&self, row: usize) -> Option<&LayerDiff> {
        let compared = self.compared.as_ref()?;
        let at = match self.by_error {
            true => *compared.worst_first.get(row)? as usize,
            false => row,
        };
        compared.comparison.layers.get(at)
    }

    fn chosen(&self) -> Option<&LayerDiff> {
        self.layer(self.rows.at)
            .filter(|_| self.part == Part::Layers)
    }

    /// The first layer whose values part, in the order in which they are computed.
    fn first_parting(&self) -> Option<&LayerDiff> {
        let mut layers = self.compared.iter().flat_map(|c| &c.comparison.layers);
        layers.find(|l| l.sqnr_db.is_some_and(|db| db < PARTS_DB))
    }

    fn seek_first_parting(&mut self, cx: &mut Context) {
        let first = self.first_parting().map(|l| key(l).to_owned());
        let Some(first) = first else {
            cx.say(format!("no layer is under {PARTS_DB} dB"));
            return;
        };
        self.part = Part::Layers;
        let is_first = |row: &usize| self.layer(*row).is_some_and(|l| key(l) == first);
        self.rows.at = (0..self.len()).find(is_first).unwrap_or(0);
    }

    /// The chosen layer in the graph of the side with the focus.
    fn show_layer(&self, cx: &mut Context) {
        let (Some(layer), Some(compared)) = (self.chosen(), &self.compared) else {
            return;
        };
        let keys = compared.comparison.signatures.as_ref();
        let (model, key, op, nodes, ops) = if self.right {
            let key = keys.map(|(_, b)| b.as_str());
            let of = &compared.sides.1;
            (of, key, &layer.op_b, &layer.nodes_b, &layer.ops_b)
        } else {
            let key = keys.map(|(a, _)| a.as_str());
            let of = &compared.sides.0;
            (of, key, &layer.op_a, &layer.nodes_a, &layer.ops_a)
        };
        let node = ops.iter().position(|o| o == op).and_then(|i| nodes.get(i));
        let found = node.and_then(|name| {
            let (meta, signature) = model.signature(None, key).ok()?;
            Locator::new(meta).find(signature.graph, name).pop()
        });
        match found {
            Some((graph, node)) => cx.requests.push(Request::GoIn(
                model.clone(),
                PaneId::Graph,
                Thing::Node { graph, node },
            )),
            None => cx.say(format!("{} has no such layer", model.name)),
        }
    }

    fn export(&self, cx: &mut Context) {
        let Some(compared) = &self.compared else {
            return;
        };
        let (a, b) = &compared.sides;
        let stem = text::file_name(&format!("{} and {}", a.name, b.name));
        let file = text::fresh_file(&stem, "md");
        cx.ask("export", "write Markdown to", file.display().to_string());
    }

    fn turn(&mut self, by: usize) {
        let now = Part::ALL.iter().position(|p| *p == self.part).unwrap_or(0);
        self.part = Part::ALL[(now + by) % Part::ALL.len()];
        self.rows.at = 0;
    }

    fn len(&self) -> usize {
        let Some(compared) = &self.compared else {
            return 0;
        };
        match self.part {
            Part::Layers => compared.comparison.layers.len(),
            Part::Operators => compared.comparison.ops.len(),
            Part::Notes => compared.comparison.notes.len(),
        }
    }
}

fn worst_first(layers: &[LayerDiff]) -> Vec<u32> {
    let db = |at: &u32| layers[*at as usize].sqnr_db.unwrap_or(f64::INFINITY);
    let mut order: Vec<u32> = (0..layers.len() as u32).collect();
    order.sort_by(|a, b| db(a).total_cmp(&db(b)));
    order
}

impl Pane for ComparePane {
    fn footer(&self) -> &'static [Command] {
        match (&self.other, &self.compared) {
            (None, _) => &[Command::ChooseOther, Command::Models],
            (_, None) => &[Command::StartCompare, Command::ChooseOther],
            _ => &[
                Command::KeepFloat,
                Command::Requantize,
                Command::FirstParting,
                Command::NextInput,
                Command::Export,
                Command::NextFocus,
                Command::Sort,
                Command::SwapSides,
                Command::ChooseOther,
            ],
        }
    }

    fn shown(&mut self, cx: &mut Context) {
        if self.other.is_none() {
            let mut others = cx
                .models
                .iter()
                .enumerate()
                .filter(|(_, m)| !Arc::ptr_eq(m, cx.model));
            if let (Some((index, _)), None) = (others.next(), others.next()) {
                self.take(index, cx);
            }
        }
    }

    fn handle(&mut self, command: Command, cx: &mut Context) -> Handled {
        match command {
            Command::StartCompare if self.chosen().is_some() => self.show_layer(cx),
            Command::StartCompare => self.start(None, cx),
            Command::ChooseOther => self.choose(cx),
            Command::SwapSides => {
                self.swapped = !self.swapped;
                self.compared = None;
                self.marks.clear();
                self.start(None, cx);
            }
            Command::NextInput | Command::PrevInput if self.compared.is_some() => {
                let now = self.compared.as_ref().and_then(|c| c.sample);
                // Before the first sample are all of them together.
                let next = match (now, command) {
                    (None, Command::NextInput) => Some(0),
                    (Some(at), Command::NextInput) => Some(at + 1),
                    (now, _) => now.and_then(|at| at.checked_sub(1)),
                };
                self.start(next, cx);
            }
            Command::NextFocus | Command::PrevFocus => self.right = !self.right,
            Command::Left => self.turn(Part::ALL.len() - 1),
            Command::Right => self.turn(1),
            Command::FirstParting => self.seek_first_parting(cx),
            Command::KeepFloat => {
                if let Some(key) = self.chosen().map(|l| key(l).to_owned())
                    && !self.marks.remove(&key)
                {
                    self.marks.insert(key);
                }
            }
            Command::Requantize => self.requantize(cx),
            Command::Export => self.export(cx),
            Command::Sort => self.by_error = !self.by_error,
            _ => return self.rows.handle(command, self.len()),
        }
        Handled::Yes
    }

    fn text(&mut self, tag: &'static str, words: &str, cx: &mut Context) {
        match tag {
            "other" => {
                if let Ok(index) = words.parse() {
                    self.take(index, cx);
                }
            }
            "pick" => match words
                .split_once(' ')
                .and_then(|(n, _)| n.parse::<usize>().ok())
            {
                Some(number) => self.take(number.saturating_sub(1), cx),
                None => cx.ask(
                    "path",
                    "compare with: a SavedModel folder or a .tflite file",
                    "",
                ),
            },
            "export" if !words.trim().is_empty() => {
                if let Some(compared) = &self.compared {
                    let (a, b) = &compared.sides;
                    let comparison = &compared.comparison;
                    let page = report::compare::markdown(a, b, &compared.from, comparison);
                    let path = PathBuf::from(words.trim());
                    cx.job("export", "writing", move |_| {
                        std::fs::write(&path, page).map_err(|e| Error::io(&path, &e))?;
                        Ok(Output::Saved(path))
                    });
                }
            }
            "calibration" if !words.trim().is_empty() => {
                self.requantize_with(Some(words.trim().into()), cx);
            }
            "path" if !words.trim().is_empty() => cx.requests.push(Request::Open {
                path: PathBuf::from(words.trim()),
                compare: true,
            }),
            _ => {}
        }
    }

    fn job(&mut self, what: &'static str, output: Output, cx: &mut Context) {
        match output {
            Output::Compared(mut compared) => {
                // One sample is compared without timing again.
                if compared.sample.is_some()
                    && let Some(before) = &self.compared
                {
                    compared.comparison.latency = before.comparison.latency.clone();
                }
                discard(self.compared.replace(*compared));
            }
            Output::Saved(path) => {
                cx.say(format!("wrote {}", path.display()));
                if what == "requantize" {
                    cx.requests.push(Request::Open {
                        path,
                        compare: true,
                    });
                }
            }
            _ => {}
        }
    }

    fn job_failed(&mut self, what: &'static str, error: Error, cx: &mut Context) {
        if let Err(error) = self.work.fail(what, error) {
            cx.fail(error);
        }
    }

    fn mouse(&mut self, mouse: MouseEvent, _cx: &mut Context) -> Handled {
        if mouse.kind == MouseEventKind::Down(MouseButton::Left)
            && let Some(at) = self.rows.row_at(mouse.column, mouse.row, self.len())
        {
            self.rows.at = at;
            return Handled::Yes;
        }
        Handled::No
    }

    fn copied(&self, cx: &Context) -> Option<String> {
        let (a, b) = self.sides(cx.model)?;
        let (a, b) = (text::path(&a.path), text::path(&b.path));
        Some(text::command_line([
            "mexplore",
            "compare",
            &a,
            &b,
            "--per-layer",
        ]))
    }

    fn render(&self, area: Rect, buf: &mut Buffer, view: &View) {
        self.draw(area, buf, view);
    }
}
