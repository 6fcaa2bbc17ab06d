//! Crossed features: every combination of one feature of each column, row by row.

use super::segment::{view, whole_numbers};
use super::tokens::numbers;
use super::{Context, Fact, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::text::hash;
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["SparseCross", "SparseCrossV2", "SparseCrossHashed"],
        &[],
        infer,
        prepare,
    ),
    Operator::new(&["RaggedCross"], &[], infer_ragged, prepare_ragged),
];

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
    check_room(inputs, rows)?;
    let mut columns = Vec::new();
    for at in 0..sparse {
        let (indices, values) = (view(inputs, at)?, view(inputs, sparse + at)?);
        columns.push(of_sparse(&indices, &values, rows)?);
    }
    for at in 3 * sparse..dense_end {
        columns.push(of_dense(&view(inputs, at)?, rows)?);
    }
    Ok(columns)
}

/// Rows without any feature cost a list each.
fn check_room(inputs: &[Option<View<'_>>], rows: usize) -> Result<()> {
    let sizes = inputs.iter().flatten();
    let total: usize = sizes.map(|v| v.shape.iter().product::<usize>()).sum();
    match rows > total.saturating_mul(64).saturating_add(1 << 20) {
        true => Err(Error::usage(format!("{rows} rows of {total} features"))),
        false => Ok(()),
    }
}

fn of_sparse(indices: &View<'_>, values: &View<'_>, rows: usize) -> Result<Column> {
    let places = whole_numbers(indices)?;
    let rank = indices.shape.get(1).copied().unwrap_or(1).max(1);
    let mut column: Column = (0..rows).map(|_| Vec::new()).collect();
    for (place, feature) in places.chunks_exact(rank).zip(features(values)?) {
        let row = usize::try_from(place[0])
            .ok()
            .and_then(|row| column.get_mut(row));
        row.ok_or_else(|| Error::usage(format!("row {} of {rows}", place[0])))?
            .push(feature);
    }
    Ok(column)
}

fn of_dense(values: &View<'_>, rows: usize) -> Result<Column> {
    let &[count, width] = values.shape else {
        return Err(Error::usage(format!("features of {:?}", values.shape)));
    };
    check_rows(count, rows)?;
    let mut features = features(values)?.into_iter();
    let row = |_| features.by_ref().take(width).collect();
    Ok((0..rows).map(row).collect())
}

fn check_rows(count: usize, rows: usize) -> Result<()> {
    match count == rows {
        true => Ok(()),
        false => Err(Error::usage(format!("{count} rows beside {rows}"))),
    }
}

/// Crosses of rows, and where each row of them ends.
fn infer_ragged(cx: &Context) -> Result<Vec<Fact>> {
    let list = || Shape(Some(vec![-1]));
    let values = Fact::new(cx.out_dtype(0)?, list());
    Ok(vec![values, Fact::new(cx.out_dtype(1)?, list())])
}

/// # Errors
/// Values of another type than such crosses have.
fn ragged_rule(cx: &Context) -> Result<Rule> {
    let (rule, dtype) = match cx.attr_bool("hashed_output") {
        true => {
            let rule = Rule::Hashed {
                key: Some(cx.attr_int("hash_key", 0) as u64),
                buckets: cx.attr_int("num_buckets", 0).max(0) as u64,
            };
            (rule, DType::Int64)
        }
        false => (Rule::Joined, DType::String),
    };
    match cx.out_dtype(0)? {
        own if own == dtype => Ok(rule),
        other => Err(cx.no_kernel(other)),
    }
}

fn prepare_ragged(cx: &Context) -> Result<Prepared> {
    let order = cx.node.attrs.text("input_order").unwrap_or_default();
    let order = order.as_bytes().to_vec();
    let count = |kind: u8| order.iter().filter(|&&k| k == kind).count();
    let (ragged, sparse, dense) = (count(b'R'), count(b'S'), count(b'D'));
    if ragged + sparse + dense != order.len()
        || 2 * ragged + 3 * sparse + dense != cx.node.inputs.len()
        || order.is_empty()
    {
        return Err(cx.wrong(format!(
            "{} inputs in the order {:?}",
            cx.node.inputs.len(),
            String::from_utf8_lossy(&order)
        )));
    }
    let (rule, ends) = (ragged_rule(cx)?, cx.out_dtype(1)?);
    Prepared::compute(move |inputs| {
        let first_sparse = 2 * ragged;
        let first_dense = first_sparse + 3 * sparse;
        let rows = match (ragged, dense) {
            (1.., _) => view(inputs, ragged)?
                .shape
                .iter()
                .product::<usize>()
                .saturating_sub(1),
            (0, 1..) => view(inputs, first_dense)?
                .shape
                .first()
                .copied()
                .unwrap_or(0),
            _ => sparse_rows(inputs, first_sparse + 2 * sparse)?,
        };
        check_room(inputs, rows)?;
        let (mut next_ragged, mut next_sparse, mut next_dense) = (0, 0, 0);
        let mut columns = Vec::new();
        for kind in &order {
            columns.push(match kind {
                b'R' => {
                    let at = next_ragged;
                    next_ragged += 1;
                    of_ragged(&view(inputs, at)?, &view(inputs, ragged + at)?, rows)?
                }
                b'S' => {
                    let at = first_sparse + next_sparse;
                    next_sparse += 1;
                    check_rows(sparse_rows(inputs, at + 2 * sparse)?, rows)?;
                    of_sparse(&view(inputs, at)?, &view(inputs, at + sparse)?, rows)?
                }
                _ => {
                    next_dense += 1;
                    of_dense(&view(inputs, first_dense + next_dense - 1)?, rows)?
                }
            });
        }
        let mut found = crossed(&columns, rule, b"_X_")?.into_iter();
        let (Some(places), Some(values)) = (found.next(), found.next()) else {
            return Err(Error::unsupported("crosses without values"));
        };
        let mut splits = vec![0i64; rows + 1];
        for place in places.values::<i64>().unwrap_or_default().chunks_exact(2) {
            splits[place[0] as usize + 1] += 1;
        }
        for row in 0..rows {
            splits[row + 1] += splits[row];
        }
        Ok(vec![values, numbers(ends, &[rows + 1], &splits)])
    })
}

/// The rows that the shape in this input tells.
fn sparse_rows(inputs: &[Option<View<'_>>], shape: usize) -> Result<usize> {
    let shape = whole_numbers(&view(inputs, shape)?)?;
    let rows = shape.first().and_then(|&rows| usize::try_from(rows).ok());
    rows.ok_or_else(|| Error::usage(format!("sparse features of {shape:?}")))
}

fn of_ragged(values: &View<'_>, splits: &View<'_>, rows: usize) -> Result<Column> {
    let splits = whole_numbers(splits)?;
    check_rows(splits.len().saturating_sub(1), rows)?;
    let features = features(values)?;
    let rises = splits.windows(2).all(|pair| pair[0] <= pair[1]);
    if splits.first() != Some(&0) || !rises || splits.last() != Some(&(features.len() as i64)) {
        return Err(Error::usage(format!(
            "ends of rows that don't rise from 0 to {}",
            features.len()
        )));
    }
    let mut features = features.into_iter();
    let row = |pair: &[i64]| {
        features
            .by_ref()
            .take((pair[1] - pair[0]) as usize)
            .collect()
    };
    Ok(splits.windows(2).map(row).collect())
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
    let (mut indices, mut hashes, mut texts) = (Vec::new(), Vec::new(), Vec::new());
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
                Rule::Hashed { key, buckets } => hashes.push(hashed(&picked, key, buckets)),
            }
        }
    }
    let values = match rule {
        Rule::Joined => Tensor::from_strings(&[texts.len()], texts),
        Rule::Hashed { .. } => Tensor::from_values(&[hashes.len()], &hashes),
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
