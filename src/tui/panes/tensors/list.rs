//! Every stored tensor and what uses it, and the orders that the list can have.

use std::cmp::{Ordering, Reverse};

use crate::analysis::{self, Place, TensorRow, Usage, Use};
use crate::model::Model;
use crate::tui::panes::twins::{self, Twin};
use crate::tui::term::width;
use crate::tui::text;

/// Every stored tensor, the largest first, what the saver keeps for itself last.
pub struct Listed {
    pub rows: Vec<TensorRow>,
    /// Of all together.
    pub bytes: u64,
    /// The largest share of one.
    pub most: f64,
    /// Columns of the longest type and shape.
    pub widest: (u16, u16),
    /// Columns that the longest name takes, with the number that tells it from its twins.
    pub longest: u16,
    /// Whether any is.
    pub is_quantized: bool,
    /// Of each row whether another has its name.
    pub twins: Vec<Twin>,
    /// The uses of all rows, one after another, and where those of each begin.
    uses: Vec<Use>,
    starts: Vec<u32>,
    /// Rows in the order of their places.
    by_place: Vec<u32>,
}

/// Columns of the number that tells twins, with a blank.
const NUMBER: usize = 4;

impl Listed {
    pub fn of(model: &Model, usage: &Usage) -> Listed {
        let mut rows = analysis::tensors(model);
        // What the saver keeps for itself is looked for last.
        rows.sort_by_key(|row| row.bookkeeping);
        let longest = |cells: fn(&TensorRow) -> String| {
            let all = rows.iter().map(|row| width(&cells(row)));
            all.max().unwrap_or(0) as u16
        };
        let mut uses = Vec::new();
        let mut starts = vec![0];
        for row in &rows {
            uses.extend_from_slice(usage.uses(&row.place));
            starts.push(uses.len() as u32);
        }
        let mut by_place: Vec<u32> = (0..rows.len() as u32).collect();
        by_place.sort_unstable_by_key(|at| &rows[*at as usize].place);
        let names = rows.iter().map(|row| text::last_name(&row.name));
        let twins = twins::kinds(names, |at| twins::told_by(model, &rows[at].place));
        let name = |(row, twin): (&TensorRow, &Twin)| {
            let told = if *twin == Twin::None { 0 } else { NUMBER };
            width(text::last_name(&row.name)) + told
        };
        let longest_name = rows.iter().zip(&twins).map(name).max().unwrap_or(0);
        Listed {
            longest: u16::try_from(longest_name).unwrap_or(u16::MAX),
            bytes: rows.iter().map(|row| row.bytes).sum(),
            most: rows.iter().map(|row| row.share).fold(1e-9, f64::max),
            widest: (
                longest(|row| row.dtype.to_string()),
                longest(|row| row.shape.to_string()),
            ),
            twins,
            is_quantized: rows.iter().any(|row| row.quantization.is_some()),
            rows,
            uses,
            starts,
            by_place,
        }
    }

    pub fn row_of(&self, place: &Place) -> Option<usize> {
        let place_of = |at: &u32| &self.rows[*at as usize].place;
        let found = self.by_place.binary_search_by(|at| place_of(at).cmp(place));
        found.ok().map(|found| self.by_place[found] as usize)
    }

    /// The operators that take a tensor.
    pub fn uses(&self, row: usize) -> &[Use] {
        match self.starts.get(row..row + 2) {
            Some(&[from, to]) => &self.uses[from as usize..to as usize],
            _ => &[],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Bytes,
    Name,
    Dtype,
    Shape,
    Zeros,
    Quantization,
}

impl Order {
    pub const ALL: [Order; 6] = [
        Order::Bytes,
        Order::Name,
        Order::Dtype,
        Order::Shape,
        Order::Zeros,
        Order::Quantization,
    ];

    pub fn column(self) -> usize {
        match self {
            Order::Name => 0,
            Order::Dtype => 1,
            Order::Shape => 2,
            Order::Bytes => 3,
            Order::Zeros => 6,
            Order::Quantization => 7,
        }
    }
}

/// Which rows hold all words of `filter`.
pub fn holding<'l>(listed: &'l Listed, filter: &str) -> impl Fn(usize) -> bool + use<'l> {
    let holds = text::holds_words(filter);
    let all = filter.trim().is_empty();
    move |at| {
        let row = &listed.rows[at];
        let quantization = row.quantization.as_deref().unwrap_or_default();
        all || holds(&format!(
            "{} {} {} {quantization}",
            row.name, row.dtype, row.shape
        ))
    }
}

/// Which of two rows comes first; equal ones as they are listed. `zeros`: the share of each.
pub fn by<'l>(
    listed: &'l Listed,
    zeros: &'l [Option<f64>],
    order: Order,
) -> impl Fn(usize, usize) -> Ordering + use<'l> {
    move |a, b| {
        let (first, second) = (&listed.rows[a], &listed.rows[b]);
        match order {
            Order::Bytes => {
                let key = |row: &TensorRow| (row.bookkeeping, Reverse(row.bytes));
                key(first).cmp(&key(second))
            }
            Order::Name => first.name.cmp(&second.name),
            Order::Dtype => first.dtype.cmp(&second.dtype),
            Order::Shape => first.shape.0.cmp(&second.shape.0),
            Order::Zeros => {
                let share = |at: usize| zeros.get(at).copied().flatten().unwrap_or(-1.0);
                share(b).total_cmp(&share(a))
            }
            // Quantized ones first.
            Order::Quantization => {
                let key = |row: &'l TensorRow| (row.quantization.is_none(), &row.quantization);
                key(first).cmp(&key(second))
            }
        }
    }
}
