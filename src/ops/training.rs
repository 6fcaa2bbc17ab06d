//! Optimizers' steps on variables. Computed in float32 as TensorFlow does, in `f64` for float64.

use std::sync::Arc;

use super::reals::{doubles, of_doubles};
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
    ],
    &[],
    |_| Ok(Vec::new()),
    prepare,
)
.effect()];

/// One element's step: the variables' values, the numbers that hold for all of them, the gradient, the attribute.
type Step = fn(&mut [f64], &[f64], f64, bool);

/// How many variables lead the inputs, at which input the gradient is, how many numbers the other inputs are, and the
/// step.
fn rule(op: &str) -> (usize, usize, usize, Step) {
    match op {
        "ResourceApplyGradientDescent" => (1, 2, 1, |v, n, g, _| v[0] -= n[0] * g),
        "ResourceApplyMomentum" => (2, 3, 2, |v, n, g, nesterov| {
            let [rate, momentum] = [n[0], n[1]];
            v[1] = v[1] * momentum + g;
            v[0] -= match nesterov {
                true => g * rate + v[1] * momentum * rate,
                false => v[1] * rate,
            };
        }),
        "ResourceApplyKerasMomentum" => (2, 3, 2, |v, n, g, nesterov| {
            let [rate, momentum] = [n[0], n[1]];
            v[1] = v[1] * momentum - g * rate;
            v[0] += match nesterov {
                true => v[1] * momentum - g * rate,
                false => v[1],
            };
        }),
        "ResourceApplyAdam" => (3, 9, 6, |v, n, g, nesterov| {
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
        "ResourceApplyAdaMax" => (3, 8, 5, |v, n, g, _| {
            let [power1, rate, beta1, beta2, epsilon] = [n[0], n[1], n[2], n[3], n[4]];
            v[1] += (g - v[1]) * (1.0 - beta1);
            v[2] = (beta2 * v[2]).max(g.abs());
            v[0] -= rate / (1.0 - power1) * (v[1] / (v[2] + epsilon));
        }),
        "ResourceApplyAdagrad" => (2, 3, 1, |v, n, g, update| {
            if update {
                v[1] += g * g;
            }
            v[0] -= n[0] * g / v[1].sqrt();
        }),
        "ResourceApplyAdagradV2" => (2, 4, 2, |v, n, g, update| {
            if update {
                v[1] += g * g;
            }
            v[0] -= n[0] * g / (v[1].sqrt() + n[1]);
        }),
        "ResourceApplyAdadelta" => (3, 6, 3, |v, n, g, _| {
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

fn prepare(cx: &Context) -> Result<Prepared> {
    let (count, gradient, needed, step) = rule(&cx.node.op);
    let switch = match cx.node.attrs.bool("update_slots") {
        Some(update) => update,
        None => cx.attr_bool("use_nesterov") || cx.node.op.contains("Adagrad"),
    };
    Prepared::effect(move |inputs, state| {
        let gradients = numbers(state::tensor(&inputs, gradient)?)?;
        let mut told = Vec::new();
        for at in (count..inputs.len()).filter(|&at| at != gradient) {
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
        if values.iter().any(|values| values.len() != gradients.len()) {
            return Err(Error::usage(format!(
                "a step of {} elements for variables of {:?}",
                gradients.len(),
                held.iter().map(|v| v.shape()).collect::<Vec<_>>()
            )));
        }
        let mut element = vec![0.0; count];
        for (at, &gradient) in gradients.iter().enumerate() {
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

fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    doubles(&View::of(tensor))
}
