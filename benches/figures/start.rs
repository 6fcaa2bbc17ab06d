//! From command to first frame, and the memory that it took: the real program in a pseudo-terminal.

use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

/// Rows and columns of the terminal.
const SIZE: (u16, u16) = (36, 120);

/// What one start took.
pub struct Start {
    pub first_frame: Duration,
    /// The kernel's high-water mark of the process when the frame was there; 0 where there is no `/proc`.
    pub peak_mb: f64,
}

/// The time from just before the fork until `word` is on the screen.
pub fn start(model: &Path, word: &str) -> Start {
    let size = PtySize {
        rows: SIZE.0,
        cols: SIZE.1,
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
    let mut parser = vt100::Parser::new(cells(SIZE.0), cells(SIZE.1), 0);
    let mut bytes = [0; 65536];
    let first_frame = loop {
        let count = output.read(&mut bytes).expect("output");
        assert!(count > 0, "the program ended before its first frame");
        parser.process(&bytes[..count]);
        if parser.screen().contents().contains(word) {
            break begun.elapsed();
        }
    };
    let peak_mb = child.process_id().map_or(0.0, peak_mb);
    keys.write_all(b"q").expect("a key");
    child.wait().expect("the end of the program");
    Start {
        first_frame,
        peak_mb,
    }
}

fn peak_mb(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kilobytes: f64 = line
        .and_then(|l| l.trim().trim_end_matches("kB").trim().parse().ok())
        .unwrap_or(0.0);
    kilobytes * 1024.0 / 1e6
}
