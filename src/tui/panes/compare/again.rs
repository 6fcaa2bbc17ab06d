//! Requantize: the float side once more, with the marked layers in float.

use std::path::PathBuf;

use super::{ComparePane, Compared, key};
use crate::compare;
use crate::convert::Again;
use crate::error::{Error, Result};
use crate::feed;
use crate::model::{Model, Tensor};
use crate::quantize::Calibration;
use crate::tui::jobs::Output;
use crate::tui::panes::Context;
use crate::tui::text;

/// Samples that lie beside the model and calibrate it; the Convert pane takes as many.
const SAMPLES: usize = 100;

impl ComparePane {
    pub(super) fn requantize(&mut self, cx: &mut Context) {
        self.requantize_with(None, cx);
    }

    /// Converts in a job and then compares with what came of it. `samples` calibrate where nothing lies beside the
    /// model.
    pub(super) fn requantize_with(&mut self, samples: Option<PathBuf>, cx: &mut Context) {
        let Some(compared) = &self.compared else {
            cx.say("nothing is compared yet");
            return;
        };
        if self.marks.is_empty() {
            cx.say("mark layers first: Space keeps one in float");
            return;
        }
        let again = match self.again(compared) {
            Ok(again) => again,
            Err(error) => return cx.fail(error),
        };
        let source = compared.sides.0.clone();
        let stem = source.name.split('/').next().unwrap_or("model");
        let stem = stem.strip_suffix(".tflite").unwrap_or(stem);
        let stem = format!("{stem}.{}.mixed", again.mode.name());
        let path = text::fresh_file(&stem, "tflite");
        // What was compared on random values has no samples beside it.
        if again.mode.calibrates() && compared.from.is_empty() && samples.is_none() {
            let asks =
                "samples to calibrate with: an .npz keyed like the inputs, or a folder of them";
            return cx.ask("calibration", asks, "");
        }
        let label = format!("requantizing to {}", path.display());
        self.work.begin();
        cx.job("requantize", label, move |progress| {
            let calibration = match samples {
                _ if !again.mode.calibrates() => None,
                Some(file) => Some(Calibration::read(&file, &source, None)?),
                None => Some(usual(&source)?),
            };
            let made = again.convert(&source, calibration, progress)?;
            progress.check()?;
            made.write(&path)?;
            Ok(Output::Saved(path))
        });
    }

    fn again(&self, compared: &Compared) -> Result<Again> {
        let (source, quantized) = &compared.sides;
        if self.swapped {
            return Err(Error::usage("the quantized model is on the left")
                .hint("x exchanges the sides; requantizing begins with the one on the left"));
        }
        let layers = compared.comparison.layers.iter();
        let marked = layers.filter(|layer| self.marks.contains(key(layer)));
        let keep = marked.flat_map(|layer| layer.names()).collect();
        Again::new(source, quantized, keep)
    }
}

/// What lies beside the model, in the sizes of its inputs.
fn usual(source: &Model) -> Result<Calibration> {
    let (_, signature) = source.signature(None, None)?;
    let fitted = |sample: Vec<(String, Tensor)>| -> Result<Vec<_>> {
        let values = sample.into_iter().zip(&signature.inputs);
        values
            .map(|((name, value), port)| Ok((name, feed::fit(value, port)?)))
            .collect()
    };
    let samples = compare::usual_samples(source, SAMPLES).inputs;
    let samples = samples.into_iter().map(fitted).collect::<Result<_>>()?;
    Ok(Calibration { samples })
}
