//! Prints what the detector finds: JSON lines `{"id","lang","text"}` in,
//! `{"id","spans":[{"start","end","type"}]}` out, offsets in code points.

use std::io::{BufRead, Write};

use pii_redact::detect::{Kinds, scan};

#[derive(serde::Deserialize)]
struct Document {
    id: serde_json::Value,
    text: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut spans = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let document: Document = serde_json::from_str(&line)?;
        spans.clear();
        scan(&document.text, Kinds::ALL, &mut spans);
        let found: Vec<_> = spans
            .iter()
            .map(|span| {
                let start = document.text[..span.start].chars().count();
                let end = start + document.text[span.start..span.end].chars().count();
                serde_json::json!({ "start": start, "end": end, "type": span.kind.label() })
            })
            .collect();
        writeln!(
            out,
            "{}",
            serde_json::json!({ "id": document.id, "spans": found })
        )?;
    }
    Ok(out.flush()?)
}
