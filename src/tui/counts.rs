//! What calls of a model cost and what uses its tensors: counted once, for all panes.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::analysis::{self, Costs, Usage};
use crate::error::Result;
use crate::model::Model;
use crate::progress::Progress;

/// Each counted by whoever asks for it first.
#[derive(Debug)]
pub struct Counts {
    model: Arc<Model>,
    usage: OnceLock<Usage>,
    /// The costs by MetaGraph.
    by_meta: Vec<OnceLock<Costs>>,
    /// Who counts; the others wait instead of doing the same.
    counting: Mutex<()>,
}

/// Operators of a MetaGraph that are counted before the next frame.
const AT_HAND: usize = 20_000;

impl Counts {
    pub fn new(model: &Arc<Model>) -> Arc<Counts> {
        Arc::new(Counts {
            model: model.clone(),
            usage: OnceLock::new(),
            by_meta: model.meta_graphs.iter().map(|_| OnceLock::new()).collect(),
            counting: Mutex::new(()),
        })
    }

    /// What uses the tensors; waits for who looks already.
    pub fn usage(&self) -> &Usage {
        self.usage.get_or_init(|| Usage::of(&self.model))
    }

    /// What has been counted of the calls of a MetaGraph.
    pub fn get(&self, meta: usize) -> Option<&Costs> {
        self.by_meta.get(meta)?.get()
    }

    /// Whether [`Counts::count`] answers soon enough to be called between two frames.
    pub fn is_at_hand(&self, meta: usize) -> bool {
        let graphs = self.model.meta_graphs.get(meta).map(|m| &m.graphs);
        let nodes = graphs.into_iter().flatten().map(|g| g.nodes.len());
        self.get(meta).is_some() || nodes.sum::<usize>() <= AT_HAND
    }

    /// Counts, or waits for who counts already; nothing of a MetaGraph that is not there.
    ///
    /// # Errors
    /// When stopped.
    pub fn count(&self, meta: usize, progress: &Progress) -> Result<Option<&Costs>> {
        if let (Some(slot), Some(meta_graph)) =
            (self.by_meta.get(meta), self.model.meta_graphs.get(meta))
            && slot.get().is_none()
        {
            // One that failed left nothing behind that could be half done.
            let turn = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
            if slot.get().is_none() {
                let costs = analysis::costs(&self.model, meta_graph, progress)?;
                // Nobody else has had the turn meanwhile.
                let _ = slot.set(costs);
            }
            drop(turn);
        }
        Ok(self.get(meta))
    }

    /// As [`Counts::count`], of every MetaGraph.
    ///
    /// # Errors
    /// When stopped.
    pub fn count_all(&self, progress: &Progress) -> Result<()> {
        (0..self.by_meta.len()).try_for_each(|meta| self.count(meta, progress).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::format::{self, OpenOptions};

    #[test]
    fn all_who_ask_get_what_one_has_counted() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/digits_cnn");
        let model = Arc::new(format::open(&path, &OpenOptions::default()).unwrap());
        let costs = Counts::new(&model);
        assert!(costs.get(0).is_none() && costs.is_at_hand(0));
        let stopped = Progress::new();
        stopped.cancel();
        assert!(costs.count_all(&stopped).is_err());
        assert!(costs.get(0).is_none(), "who was stopped left it to others");
        let ask =
            || std::ptr::from_ref(costs.count(0, &Progress::new()).unwrap().unwrap()) as usize;
        let places: Vec<usize> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(places.iter().all(|&place| place == places[0]));
        assert!(costs.get(0).unwrap().signatures[0].macs > 0);
        assert!(costs.count(1, &Progress::new()).unwrap().is_none());
    }
}
