//! Protocol buffers, as far as a batch of spans needs them: written, and one number of an answer
//! read. By hand, as a crate of generated code would be larger than the rest of tracing.
//!
//! Wire types and varints are those of the
//! [encoding](https://protobuf.dev/programming-guides/encoding/); field numbers those of
//! [`opentelemetry/proto`](https://github.com/open-telemetry/opentelemetry-proto).

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

/// A message that is written field by field.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn tag(&mut self, field: u32, wire: u32) {
        self.varint(u64::from(field << 3 | wire));
    }

    /// A number that may have few digits, an enumeration or a truth.
    pub(super) fn number(&mut self, field: u32, number: u64) {
        self.tag(field, VARINT);
        self.varint(number);
    }

    pub(super) fn fixed64(&mut self, field: u32, number: u64) {
        self.tag(field, FIXED64);
        self.0.extend(number.to_le_bytes());
    }

    pub(super) fn fixed32(&mut self, field: u32, number: u32) {
        self.tag(field, FIXED32);
        self.0.extend(number.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.tag(field, LENGTH);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    /// Fields that were written already, one after another.
    pub(super) fn written(&mut self, fields: &[u8]) {
        self.0.extend(fields);
    }

    /// A message inside this one. Its length stands before it, and is known after it.
    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        self.tag(field, LENGTH);
        let begin = self.0.len();
        write(self);
        let mut length = Self::default();
        length.varint((self.0.len() - begin) as u64);
        self.0.splice(begin..begin, length.0);
    }

    /// A `KeyValue`.
    fn attribute(&mut self, field: u32, key: &str, value: impl FnOnce(&mut Self)) {
        self.message(field, |pair| {
            pair.bytes(1, key.as_bytes());
            pair.message(2, value);
        });
    }

    pub(super) fn text(&mut self, field: u32, key: &str, text: &str) {
        self.attribute(field, key, |value| value.bytes(1, text.as_bytes()));
    }

    pub(super) fn truth(&mut self, field: u32, key: &str, truth: bool) {
        self.attribute(field, key, |value| value.number(2, truth.into()));
    }

    pub(super) fn integer(&mut self, field: u32, key: &str, number: u64) {
        self.attribute(field, key, |value| value.number(3, number));
    }

    pub(super) fn decimal(&mut self, field: u32, key: &str, number: f64) {
        self.attribute(field, key, |value| value.fixed64(4, number.to_bits()));
    }

    pub(super) fn texts<'t>(
        &mut self,
        field: u32,
        key: &str,
        texts: impl Iterator<Item = &'t str>,
    ) {
        self.attribute(field, key, |value| {
            value.message(5, |array| {
                for text in texts {
                    array.message(1, |value| value.bytes(1, text.as_bytes()));
                }
            });
        });
    }
}

/// Reads how many spans a collector's answer says that it did not take
/// (`ExportTraceServiceResponse.partial_success.rejected_spans`); 0 where it says nothing that can be
/// read.
pub(super) fn rejected(answer: &[u8]) -> u64 {
    let partial = find(answer, 1).and_then(|field| match field {
        Field::Bytes(partial) => find(partial, 1),
        Field::Number(_) => None,
    });
    match partial {
        Some(Field::Number(spans)) => spans,
        Some(Field::Bytes(_)) | None => 0,
    }
}

/// A field as it is read.
pub(super) enum Field<'m> {
    Number(u64),
    Bytes(&'m [u8]),
}

/// The first field of this number.
fn find(mut message: &[u8], wanted: u64) -> Option<Field<'_>> {
    loop {
        let (number, field) = read(&mut message)?;
        if number == wanted {
            return Some(field);
        }
    }
}

/// Reads the next field, and its number; none at the end, or where there is no message.
pub(super) fn read<'m>(message: &mut &'m [u8]) -> Option<(u64, Field<'m>)> {
    let tag = read_varint(message)?;
    let field = match u32::try_from(tag & 7).ok()? {
        VARINT => Field::Number(read_varint(message)?),
        LENGTH => {
            let length = usize::try_from(read_varint(message)?).ok()?;
            Field::Bytes(message.split_off(..length)?)
        }
        FIXED64 => Field::Bytes(message.split_off(..8)?),
        FIXED32 => Field::Bytes(message.split_off(..4)?),
        _ => return None,
    };
    Some((tag >> 3, field))
}

fn read_varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *message.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(write: impl FnOnce(&mut Message)) -> Vec<u8> {
        let mut message = Message::default();
        write(&mut message);
        message.into_bytes()
    }

    /// The examples of the encoding's documentation, and the lengths at which a varint grows.
    #[test]
    fn fields_are_written_as_the_encodings_documentation_has_them() {
        assert_eq!(bytes(|m| m.number(1, 150)), [0x08, 0x96, 0x01]);
        assert_eq!(bytes(|m| m.bytes(2, b"testing")), *b"\x12\x07testing");
        let inner = bytes(|m| m.message(3, |m| m.number(1, 150)));
        assert_eq!(inner, [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(bytes(|m| m.fixed32(16, 1)), [0x85, 0x01, 1, 0, 0, 0]);
        assert_eq!(bytes(|m| m.fixed64(7, 2)), [0x39, 2, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(
            bytes(|m| m.number(1, u64::MAX)),
            [8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]
        );
        for length in [0, 1, 127, 128, 16383, 16384, 70_000] {
            let text = "x".repeat(length);
            let written = bytes(|m| m.message(1, |m| m.bytes(1, text.as_bytes())));
            let Some(Field::Bytes(inner)) = find(&written, 1) else {
                panic!("{length}");
            };
            assert!(matches!(find(inner, 1), Some(Field::Bytes(found)) if found.len() == length));
        }
    }

    #[test]
    fn an_answers_rejected_spans_are_read_and_what_is_no_message_is_none() {
        let answer = |spans| {
            bytes(|m| {
                m.message(1, |partial| {
                    partial.bytes(2, b"too many");
                    partial.number(1, spans);
                });
            })
        };
        for (bytes, expected) in [
            (answer(3), 3),
            (answer(300), 300),
            (bytes(|m| m.fixed64(9, 1)), 0),
            (vec![], 0),
            (b"{\"partialSuccess\":{}}".to_vec(), 0),
            (vec![0xff; 20], 0),
            (vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 8, 1], 0),
        ] {
            assert_eq!(rejected(&bytes), expected, "{bytes:?}");
        }
    }
}
