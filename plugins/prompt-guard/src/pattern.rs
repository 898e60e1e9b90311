//! Patterns as they are written: a regular expression's text into its syntax tree.
//!
//! Made here and not taken from a crate for one reason: over a stream one must know where a match
//! may be *under way*, which the small crates don't report; and this with [`crate::matcher`] is
//! half of their size. The syntax is the usual one without look-around, back references and Unicode
//! classes. Characters are folded ([`crate::fold`]) while they are read, so case and accents say
//! nothing in a pattern.

use crate::fold::{Folded, fold, folded};

/// The deepest that groups may be nested.
const DEPTH: u8 = 50;
/// The largest count in `{m,n}`.
const COUNT: u32 = 1000;

/// A pattern's syntax tree.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// One character of a set.
    Set(Set),
    /// One after the other.
    Sequence(Vec<Node>),
    /// Any of them.
    Either(Vec<Node>),
    /// At least so often, and at most.
    Repeat(Box<Node>, u32, Option<u32>),
    /// `^`: the text's beginning.
    Begin,
    /// `$`: the text's end.
    End,
    /// `\b`, or `\B` where false. Words are of ASCII.
    Boundary(bool),
}

/// A set of ASCII characters. Two words and not one of 128 bits, for the sandbox's machine has
/// none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ascii([u64; 2]);

impl Ascii {
    /// True if a code below 128 is in it.
    #[inline]
    pub(crate) const fn has(self, code: u32) -> bool {
        let [low, high] = self.0;
        (if code < 64 { low } else { high }) >> (code & 63) & 1 == 1
    }

    /// Adds a code below 128.
    pub(crate) const fn add(&mut self, code: u32) {
        let [low, high] = &mut self.0;
        *(if code < 64 { low } else { high }) |= 1 << (code & 63);
    }

    /// Adds the members of another set, or all that are not.
    pub(crate) fn merge(&mut self, other: Self, negated: bool) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own |= if negated { !other } else { other };
        }
    }
}

/// A set of characters.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Set {
    /// One bit for each of ASCII.
    pub(crate) ascii: Ascii,
    /// Ranges beyond it.
    pub(crate) beyond: Vec<(char, char)>,
    /// True if all the others are meant.
    pub(crate) negated: bool,
}

impl Set {
    /// True if the character is in it.
    #[inline]
    pub(crate) fn has(&self, c: char) -> bool {
        let listed = match u32::from(c) {
            code @ 0..128 => self.ascii.has(code),
            _ => self
                .beyond
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&c)),
        };
        listed != self.negated
    }

    fn one(c: char) -> Self {
        let mut set = Self::default();
        set.add(c);
        set
    }

    fn add(&mut self, c: char) {
        match u32::from(c) {
            code @ 0..128 => self.ascii.add(code),
            _ => self.beyond.push((c, c)),
        }
    }

    fn add_all(&mut self, mut wanted: impl FnMut(u8) -> bool) {
        for byte in 0..128 {
            if wanted(byte) {
                self.add(char::from(byte));
            }
        }
    }

    /// Takes the members of another set; of a negated one only where it is about ASCII.
    fn merge(&mut self, other: &Self) {
        self.ascii.merge(other.ascii, other.negated);
        self.beyond.extend(&other.beyond);
        if other.negated {
            self.beyond.push(('\u{80}', char::MAX));
        }
    }
}

impl Node {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence on what is wrong with it, and what to write instead.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix("(?i)").unwrap_or(text);
        let mut parser = Parser {
            rest: text,
            depth: 0,
        };
        let node = parser.either()?;
        if !parser.rest.is_empty() {
            return Err("a `)` closes nothing: write `\\)` for the character".into());
        }
        if node.is_empty() {
            return Err("it matches the empty text: make it need at least one character".into());
        }
        Ok(node)
    }

    /// True if it matches without taking a character.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Set(_) => false,
            Self::Sequence(nodes) => nodes.iter().all(Self::is_empty),
            Self::Either(nodes) => nodes.iter().any(Self::is_empty),
            Self::Repeat(node, least, _) => *least == 0 || node.is_empty(),
            Self::Begin | Self::End | Self::Boundary(_) => true,
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: u8,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn take(&mut self, wanted: &str) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn either(&mut self) -> Result<Node, String> {
        let mut alternatives = vec![self.sequence()?];
        while self.take("|") {
            alternatives.push(self.sequence()?);
        }
        Ok(if alternatives.len() == 1 {
            alternatives.remove(0)
        } else {
            Node::Either(alternatives)
        })
    }

    fn sequence(&mut self) -> Result<Node, String> {
        let mut nodes = Vec::new();
        while !self.rest.is_empty() && !self.rest.starts_with(['|', ')']) {
            let node = self.atom()?;
            nodes.push(self.repeated(node)?);
        }
        Ok(Node::Sequence(nodes))
    }

    fn repeated(&mut self, mut node: Node) -> Result<Node, String> {
        loop {
            let (least, most) = if self.take("*") {
                (0, None)
            } else if self.take("+") {
                (1, None)
            } else if self.take("?") {
                (0, Some(1))
            } else if self.take("{") {
                self.counts()?
            } else {
                return Ok(node);
            };
            self.take("?"); // lazy or not, the same texts match
            node = Node::Repeat(Box::new(node), least, most);
        }
    }

    /// Reads what stands in `{m}`, `{m,}`, `{m,n}`.
    fn counts(&mut self) -> Result<(u32, Option<u32>), String> {
        let wrong = || {
            format!(
                "a `{{` wants numbers to {COUNT} after it, as in `{{2,5}}`: write `\\{{` for the character"
            )
        };
        let (inside, rest) = self.rest.split_once('}').ok_or_else(wrong)?;
        self.rest = rest;
        let number = |text: &str| {
            text.parse()
                .ok()
                .filter(|count| *count <= COUNT)
                .ok_or_else(wrong)
        };
        let (least, most) = match inside.split_once(',') {
            None => (number(inside)?, Some(number(inside)?)),
            Some((least, "")) => (number(least)?, None),
            Some((least, most)) => (number(least)?, Some(number(most)?)),
        };
        if most.is_some_and(|most| most < least || most == 0) {
            return Err(wrong());
        }
        Ok((least, most))
    }

    fn atom(&mut self) -> Result<Node, String> {
        match self.next() {
            Some('(') => self.group(),
            Some('[') => self.class().map(Node::Set),
            Some('.') => Ok(Node::Set(Set {
                negated: true,
                ..Set::one('\n')
            })),
            Some('^') => Ok(Node::Begin),
            Some('$') => Ok(Node::End),
            Some(c @ ('*' | '+' | '?' | '{')) => Err(format!(
                "a `{c}` repeats nothing: write `\\{c}` for the character"
            )),
            Some('\\') if self.take("b") => Ok(Node::Boundary(true)),
            Some('\\') if self.take("B") => Ok(Node::Boundary(false)),
            Some('\\') => self.escape().map(Node::Set),
            Some(c) => Ok(literal(c)),
            None => Err("it ends too early".into()),
        }
    }

    fn group(&mut self) -> Result<Node, String> {
        if self.take("?") && !self.take(":") {
            return Err("`(?…` is understood as `(?:` alone, and as `(?i)` at the beginning: look-around and flags are not".into());
        }
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("its groups are nested too deeply".into());
        }
        let node = self.either()?;
        self.depth -= 1;
        if self.take(")") {
            Ok(node)
        } else {
            Err("a `(` is not closed".into())
        }
    }

    /// Reads the set that a backslash stands for.
    fn escape(&mut self) -> Result<Set, String> {
        let mut set = Set::default();
        let Some(c) = self.next() else {
            return Err("it ends in a `\\`".into());
        };
        match c {
            'd' | 'D' => set.add_all(|byte| byte.is_ascii_digit()),
            'w' | 'W' => set.add_all(is_word_byte),
            's' | 'S' => set.add_all(|byte| byte == b' ' || byte == b'\n'),
            'n' | 'r' => set.add('\n'),
            't' => set.add(' '),
            c if c.is_ascii_alphanumeric() => {
                return Err(format!(
                    "`\\{c}` is not understood: `\\d \\w \\s \\b` are, and their capitals"
                ));
            }
            c => return Ok(Set::one(c)),
        }
        set.negated = c.is_ascii_uppercase();
        Ok(set)
    }

    fn class(&mut self) -> Result<Set, String> {
        let mut set = Set {
            negated: self.take("^"),
            ..Set::default()
        };
        let mut first = true;
        loop {
            let Some(c) = self.next() else {
                return Err("a `[` is not closed".into());
            };
            let from = match c {
                ']' if !first => return Ok(set),
                '[' if self.rest.starts_with(':') => {
                    return Err(
                        "`[:…:]` is not understood: write `\\d`, `\\w` or the characters".into(),
                    );
                }
                '\\' => {
                    let escaped = self.escape()?;
                    set.merge(&escaped);
                    first = false;
                    continue;
                }
                c => c,
            };
            first = false;
            if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.take("-");
                let to = match self.next() {
                    Some('\\') => self.next(),
                    to => to,
                };
                range(&mut set, from, to.ok_or("a `[` is not closed")?)?;
            } else {
                for c in folded(from.encode_utf8(&mut [0; 4])).chars() {
                    set.add(c);
                }
            }
        }
    }
}

fn range(set: &mut Set, from: char, to: char) -> Result<(), String> {
    if from > to {
        return Err(format!(
            "nothing is between `{from}` and `{to}`: turn them round"
        ));
    }
    if to.is_ascii() {
        set.add_all(|byte| (from..=to).any(|c| fold(c) == Folded::One(char::from(byte))));
    } else if fold(from) == Folded::One(from) && fold(to) == Folded::One(to) {
        set.beyond.push((from, to));
    } else {
        return Err(format!(
            "`{from}-{to}`: text is compared without accents, so write the range as `a-z`"
        ));
    }
    Ok(())
}

/// A character as text is folded to.
fn literal(c: char) -> Node {
    let mut nodes: Vec<Node> = folded(c.encode_utf8(&mut [0; 4]))
        .chars()
        .map(|c| Node::Set(Set::one(c)))
        .collect();
    if nodes.len() == 1 {
        nodes.remove(0)
    } else {
        Node::Sequence(nodes)
    }
}

/// True if a byte belongs to a word.
pub(crate) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
