//! The pipeline: small rewrites in a fixed order, each counting what it changed.

mod activation;
mod bias;
mod common;
mod control;
mod cse;
mod dead;
mod dilation;
mod edit;
mod freeze;
mod gelu;
mod multiply;
mod noops;
mod reshape;
mod simplify;
#[cfg(test)]
mod testing;
mod transpose;

use crate::error::Result;
use crate::model::{Graph, Variable};
use crate::progress::Progress;

/// What a pass may look at besides the graph.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The stored variables of the model.
    pub variables: &'a [Variable],
}

/// A rewrite of one graph.
#[derive(Debug, Clone, Copy)]
pub struct Pass {
    pub name: &'static str,
    /// Rewrites the graph and says in how many places.
    pub run: fn(&mut Graph, &Surroundings<'_>) -> Result<usize>,
}

const fn pass(name: &'static str, run: fn(&mut Graph, &Surroundings<'_>) -> Result<usize>) -> Pass {
    Pass { name, run }
}

/// On the TensorFlow graph, before it is lowered.
pub const BEFORE: &[Pass] = &[
    pass("freeze variables", freeze::run),
    pass("drop control edges", control::run),
    pass("drop no-ops", noops::run),
    pass("recognize GELU", gelu::run),
    pass("drop dead code", dead::run),
    pass("share equal operators", cse::run),
];

/// On the TFLite graph that lowering made.
pub const AFTER: &[Pass] = &[
    pass("move transposes", transpose::run),
    pass("simplify arithmetic", simplify::run),
    pass("recognize dilation", dilation::run),
    pass("fold multiplications into weights", multiply::run),
    pass("fuse biases", bias::run),
    pass("fuse activations", activation::run),
    pass("merge reshapes", reshape::run),
    pass("share equal operators", cse::run),
    pass("share equal constants", common::run),
    pass("drop dead code", dead::run),
];

/// Name and number of changes of each pass, in order.
pub type Log = Vec<(&'static str, usize)>;

pub fn run_all(
    passes: &[Pass],
    graph: &mut Graph,
    around: &Surroundings<'_>,
    progress: &Progress,
    log: &mut Log,
) -> Result<()> {
    for pass in passes {
        progress.message(pass.name);
        progress.step(1)?;
        let changes = (pass.run)(graph, around).map_err(|e| e.at(pass.name))?;
        log.push((pass.name, changes));
    }
    Ok(())
}
