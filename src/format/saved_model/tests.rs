//! Whole SavedModels: every shared case, its stated facts, and damaged copies of small ones.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::*;
use crate::format::{OpenOptions, open};
use crate::model::inline::{flatten, flatten_init};
use crate::model::{Port, TensorData};
use crate::progress::Progress;

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");

/// Folders of cases that hold a `saved_model`; none where the shared cases are not there.
fn cases(sets: &[&str]) -> Vec<PathBuf> {
    let found: Vec<PathBuf> = sets
        .iter()
        .filter_map(|set| fs::read_dir(Path::new(SHARED).join(set)).ok())
        .flat_map(|entries| entries.flatten().map(|e| e.path()))
        .filter(|case| case.join("saved_model").is_dir())
        .collect();
    if found.is_empty() {
        eprintln!("skipped: no cases in {SHARED}");
    }
    found
}

fn open_case(case: &Path) -> Model {
    open(&case.join("saved_model"), &OpenOptions::default())
        .unwrap_or_else(|e| panic!("{}: {e}", case.display()))
}

#[test]
fn every_shared_model_opens_flattens_and_has_intact_variables() {
    for case in cases(&["zoo/cases", "optests", "corpus/cases"]) {
        let model = open_case(&case);
        for meta_graph in &model.meta_graphs {
            for signature in &meta_graph.signatures {
                let plain = signature.outputs.iter().all(|p| p.tensor.is_some());
                match flatten(meta_graph, signature) {
                    Ok(graph) => {
                        assert_eq!(graph.inputs.len(), signature.inputs.len());
                        assert!(graph.outputs.iter().all(Option::is_some));
                        graph.topological_order().unwrap();
                    }
                    Err(e) => assert!(!plain, "{}: {e}", case.display()),
                }
            }
            flatten_init(meta_graph).unwrap();
        }
        for variable in &model.variables {
            let check = verify_variable(&model, variable, &Progress::new()).unwrap();
            assert!(!check.is_damage(), "{}: {}", case.display(), variable.key);
        }
    }
}

#[test]
fn counts_are_those_that_tensorflow_states() {
    for case in cases(&["corpus/cases"]) {
        let Ok(facts) = fs::read_to_string(case.join("facts.json")) else {
            continue;
        };
        let facts: Json = serde_json::from_str(&facts).unwrap();
        let model = open_case(&case);
        let found: Vec<Json> = model.meta_graphs.iter().map(counts).collect();
        for (found, stated) in found.iter().zip(facts["meta_graphs"].as_array().unwrap()) {
            let mut stated = stated.clone();
            // The one that stands for the initializer is not listed.
            if let Some(signatures) = stated["signatures"].as_array_mut() {
                signatures.retain(|s| s["key"] != "__saved_model_init_op");
                // protobuf's reading of a shape that is not stated is a scalar; a run must take it as unknown.
                for (ours, stated) in found["signatures"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .zip(signatures)
                {
                    for side in ["inputs", "outputs"] {
                        let ours = ours[side].as_array().unwrap();
                        for (ours, stated) in ours.iter().zip(stated[side].as_array_mut().unwrap())
                        {
                            if ours["shape"].is_null() && stated["shape"] == json!([]) {
                                stated["shape"] = Json::Null;
                            }
                        }
                    }
                }
            }
            for (field, value) in found.as_object().unwrap() {
                assert_eq!(value, &stated[field], "{}: {field}", case.display());
            }
        }
        let variables: Vec<Json> = model.variables.iter().map(variable).collect();
        assert_eq!(
            Json::from(variables),
            facts["variables"],
            "{}",
            case.display()
        );
        assert_eq!(
            json!(model.shards.len()),
            facts["shards"],
            "{}",
            case.display()
        );
    }
}

fn counts(meta_graph: &MetaGraph) -> Json {
    let functions = &meta_graph.graphs[1..];
    let ports = |ports: &[crate::model::Port]| -> Vec<Json> {
        let all = ports.iter();
        all.map(|p| {
            let shape = if p.shape_absent { Some(&[][..]) } else { p.shape.dims() };
            json!({"name": &*p.name, "tensor": p.tensor.as_deref(), "dtype": dtype(p), "shape": shape})
        })
        .collect()
    };
    let signatures: Vec<Json> = meta_graph
        .signatures
        .iter()
        .map(|s| {
            json!({"key": &*s.key, "method": &*s.method, "inputs": ports(&s.inputs), "outputs": ports(&s.outputs)})
        })
        .collect();
    let assets = meta_graph.assets.iter().filter(|a| !a.from_collection);
    let assets: Vec<Json> = assets
        .map(|a| json!({"file": a.file, "tensor": a.tensor}))
        .collect();
    json!({
        "tags": meta_graph.tags,
        "graph_nodes": meta_graph.graphs[0].nodes.len(),
        "functions": functions.len(),
        "function_nodes": functions.iter().map(|g| g.nodes.len()).sum::<usize>(),
        "object_nodes": meta_graph.objects.nodes.len(),
        "producer": meta_graph.producer,
        "signatures": signatures,
        "assets": assets,
    })
}

fn dtype(port: &crate::model::Port) -> String {
    let reference = if port.reference { "_ref" } else { "" };
    format!("{}{reference}", port.dtype)
}

fn variable(v: &crate::model::Variable) -> Json {
    json!({"name": &*v.key, "dtype": v.dtype.to_string(), "shape": v.shape.dims(),
        "shard": v.shard, "offset": v.offset, "bytes": v.bytes})
}

/// Copies of small models with bytes flipped, cut off or repeated: whatever comes out, nothing panics.
#[test]
fn damaged_models_are_refused_or_opened_but_never_a_panic() {
    let mut rng = Rng(7);
    let mut sources: Vec<PathBuf> = cases(&["optests"])
        .into_iter()
        .map(|case| case.join("saved_model"))
        .filter(|folder| folder.join("variables/variables.index").exists())
        .collect();
    sources.sort();
    let Some(step) = sources.len().checked_div(12).filter(|s| *s > 0) else {
        return;
    };
    for source in sources.iter().step_by(step) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("variables")).unwrap();
        let files = [
            "saved_model.pb",
            "variables/variables.index",
            "variables/variables.data-00000-of-00001",
        ];
        let whole = files.map(|f| fs::read(source.join(f)).unwrap());
        for (file, bytes) in files.iter().zip(&whole) {
            fs::write(dir.path().join(file), bytes).unwrap();
        }
        for _ in 0..60 {
            for (file, bytes) in files.iter().zip(&whole) {
                fs::write(dir.path().join(file), damaged(bytes, &mut rng)).unwrap();
                try_everything(dir.path());
                fs::write(dir.path().join(file), bytes).unwrap();
            }
        }
    }
}

/// Marsaglia's xorshift: the same damage on every run.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) as usize
    }
}

fn damaged(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = rng.next() % bytes.len().max(1);
    match rng.next() % 4 {
        0 => bytes.truncate(at),
        1 => bytes.extend_from_within(at..),
        2 => bytes[at] = rng.next() as u8,
        _ => {
            for _ in 0..4 {
                let at = rng.next() % bytes.len();
                bytes[at] ^= 1 << (rng.next() % 8);
            }
        }
    }
    bytes
}

fn try_everything(folder: &Path) {
    let Ok(model) = open(folder, &OpenOptions::default()) else {
        return;
    };
    for meta_graph in &model.meta_graphs {
        for signature in &meta_graph.signatures {
            let _ = flatten(meta_graph, signature);
        }
    }
    for variable in &model.variables {
        let _ = variable.read();
        let _ = verify_variable(&model, variable, &Progress::new());
    }
}

#[test]
fn the_text_form_is_the_same_model() {
    let text = r#"
        saved_model_schema_version: 1
        meta_graphs {
          meta_info_def { tags: "serve" tensorflow_version: "2.21.0" stripped_default_attrs: true }
          graph_def {
            node { name: "x" op: "Placeholder"
              attr { key: "dtype" value { type: DT_FLOAT } }
              attr { key: "shape" value { shape { dim { size: -1 } } } } }
            node { name: "two" op: "Const"
              attr { key: "dtype" value { type: DT_FLOAT } }
              attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { } float_val: 2.0 } } } }
            node { name: "y" op: "double" input: "x" input: "two" }
            library { function {
              signature { name: "double"
                input_arg { name: "a" type: DT_FLOAT } input_arg { name: "b" type: DT_FLOAT }
                output_arg { name: "c" type: DT_FLOAT } }
              node_def { name: "mul" op: "Mul" input: "a" input: "b"
                attr { key: "T" value { type: DT_FLOAT } } }
              ret { key: "c" value: "mul:z:0" } } }
            versions { producer: 2000 }
          }
          signature_def { key: "serving_default" value {
            inputs { key: "in" value { name: "x:0" dtype: DT_FLOAT tensor_shape { dim { size: -1 } } } }
            outputs { key: "out" value { name: "y:0" dtype: DT_FLOAT tensor_shape { dim { size: -1 } } } }
            method_name: "tensorflow/serving/predict" } }
          asset_file_def { filename: "../../etc/passwd" }
        }"#;
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("saved_model.pbtxt"), text).unwrap();
    let model = open(dir.path(), &OpenOptions::default()).unwrap();
    assert_eq!(model.warnings.len(), 1, "the asset that leads outside");
    let (meta_graph, signature) = model.signature(None, None).unwrap();
    assert_eq!(
        (meta_graph.producer, &*signature.key),
        (2000, "serving_default")
    );
    let graph = flatten(meta_graph, signature).unwrap();
    let mul = graph.producer(graph.outputs[0].unwrap()).unwrap();
    assert_eq!((&*mul.name, &*mul.op), ("y/mul", "Mul"));
    let two = graph.value(mul.input(1).unwrap());
    assert!(matches!(two.data, Some(TensorData::Bytes { .. })));
    assert_eq!(two.read().unwrap().unwrap().numbers(), [2.0]);

    let broken = text.replace("dtype: DT_FLOAT tensor_shape { }", "dtype DT_FLOAT");
    fs::write(dir.path().join("saved_model.pbtxt"), broken).unwrap();
    let error = open(dir.path(), &OpenOptions::default()).unwrap_err();
    assert_eq!(error.place(), Some("11:58"));
}

#[test]
fn references_that_lead_nowhere_are_named() {
    let say = |nodes: &str| {
        let dir = tempfile::tempdir().unwrap();
        let text = format!("meta_graphs {{ graph_def {{ {nodes} }} }}");
        fs::write(dir.path().join("saved_model.pbtxt"), text).unwrap();
        match open(dir.path(), &OpenOptions::default()) {
            Ok(model) => format!("{} values", model.meta_graphs[0].graphs[0].values.len()),
            Err(e) => format!("{}; {}", e.place().unwrap_or(""), e.what()),
        }
    };
    let split = r#"node { name: "b" op: "Split" attr { key: "num_split" value { i: 2 } } }"#;
    insta::assert_snapshot!(say(r#"node { name: "a" op: "Neg" input: "b" }"#), @r#"MetaGraph 0: graph: node "a"; refers to "b"; there is no such node"#);
    insta::assert_snapshot!(say(&format!(r#"{split} node {{ name: "a" op: "Neg" input: "b:3" }}"#)), @r#"MetaGraph 0: graph: node "a"; refers to "b:3"; "b" (Split) has 2 outputs"#);
    insta::assert_snapshot!(say(&format!("{split} {split}")), @r#"MetaGraph 0: graph; two nodes are named "b""#);
    insta::assert_snapshot!(say(r#"node { name: "b" op: "Mine" } node { name: "a" op: "Neg" input: "b:1" }"#), @"3 values");
    let wide = split.replace("i: 2", "i: 1000000");
    insta::assert_snapshot!(say(&format!(r#"{wide} node {{ name: "a" op: "Neg" input: "b:3" }}"#)), @r#"MetaGraph 0: graph; node "b" claims more outputs than a file of this size can mean"#);
}

#[test]
fn signatures_tell_what_is_no_plain_tensor_and_what_may_be_left_out() {
    const TEXT: &str = r#"
        saved_model_schema_version: 1
        meta_graphs {
          meta_info_def { tags: "serve" }
          graph_def {
            node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }
          }
          signature_def { key: "f" value {
            inputs { key: "x" value { name: "x:0" dtype: DT_FLOAT tensor_shape {} } }
            inputs { key: "s" value { dtype: DT_INT64 coo_sparse {
                values_tensor_name: "v:0" indices_tensor_name: "i:0" dense_shape_tensor_name: "d:0" } } }
            outputs { key: "r" value { composite_tensor { components { name: "x:0" } components { name: "n:0" } } } }
            defaults { key: "x" value { dtype: DT_FLOAT tensor_shape {} float_val: 2.5 } }
            defaults { key: "nobody" value { dtype: DT_FLOAT tensor_shape {} } }
          } }
        }"#;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("saved_model.pbtxt"), TEXT).unwrap();
    let model = open(folder.path(), &OpenOptions::default()).unwrap();
    assert!(model.warnings.is_empty());
    let signature = &model.meta_graphs[0].signatures[0];
    let sparse = signature.input("s").unwrap();
    assert_eq!(sparse.type_text(), "sparse int64");
    assert_eq!(
        sparse.parts.iter().map(|p| &**p).collect::<Vec<_>>(),
        ["v:0", "i:0", "d:0"]
    );
    let ragged = signature.output("r").unwrap();
    assert_eq!(
        (ragged.type_text().as_str(), ragged.parts.len()),
        ("composite", 2)
    );
    // To run, each of their tensors is a port of its own.
    let tensors = signature.of_tensors(&model.meta_graphs[0].graphs[0]);
    let names = |ports: &[Port]| ports.iter().map(|p| p.name.to_string()).collect::<Vec<_>>();
    assert_eq!(
        names(&tensors.inputs),
        ["s_values", "s_indices", "s_dense_shape", "x"]
    );
    assert_eq!(names(&tensors.outputs), ["r_0", "r_1"]);
    let found = tensors.outputs.iter().map(|p| p.value.is_some());
    assert_eq!(found.collect::<Vec<_>>(), [true, false]);
    let x = signature.input("x").unwrap();
    assert_eq!(x.default_literal().as_deref(), Some("2.5"));
}

#[test]
fn a_checkpoint_of_the_first_format_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let restore = r#"
        node { name: "k" op: "Const" attr { key: "dtype" value { type: DT_STRING } }
          attr { key: "value" value { tensor { dtype: DT_STRING tensor_shape { dim { size: 1 } } string_val: "w" } } } }
        node { name: "r" op: "RestoreV2" input: "k" input: "k" input: "k"
          attr { key: "dtypes" value { list { type: DT_FLOAT } } } }"#;
    let text = format!("meta_graphs {{ graph_def {{ {restore} }} }}");
    fs::write(dir.path().join("saved_model.pbtxt"), text).unwrap();
    fs::create_dir(dir.path().join("variables")).unwrap();
    let warnings = || {
        let model = open(dir.path(), &OpenOptions::default()).unwrap();
        let told = model.warnings.iter().map(|w| w.what().to_owned());
        told.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(warnings(), @"no values for what the graph restores: w");
    let mut table = vec![0; 48];
    table.extend(crate::format::detect::TABLE_MAGIC);
    fs::write(dir.path().join("variables/variables-00000-of-00001"), table).unwrap();
    insta::assert_snapshot!(warnings(), @"a V1 checkpoint, which is not read; variables have no values");
}
