//! What the fuzz targets share: each feeds one parser of the library with the fuzzer's bytes.
//!
//!     cargo +nightly fuzz run tflite
//!
//! needs cargo-fuzz and a nightly toolchain; `cargo check` here needs neither. `tests/hostile` puts damaged samples
//! through the same parsers without them.

/// A fuzz target for the parser of this name in `mexplore::format::parsers`.
#[macro_export]
macro_rules! parser {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            let parser = mexplore::format::parsers::named($name).expect($name);
            // Errors are answers; only panics, hangs and memory are findings.
            let _ = (parser.run)(data.to_vec().into());
        });
    };
}
