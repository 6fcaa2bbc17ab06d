//! The files of an open model change, and it is read again where one was; the next sitting begins where the last ended.

use std::fs;
use std::path::Path;

use super::desk;
use super::terminal::Terminal;

fn copy(sample: &str, to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("samples")
        .join(sample);
    fs::copy(from, to).unwrap();
}

#[test]
fn a_changed_file_is_noticed_and_read_again_with_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.tflite");
    copy("digits_cnn.float32.tflite", &file);
    let mut terminal = Terminal::start(&["model.tflite"], folder.path(), (120, 36));
    terminal.shows(&["Where the bytes are"]);
    terminal.press("4");
    terminal.shows(&["bytes▾"]);
    // As converters do: written beside it, then renamed.
    let beside = folder.path().join("beside");
    copy("digits_cnn.int8.tflite", &beside);
    fs::rename(&beside, &file).unwrap();
    terminal.shows(&["changed on disk", "F5 reads it again"]);
    terminal.press("\x12");
    let text = terminal.shows(&["read model.tflite again", "int8", "bytes▾"]);
    assert!(!text.contains("changed on disk"), "{text}");
    // Damage is told, and what is open stays.
    fs::write(&beside, b"no model").unwrap();
    fs::rename(&beside, &file).unwrap();
    terminal.shows(&["changed on disk"]);
    terminal.press("\x12");
    terminal.shows(&["it did not work", "model.tflite"]);
    terminal.press("\x1b");
    terminal.wait("what was open", |text| {
        text.contains("bytes▾") && !text.contains("it did not work")
    });
    terminal.press("q");
    terminal.ends_well();
}

#[test]
fn the_last_inputs_of_a_model_are_remembered() {
    let folder = desk();
    fs::write(folder.path().join("row.csv"), "0.25,".repeat(64)).unwrap();
    let mut terminal = Terminal::start(&["digits_cnn"], folder.path(), (120, 36));
    terminal.shows(&["Where the bytes are"]);
    terminal.press("7");
    terminal.shows(&["sample 1 of"]);
    terminal.press("tones:");
    terminal.shows(&["FILE.jpg"]);
    terminal.press("\x15[[1, 2]\r");
    terminal.shows(&["expected"]);
    terminal.press("t");
    terminal.shows(&["[[1, 2]"]);
    terminal.press("\x15row.csv\r");
    terminal.shows(&["▸ row.csv", "0.25"]);
    terminal.press("q");
    terminal.ends_well();
    let mut terminal = Terminal::start(&["digits_cnn"], folder.path(), (120, 36));
    terminal.shows(&["/row.csv", "0.25"]);
    // The first choice behind what was typed is the first set of samples.
    terminal.press("\x1b[C");
    terminal.shows(&["sample 1 of"]);
    terminal.press("i");
    terminal.shows(&["sample 2 of"]);
    terminal.press("q");
    terminal.ends_well();
    let mut terminal = Terminal::start(&["digits_cnn"], folder.path(), (120, 36));
    terminal.shows(&["sample 2 of"]);
    terminal.press("q");
    terminal.ends_well();
}

#[test]
fn the_place_in_each_model_is_remembered() {
    let folder = desk();
    let other = folder.path().join("other.tflite");
    copy("digits_cnn.int8.tflite", &other);
    let models = ["digits_cnn", "other.tflite"];
    let mut terminal = Terminal::start(&models, folder.path(), (120, 36));
    terminal.shows(&["digits_cnn/2 ▾ 1/2", "Where the bytes are"]);
    terminal.press("5");
    terminal.shows(&["offset"]);
    terminal.press("/hidden/kernel");
    terminal.shows(&["› hidden/kernel"]);
    terminal.press("\r");
    terminal.shows(&["╭ hidden/kernel"]);
    terminal.press("mother");
    terminal.shows(&["› other"]);
    terminal.press("\r");
    terminal.shows(&["other.tflite ▾ 2/2"]);
    terminal.press("q");
    terminal.ends_well();
    let mut terminal = Terminal::start(&["digits_cnn"], folder.path(), (120, 36));
    terminal.shows(&["Shards", "╭ hidden/kernel"]);
    terminal.press("\x7f");
    terminal.shows(&["Where the bytes are"]);
    terminal.press("q");
    terminal.ends_well();
    let left: Vec<_> = fs::read_dir(folder.path().join("cache/mexplore"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["places.json"]);
    assert!(!folder.path().join("config").exists());
}
