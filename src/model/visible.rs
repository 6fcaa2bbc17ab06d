//! Names and texts from files, as they may be shown.

use std::borrow::Cow;

/// Whether a character would steer the terminal, or hide or reorder what stands beside it: control characters,
/// separators of lines, zero-width and bidirectional ones, tags (Unicode's `Cc`, `Zl`, `Zp`, most of `Cf`).
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with what [`is_hidden`] written as Rust writes it: `\n`, `\u{1b}`, `\u{202e}`.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match is_hidden(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_or_hides_is_written_out() {
        let text = "a\u{1b}[2Jb\u{9b}c\u{202e}d\u{200b}e\nf\0";
        let shown = r"a\u{1b}[2Jb\u{9b}c\u{202e}d\u{200b}e\nf\u{0}";
        assert_eq!(visible(text), shown);
        assert!(matches!(visible("größe/模型:0 ▲"), Cow::Borrowed(_)));
    }
}
