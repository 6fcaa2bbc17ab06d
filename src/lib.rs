//! mexplore opens a TensorFlow SavedModel or a `.tflite` file, shows what is in it, runs it,
//! converts it and compares the result with the original.
//!
//! The rooms, in the order in which they may import one another; a room uses those before it, never those after:
//! [`sort`], [`error`], [`progress`], [`memory`], [`model`], [`format`](mod@format), [`kernels`], [`ops`], [`analysis`],
//! [`layout`], [`runtime`], [`quantize`], [`prune`], [`convert`], [`feed`], [`compare`], [`report`], [`cli`], [`tui`].
//! A test holds them to it.

pub mod analysis;
pub mod cli;
pub mod compare;
pub mod convert;
pub mod error;
pub mod feed;
pub mod format;
pub mod kernels;
pub mod layout;
pub mod memory;
pub mod model;
pub mod ops;
pub mod progress;
pub mod prune;
pub mod quantize;
pub mod report;
pub mod runtime;
pub mod sort;
pub mod tui;
