//! The session that runs share.

use std::sync::{Arc, Mutex};

use crate::error::Result;
use crate::model::Model;
use crate::runtime::{RunOptions, Session};

/// Kept between runs: making one ready costs more than a run, and variables last as long. A job that comes while another
/// one works with it waits for it.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<Option<Session>>>);

/// For a job: the kept session, or what a new one is made of.
pub struct Access {
    kept: Kept,
    model: Arc<Model>,
    options: RunOptions,
}

impl Kept {
    pub fn access(&self, model: &Arc<Model>, options: RunOptions) -> Access {
        Access {
            kept: self.clone(),
            model: model.clone(),
            options,
        }
    }
}

impl Access {
    /// Does `work` with the session, or with a new one where there is none yet.
    pub fn with<R>(&self, work: impl FnOnce(&mut Session) -> Result<R>) -> Result<R> {
        let kept = &self.kept.0;
        let mut kept = kept.lock().unwrap_or_else(|broken| {
            // What a fault left behind is not worth another run.
            kept.clear_poison();
            let mut kept = broken.into_inner();
            *kept = None;
            kept
        });
        let session = match &mut *kept {
            Some(session) => session,
            none => none.insert(Session::new(&self.model, &self.options)?),
        };
        work(session)
    }
}
