//! How many trained numbers a model has.

use std::collections::HashSet;

use super::sizes::{quantization_text, tensors};
use super::usage::Usage;
use crate::model::inline::flatten;
use crate::model::{Attr, DType, Model, Node, Shape, Value, Variable, VariableId, VariableRole};

/// Trained numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Parameters {
    /// Of the weights that signatures use.
    pub total: u64,
    /// `None` where the file does not say.
    pub trainable: Option<u64>,
    /// Of weights that no signature uses and that are no second copy of one: Keras counts them too, such as the mean
    /// and variance that a Normalization layer has put into the graph as constants.
    pub unserved: u64,
}

/// What of a model's values [`parameters`] counts, for those who tell them apart by operator.
#[derive(Debug, Clone, Copy)]
pub struct Trained {
    /// The weights are variables: constants are sizes, axes, epsilons.
    variables: bool,
}

impl Trained {
    pub fn of(model: &Model) -> Trained {
        let mains = model.meta_graphs.iter().filter_map(|m| m.graphs.first());
        let mut nodes = mains.flat_map(|main| &main.nodes);
        Trained {
            variables: model.variables.iter().any(is_weight) || nodes.any(holds_weight),
        }
    }

    pub fn variable(self, variable: &Variable) -> bool {
        is_weight(variable)
    }

    pub fn constant(self, value: &Value) -> bool {
        let quantization = value.quantization.as_deref();
        !self.variables
            && (value.dtype.is_float() || quantization.and_then(quantization_text).is_some())
    }
}

/// Text is no number, whoever keeps it in a variable.
fn is_weight(variable: &Variable) -> bool {
    variable.role == VariableRole::Weight && variable.dtype != DType::String
}

/// What Keras keeps to draw random numbers, which it counts as no weight.
fn is_seed(variable: &Variable) -> bool {
    variable.name.rsplit('/').next() == Some("seed_generator_state")
}

/// A node that stands for a variable of floats.
fn holds_weight(node: &Node) -> bool {
    matches!(&*node.op, "VarHandleOp" | "VariableV2" | "Variable")
        && node.attrs.dtype("dtype").is_some_and(DType::is_float)
}

fn elements(shape: &Shape) -> u64 {
    shape.elements().unwrap_or(0) as u64
}

/// The numbers that training made: weights in the bundle that signatures use (all of them where none can be followed
/// to its use); without a bundle what the graph says of its variables; without variables the float and quantized
/// constants.
pub fn parameters(model: &Model, usage: &Usage) -> Parameters {
    if model.variables.iter().any(is_weight) {
        return stored(model, usage);
    }
    let trained = Trained::of(model);
    let total = match trained.variables {
        true => declared(model),
        false => tensors(model)
            .iter()
            .filter(|row| {
                let value = row.place.constant(model);
                !row.shared && value.is_some_and(|v| trained.constant(v))
            })
            .map(|row| elements(&row.shape))
            .sum(),
    };
    Parameters {
        total,
        trainable: None,
        unserved: 0,
    }
}

fn stored(model: &Model, usage: &Usage) -> Parameters {
    let is_used = |i: usize| usage.is_served(VariableId(i as u32));
    let weights = model.variables.iter().enumerate();
    let weights = weights.filter(|(_, v)| is_weight(v));
    let (mut served, mut others): (Vec<_>, Vec<_>) = weights.partition(|(i, _)| is_used(*i));
    if served.is_empty() {
        std::mem::swap(&mut served, &mut others);
    }
    // Keras exports each variable twice: a copy is told by its name.
    let mut named: HashSet<&str> = served.iter().map(|(_, v)| &*v.name).collect();
    others.retain(|(_, v)| !is_seed(v) && named.insert(&v.name));
    let sum = |all: &[(usize, &Variable)]| all.iter().map(|(_, v)| elements(&v.shape)).sum();
    let known = served.iter().any(|(_, v)| v.trainable.is_some());
    let mut trainable = served.clone();
    trainable.retain(|(_, v)| v.trainable == Some(true));
    Parameters {
        total: sum(&served),
        trainable: known.then(|| sum(&trainable)),
        unserved: sum(&others),
    }
}

/// Elements of the variables that signatures use, as the graph declares them: their values are missing, or in a
/// checkpoint that is not read.
fn declared(model: &Model) -> u64 {
    let mut total = 0u64;
    for meta_graph in &model.meta_graphs {
        let mut seen = HashSet::new();
        for signature in &meta_graph.signatures {
            // What can't be inlined says so when it is run.
            let Ok(graph) = flatten(meta_graph, signature) else {
                continue;
            };
            for node in graph.nodes.iter().filter(|n| holds_weight(n)) {
                if let Some(Attr::Shape(shape)) = node.attrs.get("shape")
                    && seen.insert(node.name.clone())
                {
                    total = total.saturating_add(elements(shape));
                }
            }
        }
        if total > 0 {
            break;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{add, main_graph, model, variable};
    use crate::model::{Graph, Tensor};

    fn counted(model: &Model) -> Parameters {
        parameters(model, &Usage::of(model))
    }

    /// `y = MatMul(w)`, where `w` is a variable of 4×3.
    fn of_variable() -> (Graph, crate::model::ValueId) {
        let mut graph = main_graph();
        let w = add(&mut graph, "w", "VarHandleOp", &[], &[]);
        let node = graph.nodes.last_mut().unwrap();
        node.attrs.set("dtype", Attr::Type(DType::Float32));
        node.attrs
            .set("shape", Attr::Shape(Shape(Some(vec![4, 3]))));
        let read = add(&mut graph, "read", "ReadVariableOp", &[w], &[4, 3]);
        let y = add(&mut graph, "y", "MatMul", &[read], &[4, 3]);
        (graph, y)
    }

    #[test]
    fn weights_that_nothing_serves_count_apart_and_copies_and_seeds_not_at_all() {
        let (mut graph, y) = of_variable();
        graph.nodes[0].variable = Some(VariableId(0));
        let mut model = model(vec![graph], &[], &[y]);
        let floats = |n: usize| Tensor::from_values(&[n], &vec![1.0f32; n]);
        model.variables = [
            ("w", VariableRole::Weight, 12),
            ("w", VariableRole::Weight, 12),
            ("normalization/mean", VariableRole::Weight, 3),
            ("normalization/mean", VariableRole::Weight, 3),
            ("dropout/seed_generator_state", VariableRole::Weight, 2),
            ("table-keys", VariableRole::Table, 100),
            ("adam/w", VariableRole::Optimizer, 12),
        ]
        .map(|(name, role, n)| variable(name, role, &floats(n)))
        .to_vec();
        model.variables[0].trainable = Some(true);
        let expected = Parameters {
            total: 12,
            trainable: Some(12),
            unserved: 3,
        };
        assert_eq!(counted(&model), expected);
    }

    #[test]
    fn variables_without_values_count_as_the_graph_declares_them() {
        let (graph, y) = of_variable();
        let mut model = model(vec![graph], &[], &[y]);
        assert_eq!(
            (counted(&model).total, counted(&model).trainable),
            (12, None)
        );
        let Some(graph) = model.meta_graphs[0].graphs.first_mut() else {
            return;
        };
        let epsilon = Tensor::from_values(&[1], &[1e-3f32]);
        crate::analysis::testing::constant(graph, "epsilon", &epsilon);
        assert_eq!(counted(&model).total, 12);
    }
}
