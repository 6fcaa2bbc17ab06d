//! GATHER, GATHER_ND, SCATTER_ND, ONE_HOT.

use crate::error::{Error, Result};

/// Indices, of any of the types that they come in.
#[derive(Debug, Clone, Copy)]
pub enum Places<'a> {
    UInt8(&'a [u8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
}

impl Places<'_> {
    pub fn len(&self) -> usize {
        match self {
            Places::UInt8(all) => all.len(),
            Places::Int16(all) => all.len(),
            Places::Int32(all) => all.len(),
            Places::Int64(all) => all.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn get(&self, at: usize) -> i64 {
        match self {
            Places::UInt8(all) => all[at].into(),
            Places::Int16(all) => all[at].into(),
            Places::Int32(all) => all[at].into(),
            Places::Int64(all) => all[at],
        }
    }
}

/// `value` as an index below `length`; `at` is its place among the indices.
pub fn index(value: i64, length: usize, at: usize) -> Result<usize> {
    usize::try_from(value)
        .ok()
        .filter(|&i| i < length)
        .ok_or_else(|| {
            Error::unsupported(format!(
                "index {value} at element {at} of the indices is outside [0, {length})"
            ))
        })
}

/// Takes slices along `axis`; the first `batch_dims` axes of `src` and of the indices go together.
/// The output is `shape[..axis] + indices_shape[batch_dims..] + shape[axis + 1..]`.
/// Fails on an index outside the axis.
pub fn gather(
    size: usize,
    (src, shape): (&[u8], &[usize]),
    (indices, indices_shape): (Places, &[usize]),
    axis: usize,
    batch_dims: usize,
    dst: &mut [u8],
) -> Result<()> {
    let batch: usize = shape[..batch_dims].iter().product();
    let outer: usize = shape[batch_dims..axis].iter().product();
    let inner = shape[axis + 1..].iter().product::<usize>() * size;
    let length = shape[axis];
    let per_batch: usize = indices_shape[batch_dims..].iter().product();
    assert_eq!(indices.len(), batch * per_batch);
    assert_eq!(dst.len(), batch * outer * per_batch * inner);
    let mut to = 0;
    for b in 0..batch {
        for o in 0..outer {
            for i in 0..per_batch {
                let at = b * per_batch + i;
                let pick = index(indices.get(at), length, at)?;
                let from = ((b * outer + o) * length + pick) * inner;
                dst[to..to + inner].copy_from_slice(&src[from..from + inner]);
                to += inner;
            }
        }
    }
    Ok(())
}

/// Offsets, in elements, of the slices that `rows` of `indices` (`depth` numbers each) name in an array of `shape`.
fn offsets<'a>(
    indices: Places<'a>,
    rows: std::ops::Range<usize>,
    depth: usize,
    shape: &'a [usize],
) -> impl Iterator<Item = Result<usize>> + 'a {
    let strides = crate::kernels::strides::row_major(shape);
    rows.map(move |row| {
        let mut offset = 0;
        for axis in 0..depth {
            let at = row * depth + axis;
            offset += index(indices.get(at), shape[axis], at)? * strides[axis] as usize;
        }
        Ok(offset)
    })
}

/// How many slices `indices` name; no numbers at all name the whole.
fn rows_of(indices: Places, depth: usize) -> usize {
    indices.len().checked_div(depth).unwrap_or(1)
}

/// Takes one slice `shape[batch_dims + depth..]` per row of `depth` indices; the first `batch_dims` axes of both go together.
pub fn gather_nd(
    size: usize,
    (src, shape): (&[u8], &[usize]),
    (indices, depth): (Places, usize),
    batch_dims: usize,
    dst: &mut [u8],
) -> Result<()> {
    let batch: usize = shape[..batch_dims].iter().product();
    let rest = &shape[batch_dims..];
    let inner = rest[depth..].iter().product::<usize>() * size;
    let source = rest.iter().product::<usize>() * size;
    if batch == 0 || dst.is_empty() {
        return Ok(());
    }
    let rows = dst.len() / batch;
    let per_batch = rows_of(indices, depth) / batch;
    for b in 0..batch {
        let own = b * per_batch..(b + 1) * per_batch;
        let src = &src[b * source..(b + 1) * source];
        let dst = &mut dst[b * rows..(b + 1) * rows];
        if depth == 0 {
            dst.chunks_exact_mut(source)
                .for_each(|row| row.copy_from_slice(src));
            continue;
        }
        for (row, offset) in dst
            .chunks_exact_mut(inner.max(1))
            .zip(offsets(indices, own, depth, rest))
        {
            let from = offset? * size;
            row.copy_from_slice(&src[from..from + inner]);
        }
    }
    Ok(())
}

/// Slices of an array that indices name.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    pub places: Places<'a>,
    /// Numbers that name one slice.
    pub depth: usize,
    /// What lies outside the array is passed over, else refused.
    pub passes_over: bool,
}

impl<'a> Named<'a> {
    /// None of them may lie outside.
    pub fn inside(places: Places<'a>, depth: usize) -> Self {
        Named {
            places,
            depth,
            passes_over: false,
        }
    }

    /// For each slice in order its offset in an array of `shape`, `None` for one that is passed over.
    fn offsets(self, shape: &'a [usize]) -> impl Iterator<Item = Result<Option<usize>>> + 'a {
        let rows = 0..rows_of(self.places, self.depth);
        let found = offsets(self.places, rows, self.depth, shape);
        found.map(move |offset| match offset {
            Err(_) if self.passes_over => Ok(None),
            other => other.map(Some),
        })
    }
}

/// Writes a slice of `updates` for each that is named into `dst` of `shape`; the last of equals wins.
pub fn scatter_nd_update(
    size: usize,
    (dst, shape): (&mut [u8], &[usize]),
    named: Named,
    updates: &[u8],
) -> Result<()> {
    let inner = shape[named.depth..].iter().product::<usize>() * size;
    let rows = updates.chunks_exact(inner.max(1));
    for (row, offset) in rows.zip(named.offsets(shape)) {
        if let Some(to) = offset? {
            dst[to * size..][..inner].copy_from_slice(row);
        }
    }
    Ok(())
}

/// Combines slices of `updates` into `dst` in order: `combine` changes one slice by another.
pub fn scatter_nd_with<T>(
    (dst, shape): (&mut [T], &[usize]),
    named: Named,
    updates: &[T],
    combine: &dyn Fn(&mut [T], &[T]),
) -> Result<()> {
    let inner = shape[named.depth..].iter().product::<usize>();
    let rows = updates.chunks_exact(inner.max(1));
    for (row, offset) in rows.zip(named.offsets(shape)) {
        if let Some(to) = offset? {
            combine(&mut dst[to..to + inner], row);
        }
    }
    Ok(())
}

/// What [`scatter_nd_with`] wants, of a function of two elements.
pub fn by_element<T: Copy>(f: impl Fn(T, T) -> T) -> impl Fn(&mut [T], &[T]) {
    move |old, new| {
        for (old, &new) in old.iter_mut().zip(new) {
            *old = f(*old, new);
        }
    }
}

/// Rows of `depth` off-values with one on-value each, the new axis in front of the last `inner` indices:
/// output `[outer, depth, inner]` for indices `[outer, inner]`. Indices outside give rows of off-values.
pub fn one_hot<T: Copy>(
    indices: Places,
    depth: usize,
    inner: usize,
    (on, off): (T, T),
    out: &mut [T],
) {
    assert_eq!(out.len(), indices.len() * depth);
    out.fill(off);
    let inner = inner.max(1);
    for at in 0..indices.len() {
        let (o, i) = (at / inner, at % inner);
        let pick = usize::try_from(indices.get(at)).ok();
        if let Some(pick) = pick.filter(|&pick| pick < depth) {
            out[(o * depth + pick) * inner + i] = on;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Places::Int32, *};

    #[test]
    fn gathers_along_an_axis_and_in_batches() {
        let src = [1, 2, 3, 4, 5, 6];
        let mut dst = [0; 4];
        gather(1, (&src, &[2, 3]), (Int32(&[2, 0]), &[2]), 1, 0, &mut dst).unwrap();
        assert_eq!(dst, [3, 1, 6, 4]);
        let mut dst = [0; 2];
        gather(
            1,
            (&src, &[2, 3]),
            (Int32(&[2, 0]), &[2, 1]),
            1,
            1,
            &mut dst,
        )
        .unwrap();
        assert_eq!(dst, [3, 4]);
        let error = gather(1, (&src, &[2, 3]), (Int32(&[-1]), &[1]), 1, 0, &mut dst).unwrap_err();
        assert!(error.to_string().contains("index -1"));
    }

    #[test]
    fn gathers_and_scatters_by_rows_of_indices() {
        let src = [1, 2, 3, 4, 5, 6];
        let mut dst = [0; 2];
        gather_nd(1, (&src, &[2, 3]), (Int32(&[1, 0, 0, 2]), 2), 0, &mut dst).unwrap();
        assert_eq!(dst, [4, 3]);
        let add = by_element(|a: i32, b: i32| a + b);
        let mut sums = [0i32; 3];
        scatter_nd_with(
            (&mut sums, &[3]),
            Named::inside(Int32(&[1, 1, 0]), 1),
            &[5, 6, 7],
            &add,
        )
        .unwrap();
        assert_eq!(sums, [7, 11, 0]);
        assert!(
            scatter_nd_with((&mut sums, &[3]), Named::inside(Int32(&[3]), 1), &[5], &add).is_err()
        );
    }

    #[test]
    fn one_hot_axes() {
        let mut out = [0; 6];
        one_hot(Int32(&[1, 9]), 3, 1, (5, 1), &mut out);
        assert_eq!(out, [1, 5, 1, 1, 1, 1]);
        one_hot(Int32(&[1, 0]), 3, 2, (5, 1), &mut out);
        assert_eq!(out, [1, 5, 5, 1, 1, 1]);
    }
}
