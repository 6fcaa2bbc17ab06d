//! Types and shapes of the results of TFLite operators, with unknown sizes as -1.

mod joins;

use std::borrow::Cow;

use super::axis_of;
use crate::error::{Error, Result};
use crate::model::{Attr, Attrs, DType, Shape};

/// An operand as inference sees it.
#[derive(Debug, Clone)]
pub struct Arg {
    pub dtype: DType,
    pub shape: Shape,
    /// Elements of integer operands as far as they are known.
    pub known: Option<Vec<Option<i64>>>,
}

impl Arg {
    fn all_known(&self) -> Option<Vec<i64>> {
        self.known.as_ref()?.iter().copied().collect()
    }

    fn dims(&self) -> Option<&[i64]> {
        self.shape.dims()
    }
}

type Results = Vec<(DType, Shape)>;

/// What `op` makes of its operands.
///
/// # Errors
/// An operand is missing, shapes that don't fit together, or an operator that is not known here.
pub fn infer(op: &str, args: &[Option<Arg>], attrs: &Attrs) -> Result<Results> {
    let args = &bounded(args)[..];
    let operands = Operands { op, args, attrs };
    operands
        .elementwise()
        .or_else(|| operands.windows())
        .or_else(|| operands.products())
        .or_else(|| operands.reductions())
        .or_else(|| operands.moves())
        .or_else(|| operands.joins())
        .or_else(|| operands.makers())
        .unwrap_or_else(|| Err(Error::unsupported(format!("shape inference of {op}"))))
}

/// Sizes and places past this are as good as this one: the sum of any two is a number.
const FAR: i64 = 1 << 40;

fn near(number: i64) -> i64 {
    number.clamp(-FAR, FAR)
}

/// The operands with no number in them past [`FAR`].
fn bounded(args: &[Option<Arg>]) -> Cow<'_, [Option<Arg>]> {
    let numbers = |arg: &Arg| {
        let known = arg.known.iter().flatten().copied().flatten();
        known
            .chain(arg.dims().into_iter().flatten().copied())
            .any(|n| n != near(n))
    };
    if !args.iter().flatten().any(numbers) {
        return Cow::Borrowed(args);
    }
    let mut args = args.to_vec();
    for arg in args.iter_mut().flatten() {
        let known = arg.known.iter_mut().flatten().flatten();
        known
            .chain(arg.shape.0.iter_mut().flatten())
            .for_each(|n| *n = near(*n));
    }
    Cow::Owned(args)
}

/// The shape that both broadcast to.
pub fn broadcast(a: &Shape, b: &Shape) -> Result<Shape> {
    let (Some(a), Some(b)) = (a.dims(), b.dims()) else {
        return Ok(Shape::UNKNOWN);
    };
    let rank = a.len().max(b.len());
    let at = |dims: &[i64], i: usize| match (i + dims.len()).checked_sub(rank) {
        Some(i) => dims[i],
        None => 1,
    };
    let dims = (0..rank).map(|i| match (at(a, i), at(b, i)) {
        (x, y) if x == y => Ok(x),
        (1, y) => Ok(y),
        (x, 1) => Ok(x),
        (-1, y) => Ok(y),
        (x, -1) => Ok(x),
        (x, y) => Err(Error::unreadable(format!(
            "sizes {x} and {y} don't broadcast"
        ))),
    });
    Ok(Shape(Some(dims.collect::<Result<_>>()?)))
}

/// Output size of a window: SAME or VALID padding, -1 for an unknown input size.
pub fn window(size: i64, filter: i64, stride: i64, dilation: i64, same: bool) -> Result<i64> {
    let stride = stride.max(1);
    if size < 0 {
        return Ok(-1);
    }
    let reach = filter
        .saturating_sub(1)
        .saturating_mul(dilation.max(1))
        .saturating_add(1);
    let out = if same {
        size.saturating_add(stride - 1) / stride
    } else {
        size.saturating_sub(reach).div_euclid(stride) + 1
    };
    Ok(out.max(0))
}

struct Operands<'a> {
    op: &'a str,
    args: &'a [Option<Arg>],
    attrs: &'a Attrs,
}

impl Operands<'_> {
    fn arg(&self, index: usize) -> Result<&Arg> {
        self.args
            .get(index)
            .and_then(Option::as_ref)
            .ok_or_else(|| Error::unreadable(format!("{} lacks operand {index}", self.op)))
    }

    fn int(&self, name: &str, default: i64) -> i64 {
        near(self.attrs.int(name).unwrap_or(default))
    }

    /// One result of operand 0's type.
    fn like_first(&self, shape: Shape) -> Result<Results> {
        Ok(vec![(self.arg(0)?.dtype, shape)])
    }

    /// A shape of operand 0's rank with every size unknown.
    fn unknown_sizes(&self) -> Result<Shape> {
        Ok(Shape(self.arg(0)?.shape.rank().map(|rank| vec![-1; rank])))
    }

    fn elementwise(&self) -> Option<Result<Results>> {
        Some(match self.op {
            "ABS"
            | "CEIL"
            | "COS"
            | "ELU"
            | "EXP"
            | "FLOOR"
            | "GELU"
            | "HARD_SWISH"
            | "LOG"
            | "LOGISTIC"
            | "LOGICAL_NOT"
            | "LOG_SOFTMAX"
            | "L2_NORMALIZATION"
            | "LEAKY_RELU"
            | "LOCAL_RESPONSE_NORMALIZATION"
            | "NEG"
            | "PRELU"
            | "RELU"
            | "RELU6"
            | "RELU_N1_TO_1"
            | "RELU_0_TO_1"
            | "ROUND"
            | "RSQRT"
            | "SIGN"
            | "SIN"
            | "SOFTMAX"
            | "SQRT"
            | "SQUARE"
            | "TANH"
            | "ZEROS_LIKE"
            | "CUMSUM"
            | "REVERSE_V2"
            | "REVERSE_SEQUENCE"
            | "BITCAST"
            | "MATRIX_SET_DIAG" => self.arg(0).and_then(|a| self.like_first(a.shape.clone())),
            "ADD" | "SUB" | "MUL" | "DIV" | "POW" | "MAXIMUM" | "MINIMUM" | "FLOOR_DIV"
            | "FLOOR_MOD" | "SQUARED_DIFFERENCE" | "LOGICAL_AND" | "LOGICAL_OR" | "ATAN2"
            | "BITWISE_XOR" | "RIGHT_SHIFT" => self.both().and_then(|shape| self.like_first(shape)),
            "EQUAL" | "NOT_EQUAL" | "LESS" | "LESS_EQUAL" | "GREATER" | "GREATER_EQUAL" => {
                self.both().map(|shape| vec![(DType::Bool, shape)])
            }
            "ADD_N" => self.arg(0).and_then(|a| self.like_first(a.shape.clone())),
            "SELECT" => self.arg(1).map(|a| vec![(a.dtype, a.shape.clone())]),
            "SELECT_V2" => self.select(),
            "CAST" => self.arg(0).map(|a| {
                let to = self.attrs.dtype("out_data_type").unwrap_or(a.dtype);
                vec![(to, a.shape.clone())]
            }),
            "QUANTIZE" | "DEQUANTIZE" => {
                self.arg(0).map(|a| vec![(DType::Float32, a.shape.clone())])
            }
            _ => return None,
        })
    }

    fn both(&self) -> Result<Shape> {
        broadcast(&self.arg(0)?.shape, &self.arg(1)?.shape)
    }

    fn select(&self) -> Result<Results> {
        let values = broadcast(&self.arg(1)?.shape, &self.arg(2)?.shape)?;
        let shape = broadcast(&self.arg(0)?.shape, &values)?;
        Ok(vec![(self.arg(1)?.dtype, shape)])
    }

    fn windows(&self) -> Option<Result<Results>> {
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

    fn of_rank_4<'a>(&self, arg: &'a Arg) -> Result<Option<&'a [i64]>> {
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

    fn products(&self) -> Option<Result<Results>> {
        Some(match self.op {
            "FULLY_CONNECTED" => self.fully_connected(),
            "BATCH_MATMUL" => self.batch_matmul(),
            "EMBEDDING_LOOKUP" => self.embedding(),
            _ => return None,
        })
    }

    fn fully_connected(&self) -> Result<Results> {
        let out = self
            .arg(1)?
            .dims()
            .map_or(-1, |d| d.first().copied().unwrap_or(-1));
        let shape = match self.arg(0)?.dims() {
            Some(x) if x.len() == 2 || self.attrs.bool("keep_num_dims") == Some(true) => {
                let mut dims = x.to_vec();
                if let Some(last) = dims.last_mut() {
                    *last = out;
                }
                dims
            }
            _ => vec![-1, out],
        };
        self.like_first(Shape(Some(shape)))
    }

    fn batch_matmul(&self) -> Result<Results> {
        let (Some(x), Some(y)) = (self.arg(0)?.dims(), self.arg(1)?.dims()) else {
            return self.like_first(Shape::UNKNOWN);
        };
        let ([.., x_rows, x_cols], [.., y_rows, y_cols]) = (x, y) else {
            return Err(Error::unreadable(
                "BATCH_MATMUL takes at least 2 dimensions",
            ));
        };
        let rows = if self.attrs.bool("adj_x") == Some(true) {
            x_cols
        } else {
            x_rows
        };
        let cols = if self.attrs.bool("adj_y") == Some(true) {
            y_rows
        } else {
            y_cols
        };
        let batch = |dims: &[i64]| Shape(Some(dims[..dims.len() - 2].to_vec()));
        let mut dims = broadcast(&batch(x), &batch(y))?.0.unwrap_or_default();
        dims.extend([*rows, *cols]);
        self.like_first(Shape(Some(dims)))
    }

    fn embedding(&self) -> Result<Results> {
        let (ids, table) = (self.arg(0)?, self.arg(1)?);
        let dims = ids.dims().zip(table.dims()).map(|(ids, table)| {
            let mut dims = ids.to_vec();
            dims.extend_from_slice(table.get(1..).unwrap_or_default());
            dims
        });
        Ok(vec![(table.dtype, Shape(dims))])
    }

    fn reductions(&self) -> Option<Result<Results>> {
        Some(match self.op {
            "MEAN" | "SUM" | "REDUCE_MAX" | "REDUCE_MIN" | "REDUCE_PROD" | "REDUCE_ALL"
            | "REDUCE_ANY" => self.reduced().and_then(|shape| self.like_first(shape)),
            "ARG_MAX" | "ARG_MIN" => self.arg_extreme(),
            "TOPK_V2" => self.top_k(),
            _ => return None,
        })
    }

    fn reduced(&self) -> Result<Shape> {
        let keep = self.attrs.bool("keep_dims") == Some(true);
        let Some(x) = self.arg(0)?.dims() else {
            return Ok(Shape::UNKNOWN);
        };
        let Some(axes) = self.arg(1)?.all_known() else {
            return Ok(if keep {
                self.unknown_sizes()?
            } else {
                Shape::UNKNOWN
            });
        };
        if x.is_empty() {
            // Whatever the axes of a scalar are, kernels don't look at them.
            return Ok(Shape::scalar());
        }
        let axes = axes
            .iter()
            .map(|&axis| axis_of(axis, x.len()))
            .collect::<Result<Vec<_>>>()?;
        let dims = x
            .iter()
            .enumerate()
            .filter_map(|(i, &size)| match axes.contains(&i) {
                false => Some(size),
                true => keep.then_some(1),
            })
            .collect();
        Ok(Shape(Some(dims)))
    }

    fn arg_extreme(&self) -> Result<Results> {
        let dtype = self.attrs.dtype("output_type").unwrap_or(DType::Int64);
        let shape = match (self.arg(0)?.dims(), self.arg(1)?.all_known().as_deref()) {
            (Some(x), Some([axis])) => {
                let mut dims = x.to_vec();
                if !dims.is_empty() {
                    dims.remove(axis_of(*axis, x.len())?);
                }
                Shape(Some(dims))
            }
            (Some(x), _) => Shape(Some(vec![-1; x.len().saturating_sub(1)])),
            _ => Shape::UNKNOWN,
        };
        Ok(vec![(dtype, shape)])
    }

    fn top_k(&self) -> Result<Results> {
        let mut shape = self.arg(0)?.shape.clone();
        let k = self.arg(1)?.all_known().and_then(|k| k.first().copied());
        if let Some(last) = shape.0.as_mut().and_then(|d| d.last_mut()) {
            *last = k.unwrap_or(-1);
        }
        Ok(vec![
            (self.arg(0)?.dtype, shape.clone()),
            (DType::Int32, shape),
        ])
    }

    /// Operators that move elements of one operand.
    fn moves(&self) -> Option<Result<Results>> {
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
            Ok(self.arg(i)?.known.clone().unwrap_or(vec![None; count]))
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

/// Sizes that an operand lists, -1 where they are not known; `None` when not even their number is.
fn known_sizes(arg: &Arg) -> Option<Vec<i64>> {
    if let Some(known) = &arg.known {
        return Some(known.iter().map(|s| s.unwrap_or(-1)).collect());
    }
    match arg.dims() {
        Some([n]) => usize::try_from(*n)
            .ok()
            .filter(|n| *n <= 64)
            .map(|n| vec![-1; n]),
        _ => None,
    }
}

fn sizes_shape(arg: &Arg) -> Shape {
    Shape(known_sizes(arg))
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

/// `squeeze_dims` and the like as an attribute.
pub fn int_list(values: &[i64]) -> Attr {
    Attr::List(values.iter().map(|&v| Attr::Int(v)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arg(dims: &[i64]) -> Option<Arg> {
        Some(Arg {
            dtype: DType::Float32,
            shape: Shape(Some(dims.to_vec())),
            known: None,
        })
    }

    fn ints(known: &[Option<i64>]) -> Option<Arg> {
        Some(Arg {
            dtype: DType::Int32,
            shape: Shape(Some(vec![known.len() as i64])),
            known: Some(known.to_vec()),
        })
    }

    fn shape_of(op: &str, args: &[Option<Arg>], attrs: Attrs) -> String {
        infer(op, args, &attrs).unwrap()[0].1.to_string()
    }

    #[test]
    fn an_open_batch_stays_open() {
        let attrs = Attrs::new()
            .with("stride_h", Attr::Int(2))
            .with("stride_w", Attr::Int(2));
        assert_eq!(
            shape_of(
                "CONV_2D",
                &[arg(&[-1, 9, 8, 3]), arg(&[16, 3, 3, 3])],
                attrs
            ),
            "?×5×4×16"
        );
        assert_eq!(
            shape_of(
                "RESHAPE",
                &[arg(&[-1, 2, 3]), ints(&[None, Some(6)])],
                Attrs::new()
            ),
            "?×6"
        );
        assert_eq!(
            shape_of(
                "RESHAPE",
                &[arg(&[4, 3]), ints(&[Some(-1), Some(6)])],
                Attrs::new()
            ),
            "2×6"
        );
    }

    #[test]
    fn slices_count_as_numpy_does() {
        assert_eq!(slice_len(10, Some(2), Some(-1), 3), 3);
        assert_eq!(slice_len(10, None, None, -1), 10);
        assert_eq!(slice_len(10, Some(-3), None, 1), 3);
        assert_eq!(slice_len(10, Some(8), Some(20), 1), 2);
        assert_eq!(slice_len(-1, Some(-3), Some(-1), 1), 2);
    }

    #[test]
    fn absurd_numbers_are_no_overflow() {
        let far = [i64::MAX, i64::MIN, -1];
        for op in [
            "PAD",
            "SPLIT_V",
            "SPACE_TO_BATCH_ND",
            "RANGE",
            "STRIDED_SLICE",
            "CONV_2D",
            "TILE",
            "SLICE",
        ] {
            for (a, b) in far.iter().flat_map(|a| far.map(|b| (*a, b))) {
                let known = || ints(&[Some(a), Some(b), Some(a), Some(b)]);
                let attrs = Attrs::new()
                    .with("num_splits", Attr::Int(4))
                    .with("stride_h", Attr::Int(a));
                let args = [arg(&[a, b, 3, 7]), known(), known(), known()];
                let _ = infer(op, &args, &attrs);
                let _ = infer(op, &[known(), known(), known(), known()], &attrs);
            }
        }
    }

    #[test]
    fn a_scalar_has_no_axis() {
        let attrs = Attrs::new()
            .with("num", Attr::Int(2))
            .with("squeeze_dims", int_list(&[0]));
        for op in ["UNPACK", "SQUEEZE", "CONCATENATION", "GATHER"] {
            assert!(infer(op, &[arg(&[]), arg(&[])], &attrs).is_err(), "{op}");
        }
        assert!(infer("TRANSPOSE", &[arg(&[2]), ints(&[Some(1)])], &attrs).is_err());
        let sum = infer("SUM", &[arg(&[]), ints(&[Some(0)])], &attrs).unwrap();
        assert_eq!(sum[0].1, Shape::scalar());
    }

    #[test]
    fn sizes_that_do_not_broadcast_are_refused() {
        assert!(infer("ADD", &[arg(&[2, 3]), arg(&[4])], &Attrs::new()).is_err());
    }
}
