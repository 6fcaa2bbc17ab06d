//! A model on the desk: opened with its panes, or on the way there.

use std::path::PathBuf;
use std::sync::Arc;

use super::focus::{Focus, History, Thing};
use super::measured::Measured;
use super::panes::{Pane, PaneId};
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
    pub pane: PaneId,
    pub panes: Vec<Box<dyn Pane>>,
    pub(super) history: History,
    /// Things that the last search found, and which of them one stands on.
    pub(super) hits: Vec<Thing>,
    pub(super) hit: usize,
}
