//! Operators that move elements of one operand: reshapes, slices, padding, blocks.

use super::{Operands, Results, known_sizes};
use crate::error::Result;
use crate::model::Shape;
use crate::ops::lower::axis_of;

impl Operands<'_> {
    /// Operators that move elements of one operand.
    pub(super) fn moves(&self) -> Option<Result<Results>> {
        Some(match self.op {
            "RESHAPE" => self.reshape(),
            "SQUEEZE" => self.squeeze(),
            "EXPAND_DIMS" => self.expand_dims(),
            "TRANSPOSE" => self.transpose(),
            "SLICE" => self.slice(),
            "STRIDED_SLICE" => self.strided_slice(),
            "PAD" | "PADV2" => self.pad(0),
            "MIRROR_PAD" => self.pad(0),
            "TILE" => self.tile(),
            "SPACE_TO_DEPTH" => self.blocks(true),
            "DEPTH_TO_SPACE" => self.blocks(false),
            "SPACE_TO_BATCH_ND" => self.batch_blocks(true),
            "BATCH_TO_SPACE_ND" => self.batch_blocks(false),
            "MATRIX_DIAG" => self.arg(0).and_then(|a| {
                let mut shape = a.shape.clone();
                if let Some(dims) = &mut shape.0 {
                    dims.extend(dims.last().copied());
                }
                self.like_first(shape)
            }),
            _ => return None,
        })
    }

    fn reshape(&self) -> Result<Results> {
        let x = self.arg(0)?;
        let Some(mut dims) = known_sizes(self.arg(1)?) else {
            return self.like_first(Shape::UNKNOWN);
        };
        let open: Vec<usize> = (0..dims.len()).filter(|&i| dims[i] < 0).collect();
        if let ([open], Some(total)) = (&*open, x.shape.elements()) {
            let rest: i64 = dims.iter().filter(|&&d| d >= 0).product();
            if rest > 0 && total as i64 % rest == 0 {
                dims[*open] = total as i64 / rest;
            }
        }
        self.like_first(Shape(Some(dims)))
    }

    fn squeeze(&self) -> Result<Results> {
        let Some(x) = self.arg(0)?.dims() else {
            return self.like_first(Shape::UNKNOWN);
        };
        let axes = self.attrs.ints("squeeze_dims").unwrap_or_default();
        let axes = axes
            .iter()
            .map(|&a| axis_of(a, x.len()))
            .collect::<Result<Vec<_>>>()?;
        if axes.is_empty() && x.contains(&-1) {
            return self.like_first(Shape::UNKNOWN);
        }
        let keep = |i: usize, size: i64| match axes.is_empty() {
            true => size != 1,
            false => !axes.contains(&i),
        };
        let dims = x
            .iter()
            .enumerate()
            .filter(|&(i, &s)| keep(i, s))
            .map(|(_, &s)| s);
        self.like_first(Shape(Some(dims.collect())))
    }

    fn expand_dims(&self) -> Result<Results> {
        let axis = self.arg(1)?.all_known().and_then(|a| a.first().copied());
        let shape = match (self.arg(0)?.dims(), axis) {
            (Some(x), Some(axis)) => {
                let mut dims = x.to_vec();
                dims.insert(axis_of(axis, x.len() + 1)?, 1);
                Shape(Some(dims))
            }
            (Some(x), None) => Shape(Some(vec![-1; x.len() + 1])),
            _ => Shape::UNKNOWN,
        };
        self.like_first(shape)
    }

    fn transpose(&self) -> Result<Results> {
        let shape = match (self.arg(0)?.dims(), self.arg(1)?.all_known()) {
            (Some(x), Some(order)) if order.len() == x.len() => {
                let dims = order.iter().map(|&a| Ok(x[axis_of(a, x.len())?]));
                Shape(Some(dims.collect::<Result<_>>()?))
            }
            _ => self.unknown_sizes()?,
        };
        self.like_first(shape)
    }

    fn slice(&self) -> Result<Results> {
        let (Some(x), Some(size)) = (self.arg(0)?.dims(), self.arg(2)?.known.clone()) else {
            return self.like_first(self.unknown_sizes()?);
        };
        let begin = self.arg(1)?.known.clone().unwrap_or(vec![None; x.len()]);
        let dims = x.iter().enumerate().map(|(i, &full)| {
            match (
                size.get(i).copied().flatten(),
                begin.get(i).copied().flatten(),
            ) {
                (Some(-1), Some(begin)) if full >= 0 => (full - begin).max(0),
                (Some(size), _) if size >= 0 => size,
                _ => -1,
            }
        });
        self.like_first(Shape(Some(dims.collect())))
    }

    fn strided_slice(&self) -> Result<Results> {
        let Some(x) = self.arg(0)?.dims() else {
            return self.like_first(Shape::UNKNOWN);
        };
        let count = match self.arg(1)?.dims() {
            Some([n])
                if *n >= 0
                    && self.int("ellipsis_mask", 0) == 0
                    && self.int("new_axis_mask", 0) == 0 =>
            {
                *n as usize
            }
            _ => return self.like_first(Shape::UNKNOWN),
        };
        let list = |i: usize| -> Result<Vec<Option<i64>>> {
            Ok(self.arg(i)?.known.clone().unwrap_or_default())
        };
        let (begin, end, strides) = (list(1)?, list(2)?, list(3)?);
        let at = |list: &[Option<i64>], i: usize| list.get(i).copied().flatten();
        let bit = |mask: &str, i: usize| self.int(mask, 0) >> i.min(62) & 1 == 1;
        let mut dims = Vec::new();
        for (i, &size) in x.iter().enumerate() {
            if i >= count {
                dims.push(size);
                continue;
            }
            if bit("shrink_axis_mask", i) {
                continue;
            }
            let begin = if bit("begin_mask", i) {
                Some(None)
            } else {
                at(&begin, i).map(Some)
            };
            let end = if bit("end_mask", i) {
                Some(None)
            } else {
                at(&end, i).map(Some)
            };
            dims.push(match (begin, end, at(&strides, i)) {
                (Some(begin), Some(end), Some(stride)) => slice_len(size, begin, end, stride),
                _ => -1,
            });
        }
        self.like_first(Shape(Some(dims)))
    }

    fn pad(&self, before: i64) -> Result<Results> {
        let (Some(x), Some(pads)) = (self.arg(0)?.dims(), self.arg(1)?.known.clone()) else {
            return self.like_first(self.unknown_sizes()?);
        };
        let at = |i: usize| pads.get(i).copied().flatten();
        let dims = x
            .iter()
            .enumerate()
            .map(|(i, &size)| match (at(2 * i), at(2 * i + 1)) {
                (Some(a), Some(b)) if size >= 0 => size + a + b + before,
                _ => -1,
            });
        self.like_first(Shape(Some(dims.collect())))
    }

    fn tile(&self) -> Result<Results> {
        let (Some(x), Some(times)) = (self.arg(0)?.dims(), self.arg(1)?.known.clone()) else {
            return self.like_first(self.unknown_sizes()?);
        };
        let dims = x
            .iter()
            .enumerate()
            .map(|(i, &size)| match times.get(i).copied().flatten() {
                Some(n) if size >= 0 => size.saturating_mul(n),
                _ => -1,
            });
        self.like_first(Shape(Some(dims.collect())))
    }

    fn blocks(&self, to_depth: bool) -> Result<Results> {
        let block = self.int("block_size", 1).max(1);
        let Some(x) = self.of_rank_4(self.arg(0)?)? else {
            return self.like_first(Shape(Some(vec![-1; 4])));
        };
        let grow = |size: i64, by: i64| {
            if size < 0 {
                -1
            } else {
                size.saturating_mul(by)
            }
        };
        let shrink = |size: i64, by: i64| if size < 0 { -1 } else { size / by };
        let dims = if to_depth {
            vec![
                x[0],
                shrink(x[1], block),
                shrink(x[2], block),
                grow(x[3], block.saturating_mul(block)),
            ]
        } else {
            vec![
                x[0],
                grow(x[1], block),
                grow(x[2], block),
                shrink(x[3], block.saturating_mul(block)),
            ]
        };
        self.like_first(Shape(Some(dims)))
    }

    fn batch_blocks(&self, to_batch: bool) -> Result<Results> {
        let (Some(x), Some(block), Some(edge)) = (
            self.arg(0)?.dims(),
            self.arg(1)?.all_known(),
            self.arg(2)?.all_known(),
        ) else {
            return self.like_first(self.unknown_sizes()?);
        };
        let all = block
            .iter()
            .fold(1i64, |all, &b| all.saturating_mul(b))
            .max(1);
        let mut dims = x.to_vec();
        if let Some(batch) = dims.first_mut().filter(|b| **b >= 0) {
            *batch = if to_batch {
                batch.saturating_mul(all)
            } else {
                *batch / all
            };
        }
        for (i, &b) in block.iter().enumerate() {
            let (b, edge) = (
                b.max(1),
                edge.get(2 * i..2 * i + 2).map_or(0, |e| e[0] + e[1]),
            );
            if let Some(size) = dims.get_mut(i + 1).filter(|s| **s >= 0) {
                *size = if to_batch {
                    (*size + edge) / b
                } else {
                    size.saturating_mul(b).saturating_sub(edge)
                };
            }
        }
        self.like_first(Shape(Some(dims)))
    }
}

/// Length of `x[begin:end:stride]` on an axis of `size`; bounds as NumPy takes them, `None` = open.
fn slice_len(size: i64, begin: Option<i64>, end: Option<i64>, stride: i64) -> i64 {
    if stride == 0 {
        return -1;
    }
    if size < 0 {
        // Both bounds from the same end say enough.
        return match (begin, end) {
            (Some(b), Some(e)) if stride > 0 && b < 0 && e < 0 => (e - b + stride - 1) / stride,
            _ => -1,
        };
    }
    let (low, high) = if stride > 0 {
        (0, size)
    } else {
        (-1, size - 1)
    };
    let place = |bound: i64| {
        (if bound < 0 {
            bound.saturating_add(size)
        } else {
            bound
        })
        .clamp(low, high)
    };
    let begin = begin.map_or(if stride > 0 { 0 } else { size - 1 }, place);
    let end = end.map_or(if stride > 0 { size } else { -1 }, place);
    let span = if stride > 0 { end - begin } else { begin - end };
    (span + stride.abs() - 1).div_euclid(stride.abs()).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_count_as_numpy_does() {
        assert_eq!(slice_len(10, Some(2), Some(-1), 3), 3);
        assert_eq!(slice_len(10, None, None, -1), 10);
        assert_eq!(slice_len(10, Some(-3), None, 1), 3);
        assert_eq!(slice_len(10, Some(8), Some(20), 1), 2);
        assert_eq!(slice_len(-1, Some(-3), Some(-1), 1), 2);
    }
}
