use super::*;
use crate::model::{Attr, Attrs, DType, Port, Shape};

/// `name = op(inputs)` with one float output.
fn add(graph: &mut Graph, name: &str, op: &str, inputs: &[ValueId]) -> ValueId {
    let out = graph.add_value(Value::new(
        format!("{name}:0"),
        DType::Float32,
        Shape::UNKNOWN,
    ));
    let mut node = Node::new(name, op);
    node.inputs = inputs.iter().copied().map(Some).collect();
    node.outputs = vec![out];
    graph.add_node(node);
    out
}

fn last(graph: &mut Graph) -> &mut Node {
    graph.nodes.last_mut().unwrap()
}

fn calls(graph: &mut Graph, function: &str) {
    last(graph).attrs.set(
        "f",
        Attr::Func {
            name: function.into(),
            attrs: Attrs::new(),
        },
    );
}

fn function(name: &str, body: impl FnOnce(&mut Graph, ValueId) -> ValueId) -> Graph {
    let mut graph = Graph::new(name, GraphKind::Function, Dialect::Tf);
    let arg = graph.add_value(Value::new("x", DType::Float32, Shape::of(&[2])));
    graph.inputs = vec![Some(arg)];
    let out = body(&mut graph, arg);
    graph.outputs = vec![Some(out)];
    graph.output_names = vec!["y".into()];
    graph
}

fn model(main: Graph, functions: Vec<Graph>, input: ValueId, output: ValueId) -> MetaGraph {
    let port = |name: &str, value| Port {
        value: Some(value),
        ..Port::new(name, DType::Float32, Shape::UNKNOWN)
    };
    let mut graphs = vec![main];
    graphs.extend(functions);
    let signature = Signature {
        key: "s".into(),
        method: "".into(),
        deprecated_tag: None,
        graph: 0,
        inputs: vec![port("in", input)],
        outputs: vec![port("out", output)],
        implied: false,
    };
    MetaGraph::new(Dialect::Tf, graphs, vec![signature])
}

fn main_with_call(function: &str) -> (Graph, ValueId, ValueId) {
    let mut main = Graph::new("main", GraphKind::Main, Dialect::Tf);
    let x = add(&mut main, "x", "Placeholder", &[]);
    let y = add(&mut main, "call", "StatefulPartitionedCall", &[x]);
    calls(&mut main, function);
    add(&mut main, "unused", "Neg", &[x]);
    (main, x, y)
}

fn ops(graph: &Graph) -> Vec<String> {
    graph
        .nodes
        .iter()
        .map(|n| format!("{} {}", n.name, n.op))
        .collect()
}

#[test]
fn nested_calls_become_one_graph() {
    let (main, x, y) = main_with_call("outer");
    let outer = function("outer", |g, x| {
        let y = add(g, "inner_call", "inner", &[x]);
        add(g, "relu", "Relu", &[y])
    });
    let inner = function("inner", |g, x| add(g, "neg", "Neg", &[x]));
    let meta_graph = model(main, vec![outer, inner], x, y);
    let flat = flatten(&meta_graph, &meta_graph.signatures[0]).unwrap();
    let mut names = ops(&flat);
    names.sort();
    assert_eq!(names, ["call/inner_call/neg Neg", "call/relu Relu"]);
    assert_eq!(flat.inputs.len(), 1);
    let relu = flat.producer(flat.outputs[0].unwrap()).unwrap();
    let neg = flat.producer(relu.input(0).unwrap()).unwrap();
    assert_eq!(neg.input(0), flat.inputs[0]);
}

#[test]
fn an_argument_handed_back_is_the_input_itself() {
    let (main, x, y) = main_with_call("same");
    let meta_graph = model(main, vec![function("same", |_, x| x)], x, y);
    let flat = flatten(&meta_graph, &meta_graph.signatures[0]).unwrap();
    assert_eq!(flat.outputs, flat.inputs);
    assert!(flat.nodes.is_empty());
}

#[test]
fn what_cannot_be_inlined_is_said() {
    let flat = |functions: Vec<Graph>| {
        let (main, x, y) = main_with_call("f");
        let meta_graph = model(main, functions, x, y);
        flatten(&meta_graph, &meta_graph.signatures[0])
            .unwrap_err()
            .to_string()
    };
    assert!(flat(Vec::new()).contains("not in the model's library"));
    let recursive = function("f", |g, x| add(g, "again", "f", &[x]));
    assert!(flat(vec![recursive]).contains("calls itself"));
    let mut wide = function("f", |_, x| x);
    wide.inputs.push(None);
    assert!(flat(vec![wide]).contains("it has 2 and 1"));
    // Each function calls the next twice, 2^30 times the last one, which does nothing.
    let doubling: Vec<Graph> = (0..30)
        .map(|i| {
            let name = if i == 0 {
                "f".to_owned()
            } else {
                format!("f{i}")
            };
            function(&name, |g, x| {
                let next = format!("f{}", i + 1);
                if i == 29 {
                    return x;
                }
                let y = add(g, "a", &next, &[x]);
                add(g, "b", &next, &[y])
            })
        })
        .collect();
    assert!(flat(doubling).contains("more often than a model can mean"));
}

#[test]
fn assignments_run_though_nobody_reads_them_and_come_in_order() {
    let (mut main, x, y) = main_with_call("f");
    let handle = add(&mut main, "v", "VarHandleOp", &[]);
    main.nodes[1].inputs.push(Some(handle));
    let mut f = Graph::new("f", GraphKind::Function, Dialect::Tf);
    let arg = f.add_value(Value::new("x", DType::Float32, Shape::UNKNOWN));
    let resource = f.add_value(Value::new("r", DType::Resource, Shape::UNKNOWN));
    f.inputs = vec![Some(arg), Some(resource)];
    let read = add(&mut f, "read", "ReadVariableOp", &[resource]);
    let mut assign = Node::new("assign", "AssignVariableOp");
    assign.inputs = vec![Some(resource), Some(arg)];
    assign.control = vec![NodeId(0)];
    let assign = f.add_node(assign);
    f.outputs = vec![Some(read)];
    f.control_outputs = vec![assign];
    let meta_graph = model(main, vec![f], x, y);
    let flat = flatten(&meta_graph, &meta_graph.signatures[0]).unwrap();
    let done = flat.node(flat.control_outputs[0]);
    assert_eq!(&*done.name, "call/assign");
    assert_eq!(&*flat.node(done.control[0]).op, "ReadVariableOp");
    let held = flat.producer(done.input(0).unwrap()).unwrap();
    assert_eq!(&*held.op, "VarHandleOp");
}

#[test]
fn control_edges_mean_nothing_without_effects() {
    let (main, x, y) = main_with_call("f");
    let f = function("f", |g, x| {
        let y = add(g, "a", "Neg", &[x]);
        add(g, "wait", "NoOp", &[]);
        last(g).control = vec![NodeId(0)];
        let z = add(g, "b", "Relu", &[y]);
        last(g).control = vec![NodeId(1)];
        z
    });
    let meta_graph = model(main, vec![f], x, y);
    let flat = flatten(&meta_graph, &meta_graph.signatures[0]).unwrap();
    assert_eq!(flat.nodes.len(), 2);
    assert!(flat.nodes.iter().all(|n| n.control.is_empty()));
}
