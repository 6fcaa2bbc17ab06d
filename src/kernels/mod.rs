//! Arithmetic on slices and strides, nothing else.
//!
//! Every kernel writes into a slice that the caller gives, allocates nothing and takes sizes as `&[usize]` or a
//! small parameter struct. Whoever calls has checked the shapes: a slice of the wrong length is a bug of the caller and
//! panics. What depends on *values* (an index outside the table, a division by zero) is an [`crate::error::Error`].
//!
//! - [`mod@reference`]: plain kernels that read like the definition and repeat TensorFlow Lite's reference kernels;
//! - [`fast`]: the same sums with packed weights and vector instructions, chosen in [`cpu`], split by [`threads`];
//! - [`vectors`]: functions, broadcasting arithmetic, sums, softmax and tables with vector instructions;
//! - [`elementwise`]: one value at a time, with broadcasting; [`movement`]: bytes from place to place;
//! - [`linalg`]: matrices and their factors; [`fourier`] and [`hadamard`]: transforms; [`image`] and [`text`]: files,
//!   colours, words;
//! - [`recurrent`]: cells that remember; [`philox`], [`draws`] and [`bounded`]: random numbers; [`sobol`]: even ones; [`boxes`]: detectors;
//! - [`mod@peak`]: what the processor can do at most;
//! - [`quantized`]: integer and hybrid kernels; [`fixed`], [`fixed16`] and [`requant`]: the arithmetic under them.

// Vector forms are given more than the plain ones that stand for them on other processors.
#![cfg_attr(not(target_arch = "x86_64"), allow(unused))]

pub mod bounded;
pub mod boxes;
pub mod cpu;
pub mod crops;
pub mod ctc;
pub mod ctc_loss;
pub mod draws;
pub mod einsum;
pub mod elementwise;
pub mod fast;
pub mod fixed;
pub mod fixed16;
pub mod fourier;
pub mod fractional;
pub mod hadamard;
pub mod image;
pub mod index_shuffle;
pub mod isotonic;
pub mod linalg;
pub mod mel;
pub mod movement;
pub mod params;
pub mod peak;
pub mod philox;
pub mod quantized;
pub mod recurrent;
pub mod reference;
pub mod requant;
pub mod scalar;
pub mod segment;
pub mod sobol;
pub mod strides;
pub mod text;
pub mod threads;
pub mod vectors;

pub use params::{Clamp, Conv2d, Pool2d, Rules};
pub use requant::{Quantized, Requant};
pub use threads::Threads;
