//! Every parser by itself, with the damage of every sample of its kind: what the fuzz targets do, with a fixed seed.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mexplore::feed;
use mexplore::format::parsers::PARSERS;
use mexplore::format::{self, OpenOptions, npy};
use mexplore::model::{DType, Port, Shape, Tensor};

use super::damage::damaged;
use super::samples;

/// Damages per sample: thousands for each parser.
const DAMAGES: u64 = 1500;
/// Large samples get so many that all of one parser take about as long as a small one.
const DAMAGED_BYTES: u64 = 8_000_000;

fn files(name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![samples()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(name) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn all(name: &str) -> Vec<Vec<u8>> {
    files(name).iter().map(|f| fs::read(f).unwrap()).collect()
}

const TEXT: &str = r#"saved_model_schema_version: 1 meta_graphs {
  meta_info_def { tags: "serve" } # a comment
  graph_def { node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
      attr { key: "shape" value { shape { dim { size: -1 } dim { size: 0x10 } } } } }
    node { name: "c" op: 'Con' "st" attr { key: "value" value { tensor { dtype: DT_FLOAT
      tensor_shape < dim { size: 2 } > tensor_content: "\000\303\"\x41\n\000\000\000" } } } }
    node { name: "y" op: "AddV2" input: ["x", "c:0", "^x"] } versions { producer: 1 } }
  signature_def { key: "serving_default" value { inputs { key: "x" value { name: "x:0" dtype: DT_FLOAT } }
      outputs { key: "y" value { name: "y:0" } } method_name: "predict" } } }
"#;

/// The stored object graph of each sample that has one, without lengths and checksum.
fn object_graphs() -> Vec<Vec<u8>> {
    ["digits_cnn", "lstm", "sharded"]
        .iter()
        .filter_map(|name| {
            let model = format::open(&samples().join(name), &OpenOptions::default()).unwrap();
            let stored = model
                .variables
                .iter()
                .find(|v| v.key.contains("OBJECT_GRAPH"))?;
            Some(stored.read().ok()?.strings()?.first()?.clone())
        })
        .collect()
}

/// Metadata of this name.
fn blobs(name: &str) -> Vec<Vec<u8>> {
    ["digits_metadata.tflite", "digits_cnn.int8.tflite"]
        .iter()
        .map(|file| format::open(&samples().join(file), &OpenOptions::default()).unwrap())
        .flat_map(|model| model.metadata)
        .filter(|m| m.name == name)
        .map(|m| m.data.to_vec())
        .collect()
}

fn arrays() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    let strings = Tensor::from_strings(&[2], vec![b"ab".to_vec(), b"c".to_vec()]);
    [Tensor::zeros(DType::Float32, &[3, 4]).unwrap(), strings]
        .iter()
        .map(|tensor| {
            npy::write_npy(&path, tensor).unwrap();
            fs::read(&path).unwrap()
        })
        .collect()
}

/// Good bytes for a parser.
fn good(parser: &str) -> Vec<Vec<u8>> {
    match parser {
        "saved_model_pb" | "protobuf_text" => all("saved_model.pb"),
        "saved_model_pbtxt" => vec![TEXT.as_bytes().to_vec()],
        "checkpoint_index" => all("variables.index"),
        "checkpoint_strings" => vec![b"\x03\x02\x00\x03\x1b\x42\x8b\xcaabxyz".to_vec()],
        "checkpoint_objects" => object_graphs(),
        "fingerprint" => all("fingerprint.pb"),
        // A node with id, path, identifier and JSON.
        "keras_metadata" => {
            vec![b"\x0a\x1b\x10\x01\x1a\x04root\"\x03abc*\x0c{\"a\": [1.5]}".to_vec()]
        }
        "tflite" => all(".tflite"),
        "tflite_metadata" => blobs("TFLITE_METADATA"),
        "conversion_metadata" => blobs("CONVERSION_METADATA"),
        // {"n": 7}: the key, the vector of keys, its offset and width, the map, the type of its value, the root.
        "flexbuffer" => vec![b"n\0\x01\x03\x01\x01\x01\x07\x04\x02\x24\x01".to_vec()],
        "archive" | "npz" => all("digits.npz"),
        "npy" => arrays(),
        other => panic!("no sample for {other}"),
    }
}

#[test]
fn every_parser_answers_to_damage() {
    for parser in PARSERS {
        let begun = Instant::now();
        let mut refused = 0;
        for sample in good(parser.name) {
            let count = DAMAGES.min(DAMAGED_BYTES / sample.len() as u64 + 20);
            for seed in 1..=count {
                let bad = damaged(&sample, seed);
                refused += u32::from((parser.run)(Bytes::from(bad)).is_err());
            }
        }
        assert!(refused > 0, "{} takes everything", parser.name);
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(120), "{}: {took:?}", parser.name);
    }
}

#[test]
fn good_samples_pass_their_parsers() {
    for parser in PARSERS {
        for sample in good(parser.name) {
            if let Err(error) = (parser.run)(Bytes::from(sample)) {
                panic!("{}: {error}", parser.name);
            }
        }
    }
}

/// One parser that is no file's: what a person types.
#[test]
fn a_literal_is_a_tensor_or_an_error() {
    let port = Port {
        name: "x".into(),
        tensor: None,
        value: None,
        dtype: DType::Float32,
        reference: false,
        shape: Shape(Some(vec![-1, 2])),
        shape_absent: false,
        quantization: None,
        parts: Vec::new(),
        default: None,
        rows: None,
    };
    for good in ["[[1, -2.5e3], [nan, 4]]", "[\"a\\\"b\", 'c']", "[[], []]"] {
        for seed in 1..=DAMAGES {
            let bad = damaged(&good.as_bytes()[1..], seed);
            let text = format!("[{}", String::from_utf8_lossy(&bad));
            let _ = feed::parse(&text, &port);
        }
    }
}
