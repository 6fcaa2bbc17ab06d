//! Integer and hybrid kernels that have no float twin of the same shape: TensorFlow Lite's reference arithmetic, bit for bit.

pub mod activation;
pub mod arithmetic;
#[cfg_attr(not(target_arch = "x86_64"), path = "no_arithmetic512.rs")]
pub mod arithmetic512;
pub mod convert;
#[cfg(target_arch = "x86_64")]
mod convert512;
#[cfg(test)]
mod golden;
pub mod hybrid;
pub mod placing;
#[cfg(target_arch = "x86_64")]
mod reals512;
pub mod reduce;
pub mod row_scale;
pub mod softmax16;
#[cfg_attr(not(target_arch = "x86_64"), path = "no_softmax512.rs")]
pub mod softmax512;
pub mod table;
