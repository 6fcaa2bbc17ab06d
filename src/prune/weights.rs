//! The values of a weight constant: what each stands for, and how one becomes zero.

use crate::error::Result;
use crate::model::{DType, Graph, Quantization, QuantizationDetails, Tensor, ValueId};

/// Stored weights and the scheme by which they stand for real numbers.
pub struct Weights {
    tensor: Tensor,
    scheme: Scheme,
}

/// real = scale × (q − zero point), with one of each for `step` elements in turn. No scales: the numbers themselves.
struct Scheme {
    scales: Vec<f32>,
    zero_points: Vec<i64>,
    step: usize,
}

impl Scheme {
    fn index(&self, element: usize) -> usize {
        element / self.step
    }

    fn scale(&self, element: usize) -> f32 {
        match self.scales.len() {
            0 => 1.0,
            n => self.scales[self.index(element) % n],
        }
    }

    fn zero_point(&self, element: usize) -> i64 {
        match self.zero_points.len() {
            0 => 0,
            n => self.zero_points[self.index(element) % n],
        }
    }

    fn plain() -> Self {
        Scheme {
            scales: Vec::new(),
            zero_points: Vec::new(),
            step: 1,
        }
    }
}

/// Why weights stay as they are.
pub type Reason = String;

impl Weights {
    /// The values of constant `id`, or why they can't be pruned.
    ///
    /// # Errors
    /// Values that are missing or don't fit their shape.
    pub fn open(graph: &Graph, id: ValueId) -> Result<Result<Weights, Reason>> {
        let value = graph.value(id);
        let Some(tensor) = value.read().transpose()? else {
            return Ok(Err("its values are made as it runs".to_owned()));
        };
        let active = value.quantization.as_ref().filter(|q| q.is_active());
        let scheme = match (value.dtype, active) {
            (DType::Float32 | DType::Float16 | DType::BFloat16 | DType::Float64, _) => {
                Ok(Scheme::plain())
            }
            (DType::Int2 | DType::Int4 | DType::Int8 | DType::UInt8 | DType::Int16, Some(q)) => {
                scheme(graph, q, tensor.shape())?
            }
            (DType::Int2 | DType::Int4 | DType::Int8 | DType::UInt8 | DType::Int16, None) => {
                Err("integers without a scale".to_owned())
            }
            (other, _) => Err(format!("weights of {other}")),
        };
        Ok(scheme.and_then(|scheme| {
            let (low, high) = limits(value.dtype);
            match scheme.zero_points.iter().all(|z| (low..=high).contains(z)) {
                true => Ok(Weights { tensor, scheme }),
                false => Err("a zero point that its integers can't hold".to_owned()),
            }
        }))
    }

    pub fn len(&self) -> usize {
        self.tensor.len()
    }

    pub fn shape(&self) -> &[usize] {
        self.tensor.shape()
    }

    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// Whether zero is stored as bits that are all zero.
    pub fn zero_is_zero(&self) -> bool {
        self.scheme.zero_points.iter().all(|z| *z == 0)
    }

    /// The size of what each element stands for; NaN counts as infinite: it should be seen, not hidden.
    pub fn magnitudes(&self) -> Vec<f32> {
        let count = self.len();
        let mut all = Vec::with_capacity(count);
        for element in 0..count {
            let q = self.tensor.number(element).unwrap_or(0.0);
            let real = (q - self.scheme.zero_point(element) as f64)
                * f64::from(self.scheme.scale(element).abs());
            let size = real.abs() as f32;
            all.push(if size.is_nan() { f32::INFINITY } else { size });
        }
        all
    }

    /// How many elements stand for zero.
    pub fn zeros(&self) -> usize {
        let is_zero = |element: &usize| {
            let q = self.tensor.number(*element);
            q == Some(self.scheme.zero_point(*element) as f64)
        };
        (0..self.len()).filter(is_zero).count()
    }

    /// Makes `element` stand for zero.
    pub fn clear(&mut self, element: usize) {
        let zero = self.scheme.zero_point(element);
        if let Some(values) = self.tensor.values_mut::<i8>() {
            values[element] = zero as i8;
        } else if let Some(values) = self.tensor.values_mut::<u8>() {
            values[element] = zero as u8;
        } else if let Some(values) = self.tensor.values_mut::<i16>() {
            values[element] = zero as i16;
        } else if let Some(size) = self.tensor.dtype().size()
            && let Some(bytes) = self.tensor.bytes_mut()
        {
            // Floats: all bits zero.
            bytes[element * size..][..size].fill(0);
        }
    }
}

/// The integers of a type; anything for floats, which have no zero point.
fn limits(dtype: DType) -> (i64, i64) {
    match dtype {
        DType::Int2 => (-2, 1),
        DType::Int4 => (-8, 7),
        DType::Int8 => (-128, 127),
        DType::UInt8 => (0, 255),
        DType::Int16 => (-32768, 32767),
        _ => (i64::MIN, i64::MAX),
    }
}

fn scheme(graph: &Graph, q: &Quantization, shape: &[usize]) -> Result<Result<Scheme, Reason>> {
    match &q.details {
        QuantizationDetails::None | QuantizationDetails::Custom(_) => {}
        QuantizationDetails::Blockwise {
            scales,
            zero_points: None,
            block_size,
            ..
        } => return blocks(graph, *scales, *block_size, shape),
        _ => return Ok(Err("a quantization scheme without a rule".to_owned())),
    }
    let (step, channels) = match q.scale.len() {
        1 => (shape.iter().product::<usize>().max(1), 1),
        n => match q.axis(shape.len()).filter(|&axis| shape[axis] == n) {
            Some(axis) => (shape[axis + 1..].iter().product::<usize>().max(1), n),
            None => return Ok(Err(format!("{n} scales that fit no axis"))),
        },
    };
    if !matches!(q.zero_point.len(), 0 | 1) && q.zero_point.len() != channels {
        return Ok(Err("not as many zero points as scales".to_owned()));
    }
    Ok(Ok(Scheme {
        scales: q.scale.clone(),
        zero_points: q.zero_point.clone(),
        step,
    }))
}

/// One scale per `size` elements of the last axis.
fn blocks(
    graph: &Graph,
    scales: Option<ValueId>,
    size: i32,
    shape: &[usize],
) -> Result<Result<Scheme, Reason>> {
    let scales = scales.and_then(|id| graph.values.get(id.index()));
    let scales = scales.and_then(|value| value.read()).transpose()?;
    let step = usize::try_from(size).ok().filter(|&s| s > 0);
    let fits = |s: &usize| shape.last().is_some_and(|last| last.is_multiple_of(*s));
    let count: usize = shape.iter().product();
    Ok(match (scales, step.filter(fits)) {
        (Some(scales), Some(step)) if scales.len() == count / step => Ok(Scheme {
            scales: scales.numbers().iter().map(|&s| s as f32).collect(),
            zero_points: Vec::new(),
            step,
        }),
        _ => Err("scales that don't fit its blocks".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dialect, GraphKind, Value};

    fn open(tensor: &Tensor, quantization: Option<Quantization>) -> Result<Weights, Reason> {
        let mut graph = Graph::new("g", GraphKind::Subgraph, Dialect::Tflite);
        let mut value = Value::constant("w", tensor);
        value.quantization = quantization.map(Box::new);
        let id = graph.add_value(value);
        Weights::open(&graph, id).unwrap()
    }

    #[test]
    fn magnitudes_are_those_of_the_real_numbers() {
        let tensor = Tensor::from_values(&[2, 2], &[3i8, -4, 3, -4]);
        let quantization = Quantization {
            scale: vec![1.0, 10.0],
            zero_point: vec![0, 3],
            ..Quantization::default()
        };
        let mut weights = open(&tensor, Some(quantization)).unwrap();
        assert_eq!(weights.magnitudes(), [3.0, 4.0, 0.0, 70.0]);
        assert_eq!(weights.zeros(), 1);
        weights.clear(0);
        weights.clear(3);
        assert_eq!(weights.tensor().values::<i8>().unwrap(), [0, -4, 3, 3]);
        assert!(!weights.zero_is_zero());
    }

    #[test]
    fn what_has_no_rule_says_so() {
        let tensor = Tensor::from_values(&[2], &[1i8, 2]);
        let reason = |q| open(&tensor, q).err().unwrap();
        assert_eq!(reason(None), "integers without a scale");
        let scales = Quantization::per_channel(vec![1.0; 3], 0);
        assert_eq!(reason(Some(scales)), "3 scales that fit no axis");
        let far = Quantization::per_tensor(1.0, 300);
        assert_eq!(
            reason(Some(far)),
            "a zero point that its integers can't hold"
        );
        let nan = open(&Tensor::from_values(&[2], &[f32::NAN, 0.0]), None).unwrap();
        assert_eq!(nan.magnitudes(), [f32::INFINITY, 0.0]);
    }
}
