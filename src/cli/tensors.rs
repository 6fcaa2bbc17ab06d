//! `mexplore tensors`

use super::args::ReportArgs;
use super::{Answer, output};
use crate::error::Result;
use crate::report::tensors;

pub fn execute(args: &ReportArgs) -> Result<Answer> {
    let model = args.model.open()?;
    if args.json {
        output::json(&tensors::tensors_json(&model))?;
    } else {
        output::text(&tensors::tensors_text(&model, output::style()))?;
    }
    Ok(Answer::Yes)
}
