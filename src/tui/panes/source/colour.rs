//! Syntax to roles of the theme. The grammars load on first use, in the thread that asks.

use std::sync::OnceLock;

use syntect::parsing::{ParseState, ScopeStack, SyntaxSet};

use super::document::{Document, Syntax};
use super::protobuf;
use crate::error::Result;
use crate::model::visible::is_hidden;
use crate::progress::Progress;
use crate::tui::theme::Role;

/// A text in pieces of one role each.
pub struct Coloured {
    pub title: String,
    pub lines: Vec<Vec<(Role, String)>>,
}

/// Past this many lines text stays plain: nobody reads colours that far, and they take their time.
const COLOURED_LINES: usize = 20_000;

/// The grammars among which that of a language is, and the ending of its files.
fn grammar(syntax: Syntax) -> Option<(&'static SyntaxSet, &'static str)> {
    static KNOWN: OnceLock<SyntaxSet> = OnceLock::new();
    static PROTOBUF: OnceLock<SyntaxSet> = OnceLock::new();
    match syntax {
        Syntax::Plain => None,
        Syntax::Json => Some((KNOWN.get_or_init(SyntaxSet::load_defaults_newlines), "json")),
        Syntax::Protobuf => Some((PROTOBUF.get_or_init(protobuf::grammar), protobuf::EXTENSION)),
    }
}

/// # Errors
/// Only when stopped.
pub fn colour(document: Document, progress: &Progress) -> Result<Coloured> {
    let lines: Vec<&str> = document.text.lines().collect();
    let grammar = grammar(document.syntax);
    progress.stage("colouring", lines.len() as u64);
    let mut state = grammar.and_then(|(set, extension)| {
        let syntax = set.find_syntax_by_extension(extension)?;
        Some((set, ParseState::new(syntax)))
    });
    let mut stack = ScopeStack::new();
    let mut coloured = Vec::with_capacity(lines.len());
    for (at, line) in lines.into_iter().enumerate() {
        let shown = line.replace('\t', "    ");
        let clean: String = shown
            .chars()
            .map(|c| if is_hidden(c) { '·' } else { c })
            .collect();
        let pieces = match &mut state {
            Some((set, state)) if at < COLOURED_LINES => pieces(set, state, &mut stack, &clean),
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

fn pieces(
    set: &SyntaxSet,
    state: &mut ParseState,
    stack: &mut ScopeStack,
    line: &str,
) -> Vec<(Role, String)> {
    let with_end = format!("{line}\n");
    let Ok(changes) = state.parse_line(&with_end, set) else {
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
            "entity" => Role::SyntaxKey,
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
            syntax: Syntax::Json,
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

    #[test]
    fn protobuf_text_has_colours_of_its_own() {
        let document = Document {
            title: String::new(),
            text: "node {\n  name: \"a \\\"b # c\"\n  type: DT_FLOAT  # … more\n  f: -1e-05\n  b: true\n}".to_owned(),
            syntax: Syntax::Protobuf,
        };
        let coloured = colour(document, &Progress::new()).unwrap();
        let told: Vec<String> = coloured
            .lines
            .iter()
            .map(|line| {
                let words = line.iter().filter(|(_, t)| !t.trim().is_empty());
                let words = words.map(|(role, text)| format!("{role:?}:{}", text.trim()));
                words.collect::<Vec<_>>().join(" ")
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        SyntaxKey:node Text:{
        SyntaxKey:name Text:: SyntaxString:"a \"b # c"
        SyntaxKey:type Text:: SyntaxKeyword:DT_FLOAT SyntaxComment:# … more
        SyntaxKey:f Text:: SyntaxNumber:-1e-05
        SyntaxKey:b Text:: SyntaxKeyword:true
        Text:}
        "#);
    }
}
