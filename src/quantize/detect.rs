//! How a finished model was quantized, told from its tensors.

use super::{Io, Mode};
use crate::model::{DType, Dialect, GraphKind, Model, Quantization, Value};

impl Mode {
    /// The mode that makes models like this one; `None` for float models. A model in which several were mixed is told
    /// by what reaches farthest: integer data before integer weights before float16.
    pub fn of(model: &Model) -> Option<Mode> {
        let graphs = || {
            let metas = model.meta_graphs.iter();
            let graphs = metas.filter(|m| m.dialect == Dialect::Tflite);
            graphs
                .flat_map(|m| &m.graphs)
                .filter(|g| g.kind == GraphKind::Subgraph)
        };
        let data = |dtypes: &[DType]| {
            graphs().any(|graph| {
                let computes = |op: &str| !matches!(op, "QUANTIZE" | "DEQUANTIZE");
                let nodes = graph.nodes.iter().filter(|node| computes(&node.op));
                let mut outputs = nodes.flat_map(|node| &node.outputs);
                outputs.any(|&v| is_quantized(graph.value(v), dtypes))
            })
        };
        let weights = |dtypes: &[DType], behind: bool| {
            graphs().any(|graph| {
                graph.nodes.iter().any(|node| {
                    let of_weights = (node.op.as_ref() == "DEQUANTIZE") == behind;
                    let mut inputs = node.inputs.iter().flatten();
                    of_weights && inputs.any(|&v| is_stored(graph.value(v), dtypes))
                })
            })
        };
        if data(&[DType::Int16]) {
            Some(Mode::Int16x8)
        } else if data(&[DType::Int8, DType::UInt8]) {
            Some(Mode::Int8)
        } else if weights(&[DType::Int4], false) {
            Some(Mode::WeightsInt4)
        } else if weights(&[DType::Int8, DType::UInt8], false) {
            Some(Mode::Dynamic)
        } else if weights(&[DType::Int8, DType::UInt8, DType::Int4], true) {
            Some(Mode::WeightsInt8)
        } else if weights(&[DType::Float16], true) {
            Some(Mode::Float16)
        } else {
            None
        }
    }

    /// As the command line calls it.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Dynamic => "dynamic",
            Mode::Float16 => "float16",
            Mode::Int8 => "int8",
            Mode::Int16x8 => "int16x8",
            Mode::WeightsInt8 => "weights-int8",
            Mode::WeightsInt4 => "weights-int4",
        }
    }

    /// Whether ranges from samples are needed.
    pub fn calibrates(self) -> bool {
        matches!(self, Mode::Int8 | Mode::Int16x8)
    }
}

impl Io {
    /// Whether the model takes or gives integers that stand for real numbers.
    pub fn of(model: &Model) -> Io {
        let signatures = model.meta_graphs.iter().flat_map(|m| &m.signatures);
        let mut ports = signatures.flat_map(|s| s.inputs.iter().chain(&s.outputs));
        let stands = |q: &Option<Quantization>| q.as_ref().is_some_and(|q| q.is_active());
        if ports.any(|p| p.dtype.is_integer() && stands(&p.quantization)) {
            Io::Int
        } else {
            Io::Float
        }
    }
}

fn is_quantized(value: &Value, dtypes: &[DType]) -> bool {
    let active = value.quantization.as_ref().is_some_and(|q| q.is_active());
    active && dtypes.contains(&value.dtype)
}

fn is_stored(value: &Value, dtypes: &[DType]) -> bool {
    let is_float = value.dtype == DType::Float16;
    let fits = is_quantized(value, dtypes) || is_float && dtypes.contains(&value.dtype);
    value.data.is_some() && fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{OpenOptions, open};

    #[test]
    fn the_samples_tell_how_they_were_made() {
        let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");
        let of = |name: &str| {
            let path = std::path::PathBuf::from(format!("{samples}/{name}"));
            Mode::of(&open(&path, &OpenOptions::default()).unwrap()).map(Mode::name)
        };
        assert_eq!(of("digits_cnn"), None);
        assert_eq!(of("digits_cnn.float32.tflite"), None);
        for mode in ["dynamic", "float16", "int8", "int16x8"] {
            assert_eq!(of(&format!("digits_cnn.{mode}.tflite")), Some(mode));
        }
    }
}
