//! Files as inputs, by what they hold.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::element::{Scalar, build};
use super::{examples, fit, generate, literal, pixels, sound, spec};
use crate::error::{Error, Result};
use crate::format::image;
use crate::model::shape::element_count;
use crate::model::{DType, Port, Shape, Tensor};
use crate::sort;

/// A value and, where the file was changed to fit, what was done with it.
pub(super) type Told = (Tensor, Option<String>);

/// No image, sound or text is larger.
const MAX_BYTES: u64 = 1 << 29;

/// Elements of the largest value that a file is brought to.
const MAX_ELEMENTS: usize = 1 << 27;

/// Room for a value of these sizes.
///
/// # Errors
/// It is more than anybody wants, or than there is memory for.
pub(super) fn room(sizes: &[usize]) -> Result<Vec<f32>> {
    let mut values = Vec::new();
    let count = element_count(sizes).filter(|&n| n <= MAX_ELEMENTS);
    let count = count.filter(|&n| values.try_reserve_exact(n).is_ok());
    let count = count.ok_or_else(|| {
        Error::usage(format!(
            "a value of {} is too large to make of it",
            Shape::of(sizes)
        ))
    })?;
    values.resize(count, 0.0);
    Ok(values)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Sound,
    Text,
}

/// By the end of the name.
const KINDS: &[(&str, Kind)] = &[
    ("jpg", Kind::Image),
    ("jpeg", Kind::Image),
    ("png", Kind::Image),
    ("gif", Kind::Image),
    ("webp", Kind::Image),
    ("bmp", Kind::Image),
    ("wav", Kind::Sound),
    ("txt", Kind::Text),
    ("csv", Kind::Text),
    ("tsv", Kind::Text),
    ("json", Kind::Text),
];

/// Whether `spec` names a file whose reading may take longer than a blink.
pub fn names_a_file(spec: &str) -> bool {
    split(spec.trim()).is_some() || spec.contains(".npy") || spec.contains(".npz")
}

/// `spec` with the file in it by its whole path, where there is such a file: it is the same file from another folder.
pub fn with_whole_path(spec: &str) -> String {
    let whole = |path: &str| {
        let path = std::path::absolute(path).ok().filter(|p| p.is_file())?;
        path.to_str().map(str::to_owned)
    };
    let parts = match split(spec) {
        Some((path, ..)) => Some(spec.split_at(path.len())),
        None => [".npy", ".npz"].iter().find_map(|end| {
            let at = spec.find(end)? + end.len();
            spec.split_at_checked(at)
        }),
    };
    match parts.and_then(|(path, rest)| Some((whole(path)?, rest))) {
        Some((path, rest)) => path + rest,
        None => spec.to_owned(),
    }
}

/// The file that `spec` names, what it holds by its name, and what a person wishes behind the colon.
fn split(spec: &str) -> Option<(&str, Kind, &str)> {
    // A quoted text is a text.
    if spec.starts_with(['"', '\'', '[']) {
        return None;
    }
    let lower = spec.to_ascii_lowercase();
    let ends = KINDS.iter().filter_map(|&(end, kind)| {
        let dotted = format!(".{end}");
        let mut places = lower
            .match_indices(&dotted)
            .map(|(at, _)| at + dotted.len());
        let at = places.find(|&at| matches!(lower.as_bytes().get(at), None | Some(b':')))?;
        Some((at, kind))
    });
    let (at, kind) = ends.min_by_key(|(at, _)| *at)?;
    let (path, rest) = spec.split_at_checked(at)?;
    Some((path, kind, rest.strip_prefix(':').unwrap_or_default()))
}

/// The value of `port` from the file that `spec` names; `None` where it names none.
pub(super) fn read(spec: &str, port: &Port) -> Option<Result<Told>> {
    let (path, kind, wishes) = match split(spec) {
        Some(parts) => parts,
        // A file whose name does not say what it holds.
        None if port.dtype != DType::String && Path::new(spec).is_file() => (spec, Kind::Text, ""),
        None => return None,
    };
    let path = Path::new(path);
    // A sentence that ends in "….txt" is a text.
    let is_text = port.dtype == DType::String && spec.contains(char::is_whitespace);
    if is_text && !path.is_file() {
        return None;
    }
    let is_json = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let told = bytes_of(path).and_then(|bytes| {
        if is_json && port.dtype == DType::String && wishes.is_empty() {
            return records(&bytes, port).map(|tensor| (tensor, None));
        }
        let kind = match kind {
            Kind::Text if image::Kind::of(&bytes).is_some() => Kind::Image,
            Kind::Text if bytes.starts_with(b"RIFF") => Kind::Sound,
            kind => kind,
        };
        value(bytes, kind, wishes, port)
    });
    Some(told.map_err(|e| e.in_file(path)))
}

/// The value of `port` from the bytes of a file of kind `kind`.
pub(super) fn value(bytes: Vec<u8>, kind: Kind, wishes: &str, port: &Port) -> Result<Told> {
    let whole = |(tensor, said)| (tensor, Some(said));
    match (kind, port.dtype) {
        (Kind::Text, DType::String) => texts(&bytes, wishes, port),
        (Kind::Text, _) => numbers(&bytes, wishes, port).map(|tensor| (tensor, None)),
        (_, DType::String) => {
            let said = format!("the {} bytes of the file", bytes.len());
            Ok((text(bytes, port)?, Some(said)))
        }
        (Kind::Image, _) => pixels::read(&bytes, wishes, port).map(whole),
        (Kind::Sound, _) => sound::read(&bytes, wishes, port).map(whole),
    }
}

/// The files that can be given for `port`, for hints.
pub fn forms(port: &Port) -> &'static str {
    match port.dtype {
        DType::String => "FILE.npy, FILE.npz:KEY[:INDEX], FILE.txt[:lines], FILE.jpg (its bytes)",
        _ if pixels::takes_images(port) => {
            "FILE.npy, FILE.npz:KEY[:INDEX], FILE.jpg[:-1..1,crop] (or .png, .bmp, .gif, .webp)"
        }
        _ if sound::takes_sounds(port) => {
            "FILE.npy, FILE.npz:KEY[:INDEX], FILE.txt, FILE.wav[:rate=HZ,from=SECONDS]"
        }
        _ => "FILE.npy, FILE.npz:KEY[:INDEX], FILE.txt",
    }
}

/// The image, sound or text behind or before the one that `spec` names in its folder, by name; round at the ends.
pub fn neighbour(spec: &str, forward: bool) -> Option<String> {
    /// Files of a folder that are looked at.
    const MOST: usize = 100_000;
    let (path, kind, wishes) = split(spec)?;
    let path = Path::new(path);
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let entries = std::fs::read_dir(folder).ok()?.take(MOST).flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let same = |name: &String| {
        !name.starts_with('.')
            && split(name).is_some_and(|(_, other, rest)| other == kind && rest.is_empty())
    };
    let mut names: Vec<String> = names.filter(same).collect();
    sort::by(&mut names, String::cmp);
    let at = names
        .iter()
        .position(|name| path.file_name().is_some_and(|own| own == &**name))?;
    let next = match forward {
        true => (at + 1) % names.len(),
        false => (at + names.len() - 1) % names.len(),
    };
    let next = path.with_file_name(&names[next]).to_str()?.to_owned();
    Some(match wishes {
        "" => next,
        wishes => format!("{next}:{wishes}"),
    })
}

fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    let io = |e: std::io::Error| Error::io(path, &e);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::usage(format!(
            "more than {} MB are no input",
            MAX_BYTES >> 20
        )));
    }
    Ok(bytes)
}

/// One text for the whole shape.
fn text(text: Vec<u8>, port: &Port) -> Result<Tensor> {
    build(DType::String, None, &generate::sizes(port), |_| {
        Scalar::Text(text.clone())
    })
}

/// Serialized tf.Examples, one for each JSON object.
fn records(bytes: &[u8], port: &Port) -> Result<Tensor> {
    let text = std::str::from_utf8(bytes).map_err(|e| Error::unreadable(e.to_string()))?;
    examples::parse(text, port)
}

/// The whole file as one text, without the end of its last line; with `lines` a text for each line.
fn texts(bytes: &[u8], wishes: &str, port: &Port) -> Result<Told> {
    let line_ends = |b: &u8| matches!(b, b'\n' | b'\r');
    let end = bytes
        .iter()
        .rposition(|b| !line_ends(b))
        .map_or(0, |at| at + 1);
    let bytes = &bytes[..end];
    match wishes.trim() {
        "" => Ok((text(bytes.to_vec(), port)?, None)),
        "lines" => {
            let lines = bytes.split(|&b| b == b'\n');
            let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec());
            let lines: Vec<Vec<u8>> = lines.collect();
            let said = format!("{} lines", lines.len());
            let tensor = Tensor::from_strings(&[lines.len()], lines);
            Ok((fit::fit(tensor, port)?, Some(said)))
        }
        other => Err(Error::usage(format!("{other:?} behind a text"))
            .hint("give FILE.txt for one text, FILE.txt:lines for a text a line")),
    }
}

/// A literal, or rows of numbers with commas, semicolons or blanks between.
fn numbers(bytes: &[u8], wishes: &str, port: &Port) -> Result<Tensor> {
    if !wishes.is_empty() {
        return Err(Error::usage(format!("{wishes:?} behind numbers")));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        Error::unreadable("it is no text: expected numbers")
            .at(format_args!("byte {}", e.valid_up_to()))
    })?;
    if text.trim_start().starts_with('[') {
        return spec::from_literal(text, port);
    }
    let (mut elements, mut row) = (Vec::new(), None);
    let mut rows = 0;
    for (number, line) in text.lines().enumerate() {
        let before = elements.len();
        for word in line
            .split([',', ';', ' ', '\t'])
            .map(str::trim)
            .filter(|w| !w.is_empty())
        {
            elements.push(literal::number(word).ok_or_else(|| {
                Error::usage(format!("{word:?} is no number"))
                    .at(format_args!("line {}", number + 1))
            })?);
        }
        let length = elements.len() - before;
        if length == 0 {
            continue;
        }
        rows += 1;
        if *row.get_or_insert(length) != length {
            let first = row.unwrap_or(0);
            return Err(
                Error::usage(format!("{length} numbers, in the lines before {first}"))
                    .at(format_args!("line {}", number + 1)),
            );
        }
    }
    let shape = match row {
        None => return Err(Error::usage("a file without numbers")),
        Some(length) if rows == 1 => vec![length],
        Some(1) => vec![rows],
        Some(length) => vec![rows, length],
    };
    let mut elements = elements.into_iter();
    let next = |_| elements.next().unwrap_or(Scalar::Int(0));
    fit::fit(
        build(port.dtype, port.quantization.as_ref(), &shape, next)?,
        port,
    )
}

#[cfg(test)]
mod tests {
    use super::super::spec::tests::port;
    use super::*;

    #[test]
    fn names_split_at_their_kind() {
        assert_eq!(
            split("a/b.JPG:crop,-1..1"),
            Some(("a/b.JPG", Kind::Image, "crop,-1..1"))
        );
        assert_eq!(split("b.txt.wav"), Some(("b.txt.wav", Kind::Sound, "")));
        assert_eq!(split("C:\\x.txt"), Some(("C:\\x.txt", Kind::Text, "")));
        for none in ["x.txt2", "\"x.txt\"", "[1, 2]", "random:1", "a.pngs"] {
            assert_eq!(split(none), None);
        }
    }

    fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (folder, path)
    }

    #[test]
    fn rows_of_numbers_are_a_table() {
        let of = |text: &str, dtype, dims: &[i64]| {
            let (_folder, path) = file("x.csv", text.as_bytes());
            let read = read(&path, &port(dtype, dims)).unwrap();
            read.map(|(t, _)| (t.shape().to_vec(), t.numbers()))
                .map_err(|e| e.fault())
        };
        let table = (vec![2, 3], vec![1.0, 2.5, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(
            of("1, 2.5, 3\n\n4 5;6\n", DType::Float32, &[-1, 3]),
            Ok(table)
        );
        assert_eq!(
            of("7\n8\n9\n", DType::Int64, &[1, 3]),
            Ok((vec![1, 3], vec![7.0, 8.0, 9.0]))
        );
        assert_eq!(
            of("[[1], [2]]", DType::Int8, &[2, 1]),
            Ok((vec![2, 1], vec![1.0, 2.0]))
        );
        let error = |text: &str| of(text, DType::Float32, &[-1]).unwrap_err();
        assert!(error("1\nx\n").contains("line 2"), "{}", error("1\nx\n"));
        assert!(error("1 2\n3\n").contains("line 2"));
        assert!(error("").contains("without numbers"));
    }

    #[test]
    fn texts_are_whole_or_by_line() {
        let (_folder, path) = file("x.txt", b"good film\r\nno\r\n");
        let of =
            |spec: &str, dims: &[i64]| read(spec, &port(DType::String, dims)).unwrap().unwrap().0;
        let whole = of(&path, &[-1]);
        assert_eq!(whole.strings().unwrap(), [b"good film\r\nno".to_vec()]);
        let lines = of(&format!("{path}:lines"), &[-1, 1]);
        assert_eq!(lines.shape(), [2, 1]);
        assert_eq!(lines.strings().unwrap()[1], b"no");
        // A sentence about a file is none; a file that is not there is an error.
        let port = port(DType::String, &[-1]);
        assert!(read("I like x.txt", &port).is_none());
        assert!(read("gone.txt", &port).unwrap().is_err());
        let (_folder, path) = file("x.wav", b"RIFF");
        assert_eq!(of(&path, &[-1]).strings().unwrap(), [b"RIFF".to_vec()]);
    }

    #[test]
    fn the_next_image_of_a_folder() {
        let (folder, path) = file("b.png", b"");
        for name in ["a.JPG", "c.wav", "d.bmp", ".e.png"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        let next = |spec: &str, forward| {
            neighbour(spec, forward)
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned()
        };
        assert_eq!(next(&format!("{path}:crop"), true), "d.bmp:crop");
        assert_eq!(next(&path, false), "a.JPG");
        assert_eq!(next(&path.replace("b.png", "d.bmp"), true), "a.JPG");
        assert_eq!(neighbour("ones", true), None);
    }

    #[test]
    fn a_file_is_the_same_from_another_folder() {
        let (_folder, path) = file("x.png", b"");
        assert_eq!(
            with_whole_path(&format!("{path}:crop")),
            format!("{path}:crop")
        );
        assert_eq!(with_whole_path("gone.png"), "gone.png");
        assert_eq!(with_whole_path("random:1"), "random:1");
        let here = with_whole_path("Cargo.toml");
        assert_eq!(here, "Cargo.toml");
    }
}
