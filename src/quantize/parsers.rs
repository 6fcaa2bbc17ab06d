//! The reader of recipes; see [`format::parsers`](crate::format::parsers).

use super::Recipe;
use crate::error::Error;
use crate::format::parsers::Parser;

pub const PARSERS: &[Parser] = &[Parser::new("recipe", |bytes| {
    let text = std::str::from_utf8(&bytes).map_err(|e| Error::usage(e.to_string()))?;
    Recipe::parse(text).map(drop)
})];
