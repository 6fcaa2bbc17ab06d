//! `y` puts the chosen thing, or the command that does what the pane does, into the clipboard.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use base64::Engine;

use super::desk;
use super::terminal::Terminal;

/// The escape that a terminal takes as its new clipboard.
fn osc52(text: &str) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    format!("\x1b]52;c;{encoded}\x1b\\")
}

#[test]
fn each_pane_copies_what_is_chosen() {
    let folder = desk();
    let mut terminal = Terminal::start(&["digits_cnn"], folder.path(), (120, 36));
    terminal.shows(&["serving_default"]);
    let panes = [
        ("1", "Signatures", "serve"),
        ("2", "MetaGraph serve", "MetaGraph serve"),
        ("4", "bytes▾", "conv/kernel"),
        ("5", "offset", "conv/kernel"),
        ("3", "pool_1", "digits_cnn_1/conv_1/convolution"),
        (
            "7",
            "sample 1 of 300",
            "mexplore run digits_cnn/2 --signature serving_default --input image=digits.npz:image:0",
        ),
        (
            "8",
            "100 of digits:image",
            "mexplore convert digits_cnn/2 -o digits_cnn.int8.tflite --quantize int8 --calibration digits.npz --samples 100",
        ),
    ];
    for (pane, shows, copies) in panes {
        terminal.press(pane);
        terminal.shows(&[shows]);
        terminal.press("y");
        let shown: String = copies.chars().take(30).collect();
        terminal.shows(&[&format!("copied {shown}")]);
        terminal.wrote(&osc52(copies));
    }
    terminal.press("q");
    terminal.ends_well();
}

#[test]
fn tmux_gets_it_by_its_own_command() {
    let folder = desk();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let tmux = bin.join("tmux");
    fs::write(&tmux, "#!/bin/sh\necho \"$@\" > asked; cat > copied\n").unwrap();
    fs::set_permissions(&tmux, fs::Permissions::from_mode(0o755)).unwrap();
    let script = r#"TMUX=/tmp/tmux,1,0 exec "$0" "$@""#;
    let mut terminal = Terminal::start_in_shell(script, &["digits_cnn"], folder.path(), (80, 24));
    terminal.shows(&["serving_default"]);
    terminal.press("4");
    terminal.shows(&["bytes▾"]);
    terminal.press("y");
    terminal.shows(&["copied conv/kernel"]);
    terminal.press("q");
    terminal.ends_well();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("asked"), "load-buffer -w -\n");
    assert_eq!(read("copied"), "conv/kernel");
}
