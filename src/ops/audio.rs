//! Sound: `.wav` files, spectrograms and cepstra, in `f64` and rounded once.

use super::reals::{doubles, of_doubles};
use super::segment::view;
use super::{Context, Fact, Operator, Prepared};
use crate::error::{Error, Result};
use crate::format::wav::{self, Coding};
use crate::kernels::fourier::Fourier;
use crate::kernels::mel::{Mel, cepstrum};
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["DecodeWav"], &[], infer_wav, prepare_wav),
    Operator::new(
        &["EncodeWav"],
        &[],
        |cx| cx.one(DType::String, Shape::scalar()),
        prepare_written,
    ),
    Operator::new(
        &["AudioSpectrogram"],
        &["AudioSpectrogram"],
        infer_spectrogram,
        prepare_spectrogram,
    ),
    Operator::new(&["Mfcc"], &["Mfcc"], infer_cepstra, prepare_cepstra),
];

fn infer_wav(cx: &Context) -> Result<Vec<Fact>> {
    let sizes = ["desired_samples", "desired_channels"].map(|name| cx.attr_int(name, -1).max(-1));
    Ok(vec![
        Fact::new(DType::Float32, Shape(Some(sizes.to_vec()))),
        Fact::fixed(DType::Int32, &[]),
    ])
}

fn prepare_wav(cx: &Context) -> Result<Prepared> {
    let told = |name: &str| usize::try_from(cx.attr_int(name, -1)).ok();
    let (samples, channels) = (told("desired_samples"), told("desired_channels"));
    Prepared::compute(move |inputs| {
        let file = view(inputs, 0)?;
        let [bytes] = file.strings()? else {
            return Err(Error::usage("it reads one file"));
        };
        let sound = wav::decode(bytes)?;
        if sound.coding != Coding::Pcm(16) {
            return Err(Error::usage(
                "a .wav file whose samples are not PCM of 16 bits, which is all that DecodeWav reads",
            ));
        }
        let own = sound.samples.len() / sound.channels;
        let (samples, channels) = (samples.unwrap_or(own), channels.unwrap_or(sound.channels));
        let mut out = Tensor::zeros(DType::Float32, &[samples, channels])?;
        let values = out.values_mut::<f32>().unwrap_or_default();
        let from = sound.samples.chunks_exact(sound.channels);
        for (to, from) in values.chunks_exact_mut(channels.max(1)).zip(from) {
            for (channel, to) in to.iter_mut().enumerate() {
                *to = from[channel.min(sound.channels - 1)];
            }
        }
        let rate = Tensor::from_values(&[], &[sound.rate as i32]);
        Ok(vec![out, rate])
    })
}

fn prepare_written(_: &Context) -> Result<Prepared> {
    Prepared::compute(|inputs| {
        let sound = view(inputs, 0)?;
        let &[_, channels] = sound.shape else {
            return Err(Error::usage(format!("sound of {:?}", sound.shape)));
        };
        let rate = view(inputs, 1)?.values::<i32>()?.first().copied();
        let rate = rate.and_then(|rate| u32::try_from(rate).ok()).unwrap_or(0);
        let file = wav::encode(channels, rate, sound.values::<f32>()?)?;
        Ok(vec![Tensor::from_strings(&[], vec![file])])
    })
}

/// Window length and step of a spectrogram.
fn frames(cx: &Context) -> Result<[usize; 2]> {
    let size = |name: &str| match cx.attr_int(name, 0) {
        size @ 1..=0xff_ffff => Ok(size as usize),
        other => Err(cx.wrong(format!("{name} is {other}"))),
    };
    Ok([size("window_size")?, size("stride")?])
}

/// How many windows of `window` samples fit, one every `stride`.
fn count(samples: usize, [window, stride]: [usize; 2]) -> usize {
    samples
        .checked_sub(window)
        .map_or(0, |rest| 1 + rest / stride)
}

fn infer_spectrogram(cx: &Context) -> Result<Vec<Fact>> {
    let lengths = frames(cx)?;
    let bins = lengths[0].next_power_of_two() / 2 + 1;
    let dims = cx.shape(0)?.dims().map(|dims| match *dims {
        [samples, channels] => {
            let steps = usize::try_from(samples).map_or(-1, |n| count(n, lengths) as i64);
            vec![channels, steps, bins as i64]
        }
        _ => vec![-1; 3],
    });
    cx.one(DType::Float32, Shape(dims))
}

/// Magnitudes of Hann windows, filled up with zeros to a power of two.
fn prepare_spectrogram(cx: &Context) -> Result<Prepared> {
    let [window, stride] = frames(cx)?;
    let squared = cx.attr_bool("magnitude_squared");
    Prepared::compute(move |inputs| {
        let sound = view(inputs, 0)?;
        let &[samples, channels] = sound.shape else {
            return Err(Error::usage(format!("sound of {:?}", sound.shape)));
        };
        let values = doubles(&sound)?;
        let (steps, length) = (count(samples, [window, stride]), window.next_power_of_two());
        let bins = length / 2 + 1;
        if steps == 0 {
            return Ok(vec![Tensor::zeros(DType::Float32, &[channels, 0, bins])?]);
        }
        let fourier = Fourier::new(length);
        let shape: Vec<f64> = (0..window)
            .map(|at| 0.5 - 0.5 * (std::f64::consts::TAU * at as f64 / window as f64).cos())
            .collect();
        let mut out = Vec::new();
        for channel in 0..channels {
            for step in 0..steps {
                let frame = (0..window)
                    .map(|at| values[(step * stride + at) * channels + channel] * shape[at]);
                let mut line: Vec<[f64; 2]> = frame.map(|v| [v, 0.0]).collect();
                line.resize(length, [0.0; 2]);
                fourier.run(&mut line, false);
                out.extend(line[..bins].iter().map(|[re, im]| {
                    let power = re * re + im * im;
                    if squared { power } else { power.sqrt() }
                }));
            }
        }
        Ok(vec![of_doubles(
            DType::Float32,
            &[channels, steps, bins],
            &out,
        )?])
    })
}

fn coefficients(cx: &Context) -> Result<usize> {
    match cx.attr_int("dct_coefficient_count", 13) {
        count @ 1..=0xffff => Ok(count as usize),
        other => Err(cx.wrong(format!("{other} coefficients"))),
    }
}

fn infer_cepstra(cx: &Context) -> Result<Vec<Fact>> {
    let count = coefficients(cx)? as i64;
    let dims = cx.shape(0)?.dims().map(|dims| match *dims {
        [channels, steps, _] => vec![channels, steps, count],
        _ => vec![-1, -1, count],
    });
    cx.one(DType::Float32, Shape(dims))
}

fn prepare_cepstra(cx: &Context) -> Result<Prepared> {
    let count = coefficients(cx)?;
    let bands = match cx.attr_int("filterbank_channel_count", 40) {
        bands @ 1..=0xffff => bands as usize,
        other => return Err(cx.wrong(format!("{other} bands"))),
    };
    let limits = [
        cx.attr_float("lower_frequency_limit", 20.0),
        cx.attr_float("upper_frequency_limit", 4000.0),
    ];
    Prepared::compute(move |inputs| {
        let spectra = view(inputs, 0)?;
        let &[channels, steps, bins] = spectra.shape else {
            return Err(Error::usage(format!("spectra of {:?}", spectra.shape)));
        };
        let rate = doubles(&view(inputs, 1)?)?.first().copied().unwrap_or(0.0);
        let mel = Mel::new(bins, rate, bands, limits).ok_or_else(|| {
            Error::usage(format!(
                "{bins} bins at {rate} Hz don't reach from {} to {} Hz",
                limits[0], limits[1]
            ))
        })?;
        let values = doubles(&spectra)?;
        let lines = values.chunks_exact(bins.max(1));
        let out: Vec<f64> = lines
            .flat_map(|line| cepstrum(&mel.energies(line), count))
            .collect();
        Ok(vec![of_doubles(
            DType::Float32,
            &[channels, steps, count],
            &out,
        )?])
    })
}
