//! Facts as text for people and as JSON for scripts.

pub mod assets;
pub mod bench;
pub mod check;
pub mod compare;
pub mod convert;
pub mod facts;
pub mod human;
pub mod not_finite;
pub mod objects;
pub mod ops;
pub mod prune;
pub mod run;
pub mod show;
pub mod signatures;
pub mod state;
pub mod structure;
pub mod table;
pub mod tensors;

use crate::analysis::{self, SignatureCost};
use crate::model::{Model, visible};
use crate::progress::Progress;

/// Cost of the signature that would be run; `None` where it has none or no signature is there.
fn cost(model: &Model) -> Option<SignatureCost> {
    let (meta_graph, signature) = model.signature(None, None).ok()?;
    let at = meta_graph
        .signatures
        .iter()
        .position(|s| std::ptr::eq(s, signature))?;
    let mut costs = analysis::costs(model, meta_graph, &Progress::new()).ok()?;
    let found = (at < costs.signatures.len()).then(|| costs.signatures.swap_remove(at));
    found.filter(|cost| cost.macs > 0)
}

/// `1.31 MMAC per sample`, with what it takes for granted.
pub fn cost_line(cost: &SignatureCost) -> String {
    let mut line = format!("{} per sample", human::macs(cost.macs));
    if cost.open_sizes {
        line.push_str(", open sizes as 1");
    }
    if cost.open_loops {
        line.push_str(", open loops once");
    }
    line
}

/// How text may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    pub colour: bool,
}

impl Style {
    pub const PLAIN: Style = Style { colour: false };

    /// Text that a model may have named, in a colour; what a terminal would obey is shown instead.
    fn paint(self, code: &str, text: &str) -> String {
        let text = visible(text);
        if self.colour && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.into_owned()
        }
    }

    /// What a section is about.
    pub fn heading(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What matters less.
    pub fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// What is wrong.
    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }
}
