//! Gradients of convolutions by their operands, in f64. All lie `[batch, height, width, channels]`; filters are
//! TensorFlow's, `[k_h, k_w, input channels of a group, output channels]` and `[k_h, k_w, channels, multiplier]`.

use crate::kernels::cpu::{self, by_level};
use crate::kernels::params::Conv2d;

/// Calls `each(input cell, tap of the window, output cell)` with the first elements of both cells, for every product that
/// the convolution makes of them.
fn for_each_tap(p: &Conv2d, mut each: impl FnMut(usize, usize, usize)) {
    for n in 0..p.batch {
        for y in 0..p.out_h {
            for x in 0..p.out_w {
                let out = ((n * p.out_h + y) * p.out_w + x) * p.out_c;
                for tap in 0..p.k_h * p.k_w {
                    if let Some(input) = p.source(n, y, x, tap / p.k_w, tap % p.k_w) {
                        each(input, tap, out);
                    }
                }
            }
        }
    }
}

by_level! {
    fn add_times(sums: &mut [f64], x: f64, by: &[f64]) = add_times_each
}

#[inline(always)]
fn add_times_each(sums: &mut [f64], x: f64, by: &[f64]) {
    let by = &by[..sums.len()];
    for (i, sum) in sums.iter_mut().enumerate() {
        *sum += x * by[i];
    }
}

/// By the filter, added to `sums`: each weight's inputs times the gradients of what they went into.
pub fn by_filter(p: &Conv2d, x: &[f64], gradients: &[f64], sums: &mut [f64]) {
    let level = cpu::level();
    let (deep, wide) = (p.in_c / p.groups, p.out_c / p.groups);
    for_each_tap(p, |input, tap, out| {
        for channel in 0..p.in_c {
            let group = channel / deep;
            let row = (tap * deep + channel % deep) * p.out_c + group * wide;
            let gradients = &gradients[out + group * wide..][..wide];
            add_times(
                level,
                &mut sums[row..row + wide],
                x[input + channel],
                gradients,
            );
        }
    });
}

/// By the filter of a depthwise convolution, added to `sums`.
pub fn depthwise_by_filter(p: &Conv2d, x: &[f64], gradients: &[f64], sums: &mut [f64]) {
    let level = cpu::level();
    let times = p.out_c / p.in_c;
    for_each_tap(p, |input, tap, out| {
        for channel in 0..p.in_c {
            let row = (tap * p.in_c + channel) * times;
            let gradients = &gradients[out + channel * times..][..times];
            add_times(
                level,
                &mut sums[row..row + times],
                x[input + channel],
                gradients,
            );
        }
    });
}

/// By the input of a depthwise convolution, added to `sums`.
pub fn depthwise_by_input(p: &Conv2d, filter: &[f64], gradients: &[f64], sums: &mut [f64]) {
    let times = p.out_c / p.in_c;
    for_each_tap(p, |input, tap, out| {
        for channel in 0..p.in_c {
            let weights = &filter[(tap * p.in_c + channel) * times..][..times];
            let gradients = &gradients[out + channel * times..][..times];
            let products = weights
                .iter()
                .zip(gradients)
                .map(|(w, gradient)| w * gradient);
            sums[input + channel] += products.sum::<f64>();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Clamp;
    use crate::kernels::reference::conv::depthwise_f32;

    /// A convolution is linear in each operand, so that a gradient is what a step of 1 changes.
    #[test]
    fn a_gradient_is_what_a_step_changes() {
        let p = Conv2d {
            batch: 2,
            in_h: 5,
            in_w: 4,
            in_c: 2,
            out_h: 3,
            out_w: 2,
            out_c: 4,
            k_h: 3,
            k_w: 2,
            stride_h: 2,
            stride_w: 2,
            pad_top: 1,
            ..Conv2d::product(1, 2, 4)
        };
        let values = |count: usize, by: usize| -> Vec<f64> {
            (0..count).map(|i| (i * by % 11) as f64 - 5.0).collect()
        };
        let narrow = |x: &[f64]| x.iter().map(|&v| v as f32).collect::<Vec<f32>>();
        let (x, filter) = (values(p.input_len(), 3), values(3 * 2 * 2 * 2, 5));
        let gradients = values(p.output_len(), 7);
        // The sum of outputs times gradients.
        let total = |x: &[f64], filter: &[f64]| -> f64 {
            let mut out = vec![0f32; p.output_len()];
            depthwise_f32(&p, &narrow(x), &narrow(filter), None, Clamp::NONE, &mut out);
            let products = out.iter().zip(&gradients).map(|(&o, s)| f64::from(o) * s);
            products.sum()
        };
        let (mut of_filter, mut of_input) = (vec![0.0; filter.len()], vec![0.0; x.len()]);
        depthwise_by_filter(&p, &x, &gradients, &mut of_filter);
        depthwise_by_input(&p, &filter, &gradients, &mut of_input);
        let bare = total(&x, &filter);
        let step = |values: &[f64], at: usize| {
            let mut values = values.to_vec();
            values[at] += 1.0;
            values
        };
        for (at, gradient) in of_filter.iter().enumerate() {
            assert_eq!(total(&x, &step(&filter, at)) - bare, *gradient);
        }
        for (at, gradient) in of_input.iter().enumerate() {
            assert_eq!(total(&step(&x, at), &filter) - bare, *gradient);
        }
        // One group of one channel in, one out: the same as depthwise.
        let p = Conv2d {
            in_c: 1,
            out_c: 1,
            ..p
        };
        let (x, gradients) = (values(p.input_len(), 3), values(p.output_len(), 7));
        let (mut plain, mut depthwise) = (vec![0.0; 6], vec![0.0; 6]);
        by_filter(&p, &x, &gradients, &mut plain);
        depthwise_by_filter(&p, &x, &gradients, &mut depthwise);
        assert_eq!(plain, depthwise);
    }
}
