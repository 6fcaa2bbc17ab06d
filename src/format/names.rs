//! Names of files as strangers give them.

use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};

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

/// The path of `name` in `folder`.
///
/// # Errors
/// It, or a folder on the way to it, is a link that leads out of the folder.
pub(super) fn unlinked(folder: &Path, name: &Path) -> Result<PathBuf> {
    let path = folder.join(name);
    let mut part = folder.to_path_buf();
    let linked = name.components().any(|component| {
        part.push(component);
        part.symlink_metadata().is_ok_and(|m| m.is_symlink())
    });
    if !linked {
        return Ok(path);
    }
    let io = |e: std::io::Error| Error::io(&path, &e);
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let target = path.canonicalize().map_err(io)?;
    if target.starts_with(folder.canonicalize().map_err(io)?) {
        return Ok(path);
    }
    let target = target.display();
    Err(Error::unreadable(format!(
        "a link out of the model's folder, to {target}; ignored"
    ))
    .in_file(path)
    .hint("put the file itself there, if it belongs to the model"))
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
