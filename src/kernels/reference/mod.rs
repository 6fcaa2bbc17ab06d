//! Kernels that read like their definition: the truth that the fast ones are held against.

pub mod argmax_pool;
pub mod batch_norm;
pub mod conv;
pub mod conv3d;
pub mod conv_gradients;
pub mod fully_connected;
pub mod matmul;
pub mod order;
pub mod pool;
pub mod reduce;
pub mod reduce_halves;
pub mod reduce_window;
pub mod resize;
pub mod softmax;
pub mod wide;
