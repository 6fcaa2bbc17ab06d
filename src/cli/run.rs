//! `mexplore run`

use std::time::Instant;

use super::args::RunArgs;
use super::{Answer, bars, inputs, output};
use crate::error::Result;
use crate::feed;
use crate::format::npy;
use crate::report::run::RunReport;
use crate::report::state::StateRow;
use crate::runtime::{RunOptions, Session, are_finite};

pub fn execute(args: &RunArgs) -> Result<Answer> {
    let model = args.model.open()?;
    let labels = match &args.labels {
        Some(path) => Some(feed::read_labels(path)?),
        None => feed::labels_of(&model),
    };
    let options = RunOptions {
        once: true,
        ..args.session.options()
    };
    let mut session = Session::new(&model, &options)?;
    let given = inputs::gather(
        session.inputs(),
        &args.session.input,
        args.session.inputs.as_deref(),
    )?;
    let (before, outputs, millis) = bars::with_bar(|progress| {
        let start = Instant::now();
        // Tables that the model comes with are no change.
        session.get_ready(progress)?;
        let before = session.moment();
        let outputs = session.run_last(&given, progress);
        let millis = start.elapsed().as_secs_f64() * 1e3;
        outputs.map(|o| (before, o, millis))
    })?;
    if let Some(path) = &args.outputs {
        npy::write_arrays(path, &session.keyed(&outputs))?;
    }
    let seed = session.seed();
    for line in session.said() {
        output::note(&format!("the model says: {line}"));
    }
    let not_finite = match are_finite(&outputs) {
        true => Vec::new(),
        // The run went well all the same.
        false => bars::with_bar(|progress| session.trace(&before, &given, None, progress))
            .map_err(|error| output::note(&format!("what is not finite was not traced: {error}")))
            .map_or(Vec::new(), |trace| trace.not_finite),
    };
    let changes = session.changes(&before);
    let state: Result<Vec<StateRow>> = changes.iter().map(StateRow::of).collect();
    let state = state?;
    let (signature, ports) = (session.signature().to_owned(), session.outputs().to_vec());
    // Reading large outputs takes memory too.
    drop((session, before, given, changes));
    let mut report = RunReport::new(
        &signature,
        millis,
        &ports,
        outputs,
        labels.as_deref(),
        args.top,
    )?;
    report.seed = seed;
    report.not_finite = not_finite;
    report.state = state;
    if args.json {
        output::json(&report.json())?;
    } else {
        output::text(&report.text(output::style()))?;
    }
    Ok(Answer::Yes)
}
