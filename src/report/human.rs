//! Numbers as people read them: three digits and a unit.

/// `512 B`, `18.2 KB`, `1.42 MB`; 1 KB is 1000 bytes.
pub fn bytes(n: u64) -> String {
    match scaled(n as f64) {
        (value, "") => format!("{value} B"),
        (value, "k") => format!("{value} KB"),
        (value, unit) => format!("{value} {unit}B"),
    }
}

/// `98.4 k`, `3.50 M`.
pub fn count(n: u64) -> String {
    match scaled(n as f64) {
        (value, "") => value,
        (value, unit) => format!("{value} {unit}"),
    }
}

/// Multiply-accumulates: `18.4 kMAC`, `1.31 MMAC`.
pub fn macs(n: u64) -> String {
    let (value, unit) = scaled(n as f64);
    format!("{value} {unit}MAC")
}

/// `98,442`
pub fn exact(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Milliseconds: `0.034 ms`, `12.4 ms`, `1.20 s`.
pub fn millis(ms: f64) -> String {
    if ms >= 1000.0 {
        format!("{:.2} s", ms / 1000.0)
    } else if ms >= 100.0 {
        format!("{ms:.0} ms")
    } else if ms >= 10.0 {
        format!("{ms:.1} ms")
    } else if ms >= 1.0 {
        format!("{ms:.2} ms")
    } else {
        format!("{ms:.3} ms")
    }
}

/// A share of 0 to 1: `47.6%`.
pub fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// From `before` to `after`: `−74.8 %`, `+3.1 %`; nothing where before is 0.
pub fn change(before: f64, after: f64) -> String {
    if before == 0.0 {
        return String::new();
    }
    let percent = (after / before - 1.0) * 100.0;
    let sign = if percent < 0.0 { '−' } else { '+' };
    format!("{sign}{:.1} %", percent.abs())
}

/// A measured value with about six digits, without a tail of zeros.
pub fn value(v: f64) -> String {
    if v == 0.0 {
        return "0".to_owned();
    }
    if !v.is_finite() {
        return v.to_string();
    }
    if (1e-4..1e7).contains(&v.abs()) {
        let decimals = (5 - v.abs().log10().floor() as i32).clamp(0, 9) as usize;
        let text = format!("{v:.decimals$}");
        return match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        };
    }
    format!("{v:.4e}")
}

/// A bar of `width` cells in eighths for a share of 0 to 1.
pub fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * (width * 8) as f64).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// A name cut from the front where it is longer than `width` characters: `…/expand/kernel`.
pub fn tail(name: &str, width: usize) -> String {
    let count = name.chars().count();
    if count <= width {
        return name.to_owned();
    }
    let kept: String = name.chars().skip(count + 1 - width.max(1)).collect();
    // Cut at a slash if there is one near.
    match kept.split_once('/') {
        Some((head, rest)) if head.len() < width / 2 && !rest.is_empty() => format!("…/{rest}"),
        _ => format!("…{kept}"),
    }
}

fn scaled(n: f64) -> (String, &'static str) {
    const UNITS: [&str; 6] = ["", "k", "M", "G", "T", "P"];
    let mut value = n;
    let mut unit = 0;
    // 999.5 would round to 1000.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = match value {
        _ if unit == 0 => 0,
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    (format!("{value:.decimals$}"), UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_unit() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1000), "1.00 KB");
        assert_eq!(bytes(18_249), "18.2 KB");
        assert_eq!(bytes(999_600), "1.00 MB");
        assert_eq!(bytes(u64::MAX), "18447 PB");
        assert_eq!(macs(1_310_000), "1.31 MMAC");
        assert_eq!(count(42), "42");
        assert_eq!(exact(98442), "98,442");
        assert_eq!(exact(1_000_000), "1,000,000");
    }

    #[test]
    fn values_keep_what_they_say() {
        assert_eq!(value(0.987123456), "0.987123");
        assert_eq!(value(-3.0), "-3");
        assert_eq!(value(123456.789), "123457");
        assert_eq!(value(1.5e-9), "1.5000e-9");
        assert_eq!(value(f64::NAN), "NaN");
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(tail("a/b", 10), "a/b");
        assert_eq!(tail("model/block_3/expand/kernel", 20), "…/expand/kernel");
        assert_eq!(tail("abcdefghij", 5), "…ghij");
    }

    #[test]
    fn bars_grow_in_eighths() {
        assert_eq!(bar(0.0, 4), "");
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(bar(0.53125, 4), "██▏");
        assert_eq!(bar(1.0, 4), "████");
    }
}
