//! Reads a placeholder in whatever dress a model put on it.
//!
//! Two forms: *wrapped* in brackets, which go with it, and *bare*. The letters in either are looked
//! for in the table of the exchange one after the other, and what stands between them may be
//! anything that dresses text: the key's characters decide, not the dress. A bare one must be a word
//! of its own, and its characters stand together, so that a mutilated one is not completed from the
//! words behind it.

use super::symbol::{Bracket, Piece, Symbol, Writing, piece};
use crate::placeholder::{Entry, LONGEST, Vault};

/// Symbols between two letters, or between a bracket and a letter, that are put up with.
const GAP: usize = 8;
/// Bytes after which no new symbol is looked at. A placeholder of 24 characters with `\u200b`
/// between any two of them has 162.
pub(super) const FARTHEST: usize = 170;

/// The reading of a place of the text.
#[derive(Debug, PartialEq)]
pub(super) enum Reading<'v> {
    /// A placeholder, one past its last byte, and how its escapes were written.
    Whole(Entry<'v>, usize, Writing),
    /// The text ends before it is decided.
    Open,
    /// Something else.
    Other,
}

/// Reads what begins at `at`: with a bracket, or with a letter that begins a word. `inside` says
/// that a word goes on at `at`; `whole`, that nothing comes behind the text.
pub(super) fn read<'v>(
    vault: &'v Vault,
    text: &str,
    at: usize,
    inside: bool,
    whole: bool,
) -> Reading<'v> {
    let reader = Reader {
        vault,
        text,
        at,
        whole,
    };
    let read = match reader.piece(at) {
        Some(first) => match first.symbol {
            Symbol::Open(bracket) => reader.wrapped(bracket, first, inside),
            Symbol::Letter(_) if !inside => reader.bare(),
            _ => Some(Reading::Other),
        },
        None => None,
    };
    read.unwrap_or(Reading::Open)
}

/// The letters that were read.
#[derive(Debug, Default)]
struct Tag {
    letters: [u8; LONGEST],
    count: usize,
    /// Letters before the last gap that can be seen.
    gap: usize,
    /// Symbols since the last letter.
    dress: usize,
    writing: Writing,
}

impl Tag {
    fn letters(&self) -> &[u8] {
        self.letters.get(..self.count).unwrap_or_default()
    }

    /// Takes one more letter; false if no tag begins so.
    fn push(&mut self, vault: &Vault, letter: u8) -> bool {
        let Some(place) = self.letters.get_mut(self.count) else {
            return false;
        };
        *place = letter;
        self.count += 1;
        self.dress = 0;
        vault.has_beginning(self.letters())
    }

    /// Takes a symbol that is no letter; false if it is no dress, or too much of it.
    fn skip(&mut self, symbol: Symbol) -> bool {
        if symbol != Symbol::Invisible {
            self.gap = self.count;
        }
        self.dress += 1;
        self.dress <= GAP && (is_padding(symbol) || is_separator(symbol))
    }

    /// Remembers how an escape was written.
    fn note(&mut self, piece: Piece) {
        if matches!(piece.writing, Writing::Percent | Writing::Reference) {
            self.writing = piece.writing;
        }
    }
}

/// True for what may stand between a bracket and what it holds.
fn is_padding(symbol: Symbol) -> bool {
    matches!(
        symbol,
        Symbol::Space | Symbol::Invisible | Symbol::Mark | Symbol::Underscore
    )
}

/// True for what may stand for the underscore, besides padding.
fn is_separator(symbol: Symbol) -> bool {
    matches!(symbol, Symbol::Hyphen | Symbol::Separator)
}

struct Reader<'v, 't> {
    vault: &'v Vault,
    text: &'t str,
    at: usize,
    whole: bool,
}

/// In each of these, `None`: the text ends before it is decided.
impl<'v> Reader<'v, '_> {
    /// The piece at `i`; something else at the end of the whole text, and beyond [`FARTHEST`].
    fn piece(&self, i: usize) -> Option<Piece> {
        let nothing = Piece {
            symbol: Symbol::Other,
            length: 0,
            writing: Writing::Plain,
        };
        if i - self.at > FARTHEST {
            return Some(nothing);
        }
        if i >= self.text.len() {
            return self.whole.then_some(nothing);
        }
        piece(self.text, i, self.whole)
    }

    /// Skips padding from `i` on. Returns the piece behind it and where it begins.
    fn behind_padding(&self, mut i: usize) -> Option<(usize, Piece)> {
        for _ in 0..GAP {
            let piece = self.piece(i)?;
            if !is_padding(piece.symbol) {
                return Some((i, piece));
            }
            i += piece.length;
        }
        Some((i, self.piece(i)?))
    }

    fn bare(&self) -> Option<Reading<'v>> {
        let (mut tag, mut i, mut end) = (Tag::default(), self.at, self.at);
        loop {
            let piece = self.piece(i)?;
            tag.note(piece);
            match piece.symbol {
                Symbol::Letter(letter) => {
                    if !tag.push(self.vault, letter) {
                        return Some(Reading::Other);
                    }
                    end = i + piece.length;
                }
                symbol => {
                    if symbol != Symbol::Invisible
                        && let Some(entry) = self.vault.entry(tag.letters())
                        && tag.gap <= entry.label
                    {
                        return Some(match self.ends(i, piece)? {
                            true => Reading::Whole(entry, end, tag.writing),
                            false => Reading::Other,
                        });
                    }
                    if !tag.skip(symbol) {
                        return Some(Reading::Other);
                    }
                }
            }
            i += piece.length;
        }
    }

    /// True if a bare placeholder may end before the piece at `i`: `EMAIL_7f3a2c_2` and
    /// `EMAIL_7f3a2c-2` are names of something else. Underscores go on to [`FARTHEST`] at the most.
    fn ends(&self, i: usize, piece: Piece) -> Option<bool> {
        match piece.symbol {
            Symbol::Underscore | Symbol::Invisible => {
                let next = self.piece(i + piece.length)?;
                match next.symbol {
                    Symbol::Letter(_) => Some(false),
                    _ => self.ends(i + piece.length, next),
                }
            }
            Symbol::Hyphen => {
                let next = self.piece(i + piece.length)?;
                Some(!matches!(next.symbol, Symbol::Letter(b'0'..=b'9')))
            }
            _ => Some(true),
        }
    }

    fn wrapped(&self, bracket: Bracket, first: Piece, inside: bool) -> Option<Reading<'v>> {
        let (mut i, mut next) = self.behind_padding(self.at + first.length)?;
        let double = next.symbol == Symbol::Open(bracket);
        if double {
            (i, next) = self.behind_padding(i + next.length)?;
        }
        let mut tag = Tag::default();
        tag.note(first);
        loop {
            tag.note(next);
            let belongs = match next.symbol {
                Symbol::Letter(letter) => tag.push(self.vault, letter),
                Symbol::Close(close) if close == bracket => break,
                symbol => tag.count > 0 && tag.skip(symbol),
            };
            if !belongs {
                return Some(Reading::Other);
            }
            i += next.length;
            next = self.piece(i)?;
        }
        let Some(entry) = self.vault.entry(tag.letters()) else {
            return Some(Reading::Other);
        };
        // As many brackets as were opened; one may do.
        let (mut end, mut outer) = (i + next.length, None);
        if double {
            let (i, second) = self.behind_padding(end)?;
            if second.symbol == Symbol::Close(bracket) {
                end = i + second.length;
                outer = Some(second);
            }
        }
        let closed = [Some(next), outer];
        // An escape before the first bracket belongs to it only if the last ones are written so,
        // too: else the text before ends with it.
        let alike = |close: &Piece| close.writing == first.writing;
        if first.writing != Writing::Plain && !closed.iter().flatten().any(alike) {
            return Some(Reading::Other);
        }
        let goes = match (bracket, double) {
            (Bracket::Square, true) | (Bracket::Curly, true) => true,
            (Bracket::Round | Bracket::Angle, true) => outer.is_some(),
            // `[text](address)` of Markdown.
            (Bracket::Square, false) => self.piece(end)?.symbol != Symbol::Open(Bracket::Round),
            // `\url{…}` and the like have their own.
            (Bracket::Curly, false) => !inside,
            // Prose has parentheses of its own.
            (Bracket::Round, false) => false,
            // So has an address: `Ana <ana@x.com>` (RFC 5322 §3.4).
            (Bracket::Angle, false) => !entry.text.contains(['@', '/']),
        };
        Some(match goes {
            true => Reading::Whole(entry, end, tag.writing),
            false => Reading::Other,
        })
    }
}
