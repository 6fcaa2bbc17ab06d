//! NumPy's `.npy` and `.npz`, both ways.
//!
//! The format: magic `\x93NUMPY`, version, header length, a Python dict with `descr`, `fortran_order` and `shape`,
//! then the values (numpy.lib.format, versions 1 to 3). An `.npz` is a ZIP archive of `KEY.npy`.

use std::borrow::Borrow;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::Path;

use bytes::Bytes;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::archive::{inflate_limit, read_entries};
use super::mapped::map_file;
use super::write_file_with;
use crate::error::{Error, Result};
use crate::model::shape::element_count;
use crate::model::{DType, Tensor};

mod header;

use header::{Element, Header, Layout};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longest header that is read.
const HEADER_LIMIT: usize = 64 * 1024;
/// Most elements of an array whose elements take no bytes (`S0`).
const EMPTY_ELEMENT_LIMIT: usize = 1 << 20;

/// The arrays of an `.npz` in archive order, by key. `U` arrays become UTF-8 strings, `S` arrays bytes.
/// As in numpy, NULs at the end of a string are padding and fall off. Entries that are no `.npy` are left out.
///
/// # Errors
/// Damage, object and structured arrays, a key twice; the error names the file and the entry.
pub fn read_npz(path: &Path) -> Result<Vec<(String, Tensor)>> {
    npz_from_bytes(&map_file(path)?).map_err(|e| e.in_file(path))
}

pub(super) fn npz_from_bytes(bytes: &Bytes) -> Result<Vec<(String, Tensor)>> {
    if bytes.starts_with(MAGIC) {
        return Err(
            Error::unreadable("a single .npy array, not an .npz archive")
                .hint("save it with numpy.savez(FILE, NAME=array)"),
        );
    }
    let mut arrays: Vec<(String, Tensor)> = Vec::new();
    for entry in read_entries(bytes, inflate_limit(bytes))? {
        let Some(key) = entry.name.strip_suffix(".npy") else {
            continue;
        };
        let tensor = entry.data.and_then(|data| {
            npy_from_bytes(&data).map_err(|e| e.at(format_args!("entry {:?}", entry.name)))
        })?;
        if arrays.iter().any(|(known, _)| known == key) {
            return Err(Error::unreadable(format!(
                "the array {key:?} is there twice"
            )));
        }
        arrays.push((key.to_owned(), tensor));
    }
    Ok(arrays)
}

/// One array.
///
/// # Errors
/// As [`read_npz`].
pub fn read_npy(path: &Path) -> Result<Tensor> {
    npy_from_bytes(&map_file(path)?).map_err(|e| e.in_file(path))
}

/// As [`read_npy`], of the file's bytes.
///
/// # Errors
/// As [`read_npz`], without the file.
pub fn npy_from_bytes(bytes: &[u8]) -> Result<Tensor> {
    let (text, values) = split_header(bytes)?;
    let header = header::parse(text).map_err(|e| e.at("header"))?;
    let Header {
        layout,
        fortran_order,
        shape,
    } = header;
    let count = element_count(&shape)
        .ok_or_else(|| Error::unreadable(format!("shape {shape:?} has more than 2^64 elements")))?;
    let size = layout.element.size();
    if size == 0 && count > EMPTY_ELEMENT_LIMIT {
        return Err(Error::unreadable(format!(
            "{count} elements of no bytes: refused"
        )));
    }
    let values = count
        .checked_mul(size)
        .and_then(|needed| values.get(..needed))
        .ok_or_else(|| {
            Error::unreadable(format!(
                "an array of shape {shape:?} with {size} bytes per element, but {} bytes of values",
                values.len()
            ))
            .hint("the file is cut off or damaged")
        })?;
    let ordered;
    let values = if fortran_order && shape.len() > 1 {
        ordered = row_major(values, &shape, size);
        &ordered
    } else {
        values
    };
    decode(&layout, &shape, values)
}

/// The header's text and the bytes behind it.
fn split_header(bytes: &[u8]) -> Result<(&str, &[u8])> {
    let cut = || Error::unreadable(format!("{} bytes; the header is cut off", bytes.len()));
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or_else(|| Error::unreadable("not a .npy array: it does not begin with \\x93NUMPY"))?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    let (length, rest) = match version[0] {
        1 => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        other => {
            return Err(Error::unreadable(format!(
                "version {other} of the .npy format is not known"
            )));
        }
    };
    if length > HEADER_LIMIT {
        return Err(Error::unreadable(format!(
            "a header of {length} bytes, more than {HEADER_LIMIT}"
        )));
    }
    let (text, values) = rest.split_at_checked(length).ok_or_else(cut)?;
    let text =
        std::str::from_utf8(text).map_err(|_| Error::unreadable("not valid UTF-8").at("header"))?;
    Ok((text, values))
}

/// Column-major elements in row-major order. `values` are exactly the elements of `shape`.
fn row_major(values: &[u8], shape: &[usize], size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len());
    if size == 0 || values.is_empty() {
        return out;
    }
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &dim in shape {
        strides.push(stride);
        stride *= dim;
    }
    let mut index = vec![0; shape.len()];
    for _ in 0..values.len() / size {
        let at: usize = index.iter().zip(&strides).map(|(i, s)| i * s).sum();
        out.extend_from_slice(&values[at * size..(at + 1) * size]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    out
}

fn decode(layout: &Layout, shape: &[usize], values: &[u8]) -> Result<Tensor> {
    let count = element_count(shape).unwrap_or(0);
    match layout.element {
        Element::Bytes(size) => {
            let strings = (0..count)
                .map(|i| trim(&values[i * size..(i + 1) * size]).to_vec())
                .collect();
            Ok(Tensor::from_strings(shape, strings))
        }
        Element::Text(chars) => {
            let strings: Result<Vec<Vec<u8>>> = (0..count)
                .map(|i| {
                    utf8(
                        &values[i * chars * 4..(i + 1) * chars * 4],
                        layout.big_endian,
                    )
                })
                .collect();
            Ok(Tensor::from_strings(shape, strings?))
        }
        Element::Number(dtype) => {
            let mut tensor = Tensor::from_bytes(dtype, shape, values)?;
            if let Some(bytes) = tensor.bytes_mut() {
                match dtype {
                    DType::Bool => bytes.iter_mut().for_each(|b| *b = u8::from(*b != 0)),
                    _ if layout.big_endian => {
                        for number in bytes.chunks_exact_mut(number_size(dtype)) {
                            number.reverse();
                        }
                    }
                    _ => {}
                }
            }
            Ok(tensor)
        }
    }
}

/// Bytes that byte order turns around: a complex number is two of them.
fn number_size(dtype: DType) -> usize {
    let size = dtype.size().unwrap_or(1);
    match dtype {
        DType::Complex64 | DType::Complex128 => size / 2,
        _ => size,
    }
}

fn trim(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |at| at + 1);
    &bytes[..end]
}

/// UTF-32 with NULs at its end as UTF-8.
fn utf8(units: &[u8], big_endian: bool) -> Result<Vec<u8>> {
    let mut text = String::new();
    for unit in units.chunks_exact(4) {
        let unit = [unit[0], unit[1], unit[2], unit[3]];
        let code = match big_endian {
            true => u32::from_be_bytes(unit),
            false => u32::from_le_bytes(unit),
        };
        text.push(char::from_u32(code).ok_or_else(|| {
            Error::unreadable(format!("U+{code:04X} in a text array is no character"))
        })?);
    }
    text.truncate(text.trim_end_matches('\0').len());
    Ok(text.into_bytes())
}

/// Writes beside and renames. bfloat16 is written as its bits in uint16, sub-byte integers as (u)int8.
///
/// Strings are written as `S`, which numpy pads with NULs: a string that ends in NULs comes back without them.
///
/// # Errors
/// A type without values (resources), and what the system says.
pub fn write_npz(path: &Path, arrays: &[(String, impl Borrow<Tensor>)]) -> Result<()> {
    write_file_with(path, |file| {
        let mut file = write_archive(arrays, BufWriter::new(file))?;
        file.flush().map_err(|e| Error::io(path, &e))
    })
    .map_err(|e| e.in_file(path))
}

/// To a `.npy` where the name ends so, which holds one array; else as [`write_npz`].
///
/// # Errors
/// Several arrays for a `.npy` (usage), and as [`write_npz`].
pub fn write_arrays(path: &Path, arrays: &[(String, impl Borrow<Tensor>)]) -> Result<()> {
    let is_npy = path
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("npy"));
    match arrays {
        [(_, one)] if is_npy => write_npy(path, one.borrow()),
        _ if is_npy => Err(Error::usage(format!(
            "a .npy holds one array, there are {}",
            arrays.len()
        ))
        .hint("write an .npz")
        .in_file(path)),
        _ => write_npz(path, arrays),
    }
}

/// Writes an `.npz`, one array after another; gives `to` back.
fn write_archive<W: Write + Seek>(arrays: &[(String, impl Borrow<Tensor>)], to: W) -> Result<W> {
    let mut zip = ZipWriter::new(to);
    for (key, tensor) in arrays {
        let place = |e: Error| e.at(format_args!("array {key:?}"));
        let array = Outgoing::new(tensor.borrow()).map_err(place)?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .large_file(array.len().is_none_or(|len| u32::try_from(len).is_err()));
        zip.start_file(format!("{key}.npy"), options)
            .map_err(|e| place(Error::usage(e.to_string())))?;
        array
            .write(&mut zip)
            .map_err(|e| place(Error::unreadable(e.to_string())))?;
    }
    zip.finish().map_err(|e| Error::unreadable(e.to_string()))
}

/// One array, as [`write_npz`] writes it.
///
/// # Errors
/// As [`write_npz`].
pub fn write_npy(path: &Path, array: &Tensor) -> Result<()> {
    let array = Outgoing::new(array).map_err(|e| e.in_file(path))?;
    write_file_with(path, |file| {
        let mut file = BufWriter::new(file);
        let written = array.write(&mut file).and_then(|()| file.flush());
        written.map_err(|e| Error::io(path, &e))
    })
}

/// An array on its way into a file.
struct Outgoing<'a> {
    header: Vec<u8>,
    array: &'a Tensor,
    /// Bytes of each string.
    width: usize,
}

impl<'a> Outgoing<'a> {
    fn new(array: &'a Tensor) -> Result<Self> {
        // numpy has no use for S0 and reads it as S1.
        let lengths = array.strings().unwrap_or_default().iter().map(Vec::len);
        let width = lengths.max().unwrap_or(0).max(1);
        let descr = match array.strings() {
            Some(_) => format!("|S{width}"),
            None => header::descr(array.dtype())
                .ok_or_else(|| Error::unsupported(format!("{} has no numpy type", array.dtype())))?
                .to_owned(),
        };
        Ok(Outgoing {
            header: header::write(&descr, array.shape()),
            array,
            width,
        })
    }

    /// Bytes in the file.
    fn len(&self) -> Option<usize> {
        let values = match self.array.bytes() {
            Some(bytes) => bytes.len(),
            None => self.array.len().checked_mul(self.width)?,
        };
        values.checked_add(self.header.len())
    }

    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.header)?;
        for string in self.array.strings().unwrap_or_default() {
            to.write_all(string)?;
            let padding = (self.width - string.len()) as u64;
            io::copy(&mut io::repeat(0).take(padding), to)?;
        }
        to.write_all(self.array.bytes().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
