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
    fn windows_line_ends_and_a_last_empty_line_do_no_harm() {
        assert_eq!(lines("zero\r\none\n\n"), ["zero", "one"]);
        assert_eq!(lines("???\n\nthree\n"), ["???", "", "three"]);
    }
}
