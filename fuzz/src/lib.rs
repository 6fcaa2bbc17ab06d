//! What the fuzz targets share: each feeds one parser of the library with the fuzzer's bytes.
//!
//!     cargo +nightly fuzz run tflite
//!
//! needs cargo-fuzz and a nightly toolchain; `cargo check` here needs neither. `tests/hostile` puts damaged samples
//! through the same parsers without them. A stable toolchain with a C++ compiler runs the targets too, without a
//! sanitizer, which only `unsafe` code would need. In this folder:
//!
//!     export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
//!       -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
//!       -Cllvm-args=-sanitizer-coverage-trace-compares"
//!     cargo build --release --target x86_64-unknown-linux-gnu
//!     mkdir -p corpus && target/x86_64-unknown-linux-gnu/release/tflite corpus ../samples \
//!       -max_len=65536 -max_total_time=120 -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=512
//!
//! A nightly one adds `-Zsanitizer=address -Ccodegen-units=16`. The target triple keeps the flags away from build
//! scripts. What is found lies in `crash-*`, `oom-*` or `timeout-*`; the program with that file as its argument shows
//! it again.

/// A fuzz target for the parser of this name in a room's list (`mexplore::format::parsers::PARSERS`).
#[macro_export]
macro_rules! parser {
    ($room:ident, $name:literal) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            let parser = mexplore::$room::parsers::PARSERS.iter().find(|p| p.name == $name);
            // Errors are answers; only panics, hangs and memory are findings.
            let _ = (parser.expect($name).run)(data.to_vec().into());
        });
    };
}
