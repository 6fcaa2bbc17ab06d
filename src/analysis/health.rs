//! What is wrong with a model, or worth knowing before it is used.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;

use super::operators::all_op_counts;
use super::sizes::{Place, TensorRow, read, tensors};
use crate::error::Result;
use crate::model::{Model, Tensor, VariableRole};
use crate::progress::Progress;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Looked at and fine.
    Fine,
    /// Worth knowing.
    Note,
    /// Wrong.
    Bad,
}

#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub text: String,
    /// Tensors that it is about.
    #[serde(skip)]
    pub places: Vec<Place>,
}

impl Finding {
    fn new(severity: Severity, text: impl Into<String>) -> Self {
        Finding {
            severity,
            text: text.into(),
            places: Vec::new(),
        }
    }

    fn about(mut self, places: Vec<Place>) -> Self {
        self.places = places;
        self
    }
}

/// TensorFlow operators that reach out of the graph: files, the network, code of the host.
const UNSAFE: [&str; 17] = [
    "ReadFile",
    "WriteFile",
    "MatchingFiles",
    "SaveV2",
    "MergeV2Checkpoints",
    "Save",
    "SaveSlices",
    "PyFunc",
    "PyFuncStateless",
    "EagerPyFunc",
    "LoadLibrary",
    "DebugIdentityV2",
    "ImmutableConst",
    "PrintV2",
    "RemoteCall",
    "TFRecordDataset",
    "TextLineDataset",
];

/// Findings from the structure alone: warnings of the reader, custom, Flex and unsafe operators, missing shards, orphans.
pub fn health(model: &Model) -> Vec<Finding> {
    let mut findings: Vec<Finding> = model
        .warnings
        .iter()
        .map(|w| Finding::new(Severity::Bad, w.to_string()))
        .collect();
    findings.extend(operator_findings(model));
    let missing = model.shards.iter().filter(|s| s.bytes.is_none());
    findings.extend(
        missing.map(|s| Finding::new(Severity::Bad, format!("shard {} is missing", s.file))),
    );
    let orphans: Vec<Place> = tensors(model)
        .into_iter()
        .filter(|row| is_role(model, row, VariableRole::Orphan))
        .map(|row| row.place)
        .collect();
    if !orphans.is_empty() {
        let text = format!(
            "{} stored but used by nothing",
            plural(orphans.len(), "variable")
        );
        findings.push(Finding::new(Severity::Note, text).about(orphans));
    }
    findings
}

fn is_role(model: &Model, row: &TensorRow, role: VariableRole) -> bool {
    match row.place {
        Place::Variable(id) => model
            .variables
            .get(id.0 as usize)
            .is_some_and(|v| v.role == role),
        _ => false,
    }
}

fn operator_findings(model: &Model) -> Vec<Finding> {
    let mut custom: BTreeMap<String, usize> = BTreeMap::new();
    let mut outside: BTreeMap<String, usize> = BTreeMap::new();
    for meta_graph in &model.meta_graphs {
        let counts = all_op_counts(meta_graph);
        for (op, n) in &counts.custom {
            *custom.entry(op.to_string()).or_default() += n;
        }
        // Saving and restoring are part of every SavedModel; only what signatures or functions do counts as reaching out.
        for (op, n) in counts.total() {
            if UNSAFE.contains(&&*op) && !matches!(&*op, "SaveV2" | "MergeV2Checkpoints") {
                *outside.entry(op.to_string()).or_default() += n;
            }
        }
    }
    let list = |ops: &BTreeMap<String, usize>| {
        let all: Vec<String> = ops.iter().map(|(op, n)| format!("{op} ×{n}")).collect();
        all.join(", ")
    };
    let (flex, custom): (BTreeMap<_, _>, BTreeMap<_, _>) = custom
        .into_iter()
        .partition(|(op, _)| op.starts_with("Flex"));
    let mut findings = Vec::new();
    if !flex.is_empty() {
        findings.push(Finding::new(
            Severity::Note,
            format!("Flex operators: {}", list(&flex)),
        ));
    }
    if !custom.is_empty() {
        findings.push(Finding::new(
            Severity::Note,
            format!("custom operators: {}", list(&custom)),
        ));
    }
    if !outside.is_empty() {
        let text = format!("operators that reach out of the graph: {}", list(&outside));
        findings.push(Finding::new(Severity::Bad, text));
    }
    if findings.is_empty() {
        findings.push(Finding::new(
            Severity::Fine,
            "no custom, Flex or unsafe operators",
        ));
    }
    findings
}

/// Constants below this size are shapes and axes, where zeros and equals mean nothing.
const SMALL: u64 = 64;

/// Findings from the values: NaN and infinities, all-zero and duplicate tensors, dead channels. Reads every weight.
pub fn weights_health(model: &Model, progress: &Progress) -> Result<Vec<Finding>> {
    let rows: Vec<TensorRow> = tensors(model)
        .into_iter()
        .filter(|row| {
            !row.shared
                && !row.sparse
                && (row.dtype.is_float() || row.dtype.is_integer())
                && !is_role(model, row, VariableRole::Bookkeeping)
        })
        .collect();
    progress.stage("reading weights", rows.len() as u64);
    let mut findings = Vec::new();
    let mut finite = 0;
    let mut by_content: HashMap<u64, Vec<&TensorRow>> = HashMap::new();
    for row in &rows {
        match read(model, &row.place) {
            Err(error) => {
                let place = vec![row.place.clone()];
                findings.push(Finding::new(Severity::Bad, error.to_string()).about(place));
            }
            Ok(tensor) => {
                let own = value_findings(row, &tensor);
                finite += usize::from(own.iter().all(|f| f.severity != Severity::Bad));
                findings.extend(own);
                if row.bytes > SMALL {
                    by_content
                        .entry(content(row, &tensor))
                        .or_default()
                        .push(row);
                }
            }
        }
        progress.step(1)?;
    }
    findings.extend(duplicates(by_content.into_values()));
    if finite == rows.len() {
        let text = format!("all {} finite", plural(finite, "tensor"));
        findings.insert(0, Finding::new(Severity::Fine, text));
    }
    findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    Ok(findings)
}

fn content(row: &TensorRow, tensor: &Tensor) -> u64 {
    let mut hasher = DefaultHasher::new();
    (row.dtype, tensor.shape(), tensor.bytes()).hash(&mut hasher);
    hasher.finish()
}

/// Groups of equal tensors that get a line of their own; more become one line.
const NAMED_GROUPS: usize = 3;

fn duplicates<'a>(groups: impl Iterator<Item = Vec<&'a TensorRow>>) -> Vec<Finding> {
    let spare = |rows: &[&TensorRow]| rows.iter().skip(1).map(|r| r.bytes).sum::<u64>();
    let mut groups: Vec<Vec<&TensorRow>> = groups.filter(|rows| rows.len() > 1).collect();
    for rows in &mut groups {
        rows.sort_by(|a, b| a.place.cmp(&b.place));
    }
    groups.sort_by(|a, b| {
        spare(b)
            .cmp(&spare(a))
            .then_with(|| a[0].place.cmp(&b[0].place))
    });
    let places = |rows: &[&TensorRow]| rows.iter().map(|r| r.place.clone()).collect::<Vec<_>>();
    if groups.len() > NAMED_GROUPS {
        let bytes: u64 = groups.iter().map(|rows| spare(rows)).sum();
        let text = format!(
            "{} stored more than once ({} first): {bytes} bytes could go",
            plural(groups.len(), "tensor"),
            groups[0][0].name
        );
        let all = groups.iter().flat_map(|rows| places(rows)).collect();
        return vec![Finding::new(Severity::Note, text).about(all)];
    }
    groups
        .iter()
        .map(|rows| {
            let names: Vec<&str> = rows.iter().take(3).map(|r| &*r.name).collect();
            let more = match rows.len() - names.len() {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            let text = format!(
                "equal values: {}{more}; {} bytes could go",
                names.join(", "),
                spare(rows)
            );
            Finding::new(Severity::Note, text).about(places(rows))
        })
        .collect()
}

fn value_findings(row: &TensorRow, tensor: &Tensor) -> Vec<Finding> {
    let numbers = tensor.numbers();
    let place = || vec![row.place.clone()];
    let mut findings = Vec::new();
    let odd = numbers.iter().filter(|v| !v.is_finite()).count();
    if odd > 0 {
        let text = format!(
            "{}: {odd} of {} values are NaN or infinite",
            row.name,
            numbers.len()
        );
        findings.push(Finding::new(Severity::Bad, text).about(place()));
    }
    let matrix = tensor.rank() >= 2 && row.bytes > SMALL;
    if matrix && numbers.iter().all(|&v| v == 0.0) {
        let text = format!("{}: all {} values are zero", row.name, numbers.len());
        findings.push(Finding::new(Severity::Note, text).about(place()));
    } else if matrix && row.dtype.is_float() {
        let channels = tensor.shape().last().copied().unwrap_or(1).max(1);
        let mut alive = vec![false; channels];
        for (i, &v) in numbers.iter().enumerate() {
            alive[i % channels] |= v != 0.0;
        }
        let dead = alive.iter().filter(|a| !**a).count();
        if dead > 0 {
            let text = format!(
                "{}: {dead} of {channels} channels are dead (all weights zero)",
                row.name
            );
            findings.push(Finding::new(Severity::Note, text).about(place()));
        }
    }
    findings
}

fn plural(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}
