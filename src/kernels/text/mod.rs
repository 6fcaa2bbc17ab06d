//! Strings of bytes: hashes, numbers written and read, regular expressions, scripts of characters.

pub mod hash;
pub mod pattern;
pub mod phrases;
pub mod print;
pub mod read;
pub mod scripts;
