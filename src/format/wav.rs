//! `.wav` files of 16-bit samples.

use crate::error::{Error, Result};

/// Samples from -1 to 1, the channels of a moment side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    pub channels: usize,
    /// Moments a second.
    pub rate: u32,
    pub samples: Vec<f32>,
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
                let (kind, channels, bits) = (field(0)?, field(2)?, field(14)?);
                // 0xfffe: the kind stands behind, which for 16 bits makes no difference.
                if !matches!(kind, 1 | 0xfffe) || bits != 16 || channels == 0 {
                    return Err(Error::unsupported(format!(
                        ".wav files of kind {kind} with {channels} channels of {bits} bits, expected 16-bit PCM"
                    )));
                }
                format = Some((usize::from(channels), long(body, 4).ok_or_else(cut)?));
            }
            (b"data", Some((channels, rate))) => {
                let data = body.get(..size).ok_or_else(cut)?;
                let samples = data.chunks_exact(2);
                let samples =
                    samples.map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32768.0);
                return Ok(Sound {
                    channels,
                    rate,
                    samples: samples.collect(),
                });
            }
            _ => {}
        }
        rest = body.get(size.next_multiple_of(2)..).unwrap_or_default();
    }
    Err(cut())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            samples,
        } = sound;
        assert_eq!((channels, rate, samples), (2, 8000, vec![0.5, -0.5]));
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
