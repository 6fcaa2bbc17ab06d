//! Facts as text for people and as JSON for scripts.

pub mod assets;
pub mod bench;
pub mod check;
pub mod compare;
pub mod convert;
pub mod facts;
pub mod human;
pub mod ops;
pub mod run;
pub mod show;
pub mod signatures;
pub mod table;
pub mod tensors;

use crate::analysis;
use crate::model::Model;

/// Multiply-accumulates of one sample through the default signature; `None` where they are not known.
fn macs(model: &Model) -> Option<u64> {
    let (meta_graph, signature) = model.signature(None, None).ok()?;
    let cost = analysis::cost(model, meta_graph, signature).ok()?;
    (cost.total_macs > 0).then_some(cost.total_macs)
}

/// How text may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    pub colour: bool,
}

impl Style {
    pub const PLAIN: Style = Style { colour: false };

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
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
