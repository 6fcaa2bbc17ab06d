//! What a person gives for an input or beside one, each reader by itself; see
//! [`format::parsers`](crate::format::parsers).

use bytes::Bytes;

use super::files::{self, Kind};
use super::fit::{dequantized, fit, slice};
use super::{labels, literal, spec};
use crate::error::{Error, Result};
use crate::format::npy;
use crate::format::parsers::Parser;
use crate::model::{DType, Port, Quantization, Shape};

pub const PARSERS: &[Parser] = &[
    Parser::new("literal", typed),
    Parser::new("labels", |bytes| labels::labels_in(&bytes).map(drop)),
    Parser::new("samples", sample),
    Parser::new("input_file", input_file),
];

/// Inputs of every kind of type: floats, integers of each width, quantized ones, texts.
fn ports() -> impl Iterator<Item = Port> {
    use DType::*;
    let types = [
        Float32, BFloat16, Int8, Int64, UInt64, Bool, Complex64, String,
    ];
    types.into_iter().map(|dtype| {
        let mut port = Port::new("x", dtype, Shape(Some(vec![-1, 4])));
        let quantized = dtype == Int8;
        port.quantization = quantized.then(|| Quantization::per_tensor(0.5, -3));
        port
    })
}

/// A literal for each kind of input. Words that would name a file are none.
fn typed(bytes: Bytes) -> Result<()> {
    let text = std::str::from_utf8(&bytes).map_err(|e| Error::usage(e.to_string()))?;
    literal::parse(text)?;
    for port in ports() {
        let _ = spec::from_literal(text, &port);
    }
    Ok(())
}

/// A file for each kind of input that it may be for, behind a line of what a person wishes.
fn input_file(bytes: Bytes) -> Result<()> {
    let end = bytes.iter().position(|&b| b == b'\n').unwrap_or(0);
    let wishes = std::str::from_utf8(&bytes[..end]).unwrap_or_default();
    let file = bytes.slice((end + 1).min(bytes.len())..);
    let dims = [vec![1, -1, 8, 3], vec![1, 3, 8, 8], vec![-1, -1]];
    let mut read = Err(Error::usage("a file for no input"));
    for port in ports() {
        for dims in &dims {
            let mut port = port.clone();
            port.shape = Shape(Some(dims.clone()));
            for kind in [Kind::Image, Kind::Sound, Kind::Text] {
                let one = files::value(file.to_vec(), kind, wishes, &port);
                // Texts take any bytes.
                if one.is_ok() && port.dtype != DType::String {
                    read = Ok(());
                }
            }
        }
    }
    read
}

/// An array of samples, the first and the last of them for each kind of input.
fn sample(bytes: Bytes) -> Result<()> {
    let samples = npy::npy_from_bytes(&bytes)?;
    let last = samples.shape().first().map_or(0, |&n| n.saturating_sub(1));
    for port in ports() {
        for index in [0, last] {
            let _ = slice(&samples, index).and_then(|one| {
                let one = fit(one, &port)?;
                dequantized(&one, port.quantization.as_ref()).map(drop)
            });
        }
    }
    Ok(())
}
