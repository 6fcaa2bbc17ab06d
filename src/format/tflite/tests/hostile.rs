//! Damaged files: every outcome is fine but a panic, or memory that the file does not justify.

use std::path::Path;

use bytes::Bytes;

use super::{constants, made, read_bytes, shared_models, write};

/// Opens the bytes and reads every constant; says whether they opened.
fn touch(bytes: Vec<u8>) -> bool {
    let Ok(model) = read_bytes(Bytes::from(bytes), Path::new("hostile.tflite")) else {
        return false;
    };
    for value in constants(&model) {
        let _ = value.read();
    }
    // What opened may also be written: bad values are errors there.
    let _ = write(&model);
    true
}

#[test]
fn flipped_bytes_never_panic() {
    let good = write(&made::model()).unwrap();
    let mut opened = 0;
    for at in 0..good.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= mask;
            opened += usize::from(touch(bad));
        }
    }
    // Names and values may change; structure mostly may not.
    assert!(opened > 0 && opened < 3 * good.len());
}

#[test]
fn cut_files_never_panic() {
    let good = write(&made::model()).unwrap();
    for length in 0..good.len() {
        touch(good[..length].to_vec());
    }
}

#[test]
fn big_numbers_never_panic() {
    let good = write(&made::model()).unwrap();
    for at in (0..good.len() - 4).step_by(4) {
        for number in [0u32, 1, 4, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, u32::MAX] {
            let mut bad = good.clone();
            bad[at..at + 4].copy_from_slice(&number.to_le_bytes());
            touch(bad);
        }
    }
}

#[test]
fn damaged_real_files_never_panic() {
    const SMALL: usize = 4096;
    // A fixed walk over places and bytes, so that a failure repeats.
    let mut state = 0x2545_f491u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize
    };
    for path in shared_models().iter().step_by(8) {
        let good = std::fs::read(path).unwrap();
        if good.len() > SMALL || good.len() < 8 {
            continue;
        }
        for _ in 0..20 {
            let mut bad = good.clone();
            for _ in 0..1 + next() % 3 {
                let at = next() % bad.len();
                bad[at] = next() as u8;
            }
            touch(bad);
        }
    }
}
