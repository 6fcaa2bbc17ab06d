//! From an element type at run time to a Rust type.

/// Evaluates `$body` with `$T` standing for the Rust type of `$dtype`; `$else` for other types.
macro_rules! with_type {
    ($dtype:expr, $T:ident in [$($variant:ident: $ty:ty),* $(,)?] => $body:expr, else $else:expr) => {
        match $dtype {
            $(crate::model::DType::$variant => { type $T = $ty; $body })*
            _ => $else,
        }
    };
}

/// All real numbers.
macro_rules! with_number {
    ($dtype:expr, $T:ident => $body:expr, else $else:expr) => {
        crate::ops::types::with_type!($dtype, $T in [
            Float32: f32, Float64: f64, Float16: half::f16, BFloat16: half::bf16,
            Int8: i8, UInt8: u8, Int16: i16, UInt16: u16, Int32: i32, UInt32: u32, Int64: i64, UInt64: u64,
        ] => $body, else $else)
    };
}

/// All real and complex numbers, each a `Ring`.
macro_rules! with_ring {
    ($dtype:expr, $T:ident => $body:expr, else $else:expr) => {
        crate::ops::types::with_type!($dtype, $T in [
            Float32: f32, Float64: f64, Float16: half::f16, BFloat16: half::bf16,
            Int8: i8, UInt8: u8, Int16: i16, UInt16: u16, Int32: i32, UInt32: u32, Int64: i64, UInt64: u64,
            Complex64: [f32; 2], Complex128: [f64; 2],
        ] => $body, else $else)
    };
}

macro_rules! with_float {
    ($dtype:expr, $T:ident => $body:expr, else $else:expr) => {
        crate::ops::types::with_type!($dtype, $T in [
            Float32: f32, Float64: f64, Float16: half::f16, BFloat16: half::bf16,
        ] => $body, else $else)
    };
}

macro_rules! with_integer {
    ($dtype:expr, $T:ident => $body:expr, else $else:expr) => {
        crate::ops::types::with_type!($dtype, $T in [
            Int8: i8, UInt8: u8, Int16: i16, UInt16: u16, Int32: i32, UInt32: u32, Int64: i64, UInt64: u64,
        ] => $body, else $else)
    };
}

/// # Errors
/// `dtype` is no type of real numbers, all of which [`with_number`] takes.
pub(super) fn check_number(
    cx: &super::Context,
    dtype: crate::model::DType,
) -> crate::error::Result<()> {
    with_number!(dtype, T => { let _: Option<T> = None; Ok(()) }, else Err(cx.no_kernel(dtype)))
}

/// # Errors
/// `dtype` is no type of numbers, all of which [`with_ring`] takes.
pub(super) fn check_ring(
    cx: &super::Context,
    dtype: crate::model::DType,
) -> crate::error::Result<()> {
    with_ring!(dtype, T => { let _: Option<T> = None; Ok(()) }, else Err(cx.no_kernel(dtype)))
}

pub(crate) use {with_float, with_integer, with_number, with_ring, with_type};
