//! `mexplore bench`

use std::time::Instant;

use super::args::BenchArgs;
use super::{Answer, bars, inputs, output};
use crate::error::{Error, Result};
use crate::report::bench::{BenchReport, OpRow};
use crate::runtime::{Session, bench, per_op};

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
    let threads = args.session.threads_used();
    let ops = match args.per_op {
        true => Some(bars::with_bar(|progress| {
            per_op(&mut session, &given, args.runs, progress)
        })?),
        false => None,
    };
    let millis = |nanos: u64| nanos as f64 / 1e6;
    let report = BenchReport {
        model: model.name.clone(),
        signature: session.signature().to_owned(),
        runs: args.runs,
        threads,
        load_ms: load.as_secs_f64() * 1e3,
        first_ms: millis(timings.first_ns),
        median_ms: millis(timings.quantile_ns(0.5)),
        p90_ms: millis(timings.quantile_ns(0.9)),
        min_ms: millis(timings.quantile_ns(0.0)),
        max_ms: millis(timings.quantile_ns(1.0)),
        arena_bytes: session.arena().all() as u64,
        peak_rss_bytes: peak_rss_bytes(),
        ops: ops.map(|ops| ops.iter().map(|op| OpRow::new(op, threads)).collect()),
    };
    if args.json {
        output::json(&report)?;
    } else {
        output::text(&report.text(output::style()))?;
    }
    Ok(Answer::Yes)
}

/// The kernel's high-water mark of this process; only Linux tells.
fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
