//! Overload by HTTP/2 frames that no ordinary client sends: who floods is cut, and the others notice
//! nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, eventually, wire};

use super::config;
use super::pod_overload::{MIB, ask};

/// HTTP/2 by hand.
struct Frames(TcpStream);

impl Frames {
    fn open(address: SocketAddr, settings: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_write_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .unwrap();
        let mut frames = Self(stream);
        assert!(frames.send(4, 0, 0, settings));
        frames
    }

    /// Sends a frame (RFC 9113 §4.1); whether the peer still takes any.
    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.0.write_all(&frame).is_ok()
    }

    /// A POST without its body, HPACK literals without indexing (RFC 7541 §6.2.2).
    fn post() -> Vec<u8> {
        let mut block = vec![0x83, 0x86]; // :method POST, :scheme http
        for (name, value) in [(":authority", "a"), (":path", "/v1/chat/completions")] {
            block.push(0);
            block.push(u8::try_from(name.len()).unwrap());
            block.extend(name.bytes());
            block.push(u8::try_from(value.len()).unwrap());
            block.extend(value.bytes());
        }
        block
    }

    /// Reads to the end; the error code of a GOAWAY (RFC 9113 §6.8), and whether the connection
    /// ended.
    fn end(mut self) -> (Option<u32>, bool) {
        let (mut bytes, mut ended) = (Vec::new(), false);
        let mut piece = [0; 64 << 10];
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            match self.0.read(&mut piece) {
                Ok(0) => ended = true,
                Ok(n) => {
                    bytes.extend_from_slice(&piece[..n]);
                    continue;
                }
                Err(error) => ended = error.kind() != std::io::ErrorKind::WouldBlock,
            }
            break;
        }
        let mut rest = &bytes[..];
        let mut away = None;
        while rest.len() >= 9 {
            let length =
                usize::from(rest[0]) << 16 | usize::from(rest[1]) << 8 | usize::from(rest[2]);
            if rest[3] == 7 && rest.len() >= 17 {
                away = Some(u32::from_be_bytes(rest[13..17].try_into().unwrap()));
            }
            rest = rest.get(9 + length..).unwrap_or_default();
        }
        (away, ended)
    }
}

#[test]
fn pod_http2_floods_end_their_connection_and_cost_next_to_nothing() {
    let upstream = Upstream::start(|_, _| {
        vec![
            Step::Pause(Duration::from_secs(1)),
            Step::Send(replies::json_body("{}")),
        ]
    });
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let address = sidecar.base;
    assert_eq!(wire::get(sidecar.base, "/v1/models").status, 200);
    let before = sidecar.rss();
    type Attack = fn(&mut Frames, u32) -> bool;
    let attacks: [(&str, Attack); 6] = [
        ("rapid reset", |frames, n| {
            let stream = 2 * n + 1;
            frames.send(1, 4, stream, &Frames::post()) && frames.send(3, 0, stream, &[0, 0, 0, 8])
        }),
        ("continuation", |frames, n| match n {
            0 => frames.send(1, 0, 1, &Frames::post()),
            _ => frames.send(
                9,
                0,
                1,
                &[b"\0\x01a\x7f\x81\x07"[..].to_vec(), vec![b'x'; 1024]].concat(),
            ),
        }),
        ("empty data", |frames, n| match n {
            0 => frames.send(1, 4, 1, &Frames::post()),
            _ => frames.send(0, 0, 1, b""),
        }),
        ("settings", |frames, _| {
            frames.send(4, 0, 0, &[0, 4, 0, 0, 255, 255])
        }),
        ("ping", |frames, _| frames.send(6, 0, 0, b"12345678")),
        ("priority", |frames, n| {
            frames.send(2, 0, 2 * n + 1, &[0, 0, 0, 0, 16])
        }),
    ];
    for (name, attack) in attacks {
        let mut frames = Frames::open(address, b"");
        let sent = (0..50_000).take_while(|n| attack(&mut frames, *n)).count();
        let (away, ended) = if matches!(name, "rapid reset" | "continuation") {
            frames.end()
        } else {
            drop(frames);
            (None, false)
        };
        let grown = sidecar.rss().saturating_sub(before);
        eprintln!(
            "{name}: {sent} taken, goaway {away:?}, ended {ended}, {} KiB more",
            grown / 1024
        );
        assert!(grown < 20 * MIB, "{name}: {} MiB more", grown / MIB);
        if matches!(name, "rapid reset" | "continuation") {
            assert!(ended || away.is_some(), "{name} goes on");
        }
        // ENHANCE_YOUR_CALM, where the peer read far enough to receive it.
        assert!(
            away.is_none_or(|code| code == 11 || name != "rapid reset"),
            "{name}: {away:?}"
        );
        assert_eq!(
            wire::call(sidecar.base, &ask(Api::Chat, "m")).status,
            200,
            "after {name}"
        );
    }
}

#[test]
fn pod_an_http2_client_that_opens_no_window_is_cut_and_costs_little() {
    let upstream = Upstream::start(|_, _| {
        vec![
            Step::Send(replies::stream_head()),
            Step::Flood {
                piece: replies::chunk(&[b'x'; 16 << 10]),
                pieces: 1 << 20,
            },
        ]
    });
    let sidecar = Sidecar::start(&format!(
        "limits: {{ write_timeout: 2s }}\n{}",
        config(&upstream, "")
    ));
    let before = sidecar.rss();
    // SETTINGS_INITIAL_WINDOW_SIZE 0: nothing may be sent on any stream.
    let mut frames = Frames::open(sidecar.base, &[0, 4, 0, 0, 0, 0]);
    let body = Api::Chat.ask("m", "hi", true).to_string();
    for n in 0..50 {
        assert!(frames.send(1, 4, 2 * n + 1, &Frames::post()));
        assert!(frames.send(0, 1, 2 * n + 1, body.as_bytes()));
    }
    eventually("the upstreams are asked", || upstream.count() == 50);
    let grown = sidecar.rss().saturating_sub(before);
    eventually("all upstreams are let go", || upstream.left().len() == 50);
    assert!(grown < 20 * MIB, "{} MiB more", grown / MIB);
    assert!(sidecar.metric("outrigger_connections_cut_total", &["stalled"]) > 0.5);
}
