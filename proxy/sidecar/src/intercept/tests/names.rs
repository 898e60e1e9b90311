//! The pure tables: reading a hello, deciding on a connection, agreement of names.

use proptest::prelude::*;

use super::super::{
    decide::{Action, RefuseReason, TunnelReason, agrees, connect, decide},
    hello::{Opening, read},
};
use super::*;
use crate::config::{Others, hosts::Hosts};

/// The first bytes of rustls' client.
pub(super) fn hello(name: &str) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// Splits the same hello into records of `size` bytes.
pub(super) fn fragmented(hello: &[u8], size: usize) -> Vec<Vec<u8>> {
    let record = |piece: &[u8]| {
        let length = u16::try_from(piece.len()).unwrap().to_be_bytes();
        [&[22, 3, 1, length[0], length[1]], piece].concat()
    };
    hello[5..].chunks(size).map(record).collect()
}

#[test]
fn a_hello_tells_its_host_once_it_is_whole_however_it_comes() {
    let whole = hello("API.OpenAI.com");
    let expected = Some(Opening::Name("api.openai.com".into()));
    assert_eq!(read(&whole), expected);
    for end in 0..whole.len() {
        assert_eq!(read(&whole[..end]), None, "{end} of {}", whole.len());
    }
    for size in [1, 2, 40, 100] {
        let records = fragmented(&whole, size).concat();
        assert_eq!(read(&records), expected, "records of {size}");
        assert_eq!(read(&records[..records.len() - 1]), None);
    }
    assert_eq!(read(&hello("203.0.113.10")), Some(Opening::NoName));
    // The bytes after the hello do not matter.
    assert_eq!(
        read(&[&whole[..], b"\x17\x03\x03early data"].concat()),
        expected
    );
}

/// Makes a hello of TLS 1.0 that has nothing but these extensions.
fn bare(extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 1];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0, 47, 1, 0]); // no session, one suite, no compression
    if !extensions.is_empty() {
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
    }
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let handshake = [&[1, length[1], length[2], length[3]], &body[..]].concat();
    let length = u16::try_from(handshake.len()).unwrap().to_be_bytes();
    [&[22, 3, 1, length[0], length[1]], &handshake[..]].concat()
}

fn named(host: &[u8]) -> Vec<u8> {
    let length = u8::try_from(host.len()).unwrap();
    [&[0, 0, 0, length + 5, 0, length + 3, 0, 0, length], host].concat()
}

#[test]
fn hellos_that_rustls_would_not_answer_are_read_and_those_that_have_two_readings_are_not() {
    let (a, b) = (named(b"a.example"), named(b"b.example"));
    let name = |host: &str| Some(Opening::Name(host.into()));
    assert_eq!(read(&bare(&[])), Some(Opening::NoName));
    assert_eq!(read(&bare(&a)), name("a.example"));
    assert_eq!(read(&bare(&named(b"a.example."))), name("a.example"));
    assert_eq!(read(&bare(&named(b"10.0.0.1"))), Some(Opening::NoName));
    let mut two_in_one = a.clone();
    two_in_one.splice(2..6, [0, 26, 0, 24]);
    two_in_one.extend([0, 0, 9]);
    two_in_one.extend(b"b.example");
    let mut short = bare(&a);
    let last = short.len() - 10;
    short[last] += 1;
    for malformed in [
        bare(&[&a[..], &b[..]].concat()),
        bare(&two_in_one),
        bare(&named(b"")),
        bare(&named(b"a\0b")),
        bare(&named("\u{e9}".as_bytes())),
        bare(&named(b"::1 ")),
        bare(&[0, 0]),
        short,
        b"\x16\x03\x01\x00\x00".to_vec(),
        b"\x16\x03\x01\xff\xff".to_vec(),
        b"\x16\x03\x01\x00\x05\x02".to_vec(),
        [&b"\x16\x03\x01\x40\x00\x01\x00\xff\xff"[..], &[0; 9]].concat(),
    ] {
        assert_eq!(read(&malformed), Some(Opening::Malformed), "{malformed:x?}");
    }
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"SSH-2.0-x\r\n",
        b"\x16\x02",
        b"\x80\x2e\x01\x03",
        b"\0",
    ] {
        assert_eq!(read(other), Some(Opening::NotTls), "{other:x?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic_or_wait_for_ever(bytes: Vec<u8>) {
        let _ = read(&bytes);
        let tls = [&[22, 3, 1][..], &bytes].concat();
        let _ = read(&tls);
        let much = [&tls[..], &[0; 32 << 10]].concat();
        prop_assert!(read(&much).is_some());
    }

    #[test]
    fn a_hello_with_a_changed_byte_is_read_as_some_hello_or_as_none(at in 0_usize..200, to: u8) {
        let mut bytes = hello("api.openai.com");
        let at = at % bytes.len();
        bytes[at] = to;
        let _ = read(&bytes);
        for cut in [at, bytes.len() / 2] {
            let _ = read(&bytes[..cut]);
        }
    }
}

fn hosts() -> Hosts {
    let yaml = "upstreams: { openai: { dialect: openai, url: 'https://api.openai.com/v1' }, local: { kind: embedded, hosts: ['llm.example:8443'] } }";
    crate::config::tests::read(yaml).hosts
}

#[test]
fn what_becomes_of_a_connection() {
    let hosts = hosts();
    let name = |host: &str| Opening::Name(host.into());
    use Action::{Refuse, Terminate, Tunnel};
    use RefuseReason as R;
    use TunnelReason as T;
    const LLM: &str = "api.openai.com";
    let terminate = (Terminate, Terminate);
    let refuse = |why| (Refuse(why), Refuse(why));
    let tunnel = |why| (Tunnel(why), Refuse(R::Others));
    for (dialled, port, opening, (tunnelled, refused)) in [
        // Redirected: the hello's name alone counts.
        (None, 443, name(LLM), terminate),
        (None, 8443, name("llm.example"), terminate),
        (None, 8443, name(LLM), tunnel(T::OtherHost)),
        (None, 443, name("llm.example"), tunnel(T::OtherHost)),
        (None, 443, name("cloudflare-ech.com"), tunnel(T::OtherHost)),
        (None, 443, Opening::NoName, tunnel(T::NoName)),
        (None, 443, Opening::NotTls, tunnel(T::NotTls)),
        (None, 443, Opening::Malformed, refuse(R::Malformed)),
        // By CONNECT to a claimed host: that host's TLS, or nothing.
        (Some(LLM), 443, name(LLM), terminate),
        (Some(LLM), 443, name("a.example"), refuse(R::Mismatch)),
        (Some(LLM), 443, Opening::NoName, refuse(R::NoName)),
        (Some(LLM), 443, Opening::NotTls, refuse(R::NotTls)),
        (Some(LLM), 443, Opening::Malformed, refuse(R::Malformed)),
        // By CONNECT to another: whatever it is, but no claimed host's.
        (Some("a.example"), 443, name(LLM), refuse(R::Mismatch)),
        (Some("203.0.113.10"), 443, name(LLM), refuse(R::Mismatch)),
        (
            Some("a.example"),
            443,
            name("b.example"),
            tunnel(T::OtherHost),
        ),
        (Some("a.example"), 443, Opening::NoName, tunnel(T::NoName)),
        (Some("a.example"), 22, Opening::NotTls, tunnel(T::NotTls)),
    ] {
        let case = format!("{dialled:?} {port} {opening:?}");
        assert_eq!(
            decide(&hosts, Others::Tunnel, dialled, port, &opening),
            tunnelled,
            "{case}"
        );
        assert_eq!(
            decide(&hosts, Others::Refuse, dialled, port, &opening),
            refused,
            "{case}"
        );
    }
    for (host, port, expected) in [
        (LLM, 443, Terminate),
        ("llm.example", 8443, Terminate),
        (LLM, 80, Refuse(RefuseReason::Others)),
        ("a.example", 443, Refuse(RefuseReason::Others)),
        ("127.0.0.1", 443, Refuse(RefuseReason::Others)),
    ] {
        assert_eq!(
            connect(&hosts, Others::Refuse, host, port),
            expected,
            "{host}:{port}"
        );
    }
    assert_eq!(
        connect(&hosts, Others::Tunnel, "a.example", 443),
        Tunnel(TunnelReason::OtherHost)
    );
}

#[test]
fn names_agree_in_every_spelling_of_one_host_and_in_no_other() {
    let host = "api.openai.com";
    let names_host = |target: Option<&str>, header: Option<&str>, port| {
        let target = target.map(|target| target.parse().unwrap());
        let mut headers = ::http::HeaderMap::new();
        if let Some(header) = header {
            headers.insert("host", header.parse().unwrap());
        }
        agrees(target.as_ref(), &headers, host, port, 443)
    };
    for written in [
        "api.openai.com",
        "API.OPENAI.COM",
        "api.openai.com.",
        "api.openai.com:443",
        "api.openai.com.:443",
    ] {
        assert!(names_host(None, Some(written), 443), "{written}");
        assert!(names_host(Some(written), None, 443), "{written}");
        assert!(names_host(Some(written), Some(host), 443), "{written}");
        assert!(
            !names_host(Some(written), Some("api.anthropic.com"), 443),
            "{written}"
        );
    }
    for written in
        ":443 api.openai.com: api.openai.com:80 api.openai.com:+443 api.openai.com.. openai.com \
        x.api.openai.com u@api.openai.com 203.0.113.10 [2001:db8::10] [2001:db8::10]:443 \
        api.openai.com:443:443"
            .split(' ')
            .chain(["", "api.openai.com, x"])
    {
        assert!(!names_host(None, Some(written), 443), "{written}");
    }
    assert!(!names_host(None, None, 443));
    assert!(names_host(None, Some("api.openai.com:8443"), 8443));
    assert!(
        !names_host(None, Some("api.openai.com"), 8443),
        "a port of its own is written"
    );
}

#[test]
fn a_claim_names_the_upstream_of_a_host() {
    let hosts = hosts();
    let by = |upstream: &str, own| ByHost {
        upstream: upstream.into(),
        own,
    };
    assert_eq!(hosts.tls("api.openai.com", 443), Some(&by("openai", true)));
    assert_eq!(hosts.plain("api.openai.com", 80), Some(&by("openai", true)));
    assert_eq!(hosts.plain("api.openai.com", 8080), None);
    assert_eq!(hosts.tls("llm.example", 8443), Some(&by("local", false)));
    assert_eq!(hosts.names(), ["api.openai.com", "llm.example"]);
}
