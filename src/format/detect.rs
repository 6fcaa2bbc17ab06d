//! What a path is: a SavedModel, a folder of numbered versions, a `.tflite`, or something else that has a name.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::OpenOptions;
use crate::error::{Error, Result};
use crate::sort;

/// Bytes 4 to 8 of a `.tflite`.
pub(super) const TFLITE_IDENTIFIER: &[u8; 4] = b"TFL3";
/// The last eight bytes of a checkpoint table.
pub(super) const TABLE_MAGIC: [u8; 8] = 0xdb47_7524_8b80_fb57_u64.to_le_bytes();

/// What there is to open.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Tflite(PathBuf),
    SavedModel {
        /// `saved_model.pb` or `saved_model.pbtxt`.
        file: PathBuf,
        /// Numbered versions in the folder above, in ascending order, and the one that was chosen.
        versions: Vec<u64>,
        version: Option<u64>,
        /// Two folders that stand for one number.
        clash: Option<String>,
    },
}

/// A child of a folder of versions.
struct Version {
    number: u64,
    folder: PathBuf,
}

pub(super) fn detect(path: &Path, options: &OpenOptions) -> Result<Found> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) => return missing(path, &e),
    };
    if metadata.is_dir() {
        return folder(path, options);
    }
    if options.version.is_some() {
        return Err(Error::usage("a file has no versions").in_file(path));
    }
    if !metadata.is_file() {
        return Err(Error::unreadable("a pipe or a device, not a model")
            .in_file(path)
            .hint("copy what it gives into a file"));
    }
    match path.file_name().and_then(|n| n.to_str()) {
        Some("saved_model.pb" | "saved_model.pbtxt") => {
            Ok(beside(path.to_path_buf(), path.parent()))
        }
        _ => file(path),
    }
}

/// Nothing at `path`; but `PATH/3` may stand for `PATH/00000003`.
fn missing(path: &Path, error: &std::io::Error) -> Result<Found> {
    let mut not_there = Error::io(path, error);
    let mut index = path.as_os_str().to_owned();
    index.push(".index");
    if Path::new(&index).is_file() {
        not_there = not_there.hint(
            "this is the prefix of a checkpoint: weights without a graph; export a SavedModel from the program that made it",
        );
    }
    let (Some(parent), Some(number)) = (path.parent(), number_of(path)) else {
        return Err(not_there);
    };
    let versions = versions_in(parent);
    if let Some(version) = versions.iter().find(|v| v.number == number) {
        return folder(&version.folder, &OpenOptions::default());
    }
    Err(match versions.is_empty() {
        true => not_there,
        false => not_there.hint(format!("there are versions {}", listed(&versions))),
    })
}

fn folder(path: &Path, options: &OpenOptions) -> Result<Found> {
    if let Some(file) = graph_file(path) {
        let found = beside(file, Some(path));
        return match (&found, options.version) {
            (Found::SavedModel { version, .. }, Some(wanted)) if *version != Some(wanted) => {
                Err(Error::usage(format!(
                    "is one SavedModel, there is no version {wanted} to choose"
                ))
                .in_file(path)
                .hint("give the folder above, which holds the numbered versions"))
            }
            _ => Ok(found),
        };
    }
    let versions = versions_in(path);
    let chosen = match options.version {
        _ if versions.is_empty() => return Err(no_model_in(path)),
        Some(wanted) => versions.iter().find(|v| v.number == wanted),
        None => versions.last(),
    };
    let Some(chosen) = chosen else {
        return Err(Error::usage(format!(
            "no version {}",
            options.version.unwrap_or_default()
        ))
        .in_file(path)
        .hint(format!("there are versions {}", listed(&versions))));
    };
    graph_file(&chosen.folder)
        .map(|file| beside(file, Some(&chosen.folder)))
        .ok_or_else(|| no_model_in(&chosen.folder))
}

/// The SavedModel in `file`, with the versions next to its folder if the folder is named by a number.
fn beside(file: PathBuf, folder: Option<&Path>) -> Found {
    let folder = folder.map(|f| f.canonicalize().unwrap_or_else(|_| f.to_path_buf()));
    let version = folder.as_deref().and_then(number_of);
    let all = match (version, folder.as_deref().and_then(Path::parent)) {
        (Some(_), Some(parent)) => versions_in(parent),
        _ => Vec::new(),
    };
    let clash = all.windows(2).find_map(|pair| match pair {
        [a, b] if a.number == b.number => Some(format!(
            "{} and {} are both version {}",
            a.folder.display(),
            b.folder.display(),
            a.number
        )),
        _ => None,
    });
    let mut versions: Vec<u64> = all.iter().map(|v| v.number).collect();
    versions.dedup();
    Found::SavedModel {
        file,
        versions,
        version,
        clash,
    }
}

/// `saved_model.pb`, else `saved_model.pbtxt`, as TensorFlow chooses.
fn graph_file(folder: &Path) -> Option<PathBuf> {
    ["saved_model.pb", "saved_model.pbtxt"]
        .map(|name| folder.join(name))
        .into_iter()
        .find(|file| file.is_file())
}

/// The number that names a folder; leading zeros are allowed, signs are not.
fn number_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| name.parse().ok())?
}

/// Numbered children that hold a SavedModel, by number. Where two have one number the last by name comes last.
fn versions_in(folder: &Path) -> Vec<Version> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let mut versions: Vec<Version> = children(folder)
        .into_iter()
        .filter_map(|folder| {
            let number = number_of(&folder)?;
            graph_file(&folder)?;
            Some(Version { number, folder })
        })
        .collect();
    sort::by_key(&mut versions, |v| v.number);
    versions
}

/// Paths in a folder in the order of their names; empty when it can't be read.
fn children(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|e| e.path()).collect())
        .unwrap_or_default();
    all.sort();
    all
}

fn listed(versions: &[Version]) -> String {
    let numbers: Vec<_> = versions.iter().map(|v| v.number.to_string()).collect();
    numbers.join(", ")
}

/// Folders of a folder without a model that are looked into for one.
const LOOKED_INTO: usize = 100;

/// The folder that one is in has no name of its own.
fn shown(folder: &Path) -> std::path::Display<'_> {
    match folder.as_os_str().is_empty() {
        true => Path::new(".").display(),
        false => folder.display(),
    }
}

/// Says what a folder without a model seems to be.
fn no_model_in(folder: &Path) -> Error {
    let no_model =
        || Error::unreadable("no saved_model.pb, no numbered version in it").in_file(folder);
    if folder.join("saved_model.cpb").exists() {
        return Error::unreadable("a chunked SavedModel (saved_model.cpb) is not supported")
            .in_file(folder)
            .hint("export it again with weights as variables, so that the graph stays under 2 GB");
    }
    let all = children(folder);
    if all.is_empty() {
        return Error::unreadable("an empty folder").in_file(folder);
    }
    let ends_with = |extension: &str| {
        all.iter()
            .find(|p| p.extension().is_some_and(|e| e == extension))
    };
    for extension in ["tflite", "keras", "h5"] {
        if let Some(file) = ends_with(extension) {
            return no_model().hint(format!("did you mean {}?", file.display()));
        }
    }
    if let Some(above) = folder.parent().filter(|above| graph_file(above).is_some()) {
        let part = folder
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        return no_model().hint(format!(
            "{part} is a part of the SavedModel in {}; open that",
            shown(above)
        ));
    }
    if let Some(index) = ends_with("index") {
        return no_model().hint(format!(
            "{} is a checkpoint: weights without a graph; export a SavedModel from the program that made it",
            index.display()
        ));
    }
    if let Some(graph) = ends_with("meta") {
        return no_model().hint(format!(
            "{} is the graph of a TensorFlow 1 checkpoint; export a SavedModel from the program that made it",
            graph.display()
        ));
    }
    if let Some(inner) = all.iter().find(|p| graph_file(p).is_some()) {
        return no_model().hint(format!("there is one in {}", inner.display()));
    }
    let below = all.iter().take(LOOKED_INTO).flat_map(|p| children(p));
    let mut below = below.filter(|p| graph_file(p).is_some());
    if let Some(inner) = below.next() {
        return no_model().hint(format!("there is one in {}", inner.display()));
    }
    no_model().hint("give the folder that holds saved_model.pb, or a .tflite")
}

/// A file that is not named `saved_model.pb[txt]`: the content decides.
fn file(path: &Path) -> Result<Found> {
    let io = |e: std::io::Error| Error::io(path, &e);
    let mut file = File::open(path).map_err(io)?;
    let mut head = Vec::new();
    file.by_ref().take(8).read_to_end(&mut head).map_err(io)?;
    if head.get(4..8) == Some(TFLITE_IDENTIFIER) {
        return Ok(Found::Tflite(path.to_path_buf()));
    }
    let bytes = file.metadata().map_err(io)?.len();
    let mut tail = Vec::new();
    if bytes >= 48 && file.seek(SeekFrom::End(-8)).is_ok() {
        file.take(8).read_to_end(&mut tail).map_err(io)?;
    }
    Err(not_a_model(path, bytes, &head, &tail).in_file(path))
}

/// `fingerprint.pb` or `keras_metadata.pb`
fn is_side_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str());
    matches!(name, Some("fingerprint.pb" | "keras_metadata.pb"))
}

/// Says what a file seems to be.
fn not_a_model(path: &Path, bytes: u64, head: &[u8], tail: &[u8]) -> Error {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    let other = |what: &str, hint: &str| Error::unreadable(what).hint(hint);
    match (extension, head) {
        ("tflite", _) if bytes < 8 => {
            Error::unreadable(format!("{bytes} bytes; a .tflite has at least 8"))
        }
        (_, []) => Error::unreadable("an empty file"),
        ("tflite", _) => Error::unreadable(format!(
            "no .tflite: bytes 4 to 8 are {:02x?}, expected \"TFL3\"",
            head.get(4..8).unwrap_or_default()
        ))
        .hint("the file is damaged, or something else under this name"),
        ("cpb", _) => other(
            "a chunked SavedModel (.cpb) is not supported",
            "export it again with weights as variables, so that the graph stays under 2 GB",
        ),
        ("index", _) if tail == TABLE_MAGIC => other(
            "the index of a checkpoint: names of weights without a graph",
            "open the SavedModel folder that it belongs to",
        ),
        (_, _) if tail == TABLE_MAGIC => other(
            "a V1 checkpoint",
            "save it again with tf.train.Saver (V2) and export a SavedModel",
        ),
        ("meta", [0x0a, ..]) => other(
            "the graph of a TensorFlow 1 checkpoint (a MetaGraphDef), not a SavedModel",
            "load it with tf.compat.v1.train.import_meta_graph and export a SavedModel",
        ),
        ("h5" | "hdf5" | "keras", _) | (_, [0x89, b'H', b'D', b'F', ..]) => other(
            "a Keras file, not an exported model",
            "load it in Keras and write a SavedModel with model.export(\"folder\")",
        ),
        (_, [b'P', b'K', 3, 4, ..]) => other(
            "a ZIP archive",
            "unpack it (a MediaPipe .task holds .tflite files) and open what is inside",
        ),
        ("onnx" | "pt" | "pth" | "safetensors" | "gguf", _) => other(
            "a model of another family",
            "mexplore opens TensorFlow SavedModels and .tflite files",
        ),
        ("pb", _) if is_side_file(path) => other(
            "a file that lies beside a SavedModel's graph",
            "open the folder that it is in",
        ),
        (extension, _) if extension.starts_with("data-") => other(
            "a data file of a checkpoint: values without names or a graph",
            "open the SavedModel folder that it belongs to",
        ),
        ("pb", [0x0a, ..]) => other(
            "a bare GraphDef (a frozen graph), not a SavedModel",
            "wrap it with tf.compat.v1.saved_model.Builder, or convert it with TensorFlow 1's tflite_convert",
        ),
        ("pb" | "pbtxt", _) => other(
            "a SavedModel's graph must be named saved_model.pb or saved_model.pbtxt",
            "rename it, with variables/ and assets/ beside it",
        ),
        _ => other(
            "not a model that mexplore knows",
            "give a SavedModel folder, a saved_model.pb, or a .tflite",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"\x08\x01").unwrap();
        }
        dir
    }

    fn version_of(path: &Path, version: Option<u64>) -> (Option<u64>, Vec<u64>) {
        match detect(path, &OpenOptions { version }).unwrap() {
            Found::SavedModel {
                version, versions, ..
            } => (version, versions),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_newest_version_is_taken_and_any_can_be_picked() {
        let dir = folder_with(&[
            "1/saved_model.pb",
            "0010/saved_model.pb",
            "9/saved_model.pbtxt",
            "11/other",
            "x/saved_model.pb",
        ]);
        assert_eq!(version_of(dir.path(), None), (Some(10), vec![1, 9, 10]));
        assert_eq!(version_of(dir.path(), Some(9)).0, Some(9));
        assert_eq!(version_of(&dir.path().join("10"), None).0, Some(10));
        assert_eq!(
            version_of(&dir.path().join("1"), None),
            (Some(1), vec![1, 9, 10])
        );
        let options = OpenOptions { version: Some(2) };
        let error = detect(dir.path(), &options).unwrap_err();
        assert_eq!(error.advice(), Some("there are versions 1, 9, 10"));
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn the_binary_graph_wins_over_the_text() {
        let dir = folder_with(&["saved_model.pb", "saved_model.pbtxt"]);
        let Found::SavedModel { file, version, .. } =
            detect(dir.path(), &OpenOptions::default()).unwrap()
        else {
            panic!()
        };
        assert_eq!(
            (file.extension().unwrap().to_str(), version),
            (Some("pb"), None)
        );
    }

    #[test]
    fn two_folders_of_one_number_are_told() {
        let dir = folder_with(&["1/saved_model.pb", "001/saved_model.pb"]);
        let Found::SavedModel { clash, .. } = detect(dir.path(), &OpenOptions::default()).unwrap()
        else {
            panic!()
        };
        assert!(clash.unwrap().contains("are both version 1"));
    }

    #[test]
    fn content_decides_about_a_tflite() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.bin");
        fs::write(&path, b"\x1c\0\0\0TFL3\0\0\0\0").unwrap();
        assert_eq!(
            detect(&path, &OpenOptions::default()).unwrap(),
            Found::Tflite(path)
        );
    }

    #[test]
    fn other_things_are_called_by_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let say = |name: &str, content: &[u8]| {
            let path = dir.path().join(name);
            fs::write(&path, content).unwrap();
            detect(&path, &OpenOptions::default())
                .unwrap_err()
                .what()
                .to_owned()
        };
        let mut checkpoint = vec![0; 48];
        checkpoint.extend(TABLE_MAGIC);
        assert_eq!(say("a.tflite", b"TFL"), "3 bytes; a .tflite has at least 8");
        assert!(say("b.tflite", &[0; 20]).starts_with("no .tflite"));
        assert!(say("frozen.pb", b"\x0a\x10").starts_with("a bare GraphDef"));
        assert!(say("model.ckpt", &checkpoint).starts_with("a V1 checkpoint"));
        assert!(
            say("model.ckpt.meta", b"\x0a\x08\x12....").starts_with("the graph of a TensorFlow 1")
        );
        assert!(say("variables.index", &checkpoint).starts_with("the index"));
        assert!(say("m.keras", b"PK\x03\x04....").starts_with("a Keras file"));
        assert!(say("m.task", b"PK\x03\x04....").starts_with("a ZIP"));
        assert!(say("fingerprint.pb", b"\x08\x01").starts_with("a file that lies beside"));
        assert!(say("variables.data-00000-of-00001", b"1234").starts_with("a data file"));
        assert_eq!(say("empty", b""), "an empty file");
        let error = detect(dir.path(), &OpenOptions::default()).unwrap_err();
        assert!(error.advice().unwrap().starts_with("did you mean"));
    }

    #[test]
    fn parts_of_a_model_lead_to_it() {
        let dir = folder_with(&[
            "saved_model.pb",
            "variables/variables.index",
            "assets/v.txt",
        ]);
        for part in ["variables", "assets"] {
            let error = detect(&dir.path().join(part), &OpenOptions::default()).unwrap_err();
            let advice = error.advice().unwrap();
            assert!(
                advice.starts_with(&format!("{part} is a part of")),
                "{advice}"
            );
        }
        let dir = folder_with(&["ckpt-1.index"]);
        let error = detect(&dir.path().join("ckpt-1"), &OpenOptions::default()).unwrap_err();
        assert!(error.advice().unwrap().contains("prefix of a checkpoint"));
    }

    #[test]
    fn folders_without_a_model_say_what_is_there() {
        let advice = |files: &[&str]| {
            let dir = folder_with(files);
            let error = detect(dir.path(), &OpenOptions::default()).unwrap_err();
            format!("{}; {}", error.what(), error.advice().unwrap_or(""))
        };
        assert!(advice(&[]).starts_with("an empty folder"));
        assert!(advice(&["saved_model.cpb"]).contains("chunked"));
        assert!(advice(&["ckpt-1.index", "checkpoint"]).contains("weights without a graph"));
        assert!(advice(&["checkpoint", "model.ckpt", "model.ckpt.meta"]).contains("TensorFlow 1"));
        assert!(advice(&["inner/saved_model.pb"]).contains("there is one in"));
        assert!(advice(&["all/inner/saved_model.pb"]).contains("all/inner"));
    }
}
