//! `mexplore show`

use super::args::{self, ShowArgs};
use super::{Answer, output};
use crate::error::Result;
use crate::report::{facts, show};

pub fn execute(args: &ShowArgs) -> Result<Answer> {
    for (index, path) in args.paths.iter().enumerate() {
        let model = args::open(path, args.version)?;
        if args.json {
            let facts = facts::json(&model);
            output::json(&facts)?;
            // With the last, the program ends: taking a million small parts down first would only take time.
            if index + 1 == args.paths.len() {
                std::mem::forget((model, facts));
            }
        } else {
            let gap = if index > 0 { "\n" } else { "" };
            output::text(&format!("{gap}{}", show::text(&model, output::style())))?;
        }
    }
    Ok(Answer::Yes)
}
