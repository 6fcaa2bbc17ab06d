//! `mexplore bench`

use std::collections::HashMap;
use std::time::Instant;

use super::args::BenchArgs;
use super::{Answer, bars, inputs, output};
use crate::error::{Error, Result};
use crate::model::{NodeId, Tensor};
use crate::progress::Progress;
use crate::report::bench::{BenchReport, OpRow};
use crate::runtime::{OpTime, Session, bench};
use crate::sort;

pub fn execute(args: &BenchArgs) -> Result<Answer> {
    if args.runs == 0 {
        return Err(Error::usage("--runs 0 measures nothing").hint("give 1 or more"));
    }
    let start = Instant::now();
    let model = args.model.open()?;
    let mut session = Session::new(&model, &args.session.options())?;
    let load = start.elapsed();
    let given = inputs::gather(
        session.inputs(),
        &args.session.input,
        args.session.inputs.as_deref(),
    )?;
    let timings = bars::with_bar(|progress| bench(&mut session, &given, args.runs, progress))?;
    let ops = match args.per_op {
        true => Some(bars::with_bar(|progress| {
            let threads = args.session.threads_used();
            per_op(&mut session, &given, (args.runs, threads), progress)
        })?),
        false => None,
    };
    let millis = |nanos: u64| nanos as f64 / 1e6;
    let report = BenchReport {
        model: model.name.clone(),
        signature: session.signature().to_owned(),
        runs: args.runs,
        threads: args.session.threads_used(),
        load_ms: load.as_secs_f64() * 1e3,
        first_ms: millis(timings.first_ns),
        median_ms: millis(timings.quantile_ns(0.5)),
        p90_ms: millis(timings.quantile_ns(0.9)),
        min_ms: millis(timings.quantile_ns(0.0)),
        max_ms: millis(timings.quantile_ns(1.0)),
        arena_bytes: session.arena().bytes as u64,
        peak_rss_bytes: peak_rss_bytes(),
        ops,
    };
    if args.json {
        output::json(&report)?;
    } else {
        output::text(&report.text(output::style()))?;
    }
    Ok(Answer::Yes)
}

/// Medians of every operator over `runs` profiled runs, as [`Session::profile`] has them in order.
fn per_op(
    session: &mut Session,
    given: &[(String, Tensor)],
    (runs, threads): (usize, usize),
    progress: &Progress,
) -> Result<Vec<OpRow>> {
    session.set_profiling(true);
    progress.stage("timing every operator", runs as u64);
    let quiet = Progress::new();
    let arranged = session.arrange(given)?;
    let given: Vec<&Tensor> = arranged.iter().map(|t| &**t).collect();
    let mut seen: HashMap<(usize, NodeId), Vec<OpTime>> = HashMap::new();
    for _ in 0..runs {
        session.invoke(&given, &quiet)?;
        for op in session.profile() {
            seen.entry(op.at).or_default().push(op.clone());
        }
        progress.step(1)?;
    }
    session.set_profiling(false);
    let mut seen: Vec<Vec<OpTime>> = seen.into_values().collect();
    // Another branch may be taken in each run: the first that took it tells the order.
    sort::by_key(&mut seen, |ran| {
        ran.first().map(|op| (op.at.0, op.step, op.at.1))
    });
    Ok(seen
        .iter()
        .filter_map(|ran| row_of(ran, runs, threads))
        .collect())
}

/// One operator in those of `runs` runs that it ran in.
fn row_of(ran: &[OpTime], runs: usize, threads: usize) -> Option<OpRow> {
    let first = ran.first()?;
    let median = |figure: fn(&OpTime) -> u64| {
        let mut all: Vec<u64> = ran.iter().map(figure).collect();
        all.resize(runs, 0);
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or_default()
    };
    let millis = |nanos: u64| nanos as f64 / 1e6;
    let usual = OpTime {
        nanos: median(OpTime::own),
        inner: 0,
        macs: median(|op| op.macs),
        ..first.clone()
    };
    let rate = usual.rate(threads);
    Some(OpRow {
        name: first.node.to_string(),
        op: first.op.to_string(),
        graph: first.graph.as_ref().map(ToString::to_string),
        calls: median(|op| op.calls),
        median_ms: millis(median(|op| op.nanos)),
        self_ms: millis(median(OpTime::own)),
        macs: usual.macs,
        gflops: rate.map(|(rate, _)| rate / 1e9),
        of_peak: rate.map(|(_, share)| share),
    })
}

/// The kernel's high-water mark of this process; only Linux tells.
fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
