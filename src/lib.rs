//! mexplore opens a TensorFlow SavedModel or a `.tflite` file, shows what is in it, runs it,
//! converts it and compares the result with the original.
//!
//! The rooms, in the order in which they may import one another (a room uses rooms above it, never below):

/// A model to facts: sizes, cost, histograms, health.
pub mod analysis;
/// One file per command: arguments in, a call, a report out.
pub mod cli;
/// Two models on the same inputs: sizes, outputs, layers, latency.
pub mod compare;
/// TensorFlow graphs to TFLite graphs, as a list of passes.
pub mod convert;
/// What can go wrong, typed: file, place in it, what was expected, what to do.
pub mod error;
/// How a person gives a tensor, and how outputs read.
pub mod feed;
/// Bytes to [`model::Model`] and back.
pub mod format;
/// Arithmetic on slices and strides.
pub mod kernels;
/// A graph to boxes and edges with coordinates; knows nothing of terminals.
pub mod layout;
/// One picture of a model, whatever file it came from. No I/O.
pub mod model;
/// One file per family of operators: shapes, cost, kernel, lowering, quantization.
pub mod ops;
/// Progress and cancellation of work that takes longer than a blink.
pub mod progress;
/// Calibration, ranges and the rewrite of a float model to an integer one.
pub mod quantize;
/// The same facts as text and as JSON.
pub mod report;
/// Plans and executes a signature: order, shapes, arena, threads, state, profile.
pub mod runtime;
/// The terminal UI: events become commands, commands change state, state is drawn.
pub mod tui;
