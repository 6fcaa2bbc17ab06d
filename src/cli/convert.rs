//! `mexplore convert`

use std::path::Path;

use super::args::{self, ConvertArgs};
use super::{Answer, bars, output};
use crate::convert::{self, Allowed, ConvertOptions, Fate};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::quantize::{Calibration, Recipe};
use crate::report::convert as report;

pub fn execute(args: &ConvertArgs) -> Result<Answer> {
    if let Some(path) = args
        .output
        .as_deref()
        .filter(|p| p.exists() && !args.force && !args.preflight)
    {
        return Err(Error::usage("the file is already there")
            .in_file(path)
            .hint("give --force to overwrite it, or another name"));
    }
    let model = args.model.open()?;
    let options = options(args, &model)?;
    match &args.output {
        Some(path) if !args.preflight => convert_to(path, args, &model, &options),
        _ => preflight(args, &model, &options),
    }
}

fn options(args: &ConvertArgs, model: &Model) -> Result<ConvertOptions> {
    let signature = args.signatures.first().map(String::as_str);
    let calibration = match &args.calibration {
        Some(path) => {
            let mut read = Calibration::read(path, model, signature)?;
            read.samples.truncate(args.samples.unwrap_or(usize::MAX));
            read.check()?;
            Some(read)
        }
        None => None,
    };
    Ok(ConvertOptions {
        signatures: args.signatures.clone(),
        tags: args::tags(args.tag_set.as_ref()),
        mode: args.quantize,
        recipe: args.recipe.as_deref().map(Recipe::read).transpose()?,
        io: args.io,
        calibration,
        allowed: Allowed {
            flex: args.allow_flex,
            custom: args.allow_custom,
        },
    })
}

fn preflight(args: &ConvertArgs, model: &Model, options: &ConvertOptions) -> Result<Answer> {
    let placements = convert::preflight(model, options)?;
    if args.json {
        output::json(&report::preflight_json(&placements))?;
    } else {
        output::text(&report::preflight_text(&placements, output::style()))?;
    }
    let blocked = placements.iter().any(|p| p.becomes == Fate::Blocked);
    Ok(if blocked { Answer::No } else { Answer::Yes })
}

fn convert_to(
    path: &Path,
    args: &ConvertArgs,
    model: &Model,
    options: &ConvertOptions,
) -> Result<Answer> {
    let conversion = bars::with_bar(|progress| convert::convert(model, options, progress))?;
    conversion.write(path)?;
    if args.json {
        output::json(&report::json(path, &conversion.report))?;
    } else {
        output::text(&report::text(path, &conversion.report, output::style()))?;
    }
    Ok(Answer::Yes)
}
