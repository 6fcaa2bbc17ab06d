//! Damage that knows how a file is built: a protobuf, a flatbuffer or a checkpoint's index in which some numbers are
//! absurd, some parts are missing, twice, exchanged or inside themselves, and which otherwise is well formed.
//! Random damage rarely gets past the first check; this does.

use super::damage::Random;

/// Numbers where something may overflow or ask for too much.
const EXTREMES: [u64; 28] = [
    0,
    1,
    2,
    3,
    7,
    127,
    255,
    256,
    0x7fff,
    0xffff,
    1 << 16,
    1 << 18,
    1 << 20,
    1 << 22,
    1 << 24,
    1 << 26,
    1 << 28,
    1 << 30,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 33,
    1 << 40,
    1 << 62,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

impl Random {
    fn number(&mut self, was: u64) -> u64 {
        match self.next(8) {
            0 => was.wrapping_add(1),
            1 => was.wrapping_sub(1),
            2 => was.wrapping_mul(2),
            3 => self.next(16) as u64,
            _ => EXTREMES[self.next(EXTREMES.len())],
        }
    }
}

/// A field of a message whose meaning is not known.
#[derive(Clone)]
struct Field {
    number: u64,
    value: Value,
}

#[derive(Clone)]
enum Value {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(Vec<u8>),
    Message(Vec<Field>),
}

/// Deeper than real messages are.
const DEEPEST: usize = 40;

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn push_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// The fields of bytes that look like a message.
fn parse(mut bytes: &[u8], depth: usize) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut bytes)?),
            1 => Value::Fixed64(take(&mut bytes, 8)?.try_into().ok()?),
            5 => Value::Fixed32(take(&mut bytes, 4)?.try_into().ok()?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let part = take(&mut bytes, length)?;
                let text = part.iter().all(|b| (b' '..0x7f).contains(b));
                match (text, depth < DEEPEST) {
                    (false, true) => match parse(part, depth + 1) {
                        Some(inner) => Value::Message(inner),
                        None => Value::Bytes(part.to_vec()),
                    },
                    _ => Value::Bytes(part.to_vec()),
                }
            }
            _ => return None,
        };
        let number = key >> 3;
        if number == 0 || number > 100_000 {
            return None;
        }
        fields.push(Field { number, value });
    }
    Some(fields)
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (part, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(part)
}

fn encode(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        let mut key = |wire: u64| push_varint(&mut out, field.number << 3 | wire);
        match &field.value {
            Value::Varint(value) => {
                key(0);
                push_varint(&mut out, *value);
            }
            Value::Fixed64(bytes) => {
                key(1);
                out.extend(bytes);
            }
            Value::Fixed32(bytes) => {
                key(5);
                out.extend(bytes);
            }
            Value::Bytes(bytes) => {
                key(2);
                push_varint(&mut out, bytes.len() as u64);
                out.extend(bytes);
            }
            Value::Message(inner) => {
                key(2);
                let inner = encode(inner);
                push_varint(&mut out, inner.len() as u64);
                out.extend(inner);
            }
        }
    }
    out
}

fn count(fields: &[Field]) -> usize {
    fields
        .iter()
        .map(|f| match &f.value {
            Value::Message(inner) => 1 + count(inner),
            _ => 1,
        })
        .sum()
}

/// The fields that hold field number `at` of the whole tree, and its place among them.
fn find(fields: &mut Vec<Field>, mut at: usize) -> Option<(&mut Vec<Field>, usize)> {
    let mut into = None;
    for (index, field) in fields.iter().enumerate() {
        if at == 0 {
            return Some((fields, index));
        }
        at -= 1;
        if let Value::Message(inner) = &field.value {
            let below = count(inner);
            if at < below {
                into = Some(index);
                break;
            }
            at -= below;
        }
    }
    match &mut fields[into?].value {
        Value::Message(inner) => find(inner, at),
        _ => None,
    }
}

/// A protobuf message with some of its fields changed, repeated, removed, exchanged or put inside themselves.
pub fn protobuf(bytes: &[u8], seed: u64) -> Vec<u8> {
    let Some(mut root) = parse(bytes, 0) else {
        return bytes.to_vec();
    };
    let mut random = Random::new(seed);
    for _ in 0..[1, 1, 1, 2, 4][random.next(5)] {
        let whole = count(&root);
        if whole == 0 {
            break;
        }
        // What another place has, of the same number if one is soon found.
        let at = random.next(whole);
        let number = find(&mut root, at).map(|(fields, index)| fields[index].number);
        let mut other = None;
        for _ in 0..20 {
            let from = random.next(whole);
            let found = find(&mut root, from).map(|(fields, index)| fields[index].clone());
            let same = found.as_ref().map(|f| f.number) == number;
            other = found;
            if same {
                break;
            }
        }
        let Some((fields, index)) = find(&mut root, at) else {
            break;
        };
        change(fields, index, other, &mut random);
    }
    encode(&root)
}

fn change(fields: &mut Vec<Field>, index: usize, other: Option<Field>, random: &mut Random) {
    match random.next(14) {
        0 => {
            fields.remove(index);
        }
        1 => {
            let times = [1, 1, 2, 40, 1000][random.next(5)];
            let field = fields[index].clone();
            // Large ones not too often: the files are to stay about as large as they were.
            let times = match &field.value {
                Value::Message(inner) if count(inner) > 50 => times.min(2),
                _ => times,
            };
            fields.splice(index..index, vec![field; times]);
        }
        2 => {
            if let Some(other) = other {
                fields[index].value = other.value;
            }
        }
        3 => {
            if let Some(other) = other {
                fields.insert(index, other);
            }
        }
        4 => {
            let inside = fields[index].clone();
            match &mut fields[index].value {
                Value::Message(inner) if count(inner) < 200 => inner.push(inside),
                _ => fields[index].number = random.next(30) as u64 + 1,
            }
        }
        _ => alter(&mut fields[index].value, random),
    }
}

fn alter(value: &mut Value, random: &mut Random) {
    match value {
        Value::Varint(number) => *number = random.number(*number),
        Value::Fixed64(bytes) => *bytes = random.number(u64::from_le_bytes(*bytes)).to_le_bytes(),
        Value::Fixed32(bytes) => {
            let was = u32::from_le_bytes(*bytes).into();
            *bytes = (random.number(was) as u32).to_le_bytes();
        }
        Value::Bytes(bytes) => match random.next(5) {
            // As packed numbers.
            0 => {
                bytes.clear();
                for _ in 0..=random.next(4) {
                    let number = random.number(0);
                    push_varint(bytes, number);
                }
            }
            1 => bytes.truncate(bytes.len() / 2),
            2 => bytes
                .extend(["\u{1b}[2J", "\u{202e}", "\u{0}", "/../", "\n"][random.next(5)].bytes()),
            3 => *bytes = bytes.repeat(1 + random.next(40)),
            _ => {
                let at = random.next(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.next(256) as u8;
                }
            }
        },
        Value::Message(inner) => {
            let at = random.next(inner.len());
            match inner.get_mut(at) {
                Some(field) => alter(&mut field.value, random),
                None => inner.push(Field {
                    number: random.next(8) as u64 + 1,
                    value: Value::Varint(random.number(0)),
                }),
            }
        }
    }
}

/// A place in a flatbuffer.
#[derive(Clone, Copy)]
enum Place {
    /// A number in a table, of up to so many bytes.
    Number(usize, usize),
    /// An offset to a table, a vector or a string, and where it leads.
    Offset(usize, usize),
    Length(usize),
    /// Bytes of a vector that holds no offsets: first and end.
    Elements(usize, usize),
    /// Where a vtable says where a field is.
    Slot(usize),
}

struct Survey<'a> {
    bytes: &'a [u8],
    places: Vec<Place>,
    seen: std::collections::HashSet<usize>,
}

impl Survey<'_> {
    fn u16(&self, at: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?;
        Some(usize::from(u16::from_le_bytes(bytes.try_into().ok()?)))
    }

    fn u32(&self, at: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    }

    fn follow(&self, at: usize) -> Option<usize> {
        let offset = self.u32(at)?;
        let to = at.checked_add(offset)?;
        (offset >= 4 && to + 4 <= self.bytes.len()).then_some(to)
    }

    /// Its vtable, the vtable's size and its own, if there seems to be a table.
    fn table(&self, at: usize) -> Option<(usize, usize, usize)> {
        let back = self.u32(at)? as u32 as i32;
        let vtable = usize::try_from(at as i64 - i64::from(back)).ok()?;
        let (slots, size) = (self.u16(vtable)?, self.u16(vtable + 2)?);
        let sane = at.is_multiple_of(4)
            && vtable.is_multiple_of(2)
            && slots >= 4
            && slots.is_multiple_of(2)
            && size >= 4
            && at + size <= self.bytes.len()
            && vtable + slots <= self.bytes.len();
        let fields = || {
            (4..slots)
                .step_by(2)
                .all(|s| self.u16(vtable + s) < Some(size))
        };
        (sane && fields()).then_some((vtable, slots, size))
    }

    fn walk(&mut self, at: usize) {
        let Some((vtable, slots, size)) = self.table(at) else {
            return;
        };
        if !self.seen.insert(at) || self.seen.len() > 100_000 {
            return;
        }
        let mut offsets: Vec<usize> = (4..slots)
            .step_by(2)
            .filter_map(|slot| {
                self.places.push(Place::Slot(vtable + slot));
                self.u16(vtable + slot).filter(|&offset| offset > 0)
            })
            .collect();
        offsets.sort_unstable();
        for (index, &offset) in offsets.iter().enumerate() {
            let end = offsets.get(index + 1).copied().unwrap_or(size);
            self.field(at + offset, (end - offset).min(8));
        }
    }

    fn field(&mut self, at: usize, width: usize) {
        let target = self
            .follow(at)
            .filter(|_| width >= 4 && at.is_multiple_of(4));
        let Some(to) = target else {
            return self.places.push(Place::Number(at, width));
        };
        if self.table(to).is_some() {
            self.places.push(Place::Offset(at, to));
            return self.walk(to);
        }
        let Some(len) = self.u32(to).filter(|&len| to + 4 + len <= self.bytes.len()) else {
            return self.places.push(Place::Number(at, width));
        };
        self.places
            .extend([Place::Offset(at, to), Place::Length(to)]);
        let start = to + 4;
        let targets: Option<Vec<usize>> = (0..len.min(100_000))
            .map(|index| self.follow(start + 4 * index))
            .collect();
        match targets {
            Some(targets) if targets.iter().take(3).all(|&t| self.table(t).is_some()) => {
                for (index, target) in targets.into_iter().enumerate() {
                    self.places.push(Place::Offset(start + 4 * index, target));
                    self.walk(target);
                }
            }
            // How wide the elements are is not known; shapes, the most interesting ones, have four bytes.
            _ => {
                let end = (start + 4 * len).min(self.bytes.len());
                self.places.push(Place::Elements(start, end));
            }
        }
    }
}

/// A flatbuffer in which some numbers, lengths, offsets or vtables are others.
pub fn flatbuffer(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut survey = Survey {
        bytes,
        places: Vec::new(),
        seen: std::collections::HashSet::new(),
    };
    if let Some(root) = survey.follow(0) {
        survey.walk(root);
    }
    let places = survey.places;
    let mut new = bytes.to_vec();
    let mut random = Random::new(seed);
    for _ in 0..[1, 1, 1, 2, 4][random.next(5)] {
        if places.is_empty() {
            break;
        }
        let was = |at: usize, width: usize| {
            let mut number = [0; 8];
            number[..width].copy_from_slice(&bytes[at..at + width]);
            u64::from_le_bytes(number)
        };
        let (at, width, number) = match places[random.next(places.len())] {
            Place::Number(at, width) => (at, width, random.number(was(at, width))),
            Place::Slot(at) => (at, 2, random.number(was(at, 2))),
            Place::Length(at) => {
                let room = (bytes.len() - at - 4) as u64;
                let number = match random.next(3) {
                    0 => room / [1, 2, 4, 8][random.next(4)],
                    _ => random.number(was(at, 4)),
                };
                (at, 4, number)
            }
            Place::Elements(start, end) => {
                let words = (end - start) / 4;
                let at = start + 4 * random.next(words);
                if at + 4 > bytes.len() {
                    continue;
                }
                (at, 4, random.number(was(at, 4)))
            }
            Place::Offset(at, _) => {
                let number = match (random.next(3), places[random.next(places.len())]) {
                    // Where another leads: shared, exchanged, or round in a circle if the offset may be so large.
                    (0 | 1, Place::Offset(_, to)) => to.wrapping_sub(at) as u32 as u64,
                    _ => random.number(was(at, 4)),
                };
                (at, 4, number)
            }
        };
        new[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
    }
    new
}

/// Entries of a sorted table of one or more uncompressed blocks.
fn entries(file: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut footer = &file[file.len().checked_sub(48)?..];
    let block = |bytes: &mut &[u8]| {
        let offset = usize::try_from(varint(bytes)?).ok()?;
        let size = usize::try_from(varint(bytes)?).ok()?;
        file.get(offset..offset.checked_add(size)?)
    };
    block(&mut footer)?;
    let index = block(&mut footer)?;
    let mut all = Vec::new();
    for (_, handle) in unprefixed(index)? {
        all.extend(unprefixed(block(&mut handle.as_slice())?)?);
    }
    Some(all)
}

fn unprefixed(block: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let (body, restarts) = block.split_at_checked(block.len().checked_sub(4)?)?;
    let restarts = u32::from_le_bytes(restarts.try_into().ok()?) as usize;
    let mut rest = &body[..body.len().checked_sub(4 * restarts)?];
    let mut all: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    while !rest.is_empty() {
        let [shared, own, length] = std::array::from_fn(|_| varint(&mut rest));
        let last = all.last().map_or(&[][..], |(key, _)| key);
        let mut key = last.get(..shared? as usize)?.to_vec();
        key.extend(take(&mut rest, own? as usize)?);
        all.push((key, take(&mut rest, length? as usize)?.to_vec()));
    }
    Some(all)
}

/// A checkpoint's index whose checksums are right and whose entries are damaged as protobufs, renamed, or told twice.
pub fn index(bytes: &[u8], seed: u64) -> Vec<u8> {
    let Some(mut all) = entries(bytes).filter(|all| !all.is_empty()) else {
        return bytes.to_vec();
    };
    let mut random = Random::new(seed);
    for _ in 0..[1, 1, 1, 2, 4][random.next(5)] {
        let at = random.next(all.len());
        match random.next(6) {
            0 => {
                let other = all[random.next(all.len())].1.clone();
                all[at].1 = other;
            }
            1 => all.insert(at, all[at].clone()),
            2 => {
                let slices = random.next(2) == 0;
                all[at].0.push(if slices { 0 } else { b'x' });
            }
            _ => all[at].1 = protobuf(&all[at].1, seed.wrapping_add(at as u64)),
        }
    }
    table(&all)
}

/// One block of entries, and what has to follow it.
pub fn table(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut block = |entries: &[(Vec<u8>, Vec<u8>)]| {
        let mut content = Vec::new();
        for (key, value) in entries {
            for number in [0, key.len(), value.len()] {
                push_varint(&mut content, number as u64);
            }
            content.extend(key);
            content.extend(value);
        }
        content.extend([0, 0, 0, 0, 1, 0, 0, 0]);
        let mut handle = Vec::new();
        push_varint(&mut handle, file.len() as u64);
        push_varint(&mut handle, content.len() as u64);
        content.push(0);
        let sum = crc32c(&content).rotate_right(15).wrapping_add(0xa282_ead8);
        file.extend(content);
        file.extend(sum.to_le_bytes());
        handle
    };
    let data = block(entries);
    let meta = block(&[]);
    let last = entries.last().map_or(Vec::new(), |(key, _)| key.clone());
    let index = block(&[(last, data)]);
    let mut footer = [meta, index].concat();
    footer.resize(40, 0);
    footer.extend(0xdb47_7524_8b80_fb57u64.to_le_bytes());
    file.extend(footer);
    file
}

/// Castagnoli's CRC, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 1 { 0x82f6_3b78 } else { 0 }
        })
    })
}
