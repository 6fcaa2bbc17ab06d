//! `tf.Example` and `tf.SequenceExample`: one record of training data, features by name. Read from the wire as it is, since only a few fields
//! count and records come by the thousand.

use std::collections::HashMap;

use crate::error::{Error, Result};

/// The values of one feature.
#[derive(Debug, Clone, PartialEq)]
pub enum Feature {
    Bytes(Vec<Vec<u8>>),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
}

impl Feature {
    pub fn len(&self) -> usize {
        match self {
            Feature::Bytes(values) => values.len(),
            Feature::Floats(values) => values.len(),
            Feature::Ints(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A field of a message as it stands on the wire.
enum Field<'b> {
    Number(u64),
    Fixed32(u32),
    Bytes(&'b [u8]),
    Other,
}

struct Reader<'b>(&'b [u8]);

fn cut() -> Error {
    Error::usage("a record that is no tf.Example: it ends too early or holds something else")
}

impl<'b> Reader<'b> {
    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or_else(cut)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(cut())
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(cut)?;
        self.0 = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<Option<(u64, Field<'b>)>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Number(self.varint()?),
            1 => {
                self.take(8)?;
                Field::Other
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| cut())?;
                Field::Bytes(self.take(length)?)
            }
            5 => {
                let bytes = <[u8; 4]>::try_from(self.take(4)?).map_err(|_| cut())?;
                Field::Fixed32(u32::from_le_bytes(bytes))
            }
            _ => return Err(cut()),
        };
        Ok(Some((key >> 3, field)))
    }
}

/// The features of a serialized `tf.Example`; a feature without values of any type is left out.
///
/// # Errors
/// Bytes that are no such message.
pub fn features(record: &[u8]) -> Result<HashMap<&[u8], Feature>> {
    let mut found = HashMap::new();
    let mut example = Reader(record);
    while let Some((number, field)) = example.field()? {
        let (1, Field::Bytes(features)) = (number, field) else {
            continue;
        };
        for (key, value) in entries(features)? {
            if let Some(feature) = feature(value)? {
                found.insert(key, feature);
            }
        }
    }
    Ok(found)
}

/// A serialized `tf.SequenceExample`: what each feature of the record and each list of features is serialized as.
#[derive(Debug, Default)]
pub struct Sequence<'b> {
    pub context: HashMap<&'b [u8], &'b [u8]>,
    pub lists: HashMap<&'b [u8], &'b [u8]>,
}

/// # Errors
/// Bytes that are no such message.
pub fn sequence(record: &[u8]) -> Result<Sequence<'_>> {
    let mut found = Sequence::default();
    let mut record = Reader(record);
    while let Some(field) = record.field()? {
        match field {
            (1, Field::Bytes(features)) => found.context.extend(entries(features)?),
            (2, Field::Bytes(lists)) => found.lists.extend(entries(lists)?),
            _ => {}
        }
    }
    Ok(found)
}

/// The features of a serialized `tf.FeatureList`, see [`feature`].
///
/// # Errors
/// Bytes that are no such message.
pub fn feature_list(list: &[u8]) -> Result<Vec<Option<Feature>>> {
    let mut found = Vec::new();
    let mut list = Reader(list);
    while let Some(field) = list.field()? {
        if let (1, Field::Bytes(bytes)) = field {
            found.push(feature(bytes)?);
        }
    }
    Ok(found)
}

/// Keys and values of a map.
fn entries(map: &[u8]) -> Result<Vec<(&[u8], &[u8])>> {
    let mut found = Vec::new();
    let mut map = Reader(map);
    while let Some((number, field)) = map.field()? {
        let (1, Field::Bytes(entry)) = (number, field) else {
            continue;
        };
        let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
        let mut entry = Reader(entry);
        while let Some(field) = entry.field()? {
            match field {
                (1, Field::Bytes(name)) => key = name,
                (2, Field::Bytes(bytes)) => value = bytes,
                _ => {}
            }
        }
        found.push((key, value));
    }
    Ok(found)
}

/// A serialized `tf.Feature`; `None` where it has values of no type.
///
/// # Errors
/// Bytes that are no such message.
pub fn feature(feature: &[u8]) -> Result<Option<Feature>> {
    let mut reader = Reader(feature);
    let mut found = None;
    while let Some((number, field)) = reader.field()? {
        let Field::Bytes(list) = field else { continue };
        let mut list = Reader(list);
        let mut feature = match number {
            1 => Feature::Bytes(Vec::new()),
            2 => Feature::Floats(Vec::new()),
            3 => Feature::Ints(Vec::new()),
            _ => continue,
        };
        while let Some((number, field)) = list.field()? {
            if number != 1 {
                continue;
            }
            match (&mut feature, field) {
                (Feature::Bytes(values), Field::Bytes(value)) => values.push(value.to_vec()),
                (Feature::Floats(values), Field::Fixed32(bits)) => {
                    values.push(f32::from_bits(bits))
                }
                (Feature::Floats(values), Field::Bytes(packed)) => {
                    let (each, rest) = packed.as_chunks::<4>();
                    if !rest.is_empty() {
                        return Err(cut());
                    }
                    values.extend(each.iter().map(|bytes| f32::from_le_bytes(*bytes)));
                }
                (Feature::Ints(values), Field::Number(value)) => values.push(value as i64),
                (Feature::Ints(values), Field::Bytes(packed)) => {
                    let mut packed = Reader(packed);
                    while !packed.0.is_empty() {
                        values.push(packed.varint()? as i64);
                    }
                }
                _ => return Err(cut()),
            }
        }
        found = Some(feature);
    }
    Ok(found)
}

/// The wire form of a `tf.Example` with these features, in their order.
pub fn serialize(features: &[(&str, Feature)]) -> Vec<u8> {
    let mut all = Vec::new();
    for (name, feature) in features {
        let mut list = Vec::new();
        let kind = match feature {
            Feature::Bytes(values) => {
                values.iter().for_each(|value| put(&mut list, 1, value));
                1
            }
            Feature::Floats(values) => {
                let packed: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                put(&mut list, 1, &packed);
                2
            }
            Feature::Ints(values) => {
                let mut packed = Vec::new();
                values.iter().for_each(|&v| varint(&mut packed, v as u64));
                put(&mut list, 1, &packed);
                3
            }
        };
        let (mut feature, mut entry) = (Vec::new(), Vec::new());
        put(&mut feature, kind, &list);
        put(&mut entry, 1, name.as_bytes());
        put(&mut entry, 2, &feature);
        put(&mut all, 1, &entry);
    }
    let mut example = Vec::new();
    put(&mut example, 1, &all);
    example
}

/// A field of bytes.
pub(super) fn put(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    varint(out, number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_and_plain_values_are_read() {
        let plain = b"\x0a\x0d\x0a\x0b\x0a\x01a\x12\x06\x1a\x04\x08\x05\x08\x07";
        assert_eq!(
            features(plain).unwrap()[&b"a"[..]],
            Feature::Ints(vec![5, 7])
        );
        let packed = b"\x0a\x0d\x0a\x0b\x0a\x01a\x12\x06\x1a\x04\x0a\x02\x05\x07";
        assert_eq!(features(packed).unwrap(), features(plain).unwrap());
        for length in 1..plain.len() {
            assert!(features(&plain[..length]).is_err());
        }
    }
}
