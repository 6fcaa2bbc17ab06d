//! A model on the desk: opened with its panes, or on the way there.

use std::path::PathBuf;
use std::sync::Arc;

use super::choices::Choices;
use super::counts::Counts;
use super::focus::Focus;
use super::measured::Measured;
use super::panes::{Pane, PaneId};
use super::search::Found;
use crate::error::Error;
use crate::model::Model;

/// An opened model with its panes, or the attempt at one.
pub struct Desk {
    pub id: u64,
    pub path: PathBuf,
    pub state: State,
    /// Its files were changed since it was opened.
    pub changed: bool,
}

pub enum State {
    Opening,
    Failed(Error),
    Open(Box<Open>),
}

pub struct Open {
    pub model: Arc<Model>,
    pub focus: Focus,
    pub measured: Arc<Measured>,
    pub counted: Arc<Counts>,
    pub pane: PaneId,
    pub panes: Vec<Box<dyn Pane>>,
    /// Everything that the search can find, once it was gathered.
    pub(super) names: Option<Arc<Choices>>,
    /// What the last search found.
    pub(super) hits: Option<Found>,
}
