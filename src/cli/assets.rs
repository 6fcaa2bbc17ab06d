//! `mexplore assets`

use super::args::ReportArgs;
use super::{Answer, output};
use crate::error::Result;
use crate::report::assets;

pub fn execute(args: &ReportArgs) -> Result<Answer> {
    let model = args.model.open()?;
    if args.json {
        output::json(&assets::json(&model))?;
    } else {
        output::text(&assets::text(&model, output::style()))?;
    }
    Ok(Answer::Yes)
}
