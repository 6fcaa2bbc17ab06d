//! The object graph of a TF2 SavedModel: Keras layers, tracked variables, functions.

use std::collections::HashMap;

use super::Name;
use super::dtype::DType;
use super::shape::Shape;
use super::variable::VariableId;
use crate::sort;

/// SavedObjectGraph; node 0 is the root.
#[derive(Debug, Clone, Default)]
pub struct ObjectGraph {
    pub nodes: Vec<Object>,
    /// In the order of their names.
    pub concrete_functions: Vec<ConcreteFunction>,
}

/// A function of the library as Python saw it when it was traced.
#[derive(Debug, Clone)]
pub struct ConcreteFunction {
    /// Of the function in the library.
    pub name: Name,
    /// The objects bound to its captured arguments, in order.
    pub bound: Vec<u32>,
    /// What a caller gives; a structure of several tensors is taken apart. Without the captured ones.
    pub arguments: Vec<Argument>,
    pub results: Vec<Argument>,
}

/// An argument or a result of a Python function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// `x`, `batch['a']`; empty where Python has no name for it.
    pub name: Name,
    pub given: Given,
}

/// What may stand for an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// `kind` says what holds several tensors (`RaggedTensorSpec`); empty for a plain one.
    Tensor {
        dtype: DType,
        shape: Shape,
        kind: Name,
    },
    /// A value of Python that is part of the trace: `False`, `None`, `3`.
    Fixed(Name),
}

impl Given {
    /// `float32 ?×96×96×3`, `False`
    pub fn describe(&self) -> String {
        match self {
            Given::Tensor { dtype, shape, kind } if kind.is_empty() => format!("{dtype} {shape}"),
            Given::Tensor { dtype, shape, kind } if *dtype != DType::Invalid => {
                format!("{kind} of {dtype} {shape}")
            }
            Given::Tensor { kind, .. } => kind.to_string(),
            Given::Fixed(value) => value.to_string(),
        }
    }
}

impl ConcreteFunction {
    /// `x: float32 ?×3, training: False`
    pub fn arguments_line(&self) -> String {
        listed(&self.arguments)
    }

    /// `default: float32 ?×16, ids: int32 ?`; empty where the file says nothing about it.
    pub fn results_line(&self) -> String {
        listed(&self.results)
    }
}

fn listed(all: &[Argument]) -> String {
    let told = all.iter().map(|a| match a.name.is_empty() {
        true => a.given.describe(),
        false => format!("{}: {}", a.name, a.given.describe()),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// A function that a program which loads the model can call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callable {
    /// Its place below the root: `__call__`, `encoder.score`.
    pub path: String,
    pub object: u32,
    /// Its traces: numbers among [`ObjectGraph::concrete_functions`].
    pub traces: Vec<usize>,
}

impl ObjectGraph {
    /// The traces of a function.
    pub fn traces<'a>(
        &'a self,
        callable: &'a Callable,
    ) -> impl Iterator<Item = &'a ConcreteFunction> {
        let traces = callable.traces.iter();
        traces.filter_map(|&at| self.concrete_functions.get(at))
    }

    /// The functions that hang directly below the root, by name; where it has none, those of the objects below it.
    /// Signatures are told apart from them, so they are not among them.
    pub fn callables(&self) -> Vec<Callable> {
        let Some(root) = self.nodes.first() else {
            return Vec::new();
        };
        let by_name: HashMap<&str, usize> = self
            .concrete_functions
            .iter()
            .enumerate()
            .map(|(at, f)| (&*f.name, at))
            .collect();
        let below = |object: &Object, prefix: &str| -> Vec<Callable> {
            let children = object.children.iter();
            let mut found: Vec<Callable> = children
                .filter_map(|(name, child)| {
                    let traces = self.nodes.get(*child as usize)?.kind.traces();
                    let traces: Vec<usize> = traces
                        .iter()
                        .filter_map(|name| by_name.get(&**name).copied())
                        .collect();
                    (!traces.is_empty()).then(|| Callable {
                        path: format!("{prefix}{name}"),
                        object: *child,
                        traces,
                    })
                })
                .collect();
            sort::by(&mut found, |a, b| a.path.cmp(&b.path));
            found
        };
        let own = below(root, "");
        if !own.is_empty() {
            return own;
        }
        let children = root
            .children
            .iter()
            .filter(|(name, _)| &**name != "signatures");
        children
            .filter_map(|(name, child)| Some((name, self.nodes.get(*child as usize)?)))
            .flat_map(|(name, object)| below(object, &format!("{name}.")))
            .collect()
    }
}

#[derive(Debug, Clone)]
pub struct Object {
    pub kind: ObjectKind,
    /// Local name and index of each child.
    pub children: Vec<(Name, u32)>,
}

impl ObjectKind {
    /// The concrete functions of a function.
    pub fn traces(&self) -> &[Name] {
        match self {
            ObjectKind::Function { concrete } => concrete,
            ObjectKind::BareFunction { concrete } => std::slice::from_ref(concrete),
            _ => &[],
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum ObjectKind {
    /// A Keras layer, a module, a list; the class as the file names it (`_tf_keras_layer`), and its JSON metadata.
    User {
        identifier: Name,
        metadata: Name,
    },
    Asset {
        index: u32,
    },
    Function {
        concrete: Vec<Name>,
    },
    BareFunction {
        concrete: Name,
    },
    Variable {
        name: Name,
        variable: Option<VariableId>,
        trainable: bool,
        dtype: DType,
        shape: Shape,
    },
    Constant {
        node: Name,
    },
    Resource,
    CapturedTensor {
        name: Name,
    },
    Other,
}
