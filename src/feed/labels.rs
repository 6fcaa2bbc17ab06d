//! Names of classes.

use std::path::Path;

use crate::error::{Error, Result};
use crate::model::Model;

/// No list of labels is larger.
const MAX_BYTES: u64 = 16 << 20;

/// Labels, one a line; empty lines at the end are left out.
pub fn read_labels(path: &Path) -> Result<Vec<String>> {
    let bytes = std::fs::metadata(path)
        .map_err(|e| Error::io(path, &e))?
        .len();
    if bytes > MAX_BYTES {
        return Err(
            Error::unreadable(format!("{bytes} bytes are no list of labels")).in_file(path),
        );
    }
    let text = std::fs::read(path).map_err(|e| Error::io(path, &e))?;
    labels_in(&text).map_err(|e| e.in_file(path))
}

/// As [`read_labels`], of the file's bytes.
pub(super) fn labels_in(text: &[u8]) -> Result<Vec<String>> {
    let text = std::str::from_utf8(text).map_err(|e| {
        Error::unreadable("labels are UTF-8 text, one a line")
            .at(format_args!("byte {}", e.valid_up_to()))
    })?;
    Ok(lines(text))
}

/// Labels that a model carries: a label file in its metadata or assets.
pub fn labels_of(model: &Model) -> Option<Vec<String>> {
    let name = |n: &str| n.rsplit('/').next().unwrap_or(n).to_ascii_lowercase();
    let found = model
        .attachments
        .iter()
        .find(|a| name(&a.name).contains("label") || name(&a.name).contains("class"))?;
    let labels = lines(std::str::from_utf8(&found.data).ok()?);
    (!labels.is_empty()).then_some(labels)
}

/// The only file beside the model's own whose name says that it holds labels (`labels.txt`, `digits_labels.txt`); of
/// several the one that begins as the model does.
pub fn labels_beside(model: &Model) -> Option<Vec<String>> {
    /// Files of a folder that are looked at.
    const MOST: usize = 10_000;
    let path = std::path::absolute(&model.path).ok()?;
    let entries = std::fs::read_dir(path.parent()?).ok()?.take(MOST).flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let is_list = |name: &String| {
        let name = name.to_ascii_lowercase();
        name.contains("label") && name.ends_with(".txt")
    };
    let lists: Vec<String> = names.filter(is_list).collect();
    let stem = path.file_stem()?.to_str()?;
    let own = || lists.iter().find(|name| name.starts_with(stem));
    let list = match &lists[..] {
        [one] => one,
        _ => own()?,
    };
    let labels = read_labels(&path.with_file_name(list)).ok()?;
    (!labels.is_empty()).then_some(labels)
}

fn lines(text: &str) -> Vec<String> {
    text.trim_end()
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_beside_the_model_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let graphs = vec![crate::analysis::testing::main_graph()];
        let mut model = crate::analysis::testing::model(graphs, &[], &[]);
        model.path = folder.path().join("net.tflite");
        assert_eq!(labels_beside(&model), None);
        write("coco_labels.txt", "cat\ndog\n");
        assert_eq!(labels_beside(&model).unwrap(), ["cat", "dog"]);
        write("other_labels.txt", "one\n");
        assert_eq!(labels_beside(&model), None);
        write("net_labels.txt", "zero\n");
        assert_eq!(labels_beside(&model).unwrap(), ["zero"]);
    }

    #[test]
    fn windows_line_ends_and_a_last_empty_line_do_no_harm() {
        assert_eq!(lines("zero\r\none\n\n"), ["zero", "one"]);
        assert_eq!(lines("???\n\nthree\n"), ["???", "", "three"]);
    }
}
