//! Times of repeated runs.

use serde::Serialize;

use super::table::{Align, Table};
use super::{Style, human};
use crate::runtime::OpTime;

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

/// Medians of one operator, over all the rounds of the loop it lies in.
#[derive(Debug, Clone, Serialize)]
pub struct OpRow {
    pub name: String,
    pub op: String,
    /// The graph of the loop, the branch or the call that it lies in; `null` in the signature's own.
    pub graph: Option<String>,
    /// How often it ran in one run.
    pub calls: u64,
    /// With all that it runs.
    pub median_ms: f64,
    /// Without the operators in the graphs that it runs, which have times of their own.
    pub self_ms: f64,
    /// Of all calls.
    pub macs: u64,
    /// Billions of operations a second, a multiply-accumulate being two; `null` without any.
    pub gflops: Option<f64>,
    /// Of what the processor was measured to do at most on as many threads, in operations of its kind: 1 is all.
    pub of_peak: Option<f64>,
}

impl OpRow {
    /// `time` are the medians of an operator that ran on so many threads.
    pub fn new(time: &OpTime, threads: usize) -> OpRow {
        let millis = |nanos: u64| nanos as f64 / 1e6;
        let rate = time.rate(threads);
        OpRow {
            name: time.node.to_string(),
            op: time.op.to_string(),
            graph: time.graph.as_ref().map(ToString::to_string),
            calls: time.calls,
            median_ms: millis(time.nanos),
            self_ms: millis(time.own()),
            macs: time.macs,
            gflops: rate.map(|(rate, _)| rate / 1e9),
            of_peak: rate.map(|(_, share)| share),
        }
    }
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

/// Shares are of each operator's own time, which no other has in it.
fn op_table(ops: &[OpRow]) -> Table {
    let left = |title| (title, Align::Left);
    let right = |title| (title, Align::Right);
    // What one graph alone does not need to tell.
    let nested = ops.iter().any(|op| op.graph.is_some());
    let mut columns = vec![left("operator"), left("name")];
    if nested {
        columns.extend([left("in"), right("calls")]);
    }
    let counts = ops.iter().any(|op| op.gflops.is_some());
    columns.extend([right("MACs"), right("median")]);
    if nested {
        columns.push(right("self"));
    }
    if counts {
        columns.extend([right("GFLOP/s"), right("of peak")]);
    }
    columns.extend([right("share"), left("")]);
    let mut table = Table::new(&columns);
    let total: f64 = ops.iter().map(|op| op.self_ms).sum();
    for op in ops {
        let share = match total > 0.0 {
            true => op.self_ms / total,
            false => 0.0,
        };
        let macs = match op.macs {
            0 => "–".to_owned(),
            macs => human::count(macs),
        };
        let mut cells = vec![op.op.clone(), human::tail(&op.name, 48)];
        if nested {
            let graph = op.graph.as_deref().unwrap_or_default();
            cells.extend([human::tail(graph, 32), human::count(op.calls)]);
        }
        cells.extend([macs, human::millis(op.median_ms)]);
        if nested {
            cells.push(human::millis(op.self_ms));
        }
        if counts {
            let rate = op
                .gflops
                .map_or_else(|| "–".to_owned(), |rate| format!("{rate:.1}"));
            let of_peak = op.of_peak.map_or_else(|| "–".to_owned(), human::percent);
            cells.extend([rate, of_peak]);
        }
        cells.extend([human::percent(share), human::bar(share, 16)]);
        table.row(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(op: &str, graph: Option<&str>, calls: u64, [all, own]: [f64; 2]) -> OpRow {
        OpRow {
            name: op.to_lowercase(),
            op: op.to_owned(),
            graph: graph.map(str::to_owned),
            calls,
            median_ms: all,
            self_ms: own,
            macs: 0,
            gflops: None,
            of_peak: None,
        }
    }

    #[test]
    fn the_shares_of_a_loop_and_of_its_operators_add_up() {
        let loops = [
            row("EXP", None, 1, [2.0, 2.0]),
            row("WHILE", None, 1, [8.0, 1.0]),
            row("LESS", Some("cond"), 6, [1.0, 1.0]),
            row("MUL", Some("body"), 5, [6.0, 6.0]),
        ];
        let words = |ops: &[OpRow]| -> Vec<String> {
            let text = op_table(ops).text(Style::default());
            let words = text.lines().map(|line| line.split_whitespace().collect());
            words.map(|words: Vec<_>| words.join(" ")).collect()
        };
        let shown = words(&loops);
        assert_eq!(shown[0], "operator name in calls MACs median self share");
        assert!(shown[2].starts_with("WHILE while 1 – 8.00 ms 1.00 ms 10.0%"));
        assert!(shown[4].starts_with("MUL mul body 5 – 6.00 ms 6.00 ms 60.0%"));
        // One graph alone is told as it always was.
        let shown = words(&loops[..1]);
        assert_eq!(shown[0], "operator name MACs median share");
        assert!(shown[1].starts_with("EXP exp – 2.00 ms 100.0%"));
    }
}
