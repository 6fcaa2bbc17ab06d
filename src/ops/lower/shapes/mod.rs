//! Types and shapes of the results of TFLite operators, with unknown sizes as -1.

mod concat;
mod moves;
mod windows;

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
        .or_else(|| operands.concat())
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
    fn a_slice_by_more_indices_than_there_are_axes_is_told() {
        let many = || arg(&[1 << 60]);
        let args = [arg(&[3, 4]), many(), many(), many()];
        assert_eq!(shape_of("STRIDED_SLICE", &args, Attrs::new()), "?×?");
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
