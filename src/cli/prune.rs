//! `mexplore prune`

use std::path::Path;

use super::args::{self, PruneArgs};
use super::{Answer, bars, output};
use crate::convert::{self, ConvertOptions};
use crate::error::{Error, Result};
use crate::format::tflite;
use crate::model::{Format, Model};
use crate::progress::Progress;
use crate::prune::{Outcome, Request, prune};
use crate::report::prune as report;

pub fn execute(args: &PruneArgs) -> Result<Answer> {
    let request = Request::new(args.sparsity, args.pattern, args.encode)?;
    check_output(args)?;
    let model = args.model.open()?;
    let (outcome, bytes) = bars::with_bar(|progress| work(args, &model, &request, progress))?;
    tflite::save(&outcome.model, &bytes, &args.output)?;
    let files = report::Files::new(&args.model.path, &args.output, &model, &bytes)?;
    if args.json {
        output::json(&report::json(&files, &request, &outcome))?;
    } else {
        output::text(&report::text(&files, &request, &outcome, output::style()))?;
    }
    Ok(Answer::Yes)
}

/// Refuses what must not be written to before any work starts.
fn check_output(args: &PruneArgs) -> Result<()> {
    let path = args.output.as_path();
    if is_same(&args.model.path, path) {
        return Err(Error::usage("the source itself")
            .in_file(path)
            .hint("give another name: what is pruned does not come back"));
    }
    if path.exists() && !args.force {
        return Err(Error::usage("the file is already there")
            .in_file(path)
            .hint("give --force to overwrite it, or another name"));
    }
    if path.extension().is_none_or(|e| e != "tflite") {
        return Err(Error::usage("not the name of a .tflite")
            .in_file(path)
            .hint("only .tflite files are written: name it OUT.tflite; a SavedModel is converted to float32 first"));
    }
    Ok(())
}

fn is_same(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// The pruned model and its file.
fn work(
    args: &PruneArgs,
    model: &Model,
    request: &Request,
    progress: &Progress,
) -> Result<(Outcome, Vec<u8>)> {
    let converted = match model.format {
        Format::Tflite => None,
        Format::SavedModel => {
            let options = ConvertOptions {
                signatures: args.signatures.clone(),
                tags: args::tags(args.tag_set.as_ref()),
                ..ConvertOptions::default()
            };
            Some(convert::convert(model, &options, progress)?.model)
        }
    };
    let source = converted.as_ref().unwrap_or(model);
    let outcome = prune(source, request, progress).map_err(|e| e.in_file(&model.path))?;
    progress.stage("writing", 1);
    let bytes = tflite::write(&outcome.model).map_err(|e| e.in_file(&model.path))?;
    progress.step(1)?;
    Ok((outcome, bytes))
}
