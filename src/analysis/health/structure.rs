//! What is stored or asked for in vain.

use std::collections::HashSet;

use super::{Finding, Kind, Severity, Spot, listed, plural};
use crate::analysis::sizes::Place;
use crate::analysis::usage::{Idle, Usage};
use crate::model::{Model, Name, Port, Signature, Variable, VariableId, VariableRole};

pub fn findings(model: &Model, usage: &Usage) -> Vec<Finding> {
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
    for idle in &usage.idle {
        let signature = model.meta_graphs.get(idle.meta_graph);
        let signature = signature.and_then(|m| m.signatures.get(idle.signature));
        findings.extend(signature.into_iter().flat_map(|s| ends(idle, s)));
    }
    // Where a signature can't be followed, what it uses is not known.
    let in_use = (!usage.incomplete && !usage.held.is_empty()).then_some(&usage.held);
    findings.extend(stored_in_vain(model, in_use));
    findings
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
fn ends(idle: &Idle, signature: &Signature) -> Vec<Finding> {
    let named = |ports: &[usize], of: &[Port]| -> Vec<Name> {
        let ports = ports.iter().filter_map(|p| of.get(*p));
        ports.map(|p| p.name.clone()).collect()
    };
    let outputs = named(&idle.outputs, &signature.outputs);
    let inputs = named(&idle.inputs, &signature.inputs);
    let finding = |kind: Kind, what: &str, names: &[Name], fault: &str, advice: &str| {
        let text = format!(
            "{} of signature {} {} {fault}: {}",
            plural(names.len(), what),
            signature.key,
            be(names.len()),
            listed(names.iter().map(|n| &**n))
        );
        let spots = names.iter();
        let spots = spots.map(|name| Spot::port(idle.meta_graph, idle.signature, name));
        (!names.is_empty()).then(|| {
            Finding::new(Severity::Note, kind, text)
                .advise(advice)
                .about(spots.collect())
        })
    };
    let constant = finding(
        Kind::ConstantOutput,
        "output",
        &outputs,
        "the same for every input",
        "drop it, or look at why nothing leads there from an input",
    );
    let unused = finding(
        Kind::UnusedInput,
        "input",
        &inputs,
        "used by nothing",
        "any value does; leave it out of the signature",
    );
    constant.into_iter().chain(unused).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{add, constant, main_graph, model, variable};
    use crate::model::Tensor;

    fn texts(model: &Model) -> Vec<String> {
        let found = findings(model, &Usage::of(model));
        found.into_iter().map(|f| f.text).collect()
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
        assert_eq!(findings(&made, &Usage::of(&made))[1].spare_bytes, Some(16));
    }
}
