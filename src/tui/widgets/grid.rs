//! Values of a tensor over its last two axes, as numbers or as a heat map.

use crate::model::{DType, Tensor};
use crate::tui::term::{Buffer, Line, Rect, Span};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// Where in a tensor one looks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Corner {
    pub row: usize,
    pub column: usize,
    /// Which of the slices over the leading axes.
    pub slice: usize,
}

/// Rows, columns and the number of slices of a tensor seen as stacked matrices.
pub fn extent(tensor: &Tensor) -> (usize, usize, usize) {
    match *tensor.shape() {
        [] => (1, 1, 1),
        [n] => (1, n, 1),
        [ref lead @ .., rows, columns] => (rows, columns, lead.iter().product()),
    }
}

/// `[2, 0, :, :]`
pub fn slice_name(tensor: &Tensor, slice: usize) -> String {
    let lead = tensor.shape().len().saturating_sub(2);
    let mut rest = slice;
    let mut indices: Vec<String> = tensor.shape()[..lead]
        .iter()
        .rev()
        .map(|&size| {
            let index = rest.checked_rem(size).unwrap_or(0);
            rest = rest.checked_div(size).unwrap_or(0);
            index.to_string()
        })
        .collect();
    indices.reverse();
    indices.extend(std::iter::repeat_n(
        ":".to_owned(),
        tensor.shape().len() - lead,
    ));
    format!("[{}]", indices.join(", "))
}

const CELL: usize = 10;

/// Numbers in columns with the indices on both edges.
pub fn numbers(area: Rect, tensor: &Tensor, corner: Corner, buf: &mut Buffer, theme: &Theme) {
    let (rows, columns, _) = extent(tensor);
    if area.height < 2 || rows == 0 || columns == 0 {
        return;
    }
    let edge = rows.to_string().len().max(2);
    let cell = if tensor.dtype() == DType::String {
        (area.width as usize)
            .saturating_sub(edge + 2)
            .clamp(CELL, 40)
    } else if tensor.dtype().bits() <= 8 {
        5
    } else {
        CELL
    };
    let shown = ((area.width as usize).saturating_sub(edge + 1) / cell).max(1);
    let column_range = corner.column.min(columns - 1)..columns.min(corner.column + shown);
    let mut head = vec![Span::raw(" ".repeat(edge + 1))];
    for column in column_range.clone() {
        head.push(Span::styled(
            text::right(&column.to_string(), cell),
            theme[Role::Column],
        ));
    }
    super::put(area, 0, Line::from(head), buf);
    let first = corner.row.min(rows - 1);
    for (line, row) in (first..rows).take(area.height as usize - 1).enumerate() {
        let mut spans = vec![Span::styled(
            text::right(&row.to_string(), edge) + " ",
            theme[Role::Column],
        )];
        for column in column_range.clone() {
            let index = (corner.slice * rows + row) * columns + column;
            let (words, role) = match tensor.number(index) {
                Some(0.0) => ("0".to_owned(), Role::Dim),
                Some(v) if !v.is_finite() => (v.to_string(), Role::Bad),
                Some(v) if tensor.dtype().is_float() => (text::number(v, cell - 2), Role::Number),
                _ => (text::clean(&tensor.element_text(index)), Role::Number),
            };
            spans.push(Span::styled(
                text::right(&words, cell.saturating_sub(1)) + " ",
                theme[role],
            ));
        }
        super::put(area, line as u16 + 1, Line::from(spans), buf);
    }
}

/// Two cells of a tensor in one character, darker to brighter from least to most.
pub fn heat(
    area: Rect,
    tensor: &Tensor,
    corner: Corner,
    ends: (f64, f64),
    buf: &mut Buffer,
    theme: &Theme,
) {
    let (rows, columns, _) = extent(tensor);
    let range = (ends.1 - ends.0).max(f64::MIN_POSITIVE);
    let at = |row: usize, column: usize| -> Option<f64> {
        if row >= rows || column >= columns {
            return None;
        }
        let value = tensor.number((corner.slice * rows + row) * columns + column)?;
        Some((value - ends.0) / range)
    };
    let rough = theme.is_mono();
    for y in 0..area.height as usize {
        for x in 0..area.width as usize {
            let (row, column) = (corner.row + y * 2, corner.column + x);
            let (upper, lower) = (at(row, column), at(row + 1, column));
            let Some(cell) = buf.cell_mut((area.x + x as u16, area.y + y as u16)) else {
                continue;
            };
            match (upper, lower) {
                (None, _) => {}
                (Some(upper), _) if rough => {
                    const SHADES: [&str; 5] = [" ", "░", "▒", "▓", "█"];
                    let both = (upper + lower.unwrap_or(upper)) / 2.0;
                    cell.set_symbol(SHADES[((both * 4.99).max(0.0) as usize).min(4)]);
                }
                (Some(upper), Some(lower)) => {
                    cell.set_symbol("▀");
                    cell.set_style(theme.heat(upper));
                    if let Some(colour) = theme.heat(lower).fg {
                        cell.set_bg(colour);
                    }
                }
                (Some(upper), None) => {
                    cell.set_symbol("▀");
                    cell.set_style(theme.heat(upper));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_named_by_their_indices() {
        let tensor = Tensor::zeros(DType::Float32, &[3, 2, 4, 5]).unwrap();
        assert_eq!(extent(&tensor), (4, 5, 6));
        assert_eq!(slice_name(&tensor, 5), "[2, 1, :, :]");
        let flat = Tensor::zeros(DType::Float32, &[7]).unwrap();
        assert_eq!(slice_name(&flat, 0), "[:]");
        assert_eq!(
            slice_name(&Tensor::zeros(DType::Int8, &[]).unwrap(), 0),
            "[]"
        );
    }
}
