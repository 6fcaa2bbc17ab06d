//! Promise: images decode to the bytes that TensorFlow gives, and damaged ones to errors.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/images"))
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

/// FNV-1a of 64 bits.
fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

fn decode(
    bytes: &[u8],
    channels: usize,
    first: bool,
    second: bool,
) -> crate::error::Result<Vec<Image>> {
    let options = jpeg::Options {
        channels,
        fast_transform: first,
        ratio: 1,
        smooth_chroma: second,
    };
    match Kind::of(bytes) {
        Some(Kind::Jpeg) => Ok(vec![jpeg::decode(bytes, options)?]),
        Some(Kind::Png) => Ok(vec![decode_png(bytes, channels, first)?]),
        Some(Kind::Gif) => decode_gif(bytes, usize::MAX),
        Some(Kind::Bmp) => Ok(vec![decode_bmp(bytes, channels)?]),
        Some(Kind::Webp) => decode_webp(bytes, usize::MAX),
        None => Err(crate::error::Error::usage("no image")),
    }
}

#[test]
fn every_file_decodes_to_the_bytes_that_tensorflow_gives() {
    let answers = std::fs::read_to_string(folder().join("answers.tsv")).unwrap();
    let mut wrong = Vec::new();
    for line in answers.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[name, channels, first, second, sizes, expected] = &fields[..] else {
            panic!("{line}");
        };
        let images = decode(
            &file(name),
            channels.parse().unwrap(),
            first == "1",
            second == "1",
        );
        let images = images.unwrap_or_else(|e| panic!("{line}: {e}"));
        let mut bytes = Vec::new();
        for image in &images {
            match &image.samples {
                Samples::Bytes(samples) => bytes.extend_from_slice(samples),
                Samples::Words(samples) => {
                    bytes.extend(samples.iter().flat_map(|v| v.to_le_bytes()))
                }
            }
        }
        let Image {
            width,
            height,
            channels,
            ..
        } = images[0];
        let found = match Kind::of(&file(name)) {
            Some(Kind::Gif | Kind::Webp) => {
                format!("{}x{height}x{width}x{channels}", images.len())
            }
            _ => format!("{height}x{width}x{channels}"),
        };
        if found != sizes || format!("{:016x}", hash(&bytes)) != expected {
            wrong.push(format!("{line}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn smaller_images_have_the_bytes_that_tensorflow_gives() {
    let answers = std::fs::read_to_string(folder().join("smaller.tsv")).unwrap();
    let mut wrong = Vec::new();
    for line in answers.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[name, ratio, fast, sizes, expected] = &fields[..] else {
            panic!("{line}");
        };
        let options = jpeg::Options {
            channels: 0,
            fast_transform: fast == "1",
            ratio: ratio.parse().unwrap(),
            smooth_chroma: true,
        };
        let image = jpeg::decode(&file(name), options).unwrap();
        let found = format!("{}x{}x{}", image.height, image.width, image.channels);
        let Samples::Bytes(bytes) = image.samples else {
            panic!("{line}");
        };
        if found != sizes || format!("{:016x}", hash(&bytes)) != expected {
            wrong.push(format!("{line}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_image_with_larger_sizes_than_data_is_refused() {
    let mut bytes = file("ycc420.jpg");
    let at = bytes
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    bytes[at + 5..at + 9].fill(0xff);
    assert!(decode(&bytes, 0, true, true).is_err());
    let mut bytes = file("bgr.bmp");
    bytes[18..26].fill(0x7f);
    assert!(decode(&bytes, 0, true, true).is_err());
}

/// A progressive JPEG file of one grey block, with so many scans of its mean.
fn scans(count: usize) -> Vec<u8> {
    let mut file = b"\xff\xd8\xff\xdb\0\x43\0".to_vec();
    file.extend([1; 64]);
    // A code of one word, one bit long, for steps of 0.
    file.extend(b"\xff\xc4\0\x14\0\x01");
    file.extend([0; 16]);
    file.extend(b"\xff\xc2\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0");
    file.extend(b"\xff\xda\0\x08\x01\x01\0\0\0\0\x5a".repeat(count));
    file.extend(b"\xff\xd9");
    file
}

#[test]
fn a_jpeg_file_may_have_so_many_scans() {
    let image = &decode(&scans(500), 0, true, true).unwrap()[0];
    assert_eq!(image.samples, Samples::Bytes(vec![128; 64]));
    let refused = decode(&scans(501), 0, true, true).unwrap_err();
    assert_eq!(refused.to_string(), "a JPEG file with more than 500 scans");
}

proptest! {
    #[test]
    fn damaged_files_give_errors_or_images(
        name in prop::sample::select(vec![
            "ycc420.jpg", "progressive.jpg", "restart.jpg", "cmyk.jpg", "palette_alpha.png",
            "rgb16.png", "moving.gif", "bgra.bmp",
        ]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        keep in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = file(name);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(keep.index(bytes.len()));
        }
        for (first, second) in [(true, true), (false, false)] {
            let _ = decode(&bytes, 0, first, second);
        }
    }
}
