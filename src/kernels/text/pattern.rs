//! Regular expressions as RE2 means them, on the `regex` crate.

use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::error::{Error, Result};

/// No text gets longer by replacing parts of it, in bytes.
pub const LONGEST: usize = 1 << 28;

/// A pattern of RE2.
///
/// # Errors
/// What neither takes, such as look-around.
pub fn compile(pattern: &[u8], whole: bool) -> Result<Regex> {
    let wrong = |why: &dyn std::fmt::Display| {
        let pattern = String::from_utf8_lossy(pattern);
        Error::usage(format!("the pattern {pattern:?}: {why}"))
    };
    let text = std::str::from_utf8(pattern).map_err(|e| wrong(&e))?;
    let ours = translated(text);
    let ours = if whole {
        format!(r"\A(?:{ours})\z")
    } else {
        ours
    };
    RegexBuilder::new(&ours).build().map_err(|e| wrong(&e))
}

/// RE2's classes are of ASCII, and a bracket means nothing within brackets.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    let mut within = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Q') => quoted(&mut chars, &mut out),
                Some(c) => out.push_str(&escaped(c, within)),
                None => out.push('\\'),
            },
            '[' if !within => {
                within = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                if chars.next_if_eq(&']').is_some() {
                    out.push_str(r"\]");
                }
            }
            '[' if chars.peek() == Some(&':') => {
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '[' | '&' | '~' if within => {
                out.push('\\');
                out.push(c);
            }
            ']' => {
                within = false;
                out.push(']');
            }
            c => out.push(c),
        }
    }
    out
}

/// Literal text up to `\E`.
fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next_if_eq(&'E').is_some() {
            break;
        }
        text.push(c);
    }
    out.push_str(&regex::escape(&text));
}

fn escaped(c: char, within: bool) -> String {
    let class = |positive: &str, negative: &str| match (within, c.is_ascii_lowercase()) {
        (true, true) => positive.to_owned(),
        (true, false) => negative.to_owned(),
        (false, true) => format!("[{positive}]"),
        (false, false) => format!("[^{positive}]"),
    };
    match c {
        'd' | 'D' => class("0-9", "[:^digit:]"),
        'w' | 'W' => class("0-9A-Za-z_", "[:^word:]"),
        's' | 'S' => class(r"\t\n\f\r ", r"[^\t\n\f\r ]"),
        'b' | 'B' if !within => format!(r"(?-u:\{c})"),
        'C' if !within => "(?s-u:.)".to_owned(),
        c => format!(r"\{c}"),
    }
}

/// `text` with its first match, or all of them, replaced: `\0` to `\9` in `rewrite` stand for the groups. It stays as it
/// is where `rewrite` names a group that is not there.
///
/// # Errors
/// What comes out is longer than [`LONGEST`]: much in the place of many matches.
pub fn replace(pattern: &Regex, text: &[u8], rewrite: &[u8], all: bool) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    // Where the search goes on, and where the last match ended.
    let (mut at, mut end) = (0, None);
    while let Some(groups) = pattern.captures_at(text, at) {
        let Some(whole) = groups.get(0) else { break };
        out.extend_from_slice(&text[at..whole.start()]);
        at = whole.end();
        if whole.is_empty() && end == Some(at) {
            // RE2 takes no empty match right behind another one, and goes on behind the next character.
            if at == text.len() {
                break;
            }
            let next = at + character(&text[at..]);
            out.extend_from_slice(&text[at..next]);
            at = next;
            continue;
        }
        end = Some(at);
        if !rewritten(&groups, rewrite, &mut out)? {
            return Ok(text.to_vec());
        }
        if !all {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
    Ok(out)
}

/// Bytes of the first character; 1 where there is none.
fn character(text: &[u8]) -> usize {
    let start = &text[..text.len().min(4)];
    let valid = match std::str::from_utf8(start) {
        Ok(valid) => valid,
        Err(e) => std::str::from_utf8(&start[..e.valid_up_to()]).unwrap_or_default(),
    };
    valid.chars().next().map_or(1, char::len_utf8)
}

/// Adds `rewrite` with the groups of a match; false where it names one that is not there.
fn rewritten(groups: &Captures<'_>, rewrite: &[u8], out: &mut Vec<u8>) -> Result<bool> {
    let mut rest = rewrite;
    while !rest.is_empty() {
        rest = match rest {
            [b'\\', digit @ b'0'..=b'9', behind @ ..] => {
                let number = usize::from(digit - b'0');
                if number >= groups.len() {
                    return Ok(false);
                }
                let group = groups.get(number).map_or(&[][..], |group| group.as_bytes());
                add(out, group)?;
                behind
            }
            [b'\\', b'\\', behind @ ..] => {
                add(out, b"\\")?;
                behind
            }
            _ => {
                let next = rest.iter().skip(1).position(|&byte| byte == b'\\');
                let (plain, behind) = rest.split_at(next.map_or(rest.len(), |at| at + 1));
                add(out, plain)?;
                behind
            }
        };
    }
    Ok(true)
}

fn add(out: &mut Vec<u8>, part: &[u8]) -> Result<()> {
    if out.len() + part.len() > LONGEST {
        return Err(Error::usage("a replacement that makes a text too long"));
    }
    out.extend_from_slice(part);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(pattern: &str, text: &str, rewrite: &str) -> String {
        let pattern = compile(pattern.as_bytes(), false).unwrap();
        let out = replace(&pattern, text.as_bytes(), rewrite.as_bytes(), true).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn matches_are_rewritten_as_re2_does() {
        assert_eq!(changed("x*", "abc", "-"), "-a-b-c-");
        assert_eq!(changed("x*", "aöx€", "-"), "-a-ö-€-");
        assert_eq!(changed("", "", "-"), "-");
        assert_eq!(changed(r"(\w)(\d)", "a1 b2", r"\2\1\\$1"), r"1a\$1 2b\$1");
        assert_eq!(changed("a", "banana", r"\3"), "banana");
        assert_eq!(changed(r"\d", "٣3", "#"), "٣#", "digits are of ASCII");
        assert_eq!(changed(r"[[a&&b]", "[&b", "_"), "___");
        assert_eq!(changed("[^]x]", "]ax", "_"), "]_x");
    }

    #[test]
    fn groups_named_too_often_are_refused() {
        let pattern = compile(b"(.*)", false).unwrap();
        let (text, rewrite) = (vec![b'a'; 1 << 16], br"\1".repeat(1 << 13));
        assert!(replace(&pattern, &text, &rewrite, true).is_err());
    }

    #[test]
    fn words_put_in_too_often_are_refused() {
        let pattern = compile(b"x*", false).unwrap();
        let (text, rewrite) = (vec![b'a'; 1 << 15], vec![b'b'; 1 << 14]);
        assert!(replace(&pattern, &text, &rewrite, true).is_err());
        assert!(replace(&pattern, &text, &rewrite, false).is_ok());
    }

    #[test]
    fn whole_strings_match() {
        let pattern = compile(b"a|ab", true).unwrap();
        assert!(pattern.is_match(b"ab") && !pattern.is_match(b"abc"));
        assert!(compile(b"(?=a)", false).is_err());
    }
}
