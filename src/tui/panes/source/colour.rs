//! Syntax to roles of the theme. The grammars load on first use, in the thread that asks.

use std::sync::OnceLock;

use syntect::parsing::{ParseState, ScopeStack, SyntaxSet};

use super::document::Document;
use crate::error::Result;
use crate::progress::Progress;
use crate::tui::theme::Role;

/// A text in pieces of one role each.
pub struct Coloured {
    pub title: String,
    pub lines: Vec<Vec<(Role, String)>>,
}

/// Past this many lines text stays plain: nobody reads colours that far, and they take their time.
const COLOURED_LINES: usize = 20_000;

fn grammars() -> &'static SyntaxSet {
    static SET: OnceLock<SyntaxSet> = OnceLock::new();
    SET.get_or_init(SyntaxSet::load_defaults_newlines)
}

/// # Errors
/// Only when stopped.
pub fn colour(document: Document, progress: &Progress) -> Result<Coloured> {
    let lines: Vec<&str> = document.text.lines().collect();
    let grammar = document
        .is_json
        .then(|| grammars().find_syntax_by_extension("json"))
        .flatten();
    progress.stage("colouring", lines.len() as u64);
    let mut state = grammar.map(ParseState::new);
    let mut stack = ScopeStack::new();
    let mut coloured = Vec::with_capacity(lines.len());
    for (at, line) in lines.into_iter().enumerate() {
        let shown = line.replace('\t', "    ");
        let clean: String = shown
            .chars()
            .map(|c| if c.is_control() { '·' } else { c })
            .collect();
        let pieces = match &mut state {
            Some(state) if at < COLOURED_LINES => pieces(state, &mut stack, &clean),
            _ => vec![(Role::Text, clean)],
        };
        coloured.push(pieces);
        if at % 256 == 0 {
            progress.step(256)?;
        }
    }
    Ok(Coloured {
        title: document.title,
        lines: coloured,
    })
}

fn pieces(state: &mut ParseState, stack: &mut ScopeStack, line: &str) -> Vec<(Role, String)> {
    let with_end = format!("{line}\n");
    let Ok(changes) = state.parse_line(&with_end, grammars()) else {
        return vec![(Role::Text, line.to_owned())];
    };
    let mut pieces: Vec<(Role, String)> = Vec::new();
    let mut from = 0;
    let mut add = |role: Role, words: &str| match pieces.last_mut() {
        Some((last, text)) if *last == role => text.push_str(words),
        _ if words.is_empty() => {}
        _ => pieces.push((role, words.to_owned())),
    };
    for (at, change) in changes {
        let to = at.min(line.len());
        add(role(stack), line.get(from..to).unwrap_or_default());
        from = to;
        // An operation that does not fit leaves the scopes as they were.
        let _ = stack.apply(&change);
    }
    add(role(stack), line.get(from..).unwrap_or_default());
    as_keys(pieces)
}

/// A string before a colon is a key.
fn as_keys(mut pieces: Vec<(Role, String)>) -> Vec<(Role, String)> {
    for at in 1..pieces.len() {
        if pieces[at].1.trim_start().starts_with(':') && pieces[at - 1].0 == Role::SyntaxString {
            pieces[at - 1].0 = Role::SyntaxKey;
        }
    }
    pieces
}

fn role(stack: &ScopeStack) -> Role {
    for scope in stack.as_slice().iter().rev() {
        let name = scope.build_string();
        let role = match name.split('.').next().unwrap_or_default() {
            "string" => Role::SyntaxString,
            "comment" => Role::SyntaxComment,
            "constant" if name.contains("numeric") => Role::SyntaxNumber,
            // An escape belongs to its string.
            "constant" if name.contains("escape") => Role::SyntaxString,
            "constant" | "keyword" | "storage" => Role::SyntaxKeyword,
            "punctuation" if name.contains("string") => Role::SyntaxString,
            _ => continue,
        };
        return role;
    }
    Role::Text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_strings_and_numbers_are_told_apart() {
        let document = Document {
            title: String::new(),
            text: "{\n  \"op\": \"Conv\\n2D\",\n  \"n\": -1.5e3, \"yes\": true\n}".to_owned(),
            is_json: true,
        };
        let coloured = colour(document, &Progress::new()).unwrap();
        let find = |words: &str| {
            let pieces = coloured.lines.iter().flatten();
            pieces
                .clone()
                .find(|(_, t)| t.contains(words))
                .map(|(role, _)| *role)
        };
        assert_eq!(find("\"op\""), Some(Role::SyntaxKey));
        assert_eq!(find("Conv"), Some(Role::SyntaxString));
        assert_eq!(find("1.5e3"), Some(Role::SyntaxNumber));
        assert_eq!(find("true"), Some(Role::SyntaxKeyword));
    }
}
