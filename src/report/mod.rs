//! Facts as text for people and as JSON for scripts.

pub mod assets;
pub mod bench;
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
