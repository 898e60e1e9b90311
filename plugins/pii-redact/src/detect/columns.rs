//! Reads what a table's heading says about a number in one of its rows: CSV and its like, Markdown
//! and HTML tables, and the column list of an SQL `INSERT`.
//!
//! A table is a run of lines with as many delimiters each; its first line is the heading. Lines are
//! read once, from the first to that of the last number whose meaning was in doubt.

mod html;

use std::cell::RefCell;

use super::context::{Topic, topic};
use super::text::{before, byte};

/// Delimiters, the surer one first.
const DELIMITERS: [u8; 4] = *b"\t|;,";
/// Columns whose headings are read.
const COLUMNS: usize = 24;
/// Bytes of the longest row, and of the longest SQL column list or tuple.
const ROW: usize = 1024;
/// Bytes of the longest heading of one column.
const HEADING: usize = 40;
/// Bytes before the column list of an `INSERT`.
const HEAD: usize = 160;

/// The answer for a place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// It is in no table that is known.
    Unknown,
    /// It is in a column, and its heading speaks of this.
    Of(Option<Topic>),
}

/// The tables of a text, as far as it was read.
pub(super) struct Columns<'t> {
    bytes: &'t [u8],
    state: RefCell<State>,
    html: RefCell<html::Html>,
}

#[derive(Default)]
struct State {
    /// The first byte of the line that was not read.
    read: usize,
    /// The first byte of the last line that was.
    line: usize,
    /// Rows below the heading, the last line read included.
    rows: usize,
    delimiter: u8,
    count: usize,
    /// The heading's first byte and one past its last.
    heading: (usize, usize),
    /// The kinds of the heading, once a row wants them: nothing where it is none.
    headings: Option<[Option<Topic>; COLUMNS]>,
    is_read: bool,
    /// The same of the last SQL column list.
    list: Option<[Option<Topic>; COLUMNS]>,
}

impl<'t> Columns<'t> {
    /// Tables of a text, of which nothing is read yet.
    pub(super) fn new(bytes: &'t [u8]) -> Self {
        Self {
            bytes,
            state: RefCell::default(),
            html: RefCell::default(),
        }
    }

    /// The column of a cell that begins at `at`, where the byte before it, quotes and blanks aside,
    /// is a delimiter or a line's end.
    pub(super) fn at(&self, at: usize) -> Column {
        let mut from = at;
        while at - from < 6 && matches!(before(self.bytes, from, 1), b' ' | b'"' | b'\'' | b'\\') {
            from -= 1;
        }
        let opening = before(self.bytes, from, 1);
        if opening == b'>' {
            let heading = self.html.try_borrow_mut().ok();
            return match heading.and_then(|mut html| html.heading(self.bytes, at)) {
                Some(topic) => Column::Of(Some(topic)),
                None => Column::Unknown,
            };
        }
        if !matches!(opening, 0 | b'\n' | b'\t' | b'|' | b';' | b',' | b'(') && from > 0 {
            return Column::Unknown;
        }
        let Ok(mut state) = self.state.try_borrow_mut() else {
            return Column::Unknown;
        };
        while state.read <= at && state.read < self.bytes.len() {
            self.read_line(&mut state);
        }
        if let Some(list) = &state.list
            && let Some(column) = self.column_of_tuple(at)
        {
            return Column::Of(list.get(column).copied().flatten());
        }
        if state.rows == 0 || at < state.line || at - state.line >= ROW {
            return Column::Unknown;
        }
        if !state.is_read {
            let heading = self.bytes.get(state.heading.0..state.heading.1);
            let heading = heading.filter(|line| is_heading(line, state.delimiter));
            state.headings = heading.map(|line| topics(line, state.delimiter));
            state.is_read = true;
        }
        let Some(headings) = &state.headings else {
            return Column::Unknown;
        };
        let row = self.bytes.get(state.line..at).unwrap_or_default();
        let column = count(row, state.delimiter);
        Column::Of(headings.get(column).copied().flatten())
    }

    /// Reads one line: another row, or the heading of another table.
    fn read_line(&self, state: &mut State) {
        let rest = self.bytes.get(state.read..).unwrap_or_default();
        let (length, ending) = line_end(rest);
        let line = rest.get(..length).unwrap_or_default();
        if let Some(list) = insert_list(line) {
            state.list = Some(topics(list, b','));
        }
        state.line = state.read;
        state.read += length + ending;
        if length < ROW && state.count > 0 && count(line, state.delimiter) == state.count {
            state.rows += 1;
            return;
        }
        state.rows = 0;
        state.count = 0;
        state.is_read = false;
        if length >= ROW {
            return;
        }
        state.heading = (state.line, state.line + length);
        for delimiter in DELIMITERS {
            state.count = count(line, delimiter);
            state.delimiter = delimiter;
            if state.count > 0 {
                break;
            }
        }
    }

    /// The number of a value in the SQL tuple around `at`.
    fn column_of_tuple(&self, at: usize) -> Option<usize> {
        let (mut commas, mut quoted, mut i) = (0, false, at);
        if before(self.bytes, at, 1) == b'\'' {
            i -= 1;
        }
        while i > 0 && at - i < ROW {
            i -= 1;
            match byte(self.bytes, i) {
                b'\'' => quoted = !quoted,
                b',' if !quoted => commas += 1,
                b'(' if !quoted => return Some(commas),
                b')' | b';' if !quoted => return None,
                _ => {}
            }
        }
        None
    }
}

/// Bytes of the first line, and of what ends it: a line break, or one that is written as JSON's
/// `\n`.
fn line_end(text: &[u8]) -> (usize, usize) {
    let mut from = 0;
    while let Some(found) = memchr::memchr2(b'\n', b'\\', text.get(from..).unwrap_or_default()) {
        let at = from + found;
        if byte(text, at) == b'\n' {
            return (at, 1);
        }
        if byte(text, at + 1) == b'n' {
            return (at, 2);
        }
        from = at + 1;
    }
    (text.len(), 0)
}

/// Delimiters outside of double quotes.
fn count(line: &[u8], delimiter: u8) -> usize {
    if memchr::memchr(b'"', line).is_none() {
        return memchr::memchr_iter(delimiter, line).count();
    }
    let mut quoted = false;
    line.iter()
        .filter(|&&b| {
            quoted ^= b == b'"';
            b == delimiter && !quoted
        })
        .count()
}

/// The cells of a row, with quotes and blanks around them.
fn cells(line: &[u8], delimiter: u8) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    line.split(move |&b| {
        quoted ^= b == b'"';
        b == delimiter && !quoted
    })
}

/// True if each cell is short, and a word rather than a number.
fn is_heading(line: &[u8], delimiter: u8) -> bool {
    let fits = |cell: &[u8]| {
        let cell = cell.trim_ascii();
        let digits = cell.iter().filter(|b| b.is_ascii_digit()).count();
        cell.len() <= HEADING && digits < 3 && !cell.contains(&b'@') && !cell.contains(&b':')
    };
    let worded = |cell: &[u8]| cell.iter().any(u8::is_ascii_alphabetic);
    cells(line, delimiter).all(fits) && cells(line, delimiter).any(worded)
}

fn topics(line: &[u8], delimiter: u8) -> [Option<Topic>; COLUMNS] {
    let mut topics = [None; COLUMNS];
    for (place, cell) in topics.iter_mut().zip(cells(line, delimiter)) {
        *place = topic(cell, cell.len());
    }
    topics
}

/// The columns in `INSERT INTO t (id, name) VALUES`.
fn insert_list(line: &[u8]) -> Option<&[u8]> {
    let open = memchr::memchr(b'(', line)?;
    let rest = line.get(open + 1..)?;
    let list = rest.get(..memchr::memchr(b')', rest)?)?;
    let behind = rest.get(list.len() + 1..)?.trim_ascii_start();
    let values = behind
        .get(..6)
        .is_none_or(|word| word.eq_ignore_ascii_case(b"values"));
    let head = line.get(..open)?.trim_ascii_start();
    if !values || head.len() > HEAD {
        return None;
    }
    let insert = head
        .windows(12)
        .any(|word| word.eq_ignore_ascii_case(b"insert into "));
    (insert && list.len() <= ROW).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(text: &str, number: &str) -> Column {
        let bytes = text.as_bytes();
        Columns::new(bytes).at(text.find(number).unwrap_or_default())
    }

    #[test]
    fn a_heading_speaks_for_the_cells_of_its_column() {
        for table in [
            "name,phone,order\nAna,912,1\nBob,\"777\",2\n",
            "name;telefone;pedido\nAna;912;1\nBob;777;2\n",
            "name\tTel.\torder\nAna\t912\t1\nBob\t777\t2\n",
            "| name | phone | order |\n|---|---|---|\n| Ana | 912 | 1 |\n| Bob | 777 | 2 |\n",
            r#"{"csv":"x\nname,phone,order\nAna,912,1\nBob,777,2\n"}"#,
            "<table><tr><th>name<th>phone</tr><tr><td>Ana<td>912</tr>\n <tr><td>Bob</td><td class='n'>777",
            "<table>\n<tr><td>name</td><td>Tel.</td></tr>\n<tr>\n<td>Bob</td>\n<td>777</td></tr>",
            "\"Last, first\",phone,order\n\"Silva, Ana\",912,1\n\"Roe, Bob\",777,2",
        ] {
            assert_eq!(
                column(table, "777"),
                Column::Of(Some(Topic::Phone)),
                "{table}"
            );
        }
        let table = "id,mobile,value\n1,2,777\n";
        assert_eq!(column(table, "777"), Column::Of(None));
    }

    #[test]
    fn a_list_of_columns_speaks_for_the_values_of_a_tuple() {
        let one = "INSERT INTO users (id, name, ssn) VALUES (1, 'Ana, B.', 5), (2, 'x', '777');";
        assert_eq!(column(one, "777"), Column::Of(Some(Topic::Ssn)));
        let rows = "INSERT INTO users (id, phone)\nVALUES\n  (1, 'a'),\n  (2, '777');";
        assert_eq!(column(rows, "777"), Column::Of(Some(Topic::Phone)));
    }

    #[test]
    fn prose_is_no_table() {
        for text in [
            "Call me on 777",
            "Hello, you\nand you, and 1, 2: 777",
            "1,2,3\n4,777,5",
        ] {
            assert_eq!(column(text, "777"), Column::Unknown, "{text}");
        }
    }
}
