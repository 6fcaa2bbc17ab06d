//! Recipes: operator by operator, and errors that name the place.

use mexplore::convert::{Conversion, ConvertOptions, convert};
use mexplore::model::DType;
use mexplore::progress::Progress;
use mexplore::quantize::{Mode, Recipe};

use super::calibration;
use super::support::{converted, open};

/// An entry in the format's own words.
fn entry(regex: &str, operation: &str, config: &str) -> String {
    let (algorithm, config) = match config {
        "float" => ("no_quantize", String::new()),
        "float16" => (
            "float_casting",
            r#"{"weight_tensor_config": {"num_bits": 16, "dtype": "FLOAT"}}"#.to_owned(),
        ),
        _ => ("min_max_uniform_quantize", config.to_owned()),
    };
    let config = if config.is_empty() {
        config
    } else {
        format!(r#", "op_config": {config}"#)
    };
    format!(
        r#"{{"regex": "{regex}", "operation": "{operation}", "algorithm_key": "{algorithm}"{config}}}"#
    )
}

fn weights(bits: u32, more: &str) -> String {
    format!(
        r#"{{"weight_tensor_config": {{"num_bits": {bits}, "granularity": "CHANNELWISE"}}, {more}}}"#
    )
}

fn hybrid(bits: u32) -> String {
    weights(bits, r#""compute_precision": "INTEGER""#)
}

fn static_(bits: u32, weight_bits: u32) -> String {
    let symmetric = bits == 16;
    weights(
        weight_bits,
        &format!(
            r#""activation_tensor_config": {{"num_bits": {bits}, "symmetric": {symmetric}}}, "compute_precision": "INTEGER""#
        ),
    )
}

fn recipe(entries: &[String]) -> Recipe {
    Recipe::parse(&format!("[{}]", entries.join(",\n"))).unwrap()
}

fn options(entries: &[String]) -> ConvertOptions {
    ConvertOptions {
        recipe: Some(recipe(entries)),
        ..ConvertOptions::default()
    }
}

fn calibrated(entries: &[String]) -> ConvertOptions {
    ConvertOptions {
        calibration: Some(calibration("digits_cnn/2")),
        ..options(entries)
    }
}

fn conversion(options: &ConvertOptions) -> Conversion {
    convert(&open("digits_cnn/2"), options, &Progress::new()).unwrap()
}

fn forms(conversion: &Conversion) -> Vec<String> {
    let treated = conversion.report.quantized.iter();
    treated
        .map(|t| format!("{} ×{} {}", t.op, t.count, t.form))
        .collect()
}

#[test]
fn recipes_of_one_form_are_the_modes() {
    let all = |config: &str| calibrated(&[entry(".*", "*", config)]);
    let mode = |mode| ConvertOptions {
        mode: Some(mode),
        calibration: Some(calibration("digits_cnn/2")),
        ..ConvertOptions::default()
    };
    let legacy = weights(
        8,
        r#""compute_precision": "INTEGER", "min_weight_elements": 1024"#,
    );
    for (config, same) in [
        (static_(8, 8), Mode::Int8),
        (static_(16, 8), Mode::Int16x8),
        (legacy, Mode::Dynamic),
    ] {
        let made = conversion(&all(&config)).bytes;
        assert!(made == conversion(&mode(same)).bytes, "{same:?}");
    }
}

#[test]
fn one_layer_stays_float_in_an_integer_model() {
    let options = calibrated(&[
        entry(".*", "*", &static_(8, 8)),
        entry(".*", "FULLY_CONNECTED", "float"),
    ]);
    let made = conversion(&options);
    let graph = &made.model.meta_graphs[0].graphs[0];
    for node in &graph.nodes {
        let weights = node.input(1).map(|v| graph.value(v).dtype);
        match &*node.op {
            "FULLY_CONNECTED" => assert_eq!(weights, Some(DType::Float32)),
            "CONV_2D" => assert_eq!(weights, Some(DType::Int8)),
            _ => {}
        }
    }
    let (_, db) = converted("digits_cnn/2", None, "digits_cnn_2", options);
    assert!(db > 25.0, "{db:.1} dB");
}

#[test]
fn int4_beside_int8_and_float16() {
    let options = options(&[
        entry(".*", "*", "float16"),
        entry(".*", "CONV_2D", &hybrid(8)),
        entry(".*", "FULLY_CONNECTED", &hybrid(4)),
    ]);
    let made = conversion(&options);
    let forms = forms(&made);
    assert!(
        forms.iter().any(|f| f.ends_with(" int4 weights")),
        "{forms:?}"
    );
    assert!(
        forms.iter().any(|f| f.ends_with(" int8 weights")),
        "{forms:?}"
    );
    let (bytes, db) = converted("digits_cnn/2", None, "digits_cnn_2", options);
    assert!(db > 15.0, "{db:.1} dB");
    let int8 = ConvertOptions {
        mode: Some(Mode::WeightsInt8),
        ..ConvertOptions::default()
    };
    assert!(bytes.len() < conversion(&int8).bytes.len());
}

#[test]
fn weights_behind_a_dequantize_may_have_a_zero_point() {
    let of = |symmetric: bool, bits: u32| {
        let explicit = r#""compute_precision": "FLOAT", "explicit_dequantize": true"#;
        let config = weights(bits, explicit).replace(
            r#""num_bits""#,
            &format!(r#""symmetric": {symmetric}, "num_bits""#),
        );
        converted(
            "digits_cnn/2",
            None,
            "digits_cnn_2",
            options(&[entry(".*", "*", &config)]),
        )
        .1
    };
    assert!(of(false, 8) > 35.0, "{:.1} dB", of(false, 8));
    let (with, without) = (of(false, 4), of(true, 4));
    assert!(with > without, "{with:.1} dB, without {without:.1} dB");
}

#[test]
fn blocks_go_to_rows_that_they_divide() {
    let blocks = hybrid(4).replace("CHANNELWISE", "BLOCKWISE_32");
    let made = conversion(&options(&[
        entry(".*", "*", &hybrid(8)),
        entry(".*", "FULLY_CONNECTED", &blocks),
    ]));
    let graph = &made.model.meta_graphs[0].graphs[0];
    for node in graph.nodes.iter().filter(|n| &*n.op == "FULLY_CONNECTED") {
        let filter = graph.value(node.input(1).unwrap());
        let columns = filter.shape.fixed().unwrap()[1];
        let wanted = if columns.is_multiple_of(32) {
            DType::Int4
        } else {
            DType::Int8
        };
        assert_eq!(filter.dtype, wanted, "{columns} columns");
    }
    assert!(forms(&made).iter().any(|f| f.ends_with("in blocks of 32")));
}

#[test]
fn int8_and_int16_data_and_int4_weights_in_one_model() {
    let options = calibrated(&[
        entry(".*", "*", &static_(8, 8)),
        entry(".*", "CONV_2D", &static_(16, 4)),
        entry(".*", "FULLY_CONNECTED", &static_(8, 4)),
    ]);
    let (_, db) = converted("digits_cnn/2", None, "digits_cnn_2", options);
    assert!(db > 12.0, "{db:.1} dB");
}

#[test]
fn what_no_entry_matches_follows_the_mode() {
    let made = conversion(&ConvertOptions {
        mode: Some(Mode::Dynamic),
        ..options(&[
            entry("no such name", "*", &hybrid(4)),
            entry(".*", "FULLY_CONNECTED", "float"),
        ])
    });
    let forms = forms(&made);
    assert!(
        forms
            .iter()
            .any(|f| f.starts_with("CONV_2D") && f.ends_with("int8 weights")),
        "{forms:?}"
    );
    assert!(
        forms
            .iter()
            .all(|f| !f.starts_with("FULLY") || f.ends_with("float32")),
        "{forms:?}"
    );
    assert_eq!(
        made.report.notes,
        ["entry 1 of 2 of the recipe decides about no operator"]
    );
}

#[test]
fn integers_without_samples_are_refused() {
    let options = options(&[entry(".*", "CONV_2D", &static_(8, 8))]);
    let error = convert(&open("digits_cnn/2"), &options, &Progress::new()).unwrap_err();
    assert!(error.to_string().contains("calibration samples"), "{error}");
}

/// What is said of a recipe that can't be followed.
fn refusal(text: &str) -> String {
    Recipe::parse(text).unwrap_err().to_string()
}

#[test]
fn broken_recipes_are_placed() {
    let said: Vec<String> = [
        "",
        "{}",
        "[]",
        "[\n  {\"regex\": \".*\",\n   \"operation\": 7}\n]",
        r#"[{"regex": ".*", "operation": "*", "algorithm_key": "no_quantize", "ops": 1}]"#,
        r#"[{"regex": ".*", "operation": "*"}]"#,
    ]
    .into_iter()
    .map(refusal)
    .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    line 1, column 0: EOF while parsing a value; a recipe is a JSON list of objects with regex, operation, algorithm_key and op_config
    line 1, column 0: invalid type: map, expected a sequence; a recipe is a JSON list of objects with regex, operation, algorithm_key and op_config
    a recipe without entries; for a float32 model leave --recipe out
    line 3, column 17: invalid type: integer `7`, expected a string; a recipe is a JSON list of objects with regex, operation, algorithm_key and op_config
    line 1, column 72: unknown field `ops`, expected one of `regex`, `operation`, `algorithm_key`, `op_config`; a recipe is a JSON list of objects with regex, operation, algorithm_key and op_config
    line 1, column 34: missing field `algorithm_key`; a recipe is a JSON list of objects with regex, operation, algorithm_key and op_config
    ");
}

#[test]
fn what_no_kernel_runs_is_named() {
    let one = |operation: &str, config: &str| format!("[{}]", entry(".*", operation, config));
    let second = format!(
        "[{}, {}]",
        entry(".*", "*", "float"),
        entry("(", "*", "float")
    );
    let config = |more: &str| {
        format!(
            r#"{{"weight_tensor_config": {{"num_bits": 8, {more}}}, "compute_precision": "INTEGER"}}"#
        )
    };
    let said: Vec<String> = [
        second,
        one("CONV2D", "float"),
        one("INPUT", &static_(8, 8)),
        one("DEPTHWISE_CONV_2D", &hybrid(4)),
        one("SIN", &static_(8, 8)),
        one("*", "{}"),
        one("*", &hybrid(2)),
        one("*", &config(r#""granularity": "BLOCKWISE_32""#)),
        one("*", &config(r#""symmetric": false"#)),
        one("*", &config(r#""dtype": "FLOAT""#)),
        one("*", &weights(8, r#""compute_precision": "FLOAT""#)),
        one(
            "*",
            &weights(8, r#""compute_precision": "INTEGER", "skip_checks": true"#),
        ),
        one("*", &static_(4, 8)),
        one("*", "float16").replace("float_casting", "GPTQ"),
    ]
    .iter()
    .map(|text| refusal(text))
    .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    entry 2 of 2: regex: Parsing error at position 1: Opening parenthesis without closing parenthesis; ".*" matches every name
    entry 1 of 1: operation: "CONV2D" is no operator of TensorFlow Lite; "*", or a name such as CONV_2D or FULLY_CONNECTED
    entry 1 of 1: operation: the types of inputs and outputs are not a recipe's here; leave the entry out and give --io int or --io float
    entry 1 of 1: operation: DEPTHWISE_CONV_2D has no kernel for int4 weights; these have: CONV_2D, FULLY_CONNECTED, EMBEDDING_LOOKUP
    entry 1 of 1: operation: SIN has no kernel for int8; no_quantize leaves it float32
    entry 1 of 1: op_config: neither weight_tensor_config nor activation_tensor_config says what to quantize; for float32 the algorithm_key is no_quantize
    entry 1 of 1: op_config.weight_tensor_config.num_bits: weights of 2 bits are not written; give 4 or 8
    entry 1 of 1: op_config.weight_tensor_config.granularity: blocks are for 4-bit weights that are computed with in integers; give CHANNELWISE or TENSORWISE, or num_bits 4 with compute_precision INTEGER
    entry 1 of 1: op_config.weight_tensor_config.symmetric: only a DEQUANTIZE takes weights with a zero point; give true, or explicit_dequantize true with compute_precision FLOAT
    entry 1 of 1: op_config.weight_tensor_config.dtype: min_max_uniform_quantize makes signed integers; give INT; float_casting makes float16
    entry 1 of 1: op_config.explicit_dequantize: no kernel computes in float with integer weights; give true, or compute_precision INTEGER
    entry 1 of 1: op_config.skip_checks: what no kernel runs is never written; give false
    entry 1 of 1: op_config.activation_tensor_config.num_bits: activations of 4 bits are not written; give 8 or 16
    entry 1 of 1: algorithm_key: "GPTQ" is not among the algorithms here; give min_max_uniform_quantize, float_casting or no_quantize
    "#);
}
