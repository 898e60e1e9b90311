//! A trial as text for a terminal.

use std::fmt::{self, Write as _};

use super::{
    Outcome,
    diff::{Change, Part, words},
    spy::{Did, Note},
};

/// Characters of unchanged text around a change.
const AROUND: usize = 32;
/// Characters of a value that is all new or all gone.
const LONGEST: usize = 400;

/// Colours of a terminal, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    pub(crate) is_coloured: bool,
}

impl Palette {
    fn paint(self, code: &str, text: &str) -> String {
        match self.is_coloured {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
    fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }
    /// As `git diff --word-diff` has it.
    fn removed(self, text: &str) -> String {
        match self.is_coloured {
            true => self.paint("31", &visible(text)),
            false => format!("[-{}-]", visible(text)),
        }
    }
    fn added(self, text: &str) -> String {
        match self.is_coloured {
            true => self.paint("32", &visible(text)),
            false => format!("{{+{}+}}", visible(text)),
        }
    }
}

/// Describes what became of the exchange.
pub(crate) fn print(outcome: &Outcome, palette: Palette) -> String {
    let mut out = String::new();
    // Writing to a text does not fail.
    let _ = write(&mut out, outcome, palette);
    out
}

fn write(out: &mut String, outcome: &Outcome, palette: Palette) -> fmt::Result {
    let is_reply = |note: &&Note| note.hook == "reply";
    writeln!(
        out,
        "{} {}",
        palette.bold("request"),
        visible(&outcome.path)
    )?;
    for note in outcome.notes.iter().filter(|note| note.hook == "request") {
        hook(out, note, palette)?;
    }
    if outcome.notes.iter().all(|note| note.hook != "request") {
        writeln!(out, "  no policy was called")?;
    }
    for sent in &outcome.sent {
        writeln!(
            out,
            "{} {} {}, {} bytes",
            palette.bold("upstream"),
            sent.upstream,
            sent.uri,
            sent.bytes
        )?;
    }
    let is_attempt = |note: &&Note| matches!(note.hook, "attempt" | "failure");
    for note in outcome.notes.iter().filter(is_attempt) {
        hook(out, note, palette)?;
    }
    if outcome.notes.iter().any(|note| note.hook == "reply") {
        writeln!(out, "{}", palette.bold("reply"))?;
        for note in outcome.notes.iter().filter(is_reply) {
            hook(out, note, palette)?;
        }
    }
    for (policy, metrics) in outcome.metrics.iter().filter(|(_, own)| !own.is_empty()) {
        let own: Vec<String> = metrics
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        writeln!(
            out,
            "{} {policy}: {}",
            palette.bold("metrics"),
            own.join(", ")
        )?;
    }
    let Some(answer) = &outcome.answer else {
        return writeln!(
            out,
            "{} it goes out; no reply was given",
            palette.bold("forwarded")
        );
    };
    let word = if outcome.is_refused() {
        "refused"
    } else {
        "answered"
    };
    writeln!(
        out,
        "{} {}{}",
        palette.bold(word),
        answer.status.as_u16(),
        if answer.is_broken { ", broken off" } else { "" }
    )?;
    if answer.status.as_u16() >= 400 {
        writeln!(out, "  {}", visible(&String::from_utf8_lossy(&answer.body)))?;
    }
    Ok(())
}

fn hook(out: &mut String, note: &Note, palette: Palette) -> fmt::Result {
    let edits = note.lines.len()
        + note.changes.len()
        + note
            .channels
            .values()
            .filter(|one| one.shown != one.returned)
            .count();
    let did = match &note.did {
        Did::Forwarded if edits > 0 => palette.paint("33", "edited"),
        Did::Forwarded => "forwarded".to_owned(),
        Did::Refused(denial) => {
            let word = palette.paint("31", "refused");
            let wait = denial.retry_after_ms;
            let wait = wait.map_or_else(String::new, |ms| format!(", again in {ms} ms"));
            format!(
                "{word} with {} `{}`: {}{wait}",
                denial.status,
                denial.code,
                visible(&denial.message)
            )
        }
        Did::Replied(text) => format!("replied: {}", visible(text)),
        Did::Served => "served a kept reply".to_owned(),
        Did::Tried(targets) => format!("had {} tried", targets.join(", ")),
        Did::Rejected(code) => {
            let word = palette.paint("31", "rejected");
            format!("{word} the reply: `{code}`")
        }
        Did::Faulted(fault) => format!("{} {fault}", palette.paint("31", "failed:")),
    };
    let calls = if note.calls > 1 {
        format!(", {} calls", note.calls)
    } else {
        String::new()
    };
    writeln!(
        out,
        "  {} {did} ({:.2} ms{calls})",
        palette.bold(&note.policy),
        note.took.as_secs_f64() * 1000.0
    )?;
    for line in &note.lines {
        writeln!(out, "    {}", visible(line))?;
    }
    for change in &note.changes {
        writeln!(
            out,
            "    {}: {}",
            visible(&change.pointer),
            changed(change, palette)
        )?;
    }
    for channel in note
        .channels
        .values()
        .filter(|one| one.shown != one.returned)
    {
        writeln!(
            out,
            "    {}, choice {}: {}",
            channel.place.name(),
            channel.choice,
            difference(&channel.shown, &channel.returned, palette)
        )?;
    }
    Ok(())
}

fn changed(change: &Change, palette: Palette) -> String {
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => difference(before, after, palette),
        (Some(before), None) => palette.removed(&cut(before)),
        (None, Some(after)) => palette.added(&cut(after)),
        (None, None) => String::new(),
    }
}

fn difference(before: &str, after: &str, palette: Palette) -> String {
    let parts = words(before, after);
    let last = parts.len().saturating_sub(1);
    let mut line = String::new();
    for (n, part) in parts.iter().enumerate() {
        match part {
            Part::Same(text) => line.push_str(&visible(&around(text, n > 0, n < last))),
            Part::Removed(text) => line.push_str(&palette.removed(text)),
            Part::Added(text) => line.push_str(&palette.added(text)),
        }
    }
    line
}

/// Unchanged text, but for what is far from a change before it and behind it.
fn around(text: &str, has_before: bool, has_after: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let head = if has_before { AROUND } else { 0 };
    let tail = if has_after { AROUND } else { 0 };
    if chars.len() <= head + tail + 3 {
        return text.to_owned();
    }
    let start: String = chars.iter().take(head).collect();
    let end: String = chars.iter().skip(chars.len() - tail).collect();
    format!("{start} … {end}")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Line breaks as `⏎`, and nothing that a terminal would obey.
fn visible(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' => '⏎',
        c if c.is_control() => '?',
        c => c,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Palette = Palette { is_coloured: false };

    #[test]
    fn a_change_is_shown_with_a_little_of_what_is_around_it() {
        let long = "x ".repeat(100);
        let (before, after) = (
            format!("{long}ana@example.com {long}"),
            format!("{long}[[EMAIL]] {long}"),
        );
        let line = difference(&before, &after, PLAIN);
        assert!(line.contains("[-ana@example.com-]{+[[EMAIL]]+}"), "{line}");
        assert!(line.chars().count() < 120, "{line}");
        assert_eq!(difference("a\nb", "a\nc", PLAIN), "a⏎[-b-]{+c+}");
    }

    #[test]
    fn colours_are_for_terminals_and_control_characters_for_nobody() {
        let colours = Palette { is_coloured: true };
        assert_eq!(colours.added("a\x1b[2J"), "\x1b[32ma?[2J\x1b[0m");
        assert_eq!(PLAIN.removed("a"), "[-a-]");
    }
}
