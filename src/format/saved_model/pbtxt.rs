//! Protobuf's text format: parsed along the table of fields that `build.rs` makes from `proto/`, and written as the
//! binary form, so that one decoder serves both.

mod lexer;

use std::collections::HashMap;

use lexer::{Lexer, Token};
use prost::encoding::{WireType, encode_key, encode_varint};

use super::fields::{ENUMS, Field, Kind, MESSAGES, Message};
use crate::error::{Error, Result};

/// Messages inside messages, as in the binary form.
const DEEPEST: usize = 100;

/// The binary form of a message in text. Fields that nothing here reads are skipped, as in the binary form.
///
/// # Errors
/// Text that is no protobuf text, with line and column.
pub fn to_binary(text: &[u8], message: &str) -> Result<Vec<u8>> {
    let mut parser = Parser {
        lexer: Lexer::new(text),
        messages: MESSAGES.iter().map(|m| (m.name, m)).collect(),
    };
    let message = parser.message_named(message)?;
    let mut out = Vec::new();
    parser.fields(message, None, 0, &mut out)?;
    Ok(out)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    messages: HashMap<&'static str, &'static Message>,
}

impl Parser<'_> {
    fn message_named(&self, name: &str) -> Result<&'static Message> {
        self.messages
            .get(name)
            .copied()
            .ok_or_else(|| Error::unsupported(format!("no message {name}")))
    }

    /// Fields up to `close`, or to the end of the text.
    fn fields(
        &mut self,
        message: &'static Message,
        close: Option<u8>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if depth > DEEPEST {
            return Err(self
                .lexer
                .error(format!("nesting deeper than {DEEPEST} messages")));
        }
        loop {
            match self.lexer.next()? {
                Token::End if close.is_none() => return Ok(()),
                Token::Symbol(s) if Some(s) == close => return Ok(()),
                Token::Symbol(b',' | b';') => {}
                Token::Word(name) => match message.fields.iter().find(|f| f.name == name) {
                    Some(field) => self.field(field, depth, out)?,
                    None => self.skip_field(depth)?,
                },
                // The name of an extension or of an Any's type.
                Token::Symbol(b'[') => {
                    while !matches!(self.lexer.next()?, Token::Symbol(b']')) {
                        self.lexer.refuse_end("]")?;
                    }
                    self.skip_field(depth)?;
                }
                found => return Err(self.lexer.expected("the name of a field", &found)),
            }
        }
    }

    fn field(&mut self, field: &'static Field, depth: usize, out: &mut Vec<u8>) -> Result<()> {
        let colon = self.lexer.eat(b':')?;
        if !colon && field.kind != Kind::Message {
            let found = self.lexer.next()?;
            return Err(self.lexer.expected("':'", &found));
        }
        if !self.lexer.eat(b'[')? {
            return self.value(field, depth, out);
        }
        if !field.repeated {
            return Err(self
                .lexer
                .error(format!("field {} takes one value, not a list", field.name)));
        }
        if self.lexer.eat(b']')? {
            return Ok(());
        }
        loop {
            self.value(field, depth, out)?;
            match self.lexer.next()? {
                Token::Symbol(b',') => {}
                Token::Symbol(b']') => return Ok(()),
                found => return Err(self.lexer.expected("',' or ']'", &found)),
            }
        }
    }

    fn value(&mut self, field: &'static Field, depth: usize, out: &mut Vec<u8>) -> Result<()> {
        let number = field.number;
        match field.kind {
            Kind::Message => {
                let close = self.open()?;
                let message = self.message_named(field.of)?;
                let mut inner = Vec::new();
                self.fields(message, Some(close), depth + 1, &mut inner)?;
                put_bytes(number, &inner, out);
            }
            Kind::String | Kind::Bytes => {
                let bytes = self.lexer.string()?;
                if field.kind == Kind::String && std::str::from_utf8(&bytes).is_err() {
                    return Err(self
                        .lexer
                        .error(format!("the text of {} is not UTF-8", field.name)));
                }
                put_bytes(number, &bytes, out);
            }
            Kind::Float => {
                let value = self.lexer.float()? as f32;
                encode_key(number, WireType::ThirtyTwoBit, out);
                out.extend(value.to_le_bytes());
            }
            Kind::Double => {
                let value = self.lexer.float()?;
                encode_key(number, WireType::SixtyFourBit, out);
                out.extend(value.to_le_bytes());
            }
            Kind::Fixed32 => {
                let value = self.lexer.integer(0, i128::from(u32::MAX))?;
                encode_key(number, WireType::ThirtyTwoBit, out);
                out.extend((value as u32).to_le_bytes());
            }
            Kind::Fixed64 => {
                let value = self.lexer.integer(0, i128::from(u64::MAX))?;
                encode_key(number, WireType::SixtyFourBit, out);
                out.extend((value as u64).to_le_bytes());
            }
            Kind::Sint64 => {
                let value = self
                    .lexer
                    .integer(i128::from(i64::MIN), i128::from(i64::MAX))?
                    as i64;
                encode_key(number, WireType::Varint, out);
                encode_varint(((value << 1) ^ (value >> 63)) as u64, out);
            }
            _ => {
                let value = self.varint(field)?;
                encode_key(number, WireType::Varint, out);
                encode_varint(value, out);
            }
        }
        Ok(())
    }

    /// Whole numbers, bools and enums; negative ones as 64-bit two's complement.
    fn varint(&mut self, field: &'static Field) -> Result<u64> {
        let (low, high) = match field.kind {
            Kind::Int64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
            Kind::Uint64 => (0, i128::from(u64::MAX)),
            Kind::Uint32 => (0, i128::from(u32::MAX)),
            Kind::Bool => return self.bool(),
            _ => (i128::from(i32::MIN), i128::from(i32::MAX)),
        };
        if field.kind == Kind::Enum
            && let Some(name) = self.lexer.eat_word()?
        {
            let values = ENUMS.iter().find(|e| e.name == field.of).map(|e| e.values);
            let value = values.and_then(|v| v.iter().find(|(n, _)| *n == name));
            return match value {
                Some((_, number)) => Ok(i64::from(*number) as u64),
                None => Err(self
                    .lexer
                    .error(format!("{name} is no value of {}", field.name))),
            };
        }
        Ok(self.lexer.integer(low, high)? as u64)
    }

    fn bool(&mut self) -> Result<u64> {
        match self.lexer.eat_word()? {
            Some("true" | "True" | "t") => Ok(1),
            Some("false" | "False" | "f") => Ok(0),
            Some(word) => {
                let found = Token::Word(word);
                Err(self.lexer.expected("true or false", &found))
            }
            None => Ok(self.lexer.integer(0, 1)? as u64),
        }
    }

    /// The opening of a message; gives what closes it.
    fn open(&mut self) -> Result<u8> {
        match self.lexer.next()? {
            Token::Symbol(b'{') => Ok(b'}'),
            Token::Symbol(b'<') => Ok(b'>'),
            found => Err(self.lexer.expected("'{'", &found)),
        }
    }

    /// Passes over the value of a field that is not read.
    fn skip_field(&mut self, depth: usize) -> Result<()> {
        let colon = self.lexer.eat(b':')?;
        match self.lexer.next()? {
            Token::Symbol(open @ (b'{' | b'<' | b'[')) => self.skip_block(open, depth),
            // A list of strings without commas is one string.
            Token::Text(_) if colon => {
                while self.lexer.peek_is_text()? {
                    self.lexer.next()?;
                }
                Ok(())
            }
            Token::Symbol(b'-') if colon => self.lexer.next().map(|_| ()),
            Token::Word(_) | Token::Number(_) if colon => Ok(()),
            found => Err(self.lexer.expected("a value", &found)),
        }
    }

    fn skip_block(&mut self, open: u8, depth: usize) -> Result<()> {
        let mut open_blocks = vec![open];
        while let Some(&last) = open_blocks.last() {
            if depth + open_blocks.len() > DEEPEST {
                return Err(self
                    .lexer
                    .error(format!("nesting deeper than {DEEPEST} messages")));
            }
            let close = match last {
                b'{' => b'}',
                b'<' => b'>',
                _ => b']',
            };
            match self.lexer.next()? {
                Token::Symbol(s) if s == close => {
                    open_blocks.pop();
                }
                Token::Symbol(s @ (b'{' | b'<' | b'[')) => open_blocks.push(s),
                found @ (Token::Symbol(b'}' | b'>' | b']') | Token::End) => {
                    let wanted = format!("'{}'", close as char);
                    return Err(self.lexer.expected(&wanted, &found));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn put_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::saved_model::pb;
    use proptest::prelude::*;

    fn node(text: &str) -> Result<pb::NodeDef> {
        let bytes = to_binary(text.as_bytes(), ".mexplore.NodeDef")?;
        pb::decode(bytes.into(), "NodeDef")
    }

    #[test]
    fn a_node_reads_as_protobuf_prints_it() {
        let node = node(
            r#"
            name: "c"  # a comment
            op: 'Con' "st"
            input: ["a:0", "^b"]
            attr { key: "value" value { tensor {
                dtype: DT_FLOAT tensor_shape < dim { size: -1 } dim { size: 0x10 } >
                tensor_content: "\000\303\"\x41\n" float_val: 1.5e1 float_val: -inf } } }
            attr: { key: "N" value: { i: -3 } },
            attr { key: "b" value { b: true } };
            experimental_type { type_id: TFT_PRODUCT args { x: [1, 2] y: "a" "b" } z: -1 }
            "#,
        )
        .unwrap();
        assert_eq!((&*node.name, &*node.op), ("c", "Const"));
        assert_eq!(node.input, ["a:0", "^b"]);
        let Some(pb::attr_value::Value::Tensor(t)) = &node.attr["value"].value else {
            panic!()
        };
        assert_eq!(t.dtype, 1);
        assert_eq!(&t.tensor_content[..], b"\x00\xc3\"A\n");
        assert_eq!(t.float_val, [15.0, f32::NEG_INFINITY]);
        let sizes: Vec<_> = t
            .tensor_shape
            .as_ref()
            .unwrap()
            .dim
            .iter()
            .map(|d| d.size)
            .collect();
        assert_eq!(sizes, [-1, 16]);
        assert_eq!(node.attr["N"].value, Some(pb::attr_value::Value::I(-3)));
    }

    #[test]
    fn errors_name_line_and_column() {
        let say = |text: &str| node(text).unwrap_err().to_string();
        assert_eq!(say("name: \"a\"\n  op 3"), "2:6: expected ':', found 3");
        assert_eq!(
            say("attr { key: \"a\""),
            "1:16: expected the name of a field, found the end of the text"
        );
        assert_eq!(say("name: \"a"), "1:7: a string without an end");
        assert_eq!(
            say("attr { value { type: DT_FOO } }"),
            "1:22: DT_FOO is no value of type"
        );
        assert_eq!(
            say("attr { value { b: 2 } }"),
            "1:19: expected a number between 0 and 1, found 2"
        );
        assert!(
            say(&"attr { value { func { attr { value { func { ".repeat(40))
                .contains("nesting deeper")
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z:{}<>\\[\\]\"'\\\\0-9\\-. \n#,]{0,80}") {
            let _ = node(&format!("attr {{ {text}"));
            let _ = node(&text);
        }
    }
}
