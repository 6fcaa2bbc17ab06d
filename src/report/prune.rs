//! What pruning did, and what it did not.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::table::{Align, Table};
use super::{Style, human};
use crate::error::Result;
use crate::format::{self, mapped::map_file};
use crate::model::{Format, Model};
use crate::prune::{Layer, Outcome, Pattern, Request};

/// Where the models are and what they take.
#[derive(Debug, Clone)]
pub struct Files {
    pub source: PathBuf,
    pub output: PathBuf,
    pub bytes_before: u64,
    pub bytes_after: u64,
    /// The bytes of a file after deflate, as archives and downloads pack it: before only where that is one file, and
    /// both only where finding out takes no time.
    pub packed_before: Option<u64>,
    pub packed_after: Option<u64>,
}

impl Files {
    /// # Errors
    /// The source can't be read any more.
    pub fn new(source: &Path, output: &Path, model: &Model, written: &[u8]) -> Result<Self> {
        let packed_before = match model.format {
            Format::Tflite => format::deflated_size(&map_file(&model.path)?)?,
            Format::SavedModel => None,
        };
        Ok(Files {
            source: source.to_path_buf(),
            output: output.to_path_buf(),
            bytes_before: model.total_bytes(),
            bytes_after: written.len() as u64,
            packed_before,
            packed_after: format::deflated_size(written)?,
        })
    }
}

pub fn json(files: &Files, request: &Request, outcome: &Outcome) -> Json {
    json!({
        "output": files.output.to_string_lossy(),
        "pattern": request.pattern.to_string(),
        "sparsity": request.sparsity,
        "bytes_before": files.bytes_before,
        "bytes_after": files.bytes_after,
        "deflated_before": files.packed_before,
        "deflated_after": files.packed_after,
        "weights_before": sum(outcome, |l| l.before.weights),
        "weights_after": sum(outcome, |l| l.after.weights),
        "zeros_before": sum(outcome, |l| l.before.zeros),
        "zeros_after": sum(outcome, |l| l.after.zeros),
        "layers": outcome.layers,
        "notes": outcome.notes,
    })
}

fn sum(outcome: &Outcome, of: impl Fn(&Layer) -> usize) -> u64 {
    outcome.layers.iter().map(|l| of(l) as u64).sum()
}

pub fn text(files: &Files, request: &Request, outcome: &Outcome, style: Style) -> String {
    let mut out = format!("{}\n", style.heading(&files.output.display().to_string()));
    out.push_str(&totals(files, outcome).text(style));
    let layers = layers(request, &outcome.layers);
    if !layers.is_empty() {
        let _ = write!(out, "\n{}", layers.text(style));
    }
    let kept = kept(request, &outcome.layers);
    if !kept.is_empty() {
        let _ = write!(out, "\n{}", kept.text(style));
    }
    for note in outcome.notes.iter().chain(&advice(request, outcome)) {
        let _ = writeln!(out, "  ! {note}");
    }
    let _ = writeln!(
        out,
        "\nhow much it hurts: mexplore compare {} {}",
        shell(&files.source),
        shell(&files.output)
    );
    out
}

fn totals(files: &Files, outcome: &Outcome) -> Table {
    let mut table = Table::new(&[
        ("", Align::Left),
        ("before", Align::Right),
        ("after", Align::Right),
        ("", Align::Right),
    ]);
    table.row([
        "bytes".to_owned(),
        human::bytes(files.bytes_before),
        human::bytes(files.bytes_after),
        human::change(files.bytes_before as f64, files.bytes_after as f64),
    ]);
    let packed = files.packed_before;
    if let Some(after) = files.packed_after {
        table.row([
            "deflated".to_owned(),
            packed.map_or_else(String::new, human::bytes),
            human::bytes(after),
            packed.map_or_else(String::new, |before| {
                human::change(before as f64, after as f64)
            }),
        ]);
    }
    let weights = [
        sum(outcome, |l| l.before.weights),
        sum(outcome, |l| l.after.weights),
    ];
    table.row([
        "weights".to_owned(),
        human::exact(weights[0]),
        human::exact(weights[1]),
        match weights[0] == weights[1] {
            true => String::new(),
            false => human::change(weights[0] as f64, weights[1] as f64),
        },
    ]);
    let share = |zeros: u64, weights: u64| human::percent(zeros as f64 / weights.max(1) as f64);
    table.row([
        "zeros".to_owned(),
        share(sum(outcome, |l| l.before.zeros), weights[0]),
        share(sum(outcome, |l| l.after.zeros), weights[1]),
        String::new(),
    ]);
    table
}

fn layers(request: &Request, layers: &[Layer]) -> Table {
    let channels = request.pattern == Pattern::Channel;
    let (before, after) = match channels {
        true => ("shape", "now"),
        false => ("zeros", "now"),
    };
    let mut table = Table::new(&[
        ("pruned", Align::Left),
        ("operator", Align::Left),
        ("type", Align::Left),
        ("weights", Align::Right),
        (before, Align::Right),
        (after, Align::Right),
        ("stored", Align::Left),
    ]);
    let touched = |l: &&Layer| l.kept.is_none() || l.before.shape != l.after.shape;
    for layer in layers.iter().filter(touched) {
        let (before, after) = match channels {
            true => (sizes(&layer.before.shape), sizes(&layer.after.shape)),
            false => (
                human::percent(layer.before.sparsity()),
                human::percent(layer.after.sparsity()),
            ),
        };
        let stored = layer.stored.as_ref().map(|form| {
            let bytes = |n: usize| human::bytes(n as u64);
            let (dense, now) = (bytes(layer.before.bytes), bytes(layer.after.bytes));
            format!("{form}: {dense} → {now}")
        });
        table.row([
            human::tail(&layer.name, 40),
            layer.op.clone(),
            layer.dtype.clone(),
            human::exact(layer.before.weights as u64),
            before,
            after,
            stored.unwrap_or_default(),
        ]);
    }
    table
}

fn kept(request: &Request, layers: &[Layer]) -> Table {
    let title = match request.pattern {
        Pattern::Channel => "output channels stay",
        _ => "left as it was",
    };
    let mut table = Table::new(&[
        (title, Align::Left),
        ("operator", Align::Left),
        ("weights", Align::Right),
        ("why", Align::Left),
    ]);
    for layer in layers {
        if let Some(why) = &layer.kept {
            table.row([
                human::tail(&layer.name, 40),
                layer.op.clone(),
                human::exact(layer.before.weights as u64),
                why.clone(),
            ]);
        }
    }
    table
}

fn sizes(shape: &[usize]) -> String {
    let sizes: Vec<_> = shape.iter().map(ToString::to_string).collect();
    sizes.join("×")
}

/// What a person should do next.
fn advice(request: &Request, outcome: &Outcome) -> Option<String> {
    let zeroed = sum(outcome, |l| l.after.zeros) > sum(outcome, |l| l.before.zeros);
    if request.pattern == Pattern::Channel || !zeroed {
        return None;
    }
    let stored = outcome.layers.iter().any(|l| l.stored.is_some());
    match (request.encode, stored) {
        (false, _) => Some(
            "zeros take as much room as other values, and as much time, until the file is packed (deflated). --encode \
             stores it without them, --pattern channel makes the model smaller and faster"
                .to_owned(),
        ),
        (true, false) => Some(
            "no constant takes less room without its zeros: more sparsity, or --pattern channel".to_owned(),
        ),
        (true, true) => None,
    }
}

/// A path as a shell takes it.
fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}
