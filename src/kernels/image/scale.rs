//! Other sizes: every output line is a weighted sum of input lines, along each axis for itself.

use super::Sizes;

/// A window function over the distance from an output's place, in input samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Window {
    Lanczos(f32),
    Gaussian,
    Box,
    Triangle,
    /// Keys' cubic convolution with a = -1/2.
    KeysCubic,
    /// Mitchell and Netravali's with B = C = 1/3.
    MitchellCubic,
}

impl Window {
    /// By TensorFlow's name of the kernel.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "lanczos1" => Window::Lanczos(1.0),
            "lanczos3" => Window::Lanczos(3.0),
            "lanczos5" => Window::Lanczos(5.0),
            "gaussian" => Window::Gaussian,
            "box" => Window::Box,
            "triangle" => Window::Triangle,
            "keyscubic" => Window::KeysCubic,
            "mitchellcubic" => Window::MitchellCubic,
            _ => return None,
        })
    }

    fn radius(self) -> f32 {
        match self {
            Window::Lanczos(radius) => radius,
            Window::Gaussian => 1.5,
            Window::Box | Window::Triangle => 1.0,
            Window::KeysCubic | Window::MitchellCubic => 2.0,
        }
    }

    fn weight(self, x: f32) -> f32 {
        let pi = std::f32::consts::PI;
        match self {
            Window::Lanczos(radius) if x > radius => 0.0,
            Window::Lanczos(_) if x <= 1e-3 => 1.0,
            Window::Lanczos(radius) => {
                radius * (pi * x).sin() * (pi * x / radius).sin() / (pi * pi * x * x)
            }
            Window::Gaussian if x >= 1.5 => 0.0,
            // The radius is three standard deviations.
            Window::Gaussian => (-x * x / (2.0 * 0.5 * 0.5)).exp(),
            Window::Box => match x {
                x if x < 0.5 => 1.0,
                0.5 => 0.5,
                _ => 0.0,
            },
            Window::Triangle => (1.0 - x).max(0.0),
            Window::KeysCubic => match x {
                x if x >= 2.0 => 0.0,
                x if x >= 1.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
                _ => ((1.5 * x - 2.5) * x) * x + 1.0,
            },
            Window::MitchellCubic => match x {
                x if x >= 2.0 => 0.0,
                x if x >= 1.0 => (((-7.0 / 18.0) * x + 2.0) * x - 10.0 / 3.0) * x + 16.0 / 9.0,
                _ => (((7.0 / 6.0) * x - 2.0) * x) * x + 8.0 / 9.0,
            },
        }
    }
}

/// Per output line: input lines and their weights.
pub type Taps = Vec<Vec<(usize, f32)>>;

/// Which input lines make an output line where the output is the input times `scale`, moved by `shift`. Lines from
/// outside are zero. With `antialias` the window grows when the image shrinks.
pub fn spans(
    window: Window,
    [input, output]: [usize; 2],
    [scale, shift]: [f32; 2],
    antialias: bool,
) -> Taps {
    let inverse = 1.0 / scale;
    let offset = -inverse * shift;
    let stretch = if antialias { inverse.max(1.0) } else { 1.0 };
    let reach = window.radius() * stretch;
    let last = input.saturating_sub(1) as f32;
    let line = |at: usize| {
        let centre = (at as f32 + 0.5) * inverse + offset;
        if !(0.0..=input as f32).contains(&centre) || input == 0 {
            return Vec::new();
        }
        let first = (centre - reach - 0.5).ceil().clamp(0.0, last) as usize;
        let end = (centre + reach - 0.5).floor().clamp(0.0, last) as usize;
        let weight = |source: usize| {
            let distance = source as f32 + 0.5 - centre;
            (source, window.weight((distance * (1.0 / stretch)).abs()))
        };
        normalized((first..=end).map(weight).collect())
    };
    (0..output).map(line).collect()
}

/// Weights whose sum is 1; none where it is 0.
fn normalized(mut taps: Vec<(usize, f32)>) -> Vec<(usize, f32)> {
    let sum: f32 = taps.iter().map(|(_, weight)| weight).sum();
    if sum.abs() < 1000.0 * f32::MIN_POSITIVE {
        return Vec::new();
    }
    let factor = 1.0 / sum;
    taps.iter_mut().for_each(|(_, weight)| *weight *= factor);
    taps
}

/// How TensorFlow's resizers go from output to input lines.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    pub scale: f32,
    /// Pixels have their centres at a half.
    pub half_pixel: bool,
}

impl Ratio {
    pub fn new([input, output]: [usize; 2], align_corners: bool, half_pixel: bool) -> Self {
        let scale = match align_corners && output > 1 {
            true => input.saturating_sub(1) as f32 / (output - 1) as f32,
            false => input as f32 / output as f32,
        };
        Ratio { scale, half_pixel }
    }
}

/// Four lines each, by a table of 1024 steps; Keys' function with a = -3/4, or -1/2 with pixels' centres at a half.
pub fn cubic_taps([input, output]: [usize; 2], ratio: Ratio) -> Taps {
    const STEPS: i64 = 1024;
    let a = if ratio.half_pixel { -0.5f64 } else { -0.75 };
    // The table's entries are computed in f64 and rounded once.
    let near = |step: i64| {
        let x = step as f64 / STEPS as f64;
        (((a + 2.0) * x - (a + 3.0)) * x * x + 1.0) as f32
    };
    let far = |step: i64| {
        let x = step as f64 / STEPS as f64 + 1.0;
        (((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a) as f32
    };
    let line = |at: usize| {
        let place = match ratio.half_pixel {
            true => (at as f32 + 0.5) * ratio.scale - 0.5,
            false => at as f32 * ratio.scale,
        };
        let start = place.floor();
        let step = i64::from(((place - start) * STEPS as f32).round_ties_even() as i32);
        let weights = [far(step), near(step), near(STEPS - step), far(STEPS - step)];
        let limit = input.saturating_sub(1) as i64;
        let taps = (-1i64..).zip(weights).map(|(offset, weight)| {
            let wanted = start as i64 + offset;
            let source = wanted.clamp(0, limit);
            // Lines outside count for nothing where centres are at a half, else as the edge.
            let weight = if ratio.half_pixel && source != wanted {
                0.0
            } else {
                weight
            };
            (source as usize, weight)
        });
        match ratio.half_pixel {
            true => normalized(taps.collect()),
            false => taps.collect(),
        }
    };
    (0..output).map(line).collect()
}

/// The lines that an output line covers, by how much of them it covers.
pub fn area_taps([input, output]: [usize; 2], scale: f32) -> Taps {
    let line = |at: usize| {
        let (from, to) = (at as f32 * scale, (at + 1) as f32 * scale);
        let limit = input.saturating_sub(1);
        let (first, end) = (from.floor() as usize, to.ceil() as usize);
        let covered = |line: usize| {
            let (low, high) = ((line as f32).max(from), ((line + 1) as f32).min(to));
            (line.min(limit), (high - low) * (1.0 / scale))
        };
        (first..end).map(covered).collect()
    };
    (0..output).map(line).collect()
}

/// The line above and the line below, by nearness.
pub fn linear_taps([input, output]: [usize; 2], ratio: Ratio) -> Taps {
    let last = input.saturating_sub(1) as f32;
    let line = |at: usize| {
        let place = match ratio.half_pixel {
            true => (at as f32 + 0.5) * ratio.scale - 0.5,
            false => at as f32 * ratio.scale,
        };
        let share = place - place.floor();
        let (above, below) = (place.floor().max(0.0), place.ceil().min(last));
        vec![(above as usize, 1.0 - share), (below as usize, share)]
    };
    (0..output).map(line).collect()
}

/// The one line that is nearest.
pub fn nearest_taps([input, output]: [usize; 2], ratio: Ratio, align_corners: bool) -> Taps {
    let last = input.saturating_sub(1) as f32;
    let line = |at: usize| {
        let place = match ratio.half_pixel {
            true => (at as f32 + 0.5) * ratio.scale,
            false => at as f32 * ratio.scale,
        };
        let place = if align_corners {
            place.round()
        } else {
            place.floor()
        };
        vec![(place.clamp(0.0, last) as usize, 1.0)]
    };
    (0..output).map(line).collect()
}

/// What [`resample`] does, turned round: every element of `gradients`, `[batch, rows, columns, channels]`, is shared
/// out to the pixels that it was made of.
pub fn spread(
    gradients: &[f32],
    [batch, height, width, channels]: Sizes,
    [rows, columns]: [&Taps; 2],
    out: &mut [f32],
) {
    let mut elements = gradients.chunks_exact(channels.max(1));
    for n in 0..batch {
        for row in rows {
            for column in columns {
                let Some(element) = elements.next() else {
                    return;
                };
                for &(y, by_y) in row {
                    for &(x, by_x) in column {
                        let at = ((n * height + y) * width + x) * channels;
                        let to = out[at..][..channels].iter_mut();
                        to.zip(element).for_each(|(sum, v)| *sum += v * by_y * by_x);
                    }
                }
            }
        }
    }
}

/// Weighted sums of lines, then of columns.
pub fn resample(
    image: &[f32],
    [batch, height, width, channels]: Sizes,
    [rows, columns]: [&Taps; 2],
    out: &mut [f32],
) {
    let row = width * channels;
    let mut line = vec![0.0f32; row];
    let mut lines = out.chunks_exact_mut((columns.len() * channels).max(1));
    for n in 0..batch {
        let image = &image[n * height * row..][..height * row];
        for taps in rows {
            line.fill(0.0);
            for &(source, weight) in taps {
                let from = &image[source * row..][..row];
                line.iter_mut()
                    .zip(from)
                    .for_each(|(sum, v)| *sum += v * weight);
            }
            let Some(out) = lines.next() else { return };
            for (out, taps) in out.chunks_exact_mut(channels.max(1)).zip(columns) {
                out.fill(0.0);
                for &(source, weight) in taps {
                    let from = &line[source * channels..][..channels];
                    out.iter_mut()
                        .zip(from)
                        .for_each(|(sum, v)| *sum += v * weight);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_weigh_as_their_formulas_say() {
        assert_eq!(Window::Lanczos(3.0).weight(0.0), 1.0);
        assert!(Window::Lanczos(3.0).weight(1.0).abs() < 1e-6);
        assert_eq!(Window::KeysCubic.weight(1.0), 0.0);
        assert!((Window::MitchellCubic.weight(0.0) - 8.0 / 9.0).abs() < 1e-6);
        assert_eq!(Window::Box.weight(0.5), 0.5);
        assert_eq!(Window::named("sinc"), None);
    }

    #[test]
    fn weights_sum_to_one_and_lie_inside() {
        for (input, output) in [(7, 3), (3, 7), (5, 5), (1, 4), (9, 1)] {
            let ratio = Ratio::new([input, output], false, true);
            let all = [
                spans(
                    Window::Lanczos(3.0),
                    [input, output],
                    [output as f32 / input as f32, 0.0],
                    true,
                ),
                cubic_taps([input, output], ratio),
                area_taps([input, output], ratio.scale),
            ];
            for taps in all.iter().flatten() {
                let sum: f32 = taps.iter().map(|(_, weight)| weight).sum();
                assert!((sum - 1.0).abs() < 1e-5, "{taps:?}");
                assert!(taps.iter().all(|&(source, _)| source < input));
            }
        }
    }
}
