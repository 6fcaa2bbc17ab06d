//! How slices that are put into a tensor or a variable change what is there.

use super::Context;
use crate::error::Result;
use crate::kernels::elementwise::number::Number;
use crate::kernels::elementwise::ring::Ring;
use crate::model::DType;

/// Whether indices outside are passed over; they are an error elsewhere.
pub(super) fn passes_over(cx: &Context) -> Result<bool> {
    match cx.node.attrs.text("bad_indices_policy").unwrap_or_default() {
        "" | "DEFAULT" | "ERROR" => Ok(false),
        "IGNORE" => Ok(true),
        other => Err(cx.wrong(format!(
            "the policy {other:?} for indices outside, expected ERROR or IGNORE"
        ))),
    }
}

/// `Add`, `Sub`, `Mul` or `Div`, else what is new.
pub(super) fn calculated<T: Ring>(how: &str) -> fn(T, T) -> T {
    match how {
        "Add" => T::plus,
        "Sub" => T::minus,
        "Mul" => T::times,
        "Div" => T::over,
        _ => |_, new| new,
    }
}

/// `Min`, else the larger one.
pub(super) fn chosen<T: Number>(how: &str) -> fn(T, T) -> T {
    match how {
        "Min" => |old, new| if new < old { new } else { old },
        _ => |old, new| if new > old { new } else { old },
    }
}

/// As TensorFlow adds and subtracts truths.
pub(super) fn of_bools(how: &str) -> fn(u8, u8) -> u8 {
    match how {
        "Add" => |old, new| old | new,
        _ => |old, new| old ^ new,
    }
}

/// Evaluates `$body` with `$T` standing for the Rust type of `$dtype` and `$f` for the function `$how`; `$else` where that
/// type has none.
macro_rules! with_combination {
    ($dtype:expr, $how:expr, $T:ident, $f:ident => $body:expr, else $else:expr) => {
        match ($dtype, $how) {
            (_, "Min" | "Max") => crate::ops::types::with_number!($dtype, $T => {
                let $f = crate::ops::combine::chosen::<$T>($how);
                $body
            }, else $else),
            (crate::model::DType::Bool, "Add" | "Sub") => {
                type $T = u8;
                let $f = crate::ops::combine::of_bools($how);
                $body
            }
            _ => crate::ops::types::with_ring!($dtype, $T => {
                let $f = crate::ops::combine::calculated::<$T>($how);
                $body
            }, else $else),
        }
    };
}

pub(super) use with_combination;

/// Whether elements of this type are combined so.
pub(super) fn combines(dtype: DType, how: &str) -> bool {
    with_combination!(dtype, how, T, f => { let _: fn(T, T) -> T = f; true }, else false)
}
