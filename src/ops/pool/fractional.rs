//! Fractional pooling: cells of two sizes, drawn at random.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::kernels::fractional::{cells, each_cell};
use crate::kernels::philox::Philox;
use crate::model::{Attr, DType, Element, Name, Shape, Tensor};
use crate::ops::state::{State, tensor};
use crate::ops::types::with_type;
use crate::ops::{Context, Fact, Operator, Prepared};

pub const OPERATORS: &[Operator] = &[Operator::new(
    &["FractionalMaxPool", "FractionalAvgPool"],
    &[],
    infer,
    prepare,
)
.effect()];

/// How many times fewer rows and columns come out.
fn ratios(cx: &Context) -> Result<[f32; 2]> {
    let list = cx.node.attrs.list("pooling_ratio").unwrap_or_default();
    let list: Vec<f32> = (list.iter().filter_map(Attr::as_float))
        .map(|ratio| ratio as f32)
        .collect();
    match list[..] {
        [1.0, rows, columns, 1.0] if rows >= 1.0 && columns >= 1.0 => Ok([rows, columns]),
        _ => Err(cx.wrong(format!(
            "pooling by {list:?}, expected 1, two ratios of at least 1, and 1"
        ))),
    }
}

/// Rows or columns that come out.
fn output(input: i64, ratio: f32) -> i64 {
    match input {
        // A large number of them may be rounded up.
        0.. => ((input as f32 / ratio).floor() as i64).min(input),
        _ => -1,
    }
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let [rows, columns] = ratios(cx)?;
    let (pooled, ends) = match cx.shape(0)?.dims() {
        Some(&[n, h, w, c]) => {
            let (h, w) = (output(h, rows), output(w, columns));
            (
                vec![n, h, w, c],
                [h, w].map(|n| if n < 0 { -1 } else { n + 1 }),
            )
        }
        None => (vec![-1; 4], [-1; 2]),
        Some(_) => return Err(cx.wrong(format!("images of {}", cx.shape(0)?))),
    };
    let [rows, columns] = ends.map(|n| Fact::new(DType::Int64, Shape(Some(vec![n]))));
    let pooled = Fact::new(cx.dtype(0)?, Shape(Some(pooled)));
    Ok(vec![pooled, rows, columns])
}

/// Where the numbers come from that cells are drawn by.
struct Drawn {
    place: (Name, Name),
    seeds: [u64; 2],
    /// Every run draws the same.
    fixed: bool,
}

impl Drawn {
    fn of(cx: &Context) -> Result<Self> {
        let seeds = ["seed", "seed2"].map(|name| cx.attr_int(name, 0) as u64);
        let fixed = cx.attr_bool("deterministic");
        if !fixed && seeds != [0, 0] {
            return Err(cx.wrong("seeds of what is not deterministic, expected none"));
        }
        Ok(Drawn {
            place: (cx.graph.name.clone(), cx.node.name.clone()),
            seeds,
            fixed,
        })
    }

    fn generator(&self, state: &mut State) -> Philox {
        if self.seeds != [0, 0] {
            return Philox::new(self.seeds[0], self.seeds[1]);
        }
        let generator = state.generator(&self.place, None);
        let base = generator.clone();
        if !self.fixed {
            // More than any image's rows and columns take.
            generator.skip(1 << 32);
        }
        base
    }
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (ratios, drawn, dtype) = (ratios(cx)?, Drawn::of(cx)?, cx.dtype(0)?);
    let (pseudo, overlapping) = (cx.attr_bool("pseudo_random"), cx.attr_bool("overlapping"));
    let largest = &*cx.node.op == "FractionalMaxPool";
    with_type!(dtype, T in [
        Float32: f32, Float64: f64, Int32: i32, Int64: i64,
    ] => Prepared::effect(move |inputs, state| {
        let x = tensor(&inputs, 0)?;
        let (&[n, h, w, c], Some(values)) = (x.shape(), x.values::<T>()) else {
            return Err(Error::usage(format!("images of {} {:?}", x.dtype(), x.shape())));
        };
        let out = [output(h as i64, ratios[0]), output(w as i64, ratios[1])].map(|n| n as usize);
        if out.contains(&0) {
            return Err(Error::usage(format!("pooling of {h}×{w} pixels by {ratios:?}")));
        }
        let mut philox = drawn.generator(state);
        let rows = cells(h, out[0], pseudo, &mut philox);
        let columns = cells(w, out[1], pseudo, &mut philox);
        let mut pooled = Tensor::zeros(dtype, &[n, out[0], out[1], c])?;
        let mut slots = pooled.values_mut::<T>().unwrap_or_default().iter_mut();
        for image in values.chunks_exact((h * w * c).max(1)) {
            each_cell([&rows, &columns], c, overlapping, |places| {
                if let Some(slot) = slots.next() {
                    *slot = pool(places.map(|at| image[at]), largest);
                }
            });
        }
        let ends = [rows, columns].map(|ends| Arc::new(Tensor::from_values(&[ends.len()], &ends)));
        Ok([Arc::new(pooled)].into_iter().chain(ends).collect())
    }), else Err(cx.no_kernel(dtype)))
}

/// The largest of a cell's values, or their mean, which is cut for whole numbers.
fn pool<T: Number + Element>(values: impl Iterator<Item = T>, largest: bool) -> T {
    if largest {
        return values.fold(T::lowest(), |most, v| if v > most { v } else { most });
    }
    let (mut sum, mut count) = (T::ZERO, 0);
    for value in values {
        sum = sum.add(value);
        count += 1;
    }
    sum.div(T::from_f64(f64::from(count.max(1))))
}
