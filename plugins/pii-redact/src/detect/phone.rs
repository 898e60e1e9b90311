//! Telephone numbers: `+` and country code, and the national forms of the US, Brazil and Europe.
//!
//! A form that other numbers share counts only after a word such as `tel` or `ligue`.

use super::columns::Columns;
use super::context::{LazyTopic, Topic};
use super::neighbour::{is_amount, is_fraction, is_measure};
use super::number::Groups;
use super::text::{before, begins, byte, goes_on};
use super::{Kind, Span};

/// Digits after the country code, lowest and highest, where it differs from the general 6 to 12.
fn national(digits: &[u8]) -> (usize, usize, usize) {
    match digits {
        [b'1', ..] => (1, 10, 10),
        [b'7', ..] => (1, 10, 10),
        [b'5', b'5', ..] => (2, 10, 11),
        [b'3', b'3' | b'4', ..] => (2, 9, 9),
        [b'4', b'4', ..] => (2, 9, 10),
        [b'4', b'9', ..] => (2, 6, 12),
        [b'3', b'9', ..] => (2, 6, 12),
        [b'3', b'5', b'1', ..] => (3, 9, 9),
        [b'2' | b'3' | b'4' | b'5' | b'6' | b'9', b'0'..=b'9', ..] => (2, 7, 12),
        [b'8', b'1' | b'2' | b'4' | b'6', ..] => (2, 8, 12),
        [b'8', b'5' | b'8', ..] => (3, 7, 10),
        _ => (0, 1, 0),
    }
}

/// The longest reading of the groups as a telephone number.
pub(super) fn at(bytes: &[u8], groups: &Groups, columns: &Columns<'_>) -> Option<Span> {
    let first = groups.starts[0];
    let plus = before(bytes, first, 1) == b'+';
    // A parenthesis that closes behind the first group; any other is the sentence's, or a tuple's.
    let paren = before(bytes, first, 1) == b'(' && groups.count > 1 && groups.separators[1] == b')';
    let start = if plus || paren { first - 1 } else { first };
    let counted = before(bytes, start, 1) == b'#' && before(bytes, start, 2).is_ascii_digit();
    if plus && !begins(bytes, start) || counted || is_fraction(bytes, start, groups.end(0)) {
        return None;
    }
    let mut digits = [0u8; 24];
    let mut lengths = [0usize; 9];
    let mut total = 0;
    let topic = LazyTopic::new(bytes, start, columns);
    let mut best = None;
    for n in 1..=groups.count {
        let group = groups.digits(bytes, n - 1);
        lengths[n - 1] = group.len();
        let trunk = (plus || digits.starts_with(b"00"))
            && group == b"0"
            && groups.separators[n - 1] == b'('; // +44 (0)20
        if !trunk {
            let Some(room) = digits.get_mut(total..total + group.len()) else {
                break;
            };
            room.copy_from_slice(group);
            total += group.len();
        }
        if total < 7 {
            continue;
        }
        let end = groups.end(n - 1);
        if n < groups.count && !matches!(groups.separators[n], b' ' | b'/' | b'(')
            || n == groups.count && goes_on(bytes, end) && extension(bytes, end) == end
        {
            continue;
        }
        let separator = groups.separators.get(n - 1).copied().unwrap_or(0);
        if !plus && is_amount(bytes, &lengths[..n], separator, end) || is_measure(bytes, start, end)
        {
            continue;
        }
        let number = &digits[..total];
        let accepted = if plus {
            let (code, low, high) = national(number);
            let rest = total.saturating_sub(code);
            // `+48.8583701` is a latitude, `+1.2125550100` a telephone number of whois.
            let point = n == 2 && groups.separators[1] == b'.' && rest < 9;
            (low..=high).contains(&rest) && !point && (number[0] != b'1' || nanp(&number[1..]))
        } else if number.starts_with(b"00") && number[2] != b'0' {
            let (code, low, high) = national(&number[2..]);
            (low.max(8)..=high).contains(&(total - 2).saturating_sub(code))
                && (n > 1 || matches!(topic.get(), None | Some(Topic::Phone)))
        } else {
            match form(number, &lengths[..n], &groups.separators[..n], paren) {
                Form::Sure => match topic.get() {
                    Some(Topic::Thing | Topic::Hash | Topic::Version) => false,
                    None | Some(Topic::Phone) => true,
                    // Ungrouped, it is rather the other number, with a digit wrong.
                    Some(_) => n > 1,
                },
                Form::WithWord => topic.get() == Some(Topic::Phone),
                Form::No => false,
            }
        };
        if accepted {
            best = Some(Span {
                start,
                end,
                kind: Kind::Phone,
            });
        }
    }
    best.map(|span| Span {
        end: extension(bytes, span.end),
        ..span
    })
}

/// Words before an extension, in lower case; the longer of two with one beginning first.
const EXTENSIONS: &[&[u8]] = &[
    b"extension",
    b"extensi\xc3\xb3n",
    b"ext",
    b"ramal",
    b"anexo",
    b"durchwahl",
    b"poste",
    b"apparat",
    b"interno",
    b"int",
    b"dw",
    b"x",
    b"#",
];

/// One past the extension of the telephone number that ends before `end`: ` ext. 123`, `x123`,
/// ` ramal 45`; `end` where there is none.
fn extension(bytes: &[u8], end: usize) -> usize {
    let skip = |mut at: usize, of: &[u8], most: usize| {
        let from = at;
        while at - from < most && of.contains(&byte(bytes, at)) {
            at += 1;
        }
        at
    };
    let at = skip(end, b" ,(-\xc2\xa0", 4); // a no-break space among them
    let starts = |word: &&&[u8]| {
        bytes
            .get(at..at + word.len())
            .is_some_and(|text| text.eq_ignore_ascii_case(word))
    };
    let Some(word) = EXTENSIONS.iter().find(starts) else {
        return end;
    };
    let digits = skip(at + word.len(), b".: ", 2);
    let behind = skip(digits, b"0123456789", 7);
    if (1..=6).contains(&(behind - digits)) && !goes_on(bytes, behind) {
        behind
    } else {
        end
    }
}

/// North American numbering plan: area and exchange begin with 2 to 9, and neither is a service
/// code.
fn nanp(digits: &[u8]) -> bool {
    digits.len() == 10 && digits[0] >= b'2' && digits[3] >= b'2' && &digits[1..3] != b"11"
}

/// Brazilian area codes have no zero.
fn brazilian(digits: &[u8]) -> bool {
    digits.len() > 9
        && digits[0] != b'0'
        && digits[1] != b'0'
        && (digits.len() == 10 && matches!(digits[2], b'2'..=b'5')
            || digits.len() == 11 && digits[2] == b'9')
}

/// The certainty of a national form.
enum Form {
    Sure,
    WithWord,
    No,
}

fn form(digits: &[u8], lengths: &[usize], separators: &[u8], paren: bool) -> Form {
    use Form::{No, Sure, WithWord};
    let sure = |fits: bool| if fits { Sure } else { No };
    let with_word = |fits: bool| if fits { WithWord } else { No };
    let last = separators.last().copied().unwrap_or(0);
    let same = separators.iter().skip(2).all(|&s| s == separators[1]);
    let zero = digits[0] == b'0' && digits[1] != b'0';
    let round = digits.ends_with(b"000");
    // A CPF with a wrong digit.
    if lengths == [3, 3, 3, 2] && separators.get(1..3) == Some(b"..") {
        return No;
    }
    if lengths.len() == 1
        && (digits.windows(2).all(|w| w[1] == w[0] + 1)
            || digits.starts_with(b"0123456789")
            || digits.starts_with(b"987654321"))
    {
        return No; // an alphabet of digits
    }
    if paren {
        // The area in parentheses.
        if separators.get(1) != Some(&b')') {
            return No;
        }
        return match lengths {
            [3, 3, 4] => sure(nanp(digits)),
            [2, 5, 4] | [2, 4, 4] | [2, 1, 4, 4] | [2, 9] | [2, 8] => sure(brazilian(digits)),
            [3..=6, ..] if zero => sure((9..=12).contains(&digits.len())),
            _ => No,
        };
    }
    if separators.contains(&b')') || separators.contains(&b'(') {
        return match lengths {
            [1, 3, 3, 4] if digits[0] == b'1' => sure(nanp(&digits[1..])),
            _ => No,
        };
    }
    match lengths {
        // France; also written with dots and dashes.
        [2, 2, 2, 2, 2] if zero => sure(same),
        [1, 3, 3, 4] if digits[0] == b'1' => sure(nanp(&digits[1..])),
        [3, 3, 4] if zero => sure(same && last != b'.'),
        [3, 3, 4] if nanp(digits) => {
            if same {
                Sure
            } else {
                WithWord
            }
        }
        [4, 3, 3]
        | [4, 3, 4]
        | [3, 4, 4]
        | [5, 3, 3]
        | [4, 2, 2, 2]
        | [5, 2, 2, 2]
        | [3, 3, 2, 2]
        | [3, 4, 3]
        | [4, 2, 2, 3]
        | [3, 2, 2, 2, 2]
            if digits[0] == b'0' =>
        {
            sure(digits[1] != b'0')
        }
        // A US ZIP+4 code looks the same.
        [5, 4] if last == b'-' && zero => WithWord,
        // Area and number: Germany, Austria, Britain, Italy, Brazil's 0xx.
        [3..=6, 4..=8] if zero => match last {
            b' ' | b'/' | b'-' => sure((8..=12).contains(&digits.len())),
            _ => No,
        },
        [3..=5, 2..=4, 2..=6] if zero && last != b'.' => {
            with_word((9..=12).contains(&digits.len()))
        }
        // Brazil without parentheses.
        [2, 5, 4] => sure(brazilian(digits) && last != b'.'),
        [2, 1, 4, 4] => sure(brazilian(digits)),
        [2, 4, 4] if last == b'-' && brazilian(digits) => Sure,
        [2, 4, 4] => with_word(true),
        [5, 4] => {
            if digits[0] == b'9' && last == b'-' {
                Sure
            } else {
                with_word(digits[0] == b'9')
            }
        }
        // Portugal and Spain.
        [3, 3, 3] if last != b'.' || same => match digits {
            [b'9', b'1' | b'2' | b'3' | b'6', ..] | [b'6' | b'7', ..] if !round && last == b' ' => {
                Sure
            }
            [b'2' | b'3' | b'6'..=b'9', ..] if !round => WithWord,
            _ => No,
        },
        [3, 2, 2, 2] => sure(
            matches!(digits[0], b'6'..=b'9') && same && last != b'.'
                || matches!(digits[0], b'6' | b'7' | b'9') && same,
        ),
        [2, 3, 2, 2] => sure(matches!(digits[0], b'8' | b'9') && same && last == b' '),
        [2, 3, 4] => match digits {
            [b'2', b'1' | b'2', ..] if last == b' ' => Sure,
            _ => with_word(last != b'.'),
        },
        [3, 6] if matches!(digits[0], b'6' | b'7' | b'9') => WithWord,
        // Italian mobiles and numbers without grouping.
        [3, 7] | [3, 6..=8] if digits[0] == b'3' => WithWord,
        // Mobiles without grouping: Britain, France.
        [11] if digits.starts_with(b"07") => Sure,
        [10] if matches!(digits, [b'0', b'6' | b'7', ..]) => Sure,
        [_] => with_word(match digits.len() {
            9 => matches!(digits[0], b'2' | b'6'..=b'9'),
            10 => true,
            11 => digits[0] == b'0' || digits[0] == b'1' || brazilian(digits),
            12 => digits[0] == b'0' || digits.starts_with(b"55"),
            13 => digits.starts_with(b"55"),
            _ => false,
        }),
        [_, _] | [_, _, _] | [_, _, _, _] => with_word(
            (9..=11).contains(&digits.len()) && last != b'.' && lengths.iter().all(|&l| l >= 2),
        ),
        _ => No,
    }
}
