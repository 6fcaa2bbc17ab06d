//! Operators that slide a window over an image, and those that make it larger or smaller.

use super::{Arg, Operands, Results, window};
use crate::error::{Error, Result};
use crate::model::Shape;

impl Operands<'_> {
    pub(super) fn windows(&self) -> Option<Result<Results>> {
        Some(match self.op {
            "CONV_2D" => self.convolution(0),
            "DEPTHWISE_CONV_2D" => self.convolution(3),
            "MAX_POOL_2D" | "AVERAGE_POOL_2D" | "L2_POOL_2D" => self.pool(),
            "TRANSPOSE_CONV" => self.transpose_conv(),
            "CONV_3D" => self.convolution_3d(),
            "RESIZE_BILINEAR" | "RESIZE_NEAREST_NEIGHBOR" => self.resize(),
            _ => return None,
        })
    }

    fn spatial(&self, x: &[i64], filter: (i64, i64)) -> Result<(i64, i64)> {
        let same = self.int("padding", 0) == 0;
        let h = window(
            x[1],
            filter.0,
            self.int("stride_h", 1),
            self.int("dilation_h_factor", 1),
            same,
        )?;
        let w = window(
            x[2],
            filter.1,
            self.int("stride_w", 1),
            self.int("dilation_w_factor", 1),
            same,
        )?;
        Ok((h, w))
    }

    pub(super) fn of_rank_4<'a>(&self, arg: &'a Arg) -> Result<Option<&'a [i64]>> {
        match arg.dims() {
            Some(dims) if dims.len() == 4 => Ok(Some(dims)),
            None => Ok(None),
            Some(dims) => Err(Error::unsupported(format!(
                "{} takes 4 dimensions, found {}",
                self.op,
                dims.len()
            ))),
        }
    }

    fn convolution(&self, channel_axis: usize) -> Result<Results> {
        let x = self.of_rank_4(self.arg(0)?)?;
        let filter = self.of_rank_4(self.arg(1)?)?;
        let shape = match (x, filter) {
            (Some(x), Some(f)) => {
                let (h, w) = self.spatial(x, (f[1], f[2]))?;
                Shape(Some(vec![x[0], h, w, f[channel_axis]]))
            }
            _ => Shape(Some(vec![-1; 4])),
        };
        self.like_first(shape)
    }

    fn pool(&self) -> Result<Results> {
        let shape = match self.of_rank_4(self.arg(0)?)? {
            Some(x) => {
                let filter = (self.int("filter_height", 1), self.int("filter_width", 1));
                let (h, w) = self.spatial(x, filter)?;
                Shape(Some(vec![x[0], h, w, x[3]]))
            }
            None => Shape(Some(vec![-1; 4])),
        };
        self.like_first(shape)
    }

    fn transpose_conv(&self) -> Result<Results> {
        let sizes = self.arg(0)?.known.clone();
        let dims = sizes.map_or(vec![-1; 4], |sizes| {
            sizes.into_iter().map(|s| s.unwrap_or(-1)).collect()
        });
        Ok(vec![(self.arg(2)?.dtype, Shape(Some(dims)))])
    }

    fn convolution_3d(&self) -> Result<Results> {
        let (x, f) = (self.arg(0)?.dims(), self.arg(1)?.dims());
        let (Some([n, d, h, w, _]), Some([fd, fh, fw, _, out])) = (x, f) else {
            return Ok(vec![(self.arg(0)?.dtype, Shape(Some(vec![-1; 5])))]);
        };
        let same = self.int("padding", 0) == 0;
        let size = |size: i64, filter: i64, axis: &str| {
            window(
                size,
                filter,
                self.int(&format!("stride_{axis}"), 1),
                self.int(&format!("dilation_{axis}_factor"), 1),
                same,
            )
        };
        let dims = vec![
            *n,
            size(*d, *fd, "d")?,
            size(*h, *fh, "h")?,
            size(*w, *fw, "w")?,
            *out,
        ];
        self.like_first(Shape(Some(dims)))
    }

    fn resize(&self) -> Result<Results> {
        let Some(x) = self.of_rank_4(self.arg(0)?)? else {
            return self.like_first(Shape(Some(vec![-1; 4])));
        };
        let sizes = self.arg(1)?.known.clone().unwrap_or(vec![None; 2]);
        let at = |i: usize| sizes.get(i).copied().flatten().unwrap_or(-1);
        self.like_first(Shape(Some(vec![x[0], at(0), at(1), x[3]])))
    }
}
