//! As much of the protobuf wire format as writing an ONNX file and reading it back takes: fields one after the other.

/// A message under construction.
#[derive(Debug, Clone, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// A whole number.
    #[must_use]
    pub fn int(mut self, field: u32, value: i64) -> Self {
        self.key(field, 0);
        self.varint(value as u64);
        self
    }

    /// A floating-point number of four bytes.
    #[must_use]
    pub fn float(mut self, field: u32, value: f32) -> Self {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Bytes.
    #[must_use]
    pub fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// Text.
    #[must_use]
    pub fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    /// A message within this one.
    #[must_use]
    pub fn message(self, field: u32, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    fn key(&mut self, field: u32, wire: u32) {
        self.varint(u64::from(field << 3 | wire));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field<'a> {
    /// A whole number.
    Int(u64),
    /// Text, bytes or a message.
    Bytes(&'a [u8]),
    /// A number of four or eight bytes.
    Fixed,
}

/// The fields of a message, in their order.
///
/// # Errors
/// Bytes that are no message.
pub fn fields(mut bytes: &[u8]) -> Result<Vec<(u32, Field<'_>)>, String> {
    let torn = || "it ends within a field".to_owned();
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes).ok_or_else(torn)?;
        let field = match key & 7 {
            0 => Field::Int(varint(&mut bytes).ok_or_else(torn)?),
            2 => {
                let length = varint(&mut bytes).and_then(|length| usize::try_from(length).ok()).ok_or_else(torn)?;
                let (content, rest) = bytes.split_at_checked(length).ok_or_else(torn)?;
                bytes = rest;
                Field::Bytes(content)
            }
            wire @ (1 | 5) => {
                bytes = bytes.get(if wire == 1 { 8 } else { 4 }..).ok_or_else(torn)?;
                Field::Fixed
            }
            wire => return Err(format!("it has a field of wire type {wire}")),
        };
        fields.push(((key >> 3) as u32, field));
    }
    Ok(fields)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_as_the_specification_has_them() {
        // The examples of the encoding guide: 150 in field 1, "testing" in field 2, a message in field 3.
        let number = Message::default().int(1, 150);
        assert_eq!(number.clone().into_bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().text(2, "testing").into_bytes(), *b"\x12\x07testing");
        assert_eq!(Message::default().message(3, &number).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::default().int(1, -1).into_bytes().len(), 11, "negative numbers take ten bytes");
        let written = Message::default().text(2, "testing").message(3, &number).float(4, 1.0).int(5, -1).into_bytes();
        let read = fields(&written).unwrap();
        let expected =
            [(2, Field::Bytes(b"testing")), (3, Field::Bytes(&[0x08, 0x96, 0x01])), (4, Field::Fixed), (5, Field::Int(u64::MAX))];
        assert_eq!(read, expected);
        assert!(fields(&written[..5]).is_err() && fields(&[0x0b]).is_err());
        assert_eq!(Message::default().float(2, 1.0).into_bytes(), [0x15, 0, 0, 0x80, 0x3f]);
    }
}
