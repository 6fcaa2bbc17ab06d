//! Matrices and their diagonals: the last two axes of a tensor.

use super::segment::{view, whole_numbers};
use super::{Context, Fact, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::model::{Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["MatrixDiag", "MatrixDiagV2", "MatrixDiagV3"],
        &["MATRIX_DIAG"],
        infer_diag,
        |cx| prepare(cx, matrix_of),
    ),
    Operator::new(
        &["MatrixSetDiag", "MatrixSetDiagV2", "MatrixSetDiagV3"],
        &["MATRIX_SET_DIAG"],
        infer_set,
        |cx| prepare(cx, with_diagonals),
    ),
    Operator::new(
        &["MatrixDiagPart", "MatrixDiagPartV2", "MatrixDiagPartV3"],
        &[],
        infer_part,
        |cx| prepare(cx, diagonals_of),
    ),
    Operator::new(&["MatrixBandPart"], &[], infer_set, |cx| prepare(cx, band)),
    Operator::new(&["Diag"], &[], infer_whole, prepare_whole),
    Operator::new(&["DiagPart"], &[], infer_half, prepare_half),
];

fn infer_whole(cx: &Context) -> Result<Vec<Fact>> {
    let dims = cx.shape(0)?.dims();
    cx.one(cx.dtype(0)?, Shape(dims.map(|dims| [dims, dims].concat())))
}

fn infer_half(cx: &Context) -> Result<Vec<Fact>> {
    let dims = cx.shape(0)?.dims();
    cx.one(
        cx.dtype(0)?,
        Shape(dims.map(|dims| dims[..dims.len() / 2].to_vec())),
    )
}

/// A tensor as the diagonal of one of twice as many axes.
fn prepare_whole(_: &Context) -> Result<Prepared> {
    Prepared::compute(|inputs| {
        let x = view(inputs, 0)?;
        let mut out = Tensor::zeros(x.dtype, &[x.shape, x.shape].concat())?;
        let count: usize = x.shape.iter().product();
        let size = x.bytes().len() / count.max(1);
        if let Some(out) = out.bytes_mut().filter(|_| size > 0) {
            for (at, element) in x.bytes().chunks_exact(size).enumerate() {
                out[at * (count + 1) * size..][..size].copy_from_slice(element);
            }
        }
        Ok(vec![out])
    })
}

fn prepare_half(_: &Context) -> Result<Prepared> {
    Prepared::compute(|inputs| {
        let x = view(inputs, 0)?;
        let (half, rest) = x.shape.split_at(x.shape.len() / 2);
        if half != rest {
            return Err(Error::usage(format!("the diagonal of {:?}", x.shape)));
        }
        let count: usize = half.iter().product();
        let size = x.bytes().len() / (count * count).max(1);
        let element = |at: usize| &x.bytes()[at * (count + 1) * size..][..size];
        let values: Vec<u8> = (0..count).flat_map(element).copied().collect();
        Ok(vec![Tensor::from_bytes(x.dtype, half, &values)?])
    })
}

/// What of the operator's name and attributes the kernels need.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// Inputs tell which diagonals (V2 and V3).
    ranged: bool,
    /// Diagonals that are shorter than the longest begin at the left: those above the main one, those below it.
    left: [bool; 2],
}

fn prepare(cx: &Context, run: fn(Form, &[Option<View<'_>>]) -> Result<Tensor>) -> Result<Prepared> {
    let op = &*cx.node.op;
    // V2 has no choice: all begin at the left.
    let align = match op.ends_with("V3") {
        true => cx.node.attrs.text("align").unwrap_or("RIGHT_LEFT"),
        false => "LEFT_LEFT",
    };
    let form = Form {
        ranged: op.ends_with("V2") || op.ends_with("V3"),
        left: [align.starts_with("LEFT"), align.ends_with("LEFT")],
    };
    let dtype = cx.dtype(0)?;
    if dtype.size().is_none() {
        return Err(cx.no_kernel(dtype));
    }
    Prepared::compute(move |inputs| Ok(vec![run(form, inputs)?]))
}

/// Diagonals `lowest` to `highest` of matrices of `rows` by `columns`; 0 is the main one, positive ones lie above.
#[derive(Debug, Clone, Copy)]
struct Band {
    lowest: i64,
    highest: i64,
    rows: i64,
    columns: i64,
    form: Form,
}

impl Band {
    /// The leading axes of `matrix`, and the band of its last two that input `index` tells.
    fn of<'s>(
        form: Form,
        matrix: &View<'s>,
        inputs: &[Option<View<'_>>],
        index: usize,
    ) -> Result<(&'s [usize], Self)> {
        let (lowest, highest) = range(form, inputs, index)?;
        let (outer, rows, columns) = split(matrix.shape, "diagonals")?;
        let band = Band {
            lowest,
            highest,
            rows,
            columns,
            form,
        };
        band.check()?;
        Ok((outer, band))
    }

    fn length(&self, diagonal: i64) -> i64 {
        (self.rows + diagonal.min(0)).min(self.columns - diagonal.max(0))
    }

    fn count(&self) -> i64 {
        self.highest - self.lowest + 1
    }

    fn longest(&self) -> i64 {
        (self.rows + self.highest.min(0)).min(self.columns - self.lowest.max(0))
    }

    /// Where the element of a row and a column is among the diagonals, packed as `[count, longest]`, the highest first.
    fn place(&self, row: i64, column: i64, longest: i64) -> Option<usize> {
        let diagonal = column - row;
        if !(self.lowest..=self.highest).contains(&diagonal) {
            return None;
        }
        let [above, below] = self.form.left;
        let left = diagonal >= 0 && above || diagonal <= 0 && below;
        let start = if left {
            0
        } else {
            longest - self.length(diagonal)
        };
        let at = (self.highest - diagonal) * longest + start + row.min(column);
        usize::try_from(at).ok()
    }

    fn check(&self) -> Result<()> {
        let inside = |d: i64| (1 - self.rows.max(1)..self.columns.max(1)).contains(&d);
        if self.lowest > self.highest || !inside(self.lowest) || !inside(self.highest) {
            return Err(Error::usage(format!(
                "diagonals {} to {} of matrices of {}×{}",
                self.lowest, self.highest, self.rows, self.columns
            )));
        }
        Ok(())
    }
}

fn number(inputs: &[Option<View<'_>>], index: usize, missing: i64) -> Result<i64> {
    match inputs.get(index) {
        Some(Some(view)) => Ok(whole_numbers(view)?.first().copied().unwrap_or(missing)),
        _ => Ok(missing),
    }
}

/// The lowest and the highest diagonal that input `index` tells.
fn range(form: Form, inputs: &[Option<View<'_>>], index: usize) -> Result<(i64, i64)> {
    if !form.ranged {
        return Ok((0, 0));
    }
    let told = whole_numbers(&view(inputs, index)?)?;
    lowest_and_highest(&told).ok_or_else(|| Error::usage(format!("{told:?} are no diagonals")))
}

/// One number is both.
fn lowest_and_highest(told: &[i64]) -> Option<(i64, i64)> {
    let small = told.iter().all(|&d| i32::try_from(d).is_ok());
    match *told {
        [both] if small => Some((both, both)),
        [lowest, highest] if small => Some((lowest, highest)),
        _ => None,
    }
}

/// Leading axes, rows and columns.
fn split<'s>(shape: &'s [usize], what: &str) -> Result<(&'s [usize], i64, i64)> {
    match shape {
        [outer @ .., rows, columns] => Ok((outer, *rows as i64, *columns as i64)),
        _ => Err(Error::usage(format!(
            "{what} of {shape:?}, expected a matrix"
        ))),
    }
}

/// Copies elements of `size` bytes from one of two sources to every place.
fn fill(
    out: &mut Tensor,
    size: usize,
    mut source: impl FnMut(usize) -> Option<(usize, usize)>,
    from: [&[u8]; 2],
) {
    let Some(bytes) = out.bytes_mut() else { return };
    for (at, element) in bytes.chunks_exact_mut(size).enumerate() {
        if let Some((which, place)) = source(at) {
            element.copy_from_slice(&from[which][place * size..][..size]);
        }
    }
}

fn matrix_of(form: Form, inputs: &[Option<View<'_>>]) -> Result<Tensor> {
    let diagonal = view(inputs, 0)?;
    let (lowest, highest) = range(form, inputs, 1)?;
    let (outer, longest) = packed(&diagonal, lowest, highest)?;
    let (least_rows, least_columns) = (longest - highest.min(0), longest + lowest.max(0));
    let (rows, columns) = match (number(inputs, 2, -1)?, number(inputs, 3, -1)?) {
        (-1, -1) => (least_rows.max(least_columns), least_rows.max(least_columns)),
        (-1, columns) => (least_rows, columns),
        (rows, -1) => (rows, least_columns),
        both => both,
    };
    let band = Band {
        lowest,
        highest,
        rows,
        columns,
        form,
    };
    if rows < least_rows || columns < least_columns || band.longest() != longest {
        return Err(Error::usage(format!(
            "diagonals of {longest} in matrices of {rows}×{columns}"
        )));
    }
    band.check()?;
    let shape = [outer, &[rows as usize, columns as usize]].concat();
    let mut out = Tensor::zeros(diagonal.dtype, &shape)?;
    let size = diagonal.dtype.size().unwrap_or(1);
    let padding = inputs
        .get(4)
        .copied()
        .flatten()
        .map_or(&[][..], |v| v.bytes());
    let (area, per) = (rows * columns, band.count() * longest);
    let place = |at: usize| {
        let (matrix, within) = (at as i64 / area, at as i64 % area);
        match band.place(within / columns, within % columns, longest) {
            Some(place) => Some((0, (matrix * per) as usize + place)),
            None if padding.is_empty() => None,
            None => Some((1, 0)),
        }
    };
    fill(&mut out, size, place, [diagonal.bytes(), padding]);
    Ok(out)
}

/// The leading axes of packed diagonals and the length of the longest.
fn packed<'v>(diagonal: &View<'v>, lowest: i64, highest: i64) -> Result<(&'v [usize], i64)> {
    match diagonal.shape {
        [outer @ .., longest] if lowest == highest => Ok((outer, *longest as i64)),
        [outer @ .., count, longest] if *count as i64 == highest - lowest + 1 => {
            Ok((outer, *longest as i64))
        }
        shape => Err(Error::usage(format!(
            "diagonals {lowest} to {highest} packed as {shape:?}"
        ))),
    }
}

fn with_diagonals(form: Form, inputs: &[Option<View<'_>>]) -> Result<Tensor> {
    let (matrix, diagonal) = (view(inputs, 0)?, view(inputs, 1)?);
    let (outer, band) = Band::of(form, &matrix, inputs, 2)?;
    let (rows, columns) = (band.rows, band.columns);
    let (same, longest) = packed(&diagonal, band.lowest, band.highest)?;
    if same != outer || band.longest() != longest {
        return Err(Error::usage(format!(
            "diagonals of {:?} for matrices of {:?}",
            diagonal.shape, matrix.shape
        )));
    }
    let mut out = Tensor::zeros(matrix.dtype, matrix.shape)?;
    let size = matrix.dtype.size().unwrap_or(1);
    let (area, per) = (rows * columns, band.count() * longest);
    let place = |at: usize| {
        let (which, within) = (at as i64 / area, at as i64 % area);
        match band.place(within / columns, within % columns, longest) {
            Some(place) => Some((1, (which * per) as usize + place)),
            None => Some((0, at)),
        }
    };
    fill(&mut out, size, place, [matrix.bytes(), diagonal.bytes()]);
    Ok(out)
}

fn diagonals_of(form: Form, inputs: &[Option<View<'_>>]) -> Result<Tensor> {
    let matrix = view(inputs, 0)?;
    let (outer, band) = Band::of(form, &matrix, inputs, 1)?;
    let (rows, columns, longest) = (band.rows, band.columns, band.longest());
    let mut shape = outer.to_vec();
    if band.lowest != band.highest {
        shape.push(band.count() as usize);
    }
    shape.push(longest as usize);
    let mut out = Tensor::zeros(matrix.dtype, &shape)?;
    let size = matrix.dtype.size().unwrap_or(1);
    let padding = inputs
        .get(2)
        .copied()
        .flatten()
        .map_or(&[][..], |v| v.bytes());
    let per = (band.count() * longest) as usize;
    let mut sources = vec![None; per];
    for row in 0..rows {
        for column in 0..columns {
            if let Some(place) = band.place(row, column, longest) {
                sources[place] = Some((row * columns + column) as usize);
            }
        }
    }
    let place = |at: usize| match sources[at % per] {
        Some(source) => Some((0, at / per * (rows * columns) as usize + source)),
        None if padding.is_empty() => None,
        None => Some((1, 0)),
    };
    fill(&mut out, size, place, [matrix.bytes(), padding]);
    Ok(out)
}

/// Keeps so many diagonals below and above the main one; negative keeps all.
fn band(_: Form, inputs: &[Option<View<'_>>]) -> Result<Tensor> {
    let matrix = view(inputs, 0)?;
    let (below, above) = (number(inputs, 1, -1)?, number(inputs, 2, -1)?);
    let (_, rows, columns) = split(matrix.shape, "a band")?;
    let mut out = Tensor::zeros(matrix.dtype, matrix.shape)?;
    let size = matrix.dtype.size().unwrap_or(1);
    let place = |at: usize| {
        let within = at as i64 % (rows * columns);
        let (row, column) = (within / columns, within % columns);
        let kept = (below < 0 || row - column <= below) && (above < 0 || column - row <= above);
        kept.then_some((0, at))
    };
    fill(&mut out, size, place, [matrix.bytes(), &[]]);
    Ok(out)
}

fn infer_set(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

fn infer_diag(cx: &Context) -> Result<Vec<Fact>> {
    let ranged = cx.has(1);
    let dims = cx.shape(0)?.dims().map(|dims| match dims {
        [outer @ .., last] if !ranged => [outer, &[*last, *last]].concat(),
        dims => {
            let told = cx.ints(1).ok().flatten();
            let range = told.and_then(|told| lowest_and_highest(&told));
            let one = range.is_some_and(|(lowest, highest)| lowest == highest);
            let outer = dims.len().saturating_sub(if one { 1 } else { 2 });
            [&dims[..outer], &[-1, -1]].concat()
        }
    });
    let known = !ranged || cx.ints(1)?.is_some();
    cx.one(cx.dtype(0)?, Shape(dims.filter(|_| known)))
}

fn infer_part(cx: &Context) -> Result<Vec<Fact>> {
    let dims = match (cx.shape(0)?.dims(), cx.has(1)) {
        (Some([outer @ .., rows, columns]), false) => {
            let length = if *rows < 0 || *columns < 0 {
                -1
            } else {
                *rows.min(columns)
            };
            Some([outer, &[length]].concat())
        }
        _ => None,
    };
    cx.one(cx.dtype(0)?, Shape(dims))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_or_two_within_32_bits_are_a_range() {
        assert_eq!(lowest_and_highest(&[-1]), Some((-1, -1)));
        assert_eq!(lowest_and_highest(&[-1, 2]), Some((-1, 2)));
        for wrong in [&[][..], &[1, 2, 3], &[i64::MIN, 0], &[1 << 40]] {
            assert_eq!(lowest_and_highest(wrong), None);
        }
    }
}
