//! run, bench, convert and compare, as scripts call them.

use serde_json::json;

use super::{json, report, said, sample};
use mexplore::format::npy;
use mexplore::model::Tensor;

const FLOAT: &str = "samples/digits_cnn.float32.tflite";
const INT8: &str = "samples/digits_cnn.int8.tflite";

fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_string_lossy().into_owned()
}

#[test]
fn outputs_go_to_an_archive_under_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(&folder, "out.npz");
    let inputs = sample("golden/digits_cnn.int8.tflite.inputs.npz");
    let (code, _, err) = said(&[
        "run",
        INT8,
        "--inputs",
        &inputs.to_string_lossy(),
        "--outputs",
        &out,
    ]);
    assert_eq!((code, err.as_str()), (0, ""));
    let found = npy::read_npz(out.as_ref()).unwrap();
    let truth = npy::read_npz(&sample("golden/digits_cnn.int8.tflite.outputs.npz")).unwrap();
    assert_eq!(found.len(), truth.len());
    assert_eq!(found[0].0, truth[0].0);
    assert_eq!(found[0].1.shape(), truth[0].1.shape());
}

#[test]
fn a_digit_from_the_sample_set_is_read() {
    let labels = json(&[
        "run",
        "samples/digits_metadata.tflite",
        "--input",
        "image=samples/digits.npz:image:0",
        "--top",
        "1",
        "--json",
    ]);
    let truth = npy::read_npz(&sample("digits.npz")).unwrap();
    let (_, label) = truth.iter().find(|(key, _)| key == "label").unwrap();
    let top = &labels["outputs"]["output_0"]["top"][0];
    assert_eq!(top["index"].as_f64(), label.number(0));
    assert!(top["label"].is_string());
}

/// A BMP of 24 bits a pixel whose rows of 8 are grey from 0 to 1.
fn bmp(grey: &[f64]) -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    let header = [54 + grey.len() * 3, 0, 54, 40, 8, grey.len() / 8];
    bytes.extend(header.map(|v| (v as u32).to_le_bytes()).concat());
    bytes.extend([1u16, 24].map(u16::to_le_bytes).concat());
    bytes.extend([0; 24]);
    for row in grey.rchunks(8) {
        bytes.extend(row.iter().flat_map(|v| [(v * 255.0).round() as u8; 3]));
    }
    bytes
}

#[test]
fn a_digit_from_an_image_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let image = path(&folder, "digit.bmp");
    let truth = npy::read_npz(&sample("digits.npz")).unwrap();
    let of = |name: &str| &truth.iter().find(|(key, _)| key == name).unwrap().1;
    let (images, labels) = (of("image").numbers(), of("label"));
    for model in [FLOAT, INT8, "samples/digits_cnn"] {
        for at in [0, 1, 2] {
            std::fs::write(&image, bmp(&images[at * 64..][..64])).unwrap();
            let input = format!("image={image}");
            let (code, out, err) = said(&["run", model, "--input", &input, "--json"]);
            assert_eq!(code, 0, "{err}");
            assert!(
                err.starts_with("note: input \"image\": 8×8, pixels as 0 … 1"),
                "{err}"
            );
            let found: serde_json::Value = serde_json::from_str(&out).unwrap();
            let top = &found["outputs"]["output_0"]["top"][0]["index"];
            assert_eq!(top.as_f64(), labels.number(at), "{model} {at}");
        }
    }
    let input = format!("image={image}:crop,wide");
    let (code, _, err) = said(&["run", FLOAT, "--input", &input]);
    assert_eq!(code, 2);
    assert!(err.contains("\"wide\" behind an image"), "{err}");
}

#[test]
fn a_nan_that_was_given_is_said_to_be_in_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let given = path(&folder, "nan.npz");
    let mut values = vec![0.5f32; 28 * 28];
    values[7] = f32::NAN;
    let image = Tensor::from_values(&[1, 28, 28, 1], &values);
    npy::write_npz(given.as_ref(), &[("image".to_owned(), image)]).unwrap();
    let run = ["run", FLOAT, "--inputs", &given];
    let text = report(&run);
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("output_0: NaN first made by"), "{last}");
    assert!(
        last.ends_with("; NaN given in the input image: 1 of 784 values"),
        "{last}"
    );
    let found = json(&[&run[..], &["--json"]].concat());
    // TensorFlow Lite clamps what its operators make of it.
    let found = &found["not_finite"]["cause"];
    assert_eq!(found["what"], "max");
    let found = &found["cause"];
    assert_eq!(found["kind"], "input");
    assert_eq!((&found["count"], &found["of"]), (&json!(1), &json!(784)));
    let finite = json(&["run", FLOAT, "--input", "image=zeros", "--json"]);
    assert!(finite.get("not_finite").is_none());
}

#[test]
fn each_item_of_a_batch_has_its_largest_values() {
    let run = [
        "run",
        "samples/digits_cnn",
        "--input",
        "image=random(3,8,8,1)",
        "--top",
        "2",
    ];
    let found = json(&[&run[..], &["--json"]].concat());
    let output = &found["outputs"]["output_0"];
    let best = |row: usize| {
        let values = output["values"][row].as_array().unwrap().iter();
        let values: Vec<f64> = values.map(|v| v.as_f64().unwrap()).collect();
        (0..10).max_by(|&a, &b| values[a].total_cmp(&values[b]))
    };
    let top = output["top"].as_array().unwrap();
    assert_eq!(top.len(), 6);
    for row in 0..3 {
        let first = &top[2 * row];
        assert_eq!(first["row"].as_u64(), Some(row as u64));
        assert_eq!(
            first["index"].as_u64().map(|index| index as usize),
            best(row)
        );
    }
    let text = report(&run);
    assert_eq!(text.matches("\n  row ").count(), 3, "{text}");
    let many = [
        "run",
        "samples/digits_cnn",
        "--input",
        "image=random(11,8,8,1)",
    ];
    assert!(report(&many).contains("… 3 more rows"));
}

#[test]
fn what_a_run_changes_is_told_before_and_after() {
    let inputs = "tests/operators/inputs.npz";
    let run = [
        "run",
        "tests/operators/saved_model",
        "--inputs",
        inputs,
        "--seed",
        "1",
    ];
    let found = json(&[&run[..], &["--json"]].concat());
    let state = found["state"].as_array().unwrap();
    assert!(!state.is_empty());
    for row in state {
        assert!(row["name"].is_string(), "{row}");
        assert_ne!(row["before"], row["after"], "{row}");
    }
    let name = state[0]["name"].as_str().unwrap();
    assert!(report(&run).contains(name));
}

#[test]
fn an_input_that_is_missing_is_random_and_said_so() {
    let (code, out, err) = said(&["run", FLOAT]);
    assert_eq!(code, 0);
    assert!(out.contains("output_0"));
    assert!(
        err.starts_with("note: no value for input \"image\""),
        "{err}"
    );
}

#[test]
fn an_unknown_input_or_signature_is_named() {
    let (code, _, err) = said(&["run", FLOAT, "--input", "picture=zeros"]);
    assert_eq!(
        (code, err.as_str()),
        (2, "error: no input \"picture\"; there are: image\n")
    );
    let (code, _, err) = said(&["run", FLOAT, "--signature", "nope"]);
    assert_eq!(code, 2);
    assert!(err.contains("there are: serving_default"), "{err}");
}

#[test]
fn bench_measures_runs_and_operators() {
    let bench = json(&[
        "bench",
        FLOAT,
        "--runs",
        "5",
        "--input",
        "image=ones",
        "--per-op",
        "--json",
    ]);
    assert_eq!(bench["runs"], 5);
    for key in [
        "threads",
        "load_ms",
        "first_ms",
        "median_ms",
        "p90_ms",
        "min_ms",
    ] {
        assert!(bench[key].is_number(), "{key}: {bench}");
    }
    assert_eq!(
        bench["peak_rss_bytes"].is_number(),
        cfg!(target_os = "linux")
    );
    let ops = bench["ops"].as_array().unwrap();
    assert!(
        ops.iter()
            .any(|op| op["op"] == "CONV_2D" && op["macs"].as_u64() > Some(0))
    );
}

#[test]
fn a_recipe_says_what_became_of_each_operator() {
    let folder = tempfile::tempdir().unwrap();
    let (recipe, out) = (path(&folder, "recipe.json"), path(&folder, "made.tflite"));
    let text = r#"[{"regex": ".*", "operation": "FULLY_CONNECTED", "algorithm_key": "min_max_uniform_quantize",
        "op_config": {"weight_tensor_config": {"num_bits": 4, "granularity": "CHANNELWISE"},
                      "compute_precision": "INTEGER"}}]"#;
    std::fs::write(&recipe, text).unwrap();
    let convert = ["convert", FLOAT, "-o", &out, "--recipe", &recipe];
    let said_of = json(&[&convert[..], &["--json"]].concat());
    let of = |op: &str| {
        let all = said_of["quantized"].as_array().unwrap().iter();
        all.filter(|t| t["op"] == op)
            .map(|t| t["form"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("FULLY_CONNECTED"), ["int4 weights"]);
    assert_eq!(of("CONV_2D"), ["float32"]);

    std::fs::write(&recipe, text.replace("4,", "3,")).unwrap();
    let (code, _, err) = said(&[&convert[..], &["--force"]].concat());
    assert_eq!(code, 4);
    let place = "recipe.json: entry 1 of 1: op_config.weight_tensor_config.num_bits: ";
    assert!(err.contains(place), "{err}");
    std::fs::write(&recipe, &text[..40]).unwrap();
    let (code, _, err) = said(&[&convert[..], &["--force"]].concat());
    assert_eq!(code, 2);
    assert!(err.contains("recipe.json: line 1, column 40: EOF"), "{err}");
}

#[test]
fn convert_writes_once_and_says_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(&folder, "dense.tflite");
    let converted = json(&["convert", "samples/dense_four_lines", "-o", &out, "--json"]);
    assert_eq!(converted["output"], json!(out));
    assert_eq!(
        converted["bytes_after"],
        std::fs::metadata(&out).unwrap().len()
    );
    let (code, _, err) = said(&["convert", "samples/dense_four_lines", "-o", &out]);
    assert_eq!(code, 2);
    assert!(err.contains("--force"), "{err}");
    report(&["convert", "samples/dense_four_lines", "-o", &out, "--force"]);
    assert!(report(&["show", &out]).contains("FULLY_CONNECTED"));
}

#[test]
fn preflight_says_what_becomes_of_each_operator() {
    let dense = ["convert", "samples/dense_four_lines", "--preflight"];
    assert_eq!(report(&dense), "nothing stands in the way\n");
    let preflight = json(&[&dense[..], &["--json"]].concat());
    assert_eq!(preflight["blockers"], json!([]));
    assert_eq!(preflight["nodes"][0]["op"], "MatMul");
    assert_eq!(preflight["nodes"][0]["becomes"], "builtin");

    let fates = |more: &[&str]| {
        let text = [
            "convert",
            "samples/text_classifier",
            "--preflight",
            "--json",
        ];
        let (_, out, _) = said(&[&text[..], more].concat());
        let preflight: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        let nodes = preflight["nodes"].as_array().expect("a list").clone();
        let lower = nodes.iter().find(|n| n["op"] == "StringLower");
        lower.expect("the node").clone()
    };
    let blocked = fates(&[]);
    assert_eq!(
        (&blocked["becomes"], &blocked["could_be"]),
        (&json!("blocked"), &json!("flex"))
    );
    assert_eq!(fates(&["--allow-flex"])["becomes"], "flex");
    assert_eq!(fates(&["--allow-custom"])["becomes"], "custom");
}

#[test]
fn compare_says_how_far_int8_is_from_float() {
    let c = json(&["compare", FLOAT, INT8, "--runs", "3", "--json"]);
    assert_eq!(c["sizes"]["b_bytes"], 33896);
    let output = &c["outputs"][0];
    assert_eq!(output["name"], "output_0");
    assert!(output["sqnr_db"].as_f64() > Some(15.0), "{output}");
    assert!(output["same_top1"].as_f64() > Some(0.9), "{output}");
    for key in ["a_median_ms", "b_median_ms", "ratio", "low", "high"] {
        assert!(c["latency"][key].is_number(), "{key}");
    }
    let conv = c["layers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|l| l["name"].as_str().unwrap().contains("conv_1"));
    assert!(
        conv.is_some_and(|l| l["a_bytes"].as_u64() > l["b_bytes"].as_u64()),
        "{conv:?}"
    );
}

/// Layers of `compare --per-layer`: name, operators in A and B, signal to noise (infinite where equal).
fn layers(a: &str, b: &str) -> Vec<(String, String, String, f64)> {
    let c = json(&["compare", a, b, "--per-layer", "--runs", "0", "--json"]);
    let text = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
    let layers = c["layers"].as_array().unwrap().iter();
    layers
        .map(|l| {
            // JSON has no infinity.
            let db = match (&l["sqnr_db"], &l["max_abs"]) {
                (db, _) if db.is_number() => db.as_f64().unwrap(),
                (_, error) if error.as_f64() == Some(0.0) => f64::INFINITY,
                _ => f64::NAN,
            };
            (text(&l["name"]), text(&l["op_a"]), text(&l["op_b"]), db)
        })
        .collect()
}

#[test]
fn layers_are_found_from_either_side() {
    let found = layers("samples/digits_cnn", INT8);
    let ops: Vec<[&str; 3]> = found
        .iter()
        .map(|(n, a, b, _)| [&**n, &**a, &**b])
        .collect();
    assert_eq!(
        ops,
        [
            ["digits_cnn_1/stem_1", "Conv2D", "CONV_2D"],
            ["digits_cnn_1/pool_1/MaxPool2d", "MaxPool", "MAX_POOL_2D"],
            ["digits_cnn_1/conv_1", "Conv2D", "CONV_2D"],
            ["digits_cnn_1/skip_1", "Conv2D", "CONV_2D"],
            ["digits_cnn_1/relu_1/Relu", "Relu", "ADD"],
            ["digits_cnn_1/mean_1/Mean", "Mean", "MEAN"],
            ["digits_cnn_1/hidden_1", "MatMul", "FULLY_CONNECTED"],
            ["digits_cnn_1/probs_1", "MatMul", "FULLY_CONNECTED"],
            ["digits_cnn_1/probs_1/Softmax", "Softmax", "SOFTMAX"],
        ]
    );
    let mut back = layers(INT8, "samples/digits_cnn");
    for (there, back) in found.iter().zip(&mut back) {
        std::mem::swap(&mut back.1, &mut back.2);
        assert!(there.3 > 25.0, "{there:?}");
        assert!((there.3 - back.3).abs() < 0.5, "{there:?} {back:?}");
        assert_eq!((&there.0, &there.1, &there.2), (&back.0, &back.1, &back.2));
    }
    for other in ["int16x8", "dynamic", "float16"] {
        let found = layers(FLOAT, &format!("samples/digits_cnn.{other}.tflite"));
        assert_eq!(found.len(), 9, "{found:?}");
        assert!(found.iter().all(|l| l.3 > 25.0), "{found:?}");
    }
}

#[test]
fn layers_of_other_layouts_and_files_agree() {
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/zoo/cases");
    for case in [
        "cnn_nchw",
        "mobilenet_v2_like",
        "unet_like",
        "inception_like",
    ] {
        let (a, b) = (
            format!("{cases}/{case}/saved_model"),
            format!("{cases}/{case}/model.tflite"),
        );
        if !std::path::Path::new(&b).exists() {
            eprintln!("skipped: no {b}");
            return;
        }
        for (a, b) in [(&a, &b), (&b, &a)] {
            let found = layers(a, b);
            assert!(found.len() > 3, "{case}: {found:?}");
            let unlike = found.iter().find(|l| l.3.is_nan() || l.3 < 100.0);
            assert_eq!(unlike, None, "{case} {a}");
        }
    }
}

#[test]
fn compare_answers_no_past_the_tolerance() {
    let (code, _, err) = said(&["compare", FLOAT, INT8, "--runs", "0", "--tolerance", "1e-9"]);
    assert_eq!((code, err.as_str()), (1, ""));
    report(&["compare", FLOAT, FLOAT, "--runs", "0", "--tolerance", "0"]);
}
