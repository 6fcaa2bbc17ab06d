//! A checked view of flatbuffers: every step is bounds-checked, and an error says at which byte.
//!
//! Layout (FlatBuffers internals): a table begins with the distance back to its vtable; the vtable holds its own
//! size, the table's size, and per field the offset in the table, 0 for a default. Vectors are a u32 count and the
//! elements; offsets count forward from where they stand. All little-endian.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use bytemuck::AnyBitPattern;

use super::schema::REVISION;
use crate::error::{Error, Result};

/// Bytes with a flatbuffer in them, and how much work reading it may still make: tables and vectors may be shared,
/// so that a small file can describe a huge tree.
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    tables: Cell<usize>,
    copied: Cell<usize>,
    /// Texts that are not UTF-8: how many, and where the first is.
    garbled: Cell<Option<(usize, usize)>>,
    /// Fields that the schema does not know, by kind of table.
    later: RefCell<BTreeMap<&'static str, usize>>,
}

/// A table; copying it is free.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    source: &'a Source<'a>,
    at: usize,
    vtable: &'a [u8],
    size: usize,
}

/// A vector of tables.
#[derive(Clone, Copy)]
pub(super) struct Tables<'a> {
    source: &'a Source<'a>,
    start: usize,
    len: usize,
}

fn broken(at: usize, what: impl Into<String>) -> Error {
    Error::unreadable(what).at(format_args!("byte {at}"))
}

impl<'a> Source<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        // A table that is not shared takes 8 bytes at least (itself and the offset to it).
        Source {
            bytes,
            tables: Cell::new(bytes.len() / 4 + 10_000),
            copied: Cell::new(bytes.len().saturating_mul(4).saturating_add(16 << 20)),
            garbled: Cell::new(None),
            later: RefCell::default(),
        }
    }

    /// The root table.
    pub fn root(&'a self) -> Result<Table<'a>> {
        Table::new(self, self.follow(0)?)
    }

    fn value<T: AnyBitPattern>(&self, at: usize) -> Result<T> {
        at.checked_add(size_of::<T>())
            .and_then(|end| self.bytes.get(at..end))
            .map(bytemuck::pod_read_unaligned)
            .ok_or_else(|| broken(at, "leads outside the file"))
    }

    /// Where the offset at `at` leads.
    fn follow(&self, at: usize) -> Result<usize> {
        let offset = self.value::<u32>(at)? as usize;
        at.checked_add(offset)
            .filter(|&to| offset > 0 && to < self.bytes.len())
            .ok_or_else(|| broken(at, format!("the offset {offset} leads outside the file")))
    }

    /// First element and count of the vector that the offset at `at` leads to.
    fn vector(&self, at: usize, width: usize) -> Result<(usize, usize)> {
        let at = self.follow(at)?;
        let len = self.value::<u32>(at)? as usize;
        let start = at + 4;
        let room = self.bytes.len() - start;
        if len.checked_mul(width).is_none_or(|bytes| bytes > room) {
            return Err(broken(
                at,
                format!("{len} elements of {width} bytes, but only {room} bytes follow"),
            ));
        }
        Ok((start, len))
    }

    /// What was read so far that a file written again would not have.
    pub fn oddities(&self) -> Vec<Error> {
        let mut found = Vec::new();
        if let Some((count, first)) = self.garbled.get() {
            let words = format!(
                "names or texts that are not UTF-8 ({count}, the first at byte {first}); shown, and written again, \
                 with \u{fffd}"
            );
            found.push(Error::unreadable(words));
        }
        for (table, count) in &*self.later.borrow() {
            let words = format!(
                "fields of {table} that schema version {REVISION} does not know ({count}); not kept when the model is \
                 written again"
            );
            found.push(Error::unreadable(words));
        }
        found
    }

    /// The text of these bytes, which begin at `at`.
    fn lossy(&self, bytes: &[u8], at: usize) -> String {
        let text = String::from_utf8_lossy(bytes);
        if let std::borrow::Cow::Owned(_) = text {
            let (count, first) = self.garbled.get().unwrap_or((0, at));
            self.garbled.set(Some((count + 1, first)));
        }
        text.into_owned()
    }

    fn charge(left: &Cell<usize>, amount: usize, at: usize) -> Result<()> {
        let rest = left
            .get()
            .checked_sub(amount)
            .ok_or_else(|| broken(at, "more shared content than any plausible model has"))?;
        left.set(rest);
        Ok(())
    }
}

impl<'a> Table<'a> {
    fn new(source: &'a Source<'a>, at: usize) -> Result<Self> {
        Source::charge(&source.tables, 1, at)?;
        if !at.is_multiple_of(4) {
            return Err(broken(at, "a table that is not aligned to 4 bytes"));
        }
        let back = i64::from(source.value::<i32>(at)?);
        let vtable = (at as i64)
            .checked_sub(back)
            .and_then(|v| usize::try_from(v).ok())
            .filter(|v| v.is_multiple_of(2))
            .ok_or_else(|| broken(at, "the table's vtable lies outside the file"))?;
        let vtable_size = usize::from(source.value::<u16>(vtable)?);
        let size = usize::from(source.value::<u16>(vtable.saturating_add(2))?);
        let vtable_bytes = source
            .bytes
            .get(vtable..vtable.saturating_add(vtable_size))
            .filter(|v| v.len() >= 4 && v.len().is_multiple_of(2))
            .ok_or_else(|| broken(vtable, "a vtable that is damaged or cut off"))?;
        if size < 4 || size > source.bytes.len() - at {
            return Err(broken(at, "a table that runs past the end of the file"));
        }
        Ok(Table {
            source,
            at,
            vtable: vtable_bytes,
            size,
        })
    }

    /// Position of a field, if the table has it. `slot` is its offset in the vtable, as generated code names it.
    fn field(&self, slot: u16, width: usize) -> Result<Option<usize>> {
        let slot = usize::from(slot);
        let Some(&[low, high]) = self.vtable.get(slot..slot + 2) else {
            return Ok(None);
        };
        match usize::from(u16::from_le_bytes([low, high])) {
            0 => Ok(None),
            offset if offset + width <= self.size => Ok(Some(self.at + offset)),
            offset => Err(broken(
                self.at,
                format!(
                    "a field at offset {offset} of a table of {} bytes",
                    self.size
                ),
            )),
        }
    }

    /// How many fields the table has past the first `known`.
    pub fn fields_past(&self, known: usize) -> usize {
        let slots = self.vtable.get(4 + 2 * known..).unwrap_or_default();
        slots
            .chunks_exact(2)
            .filter(|slot| **slot != [0, 0])
            .count()
    }

    /// This table, whose last known field is `last`; fields past it are noted under `name`.
    pub fn known(self, name: &'static str, last: u16) -> Self {
        let later = self.fields_past(usize::from(last) / 2 - 1);
        if later > 0 {
            *self.source.later.borrow_mut().entry(name).or_default() += later;
        }
        self
    }

    pub fn has(&self, slot: u16) -> Result<bool> {
        Ok(self.field(slot, 1)?.is_some())
    }

    pub fn scalar<T: AnyBitPattern>(&self, slot: u16, default: T) -> Result<T> {
        match self.field(slot, size_of::<T>())? {
            Some(at) => self.source.value(at),
            None => Ok(default),
        }
    }

    pub fn flag(&self, slot: u16, default: bool) -> Result<bool> {
        Ok(self.scalar(slot, u8::from(default))? != 0)
    }

    pub fn table(&self, slot: u16) -> Result<Option<Table<'a>>> {
        self.field(slot, 4)?
            .map(|at| Table::new(self.source, self.source.follow(at)?))
            .transpose()
    }

    /// Empty when the field is absent.
    pub fn tables(&self, slot: u16) -> Result<Tables<'a>> {
        let (start, len) = match self.field(slot, 4)? {
            Some(at) => self.source.vector(at, 4)?,
            None => (0, 0),
        };
        Ok(Tables {
            source: self.source,
            start,
            len,
        })
    }

    /// The elements of a vector of numbers; `None` when the field is absent.
    pub fn numbers<T: AnyBitPattern>(&self, slot: u16) -> Result<Option<Vec<T>>> {
        let Some(at) = self.field(slot, 4)? else {
            return Ok(None);
        };
        let (start, len) = self.source.vector(at, size_of::<T>())?;
        let bytes = &self.source.bytes[start..start + len * size_of::<T>()];
        Source::charge(&self.source.copied, bytes.len(), start)?;
        Ok(Some(
            bytes
                .chunks_exact(size_of::<T>())
                .map(bytemuck::pod_read_unaligned)
                .collect(),
        ))
    }

    /// The bytes of a vector or string, in place; `None` when the field is absent.
    pub fn bytes(&self, slot: u16) -> Result<Option<&'a [u8]>> {
        let Some(at) = self.field(slot, 4)? else {
            return Ok(None);
        };
        let (start, len) = self.source.vector(at, 1)?;
        Ok(Some(&self.source.bytes[start..start + len]))
    }

    /// A string; bytes that are not UTF-8 are replaced. `None` when the field is absent.
    pub fn text(&self, slot: u16) -> Result<Option<String>> {
        let Some(at) = self.field(slot, 4)? else {
            return Ok(None);
        };
        let (start, len) = self.source.vector(at, 1)?;
        Source::charge(&self.source.copied, len, self.at)?;
        let bytes = &self.source.bytes[start..start + len];
        Ok(Some(self.source.lossy(bytes, start)))
    }

    /// The strings of a vector of strings.
    pub fn texts(&self, slot: u16) -> Result<Vec<String>> {
        let Some(at) = self.field(slot, 4)? else {
            return Ok(Vec::new());
        };
        let (start, len) = self.source.vector(at, 4)?;
        (0..len)
            .map(|index| {
                let (text, length) = self.source.vector(start + index * 4, 1)?;
                // Counted with its offset, so that empty strings are not free.
                Source::charge(&self.source.copied, length + 4, text)?;
                let bytes = &self.source.bytes[text..text + length];
                Ok(self.source.lossy(bytes, text))
            })
            .collect()
    }
}

impl<'a> Tables<'a> {
    pub fn len(&self) -> usize {
        self.len
    }

    /// Every table with its index; stops at the first that is damaged.
    pub fn iter(&self) -> impl Iterator<Item = Result<Table<'a>>> + use<'a> {
        let Tables { source, start, len } = *self;
        (0..len).map(move |index| Table::new(source, source.follow(start + index * 4)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A table with an i32 field 7 and the vector [1, 2].
    const SAMPLE: [u8; 36] = [
        12, 0, 0, 0, // root
        8, 0, 12, 0, 4, 0, 8, 0, // vtable
        8, 0, 0, 0, 7, 0, 0, 0, 4, 0, 0, 0, // table
        2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, // vector
    ];

    #[test]
    fn fields_are_found_and_absent_ones_have_their_defaults() {
        let source = Source::new(&SAMPLE);
        let root = source.root().unwrap();
        assert_eq!(root.scalar(4, 0i32).unwrap(), 7);
        assert_eq!(root.numbers::<i32>(6).unwrap().unwrap(), [1, 2]);
        assert_eq!(root.scalar(8, 5u8).unwrap(), 5);
        assert!(root.bytes(10).unwrap().is_none());
    }

    #[test]
    fn a_vector_past_the_end_says_where() {
        let mut bytes = SAMPLE;
        bytes[24] = 3;
        let source = Source::new(&bytes);
        let error = source.root().unwrap().numbers::<i32>(6).unwrap_err();
        assert_eq!(
            error.to_string(),
            "byte 24: 3 elements of 4 bytes, but only 8 bytes follow"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), slot in 4u16..12) {
            let source = Source::new(&bytes);
            if let Ok(root) = source.root() {
                let _ = root.scalar::<i64>(slot, 0);
                let _ = root.numbers::<u16>(slot);
                let _ = root.text(slot);
                let _ = root.texts(slot);
                if let Ok(tables) = root.tables(slot) {
                    let _ = tables.iter().count();
                }
            }
        }
    }
}
