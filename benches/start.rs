//! From command to first frame, and the size of the program: what README's table of figures quotes.
//!
//!     cargo bench --bench start
//!
//! Starts the release binary in a pseudo-terminal, over and over, and takes the time from just before the fork until
//! the signature's name is on the screen. Prints median, least and worst of the runs in milliseconds.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

const RUNS: usize = 21;

fn first_frame(model: &str, word: &str) -> Duration {
    let size = PtySize {
        rows: 36,
        cols: 120,
        pixel_width: 0,
        pixel_height: 0,
    };
    let pair = native_pty_system()
        .openpty(size)
        .expect("a pseudo-terminal");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_mexplore"));
    command.arg(model);
    command.env("TERM", "xterm-256color");
    command.cwd(env!("CARGO_MANIFEST_DIR"));
    let mut output = pair.master.try_clone_reader().expect("its output");
    let mut keys = pair.master.take_writer().expect("its input");
    let begun = Instant::now();
    let mut child = pair.slave.spawn_command(command).expect("the program");
    drop(pair.slave);
    let cells = |n: u16| std::num::NonZero::new(n).expect("not zero");
    let mut parser = vt100::Parser::new(cells(36), cells(120), 0);
    let mut bytes = [0; 65536];
    let took = loop {
        let count = output.read(&mut bytes).expect("output");
        assert!(count > 0, "the program ended before its first frame");
        parser.process(&bytes[..count]);
        if parser.screen().contents().contains(word) {
            break begun.elapsed();
        }
    };
    keys.write_all(b"q").expect("a key");
    child.wait().expect("the end of the program");
    took
}

fn main() {
    let binary = std::fs::metadata(env!("CARGO_BIN_EXE_mexplore")).expect("the binary");
    println!("binary: {:.1} MB", binary.len() as f64 / 1e6);
    println!(
        "{:<34} {:>9} {:>9} {:>9}",
        "first frame, ms", "median", "least", "worst"
    );
    for (model, word) in [
        ("samples/dense_four_lines", "serving_default"),
        ("samples/digits_cnn", "serving_default"),
        ("samples/digits_cnn.int8.tflite", "serving_default"),
    ] {
        first_frame(model, word);
        let mut times: Vec<f64> = (0..RUNS)
            .map(|_| first_frame(model, word).as_secs_f64() * 1e3)
            .collect();
        times.sort_by(f64::total_cmp);
        println!(
            "{model:<34} {:>9.1} {:>9.1} {:>9.1}",
            times[RUNS / 2],
            times[0],
            times[RUNS - 1]
        );
    }
}
