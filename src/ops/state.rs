//! What outlives a run: the values of variables, tables, and what has run once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::control::Block;
use crate::error::{Error, Result};
use crate::model::{Resource, Tensor, Variable};

/// Lives as long as the session that runs a signature.
#[derive(Debug, Default)]
pub struct State {
    stored: Arc<[Variable]>,
    values: HashMap<Resource, Arc<Tensor>>,
    tables: HashMap<Resource, Option<Table>>,
    /// Graphs that run only once.
    done: HashSet<Block>,
}

/// Keys and values of a hash table.
#[derive(Debug, Clone)]
pub enum Table {
    /// From 64-bit integers to strings.
    Words(HashMap<i64, Vec<u8>>),
    /// From strings to 64-bit integers.
    Numbers(HashMap<Vec<u8>, i64>),
}

impl Table {
    pub fn len(&self) -> usize {
        match self {
            Table::Words(map) => map.len(),
            Table::Numbers(map) => map.len(),
        }
    }
}

impl State {
    /// `stored` are the variables that the model comes with: their first values.
    pub fn new(stored: Arc<[Variable]>) -> Self {
        State {
            stored,
            ..State::default()
        }
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

    /// The table behind a handle; `None` before anything was put in.
    pub fn table(&mut self, resource: &Resource) -> &mut Option<Table> {
        self.tables.entry(resource.clone()).or_default()
    }

    /// Whether `block` is asked for the first time.
    pub fn first_time(&mut self, block: &Block) -> bool {
        self.done.insert(block.clone())
    }
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
