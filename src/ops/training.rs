//! Optimizers' steps on variables. Computed in float32 as TensorFlow does, in `f64` for float64.

use std::sync::Arc;

use super::reals::{doubles, of_doubles};
use super::segment::whole_numbers;
use super::{Context, Operator, Prepared, View, state};
use crate::error::{Error, Result};
use crate::model::Tensor;

pub(super) const OPERATORS: &[Operator] = &[Operator::new(
    &[
        "ResourceApplyGradientDescent",
        "ResourceApplyMomentum",
        "ResourceApplyKerasMomentum",
        "ResourceApplyAdam",
        "ResourceApplyAdaMax",
        "ResourceApplyAdagrad",
        "ResourceApplyAdagradV2",
        "ResourceApplyAdadelta",
        "ResourceApplyRMSProp",
        "ResourceApplyCenteredRMSProp",
        "ResourceApplyAdamWithAmsgrad",
        "ResourceApplyAddSign",
        "ResourceApplyPowerSign",
        "ResourceApplyAdagradDA",
        "ResourceApplyFtrl",
        "ResourceApplyFtrlV2",
        "ResourceApplyProximalAdagrad",
        "ResourceApplyProximalGradientDescent",
        "ResourceSparseApplyMomentum",
        "ResourceSparseApplyKerasMomentum",
        "ResourceSparseApplyAdagrad",
        "ResourceSparseApplyAdagradV2",
        "ResourceSparseApplyAdagradDA",
        "ResourceSparseApplyAdadelta",
        "ResourceSparseApplyRMSProp",
        "ResourceSparseApplyCenteredRMSProp",
        "ResourceSparseApplyFtrl",
        "ResourceSparseApplyFtrlV2",
        "ResourceSparseApplyProximalAdagrad",
        "ResourceSparseApplyProximalGradientDescent",
    ],
    &[],
    |_| Ok(Vec::new()),
    prepare,
)
.effect()];

/// One element's step: the variables' values, the numbers that hold for all of them, the gradient, the attribute.
type Step = fn(&mut [f64], &[f64], f64, bool);

/// How many variables lead the inputs, at which input the gradient is, how many numbers the other inputs are, and the step.
/// Of an operator that takes rows, their indices follow the gradient.
fn rule(op: &str) -> (usize, usize, usize, Step) {
    let name = op
        .trim_start_matches("Resource")
        .trim_start_matches("Sparse");
    proximal_rule(name)
        .or_else(|| later_rule(name))
        .unwrap_or_else(|| plain_rule(name))
}

/// Rules that draw a variable towards zero, and Ftrl's.
fn proximal_rule(name: &str) -> Option<(usize, usize, usize, Step)> {
    Some(match name {
        "ApplyProximalGradientDescent" => (1, 4, 3, |v, n, g, _| {
            let [rate, l1, l2] = [n[0], n[1], n[2]];
            v[0] = shrunk(v[0] - rate * g, rate * l1) / (1.0 + rate * l2);
        }),
        "ApplyProximalAdagrad" => (2, 5, 3, |v, n, g, _| {
            v[1] += g * g;
            let [rate, l1, l2] = [n[0] / v[1].sqrt(), n[1], n[2]];
            v[0] = shrunk(v[0] - rate * g, rate * l1) / (1.0 + rate * l2);
        }),
        "ApplyAdagradDA" => (3, 3, 4, |v, n, g, _| {
            let [rate, l1, l2, steps] = [n[0], n[1], n[2], n[3]];
            v[1] += g;
            v[2] += g * g;
            v[0] = -rate * shrunk(v[1], l1 * steps) / (l2 * steps * rate + v[2].sqrt());
        }),
        "ApplyFtrl" => (3, 3, 4, |v, n, g, by_rate| {
            ftrl(v, g, 0.0, [n[0], n[1], n[2], n[3]], by_rate)
        }),
        "ApplyFtrlV2" => (3, 3, 5, |v, n, g, by_rate| {
            let shrinkage = 2.0 * n[3] * v[0];
            ftrl(v, g, shrinkage, [n[0], n[1], n[2], n[4]], by_rate);
        }),
        _ => return None,
    })
}

/// Nearer to zero by `by`, no further than to it.
fn shrunk(value: f64, by: f64) -> f64 {
    if by > 0.0 {
        (value.abs() - by).max(0.0).copysign(value)
    } else {
        value
    }
}

/// McMahan et al., "Ad click prediction: a view from the trenches", 2013. The variable, the sum of squares and the linear
/// term; `by_rate` where the linear term is multiplied by the rate.
fn ftrl(v: &mut [f64], g: f64, shrinkage: f64, [rate, l1, l2, power]: [f64; 4], by_rate: bool) {
    let sum = v[1] + g * g;
    let [new, old] = [sum, v[1]].map(|sum| sum.powf(-power));
    let (share, whole) = if by_rate { (1.0, rate) } else { (rate, 1.0) };
    v[2] += (g + shrinkage) * whole - (new - old) / share * v[0];
    let (l1, l2) = (l1 * whole, l2 * whole);
    v[0] = match v[2].abs() > l1 {
        true => (l1.copysign(v[2]) - v[2]) / (new / share + 2.0 * l2),
        false => 0.0,
    };
    v[1] = sum;
}

/// Rules that came after those of the first papers.
fn later_rule(name: &str) -> Option<(usize, usize, usize, Step)> {
    Some(match name {
        "ApplyAdamWithAmsgrad" => (4, 10, 6, |v, n, g, _| {
            let [power1, power2, rate, beta1, beta2, epsilon] =
                [n[0], n[1], n[2], n[3], n[4], n[5]];
            let alpha = rate * (1.0 - power2).sqrt() / (1.0 - power1);
            v[1] += (g - v[1]) * (1.0 - beta1);
            v[2] += (g * g - v[2]) * (1.0 - beta2);
            v[3] = v[3].max(v[2]);
            v[0] -= v[1] * alpha / (v[3].sqrt() + epsilon);
        }),
        "ApplyAddSign" => (2, 6, 4, |v, n, g, _| {
            let [rate, alpha, decay, beta] = [n[0], n[1], n[2], n[3]];
            v[1] = v[1] * beta + g * (1.0 - beta);
            v[0] -= rate * (alpha + decay * sign(g) * sign(v[1])) * g;
        }),
        "ApplyPowerSign" => (2, 6, 4, |v, n, g, _| {
            let [rate, log_base, decay, beta] = [n[0], n[1], n[2], n[3]];
            v[1] = v[1] * beta + g * (1.0 - beta);
            v[0] -= rate * (log_base * decay * sign(g) * sign(v[1])).exp() * g;
        }),
        "ApplyCenteredRMSProp" => (4, 8, 4, |v, n, g, _| {
            let [rate, rho, momentum, epsilon] = [n[0], n[1], n[2], n[3]];
            v[2] += (g * g - v[2]) * (1.0 - rho);
            v[1] += (g - v[1]) * (1.0 - rho);
            v[3] = v[3] * momentum + g * rate / (v[2] - v[1] * v[1] + epsilon).sqrt();
            v[0] -= v[3];
        }),
        _ => return None,
    })
}

fn plain_rule(name: &str) -> (usize, usize, usize, Step) {
    match name {
        "ApplyGradientDescent" => (1, 2, 1, |v, n, g, _| v[0] -= n[0] * g),
        "ApplyMomentum" => (2, 3, 2, |v, n, g, nesterov| {
            let [rate, momentum] = [n[0], n[1]];
            v[1] = v[1] * momentum + g;
            v[0] -= match nesterov {
                true => g * rate + v[1] * momentum * rate,
                false => v[1] * rate,
            };
        }),
        "ApplyKerasMomentum" => (2, 3, 2, |v, n, g, nesterov| {
            let [rate, momentum] = [n[0], n[1]];
            v[1] = v[1] * momentum - g * rate;
            v[0] += match nesterov {
                true => v[1] * momentum - g * rate,
                false => v[1],
            };
        }),
        "ApplyAdam" => (3, 9, 6, |v, n, g, nesterov| {
            let [power1, power2, rate, beta1, beta2, epsilon] =
                [n[0], n[1], n[2], n[3], n[4], n[5]];
            let alpha = rate * (1.0 - power2).sqrt() / (1.0 - power1);
            v[1] += (g - v[1]) * (1.0 - beta1);
            v[2] += (g * g - v[2]) * (1.0 - beta2);
            let step = match nesterov {
                true => g * (1.0 - beta1) + beta1 * v[1],
                false => v[1],
            };
            v[0] -= step * alpha / (v[2].sqrt() + epsilon);
        }),
        "ApplyAdaMax" => (3, 8, 5, |v, n, g, _| {
            let [power1, rate, beta1, beta2, epsilon] = [n[0], n[1], n[2], n[3], n[4]];
            v[1] += (g - v[1]) * (1.0 - beta1);
            v[2] = (beta2 * v[2]).max(g.abs());
            v[0] -= rate / (1.0 - power1) * (v[1] / (v[2] + epsilon));
        }),
        "ApplyAdagrad" => (2, 3, 1, |v, n, g, update| {
            if update {
                v[1] += g * g;
            }
            v[0] -= n[0] * g / v[1].sqrt();
        }),
        "ApplyAdagradV2" => (2, 4, 2, |v, n, g, update| {
            if update {
                v[1] += g * g;
            }
            v[0] -= n[0] * g / (v[1].sqrt() + n[1]);
        }),
        "ApplyAdadelta" => (3, 6, 3, |v, n, g, _| {
            let [rate, rho, epsilon] = [n[0], n[1], n[2]];
            v[1] = v[1] * rho + g * g * (1.0 - rho);
            let update = (v[2] + epsilon).sqrt() / (v[1] + epsilon).sqrt() * g;
            v[0] -= update * rate;
            v[2] = v[2] * rho + update * update * (1.0 - rho);
        }),
        _ => (3, 7, 4, |v, n, g, _| {
            let [rate, rho, momentum, epsilon] = [n[0], n[1], n[2], n[3]];
            v[1] += (g * g - v[1]) * (1.0 - rho);
            v[2] = v[2] * momentum + g * rate / (v[1] + epsilon).sqrt();
            v[0] -= v[2];
        }),
    }
}

fn sign(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value.signum() }
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (count, gradient, needed, step) = rule(&cx.node.op);
    // Of a row's gradients, the row.
    let rows = cx.node.op.contains("SparseApply").then_some(gradient + 1);
    let switch = match cx.node.attrs.bool("update_slots") {
        Some(update) => update,
        None => {
            cx.attr_bool("use_nesterov")
                || cx.attr_bool("multiply_linear_by_lr")
                || cx.node.op.contains("Adagrad")
        }
    };
    Prepared::effect(move |inputs, state| {
        let gradients = numbers(state::tensor(&inputs, gradient)?)?;
        let mut told = Vec::new();
        for at in (count..inputs.len()).filter(|&at| at != gradient && Some(at) != rows) {
            let number = state::tensor(&inputs, at)?.number(0);
            told.push(number.ok_or_else(|| Error::usage(format!("input {at} is no number")))?);
        }
        if told.len() < needed {
            return Err(Error::usage("numbers of the step are missing"));
        }
        let held: Vec<Arc<Tensor>> = (0..count)
            .map(|at| state.value(state::handle(&inputs, at)?))
            .collect::<Result<_>>()?;
        let mut values: Vec<Vec<f64>> = held.iter().map(|v| numbers(v)).collect::<Result<_>>()?;
        let places = match rows {
            Some(at) => places(&held[0], state::tensor(&inputs, at)?)?,
            None => (0..values[0].len()).collect(),
        };
        let alike = values.iter().all(|other| other.len() == values[0].len());
        if places.len() != gradients.len() || !alike {
            return Err(Error::usage(format!(
                "a step of {} elements for {} of variables of {:?}",
                gradients.len(),
                places.len(),
                held.iter().map(|v| v.shape()).collect::<Vec<_>>()
            )));
        }
        let mut element = vec![0.0; count];
        for (at, gradient) in places.into_iter().zip(gradients) {
            for (slot, values) in element.iter_mut().zip(&values) {
                *slot = values[at];
            }
            step(&mut element, &told, gradient, switch);
            for (slot, values) in element.iter().zip(&mut values) {
                values[at] = *slot;
            }
        }
        for (at, (values, before)) in values.iter().zip(&held).enumerate() {
            let after = of_doubles(before.dtype(), before.shape(), values)?;
            state.assign(state::handle(&inputs, at)?, Arc::new(after));
        }
        Ok(Vec::new())
    })
}

/// Where the elements of these rows of a variable are.
fn places(variable: &Tensor, rows: &Tensor) -> Result<Vec<usize>> {
    let count = variable.shape().first().copied().unwrap_or(0);
    let width: usize = variable.shape().iter().skip(1).product();
    let mut places = Vec::new();
    for row in whole_numbers(&View::of(rows))? {
        let row = usize::try_from(row).ok().filter(|row| *row < count);
        let row =
            row.ok_or_else(|| Error::usage(format!("a row outside the {count} of a variable")))?;
        places.extend(row * width..(row + 1) * width);
    }
    Ok(places)
}

fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    doubles(&View::of(tensor))
}
