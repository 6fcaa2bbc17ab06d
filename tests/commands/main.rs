//! Promise: what design and README say about the command line: names, flags, exit codes, text and JSON.

mod errors;
mod inspect;
mod pruning;
mod running;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn sample(name: &str) -> PathBuf {
    Path::new("samples").join(name)
}

/// The real program, in the folder that holds `samples/`, without a terminal.
fn mexplore(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mexplore"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("the program starts")
}

/// Exit code and what went to stdout and stderr.
fn said(args: &[&str]) -> (i32, String, String) {
    let output = mexplore(args);
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// What went to stdout, of a call that succeeds without a word on stderr.
fn report(args: &[&str]) -> String {
    let (code, out, err) = said(args);
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
    out
}

fn json(args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&report(args)).unwrap_or_else(|e| panic!("{args:?}: {e}"))
}
