//! What outlives a run: the values of variables, tables, and what has run once.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use bytes::Bytes;

use super::arrays::Array;
use super::control::Block;
use super::tables::Table;
use crate::error::{Error, Result};
use crate::kernels::philox::Philox;
use crate::model::{Name, Quantization, Resource, Tensor, Variable, VariableId};

/// Begins the names of arrays; no name of a graph has a blank.
const ARRAY: &str = "array ";

/// Lives as long as the session that runs a signature.
#[derive(Debug, Clone, Default)]
pub struct State {
    stored: Arc<[Variable]>,
    values: HashMap<Resource, Arc<Tensor>>,
    /// Shared with copies of the state until one of them changes.
    tables: HashMap<Resource, Arc<Table>>,
    /// What `TensorArray` and `Stack` operators of the present run made, by a number of their own.
    arrays: Vec<Array>,
    /// The arrays for the gradients of others, by these and the name of whose gradients they are.
    gradients: HashMap<(Resource, Arc<str>), Resource>,
    /// Files that travel with the model, by the name that the graph has for them.
    files: HashMap<Vec<u8>, Bytes>,
    /// Generators of random numbers, by graph and node.
    generators: HashMap<(Name, Name), Philox>,
    /// What generators without seeds of their own begin with.
    seed: Option<u64>,
    /// How many generators began so.
    unseeded: u64,
    /// What the graphs said in the present run.
    said: Vec<String>,
    /// Graphs that run only once.
    done: HashSet<Block>,
    /// What there was when the last of them had run: what they filled is no change.
    begun: Begun,
}

/// What a run left otherwise than it found it, in what outlives runs.
#[derive(Debug, Clone)]
pub struct Change {
    /// Of the variable or table, as people know it.
    pub name: Name,
    pub changed: Changed,
    /// Of integers that stand for real numbers.
    pub quantization: Option<Box<Quantization>>,
}

#[derive(Debug, Clone)]
pub enum Changed {
    /// `None` where it had no value, or has none any more.
    Variable {
        before: Option<Arc<Tensor>>,
        after: Option<Arc<Tensor>>,
    },
    /// Numbers of entries; equal where only their values are others.
    Table { before: usize, after: usize },
}

#[derive(Debug, Clone, Default)]
struct Begun {
    values: HashMap<Resource, Arc<Tensor>>,
    tables: HashMap<Resource, Arc<Table>>,
}

impl State {
    /// `stored` are the variables that the model comes with: their first values; `files` by the name that the graph has
    /// for them; `seed` is for random numbers that the graph has no seed for, any without it.
    pub fn new(stored: Arc<[Variable]>, files: HashMap<Vec<u8>, Bytes>, seed: Option<u64>) -> Self {
        State {
            stored,
            files,
            seed,
            ..State::default()
        }
    }

    /// Parts of variables, with their values before the first run.
    #[must_use]
    pub fn with_parts(mut self, parts: &HashMap<Resource, Arc<Tensor>>) -> Self {
        self.values.clone_from(parts);
        self
    }

    /// Tables that have entries before the first run.
    #[must_use]
    pub fn with_tables(mut self, tables: &HashMap<Resource, Arc<Table>>) -> Self {
        self.tables.clone_from(tables);
        self
    }

    /// The present value of a variable.
    ///
    /// # Errors
    /// Nothing was assigned to it yet, or the stored value can't be read.
    pub fn value(&mut self, resource: &Resource) -> Result<Arc<Tensor>> {
        if let Some(value) = self.values.get(resource) {
            return Ok(value.clone());
        }
        let Resource::Stored(id) = resource else {
            return Err(Error::unsupported(format!(
                "the variable {} is read before anything is assigned to it",
                described(resource)
            )));
        };
        let variable = self.stored.get(id.0 as usize).ok_or_else(|| {
            Error::unsupported("it names a variable that the model does not have")
        })?;
        let value = Arc::new(variable.read()?);
        self.values.insert(resource.clone(), value.clone());
        Ok(value)
    }

    pub fn assign(&mut self, resource: &Resource, value: Arc<Tensor>) {
        self.values.insert(resource.clone(), value);
    }

    /// Changes a variable where it is; another who still holds the old value keeps it.
    ///
    /// # Errors
    /// As [`State::value`], and what `change` says.
    pub fn change(
        &mut self,
        resource: &Resource,
        change: impl FnOnce(&mut Tensor) -> Result<()>,
    ) -> Result<()> {
        let mut value = self.value(resource)?;
        self.values.remove(resource);
        let changed = change(Arc::make_mut(&mut value));
        self.values.insert(resource.clone(), value);
        changed
    }

    /// The variable is as before anything was assigned.
    pub fn forget(&mut self, resource: &Resource) {
        self.values.remove(resource);
    }

    /// The table behind a handle, empty before anything was put in.
    pub fn table(&mut self, resource: &Resource) -> &Table {
        self.tables.entry(resource.clone()).or_default()
    }

    /// The same, to change it.
    pub fn table_mut(&mut self, resource: &Resource) -> &mut Table {
        Arc::make_mut(self.tables.entry(resource.clone()).or_default())
    }

    /// Arrays live as long as the run that makes them, and so do lines that it prints.
    pub fn begin_run(&mut self) {
        self.arrays.clear();
        self.gradients.clear();
        self.said.clear();
    }

    /// Keeps a line that a graph prints; of very many the first.
    pub fn say(&mut self, line: String) {
        const MOST: usize = 1000;
        if self.said.len() < MOST {
            self.said.push(line);
        }
    }

    /// The lines of the last run.
    pub fn said(&self) -> &[String] {
        &self.said
    }

    /// A handle of a new array.
    pub fn add_array(&mut self, array: impl Into<Array>) -> Resource {
        self.arrays.push(array.into());
        Resource::Named(format!("{ARRAY}{}", self.arrays.len() - 1).into())
    }

    /// # Errors
    /// The handle is of something else.
    pub fn array(&mut self, resource: &Resource) -> Result<&mut Array> {
        let number = match resource {
            Resource::Named(name) => name.strip_prefix(ARRAY).and_then(|n| n.parse().ok()),
            Resource::Stored(_) => None,
        };
        let array = number.and_then(|number: usize| self.arrays.get_mut(number));
        array.ok_or_else(|| Error::unsupported("a handle that stands for no array"))
    }

    /// A handle of the array for the gradients of another one; `make` makes it at first.
    ///
    /// # Errors
    /// As [`State::array`].
    pub fn gradients_of(
        &mut self,
        of: &Resource,
        source: &Arc<str>,
        make: impl FnOnce(&Array) -> Array,
    ) -> Result<Resource> {
        let key = (of.clone(), source.clone());
        if let Some(known) = self.gradients.get(&key) {
            return Ok(known.clone());
        }
        let made = make(self.array(of)?);
        let handle = self.add_array(made);
        self.gradients.insert(key, handle.clone());
        Ok(handle)
    }

    /// The content of a file that travels with the model.
    ///
    /// # Errors
    /// There is none of this name: nothing else is ever read.
    pub fn file(&self, name: &[u8]) -> Result<Bytes> {
        self.files.get(name).cloned().ok_or_else(|| {
            let name = String::from_utf8_lossy(name);
            Error::unreadable(format!("the file {name:?} is not in the model's folder"))
        })
    }

    /// The generator of an operator in a graph, which goes on from run to run. Without seeds of its own it begins with the
    /// session's seed and its number.
    pub fn generator(&mut self, place: &(Name, Name), seeds: Option<[u64; 2]>) -> &mut Philox {
        let (seed, unseeded) = (&mut self.seed, &mut self.unseeded);
        self.generators.entry(place.clone()).or_insert_with(|| {
            let [seed, seed2] = seeds.unwrap_or_else(|| {
                *unseeded += 1;
                [*seed.get_or_insert_with(any_seed), *unseeded]
            });
            Philox::new(seed, seed2)
        })
    }

    /// What random numbers came from that the graph has no seed for, if any were drawn.
    pub fn seed(&self) -> Option<u64> {
        self.seed.filter(|_| self.unseeded > 0)
    }

    /// A copy for later, without the arrays of the last run, which nothing will ask for again.
    pub fn copy(&self) -> State {
        State {
            arrays: Vec::new(),
            gradients: HashMap::new(),
            ..self.clone()
        }
    }

    /// A copy that draws the random numbers which `later`, a later state of the same session, has drawn.
    pub fn before(&self, later: &State) -> State {
        State {
            seed: self.seed.or(later.seed),
            ..self.copy()
        }
    }

    /// What is otherwise than in `before`, an earlier state of the same session: stored variables of which `written` says
    /// that a run writes them, all other ones, and tables. What both share is not looked at.
    pub fn changes(&self, before: &State, written: impl Fn(VariableId) -> bool) -> Vec<Change> {
        let keys = self.values.keys();
        let gone = before.values.keys();
        let gone = gone.filter(|key| !self.values.contains_key(*key));
        let counts = |key: &Resource| match key {
            Resource::Stored(id) => written(*id),
            Resource::Named(_) => true,
        };
        let mut keys: Vec<&Resource> = keys.chain(gone).filter(|key| counts(key)).collect();
        keys.sort_unstable();
        let mut all: Vec<Change> = Vec::new();
        for key in keys {
            let (old, new) = (before.values.get(key), self.values.get(key));
            if let (Some(old), Some(new)) = (old, new)
                && Arc::ptr_eq(old, new)
            {
                continue;
            }
            let old = old.or_else(|| self.begun.values.get(key));
            let old = old.cloned().or_else(|| self.first(key));
            let new = new.cloned().or_else(|| self.first(key));
            if old != new {
                all.push(Change {
                    name: self.name(key),
                    changed: Changed::Variable {
                        before: old,
                        after: new,
                    },
                    quantization: None,
                });
            }
        }
        let mut tables: Vec<_> = self.tables.iter().collect();
        tables.sort_unstable_by_key(|(key, _)| *key);
        for (key, table) in tables {
            let old = before
                .tables
                .get(key)
                .or_else(|| self.begun.tables.get(key));
            if old.is_some_and(|old| Arc::ptr_eq(old, table) || old == table) {
                continue;
            }
            let (before, after) = (old.map_or(0, |old| old.len()), table.len());
            // One that was only looked into has no entries now as before.
            if old.is_some() || after > 0 {
                all.push(Change {
                    name: self.name(key),
                    changed: Changed::Table { before, after },
                    quantization: None,
                });
            }
        }
        all
    }

    /// The value that a variable has before anything is assigned.
    fn first(&self, resource: &Resource) -> Option<Arc<Tensor>> {
        let Resource::Stored(id) = resource else {
            return None;
        };
        self.stored.get(id.0 as usize)?.read().ok().map(Arc::new)
    }

    /// The variable's own, or the one that graphs share it by.
    fn name(&self, resource: &Resource) -> Name {
        match resource {
            Resource::Stored(id) => match self.stored.get(id.0 as usize) {
                Some(variable) => variable.name.clone(),
                None => described(resource).into(),
            },
            Resource::Named(name) => name.trim_start_matches('/').into(),
        }
    }

    /// Whether `block` is asked for the first time.
    pub fn first_time(&mut self, block: &Block) -> bool {
        self.done.insert(block.clone())
    }

    /// A graph that runs only once has run.
    pub fn begin(&mut self) {
        self.begun = Begun {
            values: self.values.clone(),
            tables: self.tables.clone(),
        };
    }
}

/// Another one each time, short enough to be typed.
fn any_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 40
}

/// The one resource that a handle stands for.
pub fn handle(inputs: &[Option<Arc<Tensor>>], index: usize) -> Result<&Resource> {
    inputs
        .get(index)
        .and_then(|input| input.as_ref()?.handles()?.first())
        .ok_or_else(|| Error::unsupported(format!("input {index} is no handle of a resource")))
}

/// An input that must be there.
pub fn tensor(inputs: &[Option<Arc<Tensor>>], index: usize) -> Result<&Arc<Tensor>> {
    let input = inputs.get(index).and_then(Option::as_ref);
    input.ok_or_else(|| Error::unsupported(format!("input {index} is missing")))
}

/// The same, for who keeps it.
pub fn take(inputs: &mut [Option<Arc<Tensor>>], index: usize) -> Result<Arc<Tensor>> {
    let input = inputs.get_mut(index).and_then(Option::take);
    input.ok_or_else(|| Error::unsupported(format!("input {index} is missing")))
}

fn described(resource: &Resource) -> String {
    match resource {
        Resource::Stored(id) => format!("number {}", id.0),
        Resource::Named(name) => format!("{name:?}"),
    }
}
