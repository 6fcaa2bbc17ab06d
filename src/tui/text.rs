//! Numbers, names and bars as a person reads them.

use std::path::{Path, PathBuf};

use super::term::width;
use crate::model::visible;
use crate::report::human;
pub use crate::report::human::{bytes, count as short, exact as count, macs, percent};

/// `0.034 ms`, `2.05 ms`, `1.30 s`.
pub fn duration(nanos: f64) -> String {
    human::millis(nanos / 1e6)
}

/// A number in at most `width` columns: as many digits as fit, in powers of ten when it must be.
pub fn number(value: f64, width: usize) -> String {
    let plain = if value == value.trunc() && value.abs() < 1e15 {
        format!("{value}")
    } else {
        String::new()
    };
    if !plain.is_empty() && plain.len() <= width {
        return plain;
    }
    if value.is_finite() && value.abs() >= 1e-3 && value.abs() < 1e6 {
        for digits in (1..=4).rev() {
            let text = format!("{value:.digits$}");
            if text.len() <= width {
                return text;
            }
        }
    }
    for digits in (0..=2).rev() {
        let text = format!("{value:.digits$e}");
        if text.len() <= width || digits == 0 {
            return text;
        }
    }
    String::new()
}

/// `text` in at most `room` columns, the beginning cut: `…/block_3/expand/kernel`.
pub fn fit_end(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for letter in text.chars().rev() {
        used += width(letter.encode_utf8(&mut [0; 4]));
        if used > room {
            break;
        }
        kept.insert(0, letter);
    }
    if let Some(slash) = kept.find('/').filter(|&at| at < kept.len() / 2) {
        kept.drain(..slash);
    }
    if room == 0 {
        String::new()
    } else {
        format!("…{kept}")
    }
}

/// The name of a value in at most `room` columns: outer scopes go first as far as they hold no number that tells one
/// layer from another, then the stretch that tells least: `expanded_conv_pr…_BN/gamma`, `Conv2d_13_pointw…/read`.
pub fn fit_name(name: &str, room: usize) -> String {
    /// Columns in which a stretch can be left out and the rest still be read; beside the leaf where there is no number.
    const LEAST: usize = 8;
    const BESIDE: usize = 5;
    if width(name) <= room {
        return name.to_owned();
    }
    let is_number = |c: char| c.is_ascii_digit();
    let Some(leaf) = name.rfind('/') else {
        let whole = name.contains(is_number).then(|| without_middle(name, room));
        return whole.flatten().unwrap_or_else(|| fit_end(name, room));
    };
    // Where the innermost layer with a number begins, or the innermost layer.
    let scope = |end: usize| name[..end].rfind('/').map_or(0, |slash| slash + 1);
    let (mut telling, mut end) = (scope(leaf), leaf);
    let mut least = LEAST.max(width(&name[leaf..]) + BESIDE);
    while end > 0 {
        let begin = scope(end);
        if name[begin..end].contains(is_number) {
            (telling, least) = (begin, LEAST);
            break;
        }
        end = begin.saturating_sub(1);
    }
    let rest = &name[telling..];
    match telling > 0 && width(rest) + 2 <= room {
        true => fit_end(name, room),
        false if room < least => fit_end(name, room),
        false => without_middle(rest, room).unwrap_or_else(|| fit_end(name, room)),
    }
}

/// `name` without the stretch of it that tells least, if that leaves a beginning that can be read.
fn without_middle(name: &str, room: usize) -> Option<String> {
    /// Letters of the longest leaf that names what a layer holds, as `kernel` does; a longer one names an operator.
    const ROLE: usize = 8;
    let leaf = name.len() - name.rfind('/').map_or(0, |slash| slash + 1);
    let weighed = (leaf <= ROLE).then(|| without(name, room, 2)).flatten();
    weighed.or_else(|| without(name, room, 1))
}

/// As [`without_middle`]; a letter of the leaf tells `leaf_worth` times as much as another.
fn without(name: &str, room: usize, leaf_worth: u32) -> Option<String> {
    /// Letters of the shortest beginning.
    const LEAST: usize = 4;
    let letters: Vec<char> = name.chars().collect();
    let wide = |c: char| width(c.encode_utf8(&mut [0; 4]));
    let over = (width(name) + 1).saturating_sub(room);
    if over < 2 {
        return Some(name.to_owned());
    }
    let leaf = letters.iter().rposition(|&c| c == '/').unwrap_or(0);
    // Numbers tell most, then where parts and words begin, and what the leaf says.
    let worth = |at: usize| {
        let letter = letters[at];
        let before = at.checked_sub(1).map(|at| letters[at]);
        let worth = match before {
            _ if letter.is_ascii_digit() => 4,
            _ if letter == '/' => 3,
            _ if !letter.is_alphanumeric() => 2,
            None | Some('/') => 3,
            Some(c) if !c.is_alphanumeric() => 2,
            Some(c) if letter.is_uppercase() && c.is_lowercase() => 2,
            Some(_) => 1,
        };
        if at > leaf { leaf_worth * worth } else { worth }
    };
    let (mut best, mut least) = (0..letters.len(), u32::MAX);
    let (mut from, mut cut, mut lost) = (0, 0, 0);
    for to in 0..letters.len() {
        (cut, lost) = (cut + wide(letters[to]), lost + worth(to));
        while cut - wide(letters[from]) >= over {
            (cut, lost) = (cut - wide(letters[from]), lost - worth(from));
            from += 1;
        }
        if cut >= over && lost <= least {
            (best, least) = (from..to + 1, lost);
        }
    }
    let kept = |part: &[char]| part.iter().collect::<String>();
    let (head, tail) = (&letters[..best.start], &letters[best.end..]);
    (head.len() >= LEAST).then(|| format!("{}…{}", kept(head), kept(tail)))
}

/// A name and what tells it from others of that name in `room` columns together. Of what tells, the last part stays
/// whole: its digits are what one looks for; unless `both` ends are needed.
pub fn fit_twin(name: &str, told: &str, both: bool, room: usize) -> (String, String) {
    if told.is_empty() {
        return (fit_name(name, room), String::new());
    }
    let left = room.saturating_sub(width(name) + 1);
    let last = told.rsplit('/').next().unwrap_or(told);
    let short = format!("…/{last}");
    let told = if width(told) <= left {
        told.to_owned()
    } else if both {
        fit_name(told, left.max(room * 2 / 5))
    } else if width(&short) <= left {
        short
    } else {
        fit_end(last, left.max(room * 2 / 5))
    };
    let left = room.saturating_sub(width(&told) + 1);
    (fit_name(name, left), told)
}

/// `text` in at most `room` columns, the end cut.
pub fn fit(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for letter in text.chars() {
        used += width(letter.encode_utf8(&mut [0; 4]));
        if used > room {
            break;
        }
        kept.push(letter);
    }
    if room > 0 {
        kept.push('…');
    }
    kept
}

/// The first of the wordings of the same, the longest first, that `room` columns take; the last where none does.
pub fn fitting<const N: usize>(wordings: [String; N], room: usize) -> String {
    let mut last = String::new();
    for words in wordings {
        last = words;
        if width(&last) <= room {
            break;
        }
    }
    last
}

/// Cut between words into at most `most` lines; the last is cut short where there is more. Nothing for nothing.
pub fn wrap(text: &str, room: usize, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let full = lines.len() >= most;
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            Some(line) if full => {
                let rest: Vec<&str> = std::iter::once(word).chain(words).collect();
                let whole = format!("{line} {}", rest.join(" "));
                *line = fit(&whole, room);
                return lines;
            }
            _ => lines.push(fit(word, room)),
        }
    }
    lines
}

/// A path folded into lines of `room` columns, after its slashes where it can be; nothing is cut.
pub fn folded(path: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for part in path.split_inclusive('/') {
        if used > 0 && used + width(part) > room {
            lines.push(String::new());
            used = 0;
        }
        for letter in part.chars() {
            let wide = width(letter.encode_utf8(&mut [0; 4]));
            if used > 0 && used + wide > room {
                lines.push(String::new());
                used = 0;
            }
            used += wide;
            lines
                .last_mut()
                .into_iter()
                .for_each(|line| line.push(letter));
        }
    }
    lines
}

/// `text` cut or filled to exactly `room` columns.
pub fn left(text: &str, room: usize) -> String {
    let text = fit(text, room);
    let fill = room.saturating_sub(width(&text));
    text + &" ".repeat(fill)
}

/// As [`left`], filled before the text.
pub fn right(text: &str, room: usize) -> String {
    let text = fit(text, room);
    " ".repeat(room.saturating_sub(width(&text))) + &text
}

/// A bar of `fraction` of `room` columns in eighths; anything from two thousandths on shows. Full columns leave a thin
/// gap above, so that bars of neighbouring rows stay apart.
pub fn bar(fraction: f64, room: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let fraction = if fraction.is_finite() {
        fraction.clamp(0.0, 1.0)
    } else {
        0.0
    };
    let mut eighths = (fraction * room as f64 * 8.0).round() as usize;
    if fraction >= 0.002 {
        eighths = eighths.max(1);
    }
    "▇".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

/// One column per value, from nothing to the full height, scaled to the largest.
pub fn spark(values: &[f64]) -> String {
    const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = values.iter().copied().fold(0.0, f64::max);
    values
        .iter()
        .map(|&v| {
            let level = if most > 0.0 {
                (v / most * 8.0).ceil()
            } else {
                0.0
            };
            LEVELS[(level as usize).min(8)]
        })
        .collect()
}

/// Text from a file, made safe for the screen: what would steer the terminal or hide is written out.
pub fn clean(text: &str) -> String {
    visible(text).into_owned()
}

/// The last of the names that converters join with `;` where they fuse operators.
pub fn last_name(name: &str) -> &str {
    name.rsplit(';')
        .find(|part| !part.is_empty())
        .unwrap_or(name)
}

/// Whether a text holds every word of `filter`, in any order and case.
pub fn holds_words(filter: &str) -> impl Fn(&str) -> bool + use<> {
    let words: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
    move |text| {
        let text = text.to_lowercase();
        words.iter().all(|word| text.contains(word))
    }
}

/// A path from the folder one works in, if it lies there.
pub fn path(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let short = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
    match short.filter(|p| !p.as_os_str().is_empty()) {
        Some(short) => short.display().to_string(),
        None => path.display().to_string(),
    }
}

/// A name from a model as part of a file's name.
pub fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c } else { '_' };
    let name: String = name.chars().map(plain).collect();
    match name.trim_matches('_') {
        "" => "unnamed".to_owned(),
        name => name.to_owned(),
    }
}

/// `stem.extension`, or `stem-2.extension` and on where there is one already in the folder one works in.
pub fn fresh_file(stem: &str, extension: &str) -> PathBuf {
    let first = PathBuf::from(format!("{stem}.{extension}"));
    let others = (2..100).map(|n| PathBuf::from(format!("{stem}-{n}.{extension}")));
    let mut all = std::iter::once(first.clone()).chain(others);
    all.find(|path| !path.exists()).unwrap_or(first)
}

/// Words as a POSIX shell takes them: quoted where they would be taken apart.
pub fn command_line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    let quoted = words.into_iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.to_owned()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_words() {
        assert_eq!(wrap("one two three", 8, 2), ["one two", "three"]);
        assert_eq!(wrap("one two three four", 8, 2), ["one two", "three f…"]);
        assert_eq!(wrap("longer-than-room x", 6, 3), ["longe…", "x"]);
        assert_eq!(wrap("", 8, 2), [""; 0]);
    }

    #[test]
    fn paths_fold_after_their_slashes() {
        assert_eq!(folded("layers/0/kernel", 20), ["layers/0/kernel"]);
        assert_eq!(
            folded("layers/0/kernel/.X/VALUE", 10),
            ["layers/0/", "kernel/.X/", "VALUE"]
        );
        assert_eq!(folded("unfoldable", 4), ["unfo", "ldab", "le"]);
        assert_eq!(folded("ab", 0), ["a", "b"]);
    }

    #[test]
    fn numbers_read_easily() {
        assert_eq!(duration(34_000.0), "0.034 ms");
        assert_eq!(number(-0.123456, 8), "-0.1235");
        assert_eq!(number(1.5e-9, 8), "1.50e-9");
        assert_eq!(number(3.0, 8), "3");
    }

    #[test]
    fn names_lose_their_beginning() {
        assert_eq!(
            fit_end("model/block_3/expand/kernel", 18),
            "…/expand/kernel"
        );
        assert_eq!(fit_end("short", 9), "short");
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(left("ab", 4), "ab  ");
        assert_eq!(right("ab", 4), "  ab");
    }

    #[test]
    fn names_keep_what_tells_them() {
        let name = "block_16_project/kernel";
        assert_eq!(fit_name(name, 23), name);
        assert_eq!(fit_name(name, 20), "block_16_pro…/kernel");
        assert_eq!(fit_name(name, 16), "block_16…/kernel");
        assert_eq!(fit_name(name, 7), "…kernel");
        let fitted = |name, room| {
            let fitted = fit_name(name, room);
            assert!(width(&fitted) <= room, "{fitted}");
            fitted
        };
        assert_eq!(
            fitted("model/expanded_conv_project_BN/gamma", 26),
            "expanded_conv_pr…_BN/gamma"
        );
        assert_eq!(
            fitted("MobilenetV1/Conv2d_13_pointwise/weights/read", 22),
            "Conv2d_13_pointw…/read"
        );
        assert_eq!(
            fitted("MobilenetV1/Conv2d_13_depthwise/depthwise_weights/read", 22),
            "Conv2d_13_depthw…/read"
        );
        let [one, other] = ["conv5_block16_2_conv/kernel", "conv5_block16_1_conv/kernel"];
        assert_ne!(fitted(one, 20), fitted(other, 20));
        assert_eq!(fit_name("model/conv/kernel", 14), "…/conv/kernel");
        assert_eq!(fit_name("no_scope_at_all", 8), "…_at_all");
        assert_eq!(
            fit_name("höhe_über_null_im_modell/k", 18),
            "höhe_über_null_…/k"
        );
    }

    #[test]
    fn twins_keep_the_number_that_tells_them() {
        let (name, key) = ("block_16_project/kernel", "_all_variables/109");
        let twin = |room| fit_twin(name, key, false, room);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(twin(42), pair(name, key));
        assert_eq!(twin(30), pair(name, "…/109"));
        assert_eq!(twin(27), pair(name, "109"));
        assert_eq!(twin(20), pair("block_16…/kernel", "109"));
        assert_eq!(fit_twin("a", "", false, 4), pair("a", ""));
        assert_eq!(
            fit_twin("embedding/embeddings", "_all_variables/0", true, 24),
            pair("…/embeddings", "_all_v…/0")
        );
    }

    #[test]
    fn a_command_line_survives_the_shell() {
        let words = [
            "mexplore",
            "run",
            "my model/",
            "--input",
            "x=[1,2]",
            "it's",
            "",
        ];
        assert_eq!(
            command_line(words),
            r"mexplore run 'my model/' --input 'x=[1,2]' 'it'\''s' ''"
        );
    }

    #[test]
    fn bars_are_in_eighths() {
        assert_eq!(bar(0.5, 4), "▇▇");
        assert_eq!(bar(0.002, 4), "▏");
        assert_eq!(bar(0.001, 4), "");
        assert_eq!(bar(0.0, 4), "");
        assert_eq!(bar(f64::NAN, 4), "");
        assert_eq!(spark(&[0.0, 1.0, 8.0]), " ▁█");
    }
}
