//! Every field of every table of the schema survives reading and writing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use flatbuffers::{FlatBufferBuilder, UnionWIPOffset, WIPOffset};
use serde_json::{Map, Value as Json, json};

use super::super::flat::Source;
use super::super::generated::tflite as fb;
use super::super::schema::{Enum, Field, Kind, Table, name_or_number};
use super::super::tables;
use super::{essence, fbs, first_difference, read, read_bytes, shared_models, write};
use crate::model::{Attr, Attrs, DType, Dialect, Graph, GraphKind, Model, Node, Shape, Value};

type Fbb = FlatBufferBuilder<'static>;

/// The file beside the model, and its bytes.
const SIDE_FILE: (&str, &[u8]) = ("weights.bin", &[9, 9, 0, 0, 128, 63, 0, 0, 0, 64]);

fn dump(file: &[u8], seen: &mut BTreeSet<String>) -> Json {
    let source = Source::new(file);
    fbs::schema().dump("Model", source.root().unwrap(), seen)
}

/// Two spellings of the same become one: numbers of buffers, bytes inside or behind the flatbuffer, the old field of
/// operator codes, tables of defaults, sizes said twice, the order of a signature's names.
fn settled(mut file: Json, bytes: &[u8]) -> Json {
    let contents: Vec<Json> = list(&mut file, "buffers")
        .map(|buffer| content(buffer, bytes, ("data", "offset", "size")))
        .collect();
    let of = |number: &Json| -> Json {
        let number = number.as_str().unwrap_or("0").parse::<usize>().unwrap();
        contents.get(number).cloned().unwrap_or(Json::Null)
    };
    let mut filled: BTreeSet<String> = contents
        .iter()
        .filter_map(|c| Some(c.as_str()?.to_owned()))
        .collect();
    for number in list(&mut file, "metadata_buffer") {
        *number = of(number);
    }
    for entry in list(&mut file, "metadata") {
        entry["buffer"] = of(&entry["buffer"]);
    }
    for code in list(&mut file, "operator_codes") {
        let number = |name: &str| code[name].as_str().map_or(0, |n| n.parse::<i32>().unwrap());
        let code_number = number("deprecated_builtin_code").max(number("builtin_code"));
        code["builtin_code"] = json!(code_number);
        code.as_object_mut()
            .unwrap()
            .remove("deprecated_builtin_code");
    }
    // Files may list a code twice.
    let codes = file["operator_codes"].clone();
    for graph in list(&mut file, "subgraphs") {
        for tensor in list(graph, "tensors") {
            tensor["buffer"] = of(&tensor["buffer"]);
            // Known ranks are written down; old files leave that to the reader.
            tensor.as_object_mut().unwrap().remove("has_rank");
            if tensor["shape_signature"] == tensor["shape"] {
                tensor.as_object_mut().unwrap().remove("shape_signature");
            }
        }
        for operator in list(graph, "operators") {
            let fields = (
                "custom_options",
                "large_custom_options_offset",
                "large_custom_options_size",
            );
            let custom = content(operator, bytes, fields);
            operator["custom_options"] = custom;
            let code = operator["opcode_index"].as_str().unwrap_or("0");
            operator["opcode_index"] = codes[code.parse::<usize>().unwrap()].clone();
            for union in ["builtin_options", "builtin_options_2"] {
                let table = operator[union].as_object().and_then(|o| o.values().next());
                if table.is_none_or(|t| t.as_object().is_some_and(Map::is_empty)) {
                    let operator = operator.as_object_mut().unwrap();
                    operator.remove(union);
                    operator.remove(&format!("{union}_type"));
                }
            }
        }
    }
    for signature in list(&mut file, "signature_defs") {
        for ports in ["inputs", "outputs"] {
            if let Some(ports) = signature[ports].as_array_mut() {
                ports.sort_by_key(|p| p["name"].to_string());
            }
        }
    }
    // The one is made when it is missing, the other says where the old file had its constants.
    let mut made = Vec::new();
    if let Some(metadata) = file["metadata"].as_array_mut() {
        metadata.retain(|m| {
            let is_made = m["name"] == "min_runtime_version" || m["name"] == "buffer_location";
            made.extend(m["buffer"].as_str().filter(|_| is_made).map(str::to_owned));
            !is_made
        });
    }
    let metadata = file["metadata"].as_array().is_some_and(|m| !m.is_empty());
    let root = file.as_object_mut().unwrap();
    filled.retain(|content| !made.contains(content));
    root.insert("buffers".to_owned(), json!(filled));
    if !metadata {
        root.remove("metadata");
    }
    sorted(file)
}

/// Fields in the order of their names.
fn sorted(json: Json) -> Json {
    match json {
        Json::Array(all) => all.into_iter().map(sorted).collect(),
        Json::Object(map) => {
            let fields: BTreeMap<String, Json> = map.into_iter().collect();
            let fields = fields
                .into_iter()
                .map(|(name, value)| (name, sorted(value)));
            Json::Object(fields.collect())
        }
        other => other,
    }
}

fn list<'a>(json: &'a mut Json, name: &str) -> impl Iterator<Item = &'a mut Json> {
    json.get_mut(name)
        .and_then(Json::as_array_mut)
        .into_iter()
        .flatten()
}

/// Bytes inside the flatbuffer, or where offset and size say; taken out of the table. Null for none.
fn content(table: &mut Json, file: &[u8], names: (&str, &str, &str)) -> Json {
    let mut take = |name: &str| table.as_object_mut().unwrap().remove(name);
    let number = |n: Option<Json>| n.map_or(0, |n| n.as_str().unwrap().parse::<usize>().unwrap());
    let (inside, offset, size) = (take(names.0), number(take(names.1)), number(take(names.2)));
    match inside {
        Some(inside) => inside,
        None if offset > 1 => json!(fbs::hex(&file[offset..offset + size])),
        None => Json::Null,
    }
}

/// A file in which every field of every table of the container is set to something else than its default.
fn everything(fbb: &mut Fbb) -> Vec<u8> {
    let tensors = tensors(fbb);
    let operators = operators(fbb);
    let inputs = fbb.create_vector(&[0i32, 8]);
    let outputs = fbb.create_vector(&[9i32]);
    let main = fb::SubGraphArgs {
        tensors: Some(fbb.create_vector(&tensors)),
        inputs: Some(inputs),
        outputs: Some(outputs),
        operators: Some(fbb.create_vector(&operators)),
        name: Some(fbb.create_string("main")),
        debug_metadata_index: 4,
    };
    let subgraphs = [
        fb::SubGraph::create(fbb, &fb::SubGraphArgs::default()),
        fb::SubGraph::create(fbb, &main),
    ];
    let codes = [
        (3i8, fb::BuiltinOperator(3), 3, None),
        (127, fb::BuiltinOperator(170), 2, None),
        (32, fb::BuiltinOperator(32), 5, Some("Blend")),
        // Nothing uses it.
        (0, fb::BuiltinOperator(0), 1, None),
    ];
    let codes = codes.map(|(deprecated_builtin_code, builtin_code, version, custom)| {
        let args = fb::OperatorCodeArgs {
            deprecated_builtin_code,
            custom_code: custom.map(|name| fbb.create_string(name)),
            version,
            builtin_code,
        };
        fb::OperatorCode::create(fbb, &args)
    });
    let args = fb::ModelArgs {
        version: 3,
        operator_codes: Some(fbb.create_vector(&codes)),
        subgraphs: Some(fbb.create_vector(&subgraphs)),
        description: Some(fbb.create_string("everything")),
        buffers: Some(buffers(fbb)),
        metadata_buffer: Some(fbb.create_vector(&[4i32])),
        metadata: Some(metadata(fbb)),
        signature_defs: Some(signatures(fbb)),
        external_buffer_groups: Some(external_files(fbb)),
        external_buffers: Some(external_buffers(fbb)),
    };
    let root = fb::Model::create(fbb, &args);
    fbb.finish(root, Some("TFL3"));
    fbb.finished_data().to_vec()
}

type Offsets<T> = WIPOffset<flatbuffers::Vector<'static, flatbuffers::ForwardsUOffset<T>>>;

fn buffers(fbb: &mut Fbb) -> Offsets<fb::Buffer<'static>> {
    let contents: [&[u8]; 6] = [
        b"",
        &[5, 6, 7],
        &[0, 0, 0, 63],
        b"1.5.0",
        b"old metadata",
        b"nothing refers to it",
    ];
    let mut all: Vec<_> = contents
        .iter()
        .map(|bytes| {
            let args = fb::BufferArgs {
                data: (!bytes.is_empty()).then(|| fbb.create_vector(bytes)),
                offset: 0,
                size: 0,
            };
            fb::Buffer::create(fbb, &args)
        })
        .collect();
    // The file's own first bytes stand for what lies behind the flatbuffer.
    let args = fb::BufferArgs {
        data: None,
        offset: 4,
        size: 4,
    };
    all.push(fb::Buffer::create(fbb, &args));
    fbb.create_vector(&all)
}

fn metadata(fbb: &mut Fbb) -> Offsets<fb::Metadata<'static>> {
    let args = fb::MetadataArgs {
        name: Some(fbb.create_string("min_runtime_version")),
        buffer: 3,
    };
    let entry = fb::Metadata::create(fbb, &args);
    fbb.create_vector(&[entry])
}

fn signatures(fbb: &mut Fbb) -> Offsets<fb::SignatureDef<'static>> {
    let [inputs, outputs] = [("x", 8), ("y", 9)].map(|(name, tensor_index)| {
        let args = fb::TensorMapArgs {
            name: Some(fbb.create_string(name)),
            tensor_index,
        };
        let port = fb::TensorMap::create(fbb, &args);
        fbb.create_vector(&[port])
    });
    let args = fb::SignatureDefArgs {
        inputs: Some(inputs),
        outputs: Some(outputs),
        signature_key: Some(fbb.create_string("serving_default")),
        deprecated_tag: Some(fbb.create_string("old")),
        subgraph_index: 1,
    };
    let signature = fb::SignatureDef::create(fbb, &args);
    fbb.create_vector(&[signature])
}

fn external_files(fbb: &mut Fbb) -> Offsets<fb::ExternalBufferGroup<'static>> {
    let groups = ["elsewhere.bin", SIDE_FILE.0].map(|name| {
        let name = Some(fbb.create_string(name));
        fb::ExternalBufferGroup::create(fbb, &fb::ExternalBufferGroupArgs { name })
    });
    fbb.create_vector(&groups)
}

fn external_buffers(fbb: &mut Fbb) -> Offsets<fb::ExternalBuffer<'static>> {
    let args = fb::ExternalBufferArgs {
        id: 7,
        group: 1,
        offset: 2,
        length: 8,
        packing: Some(fbb.create_string("unpacked")),
    };
    let buffer = fb::ExternalBuffer::create(fbb, &args);
    fbb.create_vector(&[buffer])
}

/// A tensor of a name, a type and sizes, and nothing else.
fn plain(fbb: &mut Fbb, name: &str, type_: i8, shape: &[i32]) -> fb::TensorArgs<'static> {
    fb::TensorArgs {
        shape: Some(fbb.create_vector(shape)),
        type_: fb::TensorType(type_),
        buffer: 0,
        name: Some(fbb.create_string(name)),
        quantization: None,
        is_variable: false,
        sparsity: None,
        shape_signature: None,
        has_rank: true,
        variant_tensors: None,
        external_buffer: 0,
    }
}

fn tensors(fbb: &mut Fbb) -> Vec<WIPOffset<fb::Tensor<'static>>> {
    let mut x = plain(fbb, "x", 0, &[1, 4]);
    x.shape_signature = Some(fbb.create_vector(&[-1i32, 4]));
    let mut sparse = plain(fbb, "sparse", 9, &[3, 4]);
    sparse.buffer = 1;
    sparse.sparsity = Some(sparsity(fbb));
    let custom = fbb.create_vector(b"somebody's own");
    let custom = fb::CustomQuantizationArgs {
        custom: Some(custom),
    };
    let custom = fb::CustomQuantization::create(fbb, &custom).as_union_value();
    sparse.quantization = Some(quantization(fbb, 1, custom));
    let mut blocks = plain(fbb, "blocks", 9, &[1, 4]);
    let shape = Some(fbb.create_vector(&[1i32, 4]));
    let details = fb::BlockwiseQuantizationArgs {
        scales: 3,
        zero_points: 4,
        block_size: 4,
        block_shape: shape,
    };
    let details = fb::BlockwiseQuantization::create(fbb, &details).as_union_value();
    blocks.quantization = Some(quantization(fbb, 2, details));
    let mut scales = plain(fbb, "scales", 0, &[1]);
    scales.buffer = 2;
    let mut zeros = plain(fbb, "zeros", 0, &[1]);
    zeros.buffer = 6;
    let mut axes = plain(fbb, "axes", 9, &[1, 4]);
    let dimensions = Some(fbb.create_vector(&[0i32, 1]));
    let details = fb::MultiAxisQuantizationArgs {
        scales: 3,
        zero_points: 4,
        block_size: 2,
        quantized_dimensions: dimensions,
    };
    let details = fb::MultiAxisQuantization::create(fbb, &details).as_union_value();
    axes.quantization = Some(quantization(fbb, 3, details));
    let mut state = plain(fbb, "state", 0, &[2]);
    state.is_variable = true;
    let mut variant = plain(fbb, "variant", 14, &[1]);
    let shape = Some(fbb.create_vector(&[2i32, 3]));
    let sub_type = fb::VariantSubTypeArgs {
        shape,
        type_: fb::TensorType(4),
        has_rank: true,
    };
    let sub_type = fb::VariantSubType::create(fbb, &sub_type);
    variant.variant_tensors = Some(fbb.create_vector(&[sub_type]));
    let second = plain(fbb, "second", 0, &[4]);
    let y = plain(fbb, "y", 0, &[4]);
    let scratch = plain(fbb, "scratch", 0, &[4]);
    let mut outside = plain(fbb, "outside", 0, &[2]);
    outside.external_buffer = 7;
    let more = ["a", "b", "c"].map(|name| plain(fbb, name, 0, &[4]));
    let all = [
        x, sparse, blocks, scales, zeros, axes, state, variant, second, y, scratch, outside,
    ];
    all.iter()
        .chain(&more)
        .map(|args| fb::Tensor::create(fbb, args))
        .collect()
}

fn quantization(
    fbb: &mut Fbb,
    tag: u8,
    details: WIPOffset<UnionWIPOffset>,
) -> WIPOffset<fb::QuantizationParameters<'static>> {
    let args = fb::QuantizationParametersArgs {
        min: Some(fbb.create_vector(&[-1f32])),
        max: Some(fbb.create_vector(&[2f32])),
        scale: Some(fbb.create_vector(&[0.5f32, 0.25, 1.5, 2.0])),
        zero_point: Some(fbb.create_vector(&[1i64, 0, -3, 4])),
        details_type: fb::QuantizationDetails(tag),
        details: Some(details),
        quantized_dimension: 1,
    };
    fb::QuantizationParameters::create(fbb, &args)
}

fn sparsity(fbb: &mut Fbb) -> WIPOffset<fb::SparsityParameters<'static>> {
    let values = Some(fbb.create_vector(&[0i32, 70_000]));
    let ints = fb::Int32Vector::create(fbb, &fb::Int32VectorArgs { values });
    let values = Some(fbb.create_vector(&[0u16, 1, 1, 3, 3]));
    let shorts = fb::Uint16Vector::create(fbb, &fb::Uint16VectorArgs { values });
    let values = Some(fbb.create_vector(&[2u8, 0, 1]));
    let bytes = fb::Uint8Vector::create(fbb, &fb::Uint8VectorArgs { values });
    // A dense level has no use for segments and indices; they stay nevertheless.
    let dense = fb::DimensionMetadataArgs {
        format: fb::DimensionType::DENSE,
        dense_size: 4,
        array_segments_type: fb::SparseIndexVector::Int32Vector,
        array_segments: Some(ints.as_union_value()),
        array_indices_type: fb::SparseIndexVector::Uint8Vector,
        array_indices: Some(bytes.as_union_value()),
    };
    let csr = fb::DimensionMetadataArgs {
        format: fb::DimensionType::SPARSE_CSR,
        dense_size: 3,
        array_segments_type: fb::SparseIndexVector::Uint16Vector,
        array_segments: Some(shorts.as_union_value()),
        array_indices_type: fb::SparseIndexVector::Uint8Vector,
        array_indices: Some(bytes.as_union_value()),
    };
    let block = fb::DimensionMetadataArgs {
        format: fb::DimensionType::DENSE,
        dense_size: 1,
        ..Default::default()
    };
    let dims = [dense, csr, block].map(|args| fb::DimensionMetadata::create(fbb, &args));
    let args = fb::SparsityParametersArgs {
        traversal_order: Some(fbb.create_vector(&[1i32, 0, 2])),
        block_map: Some(fbb.create_vector(&[1i32])),
        dim_metadata: Some(fbb.create_vector(&dims)),
    };
    fb::SparsityParameters::create(fbb, &args)
}

/// A table with `number` in its second field (the stride of Conv2DOptions).
fn strided(fbb: &mut Fbb, number: i32) -> WIPOffset<UnionWIPOffset> {
    let start = fbb.start_table();
    fbb.push_slot_always(6, number);
    WIPOffset::new(fbb.end_table(start).value())
}

fn empty(fbb: &mut Fbb) -> WIPOffset<UnionWIPOffset> {
    let start = fbb.start_table();
    WIPOffset::new(fbb.end_table(start).value())
}

fn operators(fbb: &mut Fbb) -> Vec<WIPOffset<fb::Operator<'static>>> {
    let ends = [
        ([0i32, 1, 6], [12i32]),
        ([0, 12, 2], [13]),
        ([5, -1, 11], [14]),
        ([8, 13, 14], [9]),
    ];
    let mut all = Vec::new();
    for (index, (inputs, outputs)) in ends.iter().enumerate() {
        let mut args = fb::OperatorArgs {
            opcode_index: [0, 1, 2, 2][index],
            inputs: Some(fbb.create_vector(inputs)),
            outputs: Some(fbb.create_vector(outputs)),
            builtin_options_type: 0,
            builtin_options: None,
            custom_options: None,
            custom_options_format: fb::CustomOptionsFormat::FLEXBUFFERS,
            mutating_variable_inputs: Some(fbb.create_vector(&[false, false, index == 0])),
            intermediates: Some(fbb.create_vector(&[-1i32, 10])),
            large_custom_options_offset: 0,
            large_custom_options_size: 0,
            builtin_options_2_type: 0,
            builtin_options_2: None,
            debug_metadata_index: index as i32,
        };
        match index {
            // The tables of other operators: Pool2DOptions, DilateOptions.
            0 => {
                args.builtin_options_type = 5;
                args.builtin_options = Some(WIPOffset::new(strided(fbb, 2).value()));
                args.builtin_options_2_type = 18;
                args.builtin_options_2 = Some(WIPOffset::new(empty(fbb).value()));
            }
            1 => {}
            2 => {
                args.custom_options = Some(fbb.create_vector(b"not a flexbuffer"));
                args.custom_options_format = fb::CustomOptionsFormat(1);
            }
            _ => {
                args.large_custom_options_offset = 4;
                args.large_custom_options_size = 3;
            }
        }
        all.push(fb::Operator::create(fbb, &args));
    }
    all
}

#[test]
fn every_field_of_the_container_survives() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(SIDE_FILE.0), SIDE_FILE.1).unwrap();
    let path = folder.path().join("everything.tflite");
    let file = everything(&mut Fbb::new());
    let mut seen = BTreeSet::new();
    let before = settled(dump(&file, &mut seen), &file);
    // The operators' options have a test of their own.
    let tables = fbs::container();
    let all: Vec<String> = fbs::schema()
        .fields()
        .filter(|(table, _)| tables.contains(*table))
        .map(|(table, field)| format!("{table}.{}", field.name))
        .collect();
    assert_eq!(all.len(), 91);
    let forgotten: Vec<_> = all.iter().filter(|field| !seen.contains(*field)).collect();
    assert!(
        forgotten.is_empty(),
        "not in the test's file: {forgotten:?}"
    );

    let model = read_bytes(file.into(), &path).unwrap();
    let written = write(&model).unwrap();
    let after = settled(dump(&written, &mut BTreeSet::new()), &written);
    assert_eq!(format!("{before:#}"), format!("{after:#}"));
    let again = read_bytes(written.into(), &path).unwrap();
    let outside = &again.meta_graphs[0].graphs[1].values[11];
    let values = outside.read().unwrap().unwrap();
    assert_eq!(values.values::<f32>().unwrap(), [1.0, 2.0]);
    assert_eq!(first_difference(&essence(model), &essence(again)), None);
}

#[test]
fn constants_beside_the_model_come_along_and_changed_ones_move_in() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(SIDE_FILE.0), SIDE_FILE.1).unwrap();
    let path = folder.path().join("everything.tflite");
    std::fs::write(&path, everything(&mut Fbb::new())).unwrap();
    let mut model = read(&path).unwrap();
    assert!(super::super::side_files(&model, &path).unwrap().is_empty());
    let other = tempfile::tempdir().unwrap();
    let target = other.path().join("copy.tflite");
    let files = super::super::side_files(&model, &target).unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].0, other.path().join(SIDE_FILE.0));
    std::fs::write(other.path().join(SIDE_FILE.0), "something else").unwrap();
    assert!(super::super::side_files(&model, &target).is_err());

    let value = &mut model.meta_graphs[0].graphs[1].values[11];
    value.data = Some(crate::model::TensorData::plain(vec![0u8; 8]));
    let again = read_bytes(write(&model).unwrap().into(), &target).unwrap();
    let moved = &again.meta_graphs[0].graphs[1].values[11];
    assert_eq!(moved.external_buffer, 0);
    assert_eq!(
        moved.read().unwrap().unwrap().values::<f32>().unwrap(),
        [0.0, 0.0]
    );
}

/// A value that is not the field's default.
fn other_than_default(field: &Field) -> Attr {
    let number = field.default as i64 + 1;
    match &field.kind {
        Kind::Bool => Attr::Bool(field.default == 0.0),
        Kind::Float => Attr::Float(field.default + 0.5),
        Kind::String => Attr::Bytes("text".into()),
        Kind::Enum(of) => {
            let mut members = of.members.iter().map(|(number, _)| *number);
            let other = members.find(|number| *number as f64 != field.default);
            // One that has no name yet is kept by its number.
            member(of, other.unwrap_or(number))
        }
        Kind::Vector(of) => match of {
            Kind::Ubyte => Attr::Bytes((&[7, 0, 9][..]).into()),
            Kind::Bool => Attr::List(vec![Attr::Bool(true), Attr::Bool(false)]),
            Kind::Float => Attr::List(vec![Attr::Float(0.5), Attr::Float(-1.0)]),
            Kind::Enum(of) => Attr::List(vec![member(of, 1), member(of, 0)]),
            _ => Attr::List(vec![Attr::Int(3), Attr::Int(1)]),
        },
        _ => Attr::Int(number),
    }
}

fn member(of: &'static Enum, value: i64) -> Attr {
    match std::ptr::eq(of, &tables::TensorType) {
        true => Attr::Type(DType::Float16),
        false => Attr::Enum {
            name: name_or_number(of.member(value), value),
            value,
        },
    }
}

/// One operator in a graph, and a second graph that it may call.
fn alone(op: &str, attrs: Attrs) -> Model {
    let mut model = super::made::model();
    let mut graph = Graph::new("main", GraphKind::Subgraph, Dialect::Tflite);
    let value = Value::new("y", DType::Float32, Shape::of(&[2]));
    let y = graph.add_value(value);
    let mut node = Node::new("y", op);
    node.version = 1;
    node.outputs = vec![y];
    node.attrs = attrs;
    graph.add_node(node);
    let called = Graph::new("called", GraphKind::Subgraph, Dialect::Tflite);
    let meta_graph = &mut model.meta_graphs[0];
    meta_graph.graphs = vec![graph, called];
    meta_graph.signatures.clear();
    model
}

/// Fields of `table`, none at its default.
fn filled(table: &Table) -> Attrs {
    let fields = table.fields.iter();
    fields
        .map(|field| (field.name.into(), other_than_default(field)))
        .collect()
}

#[test]
fn every_field_of_every_options_table_survives() {
    let mut seen = BTreeSet::new();
    for operator in tables::OPERATORS {
        let attrs = operator.options.map(filled).unwrap_or_default();
        let file = write(&alone(operator.name, attrs.clone())).unwrap();
        let dumped = dump(&file, &mut seen);
        let again = read_bytes(file.into(), Path::new("one.tflite")).unwrap();
        let node = &again.meta_graphs[0].graphs[0].nodes[0];
        assert_eq!(
            format!("{:?}", node.attrs),
            format!("{attrs:?}"),
            "{}",
            operator.name
        );
        // The other reader finds the table that the schema names, with as many fields.
        if let Some(table) = operator.options {
            let written = &dumped["subgraphs"][0]["operators"][0];
            let union = match operator.second {
                true => &written["builtin_options_2"],
                false => &written["builtin_options"],
            };
            let fields = union[table.name].as_object().map_or(0, Map::len);
            assert_eq!(fields, table.fields.len(), "{}", operator.name);
        }
    }
    // Tables of no operator any more have no way into a file.
    let schema = fbs::schema();
    let forgotten: Vec<String> = schema
        .fields()
        .filter(|(table, _)| schema.has_operator(table))
        .map(|(table, field)| format!("{table}.{}", field.name))
        .filter(|field| !seen.contains(field))
        .collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

#[test]
fn the_schema_is_the_one_that_the_facts_list() {
    let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
    let Ok(facts) = std::fs::read_to_string(shared.join("tflite_schema_facts.tsv")) else {
        eprintln!("skipped: no shared facts at {}", shared.display());
        return;
    };
    let schema = fbs::schema();
    let known: BTreeSet<String> = schema
        .fields()
        .map(|(table, field)| format!("{table} {} {}", field.id, field.name))
        .collect();
    let rows = facts.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("field\t")?.split('\t');
        let (table, id, name) = (cells.next()?, cells.next()?, cells.next()?);
        // The tag of a union is part of it here.
        let tag = name.ends_with("_type") && cells.next() == Some("union-tag");
        (!tag || name.starts_with("builtin_options")).then(|| format!("{table} {id} {name}"))
    });
    let listed: BTreeSet<String> = rows.collect();
    let missing: Vec<_> = listed.difference(&known).collect();
    let extra: Vec<_> = known.difference(&listed).collect();
    assert!(listed.len() > 300, "{}", listed.len());
    assert!(
        missing.is_empty() && extra.is_empty(),
        "{missing:?} {extra:?}"
    );
}

#[test]
fn shared_models_keep_every_field() {
    for path in shared_models() {
        let file = std::fs::read(&path).unwrap();
        // The dump is for structure: a few large files more would say nothing new.
        if file.len() > 2 << 20 {
            continue;
        }
        let Ok(model) = read(&path) else { continue };
        let Ok(written) = write(&model) else { continue };
        let before = settled(dump(&file, &mut BTreeSet::new()), &file);
        let after = settled(dump(&written, &mut BTreeSet::new()), &written);
        let (before, after) = (format!("{before:#}"), format!("{after:#}"));
        let pairs = before.lines().zip(after.lines());
        let difference = pairs.into_iter().find(|(a, b)| a != b);
        assert!(before == after, "{}: {difference:?}", path.display());
    }
}

#[test]
fn numbers_that_the_schema_does_not_know_are_shown_and_not_written() {
    let refused = |change: &dyn Fn(&mut future::Patch)| -> String {
        let mut patch = future::Patch::default();
        change(&mut patch);
        let file = future::file(&patch);
        let model = read_bytes(file.into(), Path::new("new.tflite")).unwrap();
        let graph = &model.meta_graphs[0].graphs[0];
        let node = &graph.nodes[0];
        let shown = format!(
            "{} {} {:?}",
            node.op,
            graph.values[0].dtype,
            node.attrs.get("builtin_options").map(|a| format!("{a:?}"))
        );
        format!("{shown} | {}", write(&model).unwrap_err())
    };
    insta::assert_snapshot!(refused(&|p| p.code = 300), @"300 float32 None | operator_codes: operator number 300, which schema version 3d does not know; the file is newer than this program; it can be shown, not written again");
    insta::assert_snapshot!(refused(&|p| p.dtype = 99), @r#"ADD type 99 None | subgraph "": tensor "y": elements of type 99, which schema version 3d does not know; the file is newer than this program; it can be shown, not written again"#);
    insta::assert_snapshot!(refused(&|p| p.options = 200), @r#"ADD float32 Some("Opaque(\"BuiltinOptions table 200\")") | subgraph "": node "y": builtin_options: the options are BuiltinOptions table 200, which schema version 3d does not know; the file is newer than this program; it can be shown, not written again"#);
}

/// A file of one operator from the future.
mod future {
    use super::*;

    #[derive(Default)]
    pub struct Patch {
        pub code: i32,
        pub dtype: i8,
        pub options: u8,
    }

    pub fn file(patch: &Patch) -> Vec<u8> {
        let mut builder = Fbb::new();
        let fbb = &mut builder;
        let tensor = plain(fbb, "y", patch.dtype, &[2]);
        let tensor = fb::Tensor::create(fbb, &tensor);
        let outputs = fbb.create_vector(&[0i32]);
        let options = empty(fbb);
        let operator = fb::OperatorArgs {
            outputs: Some(outputs),
            builtin_options_type: patch.options,
            builtin_options: (patch.options > 0).then(|| WIPOffset::new(options.value())),
            ..Default::default()
        };
        let operator = fb::Operator::create(fbb, &operator);
        let graph = fb::SubGraphArgs {
            tensors: Some(fbb.create_vector(&[tensor])),
            operators: Some(fbb.create_vector(&[operator])),
            ..Default::default()
        };
        let graph = fb::SubGraph::create(fbb, &graph);
        let code = fb::OperatorCodeArgs {
            builtin_code: fb::BuiltinOperator(patch.code),
            ..Default::default()
        };
        let code = fb::OperatorCode::create(fbb, &code);
        let args = fb::ModelArgs {
            version: 3,
            operator_codes: Some(fbb.create_vector(&[code])),
            subgraphs: Some(fbb.create_vector(&[graph])),
            ..Default::default()
        };
        let root = fb::Model::create(fbb, &args);
        fbb.finish(root, Some("TFL3"));
        fbb.finished_data().to_vec()
    }
}
