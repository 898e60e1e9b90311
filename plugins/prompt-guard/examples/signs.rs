//! Prints what the guard makes of texts, one a line on standard input (or `{"text": …}`): how often
//! it would be wrong on yours. First the flagged ones with score and signs, then how many there
//! were, and how fast it went.

use std::{
    io::{self, BufRead, Write},
    time::{Duration, Instant},
};

use prompt_guard::signs::{Scan, Sign, Tables};

fn main() -> io::Result<()> {
    let tables = Tables::new(&[]);
    let (mut out, mut all, mut flagged, mut bytes, mut time) =
        (io::stdout().lock(), 0, 0, 0, Duration::ZERO);
    for line in io::stdin().lock().lines() {
        let line = line?;
        let text = serde_json::from_str::<serde_json::Value>(&line)
            .ok()
            .and_then(|value| value["text"].as_str().map(str::to_owned));
        let text = text.unwrap_or_else(|| line.replace("\\n", "\n"));
        #[expect(clippy::disallowed_methods, reason = "it measures")]
        let started = Instant::now();
        let suspicion = Scan::whole(&tables, &text, true);
        time += started.elapsed();
        all += 1;
        bytes += text.len();
        if suspicion.score >= 10 {
            flagged += 1;
            let signs: Vec<&str> = suspicion.signs().map(Sign::name).collect();
            writeln!(
                out,
                "{} {}: {}",
                suspicion.score,
                signs.join(","),
                text.chars().take(160).collect::<String>()
            )?;
        }
    }
    let microseconds = time.as_micros().max(1);
    writeln!(
        out,
        "{flagged} of {all} flagged, {} MB/s",
        bytes as u128 / microseconds
    )
}
