//! Columns that align.

use std::borrow::Cow;

use super::Style;
use crate::model::visible;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// Rows of cells; widths are found when it is written.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(columns: &[(&'static str, Align)]) -> Self {
        Table {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Cells are plain text; what a terminal would obey is shown instead.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.push(&mut cells.into_iter());
    }

    fn push(&mut self, cells: &mut dyn Iterator<Item = String>) {
        let visible = |cell: String| match visible(&cell) {
            Cow::Owned(shown) => shown,
            Cow::Borrowed(_) => cell,
        };
        self.rows.push(cells.map(visible).collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Indented by two; nothing for a table without rows, no header line where no column has a title.
    pub fn text(&self, style: Style) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, (title, _))| {
                let cells = self.rows.iter().filter_map(|row| row.get(i));
                cells
                    .map(|cell| width(cell))
                    .chain([width(title)])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut out = String::new();
        if self.columns.iter().any(|(title, _)| !title.is_empty()) {
            let titles: Vec<String> = self.columns.iter().map(|(t, _)| (*t).to_owned()).collect();
            out.push_str(&style.faint(&self.line(&titles, &widths)));
            out.push('\n');
        }
        for row in &self.rows {
            out.push_str(&self.line(row, &widths));
            out.push('\n');
        }
        out
    }

    /// As Markdown writes tables; nothing for a table without rows.
    pub fn markdown(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let line = |cells: &mut dyn Iterator<Item = String>| {
            let cells: Vec<String> = cells.map(|c| c.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let mut out = line(&mut self.columns.iter().map(|(title, _)| (*title).to_owned()));
        out.push_str(&line(&mut self.columns.iter().map(
            |(_, align)| match align {
                Align::Left => ":--".to_owned(),
                Align::Right => "--:".to_owned(),
            },
        )));
        for row in &self.rows {
            out.push_str(&line(&mut row.iter().cloned()));
        }
        out
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::from(" ");
        for ((cell, width), (_, align)) in cells.iter().zip(widths).zip(&self.columns) {
            let gap = " ".repeat(width - self::width(cell));
            line.push(' ');
            match align {
                Align::Left => line.extend([cell, gap.as_str()]),
                Align::Right => line.extend([gap.as_str(), cell]),
            }
            line.push(' ');
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// Characters as a stand-in for terminal cells: names in models are ASCII as a rule.
fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_lines_end_with_text() {
        let mut table = Table::new(&[("name", Align::Left), ("bytes", Align::Right)]);
        table.row(["a".into(), "1.42 MB".into()]);
        table.row(["longer".into(), "5 KB".into()]);
        insta::assert_snapshot!(table.text(Style::PLAIN), @r"
          name      bytes
          a       1.42 MB
          longer     5 KB
        ");
    }
}
