//! Where damaged protobuf bytes are broken: the decoder names fields, a person with a hex editor needs the byte, too.
//! Walks the bytes along the table of fields, and finds a fault exactly where the decoder does; only ever asked after
//! something did not decode.

use prost::encoding::decode_varint;

use super::fields::{Field, Kind, Message, message_named};

/// Messages inside messages, as the decoder takes them.
const DEEPEST: usize = 100;

/// The first thing that is wrong in the bytes of a message.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it is, from the first byte of the message.
    pub at: usize,
    /// The field, as in `meta_graphs[0].graph_def.node[3].name`; empty for the message itself.
    pub path: String,
    pub what: String,
}

/// The first fault in `bytes` as a `message` (`.mexplore.NodeDef`); `None` where none is found.
pub fn fault(bytes: &[u8], message: &str) -> Option<Fault> {
    let mut walk = Walk {
        bytes,
        path: Vec::new(),
    };
    let message = message_named(message)?;
    let (at, what) = walk.message(message, 0, bytes.len(), 0).err()?;
    Some(Fault {
        at,
        path: short(&walk.path),
        what,
    })
}

/// The fields of a path with dots between them; of a very long one the ends.
fn short(path: &[String]) -> String {
    match path {
        [first @ .., a, b] if first.len() > 10 => {
            format!("{}. … .{a}.{b}", first[..8].join("."))
        }
        _ => path.join("."),
    }
}

/// Position and what is wrong there.
type Broken = (usize, String);

struct Walk<'a> {
    bytes: &'a [u8],
    /// Names of the fields on the way to where the walk is.
    path: Vec<String>,
}

impl Walk<'_> {
    fn message(
        &mut self,
        message: &'static Message,
        mut at: usize,
        end: usize,
        depth: usize,
    ) -> Result<(), Broken> {
        if depth > DEEPEST {
            return Err((at, format!("messages inside messages, over {DEEPEST} deep")));
        }
        let mut seen = vec![0usize; message.fields.len()];
        while at < end {
            let start = at;
            let (number, wire) = self.key(&mut at, end)?;
            let known = message
                .fields
                .iter()
                .position(|f| u64::from(f.number) == number && !f.shown);
            let Some((field, count)) =
                known.and_then(|k| Some((&message.fields[k], seen.get_mut(k)?)))
            else {
                self.skip((number, wire), &mut at, end, depth)?;
                continue;
            };
            self.path.push(match field.repeated {
                true => format!("{}[{count}]", field.name),
                false => field.name.to_owned(),
            });
            *count += 1;
            self.field(field, wire, (start, &mut at, end), depth)?;
            self.path.pop();
        }
        Ok(())
    }

    fn field(
        &mut self,
        field: &'static Field,
        wire: u8,
        (start, at, end): (usize, &mut usize, usize),
        depth: usize,
    ) -> Result<(), Broken> {
        let (expected, width) = match field.kind {
            Kind::Double => (1, 8),
            Kind::Float | Kind::Fixed32 => (5, 4),
            Kind::String | Kind::Bytes | Kind::Message => (2, 0),
            _ => (0, 0),
        };
        let inner = message_named(field.of);
        let packed = wire == 2 && expected != 2 && field.repeated;
        // The decoder takes an entry of a map for what it should be, whatever its wire type says.
        let entry = inner.is_some_and(|message| message.map_entry);
        if wire != expected && !packed && !entry {
            return Err((start, format!("wire type {wire} where {expected} belongs")));
        }
        if wire != 2 && !entry {
            return self.scalar(width, at, end);
        }
        let (from, to) = self.part(at, end)?;
        *at = to;
        match field.kind {
            Kind::Message => match inner {
                Some(inner) => self.message(inner, from, to, depth + 1),
                None => Ok(()),
            },
            Kind::String => match std::str::from_utf8(&self.bytes[from..to]) {
                Ok(_) => Ok(()),
                Err(e) => Err((from + e.valid_up_to(), "the text is not UTF-8".to_owned())),
            },
            Kind::Bytes => Ok(()),
            _ => {
                let mut at = from;
                while at < to {
                    self.scalar(width, &mut at, to)?;
                }
                Ok(())
            }
        }
    }

    /// Number and wire type of a field.
    fn key(&self, at: &mut usize, end: usize) -> Result<(u64, u8), Broken> {
        let start = *at;
        let key = self.varint(at, end)?;
        let (number, wire) = (key >> 3, (key & 7) as u8);
        if number == 0 || key > u64::from(u32::MAX) {
            return Err((start, format!("{number} is no number of a field")));
        }
        if wire > 5 {
            return Err((start, format!("wire type {wire} does not exist")));
        }
        Ok((number, wire))
    }

    /// A number of `width` bytes; 0 is a varint.
    fn scalar(&self, width: usize, at: &mut usize, end: usize) -> Result<(), Broken> {
        if width == 0 {
            return self.varint(at, end).map(drop);
        }
        if end - *at < width {
            let what = format!("a number of {width} bytes, {} follow", end - *at);
            return Err((*at, what));
        }
        *at += width;
        Ok(())
    }

    fn varint(&self, at: &mut usize, end: usize) -> Result<u64, Broken> {
        let mut rest = &self.bytes[*at..end];
        let before = rest.len();
        let value = decode_varint(&mut rest);
        let value = value.map_err(|_| (*at, "a number without an end".to_owned()))?;
        *at += before - rest.len();
        Ok(value)
    }

    /// First byte and end of what a length stands before.
    fn part(&self, at: &mut usize, end: usize) -> Result<(usize, usize), Broken> {
        let start = *at;
        let length = self.varint(at, end)?;
        match usize::try_from(length) {
            Ok(length) if length <= end - *at => Ok((*at, *at + length)),
            _ => {
                let what = format!("{length} bytes announced, {} follow", end - *at);
                Err((start, what))
            }
        }
    }

    /// Passes over a field that nothing here reads.
    fn skip(
        &self,
        (number, wire): (u64, u8),
        at: &mut usize,
        end: usize,
        depth: usize,
    ) -> Result<(), Broken> {
        if depth >= DEEPEST {
            return Err((
                *at,
                format!("messages inside messages, over {DEEPEST} deep"),
            ));
        }
        match wire {
            0 => self.scalar(0, at, end),
            1 => self.scalar(8, at, end),
            2 => {
                *at = self.part(at, end)?.1;
                Ok(())
            }
            3 => loop {
                match self.key(at, end)? {
                    (of, 4) if of == number => return Ok(()),
                    inner => self.skip(inner, at, end, depth + 1)?,
                }
            },
            5 => self.scalar(4, at, end),
            _ => Err((*at, "the end of a group that did not begin".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::saved_model::pb;
    use proptest::prelude::*;
    use prost::Message as _;

    fn node() -> Vec<u8> {
        let value = pb::attr_value::Value::Type(1);
        let attr = pb::AttrValue { value: Some(value) };
        let node = pb::NodeDef {
            name: "a".to_owned(),
            op: "Add".to_owned(),
            input: vec!["x".to_owned(), "yy".to_owned()],
            attr: [("T".to_owned(), attr)].into(),
            ..Default::default()
        };
        node.encode_to_vec()
    }

    fn agree<M: prost::Message + Default>(bytes: &[u8], name: &str) -> Result<(), TestCaseError> {
        let (decoded, fault) = (M::decode(bytes), fault(bytes, name));
        prop_assert_eq!(
            decoded.is_err(),
            fault.is_some(),
            "{:?} {:?}",
            decoded.err(),
            fault
        );
        Ok(())
    }

    #[test]
    fn they_agree_on_how_deep_is_too_deep() {
        for depth in 20..40 {
            let mut attr = vec![0x18, 1];
            for _ in 0..depth {
                // In AttrValue.func.attr the entry "a": the value inside itself, three messages deeper.
                for (key, before) in [(0x12u8, &b"\x0a\x01a"[..]), (0x12, b""), (0x52, b"")] {
                    let mut outer = before.to_vec();
                    outer.push(key);
                    prost::encoding::encode_varint(attr.len() as u64, &mut outer);
                    outer.extend(&attr);
                    attr = outer;
                }
            }
            agree::<pb::AttrValue>(&attr, ".mexplore.AttrValue").unwrap();
        }
    }

    fn say(bytes: &[u8]) -> String {
        match fault(bytes, ".mexplore.NodeDef") {
            Some(Fault { at, path, what }) => format!("{at} {path}: {what}"),
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn the_byte_and_the_field_are_named() {
        let node = node();
        assert_eq!(say(&node), "nothing");
        let with = |at: usize, byte: u8| {
            let mut bytes = node.clone();
            bytes[at] = byte;
            say(&bytes)
        };
        // 0a 01 61 | 12 03 41 64 64 | 1a 01 78 | 1a 02 79 79 | 2a 07 0a 01 54 12 02 30 01
        assert_eq!(with(14, 0xff), "14 input[1]: the text is not UTF-8");
        assert_eq!(with(4, 0x40), "4 op: 64 bytes announced, 19 follow");
        assert_eq!(
            with(22, 0x32),
            "22 attr[0].value.type: wire type 2 where 0 belongs"
        );
        assert_eq!(
            with(23, 0x80),
            "23 attr[0].value.type: a number without an end"
        );
        assert_eq!(with(0, 0x7f), "0 : wire type 7 does not exist");
        assert_eq!(with(0, 0x02), "0 : 0 is no number of a field");
    }

    proptest! {
        /// What the decoder refuses has a fault, and nothing else has.
        #[test]
        fn the_decoder_and_the_walk_agree(at in 0usize..24, byte: u8, cut in 0usize..30) {
            let mut bytes = node();
            bytes[at] = byte;
            bytes.truncate(cut);
            agree::<pb::NodeDef>(&bytes, ".mexplore.NodeDef")?;
        }

        #[test]
        fn they_agree_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            agree::<pb::SavedModel>(&bytes, ".mexplore.SavedModel")?;
            agree::<pb::TensorProto>(&bytes, ".mexplore.TensorProto")?;
        }

        /// Unknown fields and groups in groups, of few numbers so that they often fit together.
        #[test]
        fn they_agree_on_groups(bytes in prop::collection::vec(prop::sample::select(&[0x8bu8, 0x0c, 0x8c, 0x01, 0x0b, 0, 1][..]), 0..16)) {
            agree::<pb::VersionDef>(&bytes, ".mexplore.VersionDef")?;
        }
    }
}
