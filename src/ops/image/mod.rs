//! Operators on pictures: decoded, resized, cropped, turned, coloured. One file per kind.

mod decode;

pub(super) use decode::OPERATORS as DECODE;
