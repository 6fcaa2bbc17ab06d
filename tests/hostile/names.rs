//! Names that would steer a terminal, hide, or turn what stands beside them around: shown as what they are.

use std::fs;

use mexplore::model::visible::is_hidden;
use mexplore::tui::term::{Terminal, TestBackend};
use mexplore::tui::{App, Options, render};

use super::crafted::{COMMANDS, model_of, run};
use super::samples;
use super::wire::{call, function, message, node, placeholder, saved_model};

/// Clears the screen, sets the title, turns the direction around, is not there, ends the line, rings.
const EVIL: &str =
    "n\u{1b}[2J\u{1b}]0;t\u{7}\u{9b}31m\u{202e}abc\u{200b}\r\nerror: forged\u{e0041}";

/// A SavedModel that has the name wherever a name may stand.
fn evil() -> Vec<u8> {
    let port = message().bytes(1, "x:0").number(2, 1).bytes(1, "x:0");
    let signature = message()
        .entry(1, EVIL, &port)
        .entry(2, EVIL, &port)
        .bytes(3, EVIL);
    let meta_info = message().bytes(4, EVIL).bytes(5, EVIL);
    let asset = message().bytes(2, EVIL);
    let more = message()
        .entry(5, EVIL, &signature)
        .message(1, &meta_info)
        .message(6, &asset);
    let body = [node(EVIL, "Relu", &["x"], &["T"])];
    let called = function(EVIL, &body, &format!("{EVIL}:activations:0"));
    let strange = node("strange", EVIL, &["x"], &["T"]).entry(5, EVIL, &message().bytes(2, EVIL));
    let nodes = [
        placeholder("x"),
        placeholder(EVIL),
        node(&format!("{EVIL}/inner"), "PyFunc", &["x"], &["T"]),
        strange,
        call("called", EVIL, "x"),
        node("y", "AddV2", &["x", EVIL], &["T"]),
    ];
    saved_model(&nodes, &[called], more)
}

#[test]
fn commands_show_what_a_name_is_made_of() {
    let folder = model_of(&evil());
    let named = folder.path().join("\u{1b}[2Jname");
    fs::create_dir(&named).unwrap();
    fs::rename(
        folder.path().join("saved_model.pb"),
        named.join("saved_model.pb"),
    )
    .unwrap();
    let harmless = |text: &[u8], command: &str| {
        let text = String::from_utf8(text.to_vec()).unwrap();
        let found = text.chars().find(|&c| c != '\n' && is_hidden(c));
        assert_eq!(found, None, "{command}: {text:?}");
        assert!(
            !text
                .lines()
                .any(|line| line.trim_start().starts_with("error: forged")),
            "{text}"
        );
        text
    };
    for command in COMMANDS {
        for options in [&[][..], &["--json"]] {
            let output = run(command, options, &named);
            harmless(&output.stderr, command);
            let text = harmless(&output.stdout, command);
            if let Some(Err(e)) = (!options.is_empty() && !text.is_empty())
                .then(|| serde_json::from_str::<serde_json::Value>(&text))
            {
                panic!("{command}: {e}: {text}");
            }
        }
    }
    for format in ["svg", "dot", "json"] {
        let output = run("graph", &["--format", format], &named);
        harmless(&output.stdout, format);
    }
}

#[test]
fn panes_show_what_a_name_is_made_of() {
    let folder = model_of(&evil());
    let options = Options {
        theme: Some("dark".to_owned()),
        config: Some(samples().join("no-settings")),
        ..Options::default()
    };
    let mut app = App::new(&options).unwrap();
    app.open(folder.path().to_path_buf());
    app.settle();
    let mut seen = String::new();
    let walk = "1 2 Right Down Right Down Down Right Down 3 Down m Down Enter 4 Down 5 6 Down 7 8 p 9 : Esc / n Esc";
    for key in walk.split_whitespace() {
        app.press(key).unwrap();
        app.settle();
        let mut terminal = Terminal::new(TestBackend::new(160, 50)).unwrap();
        terminal.draw(|frame| render::render(&app, frame)).unwrap();
        for cell in terminal.backend().buffer().content() {
            assert!(
                !cell.symbol().contains(is_hidden),
                "{key}: {:?}",
                cell.symbol()
            );
            seen.push_str(cell.symbol());
        }
    }
    assert!(seen.contains(r"n\u{1b}[2J"), "{seen}");
}
