//! CONCATENATION and SPLIT; PACK and UNPACK are the same with a new axis of size 1 in each part's shape.

/// Joins `parts` along `axis`. All shapes equal `shape` except for the axis, whose sizes are `lengths`.
pub fn concat(
    size: usize,
    parts: &[&[u8]],
    shape: &[usize],
    axis: usize,
    lengths: &[usize],
    dst: &mut [u8],
) {
    let (outer, row) = rows(size, shape, axis);
    let total: usize = lengths.iter().sum::<usize>() * row;
    assert_eq!(dst.len(), outer * total);
    assert_eq!(parts.len(), lengths.len());
    let mut offset = 0;
    for (part, &length) in parts.iter().zip(lengths) {
        let bytes = length * row;
        assert_eq!(part.len(), outer * bytes);
        for o in 0..outer {
            let to = o * total + offset;
            dst[to..to + bytes].copy_from_slice(&part[o * bytes..(o + 1) * bytes]);
        }
        offset += bytes;
    }
}

/// Cuts `src` along `axis` into parts of the given lengths; `shape` is the whole's.
pub fn split(
    size: usize,
    src: &[u8],
    shape: &[usize],
    axis: usize,
    lengths: &[usize],
    parts: &mut [&mut [u8]],
) {
    let (outer, row) = rows(size, shape, axis);
    let total: usize = lengths.iter().sum::<usize>() * row;
    assert_eq!(src.len(), outer * total);
    assert_eq!(parts.len(), lengths.len());
    let mut offset = 0;
    for (part, &length) in parts.iter_mut().zip(lengths) {
        let bytes = length * row;
        assert_eq!(part.len(), outer * bytes);
        for o in 0..outer {
            let from = o * total + offset;
            part[o * bytes..(o + 1) * bytes].copy_from_slice(&src[from..from + bytes]);
        }
        offset += bytes;
    }
}

/// Product of the axes before, and bytes of one step along `axis`.
fn rows(size: usize, shape: &[usize], axis: usize) -> (usize, usize) {
    let outer = shape[..axis].iter().product();
    let inner: usize = shape[axis + 1..].iter().product();
    (outer, inner * size)
}

/// CONCATENATION of `u8` parts with scales of their own: `round(q * (s / so) - z * (s / so)) + zo` in f32.
pub fn rescale_u8(part: &mut [u8], (scale, zero): (f32, i32), (out_scale, out_zero): (f32, i32)) {
    let factor = scale * (1.0 / out_scale);
    let bias = -(zero as f32) * factor;
    for q in part {
        let value = (f32::from(*q) * factor + bias).round() as i32 + out_zero;
        *q = value.clamp(0, 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_and_cuts() {
        let mut dst = [0; 6];
        concat(1, &[&[1, 2], &[3, 4, 5, 6]], &[2, 9], 1, &[1, 2], &mut dst);
        assert_eq!(dst, [1, 3, 4, 2, 5, 6]);
        let (mut a, mut b) = ([0; 2], [0; 4]);
        split(1, &dst, &[2, 3], 1, &[1, 2], &mut [&mut a, &mut b]);
        assert_eq!((a, b), ([1, 2], [3, 4, 5, 6]));
    }
}
