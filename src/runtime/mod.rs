//! Plans and executes a signature.
//!
//! [`Session::new`] flattens the signature's graph and checks that every operator can run. The first run with new input
//! sizes plans: shapes, folded constants, packed weights, one arena. Later runs with the same sizes only execute.

mod arena;
mod bench;
mod blocks;
#[cfg(test)]
mod blocks_tests;
mod changes;
#[cfg(test)]
mod changes_tests;
mod dead;
#[cfg(test)]
mod dead_tests;
mod execute;
mod few;
mod frames;
#[cfg(test)]
mod frames_tests;
mod fusion;
mod handover;
mod inputs;
mod memory;
#[cfg(test)]
mod packed_tests;
mod places;
mod plan;
mod problems;
mod profile;
mod program;
mod ready;
mod references;
mod regions;
mod replay;
mod rounds;
mod session;
#[cfg(test)]
mod tests;
mod trace;
#[cfg(test)]
mod trace_tests;
mod traced;
mod values;

pub use crate::ops::{Change, Changed, Content, View};
pub use bench::{Timings, bench, per_op};
pub use replay::{Moment, are_finite};
pub use session::{Outputs, Session, inputs_of};
pub use traced::{Maker, NotFinite, Operand, Origin, Source, Trace, Traced, What};

use crate::kernels;
use crate::model::{Name, NodeId, Tensor, ValueId};
use crate::ops::Block;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KernelChoice {
    /// The fastest that keeps the promised accuracy.
    #[default]
    Auto,
    /// The plain ones, which repeat TensorFlow Lite's reference kernels.
    Reference,
}

#[derive(Debug, Clone)]
pub struct RunOptions {
    pub signature: Option<String>,
    pub tags: Option<Vec<String>>,
    /// 0 means one per core.
    pub threads: usize,
    pub kernels: KernelChoice,
    /// A loop that takes more is an error; 0 means that it may take any number.
    pub max_iterations: u64,
    /// What random numbers come from that the graph has no seed for; another one for each session without it.
    pub seed: Option<u64>,
    /// Operators may run as part of others: a batch normalization in the convolution before it, say. Results differ from
    /// those of the operators one by one by less than a millionth.
    pub fusion: bool,
    /// The session is for one run: large weights are packed when an operator wants them and given up behind it, which
    /// takes less time and memory than to keep all of them. Further runs do the same again.
    pub once: bool,
}

impl RunOptions {
    /// Beyond what models take: ten seconds of sound made sample by sample have 480,000.
    pub const MAX_ITERATIONS: u64 = 500_000;
}

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions {
            signature: None,
            tags: None,
            threads: 0,
            kernels: KernelChoice::default(),
            max_iterations: Self::MAX_ITERATIONS,
            seed: None,
            fusion: true,
            once: false,
        }
    }
}

/// Time of one operator in the last profiled run, over all the rounds of the loop it lies in.
#[derive(Debug, Clone)]
pub struct OpTime {
    /// The graph as the session counts them, 0 the signature's own, and the operator in it: the same in every run.
    pub at: (usize, NodeId),
    /// Index in execution order, within its graph.
    pub step: usize,
    /// What the graph of the loop, the branch or the call is named that it lies in; `None` in the signature's own.
    pub graph: Option<Name>,
    /// The graph of the file that its name stands in, calls inlined; `None` for the signature's own. Loops of TensorFlow 1
    /// have graphs only while they run and stand in the one around them.
    pub file_graph: Option<Block>,
    /// The node's name and operator as the model names them.
    pub node: Name,
    pub op: Name,
    /// With all that it runs. An operator that runs itself again counts that each time.
    pub nanos: u64,
    /// Of these, what operators took that have times of their own, in the graphs that it runs.
    pub inner: u64,
    pub calls: u64,
    /// Multiply-accumulates of all calls.
    pub macs: u64,
    /// Whether they are of integers: its weights are.
    pub of_integers: bool,
}

impl OpTime {
    /// Operations per second, a multiply-accumulate being two, and the share of what `threads` threads can do at most: more
    /// than 1 where Winograd's convolution makes do with fewer than are counted. `None` without any.
    pub fn rate(&self, threads: usize) -> Option<(f64, f64)> {
        let rate = 2.0 * self.macs as f64 / (self.own() as f64 * 1e-9);
        let peak = kernels::peak::peak();
        let most = if self.of_integers {
            peak.integer
        } else {
            peak.float
        };
        (self.macs > 0 && self.own() > 0).then_some((rate, rate / (most * threads as f64)))
    }

    /// Nanoseconds without those of the operators that it runs: over all operators, the sum is the run's.
    pub fn own(&self) -> u64 {
        self.nanos.saturating_sub(self.inner)
    }
}

/// A value of the last run.
#[derive(Debug, Clone)]
pub struct Intermediate {
    /// In the signature's graph with its calls inlined, as [`crate::model::inline::flatten`] numbers values.
    pub id: ValueId,
    /// Names of the value and of the node that made it.
    pub value: Name,
    pub node: Name,
    pub op: Name,
    pub tensor: Tensor,
}

/// Where values live in the arena.
#[derive(Debug, Clone, Default)]
pub struct ArenaReport {
    /// Size of the arena in bytes.
    pub bytes: usize,
    /// What lies beside it, known after a run: arenas of the graphs that operators run, products that loops keep.
    pub beside: usize,
    /// The step whose live values need most, and how much.
    pub peak_step: usize,
    pub peak_node: String,
    pub blocks: Vec<ArenaBlock>,
}

impl ArenaReport {
    /// Bytes of the arena and of what lies beside it.
    pub fn all(&self) -> usize {
        self.bytes.saturating_add(self.beside)
    }
}

#[derive(Debug, Clone)]
pub struct ArenaBlock {
    /// The value, or the first of several that take each other's place; `None` for what the kernel of one step works
    /// with.
    pub value: Option<Name>,
    pub offset: usize,
    pub bytes: usize,
    /// First and last step that needs it.
    pub first: usize,
    pub last: usize,
}
