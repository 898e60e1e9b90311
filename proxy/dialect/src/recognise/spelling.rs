//! Oddly spelt paths: `%63hat`, `..%2f`, `//`, `;x`, `\`. The readings that servers have of them.
//!
//! Nothing here is sent: a path leaves as it came.

/// The number of times that a path is decoded: servers behind gateways do it twice. What still
/// holds an escape is like no endpoint's name.
const DECODED: usize = 3;

/// Segments that tell what a path is: an endpoint's own, and those before it.
pub(super) const TELLING: usize = 8;

/// Reports whether all servers read a path alike, but for the case of its letters: no escapes,
/// empty or dot segments, parameters or backslashes.
pub(super) fn is_plain(bare: &str) -> bool {
    last_segments(bare, &mut [""; TELLING]).is_some()
}

/// The last segments of a path that all servers read alike, [`TELLING`] at most. They are put into
/// `room`: every call of an app is looked at, and a list would be made for each.
pub(super) fn last_segments<'p, 'r>(
    bare: &'p str,
    room: &'r mut [&'p str; TELLING],
) -> Option<&'r [&'p str]> {
    let odd = |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'%' | b'\\' | b';');
    // No early end, so that it is vectorised.
    if bare.bytes().fold(false, |seen, byte| seen | odd(byte)) {
        return None;
    }
    let inner = bare.strip_prefix('/').unwrap_or(bare);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    if inner.is_empty() {
        return Some(&[]);
    }
    let mut free = room.len();
    let mut rest = Some(inner);
    while let Some(path) = rest {
        // Segments are short: to begin a search by characters takes longer than to look at bytes.
        let slash = path.bytes().rposition(|byte| byte == b'/');
        let segment = path.get(slash.map_or(0, |at| at + 1)..)?;
        if matches!(segment, "" | "." | "..") {
            return None;
        }
        if let Some(last) = free.checked_sub(1)
            && let Some(slot) = room.get_mut(last)
        {
            *slot = segment;
            free = last;
        }
        rest = slash.and_then(|at| path.get(..at));
    }
    room.get(free..)
}

/// The readings that servers may have of a path, the most lenient first: decoded and then split or
/// split and then decoded, its dot segments resolved or not, cut at a decoded `?` or `#` or not.
/// Empty segments and parameters mean nothing in any of them.
pub(super) fn readings(bare: &str) -> impl Iterator<Item = Vec<String>> {
    let bare = bare.to_owned();
    (0..16_u8).map(move |which| {
        let first = which & 1 == 0;
        let resolves = which & 2 == 0;
        let cuts = which & 4 == 0;
        let drops_parameters = which & 8 == 0;
        let mut path = if first { decoded(&bare) } else { bare.clone() };
        if cuts && let Some(end) = path.find(['?', '#']) {
            path.truncate(end);
        }
        let mut segments: Vec<String> = Vec::new();
        for segment in path.split(['/', '\\']) {
            let segment = match segment.split_once(';') {
                Some((name, _)) if drops_parameters => name,
                _ => segment,
            };
            let segment = if first {
                segment.to_owned()
            } else {
                decoded(segment)
            };
            match segment.as_str() {
                "" | "." => {}
                ".." if resolves => drop(segments.pop()),
                _ => segments.push(segment),
            }
        }
        segments
    })
}

/// The text without its escapes, and without those that decoding brings to light.
fn decoded(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..DECODED {
        if !text.contains('%') {
            break;
        }
        text = crate::address::decode(&text).into_owned();
    }
    text
}
