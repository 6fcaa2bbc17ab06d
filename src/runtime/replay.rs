//! The last run once more, watched: from the same state, which is afterwards as the last run left it.

use super::execute::Watch;
use super::inputs;
use super::memory::Lasting;
use super::plan::{Call, Plan};
use super::session::Session;
use super::trace::Tracer;
use super::traced::{NotFinite, Trace, What};
use crate::analysis::{Spread, spread};
use crate::error::Result;
use crate::model::{Tensor, ValueId};
use crate::ops::State;
use crate::progress::Progress;
use crate::sort;

/// What a session keeps from run to run, as it was at one time: variables, tables, generators of random numbers. Values
/// are shared with the session until a run changes them.
#[derive(Debug)]
pub struct Moment {
    pub(super) state: State,
    ready: bool,
    pub(super) lasting: Lasting,
}

impl Session {
    pub fn moment(&self) -> Moment {
        let planned = self.planned.as_ref();
        Moment {
            state: self.state.copy(),
            ready: self.ready,
            lasting: planned.map_or_else(Lasting::default, |(plan, memory)| memory.lasting(plan)),
        }
    }

    fn go_back(&mut self, to: &Moment) {
        self.state = to.state.before(&self.state);
        self.ready = to.ready;
        if let Some((plan, memory)) = &mut self.planned {
            memory.restore(plan, &to.lasting);
        }
    }

    /// Runs on `inputs` once more as from the moment `before` and tells what was computed; `look` is a value whose tensor
    /// is wanted, if it has at most so many bytes. The same random numbers are drawn, and variables, tables and generators
    /// are then as they were before the call. Every operator runs for itself, with a plan and an arena that are given up
    /// afterwards where the session's own plan fuses some.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn trace(
        &mut self,
        before: &Moment,
        inputs: &[(String, Tensor)],
        look: Option<((usize, ValueId), usize)>,
        progress: &Progress,
    ) -> Result<Trace> {
        let arranged = self.arrange(inputs)?;
        let given: Vec<&Tensor> = arranged.iter().map(|tensor| &**tensor).collect();
        let now = self.moment();
        let watch = Watch {
            tracer: Some(Tracer::new(look)),
            ..Watch::default()
        };
        let usual = std::mem::replace(&mut self.watch, watch);
        let fusion = std::mem::replace(&mut self.program.options.fusion, false);
        // A plan that may fuse operators has no variable tensors: nothing is lost with its memory.
        let own = self.planned.take_if(|_| fusion);
        let before_it = own.as_ref().map(|(plan, _)| plan);
        let traced = self
            .apart(before_it, &given, progress)
            .and_then(|()| self.retrace(before, &given, progress));
        let tracer = self.watch.tracer.take();
        self.program.options.fusion = fusion;
        self.watch = usual;
        if fusion {
            self.planned = own;
        }
        self.go_back(&now);
        let not_finite = traced?;
        let tracer = tracer.unwrap_or_default();
        Ok(self.told(tracer, not_finite))
    }

    /// A plan with the constants that the session's own has folded; none where that one serves.
    fn apart(&mut self, own: Option<&Plan>, given: &[&Tensor], progress: &Progress) -> Result<()> {
        if self.planned.is_some() {
            return Ok(());
        }
        let facts = self.facts(given.iter().map(|tensor| tensor.shape()));
        let plan = Plan::new(self.program.main(), own, facts, Call::Outermost, progress);
        let plan = plan.map_err(|error| inputs::misfit(self.inputs(), given, error))?;
        let memory = plan.memory()?;
        self.planned = Some((plan, memory));
        Ok(())
    }

    /// Which outputs are not finite, by number: what of it there is, and how much. Those with NaN come first.
    fn retrace(
        &mut self,
        before: &Moment,
        given: &[&Tensor],
        progress: &Progress,
    ) -> Result<Vec<(usize, What, usize, usize)>> {
        self.go_back(before);
        let outputs = self.invoke(given, progress)?;
        let mut found = Vec::new();
        for at in 0..outputs.len() {
            let Some(spread) = Spread::of(outputs.view(at)?) else {
                continue;
            };
            let counts = [What::Nan, What::Infinity].map(|what| (what, what.count(&spread)));
            let first = counts.into_iter().find(|(_, count)| *count > 0);
            found.extend(first.map(|(what, count)| (at, what, count, spread.count)));
        }
        sort::by_key(&mut found, |(_, what, ..)| *what == What::Infinity);
        Ok(found)
    }

    fn told(&self, tracer: Tracer, found: Vec<(usize, What, usize, usize)>) -> Trace {
        let main = &self.program.main().body().inputs;
        let port = |at: (usize, ValueId)| {
            let slot = main.iter().position(|&input| at == (0, input))?;
            self.inputs().get(slot).map(|port| port.name.clone())
        };
        let not_finite = found.into_iter().filter_map(|(at, what, count, of)| {
            let mut origin = tracer.of_output(at, what)?.clone();
            let mut each = Some(&mut origin);
            while let Some(origin) = each {
                if let Some(name) = port(origin.at) {
                    origin.name = name;
                }
                each = origin.cause.as_deref_mut();
            }
            let output = self.outputs().get(at)?.name.clone();
            Some(NotFinite {
                output,
                count,
                of,
                origin,
            })
        });
        let not_finite = not_finite.collect();
        let mut values = tracer.values;
        for value in &mut values {
            if let Some(name) = port(value.at) {
                value.name = name;
            }
        }
        Trace {
            values,
            taken: tracer.taken,
            not_finite,
        }
    }
}

/// Whether there is no NaN and no infinity among them.
pub fn are_finite(outputs: &[(String, Tensor)]) -> bool {
    let mut spreads = outputs.iter().filter_map(|(_, tensor)| spread(tensor));
    spreads.all(|spread| spread.is_finite())
}
