//! The files that a person or an earlier sitting left for the terminal UI, each reader by itself; see
//! [`format::parsers`](crate::format::parsers).

use bytes::Bytes;

use super::config::Config;
use super::keymap::Keymap;
use super::place::Memory;
use super::theme::Theme;
use crate::error::{Error, Result};
use crate::format::parsers::Parser;

pub const PARSERS: &[Parser] = &[
    Parser::new("config", |bytes| {
        let config = Config::parse(text(&bytes)?)?;
        Keymap::new(&config.keys).map(drop)
    }),
    Parser::new("theme", |bytes| {
        Theme::parse("theme", text(&bytes)?).map(drop)
    }),
    Parser::new("places", |bytes| {
        let places = Memory::parse(&bytes).map_err(|e| Error::usage(e.to_string()))?;
        drop(places);
        Ok(())
    }),
];

fn text(bytes: &Bytes) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|e| Error::usage(e.to_string()))
}
