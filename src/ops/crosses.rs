//! Crossed features: every combination of one feature of each column, row by row.

use super::segment::{view, whole_numbers};
use super::{Context, Fact, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::text::hash;
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[Operator::new(
    &["SparseCross", "SparseCrossV2", "SparseCrossHashed"],
    &[],
    infer,
    prepare,
)];

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let list = |dims: &[i64]| Shape(Some(dims.to_vec()));
    Ok(vec![
        Fact::new(DType::Int64, list(&[-1, 2])),
        Fact::new(cx.out_dtype(1)?, list(&[-1])),
        Fact::new(DType::Int64, list(&[2])),
    ])
}

/// A feature as text and as the number that is hashed.
struct Feature {
    text: Vec<u8>,
    number: u64,
}

/// The features of one column, by row.
type Column = Vec<Vec<Feature>>;

/// What becomes of a combination.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// The texts joined.
    Joined,
    /// A hash that begins with this key and ends below this many buckets (0: below 2^63 - 1).
    Hashed { key: Option<u64>, buckets: u64 },
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let sparse = usize::try_from(cx.attr_int("N", 0)).unwrap_or(0);
    let (op, hashed) = (cx.node.op.clone(), cx.attr_bool("hashed_output"));
    let key = cx.attr_int("hash_key", 0) as u64;
    let buckets = cx.attr_int("num_buckets", 0).max(0) as u64;
    let count = cx.node.inputs.len();
    Prepared::compute(move |inputs| {
        // Behind the columns come what their operators tell at run time.
        let settings = match &*op {
            "SparseCross" => 0,
            "SparseCrossV2" => 1,
            _ => 3,
        };
        let dense_end = count.saturating_sub(settings);
        let number = |at: usize| -> Result<i64> {
            let values = whole_numbers(&view(inputs, dense_end + at)?)?;
            Ok(values.first().copied().unwrap_or(0))
        };
        let mut separator = b"_X_".to_vec();
        let rule = match &*op {
            "SparseCross" if hashed => Rule::Hashed {
                key: Some(key),
                buckets,
            },
            "SparseCross" => Rule::Joined,
            "SparseCrossV2" => {
                let told = view(inputs, dense_end)?;
                separator = told.strings()?.first().cloned().unwrap_or_default();
                Rule::Joined
            }
            _ => {
                // TensorFlow 2.21 does not survive it, so that nothing says what is right.
                if view(inputs, dense_end + 1)?.bytes().first() == Some(&1) {
                    return Err(Error::unsupported("crosses of strongly hashed features"));
                }
                let buckets = number(0)?.max(0) as u64;
                Rule::Hashed { key: None, buckets }
            }
        };
        let columns = columns(inputs, sparse, dense_end)?;
        crossed(&columns, rule, &separator)
    })
}

fn columns(inputs: &[Option<View<'_>>], sparse: usize, dense_end: usize) -> Result<Vec<Column>> {
    let rows = match sparse {
        0 => view(inputs, 0)?.shape.first().copied().unwrap_or(0),
        _ => {
            let shape = whole_numbers(&view(inputs, 2 * sparse)?)?;
            let rows = shape.first().and_then(|&rows| usize::try_from(rows).ok());
            rows.unwrap_or(0)
        }
    };
    // Rows without any feature cost a list each.
    let total: usize = inputs
        .iter()
        .flatten()
        .map(|v| v.shape.iter().product::<usize>())
        .sum();
    if rows > total.saturating_mul(64).saturating_add(1 << 20) {
        return Err(Error::usage(format!("{rows} rows of {total} features")));
    }
    let mut columns = Vec::new();
    for at in 0..sparse {
        let (indices, values) = (view(inputs, at)?, view(inputs, sparse + at)?);
        let places = whole_numbers(&indices)?;
        let rank = indices.shape.get(1).copied().unwrap_or(1).max(1);
        let mut column: Column = (0..rows).map(|_| Vec::new()).collect();
        let features = features(&values)?;
        for (place, feature) in places.chunks_exact(rank).zip(features) {
            let row = usize::try_from(place[0])
                .ok()
                .and_then(|row| column.get_mut(row));
            row.ok_or_else(|| Error::usage(format!("row {} of {rows}", place[0])))?
                .push(feature);
        }
        columns.push(column);
    }
    for at in 3 * sparse..dense_end {
        let values = view(inputs, at)?;
        let &[count, width] = values.shape else {
            return Err(Error::usage(format!("features of {:?}", values.shape)));
        };
        if count != rows {
            return Err(Error::usage(format!("{count} rows beside {rows}")));
        }
        let mut features = features(&values)?.into_iter();
        let row = |_| features.by_ref().take(width).collect();
        columns.push((0..rows).map(row).collect());
    }
    Ok(columns)
}

fn features(values: &View<'_>) -> Result<Vec<Feature>> {
    if values.dtype == DType::String {
        let feature = |text: &Vec<u8>| Feature {
            number: hash::fingerprint(text),
            text: text.clone(),
        };
        return Ok(values.strings()?.iter().map(feature).collect());
    }
    let feature = |number: i64| Feature {
        text: number.to_string().into_bytes(),
        number: number as u64,
    };
    Ok(whole_numbers(values)?.into_iter().map(feature).collect())
}

/// All combinations of each row, the last column's features changing first.
fn crossed(columns: &[Column], rule: Rule, separator: &[u8]) -> Result<Vec<Tensor>> {
    let rows = columns.first().map_or(0, Vec::len);
    let (mut indices, mut numbers, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    let mut longest = 0;
    for row in 0..rows {
        let lists: Vec<&[Feature]> = columns.iter().map(|column| &column[row][..]).collect();
        let count = lists
            .iter()
            .try_fold(1usize, |n, list| n.checked_mul(list.len()));
        let count = count.filter(|&n| n <= 1 << 28);
        let count =
            count.ok_or_else(|| Error::usage("more combinations than there is room for"))?;
        longest = longest.max(count);
        for number in 0..count {
            indices.extend([row as i64, number as i64]);
            let mut rest = number;
            let mut picked: Vec<&Feature> = (lists.iter().rev())
                .map(|list| {
                    let feature = &list[rest % list.len()];
                    rest /= list.len();
                    feature
                })
                .collect();
            picked.reverse();
            match rule {
                Rule::Joined => {
                    let parts: Vec<&[u8]> = picked.iter().map(|f| &f.text[..]).collect();
                    texts.push(parts.join(separator));
                }
                Rule::Hashed { key, buckets } => numbers.push(hashed(&picked, key, buckets)),
            }
        }
    }
    let values = match rule {
        Rule::Joined => Tensor::from_strings(&[texts.len()], texts),
        Rule::Hashed { .. } => Tensor::from_values(&[numbers.len()], &numbers),
    };
    Ok(vec![
        Tensor::from_values(&[indices.len() / 2, 2], &indices),
        values,
        Tensor::from_values(&[2], &[rows as i64, longest as i64]),
    ])
}

fn hashed(picked: &[&Feature], key: Option<u64>, buckets: u64) -> i64 {
    let mut numbers = picked.iter().map(|feature| feature.number);
    let first = key.or_else(|| numbers.next()).unwrap_or(0);
    let hash = numbers.fold(first, hash::joined);
    let below = match buckets {
        0 => i64::MAX as u64,
        buckets => buckets,
    };
    (hash % below) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TensorFlow 2.21's answers.
    #[test]
    fn numbers_are_hashed_one_onto_the_other() {
        let feature = |number| Feature {
            text: Vec::new(),
            number,
        };
        let (a, b) = (feature(5), feature(7));
        assert_eq!(hashed(&[&a, &b], Some(3), 0), 4_403_323_018_254_933_719);
        assert_eq!(hashed(&[&a, &b], None, 0), 6_266_101_716_160_165);
        assert!((0..8).contains(&hashed(&[&a, &b], None, 8)));
    }

    #[test]
    fn the_last_column_changes_first() {
        let column = |texts: &[&str]| -> Column {
            let feature = |text: &&str| Feature {
                text: text.as_bytes().to_vec(),
                number: 0,
            };
            vec![texts.iter().map(feature).collect(), Vec::new()]
        };
        let columns = [column(&["a", "b"]), column(&["x", "y"])];
        let out = crossed(&columns, Rule::Joined, b"_").unwrap();
        let texts: Vec<&[u8]> = out[1].strings().unwrap().iter().map(|t| &t[..]).collect();
        assert_eq!(texts, [b"a_x", b"a_y", b"b_x", b"b_y"]);
        assert_eq!(out[2].values::<i64>().unwrap(), [2, 4]);
    }
}
