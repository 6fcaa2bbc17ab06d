//! Random numbers of TensorFlow Lite. With seeds the numbers are always the same; a run goes on where the last one of
//! the session ended. Without seeds they are others in each session.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::movement::told_shape;
use super::state::tensor;
use super::{Context, Fact, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::philox::{Philox, draw, normal, uniform};
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &[],
        &["RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL"],
        |cx| cx.one(cx.out_dtype(0)?, told_shape(cx, 0)?),
        prepare,
    )
    .effect(),
    Operator::new(&[], &["MULTINOMIAL"], infer_drawn, prepare_drawn).effect(),
];

/// How an operator's generator begins, and by what a session knows it.
struct Start {
    id: u64,
    seeds: Option<[u64; 2]>,
}

impl Start {
    fn of(cx: &Context) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let seeds = [
            cx.attr_int("seed", 0) as u64,
            cx.attr_int("seed2", 0) as u64,
        ];
        Start {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            seeds: (seeds != [0, 0]).then_some(seeds),
        }
    }

    fn generator(&self) -> Philox {
        let any = || RandomState::new().build_hasher().finish();
        let [seed, seed2] = self.seeds.unwrap_or_else(|| [any(), any()]);
        Philox::new(seed, seed2)
    }
}

fn prepare(cx: &Context) -> Result<Prepared> {
    if cx.out_dtype(0)? != DType::Float32 {
        return Err(cx.no_kernel(cx.out_dtype(0)?));
    }
    let (start, is_normal) = (Start::of(cx), &*cx.node.op == "RANDOM_STANDARD_NORMAL");
    Prepared::effect(move |inputs, state| {
        let sizes = sizes(&View::of(tensor(&inputs, 0)?))?;
        let mut out = Tensor::zeros(DType::Float32, &sizes)?;
        let values = out.values_mut::<f32>().unwrap_or_default();
        let generator = state.generator(start.id, || start.generator());
        if is_normal {
            generator.fill(values, normal);
        } else {
            generator.fill(values, |words| words.map(uniform));
        }
        Ok(vec![Arc::new(out)])
    })
}

fn sizes(told: &View) -> Result<Vec<usize>> {
    let told = super::segment::whole_numbers(told)?;
    let sizes = told
        .iter()
        .map(|&size| usize::try_from(size))
        .collect::<std::result::Result<_, _>>();
    sizes.map_err(|_| Error::usage(format!("the sizes {told:?}")))
}

/// `[rows, number of draws]`.
fn infer_drawn(cx: &Context) -> Result<Vec<Fact>> {
    let rows = match cx.shape(0)?.dims() {
        Some(&[rows, _]) => rows,
        None => -1,
        Some(_) => return Err(cx.wrong(format!("logits of {}", cx.shape(0)?))),
    };
    let draws = cx.int(1)?.unwrap_or(-1);
    cx.one(cx.out_dtype(0)?, Shape(Some(vec![rows, draws])))
}

fn prepare_drawn(cx: &Context) -> Result<Prepared> {
    let (start, dtype) = (Start::of(cx), cx.out_dtype(0)?);
    if !matches!(dtype, DType::Int32 | DType::Int64) || cx.dtype(0)? != DType::Float32 {
        return Err(cx.no_kernel(dtype));
    }
    Prepared::effect(move |inputs, state| {
        let logits = View::of(tensor(&inputs, 0)?);
        let told = sizes(&View::of(tensor(&inputs, 1)?))?;
        let (&[rows, classes], &[draws]) = (logits.shape, &told[..]) else {
            return Err(Error::usage(format!(
                "{told:?} draws from logits of {:?}",
                logits.shape
            )));
        };
        if classes == 0 {
            return Err(Error::usage("draws from no classes"));
        }
        let mut out = Tensor::zeros(dtype, &[rows, draws])?;
        let generator = state.generator(start.id, || start.generator());
        let mut numbers = generator.clone().pairs();
        // As many as TensorFlow sets aside.
        generator.skip(rows as u128 * draws.next_multiple_of(4) as u128 * 2 * 256);
        let mut sums = vec![0.0; classes];
        let mut drawn = Vec::with_capacity(rows * draws);
        for logits in logits.values::<f32>()?.chunks_exact(classes) {
            draw(
                logits,
                &mut numbers,
                &mut sums,
                |index| drawn.push(index),
                draws,
            );
        }
        if let Some(out) = out.values_mut::<i32>() {
            out.iter_mut()
                .zip(&drawn)
                .for_each(|(out, &index)| *out = index as i32);
        } else if let Some(out) = out.values_mut::<i64>() {
            out.iter_mut()
                .zip(&drawn)
                .for_each(|(out, &index)| *out = index as i64);
        }
        Ok(vec![Arc::new(out)])
    })
}
