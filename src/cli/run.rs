//! `mexplore run`

use std::time::Instant;

use super::args::RunArgs;
use super::{Answer, bars, inputs, output};
use crate::error::Result;
use crate::feed;
use crate::format::npy;
use crate::report::run::RunReport;
use crate::runtime::Session;

pub fn execute(args: &RunArgs) -> Result<Answer> {
    let model = args.model.open()?;
    let labels = match &args.labels {
        Some(path) => Some(feed::read_labels(path)?),
        None => feed::labels_of(&model),
    };
    let mut session = Session::new(&model, &args.session.options())?;
    let given = inputs::gather(
        session.inputs(),
        &args.session.input,
        args.session.inputs.as_deref(),
    )?;
    let (outputs, millis) = bars::with_bar(|progress| {
        let start = Instant::now();
        let outputs = session.run_last(&given, progress);
        let millis = start.elapsed().as_secs_f64() * 1e3;
        outputs.map(|o| (o, millis))
    })?;
    if let Some(path) = &args.outputs {
        npy::write_npz(path, &session.keyed(&outputs))?;
    }
    let seed = session.seed();
    for line in session.said() {
        output::note(&format!("the model says: {line}"));
    }
    let (signature, ports) = (session.signature().to_owned(), session.outputs().to_vec());
    // Reading large outputs takes memory too.
    drop((session, given));
    let mut report = RunReport::new(
        &signature,
        millis,
        &ports,
        outputs,
        labels.as_deref(),
        args.top,
    )?;
    report.seed = seed;
    if args.json {
        output::json(&report.json())?;
    } else {
        output::text(&report.text(output::style()))?;
    }
    Ok(Answer::Yes)
}
