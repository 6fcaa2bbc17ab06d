//! Names of files as strangers give them.

use std::path::{Component, Path};

/// The name as a path that stays inside the folder it is joined to; `None` for absolute paths, `..`, drive letters
/// and NULs.
pub(super) fn inside(name: &str) -> Option<&Path> {
    let drive = name.as_bytes().get(1) == Some(&b':');
    if name.is_empty() || name.contains(['\0', '\\']) || drive {
        return None;
    }
    let path = Path::new(name);
    path.components()
        .all(|c| matches!(c, Component::Normal(_) | Component::CurDir))
        .then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_stay_inside_pass() {
        for good in ["labels.txt", "a/b.txt", "./a", "..a"] {
            assert!(inside(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "../a",
            "a/../../b",
            "C:x",
            "a\\..\\b",
            "a\0",
        ] {
            assert!(inside(bad).is_none(), "{bad}");
        }
    }
}
