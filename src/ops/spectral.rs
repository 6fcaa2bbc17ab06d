//! Fourier transforms over the last axes.

use super::segment::{view, whole_numbers};
use super::{Context, Fact, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::kernels::fourier::{Complex, Fourier};
use crate::model::{DType, Element, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["FFT", "FFT2D", "FFT3D", "IFFT", "IFFT2D", "IFFT3D"],
        &[],
        |cx| cx.one(cx.dtype(0)?, cx.shape(0)?.clone()),
        prepare,
    ),
    Operator::new(
        &["RFFT", "RFFT2D", "RFFT3D", "IRFFT", "IRFFT2D", "IRFFT3D"],
        &["RFFT2D"],
        infer_real,
        prepare,
    ),
];

/// What the operator's name says.
#[derive(Debug, Clone, Copy)]
struct Form {
    axes: usize,
    inverse: bool,
    /// One side are real numbers, of the other only the first half of the last axis is there.
    real: bool,
}

impl Form {
    fn of(cx: &Context) -> Self {
        let op = &*cx.node.op;
        Form {
            axes: match op.as_bytes() {
                [.., b'2', b'D'] => 2,
                [.., b'3', b'D'] => 3,
                _ => 1,
            },
            inverse: op.starts_with('I'),
            real: op.contains('R'),
        }
    }
}

/// Complex numbers of a real transform, and back.
fn infer_real(cx: &Context) -> Result<Vec<Fact>> {
    let form = Form::of(cx);
    let dtype = match (
        cx.node.attrs.dtype("Tcomplex"),
        cx.node.attrs.dtype("Treal"),
    ) {
        (_, Some(real)) if form.inverse => real,
        (Some(complex), _) if !form.inverse => complex,
        _ if form.inverse => DType::Float32,
        _ => DType::Complex64,
    };
    let dims = cx.shape(0)?.dims().map(|dims| {
        let outer = dims.len().saturating_sub(form.axes);
        let lengths = cx.ints(1).ok().flatten();
        let mut lengths = lengths.unwrap_or_else(|| vec![-1; form.axes]);
        if let (Some(last), false) = (lengths.last_mut().filter(|l| **l >= 0), form.inverse) {
            *last = *last / 2 + 1;
        }
        [&dims[..outer], &lengths].concat()
    });
    cx.one(dtype, Shape(dims))
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let form = Form::of(cx);
    // TensorFlow Lite's own transform knows powers of two only.
    let powers = cx.tflite();
    let double = matches!(cx.dtype(0)?, DType::Float64 | DType::Complex128);
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let lengths = match form.real {
            true => Some(whole_numbers(&view(inputs, 1)?)?),
            false => None,
        };
        let wrong = |length: &i64| powers && !(*length > 0 && (*length as u64).is_power_of_two());
        if lengths.iter().flatten().any(wrong) {
            return Err(Error::usage(format!(
                "transforms of lengths {lengths:?}, expected powers of two"
            )));
        }
        Ok(vec![match double {
            true => transform::<f64>(form, &x, lengths.as_deref())?,
            false => transform::<f32>(form, &x, lengths.as_deref())?,
        }])
    })
}

/// Complex numbers as `[outer, lengths…]`.
struct Field {
    values: Vec<Complex>,
    outer: usize,
    lengths: Vec<usize>,
}

impl Field {
    /// Transforms along axis `axis` of the lengths.
    fn along(&mut self, axis: usize, inverse: bool) {
        let length = self.lengths[axis];
        let inner: usize = self.lengths[axis + 1..].iter().product();
        if length == 0 || inner == 0 {
            return;
        }
        let plan = Fourier::new(length);
        let mut line = vec![[0.0; 2]; length];
        for block in self.values.chunks_exact_mut(length * inner) {
            for at in 0..inner {
                for (i, value) in line.iter_mut().enumerate() {
                    *value = block[i * inner + at];
                }
                plan.run(&mut line, inverse);
                for (i, value) in line.iter().enumerate() {
                    block[i * inner + at] = *value;
                }
            }
        }
    }

    /// The same field with other lengths: cut, or zeros behind.
    fn sized(self, lengths: &[usize]) -> Result<Self> {
        if self.lengths == lengths {
            return Ok(self);
        }
        let count = lengths.iter().product::<usize>().checked_mul(self.outer);
        let count = count.filter(|&count| count <= 1 << 30);
        let count = count.ok_or_else(|| Error::usage(format!("transforms of {lengths:?}")))?;
        let mut values = vec![[0.0; 2]; count];
        let (from, to) = (
            self.lengths.iter().product::<usize>(),
            lengths.iter().product::<usize>(),
        );
        for outer in 0..self.outer {
            for at in 0..to {
                let (mut rest, mut source, mut step, mut inside) = (at, 0, 1, true);
                for (&size, &own) in lengths.iter().zip(&self.lengths).rev() {
                    let index = rest % size;
                    rest /= size;
                    inside &= index < own;
                    source += index * step;
                    step *= own;
                }
                if inside {
                    values[outer * to + at] = self.values[outer * from + source];
                }
            }
        }
        Ok(Field {
            values,
            outer: self.outer,
            lengths: lengths.to_vec(),
        })
    }
}

fn transform<T: Number + Element>(
    form: Form,
    x: &View<'_>,
    lengths: Option<&[i64]>,
) -> Result<Tensor>
where
    [T; 2]: Element,
{
    let rank = x.shape.len();
    let first = rank.checked_sub(form.axes);
    let first = first.ok_or_else(|| {
        Error::usage(format!(
            "a transform over {} axes of {:?}",
            form.axes, x.shape
        ))
    })?;
    let (outer, own) = x.shape.split_at(first);
    let told: Option<Vec<usize>> = match lengths {
        Some(told) if told.len() != form.axes => None,
        Some(told) => told
            .iter()
            .map(|&n| usize::try_from(n).ok().filter(|&n| n > 0))
            .collect(),
        None => Some(own.to_vec()),
    };
    let lengths = told.ok_or_else(|| Error::usage(format!("transforms of {lengths:?}")))?;
    let complex = |z: &[T; 2]| z.map(Number::to_f64);
    let mut field = Field {
        values: match form.real && !form.inverse {
            true => (x.values::<T>()?.iter())
                .map(|&re| [re.to_f64(), 0.0])
                .collect(),
            false => x.values::<[T; 2]>()?.iter().map(complex).collect(),
        },
        outer: outer.iter().product(),
        lengths: own.to_vec(),
    };
    let last = form.axes - 1;
    let half = lengths[last] / 2 + 1;
    if form.real && form.inverse {
        let mut kept = lengths.clone();
        kept[last] = half;
        field = field.sized(&kept)?;
        (0..last).for_each(|axis| field.along(axis, true));
        field = mirrored(field, lengths[last])?;
        field.along(last, true);
    } else {
        field = field.sized(&lengths)?;
        (0..form.axes).for_each(|axis| field.along(axis, form.inverse));
    }
    if form.inverse {
        let count = lengths.iter().product::<usize>() as f64;
        let values = field.values.iter_mut();
        values.for_each(|z| *z = z.map(|part| part / count));
    }
    if form.real && form.inverse {
        let values: Vec<T> = field.values.iter().map(|z| T::from_f64(z[0])).collect();
        return Ok(Tensor::from_values(&[outer, &lengths].concat(), &values));
    }
    if form.real {
        let mut kept = lengths.clone();
        kept[last] = half;
        field = field.sized(&kept)?;
    }
    let values: Vec<[T; 2]> = field.values.iter().map(|z| z.map(T::from_f64)).collect();
    Ok(Tensor::from_values(
        &[outer, &field.lengths].concat(),
        &values,
    ))
}

/// The whole of a spectrum of real numbers from its first half along the last axis: `X[n - k]` is the conjugate of
/// `X[k]`.
fn mirrored(field: Field, length: usize) -> Result<Field> {
    let mut lengths = field.lengths.clone();
    let last = lengths.len() - 1;
    let half = lengths[last];
    lengths[last] = length;
    let mut whole = field.sized(&lengths)?;
    for row in whole.values.chunks_exact_mut(length) {
        for at in half..length {
            let [re, im] = row[length - at];
            row[at] = [re, -im];
        }
    }
    Ok(whole)
}
