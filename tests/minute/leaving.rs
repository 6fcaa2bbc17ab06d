//! However the program is left, the terminal is as it was: suspended, by a signal, by a fault.

use super::desk;
use super::terminal::Terminal;

/// Runs the program with job control, says when it stopped, and waits for Enter to go on.
#[cfg(unix)]
const WITH_JOBS: &str = r#"set -m; "$0" "$@"; echo "stopped with $?"; read -r go; fg > /dev/null; echo "ended with $?""#;

#[cfg(unix)]
#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_again() {
    let folder = desk();
    let mut terminal =
        Terminal::start_in_shell(WITH_JOBS, &["digits_cnn"], folder.path(), (100, 30));
    terminal.shows(&["serving_default"]);
    terminal.press("4");
    terminal.shows(&["conv/kernel", "3×3×32×64"]);
    terminal.press("\x1a");
    // 128 and the number of the signal that stopped it, which systems number differently.
    let text = terminal.shows(&["stopped with 1"]);
    assert!(!text.contains("serving_default"), "{text}");
    assert!(terminal.is_given_back());
    terminal.resize(80, 24);
    terminal.press("\r");
    terminal.shows(&["4 Tensors", "conv/kernel", "3×3×32×64"]);
    assert!(!terminal.is_given_back());
    terminal.press("1");
    terminal.shows(&["serving_default"]);
    terminal.press("q");
    let end = terminal.end();
    assert!(end.restored && end.text.contains("ended with 0"), "{end:?}");
}

#[cfg(unix)]
#[test]
fn a_stop_from_outside_is_as_polite() {
    let folder = desk();
    let terminal = Terminal::start(&["digits_cnn"], folder.path(), (80, 24));
    terminal.shows(&["serving_default"]);
    terminal.signal("TSTP");
    assert!(terminal.is_given_back());
    terminal.signal("CONT");
    terminal.shows(&["serving_default"]);
    terminal.signal("TERM");
    terminal.ends_well();
}

#[cfg(unix)]
#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    let folder = desk();
    for name in ["TERM", "HUP", "INT"] {
        let terminal = Terminal::start(&["digits_cnn"], folder.path(), (80, 24));
        terminal.shows(&["serving_default"]);
        terminal.signal(name);
        terminal.ends_well();
    }
}

#[test]
fn the_screen_is_drawn_anew() {
    let folder = desk();
    let mut terminal = Terminal::start(&["digits_cnn"], folder.path(), (80, 24));
    terminal.shows(&["serving_default"]);
    terminal.spoil("what another program wrote");
    terminal.press("\x0c");
    terminal.wait("a clean screen", |text| {
        text.contains("serving_default") && !text.contains("another program")
    });
    terminal.press("q");
    terminal.ends_well();
}

#[test]
fn ctrl_c_leaves_from_every_layer() {
    let folder = desk();
    for layer in ["", "?", ":", "/conv", "m"] {
        let mut terminal = Terminal::start(&["digits_cnn"], folder.path(), (80, 24));
        terminal.shows(&["serving_default"]);
        terminal.press(layer);
        terminal.press("\x03");
        terminal.ends_well();
    }
}

/// The command that panics is there in debug builds only.
#[cfg(debug_assertions)]
#[test]
fn a_fault_gives_the_terminal_back_and_is_told_in_one_paragraph() {
    let folder = desk();
    let mut terminal = Terminal::start(&["digits_cnn"], folder.path(), (100, 30));
    terminal.shows(&["serving_default"]);
    terminal.press(":fault");
    terminal.shows(&["fault"]);
    terminal.press("\r");
    let end = terminal.end();
    assert!(end.code != 0 && end.restored, "{end:?}");
    let lines: Vec<&str> = end.text.lines().collect();
    assert!(
        lines.len() == 2
            && lines[0].starts_with("mexplore fell over: asked for; at src/tui/app.rs:")
            && lines[1] == "This is a bug: please report it with the command you typed.",
        "{end:?}"
    );
}
