//! Numbers out of strings, as TensorFlow reads them: decimal and hexadecimal, infinity, and what is no number.

/// Types that strings are read as.
pub trait Read: Sized {
    fn read(text: &[u8]) -> Option<Self>;
}

macro_rules! read_by {
    ($read:path: $($kind:ty),*) => {$(
        impl Read for $kind {
            fn read(text: &[u8]) -> Option<Self> {
                $read(text)
            }
        }
    )*};
}

read_by!(integer: i32, i64, u32, u64);
read_by!(single: f32);
read_by!(double: f64);

/// A sign and what stands behind it, without the blanks around. C's blanks are Rust's and the vertical tab.
fn signed(text: &[u8]) -> Option<(bool, &str)> {
    let blank = |c: char| c.is_ascii_whitespace() || c == '\x0b';
    let text = std::str::from_utf8(text).ok()?.trim_matches(blank);
    let negative = text.starts_with('-');
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    (!rest.starts_with(['-', '+'])).then_some((negative, rest))
}

/// A whole number in decimal digits that `T` can hold.
fn integer<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    let (negative, digits) = signed(text)?;
    match negative {
        true => format!("-{digits}").parse().ok(),
        false => digits.parse().ok(),
    }
}

/// A double; too large is infinity, too small zero.
fn double(text: &[u8]) -> Option<f64> {
    let (negative, text) = signed(text)?;
    let sign = u64::from(negative) << 63;
    let bits = match special(text) {
        Some(payload) => f64::NAN.to_bits() | payload? & ((1 << 51) - 1),
        None => match hexadecimal(text, 53, -1074) {
            Some(value) => value?.to_bits(),
            None => text.parse::<f64>().ok()?.to_bits(),
        },
    };
    Some(f64::from_bits(bits | sign))
}

/// A float, rounded once.
fn single(text: &[u8]) -> Option<f32> {
    let (negative, text) = signed(text)?;
    let sign = u32::from(negative) << 31;
    let bits = match special(text) {
        Some(payload) => f32::NAN.to_bits() | payload? as u32 & ((1 << 22) - 1),
        None => match hexadecimal(text, 24, -149) {
            Some(value) => (value? as f32).to_bits(),
            None => text.parse::<f32>().ok()?.to_bits(),
        },
    };
    Some(f32::from_bits(bits | sign))
}

/// The bits that `nan` has behind it, in brackets, as C's `strtoull` reads them from `nan(…)`; none are 0. The outer
/// `None` is for what does not begin so, the inner for what goes on otherwise.
fn special(text: &str) -> Option<Option<u64>> {
    let (head, rest) = text.split_at_checked(3)?;
    if !head.eq_ignore_ascii_case("nan") {
        return None;
    }
    if rest.is_empty() {
        return Some(Some(0));
    }
    let inner = rest.strip_prefix('(').and_then(|s| s.strip_suffix(')'));
    let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    let inner = inner.filter(|s| s.bytes().all(word));
    Some(inner.map(|inner| {
        let (digits, radix) = match inner.strip_prefix("0x").or(inner.strip_prefix("0X")) {
            Some(digits) => (digits, 16),
            None => (inner, if inner.starts_with('0') { 8 } else { 10 }),
        };
        let read = digits.chars().try_fold(0u64, |sum, c| {
            let digit = u64::from(c.to_digit(radix)?);
            let next = sum.checked_mul(radix.into());
            Some(next.and_then(|v| v.checked_add(digit)).unwrap_or(u64::MAX))
        });
        read.unwrap_or(0)
    }))
}

/// A number of `digits` binary places and no step below `2^least`, from `0x1.8p3`; the exponent is of two and may be
/// left out. The outer `None` is for what does not begin so.
fn hexadecimal(text: &str, digits: i64, least: i64) -> Option<Option<f64>> {
    let text = text.strip_prefix("0x").or(text.strip_prefix("0X"))?;
    let (mantissa, power) = match text.split_once(['p', 'P']) {
        Some((mantissa, power)) => (mantissa, Some(power)),
        None => (text, None),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    Some(parts(whole, part, power).map(|(value, power)| rounded(value, power, digits, least)))
}

/// A whole number and the power of two that it is times. Of more digits than it holds only tells its last bit.
fn parts(whole: &str, part: &str, power: Option<&str>) -> Option<(u64, i64)> {
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let (mut value, mut dropped) = (0u64, 0);
    for c in whole.chars().chain(part.chars()) {
        let digit = u64::from(c.to_digit(16)?);
        if value >> 59 == 0 {
            value = value << 4 | digit;
        } else {
            value |= u64::from(digit != 0);
            dropped += 4;
        }
    }
    let power = match power {
        Some(text) => {
            let (negative, digits) = signed(text.as_bytes())?;
            if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
                return None;
            }
            // More is infinity or zero in any case.
            let size = digits.parse::<i64>().unwrap_or(i64::MAX).min(1 << 40);
            if negative { -size } else { size }
        }
        None => 0,
    };
    Some((value, power + dropped - 4 * part.len() as i64))
}

/// `value · 2^power` with `digits` binary places, half to even.
fn rounded(value: u64, power: i64, digits: i64, least: i64) -> f64 {
    if value == 0 {
        return 0.0;
    }
    let top = power + i64::from(u64::BITS - value.leading_zeros());
    if top > 2000 {
        return f64::INFINITY;
    }
    let step = (top - digits).max(least);
    let kept = match step - power {
        ..=0 => return scaled(value, power),
        drop @ 1..=64 => {
            let (wide, drop) = (u128::from(value), drop as u32);
            let (kept, rest, half) = (wide >> drop, wide & ((1 << drop) - 1), 1u128 << (drop - 1));
            kept + u128::from(rest > half || rest == half && kept & 1 == 1)
        }
        _ => 0,
    };
    scaled(kept as u64, step)
}

/// `value · 2^power` in two steps, neither of which rounds where the result is a number of `f64`.
fn scaled(value: u64, power: i64) -> f64 {
    let half = (power / 2) as i32;
    value as f64 * 2f64.powi(half) * 2f64.powi(power as i32 - half)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As TensorFlow 2.21 reads them.
    #[test]
    fn hexadecimal_numbers_are_rounded_once() {
        let reads = [
            ("0X1F", 31.0),
            ("0x.8", 0.5),
            ("0x1.p3", 8.0),
            ("-0x1.8p+3", -12.0),
            ("0x1e5", 485.0),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.00000000000018p0", 1.0 + 2.0 * f64::EPSILON),
            ("0x1.000000000000080001p0", 1.0 + f64::EPSILON),
            ("0x1p-1074", 5e-324),
            ("0x1p-1075", 0.0),
            ("0x1.8p-1075", 5e-324),
            ("0x1.fffffffffffff7p1023", f64::MAX),
            ("0x1.fffffffffffff8p1023", f64::INFINITY),
            ("0x1p-9999999999999999", 0.0),
            ("0x1p99999999999999999999", f64::INFINITY),
        ];
        for (text, value) in reads {
            assert_eq!(double(text.as_bytes()), Some(value), "{text}");
        }
        let long = format!("0x1{}p-1200", "0".repeat(300));
        assert_eq!(double(long.as_bytes()), Some(1.0));
        let bits = |text: &str| single(text.as_bytes()).map(f32::to_bits);
        assert_eq!(bits("0x1.000001p0"), Some(0x3f80_0000));
        assert_eq!(bits("0x1.0000010000000001p0"), Some(0x3f80_0001));
        assert_eq!(bits("0x1.8p-150"), Some(1));
        assert_eq!(bits("0x1.fffffdp127"), Some(0x7f7f_fffe));
        assert_eq!(bits("0x1.ffffffp127"), Some(f32::INFINITY.to_bits()));
    }

    #[test]
    fn what_is_no_number_keeps_its_bits() {
        let bits = |text: &str| double(text.as_bytes()).map(f64::to_bits);
        assert_eq!(bits("-nan"), Some(0xfff8_0000_0000_0000));
        assert_eq!(bits("nan(010)"), Some(0x7ff8_0000_0000_0008));
        assert_eq!(
            bits("nan(99999999999999999999)"),
            Some(0x7fff_ffff_ffff_ffff)
        );
        assert_eq!(bits("nan(12abc)"), Some(0x7ff8_0000_0000_0000));
        let single = single(b"-nan(5)").map(f32::to_bits);
        assert_eq!(single, Some(0xffc0_0005));
    }

    #[test]
    fn the_rest_is_refused() {
        let texts = [
            "", " ", "-", "+-5", "++5", "0x", "0x.p3", "0x1p", "0x1p+-3", "0x-1", "1e", "1_0",
            "nan(", "nan(-1)", "nann", "infi", "1\0", "0x1..", "é", "0xé",
        ];
        for text in texts {
            assert_eq!(double(text.as_bytes()), None, "{text:?}");
            assert_eq!(integer::<i32>(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(integer::<i32>(b"0x10"), None);
        assert_eq!(integer::<u64>(b"-0"), None);
        assert_eq!(integer::<u32>(b"\x0b+5\t"), Some(5));
        assert_eq!(integer::<i32>(b"-2147483648"), Some(i32::MIN));
        assert_eq!(integer::<i32>(b"2147483648"), None);
    }
}
