//! Times of repeated runs.

use serde::Serialize;

use super::table::{Align, Table};
use super::{Style, human};

#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    pub model: String,
    pub signature: String,
    /// Timed runs after the first.
    pub runs: usize,
    pub threads: usize,
    /// Opening the file and making the session ready.
    pub load_ms: f64,
    /// The first run, which plans and packs weights.
    pub first_ms: f64,
    pub median_ms: f64,
    pub p90_ms: f64,
    pub min_ms: f64,
    pub max_ms: f64,
    pub arena_bytes: u64,
    /// `null` where the system does not tell.
    pub peak_rss_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ops: Option<Vec<OpRow>>,
}

#[derive(Debug, Clone, Serialize)]
pub struct OpRow {
    pub name: String,
    pub op: String,
    pub median_ms: f64,
    pub macs: u64,
}

impl BenchReport {
    pub fn text(&self, style: Style) -> String {
        let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
        let mut line = |name: &str, text: String| table.row([name.to_owned(), text]);
        line("load", human::millis(self.load_ms));
        line("first", human::millis(self.first_ms));
        line(
            "median",
            format!("{} of {} runs", human::millis(self.median_ms), self.runs),
        );
        line("p90", human::millis(self.p90_ms));
        line(
            "min, max",
            format!(
                "{}, {}",
                human::millis(self.min_ms),
                human::millis(self.max_ms)
            ),
        );
        line("threads", self.threads.to_string());
        line("arena", human::bytes(self.arena_bytes));
        if let Some(bytes) = self.peak_rss_bytes {
            line("peak memory", human::bytes(bytes));
        }
        let title = format!("{}  {}", self.model, self.signature);
        let mut out = format!("{}\n{}", style.heading(&title), table.text(style));
        if let Some(ops) = &self.ops {
            out.push('\n');
            out.push_str(&op_table(ops).text(style));
        }
        out
    }
}

fn op_table(ops: &[OpRow]) -> Table {
    let mut table = Table::new(&[
        ("operator", Align::Left),
        ("name", Align::Left),
        ("MACs", Align::Right),
        ("median", Align::Right),
        ("share", Align::Right),
        ("", Align::Left),
    ]);
    let total: f64 = ops.iter().map(|op| op.median_ms).sum();
    for op in ops {
        let share = if total > 0.0 {
            op.median_ms / total
        } else {
            0.0
        };
        table.row([
            op.op.clone(),
            human::tail(&op.name, 48),
            if op.macs == 0 {
                "–".to_owned()
            } else {
                human::count(op.macs)
            },
            human::millis(op.median_ms),
            human::percent(share),
            human::bar(share, 16),
        ]);
    }
    table
}
