//! The flatbuffers builder, with equal parts written once: a flatbuffer may refer to one vector, string or table from
//! many places, and readers don't notice.

use std::collections::HashMap;

use bytemuck::NoUninit;
use flatbuffers::{
    FlatBufferBuilder, ForwardsUOffset, Push, TableFinishedWIPOffset, UnionWIPOffset, Vector,
    WIPOffset,
};

/// Alignment of constants in the file.
const DATA_ALIGNMENT: usize = 16;
/// What `finish` writes in front of everything: root offset and identifier.
const HEADER: usize = 8;

#[derive(Default)]
pub(super) struct Builder {
    pub inner: FlatBufferBuilder<'static>,
    /// By width of the elements and their bytes.
    vectors: HashMap<(usize, Vec<u8>), u32>,
    strings: HashMap<Vec<u8>, u32>,
    /// By kind and fields.
    tables: HashMap<(&'static str, Fields), u32>,
}

/// Fields by their offset in the vtable.
pub(super) type Fields = Vec<(u16, Slot)>;

/// A field ready to be written; numbers by their bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    Offset(u32),
    Byte(u8),
    Int(u32),
    Long(u64),
}

impl Slot {
    fn width(self) -> u8 {
        match self {
            Slot::Byte(_) => 1,
            Slot::Int(_) | Slot::Offset(_) => 4,
            Slot::Long(_) => 8,
        }
    }
}

impl Builder {
    /// A vector of numbers.
    pub fn vector<T>(&mut self, values: &[T]) -> WIPOffset<Vector<'static, T::Output>>
    where
        T: NoUninit + Push,
    {
        let key = (size_of::<T>(), bytemuck::cast_slice(values).to_vec());
        let offset = match self.vectors.get(&key) {
            Some(&offset) => offset,
            None => {
                let offset = self.inner.create_vector(values).value();
                self.vectors.insert(key, offset);
                offset
            }
        };
        WIPOffset::new(offset)
    }

    /// As [`Builder::vector`]; `None` for no values.
    pub fn filled<T>(&mut self, values: &[T]) -> Option<WIPOffset<Vector<'static, T::Output>>>
    where
        T: NoUninit + Push,
    {
        (!values.is_empty()).then(|| self.vector(values))
    }

    pub fn text(&mut self, text: &str) -> WIPOffset<&'static str> {
        WIPOffset::new(self.bytes(text.as_bytes()))
    }

    /// A string of any bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> u32 {
        if let Some(&offset) = self.strings.get(bytes) {
            return offset;
        }
        let offset = self.inner.create_byte_string(bytes).value();
        self.strings.insert(bytes.to_vec(), offset);
        offset
    }

    pub fn tables<T>(
        &mut self,
        tables: &[WIPOffset<T>],
    ) -> WIPOffset<Vector<'static, ForwardsUOffset<T>>>
    where
        WIPOffset<T>: Push,
        T: Copy,
    {
        let offset = self.inner.create_vector(tables).value();
        WIPOffset::new(offset)
    }

    /// A table of fields by slot; `name` keeps tables of different kinds apart.
    pub fn table(&mut self, name: &'static str, mut fields: Fields) -> WIPOffset<UnionWIPOffset> {
        // Wide fields first, as flatc does: less padding.
        fields.sort_by_key(|(slot, written)| (std::cmp::Reverse(written.width()), *slot));
        let key = (name, fields);
        if let Some(&offset) = self.tables.get(&key) {
            return WIPOffset::new(offset);
        }
        let offset = self.lone_table(key.1.clone()).value();
        self.tables.insert(key, offset);
        WIPOffset::new(offset)
    }

    /// As [`Builder::table`], not shared and in the given order.
    pub fn lone_table(&mut self, fields: Fields) -> WIPOffset<UnionWIPOffset> {
        let start = self.inner.start_table();
        for (slot, written) in fields {
            match written {
                Slot::Offset(v) => {
                    let offset: WIPOffset<UnionWIPOffset> = WIPOffset::new(v);
                    self.inner.push_slot_always(slot, offset);
                }
                Slot::Byte(v) => self.inner.push_slot_always(slot, v),
                Slot::Int(v) => self.inner.push_slot_always(slot, v),
                Slot::Long(v) => self.inner.push_slot_always(slot, v),
            }
        }
        let end: WIPOffset<TableFinishedWIPOffset> = self.inner.end_table(start);
        WIPOffset::new(end.value())
    }

    /// A constant's bytes, not shared here (the pool of buffers does that), and aligned in the finished file.
    pub fn data(&mut self, bytes: &[u8]) -> WIPOffset<Vector<'static, u8>> {
        self.pad(bytes.len());
        let offset = self.inner.create_vector(bytes).value();
        WIPOffset::new(offset)
    }

    /// Makes what is written now and `coming` bytes a whole number of alignments, counted from the end of the file.
    fn pad(&mut self, coming: usize) {
        let used = self.inner.unfinished_data().len();
        for _ in (used + coming)..(used + coming).next_multiple_of(DATA_ALIGNMENT) {
            self.inner.push(0u8);
        }
    }

    /// The finished file; its length is a whole number of alignments, so that what was aligned from its end is
    /// aligned from its start.
    pub fn finish<T>(mut self, root: WIPOffset<T>, identifier: &str) -> Vec<u8> {
        self.pad(HEADER);
        self.inner.finish(root, Some(identifier));
        let (mut file, head) = self.inner.collapse();
        file.drain(..head);
        file
    }
}
