//! Operators that put values together or take them apart, and those whose result has a shape of its own.

use super::{Operands, Results, sizes_shape};
use crate::error::{Error, Result};
use crate::model::{DType, Shape};
use crate::ops::lower::axis_of;

impl Operands<'_> {
    /// Operators that put together or take apart.
    pub(super) fn concat(&self) -> Option<Result<Results>> {
        Some(match self.op {
            "CONCATENATION" => self.concatenation(),
            "PACK" => self.pack(),
            "UNPACK" => self.unpack(),
            "SPLIT" => self.split(),
            "SPLIT_V" => self.split_v(),
            "GATHER" => self.gather(),
            "GATHER_ND" => self.gather_nd(),
            _ => return None,
        })
    }

    fn concatenation(&self) -> Result<Results> {
        let mut dims: Option<Vec<i64>> = None;
        for arg in self.args.iter().flatten() {
            let Some(next) = arg.dims() else {
                continue;
            };
            let axis = axis_of(self.int("axis", 0), next.len())?;
            let Some(dims) = &mut dims else {
                dims = Some(next.to_vec());
                continue;
            };
            if dims.len() != next.len() {
                return Err(Error::unreadable("parts of different rank are joined"));
            }
            for (i, (a, &b)) in dims.iter_mut().zip(next).enumerate() {
                *a = match (i == axis, *a, b) {
                    (true, a, b) if a >= 0 && b >= 0 => a.saturating_add(b),
                    (true, ..) => -1,
                    (false, -1, b) => b,
                    (false, a, _) => a,
                };
            }
        }
        if self.args.iter().flatten().any(|a| a.shape.rank().is_none())
            && let Some(dims) = &mut dims
        {
            let axis = axis_of(self.int("axis", 0), dims.len())?;
            dims[axis] = -1;
        }
        self.like_first(Shape(dims))
    }

    fn pack(&self) -> Result<Results> {
        let known = self.args.iter().flatten().find_map(|a| a.dims());
        let shape = match known {
            Some(x) => {
                let mut dims = x.to_vec();
                dims.insert(
                    axis_of(self.int("axis", 0), x.len() + 1)?,
                    self.args.len() as i64,
                );
                Shape(Some(dims))
            }
            None => Shape::UNKNOWN,
        };
        self.like_first(shape)
    }

    fn unpack(&self) -> Result<Results> {
        let x = self.arg(0)?;
        let shape = match x.dims() {
            Some(dims) => {
                let mut dims = dims.to_vec();
                dims.remove(axis_of(self.int("axis", 0), dims.len())?);
                Shape(Some(dims))
            }
            None => Shape::UNKNOWN,
        };
        Ok(vec![(x.dtype, shape); self.count("num")?])
    }

    /// How many results an attribute claims.
    fn count(&self, name: &str) -> Result<usize> {
        usize::try_from(self.int(name, 0))
            .ok()
            .filter(|&n| n <= 1 << 16)
            .ok_or_else(|| Error::unreadable(format!("{name} = {}", self.int(name, 0))))
    }

    fn split(&self) -> Result<Results> {
        let x = self.arg(1)?;
        let parts = self.count("num_splits")?;
        let axis = self.arg(0)?.all_known().and_then(|a| a.first().copied());
        let mut shape = x.shape.clone();
        if let Some(dims) = &mut shape.0 {
            match axis {
                Some(axis) => {
                    let axis = axis_of(axis, dims.len())?;
                    if let Some(size) = dims.get_mut(axis).filter(|s| **s >= 0) {
                        *size /= (parts as i64).max(1);
                    }
                }
                None => dims.fill(-1),
            }
        }
        Ok(vec![(x.dtype, shape); parts])
    }

    fn split_v(&self) -> Result<Results> {
        let x = self.arg(0)?;
        let parts = self.count("num_splits")?;
        let sizes = self.arg(1)?.all_known();
        let axis = self.arg(2)?.all_known().and_then(|a| a.first().copied());
        (0..parts)
            .map(|part| {
                let mut shape = x.shape.clone();
                if let Some(dims) = &mut shape.0 {
                    match axis {
                        Some(axis) => {
                            let axis = axis_of(axis, dims.len())?;
                            let size = sizes.as_ref().and_then(|s| s.get(part).copied());
                            let rest: i64 = sizes.iter().flatten().filter(|s| **s >= 0).sum();
                            if let Some(slot) = dims.get_mut(axis) {
                                *slot = match size {
                                    Some(-1) if *slot >= 0 => *slot - rest,
                                    Some(size) => size,
                                    None => -1,
                                };
                            }
                        }
                        None => dims.fill(-1),
                    }
                }
                Ok((x.dtype, shape))
            })
            .collect()
    }

    fn gather(&self) -> Result<Results> {
        let (Some(x), Some(at)) = (self.arg(0)?.dims(), self.arg(1)?.dims()) else {
            return self.like_first(Shape::UNKNOWN);
        };
        let axis = axis_of(self.int("axis", 0), x.len())?;
        let batch = axis_of(self.int("batch_dims", 0), at.len() + 1)?;
        let mut dims = x.get(..axis).unwrap_or_default().to_vec();
        dims.extend_from_slice(at.get(batch..).unwrap_or_default());
        dims.extend_from_slice(x.get(axis + 1..).unwrap_or_default());
        self.like_first(Shape(Some(dims)))
    }

    fn gather_nd(&self) -> Result<Results> {
        let (Some(x), Some([at @ .., depth])) = (self.arg(0)?.dims(), self.arg(1)?.dims()) else {
            return self.like_first(Shape::UNKNOWN);
        };
        let Ok(depth) = usize::try_from(*depth) else {
            return self.like_first(Shape::UNKNOWN);
        };
        let mut dims = at.to_vec();
        dims.extend_from_slice(x.get(depth..).unwrap_or_default());
        self.like_first(Shape(Some(dims)))
    }

    /// Operators whose result has a shape of its own.
    pub(super) fn makers(&self) -> Option<Result<Results>> {
        Some(match self.op {
            "SHAPE" => self.arg(0).map(|a| {
                let dtype = self.attrs.dtype("out_type").unwrap_or(DType::Int32);
                let rank = a.shape.rank().map_or(-1, |r| r as i64);
                vec![(dtype, Shape(Some(vec![rank])))]
            }),
            "RANK" => Ok(vec![(DType::Int32, Shape::scalar())]),
            "FILL" => self.sized(0, 1),
            "BROADCAST_TO" => self.sized(1, 0),
            "SCATTER_ND" => self.sized(2, 1),
            "RANDOM_UNIFORM" | "RANDOM_STANDARD_NORMAL" => {
                self.arg(0).map(|a| vec![(DType::Float32, sizes_shape(a))])
            }
            "BROADCAST_ARGS" => self
                .arg(0)
                .and_then(|_| self.like_first(Shape(Some(vec![-1])))),
            "RANGE" => self.range(),
            "ONE_HOT" => self.one_hot(),
            "WHERE" => self.arg(0).map(|a| {
                let rank = a.shape.rank().map_or(-1, |r| r as i64);
                vec![(DType::Int64, Shape(Some(vec![-1, rank])))]
            }),
            "UNIQUE" => self.arg(0).map(|a| {
                let index = self.attrs.dtype("idx_out_type").unwrap_or(DType::Int32);
                vec![(a.dtype, Shape(Some(vec![-1]))), (index, a.shape.clone())]
            }),
            "SEGMENT_SUM" => self.arg(0).and_then(|a| {
                let mut shape = a.shape.clone();
                if let Some(first) = shape.0.as_mut().and_then(|d| d.first_mut()) {
                    *first = -1;
                }
                self.like_first(shape)
            }),
            "RFFT2D" => self.arg(0).map(|a| {
                let shape = Shape(a.shape.rank().map(|r| vec![-1; r]));
                vec![(DType::Complex64, shape)]
            }),
            "BUCKETIZE" => self.arg(0).map(|a| vec![(DType::Int32, a.shape.clone())]),
            "REAL" | "IMAG" | "COMPLEX_ABS" => {
                self.arg(0).map(|a| vec![(DType::Float32, a.shape.clone())])
            }
            _ => return None,
        })
    }

    /// The sizes are operand `sizes`, the type is operand `like`'s.
    fn sized(&self, sizes: usize, like: usize) -> Result<Results> {
        Ok(vec![(self.arg(like)?.dtype, sizes_shape(self.arg(sizes)?))])
    }

    fn range(&self) -> Result<Results> {
        let one = |i: usize| -> Result<Option<i64>> {
            Ok(self.arg(i)?.all_known().and_then(|v| v.first().copied()))
        };
        let size = match (one(0)?, one(1)?, one(2)?) {
            (Some(from), Some(to), Some(step)) if step != 0 => {
                let span = if step > 0 { to - from } else { from - to };
                (span + step.abs() - 1).div_euclid(step.abs()).max(0)
            }
            _ => -1,
        };
        self.like_first(Shape(Some(vec![size])))
    }

    fn one_hot(&self) -> Result<Results> {
        let depth = self.arg(1)?.all_known().and_then(|d| d.first().copied());
        let shape = match self.arg(0)?.dims() {
            Some(x) => {
                let mut dims = x.to_vec();
                let axis = axis_of(self.int("axis", -1), x.len() + 1)?;
                dims.insert(axis, depth.unwrap_or(-1));
                Shape(Some(dims))
            }
            None => Shape::UNKNOWN,
        };
        Ok(vec![(self.arg(2)?.dtype, shape)])
    }
}
