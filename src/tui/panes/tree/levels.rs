//! What is below each row: found when the row is first opened, made into rows only to be drawn.

use std::collections::HashMap;
use std::sync::Arc;

use super::names::{Child, Names};
use super::objects::Objects;
use super::rows::{
    self, Id, Row, Told, below_meta, branch, files, functions, node_names, node_sums, roots,
    signatures, variable_names,
};
use crate::error::Result;
use crate::model::{Model, Name, NodeId, VariableId};
use crate::progress::Progress;
use crate::tui::panes::twins::key_of;

/// Rows are found before the next frame where at most so many names have to be looked at, by a job otherwise.
const AT_ONCE: usize = 5_000;

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

/// Graph and MetaGraph whose operators are named; `None` for the variables.
pub type Of = Option<(usize, usize)>;

/// Sorted names, and whether their sums hold what is counted by now.
struct Sorted {
    names: Names,
    counted: bool,
}

/// The rows of a model by what they are below.
pub struct Levels {
    names: HashMap<Of, Sorted>,
    /// By MetaGraph.
    objects: HashMap<usize, Arc<Objects>>,
    told: Told,
    /// The rows below every row that was ever opened.
    below: HashMap<Id, Below>,
    roots: Below,
}

/// What rows are made of, for the thread that makes them.
struct Source {
    told: Told,
    names: Option<Names>,
    objects: Option<Arc<Objects>>,
}

/// The rows below a row, with what was made on the way.
pub struct Built {
    id: Id,
    below: Below,
    names: Option<(Of, Sorted)>,
    objects: Option<(usize, Arc<Objects>)>,
}

impl Levels {
    pub fn new(model: &Model) -> Levels {
        let operators = model.meta_graphs.iter().flat_map(|m| &m.graphs);
        let few = operators.map(|g| g.nodes.len()).sum::<usize>() <= AT_ONCE;
        let few_variables = model.variables.len() <= AT_ONCE;
        let told = Told {
            costs: None,
            graphs: few.then(|| Arc::new(rows::count(model))),
            variables: if few_variables {
                rows::variable_bytes(model)
            } else {
                0
            },
        };
        Levels {
            names: HashMap::new(),
            objects: HashMap::new(),
            below: HashMap::new(),
            roots: Below::Rows(roots(model, &told)),
            told,
        }
    }

    pub fn told(&self) -> &Told {
        &self.told
    }

    /// Tells what was counted in all rows; they stay where they are. Sums over names wait for [`Levels::uncounted`].
    pub fn tell(&mut self, model: &Model, told: Told) {
        self.roots = Below::Rows(roots(model, &told));
        self.told = told;
        self.names.values_mut().for_each(|n| n.counted = false);
        for (id, below) in &mut self.below {
            let rows = match id {
                Id::Meta(meta) => below_meta(model, *meta, &self.told),
                Id::Signatures(meta) => signatures(model, *meta, &self.told),
                Id::Functions(meta) => functions(model, *meta, &self.told),
                _ => continue,
            };
            *below = Below::Rows(rows);
        }
    }

    /// Names whose sums are from before what is told now.
    pub fn uncounted(&self) -> Vec<(Of, Names)> {
        let stale = self
            .names
            .iter()
            .filter(|(of, n)| of.is_some() && !n.counted);
        stale.map(|(of, n)| (*of, n.names.clone())).collect()
    }

    /// Takes the names of [`Levels::uncounted`] with their new sums.
    pub fn count(&mut self, all: Vec<(Of, Names)>) {
        for (of, names) in all {
            let counted = true;
            self.names.insert(of, Sorted { names, counted });
        }
    }

    /// Whether the rows below a row are known.
    pub fn has(&self, id: &Id) -> bool {
        self.below.contains_key(id)
    }

    /// Finds the rows below a row, once; `false` where that takes long and is work for a job.
    pub fn build(&mut self, model: &Model, id: &Id) -> bool {
        if self.has(id) {
            return true;
        }
        if self.effort(model, id) > AT_ONCE {
            return false;
        }
        // Nothing stops this one.
        if let Ok(built) = make(model, id.clone(), self.source(id), &Progress::new()) {
            self.insert(built);
        }
        true
    }

    /// The work that finds the rows below a row.
    pub fn work(
        &self,
        model: &Arc<Model>,
        id: Id,
    ) -> impl FnOnce(&Progress) -> Result<Built> + Send + use<> {
        let (model, source) = (model.clone(), self.source(&id));
        move |progress| make(&model, id, source, progress)
    }

    pub fn insert(&mut self, built: Built) {
        if let Some((of, names)) = built.names {
            self.names.entry(of).or_insert(names);
        }
        if let Some((meta, objects)) = built.objects {
            self.objects.entry(meta).or_insert(objects);
        }
        self.below.insert(built.id, built.below);
    }

    fn source(&self, id: &Id) -> Source {
        let names = of(id).and_then(|(of, _)| self.names.get(&of));
        let objects = match id {
            Id::Objects(meta) | Id::Object(meta, _) => self.objects.get(meta).cloned(),
            _ => None,
        };
        Source {
            told: self.told.clone(),
            names: names.map(|sorted| sorted.names.clone()),
            objects,
        }
    }

    /// How many names must be looked at to find the rows below a row.
    fn effort(&self, model: &Model, id: &Id) -> usize {
        if let Some((of, prefix)) = of(id) {
            return match (self.names.get(&of), of) {
                (Some(sorted), _) => sorted.names.count(&prefix),
                (None, None) => model.variables.len(),
                (None, Some((meta, graph))) => {
                    let found = model
                        .meta_graphs
                        .get(meta)
                        .and_then(|m| m.graphs.get(graph));
                    found.map_or(0, |g| g.nodes.len())
                }
            };
        }
        match id {
            Id::Objects(meta) | Id::Object(meta, _) => {
                let objects = model.meta_graphs.get(*meta).map(|m| &m.objects.nodes);
                match (objects, id) {
                    (Some(objects), Id::Object(_, object)) if self.objects.contains_key(meta) => {
                        objects
                            .get(*object as usize)
                            .map_or(0, |o| o.children.len())
                    }
                    (Some(objects), _) => objects.len(),
                    (None, _) => 0,
                }
            }
            _ => 0,
        }
    }

    /// The places of the objects of a MetaGraph, once any was opened.
    pub fn objects_of(&self, meta: usize) -> Option<&Objects> {
        self.objects.get(&meta).map(|objects| &**objects)
    }

    fn names(&self, of: Of) -> Option<&Names> {
        self.names.get(&of).map(|sorted| &sorted.names)
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
                match self.names(Some((*meta, *graph)))?.prefix(child) {
                    Some(scope) => Id::Scope(*meta, *graph, scope.into()),
                    None => Id::Node(*meta, *graph, NodeId(child.item)),
                }
            }
            Below::Variables { children, .. } => {
                let child = children.get(at)?;
                match self.names(None)?.prefix(child) {
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
                self.names(Some((*meta, *graph)))?,
                prefix,
                children.get(at)?,
            ),
            Below::Variables { prefix, children } => (self.names(None)?, prefix, children.get(at)?),
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
                // Its last part tells it from the copies that Keras stores under the same name.
                let key = key_of(v);
                if key != *v.name
                    && let Some((_, last)) = key.rsplit_once('/')
                {
                    row.note += &format!("  …/{last}");
                }
            }
            _ => return Some(row),
        }
        row.items = 0;
        row.branch = false;
        Some(row)
    }

    /// The place of a row among those below a row; makes no rows to tell.
    pub fn position(&self, below: &Below, id: &Id) -> Option<usize> {
        let item = |children: &[Child], item: u32| {
            let at = children.partition_point(|c| c.item < item);
            let found = children.get(at)?;
            (found.item == item && !found.is_scope()).then_some(at)
        };
        match (below, id) {
            (Below::Rows(rows), _) => rows.iter().position(|row| row.id == *id),
            (Below::Operators { children, .. }, Id::Node(_, _, node)) => item(children, node.0),
            (Below::Variables { children, .. }, Id::Variable(id)) => {
                let is_it = |c: &Child| c.item == id.0 && !c.is_scope();
                children.iter().position(is_it)
            }
            (
                Below::Operators {
                    meta,
                    graph,
                    children,
                    ..
                },
                Id::Scope(_, _, prefix),
            ) => self
                .names(Some((*meta, *graph)))?
                .scope_at(children, prefix),
            (Below::Variables { children, .. }, Id::VariableScope(prefix)) => {
                self.names(None)?.scope_at(children, prefix)
            }
            _ => None,
        }
    }

    /// The row that is, or holds, item `index` of this name.
    pub fn leading_to(&self, below: &Below, name: &Name, index: u32) -> Option<usize> {
        let (of, children) = match below {
            Below::Rows(_) => return None,
            Below::Operators {
                meta,
                graph,
                children,
                ..
            } => (Some((*meta, *graph)), children),
            Below::Variables { children, .. } => (None, children),
        };
        self.names(of)?.leading_to(children, name, index)
    }
}

/// Whose names are below a row, and the prefix that they have.
fn of(id: &Id) -> Option<(Of, Name)> {
    Some(match id {
        Id::Graph(meta, graph) => (Some((*meta, *graph)), "".into()),
        Id::Scope(meta, graph, prefix) => (Some((*meta, *graph)), prefix.clone()),
        Id::Variables => (None, "".into()),
        Id::VariableScope(prefix) => (None, prefix.clone()),
        _ => return None,
    })
}

fn make(model: &Model, id: Id, source: Source, progress: &Progress) -> Result<Built> {
    let told = &source.told;
    let (mut names, mut objects) = (None, None);
    let below = match &id {
        Id::Meta(meta) => Below::Rows(below_meta(model, *meta, told)),
        Id::Signatures(meta) => Below::Rows(signatures(model, *meta, told)),
        Id::Functions(meta) => Below::Rows(functions(model, *meta, told)),
        Id::Files => Below::Rows(files(model)),
        Id::Objects(meta) | Id::Object(meta, _) => {
            let object = match &id {
                Id::Object(_, object) => *object,
                _ => 0,
            };
            match model.meta_graphs.get(*meta) {
                None => Below::Rows(Vec::new()),
                Some(found) => {
                    let known = source.objects;
                    let all = known.unwrap_or_else(|| Arc::new(Objects::new(model, found)));
                    let rows = all.rows(model, *meta, object);
                    objects = Some((*meta, all));
                    Below::Rows(rows)
                }
            }
        }
        Id::Graph(..) | Id::Scope(..) | Id::Variables | Id::VariableScope(_) => {
            let Some((of, prefix)) = of(&id) else {
                return Ok(Built::leaf(id));
            };
            let known = match source.names {
                Some(known) => known,
                None => match sorted(model, of, told) {
                    Some(new) => new,
                    None => return Ok(Built::leaf(id)),
                },
            };
            progress.check()?;
            let mut children = known.children(&prefix);
            if of.is_none() {
                // Files keep them in the order of their keys, which tells nobody anything.
                known.order_by_label(&prefix, &mut children);
            }
            let counted = of.is_none() || told.costs.is_some();
            let sorted = Sorted {
                names: known,
                counted,
            };
            names = Some((of, sorted));
            match of {
                Some((meta, graph)) => Below::Operators {
                    meta,
                    graph,
                    prefix,
                    children,
                },
                None => Below::Variables { prefix, children },
            }
        }
        Id::Signature(..)
        | Id::Reference(..)
        | Id::Node(..)
        | Id::Variable(_)
        | Id::Attachment(_)
        | Id::Metadata(_) => Below::Rows(Vec::new()),
    };
    Ok(Built {
        id,
        below,
        names,
        objects,
    })
}

impl Built {
    fn leaf(id: Id) -> Built {
        Built {
            id,
            below: Below::Rows(Vec::new()),
            names: None,
            objects: None,
        }
    }
}

/// Names with their sums; `None` where there is no such graph.
fn sorted(model: &Model, of: Of, told: &Told) -> Option<Names> {
    let Some((meta, graph)) = of else {
        return Some(variable_names(model));
    };
    let g = model.meta_graphs.get(meta)?.graphs.get(graph)?;
    Some(node_names(g, node_sums(g, graph, told.costs(meta))))
}

/// The same names with sums over what is told now.
pub fn summed(model: &Model, told: &Told, all: Vec<(Of, Names)>) -> Vec<(Of, Names)> {
    let sum = |(of, names): (Of, Names)| {
        let (meta, graph) = of?;
        let g = model.meta_graphs.get(meta)?.graphs.get(graph)?;
        let sums = node_sums(g, graph, told.costs(meta));
        Some((of, names.with_sums(sums)))
    };
    all.into_iter().filter_map(sum).collect()
}

/// Whether going through so many operators takes too long before the next frame.
pub fn are_many(operators: usize) -> bool {
    operators > AT_ONCE
}

/// Whether sums over these can be made before the next frame.
pub fn are_few(all: &[(Of, Names)]) -> bool {
    all.iter().map(|(_, names)| names.len()).sum::<usize>() <= 4 * AT_ONCE
}
