//! Numbers as C's `printf` and `strtod` write and read them.

use std::fmt::Write;

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `%f`
    Fixed,
    /// `%e`
    Scientific,
    /// `%g`
    Shortest,
}

/// More digits than any number has; Rust's formatting takes no more than `u16` holds.
const MOST_DIGITS: usize = 1 << 12;

/// `value` with `precision` digits, 4096 at most (6 for `None`).
pub fn float(value: f64, style: Style, precision: Option<usize>) -> String {
    let digits = precision.unwrap_or(6).min(MOST_DIGITS);
    if value.is_nan() {
        return (if value.is_sign_negative() {
            "-nan"
        } else {
            "nan"
        })
        .into();
    }
    if value.is_infinite() {
        return (if value < 0.0 { "-inf" } else { "inf" }).into();
    }
    match style {
        Style::Fixed => format!("{value:.digits$}"),
        Style::Scientific => scientific(value, digits),
        Style::Shortest => {
            let digits = digits.max(1);
            let text = scientific(value, digits - 1);
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let power: i32 = exponent.parse().unwrap_or(0);
            if power < -4 || power >= digits as i32 {
                return format!("{}e{exponent}", trimmed(mantissa));
            }
            let places = (digits as i32 - 1 - power).max(0) as usize;
            trimmed(&format!("{value:.places$}")).to_owned()
        }
    }
}

/// The fewer of `digits` where they are read back as the same number, otherwise the more.
fn told_back<T: PartialEq + std::str::FromStr>(value: T, wide: f64, digits: [usize; 2]) -> String {
    if wide.is_nan() {
        return "nan".into();
    }
    let [few, many] = digits.map(|digits| float(wide, Style::Shortest, Some(digits)));
    match few.parse::<T>() {
        Ok(read) if read == value => few,
        _ => many,
    }
}

/// As TensorFlow writes a number in a summary: six digits, nine where six are another number.
pub fn brief(value: f32) -> String {
    let value = flushed(value);
    told_back(value, value.into(), [6, 9])
}

/// Fifteen digits, seventeen where fifteen are another number.
pub fn brief_f64(value: f64) -> String {
    let value = match value.is_subnormal() {
        true => 0f64.copysign(value),
        false => value,
    };
    told_back(value, value, [15, 17])
}

/// Zero for a number too small to be normal: TensorFlow's threads take these for zero.
pub fn flushed(value: f32) -> f32 {
    match value.is_subnormal() {
        true => 0f32.copysign(value),
        false => value,
    }
}

fn scientific(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    let sign = if power < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", power.abs())
}

/// Without zeros at the end of a fraction.
fn trimmed(text: &str) -> &str {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    }
}

/// As wide as `width` with the flag `fill` of `printf`: `0`, `-`, `+`, a blank or nothing.
pub fn padded(text: &str, width: usize, fill: &str) -> String {
    let sign = match fill {
        "+" | " " if !text.starts_with('-') => fill,
        _ => "",
    };
    let text = format!("{sign}{text}");
    let missing = width.saturating_sub(text.len());
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = match fill {
        "-" => write!(out, "{text}{}", " ".repeat(missing)),
        // `printf` has no zeros before what is no number.
        "0" if text.ends_with(|c: char| c.is_ascii_digit()) => {
            let (sign, digits) = text.split_at(usize::from(text.starts_with('-')));
            write!(out, "{sign}{}{digits}", "0".repeat(missing))
        }
        _ => write!(out, "{}{text}", " ".repeat(missing)),
    };
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_printf_writes_them() {
        assert_eq!(float(1.0, Style::Fixed, None), "1.000000");
        assert_eq!(float(-1234.5, Style::Scientific, Some(2)), "-1.23e+03");
        assert_eq!(float(0.0001, Style::Shortest, None), "0.0001");
        assert_eq!(float(1e-5, Style::Shortest, None), "1e-05");
        assert_eq!(float(1e6, Style::Shortest, None), "1e+06");
        assert_eq!(float(123456.0, Style::Shortest, None), "123456");
        assert_eq!(
            float(0.5, Style::Fixed, Some(usize::MAX)).len(),
            2 + MOST_DIGITS
        );
        assert_eq!(float(0.5, Style::Shortest, Some(usize::MAX)), "0.5");
        assert_eq!(float(f64::NEG_INFINITY, Style::Fixed, None), "-inf");
    }

    #[test]
    fn widths_are_filled() {
        assert_eq!(padded("-7", 5, "0"), "-0007");
        assert_eq!(padded("-inf", 6, "0"), "  -inf");
        assert_eq!(padded("7", 4, "-"), "7   ");
        assert_eq!(padded("7", 4, ""), "   7");
        assert_eq!(padded("7", 1, "+"), "+7");
    }
}
