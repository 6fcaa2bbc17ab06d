//! Every parser by itself, with the damage of every sample of its kind: what the fuzz targets do, with a fixed seed.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mexplore::format::parsers::Parser;
use mexplore::format::{self, OpenOptions, npy};
use mexplore::model::{DType, Tensor};
use mexplore::{feed, ops, quantize, tui};

use super::damage::damaged;
use super::memory::peak;
use super::samples;

/// Damages for each parser, spread over its samples.
const DAMAGES: u64 = 6000;
/// Damages for one sample.
const MOST: u64 = 1500;
/// Large samples get so many that all of one parser take about as long as a small one.
const DAMAGED_BYTES: u64 = 8_000_000;

/// The parsers of every room, each with the room's name.
fn parsers() -> impl Iterator<Item = (&'static str, &'static Parser)> {
    let rooms = [
        ("format", format::parsers::PARSERS),
        ("ops", ops::parsers::PARSERS),
        ("quantize", quantize::parsers::PARSERS),
        ("feed", feed::parsers::PARSERS),
        ("tui", tui::parsers::PARSERS),
    ];
    let named = |(room, all): (_, &'static [Parser])| all.iter().map(move |p| (room, p));
    rooms.into_iter().flat_map(named)
}

fn files(name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![samples()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(name) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn all(name: &str) -> Vec<Vec<u8>> {
    files(name).iter().map(|f| fs::read(f).unwrap()).collect()
}

const TEXT: &str = r#"saved_model_schema_version: 1 meta_graphs {
  meta_info_def { tags: "serve" } # a comment
  graph_def { node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
      attr { key: "shape" value { shape { dim { size: -1 } dim { size: 0x10 } } } } }
    node { name: "c" op: 'Con' "st" attr { key: "value" value { tensor { dtype: DT_FLOAT
      tensor_shape < dim { size: 2 } > tensor_content: "\000\303\"\x41\n\000\000\000" } } } }
    node { name: "y" op: "AddV2" input: ["x", "c:0", "^x"] } versions { producer: 1 } }
  signature_def { key: "serving_default" value { inputs { key: "x" value { name: "x:0" dtype: DT_FLOAT } }
      outputs { key: "y" value { name: "y:0" } } method_name: "predict" } } }
"#;

/// The stored object graph of each sample that has one, without lengths and checksum.
fn object_graphs() -> Vec<Vec<u8>> {
    ["digits_cnn", "lstm", "sharded"]
        .iter()
        .filter_map(|name| {
            let model = format::open(&samples().join(name), &OpenOptions::default()).unwrap();
            let stored = model
                .variables
                .iter()
                .find(|v| v.key.contains("OBJECT_GRAPH"))?;
            Some(stored.read().ok()?.strings()?.first()?.clone())
        })
        .collect()
}

/// Metadata of this name.
fn blobs(name: &str) -> Vec<Vec<u8>> {
    ["digits_metadata.tflite", "digits_cnn.int8.tflite"]
        .iter()
        .map(|file| format::open(&samples().join(file), &OpenOptions::default()).unwrap())
        .flat_map(|model| model.metadata)
        .filter(|m| m.name == name)
        .map(|m| m.data.to_vec())
        .collect()
}

fn arrays() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    let strings = Tensor::from_strings(&[2], vec![b"ab".to_vec(), b"c".to_vec()]);
    [Tensor::zeros(DType::Float32, &[3, 4]).unwrap(), strings]
        .iter()
        .map(|tensor| {
            npy::write_npy(&path, tensor).unwrap();
            fs::read(&path).unwrap()
        })
        .collect()
}

fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Those of the images that are for their decoders alone.
fn images(name: &str) -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/images");
    let files = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.to_string_lossy().ends_with(name))
        .collect();
    files.sort();
    files.iter().map(|f| fs::read(f).unwrap()).collect()
}

/// Two channels of two moments, with a piece before them that is passed over.
const SOUND: &[u8] = b"RIFF\x38\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x02\0\
    \x40\x1f\0\0\0\x7d\0\0\x04\0\x10\0data\x08\0\0\0\0\x40\0\xc0\x01\0\xff\xff";

const RECIPE: &str = r#"[{"regex": "conv(1|2)/.*;", "operation": "CONV_2D", "algorithm_key": "min_max_uniform_quantize",
  "op_config": {"activation_tensor_config": {"num_bits": 8, "symmetric": false, "granularity": "TENSORWISE", "dtype": "INT"},
    "weight_tensor_config": {"num_bits": 8, "symmetric": true, "granularity": "CHANNELWISE", "dtype": "INT"},
    "compute_precision": "INTEGER", "explicit_dequantize": false, "skip_checks": false, "min_weight_elements": 0}}]"#;

/// Good bytes for a parser.
fn good(parser: &str) -> Vec<Vec<u8>> {
    match parser {
        "saved_model_pb" | "protobuf_text" => all("saved_model.pb"),
        "saved_model_pbtxt" => vec![TEXT.as_bytes().to_vec()],
        "checkpoint_index" => all("variables.index"),
        "checkpoint_strings" => vec![b"\x03\x02\x00\x03\x1b\x42\x8b\xcaabxyz".to_vec()],
        "checkpoint_objects" => object_graphs(),
        "fingerprint" => all("fingerprint.pb"),
        // A node with id, path, identifier and JSON.
        "keras_metadata" => {
            vec![b"\x0a\x1b\x10\x01\x1a\x04root\"\x03abc*\x0c{\"a\": [1.5]}".to_vec()]
        }
        "tflite" => all(".tflite"),
        "tflite_metadata" => blobs("TFLITE_METADATA"),
        "conversion_metadata" => blobs("CONVERSION_METADATA"),
        // {"n": 7}: the key, the vector of keys, its offset and width, the map, the type of its value, the root.
        "flexbuffer" => vec![b"n\0\x01\x03\x01\x01\x01\x07\x04\x02\x24\x01".to_vec()],
        "archive" | "npz" => all("digits.npz"),
        "npy" | "samples" => arrays(),
        "jpeg" => images(".jpg"),
        "png" => images(".png"),
        "gif" => images(".gif"),
        "bmp" => images(".bmp"),
        "webp" => images(".webp"),
        "wav" => vec![SOUND.to_vec()],
        // A feature of each type: packed integers, packed floats, two texts.
        "tf_example" => vec![
            b"\x0a\x0d\x0a\x0b\x0a\x01a\x12\x06\x1a\x04\x0a\x02\x05\x07".to_vec(),
            b"\x0a\x13\x0a\x11\x0a\x01b\x12\x0c\x12\x0a\x0a\x08\0\0\x80?\0\0\0@".to_vec(),
            b"\x0a\x0f\x0a\x0d\x0a\x01c\x12\x08\x0a\x06\x0a\x01x\x0a\x01y".to_vec(),
        ],
        // A feature of the whole record, and a list of two, of which the last is empty.
        "tf_sequence_example" => vec![
            b"\x0a\x0d\x0a\x0b\x0a\x01a\x12\x06\x1a\x04\x0a\x02\x05\x07\
              \x12\x11\x0a\x0f\x0a\x01b\x12\x0a\x0a\x06\x1a\x04\x0a\x02\x05\x07\x0a\0"
                .to_vec(),
        ],
        "pattern" => texts(&[
            "(\\w+)[[:space:]&&x]*(?i:b|\\d{2,5})\n\\2-\\1\\\\\nab  b12 ab 77",
            "[^]a-f\\x{41}]\\Q.*\\E|\\pL+?\n\\0\\0\n-.*.* words",
        ]),
        "csv" => texts(&["1,2.5e3,\"-4\",\"nan\"", "\"7\"8,-inf , 1"]),
        "vocabulary" => texts(&["1\tone\r\n-2\ttwo\n30\t\n", "7\tseven"]),
        "characters" => texts(&["a\u{7}ß\u{20ac}\u{1f600}\u{0}\u{ffff}z"]),
        "recipe" => texts(&[RECIPE]),
        "literal" => texts(&[
            "[[1, -2.5e3, true, 4]]",
            "[\"a\\\"b\", 'c']",
            "[[], []]",
            "-7",
        ]),
        "input_file" => {
            let files = [
                (&b"crop,mean=1/2/3,std=2\n"[..], images("rgb8.png")),
                (b"-1..1,pad\n", images("bgr.bmp")),
                (b"rate=900,from=0.0001\n", vec![SOUND.to_vec()]),
                (b"\n", texts(&["1, 2.5\n3; 4\n", "[[1], [2]]"])),
            ];
            let with = |(wishes, files): (&[u8], Vec<Vec<u8>>)| -> Vec<Vec<u8>> {
                files.iter().map(|file| [wishes, file].concat()).collect()
            };
            files.into_iter().flat_map(with).collect()
        }
        "labels" => texts(&["zero\r\none\n\n", "Äpfel\n"]),
        "config" => texts(&[
            "theme = \"light\"\nremember = false\n[keys]\nquit = [\"Ctrl-q\", \"F10\"]\nhelp = \"F12\"\n",
        ]),
        "theme" => tui::theme::Theme::names()
            .map(|name| tui::theme::Theme::source(name).unwrap().into())
            .collect(),
        "places" => texts(&[
            r#"[{"path": "/m", "place": {"pane": "Tree", "tags": ["serve"],
                "thing": {"kind": "node", "graph": "", "at": 7, "name": "x"}}}]"#,
        ]),
        other => panic!("no sample for {other}"),
    }
}

#[test]
fn every_parser_answers_to_damage() {
    for (_, parser) in parsers() {
        let begun = Instant::now();
        let mut refused = 0;
        let samples = good(parser.name);
        let most = MOST.min(DAMAGES / samples.len().max(1) as u64);
        for sample in samples {
            let count = most.min(DAMAGED_BYTES / sample.len() as u64 + 20);
            for seed in 1..=count {
                let bad = damaged(&sample, seed);
                refused += u32::from((parser.run)(Bytes::from(bad)).is_err());
            }
        }
        assert!(refused > 0, "{} takes everything", parser.name);
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(120), "{}: {took:?}", parser.name);
    }
}

#[test]
fn good_samples_pass_their_parsers() {
    for (_, parser) in parsers() {
        for sample in good(parser.name) {
            if let Err(error) = (parser.run)(Bytes::from(sample)) {
                panic!("{}: {error}", parser.name);
            }
        }
    }
}

/// A chunk of a PNG file with its checksum (ISO 3309).
fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let checked = [kind, data].concat();
    let bit = |crc: u32| (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
    let byte = |crc: u32, &byte: &u8| (0..8).fold(crc ^ u32::from(byte), |crc, _| bit(crc));
    let crc = !checked.iter().fold(!0, byte);
    let length = data.len() as u32;
    [&length.to_be_bytes()[..], &checked, &crc.to_be_bytes()].concat()
}

/// A PNG file of RGB that holds next to nothing.
fn empty_png(size: u32) -> Vec<u8> {
    let size = size.to_be_bytes();
    let header = [&size[..], &size, &[8, 2, 0, 0, 0]].concat();
    let data = chunk(b"IDAT", b"\x78\x9c\x63\0\0\0\x01\0\x01");
    let parts: [&[u8]; 4] = [
        b"\x89PNG\r\n\x1a\n",
        &chunk(b"IHDR", &header),
        &data,
        &chunk(b"IEND", &[]),
    ];
    parts.concat()
}

/// A JPEG file of grey of 65535 × 65535, and what follows its header.
fn empty_jpeg(progressive: bool, then: &[u8]) -> Vec<u8> {
    let mut file = b"\xff\xd8\xff\xdb\0\x43\0".to_vec();
    file.extend([1; 64]);
    // A code of one word, which is one bit long.
    for class in [0, 0x10] {
        file.extend([0xff, 0xc4, 0, 20, class, 1]);
        file.extend([0; 16]);
    }
    file.extend([0xff, if progressive { 0xc2 } else { 0xc0 }, 0, 11, 8]);
    file.extend(b"\xff\xff\xff\xff\x01\x01\x11\0");
    file.extend(then);
    file.extend([0xff, 0xd9]);
    file
}

/// A GIF file with a palette of two colours, a first frame of `size` × `size` with hardly any data, and single pixels.
fn empty_gif(size: u16, pixels: usize) -> Vec<u8> {
    let size = size.to_le_bytes();
    let mut file = [b"GIF89a", &size[..], &size, b"\x80\0\0\0\0\0\xff\xff\xff"].concat();
    let frame =
        |size: [u8; 2]| [b"\x2c\0\0\0\0", &size[..], &size, b"\0\x02\x02\x44\x01\0"].concat();
    file.extend(frame(size));
    (0..pixels).for_each(|_| file.extend(frame([1, 0])));
    file.push(0x3b);
    file
}

/// A WebP file whose only chunk has sides as large as `sides` says and hardly any data.
fn empty_webp(kind: &[u8; 4], sides: u32) -> Vec<u8> {
    let sides = sides.to_le_bytes();
    let chunk = match kind {
        b"VP8L" => [&[0x2f], &sides[..], &[0; 5]].concat(),
        b"VP8X" => [&[0; 4], &sides[..3], &sides[..3]].concat(),
        _ => [b"\0\0\0\x9d\x01\x2a", &sides[..]].concat(),
    };
    let mut file = [
        b"RIFF",
        &22u32.to_le_bytes()[..],
        b"WEBP",
        kind,
        &10u32.to_le_bytes(),
    ]
    .concat();
    file.extend(chunk);
    // What a file of the third kind names comes behind.
    file.extend(b"VP8L\x0a\0\0\0\x2f\0\0\0\0\0\0\0\0\0");
    file
}

#[test]
fn headers_that_claim_much_take_little() {
    let scan: &[u8] = b"\xff\xda\0\x08\x01\x01\0\0\0\0\x5a";
    let mut sound = SOUND.to_vec();
    let length = sound.len() - 12;
    sound[length..][..4].fill(0xff);
    let mut bitmap = images("bgr.bmp").remove(0);
    bitmap[18..26].copy_from_slice(b"\xff\xff\xff\x7f\xff\xff\xff\x7f");
    let claims: [(&str, Vec<u8>); 12] = [
        ("png", empty_png(60_000)),
        ("png", empty_png(u32::MAX >> 1)),
        ("jpeg", empty_jpeg(false, &[])),
        ("jpeg", empty_jpeg(false, scan)),
        ("jpeg", empty_jpeg(true, &scan.repeat(1000))),
        ("gif", empty_gif(60_000, 0)),
        ("gif", empty_gif(2000, 10_000)),
        ("webp", empty_webp(b"VP8L", 0xfff_ffff)),
        ("webp", empty_webp(b"VP8X", u32::MAX >> 8)),
        ("webp", empty_webp(b"VP8 ", u32::MAX)),
        ("wav", sound),
        ("bmp", bitmap),
    ];
    for (at, (name, bytes)) in claims.into_iter().enumerate() {
        let (_, parser) = parsers().find(|(_, p)| p.name == name).unwrap();
        let (begun, length) = (Instant::now(), bytes.len() as u64);
        let bytes = Bytes::from(bytes);
        let peak = peak(|| {
            let answer = (parser.run)(bytes);
            assert!(answer.is_err(), "{name} {at} is taken");
        });
        assert!(peak < (4 << 20) + 4 * length, "{name} {at}: {peak} bytes");
        assert!(begun.elapsed() < Duration::from_secs(20), "{name} {at}");
    }
}

#[test]
fn every_parser_has_a_fuzz_target() {
    let fuzz = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");
    let manifest = fs::read_to_string(format!("{fuzz}/Cargo.toml")).unwrap();
    let (mut expected, mut files) = (Vec::new(), Vec::new());
    for (room, parser) in parsers() {
        let name = parser.name;
        let entry = format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"");
        assert!(
            manifest.contains(&entry),
            "{name} is not in fuzz/Cargo.toml"
        );
        expected.push(format!("{name}.rs: {room}"));
    }
    for entry in fs::read_dir(format!("{fuzz}/fuzz_targets")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let name = file.trim_end_matches(".rs");
        let text = fs::read_to_string(&path).unwrap();
        let room = text
            .split_once("parser!(")
            .and_then(|(_, rest)| rest.split_once(", "));
        let (room, rest) = room.unwrap_or_else(|| panic!("{file} calls no parser"));
        assert!(
            rest.starts_with(&format!("\"{name}\"")),
            "{file} calls another parser"
        );
        files.push(format!("{file}: {room}"));
    }
    assert_eq!(manifest.matches("[[bin]]").count(), files.len());
    expected.sort();
    files.sort();
    assert_eq!(files, expected);
}
