//! Integer and hybrid kernels that have no float twin of the same shape: TensorFlow Lite's reference arithmetic, bit for bit.

pub mod activation;
pub mod arithmetic;
pub mod convert;
#[cfg(test)]
mod golden;
pub mod hybrid;
pub mod reduce;
pub mod row_scale;
pub mod softmax16;
pub mod table;
