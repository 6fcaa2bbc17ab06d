//! The largest values of an output with their labels.

use crate::model::Tensor;
use crate::sort;

/// Index, value and label of one of the largest elements along the last axis.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Ranked {
    /// Which row it is of, counted over all axes but the last; `None` where only one is looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    pub index: usize,
    pub value: f64,
    pub label: Option<String>,
}

/// The `k` largest of the first row, largest first. Equal values keep the order of their indices; NaN comes last.
pub fn top_k(tensor: &Tensor, labels: Option<&[String]>, k: usize) -> Vec<Ranked> {
    let row = tensor.shape().last().copied().unwrap_or(1);
    of_row(tensor, 0..row.min(tensor.len()), labels, k)
}

/// As [`top_k`], row by row.
pub fn top_k_of_rows(tensor: &Tensor, labels: Option<&[String]>, k: usize) -> Vec<Ranked> {
    let row = tensor.shape().last().copied().unwrap_or(1).max(1);
    if tensor.len() <= row {
        return top_k(tensor, labels, k);
    }
    let rows = (0..tensor.len() / row).flat_map(|number| {
        let mut ranked = of_row(tensor, number * row..(number + 1) * row, labels, k);
        ranked.iter_mut().for_each(|r| r.row = Some(number));
        ranked
    });
    rows.collect()
}

fn of_row(
    tensor: &Tensor,
    row: std::ops::Range<usize>,
    labels: Option<&[String]>,
    k: usize,
) -> Vec<Ranked> {
    if k == 0 {
        return Vec::new();
    }
    let start = row.start;
    let mut values: Vec<(usize, f64)> = row
        .map_while(|i| Some((i - start, tensor.number(i)?)))
        .collect();
    let key = |v: f64| if v.is_nan() { f64::NEG_INFINITY } else { v };
    sort::by(&mut values, |a, b| key(b.1).total_cmp(&key(a.1)));
    values
        .into_iter()
        .take(k)
        .map(|(index, value)| Ranked {
            row: None,
            index,
            value,
            label: labels.and_then(|l| l.get(index)).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_first_of_the_first_row() {
        let tensor = Tensor::from_values(&[2, 3], &[0.1f32, f32::NAN, 0.9, 5.0, 6.0, 7.0]);
        let labels = ["a", "b", "c"].map(str::to_owned);
        let top = top_k(&tensor, Some(&labels), 2);
        let named: Vec<_> = top.iter().map(|r| (r.index, r.label.as_deref())).collect();
        assert_eq!(named, [(2, Some("c")), (0, Some("a"))]);
        let all = top_k_of_rows(&tensor, Some(&labels), 2);
        assert_eq!(
            all[..2].iter().map(|r| r.row).collect::<Vec<_>>(),
            [Some(0); 2]
        );
        let second: Vec<_> = all[2..].iter().map(|r| (r.row, r.index, r.value)).collect();
        assert_eq!(second, [(Some(1), 2, 7.0), (Some(1), 1, 6.0)]);
        let one = Tensor::from_values(&[1, 2], &[1.0f32, 2.0]);
        assert_eq!(top_k_of_rows(&one, None, 1), top_k(&one, None, 1));
    }
}
