//! What is stored or asked for in vain.

use std::collections::HashSet;

use super::{Finding, Kind, Severity, Spot, listed, plural};
use crate::analysis::sizes::Place;
use crate::model::inline::flatten;
use crate::model::{
    Graph, MetaGraph, Model, Signature, ValueId, Variable, VariableId, VariableRole,
};

pub fn findings(model: &Model) -> Vec<Finding> {
    let mut findings: Vec<Finding> = model
        .shards
        .iter()
        .filter(|s| s.bytes.is_none())
        .map(|s| {
            let text = format!("shard {} is missing", s.file);
            Finding::new(Severity::Bad, Kind::Damage, text)
                .advise("copy it beside the others from where the model came from")
        })
        .collect();
    let mut used = HashSet::new();
    // Whether every signature could be followed to what it uses.
    let mut followed = true;
    for (at, meta_graph) in model.meta_graphs.iter().enumerate() {
        for (index, signature) in meta_graph.signatures.iter().enumerate() {
            // A signature that can't be inlined says so when it is run.
            let Ok(graph) = flatten(meta_graph, signature) else {
                followed = false;
                continue;
            };
            used.extend(graph.nodes.iter().filter_map(|n| n.variable));
            findings.extend(ends(at, index, signature, &graph));
        }
        used.extend(by_control_flow(meta_graph));
    }
    // Where a signature can't be followed, what it uses is not known.
    let in_use = (followed && !used.is_empty()).then_some(&used);
    findings.extend(stored_in_vain(model, in_use));
    findings
}

/// Variables that functions of loops and branches hold themselves.
fn by_control_flow(meta_graph: &MetaGraph) -> impl Iterator<Item = VariableId> {
    let functions = meta_graph.graphs.iter().skip(1);
    functions.flat_map(|g| g.nodes.iter().filter_map(|n| n.variable))
}

fn stored_in_vain(model: &Model, used: Option<&HashSet<VariableId>>) -> Vec<Finding> {
    let all = || {
        let ids = model.variables.iter().enumerate();
        ids.map(|(i, v)| (VariableId(i as u32), v))
    };
    let of_role = |role: VariableRole| -> Vec<(VariableId, &Variable)> {
        all().filter(|(_, v)| v.role == role).collect()
    };
    let unused: Vec<(VariableId, &Variable)> = match used {
        Some(used) => all()
            .filter(|(id, v)| {
                v.role == VariableRole::Weight && v.dtype.is_float() && !used.contains(id)
            })
            .collect(),
        None => Vec::new(),
    };
    // Keras 3 exports each variable twice: for the signatures, and for loading it as a Keras model.
    let twins: HashSet<&str> = all()
        .filter(|(id, _)| used.is_some_and(|used| used.contains(id)))
        .map(|(_, v)| &*v.name)
        .collect();
    let (copies, unused): (Vec<_>, Vec<_>) = unused
        .into_iter()
        .partition(|(_, v)| twins.contains(&*v.name));
    let groups = [
        (
            of_role(VariableRole::Orphan),
            [
                "is stored but named by nothing in the graph",
                "are stored but named by nothing in the graph",
            ],
            "save the model again; if an optimizer or another model wrote them, leave that out",
        ),
        (
            of_role(VariableRole::Optimizer),
            ["is an optimizer's state", "are an optimizer's state"],
            "only training needs it: export for serving (Keras: model.export)",
        ),
        (
            copies,
            [
                "is stored a second time and not served",
                "are stored a second time and not served",
            ],
            "Keras's export keeps such copies; a converted model is without them",
        ),
        (
            unused,
            ["is used by no signature", "are used by no signature"],
            "export only what is served, or give what uses them a signature",
        ),
    ];
    groups
        .into_iter()
        .map(|(found, words, advice)| {
            let bytes: u64 = found.iter().map(|(_, v)| v.bytes).sum();
            (found, words, advice, bytes)
        })
        .filter(|(found, .., bytes)| !found.is_empty() && worth(model, *bytes))
        .map(|(found, words, advice, bytes)| {
            let names = listed(found.iter().map(|(_, v)| &*v.name));
            let what = words[usize::from(found.len() > 1)];
            let text = format!("{} {what}: {names}", plural(found.len(), "variable"));
            let spots = found
                .iter()
                .map(|(id, v)| Spot::stored(&v.name, &Place::Variable(*id)));
            Finding::new(Severity::Note, Kind::UnusedVariables, text)
                .advise(advice)
                .about(spots.collect())
                .sparing(bytes)
        })
        .collect()
}

/// Whether leaving out so many bytes is worth a word: a hundredth of the model.
fn worth(model: &Model, bytes: u64) -> bool {
    bytes.saturating_mul(100) >= model.total_bytes()
}

fn be(n: usize) -> &'static str {
    match n {
        1 => "is",
        _ => "are",
    }
}

/// Outputs that no input changes, inputs that change no output.
fn ends(at: usize, index: usize, signature: &Signature, graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Sparse and composite inputs are not followed.
    if signature.inputs.is_empty() || signature.inputs.iter().any(|p| p.value.is_none()) {
        return findings;
    }
    let given: Vec<ValueId> = graph.inputs.iter().flatten().copied().collect();
    let changes_state = graph.nodes.iter().any(|n| {
        let op = n.op.to_ascii_lowercase();
        op.contains("assign") || op.contains("scatter")
    });
    let constant: Vec<&str> = signature
        .outputs
        .iter()
        .zip(&graph.outputs)
        .filter_map(|(port, output)| Some((port, (*output)?)))
        .filter(|(_, output)| {
            let before = before(graph, *output);
            let may_change = before.nodes.iter().any(|op| {
                let op = op.to_ascii_lowercase();
                op.contains("random") || (changes_state && op.contains("var"))
            });
            !may_change && !before.values.iter().any(|v| given.contains(v))
        })
        .map(|(port, _)| &*port.name)
        .collect();
    if !constant.is_empty() {
        let text = format!(
            "{} of signature {} {} the same for every input: {}",
            plural(constant.len(), "output"),
            signature.key,
            be(constant.len()),
            listed(constant.iter().copied())
        );
        let spots = constant.iter().map(|name| Spot::port(at, index, name));
        findings.push(
            Finding::new(Severity::Note, Kind::ConstantOutput, text)
                .advise("drop it, or look at why nothing leads there from an input")
                .about(spots.collect()),
        );
    }
    let consumers = graph.consumers();
    let unused: Vec<&str> = signature
        .inputs
        .iter()
        .zip(&graph.inputs)
        .filter_map(|(port, id)| Some((port, (*id)?)))
        .filter(|(_, id)| consumers[id.index()].is_empty() && !graph.outputs.contains(&Some(*id)))
        .map(|(port, _)| &*port.name)
        .collect();
    if !unused.is_empty() {
        let text = format!(
            "{} of signature {} {} used by nothing: {}",
            plural(unused.len(), "input"),
            signature.key,
            be(unused.len()),
            listed(unused.iter().copied())
        );
        let spots = unused.iter().map(|name| Spot::port(at, index, name));
        findings.push(
            Finding::new(Severity::Note, Kind::UnusedInput, text)
                .advise("any value does; leave it out of the signature")
                .about(spots.collect()),
        );
    }
    findings
}

struct Before<'g> {
    values: HashSet<ValueId>,
    nodes: Vec<&'g str>,
}

/// Everything that a value is made of.
fn before(graph: &Graph, value: ValueId) -> Before<'_> {
    let mut values = HashSet::from([value]);
    let mut seen = HashSet::new();
    let mut nodes = Vec::new();
    let mut stack = vec![value];
    while let Some(value) = stack.pop() {
        let Some((id, _)) = graph.value(value).producer else {
            continue;
        };
        if !seen.insert(id) {
            continue;
        }
        let node = graph.node(id);
        nodes.push(&*node.op);
        let inputs = node.inputs.iter().flatten();
        stack.extend(inputs.copied().filter(|v| values.insert(*v)));
    }
    Before { values, nodes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{add, constant, main_graph, model, variable};
    use crate::model::Tensor;

    fn texts(model: &Model) -> Vec<String> {
        findings(model).into_iter().map(|f| f.text).collect()
    }

    #[test]
    fn constant_outputs_and_unused_inputs_are_named() {
        let mut main = main_graph();
        let x = add(&mut main, "x", "Placeholder", &[], &[-1]);
        let idle = add(&mut main, "idle", "Placeholder", &[], &[-1]);
        let y = add(&mut main, "y", "Relu", &[x], &[-1]);
        let c = constant(&mut main, "c", &Tensor::from_values(&[2], &[1f32, 2.]));
        let z = add(&mut main, "z", "Neg", &[c], &[2]);
        let made = model(vec![main], &[x, idle], &[y, z]);
        insta::assert_snapshot!(texts(&made).join("\n"), @r"
        1 output of signature serving_default is the same for every input: out1
        1 input of signature serving_default is used by nothing: in1
        ");
    }

    #[test]
    fn random_and_plain_outputs_are_left_alone() {
        let mut main = main_graph();
        let x = add(&mut main, "x", "Placeholder", &[], &[-1]);
        let shape = constant(&mut main, "s", &Tensor::from_values(&[1], &[3i32]));
        let r = add(&mut main, "r", "RandomStandardNormal", &[shape], &[3]);
        assert_eq!(texts(&model(vec![main], &[x], &[x, r])), [""; 0]);
    }

    #[test]
    fn variables_that_nothing_uses_are_one_line_each_way() {
        let mut main = main_graph();
        let x = add(&mut main, "x", "Placeholder", &[], &[-1]);
        let handle = add(&mut main, "used", "VariableV2", &[], &[2]);
        main.nodes.last_mut().unwrap().variable = Some(VariableId(0));
        let y = add(&mut main, "y", "AddV2", &[x, handle], &[2]);
        let mut made = model(vec![main], &[x], &[y]);
        let values = Tensor::from_values(&[2], &[1f32, 2.]);
        made.files[0].bytes = 100;
        made.variables = vec![
            variable("used", VariableRole::Weight, &values),
            variable("idle", VariableRole::Weight, &values),
            variable("used", VariableRole::Weight, &values),
            variable("m", VariableRole::Optimizer, &values),
            variable("v", VariableRole::Optimizer, &values),
            variable("old", VariableRole::Orphan, &values),
        ];
        insta::assert_snapshot!(texts(&made).join("\n"), @r"
        1 variable is stored but named by nothing in the graph: old
        2 variables are an optimizer's state: m, v
        1 variable is stored a second time and not served: used
        1 variable is used by no signature: idle
        ");
        assert_eq!(findings(&made)[1].spare_bytes, Some(16));
    }
}
