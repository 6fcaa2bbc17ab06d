//! Operators that do the work of others beside them, where nobody sees what passes between and the answer is the same.
//!
//! What lies before a node is known while it is planned: a bias, a TRANSPOSE ([`beside`]), a list's item that is written
//! ([`items`]). What lies behind it is known in the end: the activation of a product ([`epilogues`]), a layer
//! normalization ([`layer_norms`]), the other rounds of a loop ([`ahead`]).

pub mod ahead;
#[cfg(test)]
mod ahead_tests;
mod beside;
mod epilogues;
mod items;
#[cfg(test)]
mod items_tests;
mod layer_norms;
pub mod neighbours;

use super::plan::Builder;
use crate::error::Result;
use crate::progress::Progress;

impl Builder<'_> {
    /// Fuses what all steps together show.
    ///
    /// # Errors
    /// As [`Plan::new`](super::plan::Plan::new), and a run that is stopped.
    pub(super) fn fuse_planned(&mut self, progress: &Progress) -> Result<()> {
        self.fuse(progress)?;
        self.normalize()?;
        self.work_ahead()
    }
}
