//! Where one is in a model, by names: kept over a reload, and from one sitting to the next in the cache folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::focus::{Focus, Thing};
use super::panes::PaneId;
use crate::model::{Graph, MetaGraph, Model, NodeId, ValueId, VariableId};

/// What a person chose for the inputs of each signature, as `--input NAME=SPEC` spells it, by the signature's key and the
/// input's name.
pub type Inputs = BTreeMap<String, BTreeMap<String, String>>;

/// A pane and the thing that is chosen, found again where they still are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pane: String,
    /// Of the MetaGraph.
    tags: Vec<String>,
    thing: Option<Named>,
}

/// A thing by its name. Names of operators and values need not be unique, so their number goes along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Named {
    Node {
        graph: String,
        at: u32,
        name: String,
    },
    Value {
        graph: String,
        at: u32,
        name: String,
    },
    Variable {
        name: String,
    },
    Signature {
        name: String,
    },
    Graph {
        name: String,
    },
    Metadata {
        name: String,
    },
    Attachment {
        name: String,
    },
}

impl Place {
    pub fn of(pane: PaneId, focus: Focus, model: &Model) -> Place {
        Place {
            pane: pane.title().to_owned(),
            tags: focus.meta(model).map_or_else(Vec::new, |m| m.tags.clone()),
            thing: named(focus, model),
        }
    }

    /// The pane and what is chosen in it; what the model no longer has is left out.
    pub fn find(&self, model: &Model) -> Option<(PaneId, Focus)> {
        let pane = PaneId::ALL.into_iter().find(|p| p.title() == self.pane)?;
        let mut focus = Focus::start(model);
        let metas = &model.meta_graphs;
        focus.meta = metas.iter().position(|m| m.tags == self.tags)?;
        let thing = self
            .thing
            .as_ref()
            .and_then(|t| t.find(model, &metas[focus.meta]));
        focus.thing = thing.unwrap_or_default();
        Some((pane, focus))
    }
}

fn named(focus: Focus, model: &Model) -> Option<Named> {
    let name = focus.name(model)?;
    let graph =
        |at: usize| -> Option<String> { Some(focus.meta(model)?.graphs.get(at)?.name.to_string()) };
    Some(match focus.thing {
        Thing::Nothing => return None,
        Thing::Node { graph: g, node } => Named::Node {
            graph: graph(g)?,
            at: node.0,
            name,
        },
        Thing::Value { graph: g, value } => Named::Value {
            graph: graph(g)?,
            at: value.0,
            name,
        },
        Thing::Variable(_) => Named::Variable { name },
        Thing::Signature(_) => Named::Signature { name },
        Thing::Graph(_) => Named::Graph { name },
        Thing::Metadata(_) => Named::Metadata { name },
        Thing::Attachment(_) => Named::Attachment { name },
    })
}

/// Which of `names` is `wanted`: the one at the old place if it still bears the name, else the first that does.
fn position<'a>(
    mut names: impl ExactSizeIterator<Item = &'a str> + Clone,
    at: u32,
    wanted: &str,
) -> Option<u32> {
    if names.clone().nth(at as usize) == Some(wanted) {
        return Some(at);
    }
    names.position(|n| n == wanted).map(|at| at as u32)
}

impl Named {
    fn find(&self, model: &Model, meta: &MetaGraph) -> Option<Thing> {
        let graph = |name: &str| -> Option<(usize, &Graph)> {
            let index = meta.graphs.iter().position(|g| *g.name == *name)?;
            Some((index, &meta.graphs[index]))
        };
        Some(match self {
            Named::Node { graph: g, at, name } => {
                let (graph, g) = graph(g)?;
                let node = NodeId(position(g.nodes.iter().map(|n| &*n.name), *at, name)?);
                Thing::Node { graph, node }
            }
            Named::Value { graph: g, at, name } => {
                let (graph, g) = graph(g)?;
                let value = ValueId(position(g.values.iter().map(|v| &*v.name), *at, name)?);
                Thing::Value { graph, value }
            }
            Named::Variable { name } => {
                let names = model.variables.iter().map(|v| &*v.name);
                Thing::Variable(VariableId(position(names, 0, name)?))
            }
            Named::Signature { name } => {
                Thing::Signature(meta.signatures.iter().position(|s| *s.key == **name)?)
            }
            Named::Graph { name } => Thing::Graph(graph(name)?.0),
            Named::Metadata { name } => {
                Thing::Metadata(model.metadata.iter().position(|m| m.name == *name)?)
            }
            Named::Attachment { name } => {
                Thing::Attachment(model.attachments.iter().position(|a| a.name == *name)?)
            }
        })
    }
}

/// The places of earlier sittings, in `places.json` in the cache folder. What can't be read or written there is as if
/// it were not: nobody waits for it.
#[derive(Debug, Clone)]
pub struct Memory {
    file: PathBuf,
}

/// A model's place, the newest model first in the file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    path: PathBuf,
    place: Place,
    #[serde(default, skip_serializing_if = "Inputs::is_empty")]
    inputs: Inputs,
}

/// Models whose place is kept.
const MOST: usize = 200;

impl Memory {
    pub fn new(folder: &Path) -> Memory {
        Memory {
            file: folder.join("places.json"),
        }
    }

    fn read(&self) -> Vec<Kept> {
        std::fs::read(&self.file)
            .ok()
            .and_then(|bytes| Memory::parse(&bytes).ok())
            .unwrap_or_default()
    }

    pub(super) fn parse(bytes: &[u8]) -> serde_json::Result<Vec<Kept>> {
        serde_json::from_slice(bytes)
    }

    /// Where one was in this model, and on which inputs it ran.
    pub fn recall(&self, model: &Path) -> Option<(Place, Inputs)> {
        let path = std::path::absolute(model).ok()?;
        self.read()
            .into_iter()
            .find(|k| k.path == path)
            .map(|k| (k.place, k.inputs))
    }

    /// Keeps the places and inputs of these models beside those of others.
    pub fn keep(&self, places: impl IntoIterator<Item = (PathBuf, Place, Inputs)>) {
        let mut all: Vec<Kept> = places
            .into_iter()
            .filter_map(|(path, place, inputs)| {
                // JSON has no room for names that are not UTF-8.
                let path = std::path::absolute(path)
                    .ok()
                    .filter(|p| p.to_str().is_some())?;
                Some(Kept {
                    path,
                    place,
                    inputs,
                })
            })
            .collect();
        let new: Vec<PathBuf> = all.iter().map(|k| k.path.clone()).collect();
        all.extend(self.read().into_iter().filter(|k| !new.contains(&k.path)));
        all.truncate(MOST);
        if let (Ok(bytes), Some(folder)) = (serde_json::to_vec_pretty(&all), self.file.parent())
            && std::fs::create_dir_all(folder).is_ok()
        {
            let _ = crate::format::write_file(&self.file, &bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{self, OpenOptions};

    fn model() -> Model {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/digits_cnn");
        format::open(&path, &OpenOptions::default()).unwrap()
    }

    #[test]
    fn a_place_is_found_again_after_the_numbers_have_changed() {
        let mut model = model();
        let graph = model.meta_graphs[0]
            .graphs
            .iter()
            .position(|g| g.nodes.len() > 10)
            .unwrap();
        let thing = Thing::Node {
            graph,
            node: NodeId(7),
        };
        let focus = Focus { meta: 0, thing };
        let place = Place::of(PaneId::Graph, focus, &model);
        assert_eq!(place.find(&model), Some((PaneId::Graph, focus)));
        let text = serde_json::to_string(&place).unwrap();
        assert_eq!(serde_json::from_str::<Place>(&text).unwrap(), place);
        model.meta_graphs[0].graphs[graph].nodes.remove(2);
        let moved = Thing::Node {
            graph,
            node: NodeId(6),
        };
        assert_eq!(place.find(&model).unwrap().1.thing, moved);
        model.meta_graphs[0].graphs[graph].nodes.remove(6);
        assert_eq!(place.find(&model).unwrap().1.thing, Thing::Nothing);
    }

    #[test]
    fn memory_keeps_the_newest_and_survives_damage() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::new(&folder.path().join("deep/down"));
        let model = model();
        let place = |pane| Place::of(pane, Focus::default(), &model);
        let specs = BTreeMap::from([("x".to_owned(), "ones".to_owned())]);
        let inputs = Inputs::from([("serving_default".to_owned(), specs)]);
        assert_eq!(memory.recall(&model.path), None);
        memory.keep([
            (model.path.clone(), place(PaneId::Tree), Inputs::new()),
            ("b".into(), place(PaneId::Run), inputs.clone()),
        ]);
        memory.keep([(model.path.clone(), place(PaneId::Source), Inputs::new())]);
        let source = (place(PaneId::Source), Inputs::new());
        assert_eq!(memory.recall(&model.path), Some(source));
        assert_eq!(
            memory.recall(Path::new("b")),
            Some((place(PaneId::Run), inputs))
        );
        std::fs::write(&memory.file, "{ no").unwrap();
        assert_eq!(memory.recall(Path::new("b")), None);
    }
}
