//! Per-operator quantization from a file: the JSON that AI Edge Quantizer calls a recipe.
//!
//! A list of entries; the last one that matches an operator and that its kernels allow decides. `regex` is searched
//! in the names of the operator's outputs, each followed by a semicolon; `operation` is an operator's name or `*`;
//! `algorithm_key` and `op_config` say what becomes of it. What the file asks for by name and no kernel runs is an
//! error; what `*` asks for leaves out operators without a kernel, which follow the entries before.

use std::path::Path;

use fancy_regex::Regex;
use serde::Deserialize;

use super::ranges::Bits;
use super::treatment::{Arithmetic, Form, Grain, Treatment};
use crate::error::{Error, Result};
use crate::format::tflite;
use crate::model::{Graph, Model, Node, Value};
use crate::ops::quantize::Width;

/// Names are searched as far as this, as the format's own reader does.
const LONGEST_SCOPE: usize = 10_000;

/// What to do with which operators.
#[derive(Debug, Clone, Default)]
pub struct Recipe {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    regex: Regex,
    /// `None` means every operator.
    operation: Option<String>,
    treatment: Treatment,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryText {
    regex: String,
    operation: String,
    algorithm_key: String,
    op_config: Option<OpConfig>,
}

/// The format's defaults: nothing is quantized, arithmetic is float.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct OpConfig {
    activation_tensor_config: Option<TensorConfig>,
    weight_tensor_config: Option<TensorConfig>,
    compute_precision: Precision,
    explicit_dequantize: bool,
    /// Asks to write what no kernel runs; that is never done.
    skip_checks: bool,
    min_weight_elements: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TensorConfig {
    num_bits: u32,
    #[serde(default = "yes")]
    symmetric: bool,
    #[serde(default)]
    granularity: Granularity,
    #[serde(default)]
    dtype: Kind,
    /// How older files wrote BLOCKWISE; 0 means none.
    #[serde(default)]
    block_size: usize,
    #[serde(default)]
    algorithm_params: serde_json::Map<String, serde_json::Value>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Precision {
    Integer,
    #[default]
    Float,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Kind {
    #[default]
    Int,
    Uint,
    Float,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Granularity {
    #[default]
    Tensorwise,
    Channelwise,
    #[serde(rename = "BLOCKWISE_32")]
    Blockwise32,
    #[serde(rename = "BLOCKWISE_64")]
    Blockwise64,
    #[serde(rename = "BLOCKWISE_128")]
    Blockwise128,
    #[serde(rename = "BLOCKWISE_256")]
    Blockwise256,
}

impl Recipe {
    /// # Errors
    /// A file that can't be read or is no recipe (with line and column), and entries that ask for what there is no
    /// kernel for (with their number and field).
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, &e))?;
        Self::parse(&text).map_err(|e| e.in_file(path))
    }

    /// As [`Recipe::read`], of the file's text.
    pub fn parse(text: &str) -> Result<Self> {
        let texts: Vec<EntryText> = serde_json::from_str(text).map_err(|e| not_a_recipe(&e))?;
        let count = texts.len();
        if count == 0 {
            return Err(Error::usage("a recipe without entries")
                .hint("for a float32 model leave --recipe out"));
        }
        let entries = texts.iter().enumerate().map(|(index, text)| {
            text.entry()
                .map_err(|e| e.at(format_args!("entry {} of {count}", index + 1)))
        });
        Ok(Recipe {
            entries: entries.collect::<Result<_>>()?,
        })
    }

    /// Leaves in float what any of `names` stands for: the name of an output, or a part of one that a converter put
    /// together, with or without the calls around it.
    ///
    /// # Errors
    /// More names than a regular expression can hold (usage).
    pub fn keeping(names: &[String]) -> Result<Self> {
        let names: Vec<_> = names.iter().map(|n| fancy_regex::escape(n)).collect();
        let regex = format!(r"(?:^|[;/])(?:{})(?::\d+)?;", names.join("|"));
        let regex = Regex::new(&regex)
            .map_err(|e| Error::usage(e.to_string()).hint("keep fewer layers in float"))?;
        let (operation, treatment) = (None, Treatment::Float);
        let entry = Entry {
            regex,
            operation,
            treatment,
        };
        let entries = vec![entry];
        Ok(Recipe { entries })
    }

    /// How many operators of a model in the TFLite dialect an entry decides about.
    ///
    /// # Errors
    /// As [`Recipe::find`].
    pub fn reaches(&self, model: &Model) -> Result<usize> {
        let mut count = 0;
        for graph in model.meta_graphs.iter().flat_map(|m| &m.graphs) {
            for node in &graph.nodes {
                count += usize::from(self.find(graph, node)?.is_some());
            }
        }
        Ok(count)
    }

    /// What the last entry that matches wants, with the entry's index; `None` where none does.
    ///
    /// # Errors
    /// A regular expression that takes too many steps on the operator's name.
    pub fn find(&self, graph: &Graph, node: &Node) -> Result<Option<(usize, Treatment)>> {
        let scope = scope(graph, node);
        for (index, entry) in self.entries.iter().enumerate().rev() {
            let named = entry.operation.as_deref().is_none_or(|op| op == &*node.op);
            if !named || !entry.treatment.fits(graph, node) {
                continue;
            }
            let found = entry.regex.is_match(&scope).map_err(|e| {
                Error::usage(format!("{e} while {:?} is searched", &*scope))
                    .at("regex")
                    .at(format_args!("entry {} of {}", index + 1, self.len()))
            })?;
            if found {
                return Ok(Some((index, entry.treatment)));
            }
        }
        Ok(None)
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The names of the outputs (of the inputs, where there are none), each with a semicolon.
fn scope(graph: &Graph, node: &Node) -> String {
    let names = |values: &mut dyn Iterator<Item = &Value>| -> String {
        values
            .filter(|v| !v.name.is_empty())
            .flat_map(|v| [&*v.name, ";"])
            .collect()
    };
    let outputs = names(&mut node.outputs.iter().map(|&v| graph.value(v)));
    let all = if outputs.is_empty() {
        names(&mut node.inputs.iter().flatten().map(|&v| graph.value(v)))
    } else {
        outputs
    };
    match all.char_indices().nth(LONGEST_SCOPE) {
        Some((end, _)) => all[..end].to_owned(),
        None => all,
    }
}

fn not_a_recipe(error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    Error::usage(text.strip_suffix(&place).unwrap_or(&text))
        .at(format_args!(
            "line {}, column {}",
            error.line(),
            error.column()
        ))
        .hint(
            "a recipe is a JSON list of objects with regex, operation, algorithm_key and op_config",
        )
}

/// An entry that can't be followed because of `field`.
fn refused(field: &str, what: impl Into<String>, instead: &str) -> Error {
    Error::unsupported(what).at(field).hint(instead)
}

impl EntryText {
    fn entry(&self) -> Result<Entry> {
        let regex = Regex::new(&self.regex).map_err(|e| {
            Error::usage(e.to_string())
                .at("regex")
                .hint("\".*\" matches every name")
        })?;
        let operation = self.operation()?;
        let treatment = self.treatment()?;
        let suits = match &operation {
            Some(op) => treatment.suits(op),
            None => true,
        };
        if !suits {
            return Err(refused(
                "operation",
                format!("{} has no kernel for {treatment}", self.operation),
                &instead(treatment),
            ));
        }
        Ok(Entry {
            regex,
            operation,
            treatment,
        })
    }

    fn operation(&self) -> Result<Option<String>> {
        match &*self.operation {
            "*" => Ok(None),
            "INPUT" | "OUTPUT" => Err(refused(
                "operation",
                "the types of inputs and outputs are not a recipe's here",
                "leave the entry out and give --io int or --io float",
            )),
            "CONV_2D_TRANSPOSE" => Ok(Some("TRANSPOSE_CONV".to_owned())),
            name if tflite::is_builtin(name) => Ok(Some(name.to_owned())),
            name => Err(
                Error::usage(format!("{name:?} is no operator of TensorFlow Lite"))
                    .at("operation")
                    .hint("\"*\", or a name such as CONV_2D or FULLY_CONNECTED"),
            ),
        }
    }

    fn treatment(&self) -> Result<Treatment> {
        let none = OpConfig::default();
        let config = self.op_config.as_ref().unwrap_or(&none);
        match &*self.algorithm_key {
            "no_quantize" => Ok(Treatment::Float),
            "float_casting" => config.float16(),
            "min_max_uniform_quantize" => config.integers(),
            other => Err(refused(
                "algorithm_key",
                format!("{other:?} is not among the algorithms here"),
                "give min_max_uniform_quantize, float_casting or no_quantize",
            )),
        }
    }
}

/// Which operators an entry could name instead.
fn instead(treatment: Treatment) -> String {
    const WITH_WEIGHTS: [&str; 7] = [
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "TRANSPOSE_CONV",
        "BATCH_MATMUL",
        "EMBEDDING_LOOKUP",
        "GATHER",
    ];
    let suited: Vec<&str> = WITH_WEIGHTS
        .into_iter()
        .filter(|op| treatment.suits(op))
        .collect();
    match treatment {
        Treatment::Static { .. } if suited.len() > 2 => "no_quantize leaves it float32".to_owned(),
        _ => format!("these have: {}", suited.join(", ")),
    }
}

impl OpConfig {
    fn float16(&self) -> Result<Treatment> {
        if self.activation_tensor_config.is_some() {
            return Err(refused(
                "op_config.activation_tensor_config",
                "float_casting is for weights only",
                "leave it out",
            ));
        }
        if self.compute_precision != Precision::Float {
            return Err(refused(
                "op_config.compute_precision",
                "float16 weights are computed with in float",
                "give FLOAT",
            ));
        }
        match &self.weight_tensor_config {
            Some(TensorConfig {
                num_bits: 16,
                dtype: Kind::Float,
                ..
            }) => Ok(Treatment::Float16),
            _ => Err(refused(
                "op_config.weight_tensor_config",
                "float_casting makes float16 weights",
                "give {\"num_bits\": 16, \"dtype\": \"FLOAT\"}",
            )),
        }
    }

    fn integers(&self) -> Result<Treatment> {
        let form = self
            .weight_tensor_config
            .as_ref()
            .map(|w| w.form("op_config.weight_tensor_config"))
            .transpose()?;
        if self.skip_checks {
            return Err(refused(
                "op_config.skip_checks",
                "what no kernel runs is never written",
                "give false",
            ));
        }
        if form.is_some_and(|f| !f.symmetric) && !self.explicit_dequantize {
            return Err(refused(
                "op_config.weight_tensor_config.symmetric",
                "only a DEQUANTIZE takes weights with a zero point",
                "give true, or explicit_dequantize true with compute_precision FLOAT",
            ));
        }
        match (&self.activation_tensor_config, form) {
            (Some(data), form) => self.integer_data(data, form.unwrap_or(Form::INT8)),
            (None, Some(form)) => self.integer_weights(form),
            (None, None) => Err(refused(
                "op_config",
                "neither weight_tensor_config nor activation_tensor_config says what to quantize",
                "for float32 the algorithm_key is no_quantize",
            )),
        }
    }

    fn integer_data(&self, data: &TensorConfig, form: Form) -> Result<Treatment> {
        let width = data.width("op_config.activation_tensor_config")?;
        if self.compute_precision != Precision::Integer {
            return Err(refused(
                "op_config.compute_precision",
                "integer activations are computed with in integers",
                "give INTEGER",
            ));
        }
        if self.explicit_dequantize {
            return Err(refused(
                "op_config.explicit_dequantize",
                "integer activations take their weights as they are",
                "give false",
            ));
        }
        if matches!(form.grain, Grain::Block(_)) {
            return Err(refused(
                "op_config.weight_tensor_config.granularity",
                "no kernel takes weights in blocks beside integer activations",
                "give CHANNELWISE or TENSORWISE",
            ));
        }
        if self.min_weight_elements > 0 {
            return Err(refused(
                "op_config.min_weight_elements",
                "with integer activations all weights are integers",
                "give 0",
            ));
        }
        Ok(Treatment::Static { width, form })
    }

    fn integer_weights(&self, form: Form) -> Result<Treatment> {
        let arithmetic = match (self.compute_precision, self.explicit_dequantize) {
            (Precision::Integer, false) => Arithmetic::Integer,
            (Precision::Float, true) => Arithmetic::Float,
            (Precision::Integer, true) => {
                return Err(refused(
                    "op_config.explicit_dequantize",
                    "weights behind a DEQUANTIZE are computed with in float",
                    "give false, or compute_precision FLOAT",
                ));
            }
            (Precision::Float, false) => {
                return Err(refused(
                    "op_config.explicit_dequantize",
                    "no kernel computes in float with integer weights",
                    "give true, or compute_precision INTEGER",
                ));
            }
        };
        if matches!(form.grain, Grain::Block(_))
            && (arithmetic == Arithmetic::Float || form.bits == Bits::Eight)
        {
            return Err(refused(
                "op_config.weight_tensor_config.granularity",
                "blocks are for 4-bit weights that are computed with in integers",
                "give CHANNELWISE or TENSORWISE, or num_bits 4 with compute_precision INTEGER",
            ));
        }
        Ok(Treatment::Weights {
            form,
            arithmetic,
            fewest: self.min_weight_elements,
        })
    }
}

impl TensorConfig {
    fn plain(&self, field: &str) -> Result<()> {
        if self.dtype != Kind::Int {
            return Err(refused(
                &format!("{field}.dtype"),
                "min_max_uniform_quantize makes signed integers",
                "give INT; float_casting makes float16",
            ));
        }
        if !self.algorithm_params.is_empty() {
            return Err(refused(
                &format!("{field}.algorithm_params"),
                "min_max_uniform_quantize has no parameters here",
                "leave them out",
            ));
        }
        Ok(())
    }

    fn form(&self, field: &str) -> Result<Form> {
        self.plain(field)?;
        let bits = match self.num_bits {
            4 => Bits::Four,
            8 => Bits::Eight,
            other => {
                return Err(refused(
                    &format!("{field}.num_bits"),
                    format!("weights of {other} bits are not written"),
                    "give 4 or 8",
                ));
            }
        };
        let grain = match (self.block_size, self.granularity) {
            (0, Granularity::Tensorwise) => Grain::Tensor,
            (0, Granularity::Channelwise) => Grain::Channel,
            (0, Granularity::Blockwise32) => Grain::Block(32),
            (0, Granularity::Blockwise64) => Grain::Block(64),
            (0, Granularity::Blockwise128) => Grain::Block(128),
            (0, Granularity::Blockwise256) => Grain::Block(256),
            (size @ (32 | 64 | 128 | 256), _) => Grain::Block(size),
            (other, _) => {
                return Err(refused(
                    &format!("{field}.block_size"),
                    format!("blocks of {other} are not written"),
                    "give 32, 64, 128 or 256",
                ));
            }
        };
        Ok(Form {
            bits,
            grain,
            symmetric: self.symmetric,
        })
    }

    fn width(&self, field: &str) -> Result<Width> {
        self.plain(field)?;
        if self.granularity != Granularity::Tensorwise {
            return Err(refused(
                &format!("{field}.granularity"),
                "activations have one scale in all",
                "give TENSORWISE",
            ));
        }
        let (width, symmetric) = match self.num_bits {
            8 => (Width::Int8, false),
            16 => (Width::Int16, true),
            other => {
                return Err(refused(
                    &format!("{field}.num_bits"),
                    format!("activations of {other} bits are not written"),
                    "give 8 or 16",
                ));
            }
        };
        if self.symmetric != symmetric {
            return Err(refused(
                &format!("{field}.symmetric"),
                "8-bit activations have a zero point here, 16-bit ones have none",
                if symmetric { "give true" } else { "give false" },
            ));
        }
        Ok(width)
    }
}
