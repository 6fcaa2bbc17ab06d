//! Models of any size without any training: graphs of a given shape, and weights that take no room on the disk
//! (sparse files).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use flatbuffers::FlatBufferBuilder;
use prost::Message;

/// A node by name, operator, inputs and attributes.
#[derive(Clone, PartialEq, Message)]
pub struct Node {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    op: String,
    #[prost(string, repeated, tag = "3")]
    input: Vec<String>,
    #[prost(btree_map = "string, message", tag = "5")]
    attr: BTreeMap<String, Attr>,
}

#[derive(Clone, PartialEq, Message)]
struct Attr {
    #[prost(oneof = "Value", tags = "2, 6, 7")]
    value: Option<Value>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Value {
    #[prost(bytes, tag = "2")]
    Text(Vec<u8>),
    #[prost(int32, tag = "6")]
    Type(i32),
    #[prost(message, tag = "7")]
    Shape(Shape),
}

#[derive(Clone, PartialEq, Message)]
struct Shape {
    #[prost(message, repeated, tag = "2")]
    dim: Vec<Dim>,
}

#[derive(Clone, PartialEq, Message)]
struct Dim {
    #[prost(int64, tag = "1")]
    size: i64,
}

#[derive(Clone, PartialEq, Message)]
struct SavedModel {
    #[prost(int64, tag = "1")]
    schema_version: i64,
    #[prost(message, repeated, tag = "2")]
    meta_graphs: Vec<MetaGraph>,
}

#[derive(Clone, PartialEq, Message)]
struct MetaGraph {
    #[prost(message, optional, tag = "1")]
    info: Option<Info>,
    #[prost(message, optional, tag = "2")]
    graph: Option<Graph>,
    #[prost(btree_map = "string, message", tag = "5")]
    signatures: BTreeMap<String, Signature>,
}

#[derive(Clone, PartialEq, Message)]
struct Info {
    #[prost(string, repeated, tag = "4")]
    tags: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    nodes: Vec<Node>,
}

#[derive(Clone, PartialEq, Message)]
struct Signature {
    #[prost(btree_map = "string, message", tag = "1")]
    inputs: BTreeMap<String, TensorInfo>,
    #[prost(btree_map = "string, message", tag = "2")]
    outputs: BTreeMap<String, TensorInfo>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorInfo {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int32, tag = "2")]
    dtype: i32,
    #[prost(message, optional, tag = "3")]
    shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
struct Header {
    #[prost(int32, tag = "1")]
    shards: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(int32, tag = "1")]
    dtype: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
    #[prost(int64, tag = "4")]
    offset: i64,
    #[prost(int64, tag = "5")]
    size: i64,
}

const FLOAT: i32 = 1;
/// Of many small variables, those that operators read.
const MOST_READ: usize = 5_000;

fn shape(sizes: &[i64]) -> Shape {
    Shape {
        dim: sizes.iter().map(|&size| Dim { size }).collect(),
    }
}

fn node(name: &str, op: &str, input: &[&str], attrs: &[(&str, Value)]) -> Node {
    Node {
        name: name.to_owned(),
        op: op.to_owned(),
        input: input.iter().map(|&i| i.to_owned()).collect(),
        attr: attrs
            .iter()
            .map(|(name, value)| {
                let value = Some(value.clone());
                ((*name).to_owned(), Attr { value })
            })
            .collect(),
    }
}

fn placeholder(name: &str, sizes: &[i64]) -> Node {
    let attrs = [
        ("dtype", Value::Type(FLOAT)),
        ("shape", Value::Shape(shape(sizes))),
    ];
    node(name, "Placeholder", &[], &attrs)
}

/// `count` operators, each fed by the one before and by another of the `window` before that.
/// `scope(i)` is what stands before the name of operator i.
pub fn operators(count: usize, window: usize, scope: impl Fn(usize) -> String) -> Vec<Node> {
    let mut nodes = vec![placeholder("x", &[-1, 64])];
    let mut names = vec!["x".to_owned()];
    // Knuth's multiplicative hash: the same edges at every run.
    let other = |at: usize| at.wrapping_mul(2_654_435_761) >> 7;
    for at in 1..count {
        let name = format!("{}op_{at}", scope(at));
        let before = names[at - 1].clone();
        let far = names[at - 1 - other(at) % window.min(at)].clone();
        let (op, inputs): (&str, &[&str]) = match at % 3 {
            0 => ("AddV2", &[&before, &far]),
            1 => ("Mul", &[&before, &far]),
            _ => ("Relu", &[&before]),
        };
        nodes.push(node(&name, op, inputs, &[("T", Value::Type(FLOAT))]));
        names.push(name);
    }
    nodes
}

/// Dense layers with `bytes` of kernels in all, each a variable of its own.
pub fn dense_layers(layers: usize, bytes: u64) -> (Vec<Node>, Vec<(String, Vec<i64>)>) {
    let width = (bytes as f64 / layers as f64 / 4.0).sqrt() as i64;
    let mut nodes = vec![placeholder("x", &[-1, width])];
    let mut variables = Vec::new();
    let mut last = "x".to_owned();
    for layer in 0..layers {
        let scope = format!("net/block_{:03}/dense_{}", layer / 4, layer % 4);
        for (part, sizes) in [("kernel", vec![width, width]), ("bias", vec![width])] {
            let name = format!("{scope}/{part}");
            let attrs = [
                ("dtype", Value::Type(FLOAT)),
                ("shape", Value::Shape(shape(&sizes))),
                ("shared_name", Value::Text(name.clone().into_bytes())),
            ];
            nodes.push(node(&name, "VarHandleOp", &[], &attrs));
            let read = format!("{name}/Read");
            let dtype = [("dtype", Value::Type(FLOAT))];
            nodes.push(node(&read, "ReadVariableOp", &[&name], &dtype));
            variables.push((name, sizes));
        }
        let own = |part: &str| format!("{scope}/{part}");
        let typed = [("T", Value::Type(FLOAT))];
        let (kernel, bias) = (own("kernel/Read"), own("bias/Read"));
        nodes.push(node(&own("MatMul"), "MatMul", &[&last, &kernel], &typed));
        let (product, sum) = (own("MatMul"), own("BiasAdd"));
        nodes.push(node(&sum, "BiasAdd", &[&product, &bias], &typed));
        last = own("Relu");
        nodes.push(node(&last, "Relu", &[&sum], &typed));
    }
    (nodes, variables)
}

/// `count` variables of 16 numbers, each read by an operator.
pub fn small_variables(
    count: usize,
    scope: impl Fn(usize) -> String,
) -> (Vec<Node>, Vec<(String, Vec<i64>)>) {
    let mut nodes = vec![placeholder("x", &[-1, 16])];
    let mut variables = Vec::new();
    let mut last = "x".to_owned();
    for at in 0..count {
        let name = format!("{}weight_{at}", scope(at));
        let sizes = vec![16];
        let attrs = [
            ("dtype", Value::Type(FLOAT)),
            ("shape", Value::Shape(shape(&sizes))),
            ("shared_name", Value::Text(name.clone().into_bytes())),
        ];
        nodes.push(node(&name, "VarHandleOp", &[], &attrs));
        // All are stored; the first ones are also used.
        if at < MOST_READ {
            let (read, sum) = (format!("{name}/Read"), format!("{name}/Add"));
            let dtype = [("dtype", Value::Type(FLOAT))];
            nodes.push(node(&read, "ReadVariableOp", &[&name], &dtype));
            let typed = [("T", Value::Type(FLOAT))];
            nodes.push(node(&sum, "AddV2", &[&last, &read], &typed));
            last = sum;
        }
        variables.push((name, sizes));
    }
    nodes.push(node(
        "y",
        "Identity",
        &[&last],
        &[("T", Value::Type(FLOAT))],
    ));
    (nodes, variables)
}

/// Writes a SavedModel; the shards are sparse files.
pub fn saved_model(
    folder: &Path,
    nodes: Vec<Node>,
    variables: &[(String, Vec<i64>)],
) -> std::io::Result<()> {
    let info = |name: &str| TensorInfo {
        name: format!("{name}:0"),
        dtype: FLOAT,
        shape: Some(shape(&[-1, 64])),
    };
    let output = nodes.last().map(|n| n.name.clone()).unwrap_or_default();
    let signature = Signature {
        inputs: BTreeMap::from([("x".to_owned(), info("x"))]),
        outputs: BTreeMap::from([("y".to_owned(), info(&output))]),
    };
    let model = SavedModel {
        schema_version: 1,
        meta_graphs: vec![MetaGraph {
            info: Some(Info {
                tags: vec!["serve".to_owned()],
            }),
            graph: Some(Graph { nodes }),
            signatures: BTreeMap::from([("serving_default".to_owned(), signature)]),
        }],
    };
    fs::create_dir_all(folder.join("variables"))?;
    fs::write(folder.join("saved_model.pb"), model.encode_to_vec())?;
    let mut sorted: Vec<_> = variables.iter().collect();
    sorted.sort();
    let mut entries = vec![(Vec::new(), Header { shards: 1 }.encode_to_vec())];
    let mut offset = 0;
    for (name, sizes) in sorted {
        let size = 4 * sizes.iter().product::<i64>();
        let entry = Entry {
            dtype: FLOAT,
            shape: Some(shape(sizes)),
            offset,
            size,
        };
        entries.push((name.clone().into_bytes(), entry.encode_to_vec()));
        offset += size;
    }
    let variables = folder.join("variables");
    fs::write(variables.join("variables.index"), table(&entries))?;
    let shard = File::create(variables.join("variables.data-00000-of-00001"))?;
    shard.set_len(offset as u64)
}

/// A checkpoint's table: one block of entries, an empty one, the index block, the footer.
fn table(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
    fn put(out: &mut Vec<u8>, value: usize) {
        prost::encoding::encode_varint(value as u64, out);
    }
    fn block(out: &mut Vec<u8>, entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let begin = out.len();
        for (key, value) in entries {
            put(out, 0);
            put(out, key.len());
            put(out, value.len());
            out.extend(key);
            out.extend(value);
        }
        // One restart point, at the beginning.
        out.extend([0, 0, 0, 0, 1, 0, 0, 0]);
        let mut handle = Vec::new();
        put(&mut handle, begin);
        put(&mut handle, out.len() - begin);
        out.push(0);
        let crc = crc32c::crc32c(&out[begin..]);
        out.extend((crc.rotate_right(15).wrapping_add(0xa282_ead8)).to_le_bytes());
        handle
    }
    let mut out = Vec::new();
    let data = block(&mut out, entries);
    let mut footer = block(&mut out, &[]);
    let last = entries.last().map(|e| e.0.clone()).unwrap_or_default();
    footer.extend(block(&mut out, &[(last, data)]));
    footer.resize(40, 0);
    out.extend(footer);
    out.extend(MAGIC.to_le_bytes());
    out
}

/// Writes a chain of `FULLY_CONNECTED` whose weights, `bytes` in all, stand behind the flatbuffer in a sparse file,
/// as they do in models over 2 GB.
pub fn tflite(path: &Path, layers: usize, bytes: u64) -> std::io::Result<()> {
    const ALIGNMENT: u64 = 16;
    let width = (bytes as f64 / layers as f64 / 4.0).sqrt() as u64;
    let size = 4 * width * width;
    // Offsets are wide numbers, so the length does not depend on them.
    let length = flatbuffer(layers, width, u64::MAX / 2).len() as u64;
    let begin = length.next_multiple_of(ALIGNMENT);
    let mut file = File::create(path)?;
    file.write_all(&flatbuffer(layers, width, begin))?;
    file.set_len(begin + size.next_multiple_of(ALIGNMENT) * layers as u64)
}

/// Slots of the schema's tables: 4 + 2 × the number of the field.
fn slot(field: u16) -> u16 {
    4 + 2 * field
}

fn flatbuffer(layers: usize, width: u64, begin: u64) -> Vec<u8> {
    const FULLY_CONNECTED: i8 = 9;
    let size = 4 * width * width;
    let mut builder = FlatBufferBuilder::new();
    let width = width as i32;
    let mut tensors = Vec::new();
    let mut tensor = |builder: &mut FlatBufferBuilder, name: &str, sizes: &[i32], buffer: u32| {
        let (name, sizes) = (builder.create_string(name), builder.create_vector(sizes));
        let table = builder.start_table();
        builder.push_slot_always(slot(0), sizes);
        builder.push_slot(slot(2), buffer, 0);
        builder.push_slot_always(slot(3), name);
        tensors.push(builder.end_table(table));
    };
    tensor(&mut builder, "x", &[1, width], 0);
    for layer in 0..layers {
        let scope = format!("net/block_{:03}/dense_{}", layer / 4, layer % 4);
        let sizes = [width, width];
        tensor(
            &mut builder,
            &format!("{scope}/kernel"),
            &sizes,
            layer as u32 + 1,
        );
        tensor(&mut builder, &format!("{scope}/MatMul"), &[1, width], 0);
    }
    let mut operators = Vec::new();
    for layer in 0..layers as i32 {
        let inputs = builder.create_vector(&[2 * layer, 2 * layer + 1, -1]);
        let outputs = builder.create_vector(&[2 * layer + 2]);
        let table = builder.start_table();
        builder.push_slot_always(slot(1), inputs);
        builder.push_slot_always(slot(2), outputs);
        operators.push(builder.end_table(table));
    }
    let mut buffers = Vec::new();
    for at in 0..=layers as u64 {
        let table = builder.start_table();
        if at > 0 {
            let offset = begin + (at - 1) * size.next_multiple_of(16);
            builder.push_slot_always(slot(1), offset);
            builder.push_slot_always(slot(2), size);
        }
        buffers.push(builder.end_table(table));
    }
    let table = builder.start_table();
    builder.push_slot_always(slot(0), FULLY_CONNECTED);
    builder.push_slot_always(slot(3), i32::from(FULLY_CONNECTED));
    let code = builder.end_table(table);
    let codes = builder.create_vector(&[code]);
    let (tensors, operators) = (
        builder.create_vector(&tensors),
        builder.create_vector(&operators),
    );
    let inputs = builder.create_vector(&[0]);
    let outputs = builder.create_vector(&[2 * layers as i32]);
    let table = builder.start_table();
    builder.push_slot_always(slot(0), tensors);
    builder.push_slot_always(slot(1), inputs);
    builder.push_slot_always(slot(2), outputs);
    builder.push_slot_always(slot(3), operators);
    let subgraph = builder.end_table(table);
    let (subgraphs, buffers) = (
        builder.create_vector(&[subgraph]),
        builder.create_vector(&buffers),
    );
    let table = builder.start_table();
    builder.push_slot_always(slot(0), 3u32);
    builder.push_slot_always(slot(1), codes);
    builder.push_slot_always(slot(2), subgraphs);
    builder.push_slot_always(slot(4), buffers);
    let root = builder.end_table(table);
    builder.finish(root, Some("TFL3"));
    builder.finished_data().to_vec()
}
