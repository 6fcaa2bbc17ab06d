//! The nearest sequence that never rises, by squares: neighbours that rise are pooled until none does (Kruskal,
//! "Nonmetric multidimensional scaling: a numerical method", 1964).

use super::elementwise::number::Number;

/// A stretch of values that share their mean.
struct Pool<T> {
    sum: T,
    mean: T,
    len: usize,
}

/// Fits `out`, which holds the values, and says in `pools` which stretch each of them came to lie in.
pub fn fit<T: Number>(out: &mut [T], pools: &mut [i32]) {
    let mut found: Vec<Pool<T>> = Vec::new();
    for &value in &*out {
        found.push(Pool {
            sum: value,
            mean: value,
            len: 1,
        });
        while let [.., before, last] = &mut found[..] {
            if !matches!(
                last.mean.partial_cmp(&before.mean),
                Some(std::cmp::Ordering::Greater)
            ) {
                break;
            }
            before.sum = before.sum.add(last.sum);
            before.len += last.len;
            before.mean = before.sum.div(T::from_f64(before.len as f64));
            found.pop();
        }
    }
    let mut rest = out.iter_mut().zip(pools);
    for (number, pool) in found.iter().enumerate() {
        for (value, at) in rest.by_ref().take(pool.len) {
            (*value, *at) = (pool.mean, number as i32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TensorFlow 2.21's answer.
    #[test]
    fn what_rises_is_pooled() {
        let (mut x, mut pools) = ([3.0f64, 1.0, 2.0, 5.0, 0.0], [9; 5]);
        fit(&mut x, &mut pools);
        assert_eq!(
            (x, pools),
            ([3.0, 8.0 / 3.0, 8.0 / 3.0, 8.0 / 3.0, 0.0], [0, 1, 1, 1, 2])
        );
        fit::<f32>(&mut [], &mut []);
    }
}
