//! Plans and executes a signature.

use crate::error::{Error, Result};
use crate::model::{Model, Name, Port, Tensor};
use crate::progress::Progress;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KernelChoice {
    /// The fastest that keeps the promised accuracy.
    #[default]
    Auto,
    /// The plain ones, which repeat TensorFlow Lite's reference kernels.
    Reference,
}

#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    pub signature: Option<String>,
    pub tags: Option<Vec<String>>,
    /// 0 means one per core.
    pub threads: usize,
    pub kernels: KernelChoice,
}

/// A signature made ready to run; runs share the model's weights.
pub struct Session {}

/// Time of one operator in the last profiled run.
#[derive(Debug, Clone)]
pub struct OpTime {
    /// Index in execution order.
    pub step: usize,
    /// The node's name and operator as the model names them.
    pub node: Name,
    pub op: Name,
    pub nanos: u64,
    /// Multiply-accumulates of this call.
    pub macs: u64,
}

/// A value of the last run.
#[derive(Debug, Clone)]
pub struct Intermediate {
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
    /// The step whose live values need most, and how much.
    pub peak_step: usize,
    pub peak_node: String,
    pub blocks: Vec<ArenaBlock>,
}

#[derive(Debug, Clone)]
pub struct ArenaBlock {
    pub value: Name,
    pub offset: usize,
    pub bytes: usize,
    /// First and last step that needs it.
    pub first: usize,
    pub last: usize,
}

impl Session {
    /// Finds the signature and checks that every operator can run; names all that can't.
    pub fn new(model: &Model, options: &RunOptions) -> Result<Self> {
        let _ = (model, options);
        Err(Error::unsupported("running"))
    }

    pub fn signature(&self) -> &str {
        ""
    }

    /// Inputs in the order that `#0`, `#1`, … count.
    pub fn inputs(&self) -> &[Port] {
        &[]
    }

    pub fn outputs(&self) -> &[Port] {
        &[]
    }

    /// Runs once. `inputs` by name (or `#0`…), all of them, in any order; outputs in the order of [`Session::outputs`].
    pub fn run(
        &mut self,
        inputs: &[(String, Tensor)],
        progress: &Progress,
    ) -> Result<Vec<(String, Tensor)>> {
        let _ = (inputs, progress);
        Err(Error::unsupported("running"))
    }

    /// Times every operator in the runs that follow; costs nothing when off.
    pub fn set_profiling(&mut self, on: bool) {
        let _ = on;
    }

    pub fn profile(&self) -> &[OpTime] {
        &[]
    }

    /// Keeps every intermediate value of the runs that follow.
    pub fn set_keep_intermediates(&mut self, on: bool) {
        let _ = on;
    }

    pub fn intermediates(&self) -> Vec<Intermediate> {
        Vec::new()
    }

    /// After the first run.
    pub fn arena(&self) -> ArenaReport {
        ArenaReport::default()
    }
}

/// Times of repeated runs.
#[derive(Debug, Clone, Default)]
pub struct Timings {
    pub first_ns: u64,
    /// Of the runs after the first, in order.
    pub runs_ns: Vec<u64>,
}

impl Timings {
    /// The `q`-quantile (0 to 1) of the runs after the first, in nanoseconds; the first run's time if it was the only one.
    pub fn quantile_ns(&self, q: f64) -> u64 {
        let _ = q;
        0
    }
}

/// Runs `runs` times on the same inputs.
pub fn bench(
    session: &mut Session,
    inputs: &[(String, Tensor)],
    runs: usize,
    progress: &Progress,
) -> Result<Timings> {
    let _ = (session, inputs, runs, progress);
    Err(Error::unsupported("running"))
}
