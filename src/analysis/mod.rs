//! A model to facts: sizes, cost, histogram of operators, health, statistics of values.
//!
//! Everything but [`weights_health`], [`statistics`] and [`spread`] looks at structure only and reads no weights.

mod checksums;
mod cost;
mod finite;
mod health;
mod indices;
mod lambda;
mod locate;
mod operators;
mod parameters;
mod pixels;
mod reach;
mod sizes;
mod statistics;
#[cfg(test)]
pub(crate) mod testing;
mod unsafe_ops;
mod usage;

pub use checksums::{Check, checksums};
pub use cost::{Costs, SignatureCost, costs};
pub use finite::{Spread, spread};
pub use health::{At, Finding, Kind, Severity, Spot, health, weights_health};
pub use indices::index_bounds;
pub use locate::Locator;
pub use operators::{OpCounts, all_op_counts, op_counts};
pub use parameters::{Parameters, Trained, parameters};
pub use pixels::takes_bytes;
pub use sizes::{
    ByteEntry, Group, Place, TensorRow, by_dtype, by_operator, by_scope, quantization_text, read,
    tensors, where_bytes, whole_bytes,
};
pub use statistics::{Statistics, statistics};
pub use unsafe_ops::LIST as UNSAFE_LIST;
pub use usage::{Usage, Use};
