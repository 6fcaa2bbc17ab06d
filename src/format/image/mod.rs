//! Images: JPEG, PNG, GIF, BMP and WebP files to samples, as TensorFlow's decoders give them.

mod bmp;
mod gif;
pub mod jpeg;
mod png;
mod webp;

pub use bmp::decode as decode_bmp;
pub use gif::decode as decode_gif;
pub use png::{decode as decode_png, encode as encode_png};
pub use webp::decode as decode_webp;

/// Samples row by row, the channels of a pixel side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub width: usize,
    pub height: usize,
    /// 1 grey, 2 grey and opacity, 3 RGB, 4 RGB and opacity.
    pub channels: usize,
    pub samples: Samples,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Samples {
    Bytes(Vec<u8>),
    /// Of 16 bits.
    Words(Vec<u16>),
}

/// The kind of an image file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Jpeg,
    Png,
    Gif,
    Bmp,
    Webp,
}

impl Kind {
    /// By its first bytes.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Kind::Jpeg),
            [0x89, b'P', b'N', b'G', ..] => Some(Kind::Png),
            [b'G', b'I', b'F', b'8', ..] => Some(Kind::Gif),
            [b'B', b'M', ..] => Some(Kind::Bmp),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Kind::Webp),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
