use super::*;
use proptest::prelude::*;

fn npy(header: &str, values: &[u8]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend([1, 0]);
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(values);
    out
}

fn to_npy(array: &Tensor) -> Vec<u8> {
    let array = Outgoing::new(array).unwrap();
    let mut bytes = Vec::new();
    array.write(&mut bytes).unwrap();
    assert_eq!(array.len(), Some(bytes.len()));
    bytes
}

fn to_npz(arrays: &[(String, Tensor)]) -> Vec<u8> {
    let archive = write_archive(arrays, io::Cursor::new(Vec::new()));
    archive.unwrap().into_inner()
}

fn round_trip(tensor: &Tensor) -> Tensor {
    npy_from_bytes(&to_npy(tensor)).unwrap()
}

#[test]
fn the_header_is_what_numpy_writes() {
    let bytes = to_npy(&Tensor::from_values(&[3], &[1.0f32, 2.0, 3.0]));
    assert_eq!(bytes.len(), 128 + 12);
    assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
    assert!(
        bytes[10..].starts_with(b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }   ")
    );
    assert_eq!(bytes[127], b'\n');
}

#[test]
fn scalars_empty_arrays_and_matrices_come_back() {
    for tensor in [
        Tensor::from_values(&[], &[7i64]),
        Tensor::from_values::<f64>(&[0, 3], &[]),
        Tensor::from_values(
            &[2, 2],
            &[[1.0f32, -1.0], [0.5, 2.0], [3.0, 4.0], [5.0, 6.0]],
        ),
        Tensor::typed(DType::Bool, &[2], &[0u8, 1]),
        Tensor::from_strings(&[2], vec![b"ab".to_vec(), Vec::new()]),
        Tensor::from_strings(&[0], Vec::new()),
    ] {
        assert_eq!(round_trip(&tensor), tensor);
    }
}

#[test]
fn types_that_numpy_lacks_are_written_as_their_bits() {
    let bf16 = Tensor::from_values(&[1], &[half::bf16::from_f32(1.0)]);
    assert_eq!(round_trip(&bf16).values::<u16>().unwrap(), [0x3f80]);
    let int4 = Tensor::typed(DType::Int4, &[2], &[-8i8, 7]);
    assert_eq!(round_trip(&int4).values::<i8>().unwrap(), [-8, 7]);
}

#[test]
fn byte_order_and_column_order_are_undone() {
    let header = "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }\n";
    let values: Vec<u8> = [1i16, 4, 2, 5, 3, 6]
        .iter()
        .flat_map(|v| v.to_be_bytes())
        .collect();
    let tensor = npy_from_bytes(&npy(header, &values)).unwrap();
    assert_eq!(tensor.shape(), [2, 3]);
    assert_eq!(tensor.values::<i16>().unwrap(), [1, 2, 3, 4, 5, 6]);

    let complex = npy(
        "{'descr': '>c8', 'fortran_order': False, 'shape': ()}",
        &[0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0],
    );
    let tensor = npy_from_bytes(&complex).unwrap();
    assert_eq!(tensor.values::<[f32; 2]>().unwrap(), [[1.0, -2.0]]);
}

#[test]
fn text_becomes_utf8_without_the_padding() {
    let header = "{'descr': '<U2', 'fortran_order': False, 'shape': (2,), }";
    let values: Vec<u8> = [0xe9u32, 0x1f600, 0x61, 0]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let tensor = npy_from_bytes(&npy(header, &values)).unwrap();
    assert_eq!(tensor.strings().unwrap(), ["é😀".as_bytes(), b"a"]);
}

#[test]
fn what_is_not_read_is_named() {
    let error = |header: &str| npy_from_bytes(&npy(header, &[])).unwrap_err().to_string();
    insta::assert_snapshot!(error("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }"), @"header: object arrays are not read; save numbers, or strings with dtype 'S' or 'U'");
    insta::assert_snapshot!(error("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }"), @"header: structured arrays are not read; save each field as an array of its own");
    insta::assert_snapshot!(error("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"), @"an array of shape [3] with 4 bytes per element, but 0 bytes of values; the file is cut off or damaged");
    insta::assert_snapshot!(error("{'descr': '<f4', 'fortran_order': 0, 'shape': (3,), }"), @r#"header: expected True or False at character 34, found "0, 'shape': ""#);
    insta::assert_snapshot!(error("{'descr': '|S0', 'fortran_order': False, 'shape': (1099511627776,), }"), @"1099511627776 elements of no bytes: refused");
}

#[test]
fn an_archive_keeps_order_and_keys_with_slashes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.npz");
    let arrays = vec![
        ("z/y:0".to_owned(), Tensor::from_values(&[2], &[1u8, 2])),
        (
            "#0".to_owned(),
            Tensor::from_strings(&[1], vec![b"hi".to_vec()]),
        ),
    ];
    write_npz(&path, &arrays).unwrap();
    assert_eq!(read_npz(&path).unwrap(), arrays);
    write_npy(&dir.path().join("b.npy"), &arrays[0].1).unwrap();
    assert_eq!(read_npy(&dir.path().join("b.npy")).unwrap(), arrays[0].1);
    let error = read_npz(&dir.path().join("b.npy")).unwrap_err();
    assert!(
        error.to_string().contains("b.npy: a single .npy array"),
        "{error}"
    );
}

#[test]
fn deflated_archives_are_read_and_bombs_refused() {
    let packed = |len: usize| {
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        zip.start_file(
            "x.npy",
            SimpleFileOptions::default().compression_method(CompressionMethod::Deflated),
        )
        .unwrap();
        let mut bytes = header::write("|u1", &[len]);
        bytes.resize(bytes.len() + len, 0);
        zip.write_all(&bytes).unwrap();
        Bytes::from(zip.finish().unwrap().into_inner())
    };
    assert_eq!(
        npz_from_bytes(&packed(100_000)).unwrap()[0].1.len(),
        100_000
    );
    let error = read_entries(&packed(20 << 20), 1 << 20).unwrap();
    assert!(error[0].data.is_err());
}

#[test]
fn damaged_archives_never_panic() {
    let arrays = [
        (
            "a".to_owned(),
            Tensor::from_values(&[2, 2], &[1.0f32, 2.0, 3.0, 4.0]),
        ),
        (
            "b".to_owned(),
            Tensor::from_strings(&[2], vec![b"ab".to_vec(), Vec::new()]),
        ),
    ];
    let good = to_npz(&arrays);
    for at in 0..good.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= mask;
            let _ = npz_from_bytes(&Bytes::from(bad));
        }
        let _ = npz_from_bytes(&Bytes::copy_from_slice(&good[..at]));
    }
}

proptest! {
    #[test]
    fn headers_of_any_text_are_refused_or_read(text in "[{}'\":, ()<>|a-zA-Z0-9]{0,80}") {
        let _ = npy_from_bytes(&npy(&text, &[0; 16]));
    }

    #[test]
    fn damaged_arrays_never_panic(at in 0usize..140, byte: u8) {
        let mut bytes = to_npy(&Tensor::from_values(&[3], &[1.0f32, 2.0, 3.0]));
        bytes[at] = byte;
        let _ = npy_from_bytes(&bytes);
    }

    #[test]
    fn column_major_is_the_transpose(shape in prop::collection::vec(1usize..4, 0..4)) {
        let count: usize = shape.iter().product();
        let values: Vec<u8> = (0..count as u8).collect();
        let fortran = row_major(&values, &shape, 1);
        let reversed: Vec<usize> = shape.iter().rev().copied().collect();
        let back = row_major(&fortran, &reversed, 1);
        prop_assert_eq!(back, values);
    }
}
