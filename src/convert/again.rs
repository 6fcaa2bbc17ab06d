//! Another try at a model that was quantized: the same mode, with some layers left in float.

use super::{Allowed, Conversion, ConvertOptions, convert};
use crate::error::{Error, Result};
use crate::model::{Format, Model};
use crate::progress::Progress;
use crate::quantize::{Calibration, Io, Mode, Recipe};

/// How `quantized` was made, and what has to be float where it is made again from `source`.
#[derive(Debug, Clone)]
pub struct Again {
    pub mode: Mode,
    pub io: Io,
    /// As [`Recipe::keeping`] takes them.
    pub keep: Vec<String>,
}

impl Again {
    /// # Errors
    /// `source` is quantized itself, or `quantized` is not (usage).
    pub fn new(source: &Model, quantized: &Model, keep: Vec<String>) -> Result<Self> {
        if Mode::of(source).is_some() {
            return Err(
                Error::usage(format!("{} is quantized already", source.name))
                    .hint("compare the float model with what was made of it"),
            );
        }
        let Some(mode) = Mode::of(quantized) else {
            return Err(
                Error::usage(format!("nothing is quantized in {}", quantized.name))
                    .hint("compare the float model with a quantized one made of it"),
            );
        };
        Ok(Again {
            mode,
            io: Io::of(quantized),
            keep,
        })
    }

    /// # Errors
    /// As [`convert`]; none of the layers is an operator of the new model (unsupported).
    pub fn convert(
        &self,
        source: &Model,
        calibration: Option<Calibration>,
        progress: &Progress,
    ) -> Result<Conversion> {
        let recipe = Recipe::keeping(&self.keep)?;
        // What the source carries in a .tflite already it may carry on.
        let carried = source.format == Format::Tflite;
        let options = ConvertOptions {
            mode: Some(self.mode),
            recipe: (!self.keep.is_empty()).then(|| recipe.clone()),
            io: self.io,
            calibration,
            allowed: Allowed {
                flex: carried,
                custom: carried,
            },
            ..ConvertOptions::default()
        };
        let made = convert(source, &options, progress)?;
        if !self.keep.is_empty() && recipe.reaches(&made.model)? == 0 {
            return Err(Error::unsupported(
                "none of the marked layers is an operator of the new model",
            )
            .hint("mark layers that have an operator on the quantized side"));
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{OpenOptions, open};
    use crate::model::DType;

    fn sample(name: &str) -> Model {
        let path = format!("{}/samples/{name}", env!("CARGO_MANIFEST_DIR"));
        open(path.as_ref(), &OpenOptions::default()).unwrap()
    }

    #[test]
    fn a_marked_layer_stays_float_and_the_rest_follows_the_mode() {
        let (source, quantized) = (sample("digits_cnn"), sample("digits_cnn.dynamic.tflite"));
        let keep = vec!["digits_cnn_1/hidden_1/Relu".to_owned()];
        let again = Again::new(&source, &quantized, keep).unwrap();
        let made = again.convert(&source, None, &Progress::new()).unwrap();
        let graph = &made.model.meta_graphs[0].graphs[0];
        let weights = |node: &&crate::model::Node| graph.value(node.inputs[1].unwrap()).dtype;
        let conv = graph.nodes.iter().filter(|n| &*n.op == "CONV_2D");
        assert!(conv.map(|n| weights(&n)).any(|d| d == DType::Int8));
        let hidden = graph.nodes.iter().find(|n| &*n.op == "FULLY_CONNECTED");
        assert_eq!(hidden.as_ref().map(weights), Some(DType::Float32));
        let nothing = Again::new(&source, &quantized, vec!["no such layer".into()]).unwrap();
        assert!(nothing.convert(&source, None, &Progress::new()).is_err());
    }

    #[test]
    fn both_sides_must_be_what_they_are_taken_for() {
        let (float, int8) = (sample("digits_cnn"), sample("digits_cnn.int8.tflite"));
        assert!(Again::new(&int8, &int8, Vec::new()).is_err());
        assert!(Again::new(&float, &float, Vec::new()).is_err());
    }
}
