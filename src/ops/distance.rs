//! How far values are from one another: by their sizes, and sequences by what has to be changed to make one the other.

use std::collections::BTreeMap;

use super::segment::{view, whole_numbers};
use super::types::{check_number, with_number};
use super::{Context, Fact, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["EditDistance"], &[], infer_edits, prepare_edits),
    Operator::new(
        &["ApproximateEqual"],
        &[],
        |cx| cx.one(DType::Bool, cx.shape(0)?.clone()),
        prepare_near,
    ),
];

fn prepare_near(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    let tolerance = cx.attr_float("tolerance", 1e-5);
    check_number(cx, dtype)?;
    if cx.sizes(0)? != cx.sizes(1)? {
        return Err(cx.wrong(format!("{} beside {}", cx.shape(0)?, cx.shape(1)?)));
    }
    with_number!(dtype, T => Prepared::function(move |io| {
        // What whole numbers have of it is nothing.
        let most = T::from_f64(f64::from(tolerance as f32));
        let (a, b, out) = (io.input::<T>(0)?, io.input::<T>(1)?, io.output::<u8>(0)?);
        for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
            let off = if a < b { b.sub(a) } else { a.sub(b) };
            *out = u8::from(off <= most);
        }
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

fn infer_edits(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Float32, Shape::UNKNOWN)
}

/// Levenshtein's distance (1966) of the sequences along the last axis of two sparse tensors.
fn prepare_edits(cx: &Context) -> Result<Prepared> {
    let share = cx.node.attrs.bool("normalize").unwrap_or(true);
    Prepared::compute(move |inputs| {
        let [told, truth] = [0, 3].map(|first| Sequences::of(inputs, first));
        let (told, truth) = (told?, truth?);
        if told.sizes.len() != truth.sizes.len() {
            return Err(Error::usage(format!(
                "sequences of {:?} and of {:?}, expected as many axes",
                told.sizes, truth.sizes
            )));
        }
        let pairs = told.sizes.iter().zip(&truth.sizes);
        let mut sizes: Vec<usize> = pairs.map(|(&a, &b)| a.max(b)).collect();
        sizes.pop();
        let mut out = Tensor::zeros(DType::Float32, &sizes)?;
        let distances = out.values_mut::<f32>().unwrap_or_default();
        let mut put = |group: &[usize], value: f32| {
            let place = group.iter().zip(&sizes);
            let place = place.fold(0, |place, (&at, &size)| place * size + at);
            if let Some(out) = distances.get_mut(place) {
                *out = value;
            }
        };
        for (group, own) in &told.groups {
            put(
                group,
                match truth.groups.get(group) {
                    Some(other) => {
                        let distance = edits(other, own) as f32;
                        if share {
                            distance / other.len() as f32
                        } else {
                            distance
                        }
                    }
                    None if share => f32::INFINITY,
                    None => own.len() as f32,
                },
            );
        }
        for (group, own) in &truth.groups {
            if !told.groups.contains_key(group) {
                put(group, if share { 1.0 } else { own.len() as f32 });
            }
        }
        Ok(vec![out])
    })
}

/// The sequences that are not empty, by their indices, each as numbers that are equal where the elements are.
struct Sequences<'v> {
    sizes: Vec<usize>,
    groups: BTreeMap<Vec<usize>, Vec<Element<'v>>>,
}

/// An element of a sequence: a text, or the bytes of a number.
type Element<'v> = &'v [u8];

impl<'v> Sequences<'v> {
    /// Indices, values and sizes are inputs from `first` on.
    fn of(inputs: &[Option<View<'v>>], first: usize) -> Result<Self> {
        let (indices, values) = (view(inputs, first)?, view(inputs, first + 1)?);
        let told = whole_numbers(&view(inputs, first + 2)?)?;
        let sizes = told.iter().map(|&size| usize::try_from(size));
        let sizes = sizes.collect::<std::result::Result<Vec<_>, _>>();
        let sizes = sizes.map_err(|_| Error::usage(format!("the sizes {told:?}")))?;
        let count: usize = values.shape.iter().product();
        if sizes.is_empty() || indices.shape != [count, sizes.len()] {
            return Err(Error::usage(format!(
                "indices of {:?} for {count} values in {told:?}",
                indices.shape
            )));
        }
        let elements: Vec<Element> = match values.dtype {
            DType::String => values.strings()?.iter().map(Vec::as_slice).collect(),
            _ => {
                let width = values.bytes().len().checked_div(count).unwrap_or(0);
                values.bytes().chunks_exact(width.max(1)).collect()
            }
        };
        let indices = whole_numbers(&indices)?;
        let mut groups: BTreeMap<Vec<usize>, Vec<Element>> = BTreeMap::new();
        for (index, element) in indices.chunks_exact(sizes.len()).zip(elements) {
            let index = index.iter().zip(&sizes).map(|(&at, &size)| {
                let at = usize::try_from(at).ok().filter(|&at| at < size);
                at.ok_or_else(|| Error::usage(format!("an index outside of {told:?}")))
            });
            let mut index = index.collect::<Result<Vec<_>>>()?;
            index.pop();
            groups.entry(index).or_default().push(element);
        }
        Ok(Sequences { sizes, groups })
    }
}

/// How many elements have to be put in, left out or changed.
fn edits(a: &[Element<'_>], b: &[Element<'_>]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, a) in a.iter().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], at + 1);
        for (column, b) in b.iter().enumerate() {
            let changed = corner + usize::from(a != b);
            corner = row[column + 1];
            row[column + 1] = changed.min(corner + 1).min(row[column] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_those_of_the_textbook() {
        let letters = |word: &'static str| word.as_bytes().chunks(1).collect::<Vec<_>>();
        for (a, b, count) in [
            ("kitten", "sitting", 3),
            ("", "abc", 3),
            ("flaw", "lawn", 2),
        ] {
            assert_eq!(edits(&letters(a), &letters(b)), count);
            assert_eq!(edits(&letters(b), &letters(a)), count);
        }
    }
}
