//! Texts inside of a graph that are read as something, each reader by itself; see
//! [`format::parsers`](crate::format::parsers).

use bytes::Bytes;

use super::tables::{Lines, Table};
use super::{examples, unicode};
use crate::error::Result;
use crate::format::parsers::Parser;
use crate::kernels::text::pattern;
use crate::model::DType;

pub const PARSERS: &[Parser] = &[
    Parser::new("pattern", replaced),
    Parser::new("csv", columns),
    Parser::new("vocabulary", vocabulary),
    Parser::new("characters", unicode::in_each_encoding),
];

/// A pattern, what takes the place of its matches, and a text, a line each.
fn replaced(bytes: Bytes) -> Result<()> {
    let mut lines = bytes.splitn(3, |&byte| byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (pattern, rewrite, text) = (line(), line(), line());
    let _ = pattern::compile(pattern, true).map(|whole| whole.is_match(text));
    let pattern = pattern::compile(pattern, false)?;
    pattern::replace(&pattern, text, rewrite, true).map(drop)
}

/// A record of numbers, with and without quotes.
fn columns(bytes: Bytes) -> Result<()> {
    for field in examples::fields(&bytes, b',', false) {
        let _ = examples::number::<i64>(&field);
    }
    let fields = examples::fields(&bytes, b',', true);
    fields
        .iter()
        .try_for_each(|field| examples::number::<f64>(field).map(drop))
}

/// Lines of a number, a tab and a word.
fn vocabulary(bytes: Bytes) -> Result<()> {
    let mut lines = Lines {
        key: 0,
        value: 1,
        types: [DType::Int64, DType::String],
        delimiter: b"\t".to_vec(),
        skip: 0,
        most: usize::MAX,
    };
    let by_number = lines.read(&bytes, &mut Table::default());
    (lines.key, lines.types[0]) = (1, DType::String);
    (lines.value, lines.types[1]) = (0, DType::Float32);
    let _ = lines.read(&bytes, &mut Table::default());
    by_number
}
