//! Times of repeated runs: of each as a whole, and of every operator.

use std::collections::HashMap;
use std::time::Instant;

use super::{OpTime, Session};
use crate::error::Result;
use crate::model::{NodeId, Tensor};
use crate::progress::Progress;
use crate::sort;

/// Times of repeated runs.
#[derive(Debug, Clone, Default)]
pub struct Timings {
    pub first_ns: u64,
    /// Of the runs after the first, in order.
    pub runs_ns: Vec<u64>,
}

impl Timings {
    /// The `q`-quantile (0 to 1) of the runs after the first, in nanoseconds; the first run's time if it was the only one.
    pub fn quantile_ns(&self, q: f64) -> u64 {
        let mut sorted = self.runs_ns.clone();
        sorted.sort_unstable();
        let Some(last) = sorted.len().checked_sub(1) else {
            return self.first_ns;
        };
        let at = q.clamp(0.0, 1.0) * last as f64;
        let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
        (low as f64 + (high - low) as f64 * at.fract()).round() as u64
    }
}

/// Invokes `runs` times on the same inputs.
pub fn bench(
    session: &mut Session,
    inputs: &[(String, Tensor)],
    runs: usize,
    progress: &Progress,
) -> Result<Timings> {
    let silent = Progress::new();
    let arranged = session.arrange(inputs)?;
    let given: Vec<&Tensor> = arranged.iter().map(|t| &**t).collect();
    let time = |session: &mut Session| {
        progress.check()?;
        let start = Instant::now();
        session.invoke(&given, &silent)?;
        Ok(start.elapsed().as_nanos() as u64)
    };
    progress.stage("timing", runs as u64);
    let mut timings = Timings {
        first_ns: time(session)?,
        runs_ns: Vec::with_capacity(runs.saturating_sub(1)),
    };
    progress.step(1)?;
    for _ in 1..runs {
        timings.runs_ns.push(time(session)?);
        progress.step(1)?;
    }
    Ok(timings)
}

/// Profiles `runs` runs on the same inputs and gives the medians of every operator, in the order of
/// [`Session::profile`]: of its time, of its own time, of its calls and of its multiply-accumulates. Runs in which it did
/// not run count as none of each.
pub fn per_op(
    session: &mut Session,
    inputs: &[(String, Tensor)],
    runs: usize,
    progress: &Progress,
) -> Result<Vec<OpTime>> {
    progress.stage("timing every operator", runs as u64);
    session.set_profiling(true);
    let seen = profiles(session, inputs, runs, progress);
    session.set_profiling(false);
    let mut seen: Vec<Vec<OpTime>> = seen?.into_values().collect();
    // Another branch may be taken in each run: the first that took it tells the order.
    sort::by_key(&mut seen, |ran| {
        ran.first().map(|op| (op.at.0, op.step, op.at.1))
    });
    Ok(seen.iter().filter_map(|ran| usual(ran, runs)).collect())
}

/// By operator, those of the runs that it ran in.
fn profiles(
    session: &mut Session,
    inputs: &[(String, Tensor)],
    runs: usize,
    progress: &Progress,
) -> Result<HashMap<(usize, NodeId), Vec<OpTime>>> {
    let quiet = Progress::new();
    let arranged = session.arrange(inputs)?;
    let given: Vec<&Tensor> = arranged.iter().map(|t| &**t).collect();
    let mut seen: HashMap<(usize, NodeId), Vec<OpTime>> = HashMap::new();
    for _ in 0..runs {
        session.invoke(&given, &quiet)?;
        for op in session.profile() {
            seen.entry(op.at).or_default().push(op.clone());
        }
        progress.step(1)?;
    }
    Ok(seen)
}

/// One operator in those of `runs` runs that it ran in.
fn usual(ran: &[OpTime], runs: usize) -> Option<OpTime> {
    let median = |figure: fn(&OpTime) -> u64| {
        let mut all: Vec<u64> = ran.iter().map(figure).collect();
        all.resize(runs, 0);
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or_default()
    };
    let nanos = median(|op| op.nanos);
    Some(OpTime {
        nanos,
        // The rest is its own.
        inner: nanos.saturating_sub(median(OpTime::own)),
        calls: median(|op| op.calls),
        macs: median(|op| op.macs),
        ..ran.first()?.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(nanos: u64, inner: u64, macs: u64) -> OpTime {
        OpTime {
            at: (0, NodeId(3)),
            step: 1,
            graph: None,
            file_graph: None,
            node: "conv".into(),
            op: "CONV_2D".into(),
            nanos,
            inner,
            calls: 2,
            macs,
            of_integers: false,
        }
    }

    #[test]
    fn an_operator_is_told_by_its_medians() {
        let ran = [time(100, 90, 7), time(50, 20, 7), time(60, 10, 7)];
        let usual = usual(&ran, 3).unwrap();
        assert_eq!((usual.nanos, usual.own(), usual.macs), (60, 30, 7));
        // In most of the runs the branch that it lies in was not taken.
        let seldom = super::usual(&ran[..1], 3).unwrap();
        assert_eq!((seldom.nanos, seldom.calls, seldom.macs), (0, 0, 0));
        assert!(super::usual(&[], 3).is_none());
    }

    #[test]
    fn quantiles_lie_between_the_runs() {
        let timings = Timings {
            first_ns: 900,
            runs_ns: vec![30, 10, 20],
        };
        let at = |q| timings.quantile_ns(q);
        assert_eq!([at(0.0), at(0.5), at(0.75), at(1.0)], [10, 20, 25, 30]);
        assert_eq!(Timings::default().quantile_ns(0.5), 0);
    }
}
