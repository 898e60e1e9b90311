//! Prints what the guard makes of texts, one a line on standard input (or `{"text": …, "place":
//! "user" | "data"}`): how often it would be wrong on yours. First the flagged ones with score and
//! signs, then how many there were, and how fast it went. With `--json`: a line of JSON for each
//! text, flagged or not. With `--tables FOLDER`: by the words, rules and marks there.

use std::{
    io::{self, BufRead, Write},
    time::{Duration, Instant},
};

use prompt_guard::signs::{Origin, Scan, Sign, Tables};

fn main() -> io::Result<()> {
    let json = std::env::args().any(|argument| argument == "--json");
    let folder = std::env::args()
        .skip_while(|argument| argument != "--tables")
        .nth(1);
    let tables = match folder {
        None => Tables::new(&[]),
        Some(folder) => {
            let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}.txt"));
            Tables::parse(&read("words")?, &read("rules")?, &read("marks")?, &[])
        }
    };
    let (mut out, mut all, mut flagged, mut bytes, mut time) = (
        io::BufWriter::new(io::stdout().lock()),
        0,
        0,
        0,
        Duration::ZERO,
    );
    for line in io::stdin().lock().lines() {
        let line = line?;
        let object = serde_json::from_str::<serde_json::Value>(&line).ok();
        let field = |name: &str| {
            let value = object.as_ref()?.get(name)?;
            value.as_str().map(str::to_owned)
        };
        let text = field("text").unwrap_or_else(|| line.replace("\\n", "\n"));
        let origin = match field("place").as_deref() {
            Some("data") => Origin::Data,
            _ => Origin::User,
        };
        #[expect(clippy::disallowed_methods, reason = "it measures")]
        let started = Instant::now();
        let suspicion = Scan::whole(&tables, &text, origin);
        time += started.elapsed();
        all += 1;
        bytes += text.len();
        let signs: Vec<&str> = suspicion.signs().map(Sign::name).collect();
        if json {
            writeln!(
                out,
                "{}",
                serde_json::json!({ "score": suspicion.score, "signs": signs })
            )?;
        } else if suspicion.score >= 10 {
            flagged += 1;
            writeln!(
                out,
                "{} {}: {}",
                suspicion.score,
                signs.join(","),
                text.chars().take(160).collect::<String>()
            )?;
        }
    }
    if !json {
        let microseconds = time.as_micros().max(1);
        writeln!(
            out,
            "{flagged} of {all} flagged, {} MB/s",
            bytes as u128 / microseconds
        )?;
    }
    out.flush()
}
