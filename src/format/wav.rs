//! `.wav` files of PCM or float samples.

use crate::error::{Error, Result};

/// Samples, the channels of a moment side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    pub channels: usize,
    /// Moments a second.
    pub rate: u32,
    pub coding: Coding,
    /// Integers from -1 to 1; floats as they are in the file.
    pub samples: Vec<f32>,
}

/// How a file holds a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Integers of so many bits: 8, 16, 24 or 32.
    Pcm(u16),
    /// Floats of so many bits: 32 or 64.
    Float(u16),
}

impl Coding {
    fn bytes(self) -> usize {
        let (Coding::Pcm(bits) | Coding::Float(bits)) = self;
        usize::from(bits / 8)
    }

    /// A sample of [`Coding::bytes`]; integers of 8 bits are stored from 0, the others with a sign.
    fn sample(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Coding::Pcm(8), &[a]) => (f32::from(a) - 128.0) / 128.0,
            (Coding::Pcm(16), &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            (Coding::Pcm(24), &[a, b, c]) => {
                (i32::from_le_bytes([0, a, b, c]) >> 8) as f32 / 8_388_608.0
            }
            (Coding::Pcm(32), &[a, b, c, d]) => {
                i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0
            }
            (Coding::Float(32), &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (Coding::Float(64), &[a, b, c, d, e, f, g, h]) => {
                f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32
            }
            _ => 0.0,
        }
    }
}

/// # Errors
/// What is no such file, or cut off.
pub fn decode(bytes: &[u8]) -> Result<Sound> {
    let cut = || Error::usage("a .wav file that is cut off, or none");
    let short = |bytes: &[u8], at: usize| {
        let pair = bytes.get(at..at + 2)?;
        Some(u16::from_le_bytes([pair[0], pair[1]]))
    };
    let long = |bytes: &[u8], at: usize| {
        let four = bytes.get(at..at + 4)?;
        Some(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
    };
    if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err(cut());
    }
    let (mut rest, mut format) = (&bytes[12..], None);
    while rest.len() >= 8 {
        let size = long(rest, 4).ok_or_else(cut)? as usize;
        let (kind, body) = (&rest[..4], &rest[8..]);
        match (kind, format) {
            (b"fmt ", _) => {
                let field = |at: usize| short(body, at).ok_or_else(cut);
                let (told, channels, bits) = (field(0)?, field(2)?, field(14)?);
                // In the extensible form the kind stands behind, as the first field of a GUID.
                let kind = match told {
                    0xfffe => field(24).unwrap_or(1),
                    kind => kind,
                };
                let coding = match (kind, bits) {
                    (1, 8 | 16 | 24 | 32) => Some(Coding::Pcm(bits)),
                    (3, 32 | 64) => Some(Coding::Float(bits)),
                    _ => None,
                };
                let coding = coding.filter(|_| channels > 0).ok_or_else(|| {
                    Error::unsupported(format!(
                        ".wav files of kind {kind} with {channels} channels of {bits} bits, expected PCM of 8, 16, 24 or 32 bits, or floats"
                    ))
                })?;
                format = Some((
                    usize::from(channels),
                    long(body, 4).ok_or_else(cut)?,
                    coding,
                ));
            }
            (b"data", Some((channels, rate, coding))) => {
                let data = body.get(..size).ok_or_else(cut)?;
                let samples = data.chunks_exact(coding.bytes());
                return Ok(Sound {
                    channels,
                    rate,
                    coding,
                    samples: samples.map(|bytes| coding.sample(bytes)).collect(),
                });
            }
            _ => {}
        }
        rest = body.get(size.next_multiple_of(2)..).unwrap_or_default();
    }
    Err(cut())
}

/// A file of PCM samples of 16 bits: those from -1 to 1 in 32768 steps, others at the ends, NaN as 0.
///
/// # Errors
/// No channels, or more of anything than the fields of such a file hold.
pub fn encode(channels: usize, rate: u32, samples: &[f32]) -> Result<Vec<u8>> {
    let unfit = || {
        Error::usage(format!(
            "{} samples in {channels} channels at {rate} Hz don't fit a .wav file",
            samples.len()
        ))
    };
    const HEADER: u32 = 36;
    let wide = u16::try_from(channels).ok().filter(|&n| n > 0 && rate > 0);
    let wide = wide.ok_or_else(unfit)?;
    let block = wide.checked_mul(2).ok_or_else(unfit)?;
    let size = samples
        .len()
        .checked_mul(2)
        .and_then(|n| u32::try_from(n).ok());
    let whole = size.and_then(|size| size.checked_add(HEADER));
    let second = rate.checked_mul(block.into());
    let (Some(size), Some(whole), Some(second)) = (size, whole, second) else {
        return Err(unfit());
    };
    let mut bytes = b"RIFF".to_vec();
    bytes.extend(whole.to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0");
    bytes.extend([1, wide].map(u16::to_le_bytes).concat());
    bytes.extend([rate, second].map(u32::to_le_bytes).concat());
    bytes.extend([block, 16].map(u16::to_le_bytes).concat());
    bytes.extend(b"data");
    bytes.extend(size.to_le_bytes());
    let code = |&sample: &f32| ((sample * 32768.0).round() as i16).to_le_bytes();
    bytes.extend(samples.iter().flat_map(code));
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A file whose `fmt ` chunk says so, with this data.
    fn file_of(kind: u16, channels: u16, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        bytes.extend([kind, channels].map(u16::to_le_bytes).concat());
        bytes.extend([8000, 32_000].map(u32::to_le_bytes).concat());
        bytes.extend([4, bits].map(u16::to_le_bytes).concat());
        bytes.extend(b"data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let samples = [0.0, 1.0, -1.0, 0.5, 2.0, -2.0];
        let sound = decode(&encode(2, 16_000, &samples).unwrap()).unwrap();
        let most = 32767.0 / 32768.0;
        assert_eq!(sound.samples, [0.0, most, -1.0, 0.5, most, -1.0]);
        assert_eq!(
            (sound.channels, sound.rate, sound.coding),
            (2, 16_000, Coding::Pcm(16))
        );
        for (channels, rate) in [
            (0, 8000),
            (1, 0),
            (70_000, 8000),
            (40_000, 8000),
            (2, u32::MAX),
        ] {
            assert!(encode(channels, rate, &samples).is_err());
        }
    }

    #[test]
    fn every_coding() {
        let of = |kind, bits, data: &[u8]| decode(&file_of(kind, 1, bits, data)).unwrap();
        assert_eq!(of(1, 8, &[0, 128, 192]).samples, [-1.0, 0.0, 0.5]);
        assert_eq!(of(1, 24, &[0, 0, 0x40, 0, 0, 0xc0]).samples, [0.5, -0.5]);
        assert_eq!(of(1, 32, &[0, 0, 0, 0x80]).samples, [-1.0]);
        assert_eq!(of(3, 32, &1.5f32.to_le_bytes()).samples, [1.5]);
        let sound = of(3, 64, &(-0.25f64).to_le_bytes());
        assert_eq!(
            (sound.coding, &sound.samples[..]),
            (Coding::Float(64), &[-0.25][..])
        );
        let error = decode(&file_of(7, 1, 8, &[0])).unwrap_err();
        assert!(error.to_string().contains("kind 7"), "{error}");
    }

    fn file() -> Vec<u8> {
        let mut bytes = b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0".to_vec();
        bytes.extend(8000u32.to_le_bytes());
        bytes.extend([0, 0x7d, 0, 0, 4, 0, 16, 0]);
        bytes.extend(b"data\x04\0\0\0\0\x40\0\xc0");
        bytes
    }

    #[test]
    fn samples_of_both_channels() {
        let sound = decode(&file()).unwrap();
        let Sound {
            channels,
            rate,
            coding,
            samples,
        } = sound;
        assert_eq!((channels, rate, coding), (2, 8000, Coding::Pcm(16)));
        assert_eq!(samples, [0.5, -0.5]);
    }

    proptest! {
        #[test]
        fn damaged_files_give_errors_or_sound(
            at in 0usize..48, value in any::<u8>(), keep in 0usize..=48,
        ) {
            let mut bytes = file();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            bytes.truncate(keep);
            let _ = decode(&bytes);
        }
    }
}
