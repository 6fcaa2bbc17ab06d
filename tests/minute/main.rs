//! Promise: in one minute, without a manual, a person has seen a model's signatures, graph, shards and sizes, run a
//! digit through it, made an int8 `.tflite` of it, and sees both side by side. Done with the real program.

#[cfg(unix)]
mod copying;
mod leaving;
mod monkey;
mod returning;
mod stopping;
mod terminal;

use std::fs;
use std::path::Path;

use terminal::Terminal;

/// A folder with a copy of the digits CNN, version 2, and the held-out digits.
fn desk() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    for file in [
        "digits.npz",
        "digits_cnn/2/saved_model.pb",
        "digits_cnn/2/fingerprint.pb",
        "digits_cnn/2/variables/variables.index",
        "digits_cnn/2/variables/variables.data-00000-of-00001",
    ] {
        let to = folder.path().join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(samples.join(file), to).unwrap();
    }
    folder
}

#[test]
fn the_minute() {
    let folder = desk();
    let mut terminal = Terminal::start(&["digits_cnn"], folder.path(), (120, 36));
    terminal.shows(&[
        "digits_cnn/2",
        "serving_default",
        "image",
        "?×8×8×1",
        "conv/kernel",
    ]);
    terminal.press("2");
    terminal.shows(&["MetaGraph serve", "Signatures", "Variables"]);
    terminal.press("3");
    terminal.shows(&["Conv2D", "MaxPool", "pool_1"]);
    terminal.press("4");
    terminal.shows(&["conv/kernel", "3×3×32×64"]);
    terminal.press("5");
    terminal.shows(&["variables.data-00000-of-00001", "offset"]);
    terminal.press("7");
    terminal.shows(&["sample 1 of 300", "label 2"]);
    terminal.press("\r");
    terminal.wait("the digit and the time", |text| {
        text.contains("2  ▇▇▇") && text.contains("arena")
    });
    terminal.press("8");
    terminal.shows(&["‹ int8 ›", "100 of digits:image"]);
    terminal.press("\r");
    terminal.shows(&["operators  69 → 11", "Compare with the original"]);
    let file = folder.path().join("digits_cnn.int8.tflite");
    assert!(fs::read(file).unwrap()[4..].starts_with(b"TFL3"));
    terminal.press("9");
    let compared = terminal.shows(&[
        "SQNR",
        "top-1",
        "100.0%",
        "median",
        "layer by layer",
        "CONV_2D",
    ]);
    assert!(
        compared.contains("292 KB") && compared.contains("-89."),
        "{compared}"
    );
    terminal.press("q");
    terminal.ends_well();
}

#[test]
fn no_key_is_lost_while_the_program_starts_or_works() {
    let folder = desk();
    let mut terminal = Terminal::start(&["digits_cnn"], folder.path(), (120, 36));
    // Typed before the first frame, and before the model is open.
    terminal.press(&format!("2{}3", "j".repeat(300)));
    terminal.shows(&["MaxPool", "family · one line"]);
    // Thousands at once, while each pane begins its work.
    terminal.press(&format!("{}2", "123456789jk".repeat(300)));
    terminal.shows(&["MetaGraph serve", "Signatures", "Variables"]);
    terminal.press("1");
    terminal.shows(&["Where the bytes are", "Health"]);
    terminal.press("q");
    terminal.ends_well();
}

#[test]
fn what_is_no_model_is_a_card_and_the_terminal_comes_back() {
    let folder = desk();
    fs::write(folder.path().join("x.tflite"), b"not a model at all").unwrap();
    let mut terminal = Terminal::start(&["x.tflite"], folder.path(), (80, 24));
    terminal.shows(&["this can't be opened", "x.tflite"]);
    terminal.press("\x03");
    terminal.ends_well();
}
