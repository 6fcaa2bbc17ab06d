//! The same sums with packed weights and vector instructions.
