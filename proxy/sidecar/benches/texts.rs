//! The texts of the benches: ordinary sentences, and those that detectors find much or nothing in.

use bytes::Bytes;

const SENTENCES: [&str; 8] = [
    "Please summarise the ticket below for the on-call engineer and propose a first answer.",
    "The customer says that the invoice of last month shows two charges for the same seat.",
    "We tried to reach Maria Souza at maria.souza@example.com, and by phone at +1 415 555 0132.",
    "According to the log the job started at 09:14, retried three times, and gave up with code 75.",
    "She would like to know whether the discount of her first year still applies, and until when.",
    "\\\"It worked before the update\\\", she writes, \\\"and nothing else was changed on our side.\\\"",
    "The account was opened in Lisbon; the team uses version 14.2 on forty-one machines.",
    "Keep it short, be kind, and do not promise a date that engineering has not confirmed.",
];

/// A chat request of about `size` bytes, of ordinary sentences; one in eight names a person's
/// address and number.
pub(super) fn prompt(size: usize) -> Bytes {
    let mut text = String::from(
        r#"{"model":"bench","messages":[{"role":"system","content":"You are a careful support assistant. Answer in the customer's language."},{"role":"user","content":""#,
    );
    for (number, sentence) in SENTENCES.iter().cycle().enumerate() {
        if text.len() + sentence.len() + 60 > size {
            break;
        }
        if number % 40 == 39 {
            let role = if number % 80 == 39 {
                "assistant"
            } else {
                "user"
            };
            text += &format!(r#""}},{{"role":"{role}","content":""#);
        }
        text += sentence;
        text.push(' ');
    }
    (text + r#""}],"temperature":0.2,"stream":true}"#).into()
}

/// A chat request with one message, of `rows` lines.
fn of_lines(rows: u32, line: impl Fn(u32) -> String) -> Bytes {
    let text: String = (0..rows).map(|row| line(row) + "\n").collect();
    let body = serde_json::json!({
        "model": "bench",
        "messages": [{ "role": "user", "content": text }],
    });
    body.to_string().into()
}

/// A chat request with a table of customers, two findings a row: 3,000 of them.
pub(super) fn csv() -> Bytes {
    of_lines(1500, |row| {
        let (phone, number) = (5_550_000 + row * 3, row % 41);
        format!("{row},basic,user{row}@mail{number}.example.com,+1 415 {phone:07},{number}.50,open")
    })
}

/// A chat request of nothing but findings, no two alike.
pub(super) fn dense() -> Bytes {
    of_lines(2000, |row| format!("p{row}.q@host{}.example.org", row % 97))
}

/// A chat request of prose and code without personal data.
pub(super) fn clean() -> Bytes {
    of_lines(500, |row| match row % 3 {
        0 => {
            "The lamp stays on until the ships have turned, and nobody leaves the house.".to_owned()
        }
        1 => format!("    let total_{row} = items.iter().map(|item| item.price).sum::<u64>();"),
        _ => format!("if (rows[{row}] !== undefined) {{ render(rows[{row}], options.theme); }}"),
    })
}
