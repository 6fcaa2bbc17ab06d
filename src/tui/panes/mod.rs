//! The panes, one file each. A pane knows the model, the theme and the shared selection, not the other panes.

pub mod arranged;
pub mod compare;
pub mod convert;
pub mod graph;
pub mod overview;
pub mod run;
pub mod source;
pub mod tensors;
pub mod tree;
pub mod twins;
pub mod variables;
mod work;

use std::path::PathBuf;
use std::sync::Arc;

use super::command::Command;
use super::counts::Counts;
use super::focus::{Focus, Thing};
use super::jobs::{Jobs, Output, Slot, Work};
use super::measured::Measured;
use super::place::Inputs;
use super::term::{Buffer, MouseEvent, Rect};
use super::theme::Theme;
use super::widgets::Split;
use crate::error::{Error, Result};
use crate::model::Model;

/// Which pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PaneId {
    Overview,
    Tree,
    Graph,
    Tensors,
    Variables,
    Source,
    Run,
    Convert,
    Compare,
}

impl PaneId {
    /// In the order of their keys 1 to 9.
    pub const ALL: [PaneId; 9] = [
        PaneId::Overview,
        PaneId::Tree,
        PaneId::Graph,
        PaneId::Tensors,
        PaneId::Variables,
        PaneId::Source,
        PaneId::Run,
        PaneId::Convert,
        PaneId::Compare,
    ];

    pub fn title(self) -> &'static str {
        [
            "Overview",
            "Tree",
            "Graph",
            "Tensors",
            "Variables",
            "Source",
            "Run",
            "Convert",
            "Compare",
        ][self as usize]
    }

    /// For screens of 80 columns.
    pub fn short_title(self) -> &'static str {
        match self {
            PaneId::Variables => "Vars",
            other => other.title(),
        }
    }

    /// The command that shows it.
    pub fn command(self) -> Command {
        [
            Command::ShowOverview,
            Command::ShowTree,
            Command::ShowGraph,
            Command::ShowTensors,
            Command::ShowVariables,
            Command::ShowSource,
            Command::ShowRun,
            Command::ShowConvert,
            Command::ShowCompare,
        ][self as usize]
    }
}

/// Whether a pane did something with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    Yes,
    No,
}

impl From<bool> for Handled {
    fn from(did: bool) -> Handled {
        if did { Handled::Yes } else { Handled::No }
    }
}

/// What a pane asks of the program; done after its `handle` returns.
pub enum Request {
    /// Choose a thing and show it in a pane; a step of the history.
    Go(PaneId, Thing),
    /// The same in another open model, which comes to the front.
    GoIn(Arc<Model>, PaneId, Thing),
    /// A word in the footer.
    Say(String),
    /// An error card.
    Fail(Error),
    Copy(String),
    /// A line of text from the person, given back to [`Pane::text`] with the same tag.
    Ask {
        tag: &'static str,
        title: String,
        initial: String,
        /// Given back at every key, not only at the end.
        live: bool,
    },
    /// A choice from a list, given back to [`Pane::text`] with the same tag.
    Pick {
        tag: &'static str,
        title: String,
        /// What is given back, and what stands beside it.
        choices: Vec<(String, String)>,
    },
    Job {
        what: &'static str,
        label: String,
        work: Work,
    },
    Stop(&'static str),
    /// Open a model and, if asked, compare the present one with it.
    Open {
        path: PathBuf,
        compare: bool,
    },
}

/// What a pane sees while it draws.
pub struct View<'a> {
    pub model: &'a Arc<Model>,
    /// Every open model, this one included.
    pub models: &'a [Arc<Model>],
    pub focus: Focus,
    /// What calls cost, as far as it is counted.
    pub counted: &'a Counts,
    pub theme: &'a Theme,
    pub jobs: &'a Jobs,
    pub desk: u64,
    pub pane: PaneId,
    /// Steps since a job began; turns the spinner.
    pub tick: usize,
}

impl View<'_> {
    /// The pane's own job `what`, if it runs.
    pub fn job(&self, what: &'static str) -> Option<super::jobs::Shown> {
        self.jobs.shown(Slot {
            desk: self.desk,
            pane: Some(self.pane),
            what,
        })
    }
}

/// What a pane may change while it handles a command.
pub struct Context<'a> {
    pub model: &'a Arc<Model>,
    pub models: &'a [Arc<Model>],
    /// The shared selection. Setting `focus.thing` moves within the pane; [`Request::Go`] also changes the pane.
    pub focus: &'a mut Focus,
    /// What runs and comparisons told of the model.
    pub measured: &'a Arc<Measured>,
    /// What calls cost, counted by the first job that asks.
    pub counted: &'a Arc<Counts>,
    pub requests: Vec<Request>,
}

impl Context<'_> {
    pub fn go(&mut self, pane: PaneId, thing: Thing) {
        self.requests.push(Request::Go(pane, thing));
    }

    pub fn say(&mut self, text: impl Into<String>) {
        self.requests.push(Request::Say(text.into()));
    }

    pub fn fail(&mut self, error: Error) {
        self.requests.push(Request::Fail(error));
    }

    pub fn copy(&mut self, text: impl Into<String>) {
        self.requests.push(Request::Copy(text.into()));
    }

    pub fn ask(&mut self, tag: &'static str, title: impl Into<String>, initial: impl Into<String>) {
        self.requests.push(Request::Ask {
            tag,
            title: title.into(),
            initial: initial.into(),
            live: false,
        });
    }

    /// As [`Context::ask`], but every key shows at once.
    pub fn ask_live(
        &mut self,
        tag: &'static str,
        title: impl Into<String>,
        initial: impl Into<String>,
    ) {
        self.requests.push(Request::Ask {
            tag,
            title: title.into(),
            initial: initial.into(),
            live: true,
        });
    }

    pub fn pick(
        &mut self,
        tag: &'static str,
        title: impl Into<String>,
        choices: Vec<(String, String)>,
    ) {
        self.requests.push(Request::Pick {
            tag,
            title: title.into(),
            choices,
        });
    }

    /// Starts work on a thread of its own; the answer comes to [`Pane::job`]. A running job of the same name is stopped.
    pub fn job(
        &mut self,
        what: &'static str,
        label: impl Into<String>,
        work: impl FnOnce(&crate::progress::Progress) -> Result<Output> + Send + 'static,
    ) {
        self.requests.push(Request::Job {
            what,
            label: label.into(),
            work: Box::new(work),
        });
    }

    pub fn stop(&mut self, what: &'static str) {
        self.requests.push(Request::Stop(what));
    }
}

/// A part of the program that fills the screen between tabs and footer.
///
/// State changes in every method but `render`; what `render` must leave behind for the mouse (areas, scroll
/// offsets) lives in cells.
pub trait Pane {
    /// Commands for the footer, the most useful first.
    fn footer(&self) -> &'static [Command];

    /// Does `command` if it means something here. Commands that the program itself does come here first.
    fn handle(&mut self, command: Command, cx: &mut Context) -> Handled;

    fn render(&self, area: Rect, buf: &mut Buffer, view: &View);

    /// The pane comes to the front, or the selection was changed elsewhere.
    fn shown(&mut self, cx: &mut Context) {
        let _ = cx;
    }

    /// The border that the mouse can drag.
    fn split(&mut self) -> Option<&mut Split> {
        None
    }

    /// A press or drag of the mouse within the area of the last frame. Wheel turns come as Up and Down.
    fn mouse(&mut self, mouse: MouseEvent, cx: &mut Context) -> Handled {
        let _ = (mouse, cx);
        Handled::No
    }

    /// The answer to [`Request::Ask`] or [`Request::Pick`].
    fn text(&mut self, tag: &'static str, text: &str, cx: &mut Context) {
        let _ = (tag, text, cx);
    }

    /// The answer of a job; an error goes to [`Pane::job_failed`].
    fn job(&mut self, what: &'static str, output: Output, cx: &mut Context) {
        let _ = (what, output, cx);
    }

    /// A job failed; by default that is a card.
    fn job_failed(&mut self, what: &'static str, error: Error, cx: &mut Context) {
        let _ = what;
        cx.fail(error);
    }

    /// What the person chose for inputs, for the next sitting.
    fn inputs(&self) -> Inputs {
        Inputs::new()
    }

    /// Inputs that were chosen in an earlier sitting.
    fn take_inputs(&mut self, inputs: Inputs) {
        let _ = inputs;
    }

    /// What goes to the clipboard: the chosen thing's name, or the command that does what the pane does.
    fn copied(&self, cx: &Context) -> Option<String> {
        cx.focus.name(cx.model)
    }
}

/// The panes of a newly opened model, in the order of [`PaneId::ALL`].
pub fn all(model: &Arc<Model>) -> Vec<Box<dyn Pane>> {
    vec![
        Box::new(overview::OverviewPane::new(model)),
        Box::new(tree::TreePane::new(model)),
        Box::new(graph::GraphPane::new(model)),
        Box::new(tensors::TensorsPane::new(model)),
        Box::new(variables::VariablesPane::new(model)),
        Box::new(source::SourcePane::new(model)),
        Box::new(run::RunPane::new(model)),
        Box::new(convert::ConvertPane::new(model)),
        Box::new(compare::ComparePane::new(model)),
    ]
}
