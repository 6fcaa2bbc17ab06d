//! A grammar for protobuf's text format, which syntect does not come with.

use std::collections::HashMap;

use syntect::parsing::syntax_definition::{
    Context, MatchOperation, MatchPattern, Pattern, SyntaxDefinition,
};
use syntect::parsing::{Scope, SyntaxSet, SyntaxSetBuilder};

pub const EXTENSION: &str = "pbtxt";

/// What is told apart; the first that fits counts.
const PATTERNS: [(&str, &str); 7] = [
    (r"#.*", "comment.line"),
    (r#""(?:[^"\\]|\\.)*"?"#, "string.quoted.double"),
    (r"\[[^\]]*\]", "entity.name.type"),
    (r"[A-Za-z_][A-Za-z0-9_]*(?=\s*[:{])", "entity.name.tag"),
    (r"-?(?:inf|nan)\b", "constant.numeric"),
    (r"[A-Za-z_][A-Za-z0-9_]*", "constant.language"),
    (r"-?[0-9][0-9.]*(?:e[+-]?[0-9]+)?", "constant.numeric"),
];

pub fn grammar() -> SyntaxSet {
    let patterns = PATTERNS.iter().map(|(regex, scope)| {
        Pattern::Match(MatchPattern::new(
            false,
            (*regex).to_owned(),
            Scope::new(scope).into_iter().collect(),
            None,
            MatchOperation::None,
            None,
        ))
    });
    let context = Context {
        patterns: patterns.collect(),
        ..Context::new(false)
    };
    // Where a text begins, and where another grammar would go into this one.
    let contexts = ["__start", "main"].map(|name| (name.to_owned(), context.clone()));
    let mut set = SyntaxSetBuilder::new();
    if let Ok(scope) = Scope::new("source.pbtxt") {
        set.add(SyntaxDefinition {
            name: "Protocol Buffer text".to_owned(),
            file_extensions: vec![EXTENSION.to_owned()],
            scope,
            first_line_match: None,
            hidden: false,
            variables: HashMap::new(),
            contexts: HashMap::from(contexts),
        });
    }
    set.build()
}
