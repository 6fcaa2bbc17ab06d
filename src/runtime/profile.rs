//! Times of the operators of a run, those in loops, branches and calls too.

use std::collections::HashMap;
use std::time::Instant;

use super::OpTime;
use super::program::Setup;
use crate::model::NodeId;
use crate::sort;

/// What a run is watched for; empty unless it is `on`.
#[derive(Default)]
pub struct Profile {
    pub on: bool,
    times: Vec<OpTime>,
    /// By graph of the program and operator.
    places: HashMap<(usize, NodeId), usize>,
    /// Nanoseconds of the steps that the step running now has run.
    inner: u64,
}

/// A step that runs.
pub struct Begun {
    start: Instant,
    /// What the step around it had run before.
    around: u64,
}

impl Profile {
    pub fn clear(&mut self) {
        self.times.clear();
        self.places.clear();
        self.inner = 0;
    }

    /// The signature's own operators in the order in which they ran, then those of each graph that these run.
    pub fn times(&self) -> &[OpTime] {
        &self.times
    }

    pub fn begin(&mut self) -> Option<Begun> {
        self.on.then(|| Begun {
            around: std::mem::take(&mut self.inner),
            start: Instant::now(),
        })
    }

    /// Step `step` of a graph has run: `id` with so many multiply-accumulates.
    pub fn end(&mut self, begun: Begun, setup: Setup<'_>, step: usize, id: NodeId, macs: u64) {
        let nanos = begun.start.elapsed().as_nanos() as u64;
        let inner = std::mem::replace(&mut self.inner, begun.around + nanos);
        let at = (setup.number, id);
        let place = *self.places.entry(at).or_insert_with(|| {
            let node = setup.graph().node(id);
            let body = setup.body();
            self.times.push(OpTime {
                at,
                step,
                graph: body.title.clone(),
                file_graph: body.home.clone(),
                node: node.name.clone(),
                op: node.custom.clone().unwrap_or_else(|| node.op.clone()),
                nanos: 0,
                inner: 0,
                calls: 0,
                macs: 0,
                of_integers: node
                    .input(1)
                    .is_some_and(|weights| setup.graph().value(weights).dtype.is_integer()),
            });
            self.times.len() - 1
        });
        if let Some(time) = self.times.get_mut(place) {
            time.nanos += nanos;
            time.inner += inner;
            time.calls += 1;
            time.macs = time.macs.saturating_add(macs);
        }
    }

    /// The run is over.
    pub fn arrange(&mut self) {
        sort::by_key(&mut self.times, |time| (time.at.0, time.step));
        self.places.clear();
    }
}
