//! Strings taken apart and put together along an axis: words, runs of words, rows joined.

use super::segment::{view, whole_numbers};
use super::{Context, Fact, Operator, Prepared};
use crate::error::{Error, Result};
use crate::model::{Attr, DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["StringSplit", "StringSplitV2"],
        &[],
        infer_split,
        prepare_split,
    ),
    Operator::new(&["StringNGrams"], &[], infer_runs, prepare_runs),
    Operator::new(&["ReduceJoin"], &[], infer_joined, prepare_joined),
    Operator::new(
        &["UnsortedSegmentJoin"],
        &[],
        infer_joined,
        prepare_segments,
    ),
];

pub(super) fn text(cx: &Context, name: &str) -> Vec<u8> {
    match cx.attr(name) {
        Some(Attr::Bytes(bytes)) => bytes.to_vec(),
        Some(other) => other.as_text().unwrap_or_default().as_bytes().to_vec(),
        None => Vec::new(),
    }
}

pub(super) fn row(dtype: DType) -> Fact {
    Fact::new(dtype, Shape(Some(vec![-1])))
}

fn infer_split(_: &Context) -> Result<Vec<Fact>> {
    Ok(vec![
        Fact::new(DType::Int64, Shape(Some(vec![-1, 2]))),
        row(DType::String),
        Fact::fixed(DType::Int64, &[2]),
    ])
}

/// Words of each string, as a sparse matrix with a row per string.
fn prepare_split(cx: &Context) -> Result<Prepared> {
    let most = usize::try_from(cx.attr_int("maxsplit", -1))
        .ok()
        .filter(|&n| n > 0);
    let by_letter = &*cx.node.op == "StringSplit";
    let skip = cx
        .attr("skip_empty")
        .and_then(Attr::as_bool)
        .unwrap_or(true);
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?.strings()?;
        let separator = view(inputs, 1)?
            .strings()?
            .first()
            .cloned()
            .unwrap_or_default();
        let (mut places, mut words, mut widest) = (Vec::new(), Vec::new(), 0);
        for (row, s) in x.iter().enumerate() {
            let found = match by_letter {
                true => split_at_letters(s, &separator, skip),
                false => split(s, &separator, most),
            };
            widest = widest.max(found.len());
            for (column, word) in found.into_iter().enumerate() {
                places.extend([row as i64, column as i64]);
                words.push(word);
            }
        }
        Ok(vec![
            Tensor::from_values(&[words.len(), 2], &places),
            Tensor::from_strings(&[words.len()], words),
            Tensor::from_values(&[2], &[x.len() as i64, widest as i64]),
        ])
    })
}

/// Each letter of `letters` ends a word; without any, every byte is one.
fn split_at_letters(s: &[u8], letters: &[u8], skip: bool) -> Vec<Vec<u8>> {
    if letters.is_empty() {
        return s.iter().map(|&byte| vec![byte]).collect();
    }
    if s.is_empty() {
        return Vec::new();
    }
    let words = s.split(|byte| letters.contains(byte));
    words
        .filter(|w| !skip || !w.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}

/// As TensorFlow splits: at runs of whitespace where there is no separator. At most `most` cuts, the rest stays whole;
/// behind the last cut it stands even where whitespace was all that followed.
pub(super) fn split(s: &[u8], separator: &[u8], most: Option<usize>) -> Vec<Vec<u8>> {
    let space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0B;
    let mut words = Vec::new();
    let mut rest = s;
    if separator.is_empty() {
        loop {
            let start = rest.iter().position(|b| !space(b)).unwrap_or(rest.len());
            rest = &rest[start..];
            if most == Some(words.len()) {
                words.push(rest.to_vec());
                return words;
            }
            if rest.is_empty() {
                return words;
            }
            let end = rest.iter().position(space).unwrap_or(rest.len());
            words.push(rest[..end].to_vec());
            rest = &rest[end..];
        }
    }
    loop {
        let found = rest
            .windows(separator.len())
            .position(|part| part == separator);
        match found.filter(|_| most != Some(words.len())) {
            Some(at) => {
                words.push(rest[..at].to_vec());
                rest = &rest[at + separator.len()..];
            }
            None => {
                words.push(rest.to_vec());
                return words;
            }
        }
    }
}

/// Whole numbers as `dtype` has them.
pub(super) fn numbers(dtype: DType, shape: &[usize], values: &[i64]) -> Tensor {
    match dtype {
        DType::Int32 => {
            let values: Vec<i32> = values.iter().map(|&v| v as i32).collect();
            Tensor::from_values(shape, &values)
        }
        _ => Tensor::from_values(shape, values),
    }
}

fn infer_runs(cx: &Context) -> Result<Vec<Fact>> {
    Ok(vec![
        row(DType::String),
        Fact::new(cx.dtype(1)?, cx.shape(1)?.clone()),
    ])
}

/// Runs of neighbouring strings of a row, joined; rows get padding at both ends.
struct Runs {
    separator: Vec<u8>,
    left: Vec<u8>,
    right: Vec<u8>,
    pad: i64,
}

impl Runs {
    fn padding(&self, width: i64) -> i64 {
        match self.pad {
            ..0 => width - 1,
            pad => pad.min(width - 1),
        }
    }

    fn count(&self, length: i64, width: i64) -> i64 {
        (length + 2 * self.padding(width) - width + 1).max(0)
    }

    /// `count` runs of `width` strings of a row, paddings included.
    fn push(&self, row: &[Vec<u8>], count: i64, width: i64, out: &mut Vec<Vec<u8>>) {
        let pad = self.padding(width);
        for at in 0..count {
            let left = (pad - at).max(0);
            let right = (pad - (count - at - 1)).max(0);
            let first = if left > 0 { 0 } else { at - pad };
            let words = (width - left - right).max(0);
            let start = usize::try_from(first).unwrap_or(0);
            let own = row.iter().skip(start).take(words as usize);
            let parts = std::iter::repeat_n(&self.left, left as usize)
                .chain(own)
                .chain(std::iter::repeat_n(&self.right, right as usize));
            out.push(joined(parts, &self.separator));
        }
    }
}

fn joined<'s>(parts: impl Iterator<Item = &'s Vec<u8>>, separator: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, part) in parts.enumerate() {
        if at > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(part);
    }
    out
}

fn prepare_runs(cx: &Context) -> Result<Prepared> {
    /// Wider runs than this are a damaged file's.
    const WIDEST: i64 = 1 << 16;
    let runs = Runs {
        separator: text(cx, "separator"),
        left: text(cx, "left_pad"),
        right: text(cx, "right_pad"),
        pad: cx.attr_int("pad_width", -1),
    };
    let widths = cx.node.attrs.ints("ngram_widths").unwrap_or_default();
    if widths.iter().any(|w| !(1..=WIDEST).contains(w)) || runs.pad > WIDEST {
        return Err(cx.wrong(format!("runs of {widths:?} padded by {}", runs.pad)));
    }
    let (short, dtype) = (cx.attr_bool("preserve_short_sequences"), cx.dtype(1)?);
    Prepared::compute(move |inputs| {
        let data = view(inputs, 0)?.strings()?;
        let splits = whole_numbers(&view(inputs, 1)?)?;
        let (mut out, mut ends) = (Vec::new(), Vec::new());
        ends.extend(splits.first().map(|_| 0i64));
        for pair in splits.windows(2) {
            let part = usize::try_from(pair[0])
                .ok()
                .zip(usize::try_from(pair[1]).ok());
            let row = part.and_then(|(start, end)| data.get(start..end));
            let row =
                row.ok_or_else(|| Error::usage(format!("a row from {} to {}", pair[0], pair[1])))?;
            let (before, length) = (out.len(), row.len() as i64);
            for &width in &widths {
                runs.push(row, runs.count(length, width), width, &mut out);
            }
            if short && out.len() == before && length > 0 {
                runs.push(row, 1, length + 2 * runs.pad.max(0), &mut out);
            }
            ends.push(out.len() as i64);
        }
        let ends = numbers(dtype, &[ends.len()], &ends);
        Ok(vec![Tensor::from_strings(&[out.len()], out), ends])
    })
}

fn infer_joined(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::String, Shape::UNKNOWN)
}

/// Strings along some axes joined to one.
fn prepare_joined(cx: &Context) -> Result<Prepared> {
    let (separator, keep) = (text(cx, "separator"), cx.attr_bool("keep_dims"));
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let rank = x.shape.len();
        let mut axes = Vec::new();
        for axis in whole_numbers(&view(inputs, 1)?)? {
            let at = if axis < 0 { axis + rank as i64 } else { axis };
            let at = usize::try_from(at)
                .ok()
                .filter(|at| *at < rank && !axes.contains(at));
            axes.push(at.ok_or_else(|| Error::usage(format!("axis {axis} of {:?}", x.shape)))?);
        }
        let kept: Vec<usize> = (0..rank).filter(|axis| !axes.contains(axis)).collect();
        let mut strides = vec![1usize; rank];
        for axis in (1..rank).rev() {
            strides[axis - 1] = strides[axis] * x.shape[axis];
        }
        let offsets = |order: &[usize]| {
            let mut offsets = vec![0usize];
            for &axis in order {
                let more = |&at: &usize| (0..x.shape[axis]).map(move |i| (at, i));
                let step = strides[axis];
                offsets = offsets
                    .iter()
                    .flat_map(more)
                    .map(|(at, i)| at + i * step)
                    .collect();
            }
            offsets
        };
        let strings = x.strings()?;
        // The axis named first goes fastest.
        let order: Vec<usize> = axes.iter().rev().copied().collect();
        let (starts, within) = (offsets(&kept), offsets(&order));
        let join = |start: &usize| joined(within.iter().map(|at| &strings[start + at]), &separator);
        let out: Vec<Vec<u8>> = starts.iter().map(join).collect();
        let size = |axis: usize| {
            if axes.contains(&axis) {
                1
            } else {
                x.shape[axis]
            }
        };
        let shape: Vec<usize> = match keep {
            true => (0..rank).map(size).collect(),
            false => kept.iter().map(|&axis| x.shape[axis]).collect(),
        };
        Ok(vec![Tensor::from_strings(&shape, out)])
    })
}

fn prepare_segments(cx: &Context) -> Result<Prepared> {
    let separator = text(cx, "separator");
    Prepared::compute(move |inputs| {
        let (x, ids) = (view(inputs, 0)?, view(inputs, 1)?);
        let count = whole_numbers(&view(inputs, 2)?)?
            .first()
            .copied()
            .unwrap_or(0);
        let depth = ids.shape.len();
        let ids = whole_numbers(&ids)?;
        let strings = x.strings()?;
        let count = usize::try_from(count).ok().filter(|&n| n <= 1 << 28);
        let (Some(count), Some(row)) = (count, x.shape.get(depth..)) else {
            return Err(Error::usage("segments that don't fit the strings"));
        };
        let width: usize = row.iter().product();
        let mut parts: Vec<Vec<&Vec<u8>>> = vec![Vec::new(); count * width];
        for (at, &id) in ids.iter().enumerate() {
            let Ok(id) = usize::try_from(id) else {
                continue;
            };
            for column in 0..width {
                let (Some(part), Some(s)) = (
                    parts.get_mut(id * width + column),
                    strings.get(at * width + column),
                ) else {
                    return Err(Error::usage(format!(
                        "segment {id} where there are {count}"
                    )));
                };
                part.push(s);
            }
        }
        let out = parts
            .into_iter()
            .map(|part| joined(part.into_iter(), &separator))
            .collect();
        Ok(vec![Tensor::from_strings(&[&[count], row].concat(), out)])
    })
}
