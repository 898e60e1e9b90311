//! Passing over values without recursion: checked as closely as those that are taken, or not at
//! all.

use super::{
    Cursor, DEPTH, Kind,
    text::{end, short},
};
use crate::Malformed;

impl Cursor<'_> {
    /// Passes over a value without checking it: where it is malformed inside, its end is where
    /// brackets are even. For those who look for one member of a large body whose validity is
    /// somebody else's affair; there is no limit of depth.
    ///
    /// # Errors
    /// No value begins here, or it does not end.
    pub(crate) fn pass(&mut self) -> Result<(), Malformed> {
        let kind = self.kind()?;
        match kind {
            Kind::String => return self.pass_string(),
            Kind::Object | Kind::Array => {}
            Kind::Number | Kind::Boolean | Kind::Null => return self.skip_scalar(kind),
        }
        let mut open = 0_usize;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.pass_string()?;
                    continue;
                }
                Some(b'{' | b'[') => open += 1,
                Some(b'}' | b']') => open -= 1,
                Some(_) => {}
                None => return Err(self.malformed("the document ends too early")),
            }
            self.at += 1;
            if open == 0 {
                return Ok(());
            }
        }
    }

    /// Moves behind the string's closing quote.
    #[inline]
    fn pass_string(&mut self) -> Result<(), Malformed> {
        let inside = self.bytes.get(self.at + 1..).unwrap_or_default();
        if let Some(length) = short(inside) {
            self.at += length + 2;
            return Ok(());
        }
        self.pass_long_string()
    }

    /// The same of one whose first bytes do not end it.
    #[inline(never)]
    fn pass_long_string(&mut self) -> Result<(), Malformed> {
        let inside = self.bytes.get(self.at + 1..).unwrap_or_default();
        match end(inside) {
            Some(end) => self.at += end + 2,
            None => return Err(self.malformed("a string does not end")),
        }
        Ok(())
    }

    #[inline]
    pub(super) fn skip_scalar(&mut self, kind: Kind) -> Result<(), Malformed> {
        match kind {
            Kind::String => self.literal("a string is expected").map(drop),
            Kind::Number => self.number(),
            Kind::Object | Kind::Array | Kind::Boolean | Kind::Null => {
                self.at += match self.bytes.get(self.at..).unwrap_or_default() {
                    [b't', b'r', b'u', b'e', ..] | [b'n', b'u', b'l', b'l', ..] => 4,
                    [b'f', b'a', b'l', b's', b'e', ..] => 5,
                    _ => return Err(self.malformed("a value is expected")),
                };
                Ok(())
            }
        }
    }

    /// RFC 8259 §6.
    fn number(&mut self) -> Result<(), Malformed> {
        // Nearly all are digits and nothing else.
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let is_longer = matches!(rest.get(digits), Some(b'.' | b'e' | b'E'));
        if !is_longer && (digits == 1 || digits > 1 && rest.first() != Some(&b'0')) {
            self.at += digits;
            return Ok(());
        }
        if self.lenient {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let words: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
            if let Some(word) = words.iter().find(|word| rest.starts_with(word)) {
                self.at += word.len();
                return Ok(());
            }
        }
        let byte = |at: usize| self.bytes.get(at).copied();
        let digits = |mut at: usize| {
            let start = at;
            while byte(at).is_some_and(|b: u8| b.is_ascii_digit()) {
                at += 1;
            }
            (at > start).then_some(at)
        };
        let walk = || {
            let mut at = self.at + usize::from(byte(self.at) == Some(b'-'));
            at = if byte(at) == Some(b'0') {
                at + 1
            } else {
                digits(at)?
            };
            if byte(at) == Some(b'.') {
                at = digits(at + 1)?;
            }
            if let Some(b'e' | b'E') = byte(at) {
                let signed = matches!(byte(at + 1), Some(b'+' | b'-'));
                at = digits(at + 1 + usize::from(signed))?;
            }
            Some(at)
        };
        let end = walk().ok_or_else(|| self.malformed("a number is malformed"))?;
        self.at = end;
        Ok(())
    }

    /// Takes a container. A bit per level says whether it is an object; so there is no recursion.
    pub(super) fn skip_container(&mut self) -> Result<(), Malformed> {
        let (mut objects, mut open) = (0_u128, 0_u8);
        loop {
            // a value begins here
            let kind = self.kind()?;
            let container = match kind {
                Kind::Object => Some(1),
                Kind::Array => Some(0),
                Kind::String | Kind::Number | Kind::Boolean | Kind::Null => None,
            };
            if let Some(bit) = container {
                if self.depth + open >= DEPTH {
                    return Err(self.malformed("the document is nested too deeply"));
                }
                self.at += 1;
                objects = objects << 1 | bit;
                open += 1;
                match (self.peek(), bit) {
                    (Some(b'}'), 1) | (Some(b']'), 0) => {}
                    (_, 1) => {
                        self.key()?;
                        continue;
                    }
                    _ => continue,
                }
            } else {
                self.skip_scalar(kind)?;
            }
            // a value has ended, or an empty container is about to
            loop {
                match (self.next(), objects & 1) {
                    (Some(b'}'), 1) | (Some(b']'), 0) => {
                        open -= 1;
                        objects >>= 1;
                        if open == 0 {
                            return Ok(());
                        }
                    }
                    (Some(b','), bit) => {
                        if bit == 1 {
                            self.key()?;
                        }
                        break;
                    }
                    _ => return Err(self.malformed_before("`,` or a closing bracket is expected")),
                }
            }
        }
    }
}
