//! Words, numbers, strings and symbols of the text format, with their places.

use crate::error::{Error, Result};

#[derive(Debug, Clone, PartialEq)]
pub enum Token<'a> {
    Word(&'a str),
    /// As written; a sign before it is a symbol of its own.
    Number(&'a str),
    /// Unescaped.
    Text(Vec<u8>),
    Symbol(u8),
    End,
}

pub struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the last token began.
    start: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Lexer {
            text: text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text),
            at: 0,
            start: 0,
        }
    }

    /// An error at the last token.
    pub fn error(&self, what: impl Into<String>) -> Error {
        let before = self.text.get(..self.start).unwrap_or_default();
        let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
        let line_start = before
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1);
        // Columns count characters, not bytes.
        let column = before[line_start..]
            .iter()
            .filter(|&&b| b & 0xc0 != 0x80)
            .count()
            + 1;
        Error::unreadable(what).at(format_args!("{line}:{column}"))
    }

    pub fn expected(&self, wanted: &str, found: &Token) -> Error {
        let found = match found {
            Token::Word(text) | Token::Number(text) => (*text).to_owned(),
            Token::Text(_) => "a string".to_owned(),
            Token::Symbol(symbol) => format!("{:?}", *symbol as char),
            Token::End => "the end of the text".to_owned(),
        };
        self.error(format!("expected {wanted}, found {found}"))
    }

    fn skip_blank(&mut self) {
        while let Some(&byte) = self.text.get(self.at) {
            if byte == b'#' {
                let rest = &self.text[self.at..];
                self.at += rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
            } else if byte.is_ascii_whitespace() {
                self.at += 1;
            } else {
                break;
            }
        }
        self.start = self.at;
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_blank();
        self.text.get(self.at).copied()
    }

    pub fn next(&mut self) -> Result<Token<'a>> {
        match self.peek() {
            None => Ok(Token::End),
            Some(b'"' | b'\'') => self.quoted().map(Token::Text),
            Some(b) if b.is_ascii_alphabetic() || b == b'_' => Ok(Token::Word(self.run())),
            Some(b) if b.is_ascii_digit() || self.is_point_and_digit() => {
                Ok(Token::Number(self.run()))
            }
            Some(symbol) => {
                self.at += 1;
                Ok(Token::Symbol(symbol))
            }
        }
    }

    fn is_point_and_digit(&self) -> bool {
        matches!(self.text.get(self.at..self.at + 2), Some([b'.', d]) if d.is_ascii_digit())
    }

    /// Letters, digits, and what numbers have besides: points, and signs after an exponent.
    fn run(&mut self) -> &'a str {
        let start = self.at;
        let number = !self.text[start].is_ascii_alphabetic();
        let hex = self.text[start..].starts_with(b"0x") || self.text[start..].starts_with(b"0X");
        while let Some(&b) = self.text.get(self.at) {
            let after_exponent = self.at > start && matches!(self.text[self.at - 1], b'e' | b'E');
            let sign = number && !hex && after_exponent && matches!(b, b'+' | b'-');
            if !(b.is_ascii_alphanumeric() || b == b'_' || (number && b == b'.') || sign) {
                break;
            }
            self.at += 1;
        }
        std::str::from_utf8(&self.text[start..self.at]).unwrap_or("")
    }

    fn quoted(&mut self) -> Result<Vec<u8>> {
        let no_end = |lexer: &Self| lexer.error("a string without an end");
        let quote = self.text[self.at];
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let byte = *self.text.get(self.at).ok_or_else(|| no_end(self))?;
            self.at += 1;
            match byte {
                b if b == quote => return Ok(out),
                b'\n' => return Err(no_end(self)),
                b'\\' => self.escape(&mut out)?,
                b => out.push(b),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let byte = self.text.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        match byte {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'v' => out.push(11),
            b'\\' | b'\'' | b'"' | b'?' => out.push(byte),
            b'0'..=b'7' => {
                self.at -= 1;
                out.push(self.digits(8, 3) as u8);
            }
            b'x' | b'X' => out.push(self.digits(16, 2) as u8),
            b'u' | b'U' => {
                let code = self.digits(16, if byte == b'u' { 4 } else { 8 });
                let character = char::from_u32(code).ok_or_else(|| {
                    self.error(format!("\\{} {code:x} is no character", byte as char))
                })?;
                out.extend(character.encode_utf8(&mut [0; 4]).bytes());
            }
            _ => return Err(self.error("an unknown escape in a string")),
        }
        Ok(())
    }

    /// At most `most` digits of a number.
    fn digits(&mut self, base: u32, most: usize) -> u32 {
        let mut value = 0u32;
        for _ in 0..most {
            let digit = self
                .text
                .get(self.at)
                .and_then(|&b| (b as char).to_digit(base));
            let Some(digit) = digit else { break };
            value = value.wrapping_mul(base).wrapping_add(digit);
            self.at += 1;
        }
        value
    }

    /// Takes `symbol` if it is next.
    pub fn eat(&mut self, symbol: u8) -> Result<bool> {
        let found = self.peek() == Some(symbol);
        self.at += usize::from(found);
        Ok(found)
    }

    /// Takes a word if one is next.
    pub fn eat_word(&mut self) -> Result<Option<&'a str>> {
        match self.peek() {
            Some(b) if b.is_ascii_alphabetic() || b == b'_' => Ok(Some(self.run())),
            _ => Ok(None),
        }
    }

    pub fn peek_is_text(&mut self) -> Result<bool> {
        Ok(matches!(self.peek(), Some(b'"' | b'\'')))
    }

    /// Fails when the text is at its end.
    pub fn refuse_end(&mut self, wanted: &str) -> Result<()> {
        match self.peek() {
            None => Err(self.expected(wanted, &Token::End)),
            Some(_) => Ok(()),
        }
    }

    /// One or more strings side by side, joined.
    pub fn string(&mut self) -> Result<Vec<u8>> {
        let mut all = match self.next()? {
            Token::Text(text) => text,
            found => return Err(self.expected("a string", &found)),
        };
        while self.peek_is_text()? {
            all.extend(self.quoted()?);
        }
        Ok(all)
    }

    pub fn integer(&mut self, low: i128, high: i128) -> Result<i128> {
        let negative = self.eat(b'-')?;
        let found = self.next()?;
        let value = match &found {
            Token::Number(text) => whole(text),
            _ => None,
        };
        value
            .map(|v| if negative { -v } else { v })
            .filter(|v| (low..=high).contains(v))
            .ok_or_else(|| self.expected(&format!("a number between {low} and {high}"), &found))
    }

    pub fn float(&mut self) -> Result<f64> {
        let negative = self.eat(b'-')?;
        let found = self.next()?;
        let value = match &found {
            Token::Number(text) => match whole(text) {
                Some(v) => Some(v as f64),
                None => text.trim_end_matches(['f', 'F']).parse().ok(),
            },
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "inf" | "infinity" => Some(f64::INFINITY),
                "nan" => Some(f64::NAN),
                _ => None,
            },
            _ => None,
        };
        value
            .map(|v: f64| if negative { -v } else { v })
            .ok_or_else(|| self.expected("a number", &found))
    }
}

/// Decimal, hexadecimal (`0x…`) or octal (`0…`).
fn whole(text: &str) -> Option<i128> {
    if let Some(hex) = text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        return i128::from_str_radix(hex, 16).ok();
    }
    match text.strip_prefix('0') {
        Some(octal) if !octal.is_empty() && octal.bytes().all(|b| b.is_ascii_digit()) => {
            i128::from_str_radix(octal, 8).ok()
        }
        _ => text.parse().ok(),
    }
}
