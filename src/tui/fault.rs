//! What is said when the program itself is at fault.

use std::any::Any;
use std::fmt;
use std::panic::PanicHookInfo;

use color_eyre::section::PanicMessage;

/// One paragraph for a person; a backtrace follows only where `RUST_BACKTRACE` asks for it.
pub struct Fault;

impl PanicMessage for Fault {
    fn display(&self, panic: &PanicHookInfo<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mexplore fell over: {}", reason(panic.payload()))?;
        if let Some(place) = panic.location() {
            write!(f, "; at {}:{}", place.file(), place.line())?;
        }
        f.write_str("\nThis is a bug: please report it with the command you typed.")
    }
}

/// The words that a panic carries.
pub fn reason(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given")
}
