//! Hashes that TensorFlow's string operators promise to keep: FarmHash's `Fingerprint64`, SipHash-2-4 and the hash of the
//! legacy `StringToHashBucket`. Published algorithms, equal on every processor.

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;

fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn half(bytes: &[u8], at: usize) -> u64 {
    let mut half = [0; 4];
    half.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(half).into()
}

fn shift_mix(v: u64) -> u64 {
    v ^ (v >> 47)
}

fn mix(u: u64, v: u64, mul: u64) -> u64 {
    let a = shift_mix((u ^ v).wrapping_mul(mul));
    shift_mix((v ^ a).wrapping_mul(mul)).wrapping_mul(mul)
}

/// TensorFlow's `FingerprintCat64`: one hash of two.
pub fn joined(first: u64, second: u64) -> u64 {
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    let tail = shift_mix(second.wrapping_mul(FACTOR)).wrapping_mul(FACTOR);
    let both = (first ^ FACTOR ^ tail).wrapping_mul(FACTOR);
    shift_mix(shift_mix(both).wrapping_mul(FACTOR))
}

/// FarmHash's `Fingerprint64`.
pub fn fingerprint(s: &[u8]) -> u64 {
    match s.len() {
        0 => K2,
        1..=3 => {
            let len = s.len();
            let y = u32::from(s[0]).wrapping_add(u32::from(s[len >> 1]) << 8);
            let z = (len as u32).wrapping_add(u32::from(s[len - 1]) << 2);
            shift_mix(u64::from(y).wrapping_mul(K2) ^ u64::from(z).wrapping_mul(K0))
                .wrapping_mul(K2)
        }
        len @ 4..=7 => {
            let mul = K2.wrapping_add(len as u64 * 2);
            let a = (len as u64).wrapping_add(half(s, 0) << 3);
            mix(a, half(s, len - 4), mul)
        }
        len @ 8..=16 => {
            let mul = K2.wrapping_add(len as u64 * 2);
            let a = word(s, 0).wrapping_add(K2);
            let b = word(s, len - 8);
            let c = b.rotate_right(37).wrapping_mul(mul).wrapping_add(a);
            let d = a.rotate_right(25).wrapping_add(b).wrapping_mul(mul);
            mix(c, d, mul)
        }
        17..=32 => {
            let (y, z, mul) = middle(s, K1);
            mix(y, z, mul)
        }
        len @ 33..=64 => {
            let (y, z, mul) = middle(s, K2);
            let a = word(s, 0).wrapping_mul(K2);
            let z = mix(y, z, mul);
            let e = word(s, 16).wrapping_mul(mul);
            let f = word(s, 24);
            let g = y.wrapping_add(word(s, len - 32)).wrapping_mul(mul);
            let h = z.wrapping_add(word(s, len - 24)).wrapping_mul(mul);
            let left = e.wrapping_add(f).rotate_right(43);
            let left = left.wrapping_add(g.rotate_right(30)).wrapping_add(h);
            let right = f.wrapping_add(a).rotate_right(18);
            mix(left, e.wrapping_add(right).wrapping_add(g), mul)
        }
        _ => long(s),
    }
}

/// What strings of 17 to 64 bytes have in common.
fn middle(s: &[u8], first: u64) -> (u64, u64, u64) {
    let len = s.len();
    let mul = K2.wrapping_add(len as u64 * 2);
    let a = word(s, 0).wrapping_mul(first);
    let b = word(s, 8);
    let c = word(s, len - 8).wrapping_mul(mul);
    let d = word(s, len - 16).wrapping_mul(K2);
    let y = a.wrapping_add(b).rotate_right(43);
    let y = y.wrapping_add(c.rotate_right(30)).wrapping_add(d);
    let z = b.wrapping_add(K2).rotate_right(18);
    (y, a.wrapping_add(z).wrapping_add(c), mul)
}

fn weak(s: &[u8], at: usize, a: u64, b: u64) -> (u64, u64) {
    let z = word(s, at + 24);
    let a = a.wrapping_add(word(s, at));
    let b = b.wrapping_add(a).wrapping_add(z).rotate_right(21);
    let c = a;
    let a = a
        .wrapping_add(word(s, at + 8))
        .wrapping_add(word(s, at + 16));
    let b = b.wrapping_add(a.rotate_right(44));
    (a.wrapping_add(z), b.wrapping_add(c))
}

fn long(s: &[u8]) -> u64 {
    const SEED: u64 = 81;
    let len = s.len();
    let mut y = SEED.wrapping_mul(K1).wrapping_add(113);
    let mut z = shift_mix(y.wrapping_mul(K2).wrapping_add(113)).wrapping_mul(K2);
    let (mut v, mut w) = ((0u64, 0u64), (0u64, 0u64));
    let mut x = SEED.wrapping_mul(K2).wrapping_add(word(s, 0));
    let end = (len - 1) / 64 * 64;
    let mut at = 0;
    let turn = |at: usize,
                x: &mut u64,
                y: &mut u64,
                z: &mut u64,
                v: &mut (u64, u64),
                w: &mut (u64, u64),
                mul: u64,
                last: bool| {
        let by = if last { 9 } else { 1 };
        let sum = x.wrapping_add(*y).wrapping_add(v.0);
        *x = sum
            .wrapping_add(word(s, at + 8))
            .rotate_right(37)
            .wrapping_mul(mul);
        let sum = y.wrapping_add(v.1).wrapping_add(word(s, at + 48));
        *y = sum.rotate_right(42).wrapping_mul(mul);
        *x ^= w.1.wrapping_mul(by);
        *y = y
            .wrapping_add(v.0.wrapping_mul(by))
            .wrapping_add(word(s, at + 40));
        *z = z.wrapping_add(w.0).rotate_right(33).wrapping_mul(mul);
        *v = weak(s, at, v.1.wrapping_mul(mul), x.wrapping_add(w.0));
        let sum = y.wrapping_add(word(s, at + 16));
        *w = weak(s, at + 32, z.wrapping_add(w.1), sum);
        std::mem::swap(z, x);
    };
    while at != end {
        turn(at, &mut x, &mut y, &mut z, &mut v, &mut w, K1, false);
        at += 64;
    }
    let mul = K1.wrapping_add((z & 0xff) << 1);
    w.0 = w.0.wrapping_add((len as u64 - 1) & 63);
    v.0 = v.0.wrapping_add(w.0);
    w.0 = w.0.wrapping_add(v.0);
    turn(len - 64, &mut x, &mut y, &mut z, &mut v, &mut w, mul, true);
    let first = mix(v.0, w.0, mul);
    let first = first
        .wrapping_add(shift_mix(y).wrapping_mul(K0))
        .wrapping_add(z);
    mix(first, mix(v.1, w.1, mul).wrapping_add(x), mul)
}

/// The hash behind the legacy `StringToHashBucket`, with its seed.
pub fn legacy(s: &[u8]) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let mut h = 0x00DE_CAFC_AFFE_u64 ^ (s.len() as u64).wrapping_mul(M);
    let (words, rest) = s.as_chunks::<8>();
    for &word in words {
        let k = u64::from_le_bytes(word).wrapping_mul(M);
        h = (h ^ shift_mix(k).wrapping_mul(M)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        h = (h ^ u64::from_le_bytes(last)).wrapping_mul(M);
    }
    shift_mix(shift_mix(h).wrapping_mul(M))
}

/// SipHash-2-4.
pub fn siphash(s: &[u8], [k0, k1]: [u64; 2]) -> u64 {
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let round = |v: &mut [u64; 4]| {
        v[0] = v[0].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[0] = v[0].rotate_left(32);
        v[2] = v[2].wrapping_add(v[3]);
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].wrapping_add(v[3]);
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[2] = v[2].rotate_left(32);
    };
    let (words, rest) = s.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = s.len() as u8;
    for word in words.iter().chain([&last]) {
        let m = u64::from_le_bytes(*word);
        v[3] ^= m;
        round(&mut v);
        round(&mut v);
        v[0] ^= m;
    }
    v[2] ^= 0xff;
    (0..4).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Buckets of a thousand, as TensorFlow 2.21 gives them.
    #[test]
    fn buckets_are_tensorflows() {
        assert_eq!(fingerprint(b"a") % 1000, 939);
        assert_eq!(fingerprint(b"hello") % 1000, 296);
        assert_eq!(fingerprint(b"") % 1000, 263);
        let strong = |s: &[u8]| siphash(s, [1, 2]) % 1000;
        assert_eq!(
            [strong(b"a"), strong(b"hello"), strong(b"")],
            [646, 622, 435]
        );
        let old = |s: &[u8]| legacy(s) % 1000;
        assert_eq!([old(b"a"), old(b"hello"), old(b"")], [868, 938, 899]);
    }

    #[test]
    fn every_length_is_hashed() {
        let bytes: Vec<u8> = (0..200).collect();
        let mut seen: Vec<u64> = (0..200).map(|n| fingerprint(&bytes[..n])).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 200);
    }
}
