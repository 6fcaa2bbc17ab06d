//! The same sums with packed weights and vector instructions.
//!
//! Constant weights are packed once, when a plan is made, for the processor at hand; `run` then reads activations where
//! they lie. Float answers stay within 1e-5 of the reference's (sums are taken in blocks); integer answers are equal.

mod byte;
pub mod conv;
pub mod depthwise;
pub mod depthwise_int8;
mod depthwise_lines;
pub mod depthwise_over;
mod depthwise_tiles;
#[cfg(target_arch = "x86_64")]
mod depthwise_vnni;
mod epilogue;
mod finish;
mod grid;
pub mod hybrid;
pub mod int8;
mod int8_sums;
pub mod matmul;
pub mod matmul_int8;
pub(in crate::kernels) mod pack;
mod panels;
pub mod pool;
pub mod resize;
#[cfg(test)]
mod testing;
mod tile;
mod tile_int8;
pub mod transposed;
pub mod transposed_in_order;
mod vector;
#[cfg(target_arch = "x86_64")]
mod vnni;
mod window;
pub mod winograd;
mod winograd_tiles;

pub use byte::Byte;
pub use conv::{ConvWeights, PackedConv2d};
pub use depthwise::PackedDepthwise;
pub use depthwise_int8::{DepthwiseInt8Weights, PackedDepthwiseInt8};
pub use depthwise_over::DepthwiseOver;
pub use hybrid::{HybridDepthwise, HybridEpilogue, HybridRoom, PackedHybrid, Scaling};
pub use int8::{Int8Weights, PackedConv2dInt8};
pub use matmul::{FastMatMul, Place, Steps};
pub use matmul_int8::MatMulInt8;
pub use pack::FilterView;
pub use panels::Aligned;
pub use resize::{Bilinear, Blend, Nearest, has_tables};
#[cfg(target_arch = "aarch64")]
pub use tile_int8::arm::dot;
pub use transposed::{PackedTransposed, TransposedWeights};
pub use winograd::{Winograd, WinogradWeights};
