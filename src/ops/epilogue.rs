//! What may run as part of a product of TensorFlow's behind which it stands: factors and terms of the channels, a batch
//! normalization, an activation.
//!
//! Factors go into the filter, rounded once from f64: a product differs from that of its parts by a few units in the
//! last place of its largest term (2^-24 each).

use super::{Constant, Context, Fact};
use crate::kernels::Clamp;
use crate::model::{DType, Node, Tensor};

/// Factors of channels between which a product may take them.
const SMALLEST: f64 = 1e-20;
const LARGEST: f64 = 1e20;

/// What is done to the channels of a product: `activation(product * scale + shift)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Epilogue {
    scale: Vec<f64>,
    shift: Vec<f64>,
    activation: Option<Clamp>,
    /// Axes of the product.
    rank: usize,
}

/// A product and what comes behind it.
pub struct Fused {
    pub node: Node,
    /// What is known of its inputs, of which the filter and the bias are new.
    pub inputs: Vec<Option<Fact>>,
    pub bounds: Clamp,
}

impl Epilogue {
    /// That of a bare product; `None` for nodes that take none.
    pub fn of_product(cx: &Context) -> Option<Epilogue> {
        let float = |at: usize| matches!(cx.dtype(at), Ok(DType::Float32));
        if cx.tflite() || cx.node.inputs.len() != 2 || !float(0) || !float(1) {
            return None;
        }
        cx.input(1).ok()?.constant.as_ref()?;
        let (x, filter) = (cx.sizes(0).ok()?, cx.sizes(1).ok()?);
        let turned = ["transpose_a", "transpose_b", "adj_x", "adj_y"];
        let channels = match (&*cx.node.op, &filter[..]) {
            ("Conv2D", &[_, _, _, channels]) if channels_last(cx) => channels,
            ("DepthwiseConv2dNative", &[_, _, channels, times]) if channels_last(cx) => {
                channels.checked_mul(times)?
            }
            ("MatMul" | "BatchMatMul" | "BatchMatMulV2" | "BatchMatMulV3", &[_, channels])
                if !turned.iter().any(|name| cx.attr_bool(name)) =>
            {
                channels
            }
            _ => return None,
        };
        Some(Epilogue {
            scale: vec![1.0; channels],
            shift: vec![0.0; channels],
            activation: None,
            rank: x.len(),
        })
    }

    /// Takes the work of a node over whose input `slot` is what comes so far; false where it can't.
    pub fn take(&mut self, cx: &Context, slot: usize) -> bool {
        self.activation.is_none() && self.takes(cx, slot).is_some()
    }

    fn takes(&mut self, cx: &Context, slot: usize) -> Option<()> {
        let other = || self.channels(cx, 1 - slot.min(1));
        match (&*cx.node.op, slot) {
            ("Mul", _) => {
                let factors = other()?;
                let both = self.scale.iter_mut().zip(&mut self.shift);
                for ((scale, shift), factor) in both.zip(factors) {
                    *scale *= factor;
                    *shift *= factor;
                }
            }
            ("Add" | "AddV2", _) => self.add(&other()?, 1.0),
            ("Sub", 0) => self.add(&other()?, -1.0),
            ("BiasAdd", 0) if channels_last(cx) => self.add(&other()?, 1.0),
            ("FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3", 0) => {
                let training = cx.node.attrs.bool("is_training").unwrap_or(true);
                if training || !channels_last(cx) {
                    return None;
                }
                let [gamma, beta, mean, variance] = [1, 2, 3, 4].map(|at| self.channels(cx, at));
                let (gamma, beta, mean, variance) = (gamma?, beta?, mean?, variance?);
                // TensorFlow's attribute is a float.
                let epsilon = f64::from(cx.attr_float("epsilon", 1e-4) as f32);
                for at in 0..self.scale.len() {
                    let factor = gamma[at] / (variance[at] + epsilon).sqrt();
                    self.scale[at] *= factor;
                    self.shift[at] = (self.shift[at] - mean[at]) * factor + beta[at];
                }
            }
            ("Relu", 0) => {
                self.activation = Some(Clamp {
                    lo: 0.0,
                    ..Clamp::NONE
                });
            }
            ("Relu6", 0) => self.activation = Some(Clamp::RELU6),
            _ => return None,
        }
        Some(())
    }

    fn add(&mut self, terms: &[f64], sign: f64) {
        for (shift, term) in self.shift.iter_mut().zip(terms) {
            *shift += sign * term;
        }
    }

    /// A constant input as a number for each channel.
    fn channels(&self, cx: &Context, input: usize) -> Option<Vec<f64>> {
        let fact = cx.input(input).ok()?;
        fact.constant
            .as_ref()
            .filter(|_| fact.dtype == DType::Float32)?;
        let sizes = fact.shape.fixed()?;
        let (count, last) = (self.scale.len(), sizes.last().copied().unwrap_or(1));
        let flat = sizes.iter().rev().skip(1).all(|&size| size == 1);
        if !flat || sizes.len() > self.rank || ![1, count].contains(&last) {
            return None;
        }
        let values = cx.constant(input).ok()??.numbers();
        Some(match values[..] {
            [one] => vec![one; count],
            _ => values,
        })
    }

    /// The product with this epilogue. `None` where a factor is so small or large that weights would lose digits.
    pub fn fuse(&self, cx: &Context) -> Option<Fused> {
        let count = self.scale.len();
        let filter = match self.scale.iter().all(|&scale| scale == 1.0) {
            true => cx.inputs[1].clone()?,
            // Products of weights of a common size stay normal numbers.
            false => {
                let calm =
                    |scale: &f64| *scale == 0.0 || (SMALLEST..LARGEST).contains(&scale.abs());
                let stored = cx.inputs[1].as_ref()?.constant.as_ref()?;
                let scaled = || Fact::constant(Constant::scaled(stored, &self.scale));
                self.scale.iter().all(calm).then(scaled)?
            }
        };
        let shift: Vec<f32> = self.shift.iter().map(|&v| v as f32).collect();
        if !shift.iter().all(|v| v.is_finite()) {
            return None;
        }
        let bias = Fact::constant(Constant::told(Tensor::from_values(&[count], &shift)));
        let mut node = cx.node.clone();
        // Nobody reads it: its values are those below.
        node.inputs.push(node.inputs[1]);
        let inputs = vec![cx.inputs[0].clone(), Some(filter), Some(bias)];
        Some(Fused {
            node,
            inputs,
            bounds: self.activation.unwrap_or(Clamp::NONE),
        })
    }
}

fn channels_last(cx: &Context) -> bool {
    matches!(cx.node.attrs.text("data_format"), None | Some("NHWC"))
}
