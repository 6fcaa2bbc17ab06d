//! Values of a tensor over two of its axes, as numbers or as a heat map.

use crate::model::{DType, Tensor};
use crate::tui::term::{Buffer, Line, Rect, Span};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// Where in a tensor one looks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Corner {
    pub row: usize,
    pub column: usize,
    /// Which of the slices over the other axes.
    pub slice: usize,
    /// The axes that go down and across; the last two where none are chosen.
    pub axes: Option<(usize, usize)>,
}

impl Corner {
    /// The beginning of the first slice on these axes.
    pub fn on(down: usize, across: usize) -> Corner {
        Corner {
            axes: Some((down, across)),
            ..Corner::default()
        }
    }
}

/// The axes that go down and across; the same one twice for a tensor without two.
pub fn axes(tensor: &Tensor, corner: Corner) -> (usize, usize) {
    let rank = tensor.rank();
    let usual = (rank.saturating_sub(2), rank.saturating_sub(1));
    let fits = |(down, across): &(usize, usize)| down != across && *down.max(across) < rank;
    corner.axes.filter(fits).unwrap_or(usual)
}

/// Rows, columns and the number of slices of a tensor seen as stacked matrices.
pub fn extent(tensor: &Tensor, corner: Corner) -> (usize, usize, usize) {
    match *tensor.shape() {
        [] => (1, 1, 1),
        [n] => (1, n, 1),
        ref shape => {
            let (down, across) = axes(tensor, corner);
            let others = shape.iter().enumerate();
            let others = others.filter(|(axis, _)| *axis != down && *axis != across);
            let slices = others.map(|(_, size)| size).product();
            (shape[down], shape[across], slices)
        }
    }
}

/// The index on every axis in a slice; `None` on those that go down and across.
fn indices(tensor: &Tensor, corner: Corner) -> Vec<Option<usize>> {
    let (down, across) = axes(tensor, corner);
    let mut rest = corner.slice;
    let mut indices: Vec<Option<usize>> = Vec::with_capacity(tensor.rank());
    for (axis, &size) in tensor.shape().iter().enumerate().rev() {
        let shown = axis == down || axis == across;
        indices.push((!shown).then(|| rest.checked_rem(size).unwrap_or(0)));
        if !shown {
            rest = rest.checked_div(size).unwrap_or(0);
        }
    }
    indices.reverse();
    indices
}

/// `[2, 0, :, :]`
pub fn slice_name(tensor: &Tensor, corner: Corner) -> String {
    let word = |index: &Option<usize>| index.map_or(":".to_owned(), |i| i.to_string());
    let words: Vec<String> = indices(tensor, corner).iter().map(word).collect();
    format!("[{}]", words.join(", "))
}

/// How to find an element of the slice: of the first one the index, then what a row and a column further add.
struct Steps {
    first: usize,
    row: usize,
    column: usize,
}

impl Steps {
    fn of(tensor: &Tensor, corner: Corner) -> Steps {
        let (down, across) = axes(tensor, corner);
        let mut steps = Steps {
            first: 0,
            row: 0,
            column: 0,
        };
        let mut stride = 1;
        let indices = indices(tensor, corner);
        for (axis, (&size, index)) in tensor.shape().iter().zip(&indices).enumerate().rev() {
            steps.first += index.unwrap_or(0) * stride;
            if axis == across {
                steps.column = stride;
            } else if axis == down {
                steps.row = stride;
            }
            stride *= size;
        }
        steps
    }

    fn at(&self, row: usize, column: usize) -> usize {
        self.first + row * self.row + column * self.column
    }
}

const CELL: usize = 10;

/// Columns of a line of a vector: a number that one counts on with.
fn folded(shown: usize) -> usize {
    match shown {
        0..5 => shown,
        5..10 => 5,
        _ => shown / 10 * 10,
    }
}

/// Numbers in columns with the indices on both edges. What has one row only goes on in the lines below.
pub fn numbers(area: Rect, tensor: &Tensor, corner: Corner, buf: &mut Buffer, theme: &Theme) {
    let (rows, columns, _) = extent(tensor, corner);
    let steps = Steps::of(tensor, corner);
    if area.height < 2 || rows == 0 || columns == 0 {
        return;
    }
    let edge = match rows {
        1 => columns.to_string().len().max(2),
        _ => rows.to_string().len().max(2),
    };
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
    let folds = rows == 1 && columns > shown;
    let shown = if folds { folded(shown) } else { shown };
    let start = corner.column.min(columns - 1);
    let column_range = match folds {
        true => 0..shown,
        false => start..columns.min(corner.column + shown),
    };
    let mut head = vec![Span::raw(" ".repeat(edge + 1))];
    for column in column_range.clone() {
        let name = match folds {
            true => format!("+{column}"),
            false => column.to_string(),
        };
        head.push(Span::styled(text::right(&name, cell), theme[Role::Column]));
    }
    super::put(area, 0, Line::from(head), buf);
    let first = corner.row.min(rows - 1);
    // Of each line the name and the index of its first element, and how many there are.
    let across = column_range.len();
    let lines: Box<dyn Iterator<Item = (usize, (usize, usize), usize)>> = match folds {
        true => Box::new(
            (start..columns)
                .step_by(shown)
                .map(|column| (column, (0, column), across.min(columns - column))),
        ),
        false => Box::new((first..rows).map(|row| (row, (row, start), across))),
    };
    for (line, (name, (row, column), count)) in lines.take(area.height as usize - 1).enumerate() {
        let mut spans = vec![Span::styled(
            text::right(&name.to_string(), edge) + " ",
            theme[Role::Column],
        )];
        for column in column..column + count {
            let index = steps.at(row, column);
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
    let (rows, columns, _) = extent(tensor, corner);
    let steps = Steps::of(tensor, corner);
    let range = (ends.1 - ends.0).max(f64::MIN_POSITIVE);
    let at = |row: usize, column: usize| -> Option<f64> {
        if row >= rows || column >= columns {
            return None;
        }
        let value = tensor.number(steps.at(row, column))?;
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

    fn drawn(tensor: &Tensor, (wide, high): (u16, u16), column: usize) -> String {
        let area = Rect::new(0, 0, wide, high);
        let mut buf = Buffer::empty(area);
        let theme = Theme::named("dark", None).unwrap();
        let corner = Corner {
            column,
            ..Corner::default()
        };
        numbers(area, tensor, corner, &mut buf, &theme);
        let row = |y: u16| -> String { (0..wide).map(|x| buf[(x, y)].symbol()).collect() };
        let rows = (0..high).map(|y| row(y).trim_end().to_owned());
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_vector_goes_on_in_the_lines_below() {
        let values: Vec<i8> = (0..23).collect();
        let tensor = Tensor::from_values(&[1, 23], &values);
        insta::assert_snapshot!(drawn(&tensor, (40, 5), 0), @r"
              +0   +1   +2   +3   +4
         0    0    1    2    3    4
         5    5    6    7    8    9
        10   10   11   12   13   14
        15   15   16   17   18   19
        ");
        insta::assert_snapshot!(drawn(&tensor, (40, 5), 16), @r"
              +0   +1   +2   +3   +4
        16   16   17   18   19   20
        21   21   22
        ");
        let few = Tensor::from_values(&[3], &[1i8, 2, 3]);
        insta::assert_snapshot!(drawn(&few, (40, 5), 0), @r"
               0    1    2
         0    1    2    3
        ");
    }

    #[test]
    fn slices_are_named_by_their_indices() {
        let on = |slice, axes| Corner {
            slice,
            axes,
            ..Corner::default()
        };
        let tensor = Tensor::zeros(DType::Float32, &[3, 2, 4, 5]).unwrap();
        assert_eq!(extent(&tensor, on(0, None)), (4, 5, 6));
        assert_eq!(slice_name(&tensor, on(5, None)), "[2, 1, :, :]");
        assert_eq!(extent(&tensor, on(0, Some((3, 0)))), (5, 3, 8));
        assert_eq!(slice_name(&tensor, on(6, Some((3, 0)))), "[:, 1, 2, :]");
        let flat = Tensor::zeros(DType::Float32, &[7]).unwrap();
        assert_eq!(slice_name(&flat, on(0, None)), "[:]");
        assert_eq!(extent(&flat, on(0, Some((1, 0)))), (1, 7, 1));
        let scalar = Tensor::zeros(DType::Int8, &[]).unwrap();
        assert_eq!(slice_name(&scalar, on(0, None)), "[]");
    }

    #[test]
    fn any_two_axes_give_the_right_elements() {
        let shape = [3, 2, 4];
        let tensor = Tensor::zeros(DType::Float32, &shape).unwrap();
        let strides = [8, 4, 1];
        for (down, across, other) in [
            (0, 1, 2),
            (1, 0, 2),
            (0, 2, 1),
            (2, 0, 1),
            (1, 2, 0),
            (2, 1, 0),
        ] {
            for slice in 0..shape[other] {
                let corner = Corner {
                    slice,
                    ..Corner::on(down, across)
                };
                let steps = Steps::of(&tensor, corner);
                let wanted = slice * strides[other] + strides[down] + strides[across];
                assert_eq!(steps.at(1, 1), wanted, "{down} {across} {slice}");
            }
        }
    }
}
