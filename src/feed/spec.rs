//! What a person types for an input.

use std::path::Path;

use super::element::build;
use super::{examples, files, fit, generate, literal};
use crate::error::{Error, Result};
use crate::format::npy;
use crate::model::{DType, Port, Shape, Tensor};

/// A tensor for `port` from what a person typed: `zeros`, `ones`, `random`, `random:SEED`, `range`, each also with sizes
/// (`ones(4, 3)`), a literal (`[[1, 2], [3, 4]]`, `0.5`, `"text"`), a `.npy` path, `FILE.npz:KEY[:INDEX]`, an image
/// (`FILE.jpg[:0..255,crop]`), a `.wav`, or a text file: numbers, or for texts one text or its lines (`FILE.txt:lines`).
/// For texts also JSON objects, each a serialized tf.Example, typed or in a `.json` file, and the bytes of any of these
/// files. Unknown sizes become 1 unless the value says more; one number fills the whole shape.
pub fn parse(spec: &str, port: &Port) -> Result<Tensor> {
    parse_told(spec, port).map(|(tensor, _)| tensor)
}

/// As [`parse`], and for a file that was changed to fit what was done with it: `640×480 stretched to 224×224, …`.
pub fn parse_told(spec: &str, port: &Port) -> Result<(Tensor, Option<String>)> {
    match files::read(spec.trim(), port) {
        Some(told) => told,
        None => parse_made(spec.trim(), port).map(|tensor| (tensor, None)),
    }
}

/// All but files by what they hold.
fn parse_made(spec: &str, port: &Port) -> Result<Tensor> {
    if let Some(made) = by_rule(spec, port) {
        return made;
    }
    if spec.ends_with(".npy") {
        let path = Path::new(spec);
        return fit::fit(npy::read_npy(path)?, port).map_err(|e| e.in_file(path));
    }
    if let Some((path, place)) = split_archive(spec) {
        return from_archive(Path::new(path), place, port);
    }
    if literal::looks_like_one(spec) || is_records(spec, port) {
        return from_literal(spec, port);
    }
    // A bare word is a text where a text is wanted.
    if port.dtype == DType::String && !spec.is_empty() {
        return from_literal(&format!("{spec:?}"), port);
    }
    Err(
        Error::usage(format!("can't read {spec:?} as a tensor")).hint(format!(
            "give zeros, ones, random[:SEED], range, a literal such as [[1, 2]], {}",
            files::forms(port)
        )),
    )
}

/// `zeros`, `ones`, `range`, `random[:SEED]`, of the port's sizes or of those behind it: `ones(4, 3)`, and as numpy has it
/// `np.ones((4, 3))`, `np.arange(6)`.
fn by_rule(spec: &str, port: &Port) -> Option<Result<Tensor>> {
    let bare = ["np.", "numpy."]
        .iter()
        .find_map(|module| spec.strip_prefix(module));
    let bare = bare.unwrap_or(spec);
    let (rule, sizes) = match bare.split_once('(') {
        Some((rule, rest)) => (rule.trim(), Some(rest.strip_suffix(')')?)),
        None => (bare, None),
    };
    let (name, seed) = match rule.split_once(':') {
        Some(("random", seed)) => ("random", seed),
        None => (rule, "0"),
        Some(_) => return None,
    };
    if !["zeros", "ones", "range", "arange", "random"].contains(&name) {
        return None;
    }
    let make = || {
        let mut port = port.clone();
        let wanted = port.clone();
        if let Some(sizes) = sizes {
            port.shape = Shape::of(&sizes_of(sizes)?);
        }
        let made = match name {
            "zeros" => generate::filled(&port, 0),
            "ones" => generate::filled(&port, 1),
            "random" => {
                let seed = seed.parse().map_err(|_| {
                    Error::usage(format!("random:{seed}: the seed is a whole number from 0"))
                })?;
                generate::random(&port, seed)
            }
            _ => generate::range(&port),
        };
        fit::fit(made?, &wanted)
    };
    Some(make())
}

/// `4, 3`, `(4, 3)` or `[4, 3]`.
fn sizes_of(text: &str) -> Result<Vec<usize>> {
    let text = text.trim();
    let inside = [('(', ')'), ('[', ']')]
        .iter()
        .find_map(|&(open, close)| text.strip_prefix(open)?.strip_suffix(close));
    let words = inside.unwrap_or(text).split(',').map(str::trim);
    let sizes = words
        .filter(|word| !word.is_empty())
        .map(|word| word.parse().ok());
    sizes.collect::<Option<_>>().ok_or_else(|| {
        Error::usage(format!("sizes of ({text})")).hint("give whole numbers: ones(4, 3)")
    })
}

fn is_records(text: &str, port: &Port) -> bool {
    port.dtype == DType::String && examples::looks_like_some(text)
}

pub(super) fn from_literal(text: &str, port: &Port) -> Result<Tensor> {
    if is_records(text, port) {
        return examples::parse(text, port);
    }
    let literal = literal::parse(text)?;
    let quantization = port.quantization.as_ref();
    if literal.shape.is_empty()
        && let [value] = &literal.elements[..]
    {
        let sizes = generate::sizes(port);
        return build(port.dtype, quantization, &sizes, |_| value.clone());
    }
    let mut elements = literal.elements.into_iter();
    let tensor = build(port.dtype, quantization, &literal.shape, |_| {
        elements
            .next()
            .unwrap_or(super::element::Scalar::Bool(false))
    })?;
    fit::fit(tensor, port)
}

/// `FILE.npz` and what follows the colon after it, or stands in brackets.
fn split_archive(spec: &str) -> Option<(&str, &str)> {
    let at = spec.find(".npz")? + ".npz".len();
    let (path, rest) = spec.split_at_checked(at)?;
    let bracketed = || rest.strip_prefix('[')?.strip_suffix(']');
    match rest.strip_prefix(':').or_else(bracketed) {
        Some(place) => Some((path, place)),
        None => rest.is_empty().then_some((path, "")),
    }
}

fn from_archive(path: &Path, place: &str, port: &Port) -> Result<Tensor> {
    let mut arrays = npy::read_npz(path)?;
    let known = arrays
        .iter()
        .map(|(key, _)| key.clone())
        .collect::<Vec<_>>()
        .join(", ");
    let mut find = |key: &str| {
        let at = arrays.iter().position(|(k, _)| k == key)?;
        Some(arrays.swap_remove(at).1)
    };
    let (tensor, index) = if place.is_empty() {
        let key = if known.contains(", ") {
            &*port.name
        } else {
            &*known
        };
        (find(key), None)
    } else {
        // A key may hold colons itself (`x:0`), so the whole place is tried first.
        let indexed = || {
            let (key, index) = place.rsplit_once(':')?;
            Some((key, index.parse::<usize>().ok()?))
        };
        match find(place) {
            Some(tensor) => (Some(tensor), None),
            None => match indexed() {
                Some((key, index)) => (find(key), Some(index)),
                None => (None, None),
            },
        }
    };
    let tensor = tensor.ok_or_else(|| {
        Error::usage(format!("no array {place:?}"))
            .in_file(path)
            .hint(format!("there are: {known}"))
    })?;
    let tensor = match index {
        Some(index) => fit::slice(&tensor, index),
        None => Ok(tensor),
    };
    tensor
        .and_then(|t| fit::fit(t, port))
        .map_err(|e| e.in_file(path))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn port(dtype: DType, dims: &[i64]) -> Port {
        Port::new("x", dtype, Shape(Some(dims.to_vec())))
    }

    #[test]
    fn one_number_fills_and_a_row_gets_its_batch() {
        let port = port(DType::Float32, &[-1, 3]);
        assert_eq!(parse("0.5", &port).unwrap().numbers(), [0.5; 3]);
        let row = parse("[1, 2, 3]", &port).unwrap();
        assert_eq!(row.shape(), [1, 3]);
        assert_eq!(parse("[[1,2,3],[4,5,6]]", &port).unwrap().shape(), [2, 3]);
        assert_eq!(parse("ones", &port).unwrap().numbers(), [1.0; 3]);
    }

    #[test]
    fn made_values_may_have_sizes_of_their_own() {
        let port = port(DType::Float32, &[-1, 3]);
        let of =
            |spec: &str| parse(spec, &port).map(|t| (t.shape().to_vec(), t.number(t.len() - 1)));
        let last = |rows: usize, value: f64| Ok((vec![rows, 3], Some(value)));
        assert_eq!(of("ones(4, 3)").map_err(|e| e.to_string()), last(4, 1.0));
        assert_eq!(
            of("np.zeros((2,3))").map_err(|e| e.to_string()),
            last(2, 0.0)
        );
        assert_eq!(of("range([2, 3])").map_err(|e| e.to_string()), last(2, 5.0));
        assert_eq!(of("np.arange(3)").map_err(|e| e.to_string()), last(1, 2.0));
        assert_eq!(of("random:7(5, 3)").unwrap().0, [5, 3]);
        assert_eq!(of("random").unwrap().0, [1, 3]);
        for wrong in [
            "ones(x)",
            "ones(2,3",
            "random:x",
            "np.ones((9000000000,3))",
            "np.dot(2)",
        ] {
            assert_eq!(of(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }

    #[test]
    fn a_word_is_text_where_text_is_wanted() {
        let text = parse("good film", &port(DType::String, &[-1])).unwrap();
        assert_eq!(text.strings().unwrap(), [b"good film".to_vec()]);
        let error = parse("good", &port(DType::Float32, &[-1])).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn archives_split_at_their_colon() {
        assert_eq!(split_archive("a/b.npz:k:3"), Some(("a/b.npz", "k:3")));
        assert_eq!(split_archive("b.npz"), Some(("b.npz", "")));
        assert_eq!(split_archive("b.npz[x:0]"), Some(("b.npz", "x:0")));
        assert_eq!(split_archive("b.npzx"), None);
    }
}
