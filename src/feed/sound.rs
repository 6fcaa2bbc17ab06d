//! `.wav` files as inputs: mixed to the input's channels, brought to its rate and length.

use super::{files, fit};
use crate::error::{Error, Result};
use crate::format::wav::{self, Sound};
use crate::model::{DType, Port, Quantization, Tensor};

/// What a person may write behind the colon of `clip.wav:…`.
const WISHES: &str = "give rate=N (samples a second that the model takes) and from=SECONDS (where to begin), with a comma between";

/// Samples a second that any recorder makes.
const RATES: std::ops::RangeInclusive<u32> = 1..=1_000_000;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Wish {
    rate: Option<u32>,
    /// Seconds.
    from: f64,
}

impl Wish {
    fn read(words: &str) -> Result<Wish> {
        let mut wish = Wish {
            rate: None,
            from: 0.0,
        };
        for word in words.split(',').map(str::trim).filter(|w| !w.is_empty()) {
            let unknown = || Error::usage(format!("{word:?} behind a sound")).hint(WISHES);
            match word.split_once('=') {
                Some(("rate", rate)) => {
                    let rate = rate.trim().parse().ok().filter(|r| RATES.contains(r));
                    wish.rate = Some(rate.ok_or_else(unknown)?);
                }
                Some(("from", from)) => {
                    let from: Option<f64> = from.trim().trim_end_matches('s').parse().ok();
                    wish.from = from
                        .filter(|s| *s >= 0.0 && s.is_finite())
                        .ok_or_else(unknown)?;
                }
                _ => return Err(unknown()),
            }
        }
        Ok(wish)
    }
}

/// The sizes that an input has for a sound.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    /// `None` takes any number.
    moments: Option<usize>,
    channels: usize,
    /// With the moments left open.
    shape: Vec<i64>,
    /// Channels stand before moments.
    channels_first: bool,
}

impl Frame {
    /// Reads T, N×T, T×C, N×T×C and N×C×T with 1 or 2 channels and a batch of 1.
    fn of(port: &Port) -> Option<Frame> {
        let dims = match port.shape.dims() {
            None => vec![-1],
            Some(dims) => dims.to_vec(),
        };
        let one = |n: i64| n == 1 || n < 0;
        let is_channels = |c: i64| c == 1 || c == 2;
        let (time, channels) = match *dims {
            [_] => (0, None),
            [_, c] if is_channels(c) => (0, Some(1)),
            [n, _] if one(n) => (1, None),
            [n, _, c] if one(n) && is_channels(c) => (1, Some(2)),
            [n, c, _] if one(n) && is_channels(c) => (2, Some(1)),
            _ => return None,
        };
        let moments = usize::try_from(dims[time]).ok();
        let channels_first = channels.is_some_and(|axis| axis < time);
        let count = channels.map_or(1, |axis| dims[axis] as usize);
        let mut shape: Vec<i64> = dims.iter().map(|&d| d.max(1)).collect();
        shape[time] = -1;
        // A handful of numbers is no sound.
        (moments.is_none_or(|n| n >= 16)).then_some(Frame {
            moments,
            channels: count,
            shape,
            channels_first,
        })
    }
}

/// Whether a sound can be given for `port`.
pub(super) fn takes_sounds(port: &Port) -> bool {
    let of_numbers = !matches!(port.dtype, DType::String | DType::Bool);
    of_numbers && Frame::of(port).is_some()
}

/// The sound in `bytes` as a tensor for `port`, and what was done with it. Longer sounds are cut, shorter ones end in
/// silence.
///
/// # Errors
/// What is no `.wav` file or damaged, wishes that are none, and an input that takes no sound.
pub(super) fn read(bytes: &[u8], wishes: &str, port: &Port) -> Result<(Tensor, String)> {
    let wish = Wish::read(wishes)?;
    let frame = Frame::of(port).ok_or_else(|| misfit(port))?;
    let sound = wav::decode(bytes)?;
    if !RATES.contains(&sound.rate) {
        return Err(Error::unreadable(format!(
            "{} samples a second",
            sound.rate
        )));
    }
    let all = sound.samples.len() / sound.channels;
    let seconds = all as f64 / f64::from(sound.rate);
    let rate = wish.rate.or(port.content.sample_rate).unwrap_or(sound.rate);
    let begin = (wish.from * f64::from(sound.rate)) as usize;
    if begin >= all {
        return Err(Error::usage(format!(
            "it lasts {seconds:.2} s, so nothing is left from {} s on",
            wish.from
        )));
    }
    let left = (all - begin) as u64 * u64::from(rate) / u64::from(sound.rate);
    let moments = frame.moments.unwrap_or(left.max(1) as usize);
    let mut values = files::room(&[moments, frame.channels])?;
    for channel in 0..frame.channels {
        let from = &mixed(&sound, channel, frame.channels)[begin..];
        let (start, step) = match frame.channels_first {
            true => (channel * moments, 1),
            false => (channel, frame.channels),
        };
        let slots = values[start..].iter_mut().step_by(step).take(moments);
        resample(from, [sound.rate, rate], slots);
    }
    let full = full_scale(port);
    if full != 1.0 {
        values
            .iter_mut()
            .for_each(|v| *v = (*v * full).round().clamp(-full, full - 1.0));
    }
    let shape: Vec<usize> = (frame.shape.iter())
        .map(|&d| usize::try_from(d).unwrap_or(moments))
        .collect();
    let tensor = fit::fit(Tensor::from_values(&shape, &values), port)?;
    Ok((tensor, said(&sound, seconds, rate, (moments, left), port)))
}

fn misfit(port: &Port) -> Error {
    Error::usage(format!(
        "it is a sound, but the input takes {} {}",
        port.dtype, port.shape
    ))
    .hint("a sound fits T, N×T or N×T×C (moments, 1 or 2 channels); spectra of it can come from a .npy")
}

/// What a sample of 1 is stored as: integers without a scale hold the bits of PCM, 16 at most.
fn full_scale(port: &Port) -> f32 {
    let single = port.quantization.as_ref().and_then(Quantization::single);
    match port.dtype {
        dtype if dtype.is_float() || single.is_some_and(|(scale, _)| scale > 0.0) => 1.0,
        DType::Int8 => 128.0,
        _ => 32_768.0,
    }
}

/// Channel `channel` of `channels`: their mean for one alone, the file's own where it has so many, else the last.
fn mixed(sound: &Sound, channel: usize, channels: usize) -> Vec<f32> {
    let moments = sound.samples.chunks_exact(sound.channels);
    match channels {
        1 => moments
            .map(|m| m.iter().sum::<f32>() / m.len() as f32)
            .collect(),
        _ => moments.map(|m| m[channel.min(m.len() - 1)]).collect(),
    }
}

/// Writes `samples` at another rate: a sum of neighbours weighted by a sinc function under a wider one (Lanczos), below
/// the lower of both rates. What lies outside is silence.
fn resample<'v>(samples: &[f32], [from, to]: [u32; 2], slots: impl Iterator<Item = &'v mut f32>) {
    /// Zeros of the sinc function on each side.
    const LOBES: f64 = 8.0;
    if from == to {
        slots.zip(samples).for_each(|(slot, v)| *slot = *v);
        return;
    }
    let step = f64::from(from) / f64::from(to);
    let stretch = step.max(1.0);
    let sinc = |x: f64| match x.abs() < 1e-9 {
        true => 1.0,
        false => (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x),
    };
    for (at, slot) in slots.enumerate() {
        let centre = at as f64 * step;
        let (low, high) = (centre - LOBES * stretch, centre + LOBES * stretch);
        if low > samples.len() as f64 {
            break;
        }
        let (mut sum, mut weights) = (0.0, 0.0);
        for place in low.ceil() as i64..=high.floor() as i64 {
            let x = (place as f64 - centre) / stretch;
            let weight = sinc(x) * sinc(x / LOBES);
            let sample = usize::try_from(place).ok().and_then(|p| samples.get(p));
            sum += weight * f64::from(sample.copied().unwrap_or(0.0));
            weights += weight;
        }
        *slot = (sum / weights) as f32;
    }
}

/// `2.50 s of 44100 Hz stereo at 16000 Hz, the first 0.97 s of it`.
fn said(
    sound: &Sound,
    seconds: f64,
    rate: u32,
    (moments, left): (usize, u64),
    port: &Port,
) -> String {
    let channels = match sound.channels {
        1 => "mono".to_owned(),
        2 => "stereo".to_owned(),
        n => format!("{n} channels"),
    };
    let mut words = format!("{seconds:.2} s of {} Hz {channels}", sound.rate);
    if rate != sound.rate {
        words += &format!(" at {rate} Hz");
    } else if port.content.sample_rate.is_none() {
        words += " (the model does not say its rate)";
    }
    let of = |moments: f64| moments / f64::from(rate);
    match left.cmp(&(moments as u64)) {
        std::cmp::Ordering::Greater => words += &format!(", {:.2} s of it", of(moments as f64)),
        std::cmp::Ordering::Less => {
            let silence = of(moments as f64 - left as f64);
            words += &format!(", then {silence:.2} s of silence");
        }
        std::cmp::Ordering::Equal => {}
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::spec::tests::port;
    use super::*;

    /// 16-bit PCM.
    fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0".to_vec();
        bytes.extend(channels.to_le_bytes());
        bytes.extend([rate, rate * 2].map(u32::to_le_bytes).concat());
        bytes.extend([2u16, 16].map(u16::to_le_bytes).concat());
        bytes.extend(b"data");
        bytes.extend((samples.len() as u32 * 2).to_le_bytes());
        bytes.extend(samples.iter().flat_map(|v| v.to_le_bytes()));
        bytes
    }

    fn tone(rate: u32, hertz: f64, moments: usize) -> Vec<i16> {
        let at = |i: usize| (hertz * std::f64::consts::TAU * i as f64 / f64::from(rate)).sin();
        (0..moments).map(|i| (at(i) * 16_000.0) as i16).collect()
    }

    #[test]
    fn a_tone_stays_itself_at_another_rate() {
        let file = wav(44_100, 1, &tone(44_100, 440.0, 44_100));
        let mut port = port(DType::Float32, &[1, 16_000]);
        port.content.sample_rate = Some(16_000);
        let (tensor, said) = read(&file, "", &port).unwrap();
        assert_eq!(said, "1.00 s of 44100 Hz mono at 16000 Hz");
        let wanted = tone(16_000, 440.0, 16_000);
        for at in 100..15_900 {
            let (is, wanted) = (tensor.number(at).unwrap(), f64::from(wanted[at]) / 32_768.0);
            assert!((is - wanted).abs() < 2e-3, "{at}: {is} {wanted}");
        }
        // What the lower rate can't hold is gone.
        let high = wav(44_100, 1, &tone(44_100, 12_000.0, 44_100));
        let (tensor, _) = read(&high, "", &port).unwrap();
        assert!((100..15_900).all(|at| tensor.number(at).unwrap().abs() < 1e-2));
    }

    #[test]
    fn length_and_channels_are_the_inputs() {
        let file = wav(8000, 2, &[100, 300, -200, -400, 8, 8]);
        let of =
            |wishes: &str, dtype, dims: &[i64]| read(&file, wishes, &port(dtype, dims)).unwrap();
        let (mono, said) = of("", DType::Int16, &[-1]);
        assert_eq!(mono.numbers(), [200.0, -300.0, 8.0]);
        assert_eq!(
            said,
            "0.00 s of 8000 Hz stereo (the model does not say its rate)"
        );
        let (both, _) = of("", DType::Int16, &[1, -1, 2]);
        assert_eq!(
            (both.shape(), both.number(3)),
            (&[1, 3, 2][..], Some(-400.0))
        );
        let (first, _) = of("", DType::Int16, &[1, 2, -1]);
        assert_eq!(first.numbers(), [100.0, -200.0, 8.0, 300.0, -400.0, 8.0]);
        let (long, said) = of("from=0.00013", DType::Float32, &[1, 20]);
        assert_eq!(
            long.numbers()[..3],
            [-300.0 / 32_768.0, 8.0 / 32_768.0, 0.0]
        );
        assert!(said.ends_with("then 0.00 s of silence"), "{said}");
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let file = wav(8000, 1, &[0; 8]);
        let said = |wishes: &str, dims: &[i64]| {
            read(&file, wishes, &port(DType::Float32, dims))
                .unwrap_err()
                .fault()
        };
        insta::assert_snapshot!(said("", &[1, 49, 40, 1]), @"it is a sound, but the input takes float32 1×49×40×1");
        insta::assert_snapshot!(said("from=1", &[-1]), @"it lasts 0.00 s, so nothing is left from 1 s on");
        insta::assert_snapshot!(said("rate=0", &[-1]), @r#""rate=0" behind a sound"#);
    }
}
