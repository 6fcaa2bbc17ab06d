//! What is wrong with a model, or worth knowing before it is used.

mod operators;
mod quantization;
mod structure;
mod values;

use serde::Serialize;

pub use values::weights_health;

use super::sizes::Place;
use super::usage::Usage;
use crate::model::{MetaGraph, Model, NodeId};
use crate::sort;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Looked at and fine.
    Fine,
    /// Worth knowing.
    Note,
    /// Wrong.
    Bad,
}

/// What was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The reader's own warnings.
    Damage,
    UnsafeOperator,
    PythonCode,
    CustomOperator,
    FlexOperator,
    UnusedVariables,
    ConstantOutput,
    UnusedInput,
    Quantization,
    NotFinite,
    AllZero,
    DeadChannels,
    Sparsity,
    Saturation,
    Duplicates,
}

/// A place that a finding is about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spot {
    /// Of the tensor, the node or the port.
    pub name: String,
    /// The function or subgraph it is in; nothing for the main graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graph: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
    /// What runs it: `signature serving_default`, `initializer`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub run_by: Vec<String>,
    #[serde(skip)]
    pub at: At,
}

/// Where a spot is.
#[derive(Debug, Clone, PartialEq)]
pub enum At {
    Stored(Place),
    Node {
        meta_graph: usize,
        graph: usize,
        node: NodeId,
    },
    Signature {
        meta_graph: usize,
        signature: usize,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub kind: Kind,
    pub text: String,
    /// What to do about it; empty for what is fine.
    pub advice: String,
    /// What would be saved by doing it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spare_bytes: Option<u64>,
    pub spots: Vec<Spot>,
}

impl Finding {
    fn new(severity: Severity, kind: Kind, text: impl Into<String>) -> Self {
        Finding {
            severity,
            kind,
            text: text.into(),
            advice: String::new(),
            spare_bytes: None,
            spots: Vec::new(),
        }
    }

    fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }

    fn about(mut self, spots: Vec<Spot>) -> Self {
        self.spots = spots;
        self
    }

    fn sparing(mut self, bytes: u64) -> Self {
        self.spare_bytes = Some(bytes);
        self
    }
}

impl Spot {
    fn stored(name: &str, place: &Place) -> Self {
        Spot {
            name: name.to_owned(),
            graph: None,
            op: None,
            run_by: Vec::new(),
            at: At::Stored(place.clone()),
        }
    }

    fn port(meta_graph: usize, signature: usize, name: &str) -> Self {
        Spot {
            name: name.to_owned(),
            graph: None,
            op: None,
            run_by: Vec::new(),
            at: At::Signature {
                meta_graph,
                signature,
            },
        }
    }

    fn node(at: usize, meta_graph: &MetaGraph, graph: usize, node: NodeId) -> Self {
        let within = &meta_graph.graphs[graph];
        let found = within.node(node);
        let name = match &*within.name {
            "" => None,
            name => Some(name.to_owned()),
        };
        Spot {
            name: found.name.to_string(),
            graph: name.filter(|_| graph > 0),
            op: Some(found.op_label().to_owned()),
            run_by: Vec::new(),
            at: At::Node {
                meta_graph: at,
                graph,
                node,
            },
        }
    }
}

/// Findings from the structure alone, the gravest first.
pub fn health(model: &Model, usage: &Usage) -> Vec<Finding> {
    let mut findings: Vec<Finding> = model
        .warnings
        .iter()
        .map(|w| {
            Finding::new(Severity::Bad, Kind::Damage, w.fault()).advise(
                w.advice()
                    .unwrap_or("get the model again from where it came from"),
            )
        })
        .collect();
    findings.extend(operators::findings(model));
    findings.extend(structure::findings(model, usage));
    findings.extend(quantization::findings(model));
    sort::by_key(&mut findings, |f| std::cmp::Reverse(f.severity));
    findings
}

fn plural(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}

/// The first few of a list: `a, b, c and 4 more`.
fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 3;
    let more = names.len().saturating_sub(SHOWN);
    let shown: Vec<&str> = names.take(SHOWN).collect();
    match more {
        0 => shown.join(", "),
        n => format!("{} and {n} more", shown.join(", ")),
    }
}
