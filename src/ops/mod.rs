//! Operators: names in both dialects, shapes, cost, and which kernel runs them.

mod family;
pub mod lower;

pub use family::{Family, family};
