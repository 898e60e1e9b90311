//! Headings of HTML tables: the cells of a table's first row, and all `<th>`.

use super::{COLUMNS, HEADING};
use crate::detect::context::{Topic, topic};
use crate::detect::text::byte;

/// The table of a text that was read last, up to a place in it.
#[derive(Default)]
pub(super) struct Html {
    /// The first byte that was not read.
    read: usize,
    /// Rows of the table, the present one included.
    rows: usize,
    /// Cells of the present row.
    cells: usize,
    headings: [Option<Topic>; COLUMNS],
}

impl Html {
    /// The topic of the heading over the cell whose text begins behind the `>` before `at`.
    pub(super) fn heading(&mut self, bytes: &[u8], at: usize) -> Option<Topic> {
        while let Some(found) = bytes
            .get(self.read..at)
            .and_then(|text| memchr::memchr(b'<', text))
        {
            let tag = self.read + found;
            self.read = tag + 1;
            self.tag(bytes, tag + 1);
        }
        let cell = self.cells.checked_sub(1).filter(|_| self.rows > 1)?;
        self.headings.get(cell).copied()?
    }

    /// Takes the tag whose name begins at `at`.
    fn tag(&mut self, bytes: &[u8], at: usize) {
        let name = [0, 1].map(|i| byte(bytes, at + i).to_ascii_lowercase());
        let ends = |at: usize| matches!(byte(bytes, at), b'>' | b' ' | b'\n' | b'\r' | b'\\');
        match &name {
            b"tr" if ends(at + 2) => {
                self.rows += 1;
                self.cells = 0;
            }
            b"td" | b"th" if ends(at + 2) => {
                self.cells += 1;
                if self.rows == 1 || name == *b"th" {
                    let text = text_of(bytes, at);
                    let heading = self.headings.get_mut(self.cells - 1);
                    if let Some(heading) = heading {
                        *heading = topic(text, text.len());
                    }
                }
            }
            b"ta" => {
                *self = Self {
                    read: self.read,
                    ..Self::default()
                }
            }
            _ => {}
        }
    }
}

/// The text of the cell whose tag's name is at `at`, as far as it is a heading's.
fn text_of(bytes: &[u8], at: usize) -> &[u8] {
    let rest = bytes.get(at..).unwrap_or_default();
    let rest = rest.get(..4 * HEADING).unwrap_or(rest);
    let open = memchr::memchr(b'>', rest).map_or(rest.len(), |open| open + 1);
    let text = rest.get(open..).unwrap_or_default();
    let length = memchr::memchr(b'<', text).unwrap_or(0);
    let text = text.get(..length).unwrap_or_default().trim_ascii();
    if text.len() <= HEADING { text } else { &[] }
}
