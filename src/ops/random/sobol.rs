//! Points of Sobol's sequence, the same in each run.

use super::super::segment::view;
use super::super::{Context, Fact, Prepared};
use super::whole;
use crate::error::{Error, Result};
use crate::kernels::sobol::{self, MOST_AXES};
use crate::memory;
use crate::model::{DType, Shape, Tensor};

pub(super) fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let [axes, count] = [cx.int(0)?, cx.int(1)?].map(|told| told.unwrap_or(-1));
    cx.one(cx.out_dtype(0)?, Shape(Some(vec![count, axes])))
}

pub(super) fn prepare(cx: &Context) -> Result<Prepared> {
    let dtype = cx.out_dtype(0)?;
    if !matches!(dtype, DType::Float32 | DType::Float64) {
        return Err(cx.no_kernel(dtype));
    }
    Prepared::compute(move |inputs| {
        let [axes, count, skip] = [
            whole(&view(inputs, 0)?)?,
            whole(&view(inputs, 1)?)?,
            whole(&view(inputs, 2)?)?,
        ];
        if axes > MOST_AXES as i64 {
            return Err(Error::unsupported(format!(
                "points of {axes} axes; direction numbers are known for {MOST_AXES}"
            )));
        }
        if axes < 1 || count < 1 || skip < 0 || count + skip >= i64::from(i32::MAX) {
            return Err(Error::usage(format!(
                "{count} points of {axes} axes after the first {skip}, expected 1 or more of 1 or more, and fewer than {} in all",
                i32::MAX
            )));
        }
        let (axes, count, skip) = (axes as usize, count as usize, skip as u32);
        memory::ask(
            "the points",
            axes.saturating_mul(count)
                .saturating_mul(dtype.size().unwrap_or(8)),
        )?;
        let shape = [count, axes];
        Ok(vec![match dtype {
            DType::Float64 => {
                let mut out = vec![0f64; count * axes];
                sobol::points(axes, skip, &mut out, |x, unit| f64::from(x) * unit);
                Tensor::from_values(&shape, &out)
            }
            _ => {
                let mut out = vec![0f32; count * axes];
                sobol::points(axes, skip, &mut out, |x, unit| x as f32 * unit as f32);
                Tensor::from_values(&shape, &out)
            }
        }])
    })
}
