//! `mexplore ops`

use super::args::ReportArgs;
use super::{Answer, output};
use crate::error::Result;
use crate::report::ops;

pub fn execute(args: &ReportArgs) -> Result<Answer> {
    let model = args.model.open()?;
    if args.json {
        output::json(&ops::json(&model))?;
    } else {
        output::text(&ops::text(&model, output::style()))?;
    }
    Ok(Answer::Yes)
}
