//! The pictures of the README, drawn by the program itself.
//!
//!     cargo bench --bench screens
//!
//! Writes `docs/screens/*.svg`. Not a benchmark; it stands here because the README's figures come from here too.

use std::path::{Path, PathBuf};

use mexplore::tui::{self, Options};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let samples = root.join("samples");
    let folder = root.join("docs/screens");
    std::fs::create_dir_all(&folder).expect("docs/screens");
    let model = || vec![samples.join("digits_cnn")];
    let pair = || {
        vec![
            samples.join("digits_cnn"),
            samples.join("digits_cnn.int8.tflite"),
        ]
    };
    let screens: [(&str, Vec<PathBuf>, &str); 8] = [
        ("overview", model(), "1"),
        ("tree", model(), "2 Down"),
        ("graph", model(), "3"),
        ("tensors", model(), "4"),
        ("variables", vec![samples.join("sharded")], "5 v"),
        ("run", model(), "7 i i Enter b"),
        ("convert", model(), "8"),
        ("compare", pair(), "9 Enter"),
    ];
    for (name, paths, keys) in screens {
        let options = Options {
            theme: Some("dark".to_owned()),
            ..Options::default()
        };
        let picture = tui::picture(&paths, &options, keys, (118, 32)).expect(name);
        std::fs::write(folder.join(format!("{name}.svg")), picture).expect(name);
        println!("docs/screens/{name}.svg");
    }
}
