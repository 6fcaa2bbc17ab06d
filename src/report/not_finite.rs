//! Where the first NaN or infinity of a run's outputs came from, in sentences and as JSON.

use serde::Serialize;

use super::human;
use crate::runtime::{NotFinite, Operand, Origin, Source, What};

/// Operands whose ranges are told.
const OPERANDS: usize = 3;

/// The names of outputs that are not finite, and where that came from: those that have it from the same place together.
pub fn told(found: &[NotFinite]) -> Vec<(String, String)> {
    let alike = |a: &NotFinite, b: &NotFinite| {
        (a.origin.at, a.origin.what, a.origin.call) == (b.origin.at, b.origin.what, b.origin.call)
    };
    let mut places: Vec<Vec<&NotFinite>> = Vec::new();
    for one in found {
        match places.iter_mut().find(|place| alike(place[0], one)) {
            Some(place) => place.push(one),
            None => places.push(vec![one]),
        }
    }
    let place = |place: &Vec<&NotFinite>| {
        let names: Vec<&str> = place.iter().map(|one| &*one.output).collect();
        (names.join(", "), sentence(place[0]))
    };
    places.iter().map(place).collect()
}

/// `NaN first made by block_3/log (Log) from -2 … 3: 12 of 400 values`, and of which infinity, if so.
fn sentence(found: &NotFinite) -> String {
    let mut words = clause(&found.origin);
    let mut cause = found.origin.cause.as_deref();
    while let Some(origin) = cause {
        words += "; ";
        words += &clause(origin);
        cause = origin.cause.as_deref();
    }
    words
}

fn clause(origin: &Origin) -> String {
    let name = &origin.name;
    let what = match origin.clamped {
        true => "the largest float".to_owned(),
        false => origin.what.to_string(),
    };
    let who = match (origin.source, &origin.op) {
        (Source::Input, _) => format!("{what} given in the input {name}"),
        (Source::Constant, _) => format!("{what} in the constant {name}"),
        (Source::Variable, _) => format!("{what} held by the variable {name}"),
        (Source::Operator, Some(op)) => format!("{what} first made by {name} ({op})"),
        (Source::Operator, None) => format!("{what} first made by {name}"),
    };
    let graph = match &origin.graph {
        Some(graph) if origin.call > 1 => format!(" in {graph}, call {},", origin.call),
        Some(graph) => format!(" in {graph}"),
        None => String::new(),
    };
    let range = |o: &Operand| match o.min < o.max {
        true => format!("{} … {}", human::value(o.min), human::value(o.max)),
        false => human::value(o.min),
    };
    let ranges: Vec<String> = origin.from.iter().take(OPERANDS).map(range).collect();
    let from = match &ranges[..] {
        [] => String::new(),
        ranges => format!(" from {}", ranges.join(" and ")),
    };
    let count = format!(
        "{} of {} values",
        human::exact(origin.count as u64),
        human::exact(origin.of as u64)
    );
    format!("{who}{graph}{from}: {count}")
}

/// As JSON.
#[derive(Debug, Serialize)]
pub struct Json<'a> {
    /// The first output that has some, and how many of its values are.
    output: &'a str,
    output_count: usize,
    output_of: usize,
    #[serde(flatten)]
    origin: OriginJson<'a>,
    /// The same of the other outputs that have some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<Json<'a>>,
}

#[derive(Debug, Serialize)]
struct OriginJson<'a> {
    /// `nan`, `inf` or `max`, the largest float, to which TensorFlow Lite clamps.
    what: &'static str,
    /// `operator`, `input`, `constant` or `variable`.
    kind: &'static str,
    /// Its name.
    node: &'a str,
    op: Option<&'a str>,
    /// The graph of the loop, the branch or the call that it lies in; `null` in the signature's own.
    graph: Option<&'a str>,
    /// In which of its calls, from 1; 0 for what no operator made in this run.
    call: u64,
    count: usize,
    of: usize,
    from: Vec<OperandJson<'a>>,
    /// Of a NaN that was made of infinities, or the other way round: where these came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Box<OriginJson<'a>>>,
}

#[derive(Debug, Serialize)]
struct OperandJson<'a> {
    name: &'a str,
    min: f64,
    max: f64,
}

/// `None` where all outputs are finite.
pub fn json(found: &[NotFinite]) -> Option<Json<'_>> {
    fn one(found: &NotFinite) -> Json<'_> {
        Json {
            output: &found.output,
            output_count: found.count,
            output_of: found.of,
            origin: origin_json(&found.origin),
            others: Vec::new(),
        }
    }
    let (first, others) = found.split_first()?;
    Some(Json {
        others: others.iter().map(one).collect(),
        ..one(first)
    })
}

fn origin_json(origin: &Origin) -> OriginJson<'_> {
    OriginJson {
        what: match origin.what {
            What::Nan => "nan",
            What::Infinity if origin.clamped => "max",
            What::Infinity => "inf",
        },
        kind: match origin.source {
            Source::Input => "input",
            Source::Constant => "constant",
            Source::Variable => "variable",
            Source::Operator => "operator",
        },
        node: &origin.name,
        op: origin.op.as_deref(),
        graph: origin.graph.as_deref(),
        call: origin.call,
        count: origin.count,
        of: origin.of,
        from: origin.from.iter().map(operand_json).collect(),
        cause: origin.cause.as_deref().map(origin_json).map(Box::new),
    }
}

fn operand_json(operand: &Operand) -> OperandJson<'_> {
    OperandJson {
        name: &operand.name,
        min: operand.min,
        max: operand.max,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::ValueId;

    /// A NaN that a subtraction in a loop made of infinities.
    pub fn found() -> NotFinite {
        let origin = |what, name: &str, op: &str, min, max| Origin {
            source: Source::Operator,
            what,
            clamped: false,
            at: (0, ValueId(0)),
            graph: None,
            name: name.into(),
            op: Some(op.into()),
            count: 12,
            of: 4000,
            from: vec![Operand {
                name: "x".into(),
                min,
                max,
            }],
            call: 1,
            cause: None,
        };
        NotFinite {
            output: "y".into(),
            count: 1,
            of: 10,
            origin: Origin {
                graph: Some("body".into()),
                call: 3,
                cause: Some(Box::new(origin(
                    What::Infinity,
                    "big/exp",
                    "Exp",
                    0.0,
                    1000.0,
                ))),
                ..origin(What::Nan, "block/sub", "Sub", -2.0, 3.5)
            },
        }
    }

    #[test]
    fn a_sentence_tells_the_operator_and_what_it_had() {
        insta::assert_snapshot!(sentence(&found()), @"NaN first made by block/sub (Sub) in body, call 3, from -2 … 3.5: 12 of 4,000 values; Inf first made by big/exp (Exp) from 0 … 1000: 12 of 4,000 values");
        let given = NotFinite {
            origin: Origin {
                source: Source::Input,
                from: Vec::new(),
                cause: None,
                graph: None,
                ..found().origin
            },
            ..found()
        };
        insta::assert_snapshot!(sentence(&given), @"NaN given in the input block/sub: 12 of 4,000 values");
    }

    #[test]
    fn outputs_that_have_it_from_one_place_are_told_together() {
        let mut all = [found(), found(), found()];
        all[1].output = "z".into();
        all[1].origin.at = (1, ValueId(4));
        all[2].output = "w".into();
        let told = told(&all);
        let outputs: Vec<&str> = told.iter().map(|(outputs, _)| &**outputs).collect();
        assert_eq!(outputs, ["y, w", "z"]);
    }

    #[test]
    fn json_has_the_same() {
        let all = [found()];
        insta::assert_snapshot!(serde_json::to_string(&json(&all)).unwrap(), @r#"{"output":"y","output_count":1,"output_of":10,"what":"nan","kind":"operator","node":"block/sub","op":"Sub","graph":"body","call":3,"count":12,"of":4000,"from":[{"name":"x","min":-2.0,"max":3.5}],"cause":{"what":"inf","kind":"operator","node":"big/exp","op":"Exp","graph":null,"call":1,"count":12,"of":4000,"from":[{"name":"x","min":0.0,"max":1000.0}]}}"#);
        assert!(json(&[]).is_none());
        let two = [
            found(),
            NotFinite {
                output: "z".into(),
                ..found()
            },
        ];
        let json = serde_json::to_value(json(&two)).unwrap();
        assert_eq!(json["others"][0]["output"], "z");
        assert_eq!(json["others"][0]["node"], "block/sub");
    }
}
