//! Two models side by side.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use super::show::more_kinds;
use super::table::{Align, Table};
use super::{Style, human};
use crate::compare::{Comparison, LayerDiff};
use crate::model::{Model, visible};

/// Operators that are named, those first whose count changed.
const OPERATORS: usize = 12;

pub fn json(a: &Model, b: &Model, inputs: &str, comparison: &Comparison) -> Json {
    let mut json = json!(comparison);
    if let Json::Object(fields) = &mut json {
        fields.insert("a".into(), json!(a.path.to_string_lossy()));
        fields.insert("b".into(), json!(b.path.to_string_lossy()));
        fields.insert("inputs".into(), json!(inputs));
    }
    json
}

pub fn text(a: &Model, b: &Model, inputs: &str, c: &Comparison, style: Style) -> String {
    let mut out = format!(
        "A  {}\nB  {}\n",
        style.heading(&a.name),
        style.heading(&b.name)
    );
    let mut section = |title: &str, body: String| {
        if !body.is_empty() {
            let _ = write!(out, "\n{}\n{body}", style.heading(title));
        }
    };
    section("Size and speed", size_and_speed(c).text(style));
    let inputs = if inputs.is_empty() {
        "random values"
    } else {
        inputs
    };
    section(&format!("Outputs on {inputs}"), outputs(c).text(style));
    section("Layers", layers(&c.layers).text(style));
    section("Operators", operators(c).text(style));
    section(
        "Notes",
        c.notes
            .iter()
            .map(|n| format!("  ! {}\n", visible(n)))
            .collect(),
    );
    out
}

/// The same as a page of Markdown; names of layers are whole.
pub fn markdown(a: &Model, b: &Model, inputs: &str, c: &Comparison) -> String {
    let mut out = format!("# {} and {}\n", a.name, b.name);
    let _ = write!(
        out,
        "\nA is `{}`, B is `{}`.\n",
        a.path.display(),
        b.path.display()
    );
    let inputs = if inputs.is_empty() {
        "random values"
    } else {
        inputs
    };
    let tables = [
        ("Size and speed".to_owned(), size_and_speed(c)),
        (format!("Outputs on {inputs}"), outputs(c)),
        ("Layers".to_owned(), layers(&c.layers)),
        ("Operators".to_owned(), operators(c)),
    ];
    for (title, table) in tables.iter().filter(|(_, table)| !table.is_empty()) {
        let _ = write!(out, "\n## {title}\n\n{}", table.markdown());
    }
    if !c.notes.is_empty() {
        out.push_str("\n## Notes\n\n");
        out.extend(c.notes.iter().map(|n| format!("- {n}\n")));
    }
    out
}

fn size_and_speed(c: &Comparison) -> Table {
    let mut table = Table::new(&[
        ("", Align::Left),
        ("A", Align::Right),
        ("B", Align::Right),
        ("", Align::Left),
    ]);
    table.row([
        "bytes".to_owned(),
        human::bytes(c.sizes.a_bytes),
        human::bytes(c.sizes.b_bytes),
        human::change(c.sizes.a_bytes as f64, c.sizes.b_bytes as f64),
    ]);
    if let Some(latency) = &c.latency {
        let (word, ratio, low, high) = if latency.ratio >= 1.0 {
            ("faster", latency.ratio, latency.low, latency.high)
        } else {
            (
                "slower",
                1.0 / latency.ratio,
                1.0 / latency.high,
                1.0 / latency.low,
            )
        };
        table.row([
            "median".to_owned(),
            human::millis(latency.a_median_ms),
            human::millis(latency.b_median_ms),
            format!("{ratio:.2} × {word} (95 %: {low:.2}–{high:.2})"),
        ]);
        table.row([
            "p90".to_owned(),
            human::millis(latency.a_p90_ms),
            human::millis(latency.b_p90_ms),
            String::new(),
        ]);
    }
    table
}

fn outputs(c: &Comparison) -> Table {
    let mut table = Table::new(&[
        ("output", Align::Left),
        ("max error", Align::Right),
        ("mean error", Align::Right),
        ("cosine", Align::Right),
        ("SQNR", Align::Right),
        ("same top-1", Align::Right),
    ]);
    for o in &c.outputs {
        table.row([
            o.name.clone(),
            human::value(o.max_abs),
            human::value(o.mean_abs),
            format!("{:.6}", o.cosine),
            decibel(o.sqnr_db),
            o.same_top1.map_or("–".to_owned(), human::percent),
        ]);
    }
    table
}

fn decibel(db: f64) -> String {
    if db == f64::INFINITY {
        "equal".to_owned()
    } else {
        format!("{db:.1} dB")
    }
}

fn layers(layers: &[LayerDiff]) -> Table {
    let measured = layers.iter().any(|l| l.sqnr_db.is_some());
    let mut columns = vec![
        ("layer", Align::Left),
        ("operator in A", Align::Left),
        ("in B", Align::Left),
        ("A", Align::Right),
        ("B", Align::Right),
        ("what", Align::Left),
    ];
    if measured {
        columns.extend([("SQNR", Align::Right), ("max error", Align::Right)]);
    }
    let mut table = Table::new(&columns);
    let bytes = |n: u64| {
        if n == 0 {
            "–".to_owned()
        } else {
            human::bytes(n)
        }
    };
    for layer in layers {
        let mut row = vec![
            human::tail(&layer.name, 44),
            layer.op_a.clone(),
            layer.op_b.clone(),
            bytes(layer.a_bytes),
            bytes(layer.b_bytes),
            layer.what.clone(),
        ];
        if measured {
            row.push(layer.sqnr_db.map_or("–".to_owned(), decibel));
            row.push(layer.max_abs.map_or("–".to_owned(), human::value));
        }
        table.row(row);
    }
    table
}

fn operators(c: &Comparison) -> Table {
    let mut table = Table::new(&[
        ("operator", Align::Left),
        ("A", Align::Right),
        ("B", Align::Right),
    ]);
    let count = |n: usize| {
        if n == 0 {
            "–".to_owned()
        } else {
            human::exact(n as u64)
        }
    };
    for op in c.ops.iter().take(OPERATORS) {
        table.row([op.op.clone(), count(op.a), count(op.b)]);
    }
    let rest = c.ops.get(OPERATORS..).unwrap_or_default();
    if !rest.is_empty() {
        table.row([
            more_kinds(rest.len()),
            count(rest.iter().map(|o| o.a).sum()),
            count(rest.iter().map(|o| o.b).sum()),
        ]);
    }
    table
}
