//! Strings of bytes: hashes, numbers written and read, regular expressions.

pub mod hash;
pub mod pattern;
pub mod phrases;
pub mod print;
