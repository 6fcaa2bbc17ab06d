//! What is below each row: found when the row is first opened, made into rows only to be drawn.

use std::collections::HashMap;

use super::names::{Child, Item, Names};
use super::objects::Objects;
use super::rows::{Id, Row, below_meta, branch, files, functions, node_names, roots, signatures};
use crate::analysis::Costs;
use crate::model::{Model, Name, NodeId, VariableId};

/// The rows below a row. Those of a scope are only made when they are drawn: there may be a million of them.
pub enum Below {
    Rows(Vec<Row>),
    Operators {
        meta: usize,
        graph: usize,
        prefix: Name,
        children: Vec<Child>,
    },
    Variables {
        prefix: Name,
        children: Vec<Child>,
    },
}

impl Below {
    pub fn len(&self) -> usize {
        match self {
            Below::Rows(rows) => rows.len(),
            Below::Operators { children, .. } | Below::Variables { children, .. } => children.len(),
        }
    }

    /// Whether a row may have others below it.
    pub fn is_branch(&self, at: usize) -> bool {
        match self {
            Below::Rows(rows) => rows[at].branch,
            Below::Operators { children, .. } | Below::Variables { children, .. } => {
                children[at].is_scope()
            }
        }
    }
}

/// The rows of a model by what they are below.
pub struct Levels {
    graphs: HashMap<(usize, usize), Names>,
    variables: Option<Names>,
    /// By MetaGraph.
    objects: HashMap<usize, Objects>,
    /// Of every MetaGraph; nothing until they are counted.
    costs: Option<Vec<Costs>>,
    /// The rows below every row that was ever opened.
    below: HashMap<Id, Below>,
    roots: Below,
}

impl Levels {
    pub fn new(model: &Model) -> Levels {
        Levels {
            graphs: HashMap::new(),
            variables: None,
            objects: HashMap::new(),
            costs: None,
            below: HashMap::new(),
            roots: Below::Rows(roots(model, &[])),
        }
    }

    /// Whether the rows tell what a call costs.
    pub fn has_costs(&self) -> bool {
        self.costs.is_some()
    }

    /// Tells what a call costs in all rows; they stay where they are.
    pub fn set_costs(&mut self, model: &Model, costs: Vec<Costs>) {
        self.roots = Below::Rows(roots(model, &costs));
        self.costs = Some(costs);
        self.graphs.clear();
        let built: Vec<Id> = self.below.drain().map(|(id, _)| id).collect();
        for id in &built {
            self.build(model, id);
        }
    }

    /// Finds the rows below a row, once.
    pub fn build(&mut self, model: &Model, id: &Id) {
        if self.below.contains_key(id) {
            return;
        }
        let costs = |meta: &usize| self.costs.as_ref().and_then(|all| all.get(*meta));
        let below = match id {
            Id::Meta(meta) => Below::Rows(below_meta(model, *meta, costs(meta))),
            Id::Signatures(meta) => Below::Rows(signatures(model, *meta, costs(meta))),
            Id::Functions(meta) => Below::Rows(functions(model, *meta, costs(meta))),
            Id::Graph(meta, graph) => self.operators(model, (*meta, *graph), ""),
            Id::Scope(meta, graph, prefix) => self.operators(model, (*meta, *graph), prefix),
            Id::Variables => self.variables(model, ""),
            Id::VariableScope(prefix) => self.variables(model, prefix),
            Id::Files => Below::Rows(files(model)),
            Id::Objects(meta) => self.objects(model, *meta, 0),
            Id::Object(meta, object) => self.objects(model, *meta, *object),
            Id::Signature(..)
            | Id::Reference(..)
            | Id::Node(..)
            | Id::Variable(_)
            | Id::Attachment(_)
            | Id::Metadata(_) => Below::Rows(Vec::new()),
        };
        self.below.insert(id.clone(), below);
    }

    fn operators(&mut self, model: &Model, (meta, graph): (usize, usize), prefix: &str) -> Below {
        let found = model.meta_graphs.get(meta);
        let Some(g) = found.and_then(|m| m.graphs.get(graph)) else {
            return Below::Rows(Vec::new());
        };
        let costs = self.costs.as_ref().and_then(|all| all.get(meta));
        let names = self
            .graphs
            .entry((meta, graph))
            .or_insert_with(|| node_names(g, graph, costs));
        Below::Operators {
            meta,
            graph,
            prefix: prefix.into(),
            children: names.children(prefix),
        }
    }

    fn objects(&mut self, model: &Model, meta: usize, object: u32) -> Below {
        let Some(found) = model.meta_graphs.get(meta) else {
            return Below::Rows(Vec::new());
        };
        let objects = self.objects.entry(meta);
        let objects = objects.or_insert_with(|| Objects::new(model, found));
        Below::Rows(objects.rows(model, meta, object))
    }

    /// The places of the objects of a MetaGraph, once any was opened.
    pub fn objects_of(&self, meta: usize) -> Option<&Objects> {
        self.objects.get(&meta)
    }

    fn variables(&mut self, model: &Model, prefix: &str) -> Below {
        let names = self.variables.get_or_insert_with(|| {
            let all = model.variables.iter().enumerate();
            Names::new(all.map(|(at, v)| Item {
                name: v.name.clone(),
                index: at as u32,
                bytes: v.bytes,
                macs: 0,
            }))
        });
        Below::Variables {
            prefix: prefix.into(),
            children: names.children(prefix),
        }
    }

    pub fn below(&self, above: &[Id]) -> &Below {
        const NOTHING: &Below = &Below::Rows(Vec::new());
        match above.last() {
            None => &self.roots,
            Some(id) => self.below.get(id).unwrap_or(NOTHING),
        }
    }

    /// The id of a row; `None` past the last.
    pub fn id(&self, below: &Below, at: usize) -> Option<Id> {
        Some(match below {
            Below::Rows(rows) => rows.get(at)?.id.clone(),
            Below::Operators {
                meta,
                graph,
                children,
                ..
            } => {
                let child = children.get(at)?;
                match self.graphs.get(&(*meta, *graph))?.prefix(child) {
                    Some(scope) => Id::Scope(*meta, *graph, scope.into()),
                    None => Id::Node(*meta, *graph, NodeId(child.item)),
                }
            }
            Below::Variables { children, .. } => {
                let child = children.get(at)?;
                match self.variables.as_ref()?.prefix(child) {
                    Some(scope) => Id::VariableScope(scope.into()),
                    None => Id::Variable(VariableId(child.item)),
                }
            }
        })
    }

    /// A row, made to be shown: the row `at` below `above`.
    pub fn row(&self, model: &Model, above: &[Id], at: usize) -> Option<Row> {
        let below = self.below(above);
        let id = self.id(below, at)?;
        let (names, prefix, child) = match below {
            Below::Rows(rows) => return rows.get(at).cloned(),
            Below::Operators {
                meta,
                graph,
                prefix,
                children,
            } => (
                self.graphs.get(&(*meta, *graph))?,
                prefix,
                children.get(at)?,
            ),
            Below::Variables { prefix, children } => {
                (self.variables.as_ref()?, prefix, children.get(at)?)
            }
        };
        let label = names.label(prefix, child);
        let (bytes, macs) = names.sums(child);
        let mut row = branch(id, label, child.items(), bytes);
        row.macs = macs;
        match &row.id {
            Id::Node(meta, graph, node) => {
                let g = model.meta_graphs.get(*meta)?.graphs.get(*graph)?;
                let n = g.node(*node);
                row.op = Some((g.dialect, n.op_label().into()));
                let output = n.outputs.first();
                row.note = output
                    .map(|&v| g.value(v).shape.to_string())
                    .unwrap_or_default();
            }
            Id::Variable(id) => {
                let v = model.variables.get(id.0 as usize)?;
                row.note = format!("{} {}", v.dtype, v.shape);
            }
            _ => return Some(row),
        }
        row.items = 0;
        row.branch = false;
        Some(row)
    }

    /// Whether a row has this id; makes none to tell.
    pub fn is(&self, below: &Below, at: usize, id: &Id) -> bool {
        match (below, id) {
            (Below::Operators { children, .. }, Id::Node(_, _, node)) => {
                !children[at].is_scope() && children[at].item == node.0
            }
            (Below::Variables { children, .. }, Id::Variable(variable)) => {
                !children[at].is_scope() && children[at].item == variable.0
            }
            (Below::Operators { children, .. } | Below::Variables { children, .. }, _)
                if !children[at].is_scope() =>
            {
                false
            }
            _ => self.id(below, at).as_ref() == Some(id),
        }
    }
}
