//! `[[1, 2], [3, 4]]`, `0.5`, `true`, `"text"`: nested lists of numbers, bools and texts.

use super::element::Scalar;
use crate::error::{Error, Result};

/// Deeper lists than any tensor has.
const MAX_DEPTH: usize = 32;

/// Sizes and row-major elements of a literal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Literal {
    pub shape: Vec<usize>,
    pub elements: Vec<Scalar>,
}

/// Whether `text` looks like a literal (and not like a file's name).
pub(super) fn looks_like_one(text: &str) -> bool {
    text.starts_with(['[', '"', '\'', '-', '+', '.'])
        && !text.starts_with("./")
        && !text.starts_with("../")
        || text.starts_with(|c: char| c.is_ascii_digit())
        || matches!(text, "true" | "false" | "nan" | "inf" | "True" | "False")
}

/// # Errors
/// Where the text is no literal: what was expected and at which character. Lists of unequal lengths.
pub(super) fn parse(text: &str) -> Result<Literal> {
    let mut parser = Parser {
        text,
        at: 0,
        shape: Vec::new(),
        elements: Vec::new(),
        leaf_depth: None,
    };
    parser.value(0)?;
    parser.space();
    if parser.at < text.len() {
        return Err(parser.expected("the end"));
    }
    if let Some(depth) = parser.leaf_depth {
        parser.shape.truncate(depth);
    }
    let shape = parser.shape.iter().map(|n| n.unwrap_or(0)).collect();
    Ok(Literal {
        shape,
        elements: parser.elements,
    })
}

/// A number or a bool by itself.
pub(super) fn number(word: &str) -> Option<Scalar> {
    Some(match word.to_ascii_lowercase().as_str() {
        "true" => Scalar::Bool(true),
        "false" => Scalar::Bool(false),
        _ => match (word.parse::<i128>(), word.parse::<f64>()) {
            (Ok(v), _) => Scalar::Int(v),
            (_, Ok(v)) => Scalar::Float(v),
            _ => return None,
        },
    })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Length of the lists at each depth, once the first of them has ended.
    shape: Vec<Option<usize>>,
    elements: Vec<Scalar>,
    /// How many lists are around every element.
    leaf_depth: Option<usize>,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, c: char) -> bool {
        self.space();
        let found = self.rest().starts_with(c);
        self.at += if found { c.len_utf8() } else { 0 };
        found
    }

    fn expected(&self, what: &str) -> Error {
        Error::usage(format!(
            "{:?}: expected {what} at character {}, found {:?}",
            self.text,
            self.at + 1,
            self.rest().chars().take(10).collect::<String>()
        ))
    }

    fn value(&mut self, depth: usize) -> Result<()> {
        if self.take('[') {
            return self.list(depth);
        }
        let scalar = self.scalar()?;
        if *self.leaf_depth.get_or_insert(depth) != depth {
            return Err(self.expected("every number inside equally many lists"));
        }
        self.elements.push(scalar);
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<()> {
        if depth >= MAX_DEPTH {
            return Err(self.expected("fewer lists inside one another"));
        }
        if self.shape.len() <= depth {
            self.shape.push(None);
        }
        let mut length = 0;
        while !self.take(']') {
            if length > 0 && !self.take(',') {
                return Err(self.expected("\",\" or \"]\""));
            }
            self.value(depth + 1)?;
            length += 1;
        }
        match self.shape[depth].replace(length) {
            Some(before) if before != length => {
                Err(self.expected(&format!("a list of {before} as before, not {length}")))
            }
            _ => Ok(()),
        }
    }

    fn scalar(&mut self) -> Result<Scalar> {
        self.space();
        for quote in ['"', '\''] {
            if self.take(quote) {
                return self.quoted(quote);
            }
        }
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || "+-._".contains(c)))
            .unwrap_or(rest.len());
        let word = &rest[..end];
        let scalar =
            number(word).ok_or_else(|| self.expected("a number, true, false, or a quoted text"))?;
        self.at += end;
        Ok(scalar)
    }

    fn quoted(&mut self, quote: char) -> Result<Scalar> {
        let mut text = String::new();
        let mut escaped = false;
        let start = self.at;
        for (i, c) in self.text.get(start..).unwrap_or_default().char_indices() {
            match c {
                _ if escaped => {
                    text.push(match c {
                        'n' => '\n',
                        't' => '\t',
                        other => other,
                    });
                    escaped = false;
                }
                '\\' => escaped = true,
                c if c == quote => {
                    self.at = start + i + c.len_utf8();
                    return Ok(Scalar::Text(text.into_bytes()));
                }
                c => text.push(c),
            }
        }
        self.at = self.text.len();
        Err(self.expected("a closing quote"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nested_lists_become_sizes() {
        let literal = parse("[[1, 2.5], [-3, 4]]").unwrap();
        assert_eq!(literal.shape, [2, 2]);
        assert_eq!(literal.elements[1], Scalar::Float(2.5));
        assert_eq!(literal.elements[2], Scalar::Int(-3));
        assert_eq!(parse("0.5").unwrap().shape, [0usize; 0]);
        assert_eq!(parse("[]").unwrap().shape, [0]);
        assert_eq!(parse("[[], []]").unwrap().shape, [2, 0]);
        assert_eq!(
            parse(r#"["a\"b"]"#).unwrap().elements,
            [Scalar::Text(b"a\"b".to_vec())]
        );
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let said = |text| parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(said("[1, 2"), @r#""[1, 2": expected "," or "]" at character 6, found """#);
        insta::assert_snapshot!(said("[[1, 2], [3]]"), @r#""[[1, 2], [3]]": expected a list of 2 as before, not 1 at character 13, found "]""#);
        insta::assert_snapshot!(said("[1, [2]]"), @r#""[1, [2]]": expected every number inside equally many lists at character 7, found "]]""#);
        insta::assert_snapshot!(said("[one]"), @r#""[one]": expected a number, true, false, or a quoted text at character 2, found "one]""#);
    }

    proptest! {
        #[test]
        fn any_text_is_a_literal_or_an_error(text in r#"[\[\], "'\\0-9a.e+-]{0,40}"#) {
            if let Ok(literal) = parse(&text) {
                prop_assert_eq!(literal.shape.iter().product::<usize>(), literal.elements.len());
            }
        }
    }
}
