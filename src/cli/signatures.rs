//! `mexplore signatures`

use super::args::ReportArgs;
use super::{Answer, output};
use crate::error::Result;
use crate::report::signatures;

pub fn execute(args: &ReportArgs) -> Result<Answer> {
    let model = args.model.open()?;
    if args.json {
        output::json(&signatures::json(&model))?;
    } else {
        output::text(&signatures::text(&model, output::style()))?;
    }
    Ok(Answer::Yes)
}
