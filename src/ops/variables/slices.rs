//! Slices put into variables: in the place of what is there, or combined with it.

use crate::error::{Error, Result};
use crate::kernels::movement::{self, Named, Places};
use crate::model::{DType, Element, Tensor};
use crate::ops::combine::{combines, passes_over, with_combination};
use crate::ops::segment::whole_numbers;
use crate::ops::{Context, Operator, Prepared, View, state};

pub const OPERATORS: &[Operator] = &[Operator::new(
    &[
        "ResourceScatterUpdate",
        "ResourceScatterAdd",
        "ResourceScatterSub",
        "ResourceScatterMul",
        "ResourceScatterDiv",
        "ResourceScatterMin",
        "ResourceScatterMax",
        "ResourceScatterNdUpdate",
        "ResourceScatterNdAdd",
        "ResourceScatterNdSub",
        "ResourceScatterNdMin",
        "ResourceScatterNdMax",
    ],
    &[],
    |_| Ok(Vec::new()),
    prepare,
)
.effect()];

/// Combines rows or slices of input 2 into a variable at the indices of input 1, in their order.
fn prepare(cx: &Context) -> Result<Prepared> {
    let (dtype, op) = (cx.dtype(2)?, cx.node.op.clone());
    let (nd, passes_over) = (op.contains("Nd"), passes_over(cx)?);
    let how = op.trim_start_matches("ResourceScatter");
    let how = how.trim_start_matches("Nd").to_owned();
    let known = match &*how {
        "Update" => dtype.size().is_some() || dtype == DType::String,
        _ => combines(dtype, &how),
    };
    if !known {
        return Err(cx.no_kernel(dtype));
    }
    Prepared::effect(move |inputs, state| {
        let (at, updates) = (state::tensor(&inputs, 1)?, state::tensor(&inputs, 2)?);
        let indices = whole_numbers(&View::of(at))?;
        let depth = match (nd, at.shape()) {
            (true, [.., depth]) => *depth,
            (true, []) => return Err(Error::usage("indices without axes, expected rows of them")),
            (false, _) => 1,
        };
        let named = Named {
            places: Places::Int64(&indices),
            depth,
            passes_over,
        };
        state.change(state::handle(&inputs, 0)?, |value| {
            let shape = value.shape();
            let outer = &at.shape()[..at.rank() - usize::from(nd)];
            let inner = shape
                .get(depth..)
                .ok_or_else(|| Error::usage(format!("{depth} indices into {shape:?}")))?;
            let wanted = [outer, inner].concat();
            let spread = !nd && updates.rank() == 0;
            if updates.dtype() != value.dtype() {
                return Err(Error::unsupported("a variable of another type"));
            }
            if !spread && updates.shape() != wanted {
                return Err(Error::usage(format!(
                    "updates of {:?}, expected {wanted:?}",
                    updates.shape()
                )));
            }
            let count = if spread { wanted.iter().product() } else { 1 };
            put(&how, value, named, (updates, count))
        })?;
        Ok(Vec::new())
    })
}

/// `updates`, `count` times over, at the named slices of `value`.
fn put(
    how: &str,
    value: &mut Tensor,
    named: Named,
    (updates, count): (&Tensor, usize),
) -> Result<()> {
    let (dtype, shape) = (value.dtype(), value.shape().to_vec());
    match (how, dtype.size()) {
        ("Update", None) => {
            let mut all = value.strings().unwrap_or_default().to_vec();
            let new = updates.strings().unwrap_or_default();
            let new: Vec<_> = new
                .iter()
                .cycle()
                .take(count * new.len())
                .cloned()
                .collect();
            let replace = |old: &mut [Vec<u8>], new: &[Vec<u8>]| old.clone_from_slice(new);
            movement::scatter_nd_with((&mut all, &shape), named, &new, &replace)?;
            *value = Tensor::from_strings(&shape, all);
            Ok(())
        }
        ("Update", Some(size)) => {
            let new = updates.bytes().unwrap_or_default().repeat(count);
            let all = value.bytes_mut().unwrap_or_default();
            movement::scatter_nd_update(size, (all, &shape), named, &new)
        }
        _ => with_combination!(dtype, how, T, f => {
            let new = updates.values::<T>().unwrap_or_default().repeat(count);
            let zero = <T as Element>::DTYPE.is_integer() && new.contains(&T::default());
            if how == "Div" && zero {
                return Err(Error::usage("a division by zero"));
            }
            let all = value.values_mut::<T>().unwrap_or_default();
            movement::scatter_nd_with((all, &shape), named, &new, &movement::by_element(f))
        }, else Ok(())),
    }
}
