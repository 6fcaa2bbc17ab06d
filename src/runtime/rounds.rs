//! How often a loop has gone round, and whether it ever ends.

use std::collections::HashSet;
use std::sync::Arc;

use super::program::Program;
use crate::error::{Error, Result};
use crate::model::Tensor;
use crate::ops;

/// A loop that ends sooner is not watched: keeping its values may cost a copy.
const WATCHED_FROM: u64 = 1 << 10;

/// The rounds of one loop, which a file calls its iterations.
///
/// Where the same values give the same next ones, a loop that comes back to values it had goes on for ever. They are
/// kept from round 2ᵏ to 2ᵏ⁺¹, so that every cycle is met in the end (Brent, "An improved Monte Carlo factorization
/// algorithm", BIT 20, 1980).
pub struct Rounds<'v> {
    done: u64,
    /// 0 is no limit.
    limit: u64,
    /// Whether nothing but its values decides what a round does; found out when it matters.
    repeats: &'v dyn Fn() -> bool,
    /// After which round, and what the values were.
    kept: Option<(u64, Vec<Arc<Tensor>>)>,
}

impl<'v> Rounds<'v> {
    pub fn new(limit: u64, repeats: &'v dyn Fn() -> bool) -> Self {
        Rounds {
            done: 0,
            limit,
            repeats,
            kept: None,
        }
    }

    /// Before a round that takes `values`.
    ///
    /// # Errors
    /// The loop has no end, or went round as often as it may.
    pub fn another(&mut self, values: &[Arc<Tensor>]) -> Result<()> {
        let done = self.done;
        self.done += 1;
        if let Some((since, kept)) = &self.kept
            && equal(kept, values)
        {
            return Err(Error::unreadable(format!(
                "the loop never ends: its values after {done} iterations are those after {since} again"
            ))
            .hint("see what its condition tests, and whether its body changes that"));
        }
        if self.limit > 0 && done == self.limit {
            let message = format!("the loop did not end within {done} iterations");
            return Err(Error::unsupported(message).hint(
                "--max-iterations of run and bench sets how many it may take, 0 any number",
            ));
        }
        let watched = done >= WATCHED_FROM && done.is_power_of_two();
        if watched && (self.kept.is_some() || done == WATCHED_FROM) {
            self.kept = (self.repeats)().then(|| (done, values.to_vec()));
        }
        Ok(())
    }
}

/// Small tensors first: a counter tells two rounds apart before an image does.
fn equal(a: &[Arc<Tensor>], b: &[Arc<Tensor>]) -> bool {
    const SMALL: usize = 16;
    let alike = |small: bool| {
        let mut pairs = a.iter().zip(b);
        pairs.all(|(a, b)| (a.len() <= SMALL) != small || Arc::ptr_eq(a, b) || a == b)
    };
    alike(true) && alike(false)
}

impl Program {
    /// Whether these graphs, and all that they run, give the same for the same inputs and change nothing outside.
    pub fn repeats(&self, numbers: &[usize]) -> bool {
        let mut seen: HashSet<usize> = numbers.iter().copied().collect();
        let mut open = numbers.to_vec();
        while let Some(number) = open.pop() {
            let graph = self.graph(number);
            if graph.values.iter().any(|value| value.is_variable) {
                return false;
            }
            for node in &graph.nodes {
                let Some(control) = ops::control(graph, node) else {
                    match ops::find_for(graph, node) {
                        Some(operator) if operator.foldable => continue,
                        _ => return false,
                    }
                };
                let Ok(control) = control else { return false };
                for block in control.blocks() {
                    match self.number(block) {
                        Ok(number) if seen.insert(number) => open.push(number),
                        Ok(_) => {}
                        Err(_) => return false,
                    }
                }
            }
        }
        true
    }
}
