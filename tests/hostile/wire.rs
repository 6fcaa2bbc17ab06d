//! Messages and models written by hand, so that they can be wrong.

use flatbuffers::FlatBufferBuilder;

/// Protobuf: fields one after another.
#[derive(Default, Clone)]
pub struct Message(pub Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    #[must_use]
    pub fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    #[must_use]
    pub fn bytes(mut self, field: u64, value: impl AsRef<[u8]>) -> Self {
        self.varint(field << 3 | 2);
        self.varint(value.as_ref().len() as u64);
        self.0.extend_from_slice(value.as_ref());
        self
    }

    #[must_use]
    pub fn message(self, field: u64, value: &Message) -> Self {
        self.bytes(field, &value.0)
    }

    /// An entry of a map.
    #[must_use]
    pub fn entry(self, field: u64, key: &str, value: &Message) -> Self {
        self.message(field, &Message::default().bytes(1, key).message(2, value))
    }
}

pub fn message() -> Message {
    Message::default()
}

const FLOAT: u64 = 1;

/// A NodeDef whose type attributes are all float.
pub fn node(name: &str, op: &str, inputs: &[&str], types: &[&str]) -> Message {
    let mut node = message().bytes(1, name).bytes(2, op);
    for input in inputs {
        node = node.bytes(3, input);
    }
    for attr in types {
        node = node.entry(5, attr, &message().number(6, FLOAT));
    }
    node
}

pub fn placeholder(name: &str) -> Message {
    node(name, "Placeholder", &[], &["dtype"])
}

/// A call of a function with one float in and out.
pub fn call(name: &str, function: &str, input: &str) -> Message {
    let one = message().message(1, &message().number(6, FLOAT));
    let function = message().message(10, &message().bytes(1, function));
    node(name, "PartitionedCall", &[input], &[])
        .entry(5, "f", &function)
        .entry(5, "Tin", &one)
        .entry(5, "Tout", &one)
}

/// A function of one float `x` with the result `y`, which is `result`.
pub fn function(name: &str, nodes: &[Message], result: &str) -> Message {
    let arg = |name: &str| message().bytes(1, name).number(3, FLOAT);
    let signature = message()
        .bytes(1, name)
        .message(2, &arg("x"))
        .message(3, &arg("y"));
    let mut function = message().message(1, &signature);
    for node in nodes {
        function = function.message(3, node);
    }
    function.message(4, &message().bytes(1, "y").bytes(2, result))
}

/// A SavedModel with the signature x → y of nodes of these names; `more` are other fields of its MetaGraphDef.
pub fn saved_model(nodes: &[Message], functions: &[Message], more: Message) -> Vec<u8> {
    let mut graph = message();
    for node in nodes {
        graph = graph.message(1, node);
    }
    let mut library = message();
    for function in functions {
        library = library.message(1, function);
    }
    let port = |name: &str| message().bytes(1, name).number(2, FLOAT);
    let signature = message()
        .entry(1, "x", &port("x:0"))
        .entry(2, "y", &port("y:0"));
    let mut meta = message()
        .message(1, &message().bytes(4, "serve"))
        .message(2, &graph.message(2, &library))
        .entry(5, "serving_default", &signature);
    meta.0.extend(more.0);
    message().number(1, 1).message(2, &meta).0
}

/// Slots of a flatbuffer's table: 4 + 2 × the number of the field.
fn slot(field: u16) -> u16 {
    4 + 2 * field
}

/// A `.tflite` of bools with one operator per subgraph, `IF` with these branches. Its constant is in the external
/// file of that name, if there is one.
pub fn tflite(branches: &[(i32, i32)], external: Option<&str>) -> Vec<u8> {
    const BOOL: i8 = 6;
    const IF: i32 = 118;
    const IF_OPTIONS: u8 = 92;
    let mut builder = FlatBufferBuilder::new();
    let mut subgraphs = Vec::new();
    for &(then, other) in branches {
        let tensors: Vec<_> = ["x", "y", "k"]
            .iter()
            .map(|name| {
                let text = builder.create_string(name);
                let shape = builder.create_vector(&[1i32]);
                let table = builder.start_table();
                builder.push_slot_always(slot(0), shape);
                builder.push_slot(slot(1), BOOL, 0);
                builder.push_slot_always(slot(3), text);
                if *name == "k" && external.is_some() {
                    builder.push_slot_always(slot(10), 1u32);
                }
                builder.end_table(table)
            })
            .collect();
        let tensors = builder.create_vector(&tensors);
        let inputs = builder.create_vector(&[0i32]);
        let outputs = builder.create_vector(&[1i32]);
        let table = builder.start_table();
        builder.push_slot_always(slot(0), then);
        builder.push_slot_always(slot(1), other);
        let options = builder.end_table(table);
        let table = builder.start_table();
        builder.push_slot_always(slot(1), inputs);
        builder.push_slot_always(slot(2), outputs);
        builder.push_slot_always(slot(3), IF_OPTIONS);
        builder.push_slot_always(slot(4), options);
        let operator = builder.end_table(table);
        let operators = builder.create_vector(&[operator]);
        let table = builder.start_table();
        builder.push_slot_always(slot(0), tensors);
        builder.push_slot_always(slot(1), inputs);
        builder.push_slot_always(slot(2), outputs);
        builder.push_slot_always(slot(3), operators);
        subgraphs.push(builder.end_table(table));
    }
    let table = builder.start_table();
    builder.push_slot_always(slot(0), IF as i8);
    builder.push_slot_always(slot(3), IF);
    let code = builder.end_table(table);
    let codes = builder.create_vector(&[code]);
    let subgraphs = builder.create_vector(&subgraphs);
    let table = builder.start_table();
    let buffer = builder.end_table(table);
    let buffers = builder.create_vector(&[buffer]);
    let external = external.map(|name| {
        let name = builder.create_string(name);
        let table = builder.start_table();
        builder.push_slot_always(slot(0), name);
        let group = builder.end_table(table);
        let groups = builder.create_vector(&[group]);
        let table = builder.start_table();
        builder.push_slot_always(slot(0), 1u32);
        builder.push_slot_always(slot(1), 0u32);
        builder.push_slot_always(slot(2), 0u64);
        builder.push_slot_always(slot(3), 1u64);
        let buffer = builder.end_table(table);
        (groups, builder.create_vector(&[buffer]))
    });
    let table = builder.start_table();
    builder.push_slot_always(slot(0), 3u32);
    builder.push_slot_always(slot(1), codes);
    builder.push_slot_always(slot(2), subgraphs);
    builder.push_slot_always(slot(4), buffers);
    if let Some((groups, buffers)) = external {
        builder.push_slot_always(slot(8), groups);
        builder.push_slot_always(slot(9), buffers);
    }
    let root = builder.end_table(table);
    builder.finish(root, Some("TFL3"));
    builder.finished_data().to_vec()
}
