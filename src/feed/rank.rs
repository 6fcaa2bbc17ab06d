//! The largest values of an output with their labels.

use crate::model::Tensor;
use crate::sort;

/// Index, value and label of the `k` largest elements along the last axis of the first row, largest first.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Ranked {
    pub index: usize,
    pub value: f64,
    pub label: Option<String>,
}

/// Equal values keep the order of their indices; NaN comes last.
pub fn top_k(tensor: &Tensor, labels: Option<&[String]>, k: usize) -> Vec<Ranked> {
    if k == 0 {
        return Vec::new();
    }
    let row = tensor.shape().last().copied().unwrap_or(1);
    let mut values: Vec<(usize, f64)> = (0..row.min(tensor.len()))
        .map_while(|i| Some((i, tensor.number(i)?)))
        .collect();
    let key = |v: f64| if v.is_nan() { f64::NEG_INFINITY } else { v };
    sort::by(&mut values, |a, b| key(b.1).total_cmp(&key(a.1)));
    values
        .into_iter()
        .take(k)
        .map(|(index, value)| Ranked {
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
    }
}
