//! The Walsh-Hadamard transform.

/// Sums and differences of all halves, quarters, … of `values`, in place, divided by the root of their number, which is
/// a power of two. Its own inverse.
pub fn hadamard(values: &mut [f32]) {
    let size = values.len();
    assert!(size.is_power_of_two());
    let mut half = 1;
    while half < size {
        for block in values.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (low, high) in low.iter_mut().zip(high) {
                (*low, *high) = (*low + *high, *low - *high);
            }
        }
        half *= 2;
    }
    let factor = 1.0 / (size as f32).sqrt();
    for value in values {
        *value *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_is_where_it_began() {
        let mut values = [1.0, 2.0, 3.0, 4.0];
        hadamard(&mut values);
        assert_eq!(values, [5.0, -1.0, -2.0, 0.0]);
        hadamard(&mut values);
        assert_eq!(values, [1.0, 2.0, 3.0, 4.0]);
    }
}
