//! Bad usage and bad files: one paragraph on stderr, nothing on stdout, the promised exit code.

use std::process::{Command, Stdio};

use insta::assert_snapshot;

use super::{report, said};

/// A refusal: exit code and the paragraph.
fn refusal(args: &[&str]) -> String {
    let (code, out, err) = said(args);
    assert_eq!(out, "", "{args:?}");
    assert!(!err.contains("panicked"), "{err}");
    format!("{code} {}", err.trim_end())
}

#[test]
fn a_file_that_is_not_there() {
    assert_snapshot!(refusal(&["show", "samples/nothing"]), @"3 error: samples/nothing: No such file or directory (os error 2)");
    assert_snapshot!(refusal(&["run", "samples/nothing.tflite"]), @"3 error: samples/nothing.tflite: No such file or directory (os error 2)");
}

#[test]
fn a_file_that_is_no_model() {
    assert_snapshot!(refusal(&["show", "samples/digits_labels.txt"]), @"3 error: samples/digits_labels.txt: not a model that mexplore knows; give a SavedModel folder, a saved_model.pb, or a .tflite");
    assert_snapshot!(refusal(&["show", "samples/golden"]), @"3 error: samples/golden: no saved_model.pb, no numbered version in it; give the folder that holds saved_model.pb, or a .tflite");
}

#[test]
fn a_version_that_is_not_there() {
    assert_snapshot!(refusal(&["show", "samples/digits_cnn", "--version", "7"]), @"2 error: samples/digits_cnn: no version 7; there are versions 1, 2");
}

#[test]
fn a_command_or_flag_that_is_not_there() {
    for args in [
        &["run"][..],
        &["show", "samples/digits_cnn", "--colour"],
        &["run", "samples/digits_cnn", "--input", "image"],
        &["run", "samples/digits_cnn", "--kernels", "magic"],
        &["convert", "samples/digits_cnn"],
        &[
            "convert",
            "samples/digits_cnn",
            "-o",
            "x.tflite",
            "--quantize",
            "int3",
        ],
        &["graph", "samples/digits_cnn", "--format", "png"],
        &["bench", "samples/digits_cnn", "--runs", "0"],
    ] {
        let (code, out, err) = said(args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}");
        assert!(err.starts_with("error:"), "{args:?}: {err}");
    }
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mexplore"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn the_program_can_speak_about_itself() {
    assert_eq!(
        report(&["--version"]),
        concat!("mexplore ", env!("CARGO_PKG_VERSION"), "\n")
    );
    assert!(report(&["completions", "zsh"]).contains("#compdef mexplore"));
    let page = report(&["man"]);
    assert!(page.contains(".TH mexplore 1") && page.contains("config.toml"));
    assert!(report(&["themes"]).contains("dark"));
    assert!(report(&["keys"]).contains("quit"));
}
