//! CONCATENATION and SPLIT; PACK and UNPACK are the same with a new axis of size 1 in each part's shape.

use std::ops::Range;

/// How parts along an axis lie in the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joint {
    /// Product of the axes before.
    outer: usize,
    /// Bytes of one step along the axis, and of all steps.
    step: usize,
    whole: usize,
}

impl Joint {
    /// For elements of `size` bytes. The shapes of the parts equal `shape` except for `axis`, where they have `length`
    /// elements together.
    pub fn new(size: usize, shape: &[usize], axis: usize, length: usize) -> Self {
        let step = shape[axis + 1..].iter().product::<usize>() * size;
        Joint {
            outer: shape[..axis].iter().product(),
            step,
            whole: length * step,
        }
    }

    /// Writes a part of `length` steps from step `first` on into the whole.
    pub fn put(&self, part: &[u8], first: usize, length: usize, whole: &mut [u8]) {
        for (mine, theirs) in self.runs((part.len(), whole.len()), first, length) {
            whole[theirs].copy_from_slice(&part[mine]);
        }
    }

    /// Reads a part of `length` steps from step `first` on out of the whole.
    pub fn take(&self, whole: &[u8], first: usize, length: usize, part: &mut [u8]) {
        for (mine, theirs) in self.runs((part.len(), whole.len()), first, length) {
            part[mine].copy_from_slice(&whole[theirs]);
        }
    }

    /// The bytes of a part that lie together, in the part and in the whole.
    pub fn runs(
        &self,
        lens: (usize, usize),
        first: usize,
        length: usize,
    ) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + use<> {
        let Joint { outer, step, whole } = *self;
        let (bytes, offset) = (length * step, first * step);
        assert_eq!(lens, (outer * bytes, outer * whole), "part and whole");
        (0..outer).map(move |o| {
            let to = o * whole + offset;
            (o * bytes..(o + 1) * bytes, to..to + bytes)
        })
    }
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
        let joint = Joint::new(1, &[2, 9], 1, 3);
        joint.put(&[1, 2], 0, 1, &mut dst);
        joint.put(&[3, 4, 5, 6], 1, 2, &mut dst);
        assert_eq!(dst, [1, 3, 4, 2, 5, 6]);
        let (mut a, mut b) = ([0; 2], [0; 4]);
        joint.take(&dst, 0, 1, &mut a);
        joint.take(&dst, 1, 2, &mut b);
        assert_eq!((a, b), ([1, 2], [3, 4, 5, 6]));
    }
}
