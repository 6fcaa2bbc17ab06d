//! Sets: the last axis of a tensor holds the members of one, in any order; values counted.

use std::collections::{BTreeMap, BTreeSet};

use super::super::reals::{doubles, of_doubles};
use super::super::segment::{view, whole_numbers};
use super::super::types::with_integer;
use super::super::{Content, Context, Operator, Prepared, View};
use super::{Indices, infer_declared, whole};
use crate::error::{Error, Result};
use crate::model::{DType, Tensor};

pub(in super::super) const OPERATORS: &[Operator] = &[
    Operator::new(&["ListDiff"], &[], infer_declared, prepare_difference),
    Operator::new(
        &[
            "DenseToDenseSetOperation",
            "DenseToSparseSetOperation",
            "SparseToSparseSetOperation",
        ],
        &[],
        infer_declared,
        prepare_operation,
    ),
    Operator::new(&["SetSize"], &[], infer_declared, prepare_size),
    Operator::new(
        &[
            "DenseCountSparseOutput",
            "SparseCountSparseOutput",
            "RaggedCountSparseOutput",
        ],
        &[],
        infer_declared,
        prepare_counts,
    ),
];

/// A member of a set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Member {
    Number(i64),
    /// The bits of a real number, which are equal where those are.
    Real(u64),
    Text(Vec<u8>),
}

fn members(view: &View<'_>) -> Result<Vec<Member>> {
    if let Content::Strings(strings) = view.data {
        return Ok(strings.iter().map(|s| Member::Text(s.clone())).collect());
    }
    if view.dtype.is_float() {
        // -0 and 0 are equal.
        let bits = |v: f64| Member::Real((v + 0.0).to_bits());
        return Ok(doubles(view)?.into_iter().map(bits).collect());
    }
    let dtype = view.dtype;
    with_integer!(dtype, T => {
        Ok(view.values::<T>()?.iter().map(|&v| Member::Number(i128::from(v) as i64)).collect())
    }, else Err(Error::unsupported(format!("a set of {dtype}"))))
}

fn tensor(dtype: DType, members: &[Member]) -> Result<Tensor> {
    let shape = [members.len()];
    if dtype == DType::String {
        let text = |member: &Member| match member {
            Member::Text(text) => text.clone(),
            _ => Vec::new(),
        };
        return Ok(Tensor::from_strings(
            &shape,
            members.iter().map(text).collect(),
        ));
    }
    let number = |member: &Member| match member {
        Member::Number(number) => *number,
        _ => 0,
    };
    let numbers = members.iter().map(number);
    with_integer!(dtype, T => {
        let values: Vec<T> = numbers.map(|v| i128::from(v) as T).collect();
        Ok(Tensor::from_values(&shape, &values))
    }, else {
        let real = |member: &Member| match member {
            Member::Real(bits) => f64::from_bits(*bits),
            _ => 0.0,
        };
        of_doubles(dtype, &shape, &members.iter().map(real).collect::<Vec<_>>())
    })
}

/// What of the first list is not in the second, in its order, and where it stands.
fn prepare_difference(cx: &Context) -> Result<Prepared> {
    let (dtype, places) = (cx.dtype(0)?, cx.out_dtype(1)?);
    Prepared::compute(move |inputs| {
        let all = members(&view(inputs, 0)?)?;
        let gone: BTreeSet<Member> = members(&view(inputs, 1)?)?.into_iter().collect();
        let left = all
            .into_iter()
            .enumerate()
            .filter(|(_, m)| !gone.contains(m));
        let (at, left): (Vec<f64>, Vec<Member>) = left.map(|(at, m)| (at as f64, m)).unzip();
        Ok(vec![
            tensor(dtype, &left)?,
            of_doubles(places, &[at.len()], &at)?,
        ])
    })
}

/// Sets by what stands before the last axis.
struct Sets {
    sets: BTreeMap<Vec<i64>, BTreeSet<Member>>,
    /// Of the axes before the last.
    shape: Vec<i64>,
}

impl Sets {
    fn dense(view: &View<'_>) -> Result<Self> {
        let Some((&size, outer)) = view.shape.split_last() else {
            return Err(Error::usage("a set without axes"));
        };
        let members = members(view)?;
        let mut sets = BTreeMap::new();
        for (at, row) in members.chunks(size.max(1)).enumerate() {
            let mut rest = at;
            let mut place: Vec<i64> = (outer.iter().rev())
                .map(|&size| {
                    let index = rest % size.max(1);
                    rest /= size.max(1);
                    index as i64
                })
                .collect();
            place.reverse();
            sets.insert(place, row.iter().cloned().collect());
        }
        let shape = outer.iter().map(|&size| size as i64).collect();
        Ok(Sets { sets, shape })
    }

    fn sparse(inputs: &[Option<View<'_>>], first: usize) -> Result<Self> {
        let (indices, values) = (
            Indices::of(&view(inputs, first)?)?,
            view(inputs, first + 1)?,
        );
        let mut shape = whole_numbers(&view(inputs, first + 2)?)?;
        indices.check(&shape, values.shape.iter().product())?;
        let members = members(&values)?;
        let mut sets: BTreeMap<Vec<i64>, BTreeSet<Member>> = BTreeMap::new();
        for (row, member) in indices.rows().zip(members) {
            let Some((_, place)) = row.split_last() else {
                return Err(Error::usage("a set without axes"));
            };
            sets.entry(place.to_vec()).or_default().insert(member);
        }
        shape.pop();
        Ok(Sets { sets, shape })
    }

    /// Indices, values and shape.
    fn tensors(&self, dtype: DType) -> Result<Vec<Tensor>> {
        let (mut rows, mut all, mut longest) = (Vec::new(), Vec::new(), 0);
        for (place, set) in &self.sets {
            longest = longest.max(set.len());
            for (at, member) in set.iter().enumerate() {
                rows.extend_from_slice(place);
                rows.push(at as i64);
                all.push(member.clone());
            }
        }
        let shape = [&self.shape[..], &[longest as i64]].concat();
        let indices = Tensor::from_values(&[all.len(), shape.len()], &rows);
        Ok(vec![indices, tensor(dtype, &all)?, whole(&shape)])
    }
}

fn prepare_operation(cx: &Context) -> Result<Prepared> {
    let (op, dtype) = (cx.node.op.clone(), cx.out_dtype(1)?);
    let kind = cx
        .node
        .attrs
        .text("set_operation")
        .unwrap_or_default()
        .to_owned();
    if !matches!(&*kind, "a-b" | "b-a" | "intersection" | "union") {
        return Err(cx.wrong(format!("the set operation {kind:?}")));
    }
    Prepared::compute(move |inputs| {
        let (a, b) = match &*op {
            "DenseToDenseSetOperation" => (
                Sets::dense(&view(inputs, 0)?)?,
                Sets::dense(&view(inputs, 1)?)?,
            ),
            "DenseToSparseSetOperation" => {
                (Sets::dense(&view(inputs, 0)?)?, Sets::sparse(inputs, 1)?)
            }
            _ => (Sets::sparse(inputs, 0)?, Sets::sparse(inputs, 3)?),
        };
        if a.shape != b.shape {
            return Err(Error::usage(format!(
                "sets of {:?} and of {:?}",
                a.shape, b.shape
            )));
        }
        let none = BTreeSet::new();
        let places: BTreeSet<&Vec<i64>> = a.sets.keys().chain(b.sets.keys()).collect();
        let sets = places.into_iter().map(|place| {
            let left = a.sets.get(place).unwrap_or(&none);
            let right = b.sets.get(place).unwrap_or(&none);
            let set: BTreeSet<Member> = match &*kind {
                "a-b" => left.difference(right).cloned().collect(),
                "b-a" => right.difference(left).cloned().collect(),
                "union" => left.union(right).cloned().collect(),
                _ => left.intersection(right).cloned().collect(),
            };
            (place.clone(), set)
        });
        let sets = Sets {
            sets: sets.collect(),
            shape: a.shape.clone(),
        };
        sets.tensors(dtype)
    })
}

/// How many members each set has.
fn prepare_size(_: &Context) -> Result<Prepared> {
    Prepared::compute(|inputs| {
        let sets = Sets::sparse(inputs, 0)?;
        let sizes: Vec<usize> = sets.shape.iter().map(|&size| size as usize).collect();
        let mut counts = Tensor::zeros(DType::Int32, &sizes)?;
        if let Some(counts) = counts.values_mut::<i32>() {
            for (place, set) in &sets.sets {
                let axes = place.iter().zip(&sizes);
                let at = axes.fold(0, |flat, (&at, &size)| flat * size + at as usize);
                counts[at] = set.len() as i32;
            }
        }
        Ok(vec![counts])
    })
}

/// How often each number is there, or the sum of its weights, row by row; only numbers that are there.
fn prepare_counts(cx: &Context) -> Result<Prepared> {
    let (op, dtype) = (cx.node.op.clone(), cx.out_dtype(1)?);
    let (least, most) = (cx.attr_int("minlength", -1), cx.attr_int("maxlength", -1));
    let binary = cx.attr_bool("binary_output");
    Prepared::compute(move |inputs| {
        // Which row each value belongs to, and how many rows there are.
        let values_at = usize::from(&*op != "DenseCountSparseOutput");
        let values = view(inputs, values_at)?;
        let numbers = whole_numbers(&values)?;
        let (rows, of_row): (Option<usize>, Vec<usize>) = match &*op {
            "DenseCountSparseOutput" => match values.shape {
                &[count] => (None, vec![0; count]),
                &[rows, each] => (
                    Some(rows),
                    (0..rows * each).map(|at| at / each.max(1)).collect(),
                ),
                other => return Err(Error::usage(format!("counts of {other:?}"))),
            },
            "SparseCountSparseOutput" => {
                let indices = Indices::of(&view(inputs, 0)?)?;
                let shape = whole_numbers(&view(inputs, 2)?)?;
                indices.check(&shape, numbers.len())?;
                match shape.len() {
                    1 => (None, vec![0; numbers.len()]),
                    _ => (
                        Some(shape[0] as usize),
                        indices.rows().map(|row| row[0] as usize).collect(),
                    ),
                }
            }
            _ => {
                let splits = whole_numbers(&view(inputs, 0)?)?;
                let rows = splits.len().saturating_sub(1);
                let row = |at: usize| splits[1..].partition_point(|&end| end <= at as i64);
                let of_row: Vec<usize> = (0..numbers.len()).map(row).collect();
                if splits.is_empty() || of_row.iter().any(|&row| row >= rows) {
                    return Err(Error::usage(format!("rows that end at {splits:?}")));
                }
                (Some(rows), of_row)
            }
        };
        let weights = doubles(&view(inputs, inputs.len() - 1)?)?;
        if !weights.is_empty() && weights.len() != numbers.len() {
            let (weights, values) = (weights.len(), numbers.len());
            return Err(Error::usage(format!(
                "{weights} weights for {values} values"
            )));
        }
        let mut counts = BTreeMap::<(usize, i64), f64>::new();
        for (at, (&number, row)) in numbers.iter().zip(of_row).enumerate() {
            if number < 0 {
                return Err(Error::usage(format!("{number} to be counted")));
            }
            if most > 0 && number >= most {
                continue;
            }
            let count = counts.entry((row, number)).or_default();
            match binary {
                true => *count = 1.0,
                false => *count += weights.get(at).copied().unwrap_or(1.0),
            }
        }
        let largest = numbers.iter().copied().max().unwrap_or(0) + 1;
        let length = if most > 0 { most } else { largest.max(least) };
        let mut places = Vec::new();
        for &(row, number) in counts.keys() {
            places.extend(rows.map(|_| row as i64));
            places.push(number);
        }
        let shape: Vec<i64> = rows.map(|n| n as i64).into_iter().chain([length]).collect();
        let values: Vec<f64> = counts.into_values().collect();
        Ok(vec![
            Tensor::from_values(&[values.len(), shape.len()], &places),
            of_doubles(dtype, &[values.len()], &values)?,
            whole(&shape),
        ])
    })
}
