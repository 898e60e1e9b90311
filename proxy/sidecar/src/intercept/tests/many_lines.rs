//! Heads with more lines than hyper takes by default, which are deferred until hyper has been
//! begun anew: they arrive whole, and so does what comes before and after them.

use super::*;

/// Header lines that are allowed where the limit of headers is the default, 64 KiB.
const MOST: usize = 512;

/// Starts an upstream that records its requests, each with its body, and answers `{}`, or `events`
/// in a stream to a body that wants one.
async fn upstream() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let notes = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let notes = Arc::clone(&notes);
            tokio::spawn(async move {
                while let Some(request) = request(&mut stream).await {
                    let streamed = request.contains("\"stream\":true");
                    notes.lock().push(request);
                    if !streamed {
                        let reply = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
                        stream.write_all(reply.as_bytes()).await.unwrap();
                        continue;
                    }
                    let pieces = [
                        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
                        "19\r\ndata: {\"choices\":[]}   \n\n\r\n",
                        "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
                    ];
                    for piece in pieces {
                        stream.write_all(piece.as_bytes()).await.unwrap();
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            });
        }
    });
    (address, seen)
}

/// Reads one request with its body.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.ok()?);
    }
    let mut request = String::from_utf8(request).unwrap().to_ascii_lowercase();
    let length = request.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.split("\r\n").next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    request.push_str(str::from_utf8(&body).unwrap());
    Some(request)
}

async fn rig_to(upstream: SocketAddr) -> Rig {
    rig(&format!(
        "listen: {{ LISTEN }}\nupstreams: {{ openai: {{ dialect: openai, url: 'http://{upstream}/v1' }} }}"
    ))
    .await
}

/// Makes a request with `lines` header lines.
fn with_lines(lines: usize, body: &str) -> String {
    let more: String = (3..lines).map(|n| format!("x-{n}: {n}\r\n")).collect();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         {more}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

const BODY: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
const STREAMED: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

fn small() -> String {
    with_lines(3, BODY)
}

/// Asserts that the last of `seen` is a request with `lines` header lines, and whole.
fn assert_came(seen: &Mutex<Vec<String>>, lines: usize, context: &str) {
    let seen = seen.lock();
    let last = seen.last().map(String::as_str).unwrap_or_default();
    for n in 3..lines {
        assert!(
            last.contains(&format!("\r\nx-{n}: {n}\r\n")),
            "{n} of {lines}, {context}"
        );
    }
    assert!(
        last.ends_with(&format!("\r\n\r\n{BODY}")),
        "{lines}, {context}"
    );
}

/// Sends `request` in pieces that end at `ends`, and returns the answer up to `last`.
async fn in_pieces(stream: &mut TcpStream, request: &str, ends: &[usize], last: &str) -> String {
    let mut begun = 0;
    for end in ends {
        stream
            .write_all(&request.as_bytes()[begun..*end])
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(15)).await;
        begun = *end;
    }
    over(stream, &request[begun..], last).await
}

/// Reads on until `answer` has so many whole bodies.
async fn read_on(stream: &mut TcpStream, answer: &mut String, bodies: usize) {
    while answer.matches("{}").count() < bodies {
        let more = over(stream, "", "{}").await;
        assert!(!more.is_empty(), "{answer}");
        answer.push_str(&more);
    }
}

/// Places at which a request is cut in pieces.
fn cuts(request: &str) -> Vec<Vec<usize>> {
    let lines: Vec<usize> = request.match_indices("\r\n").map(|(at, _)| at).collect();
    let body = request.find("\r\n\r\n").unwrap();
    let line = |n: usize| lines[n.min(lines.len() - 2)];
    let mut cuts = vec![
        vec![],
        vec![2],
        vec![line(0) + 1],
        vec![line(50) + 5],
        vec![line(99)],
        vec![line(99) + 2],
        vec![line(100) + 1],
        vec![line(100) + 2],
        vec![line(101) + 3],
        vec![body],
        vec![body + 2],
        vec![body + 3],
        vec![body + 4],
        vec![body + 14],
        vec![line(30), line(100) + 4],
        vec![line(100) + 2, body + 3],
        vec![line(1) + 1, body + 4],
        vec![line(100) + 2, line(101) + 2, body + 1, body + 9],
    ];
    for cuts in &mut cuts {
        cuts.sort_unstable(); // a short head ends before its hundredth line
    }
    cuts
}

#[tokio::test]
async fn a_head_up_to_the_limit_arrives_whole_however_it_is_split() {
    let (upstream, seen) = upstream().await;
    let rig = rig_to(upstream).await;
    for lines in [99, 100, 101, 102, 300, MOST] {
        let large = with_lines(lines, BODY);
        for cuts in cuts(&large) {
            let context = format!("{cuts:?}");
            let mut stream = TcpStream::connect(rig.base_url).await.unwrap();
            let answer = in_pieces(&mut stream, &large, &cuts, "{}").await;
            assert_eq!(status(&answer), "200", "{lines}, {context}: {answer}");
            assert_came(&seen, lines, &context);
            // The connection goes on, and may have another.
            assert_eq!(
                status(&over(&mut stream, &small(), "{}").await),
                "200",
                "{context}"
            );
            assert_came(&seen, 3, &context);
            let answer = in_pieces(&mut stream, &large, &cuts, "{}").await;
            assert_eq!(status(&answer), "200", "{lines}, {context}: {answer}");
            assert_came(&seen, lines, &context);
        }
    }
}

#[tokio::test]
async fn a_head_over_the_limit_is_refused_however_it_is_split() {
    let (upstream, seen) = upstream().await;
    let rig = rig_to(upstream).await;
    let large = with_lines(MOST + 1, BODY);
    for cuts in cuts(&large) {
        let mut stream = TcpStream::connect(rig.base_url).await.unwrap();
        assert_eq!(status(&over(&mut stream, &small(), "{}").await), "200");
        let answer = in_pieces(&mut stream, &large, &cuts, "\r\n\r\n").await;
        assert_eq!(status(&answer), "431", "{cuts:?}: {answer}");
        assert_came(&seen, 3, "only the small one");
        seen.lock().clear();
    }
}

#[tokio::test]
async fn requests_behind_one_another_are_answered_in_order() {
    let (upstream, seen) = upstream().await;
    let rig = rig_to(upstream).await;
    for lines in [101, 300] {
        let large = with_lines(lines, BODY);
        let first = small().len();
        let all = [
            small(),
            large.clone(),
            small(),
            large.clone(),
            large.clone(),
            small(),
        ]
        .concat();
        let mut splits: Vec<_> = cuts(&large).into_iter().collect();
        for cuts in &mut splits {
            cuts.iter_mut().for_each(|cut| *cut += first);
        }
        splits.push(vec![first]);
        splits.push(vec![first - 5]);
        splits.push(vec![first - 5, first + large.len() + 7]);
        for cuts in splits {
            seen.lock().clear();
            let mut stream = TcpStream::connect(rig.base_url).await.unwrap();
            let mut answer = in_pieces(&mut stream, &all, &cuts, "{}").await;
            read_on(&mut stream, &mut answer, 6).await;
            let good = answer.matches("HTTP/1.1 200").count();
            assert_eq!(good, 6, "{cuts:?}: {answer}");
            let seen = seen.lock();
            let many: Vec<bool> = seen
                .iter()
                .map(|request| request.contains("\r\nx-100: 100\r\n"))
                .collect();
            assert_eq!(many, [false, true, false, true, true, false], "{cuts:?}");
            assert!(
                seen.iter().all(|request| request.ends_with(BODY)),
                "{cuts:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_ambiguous_behind_such_a_head_is_refused() {
    let (upstream, seen) = upstream().await;
    let rig = rig_to(upstream).await;
    let both = "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let bad = small()
        .replace("content-length", "x-length")
        .replace("\r\n\r\n", &format!("\r\n{both}"));
    let all = [small(), with_lines(300, BODY), bad].concat();
    let mut stream = TcpStream::connect(rig.base_url).await.unwrap();
    let answer = over(&mut stream, &all, "HTTP/1.1 400").await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 400").count(), 1, "{answer}");
    assert_eq!(seen.lock().len(), 2);
}

#[tokio::test]
async fn a_head_that_comes_while_a_reply_streams_is_answered_after_it() {
    let (upstream, seen) = upstream().await;
    let rig = rig_to(upstream).await;
    let large = with_lines(300, BODY);
    let first = with_lines(3, STREAMED).len();
    let all = [
        with_lines(3, STREAMED),
        large.clone(),
        with_lines(3, STREAMED),
        small(),
    ]
    .concat();
    for cuts in [
        vec![],
        vec![first],
        vec![first, first + 40],
        vec![first, first + 511, first + 2000],
    ] {
        seen.lock().clear();
        let mut stream = TcpStream::connect(rig.base_url).await.unwrap();
        let mut answer = String::new();
        let mut begun = 0;
        for cut in cuts.iter().copied().chain([all.len()]) {
            stream.write_all(&all.as_bytes()[begun..cut]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(40)).await; // the reply's head is out
            begun = cut;
        }
        read_on(&mut stream, &mut answer, 2).await;
        let good = answer.matches("HTTP/1.1 200").count();
        assert_eq!(good, 4, "{cuts:?}: {answer}");
        assert_eq!(
            answer.matches("[DONE]\n\n\r\n0\r\n\r\n").count(),
            2,
            "{cuts:?}: {answer}"
        );
        let seen = seen.lock();
        assert!(
            seen.get(1)
                .is_some_and(|second| second.contains("\r\nx-299: 299\r\n"))
        );
        assert_eq!(seen.len(), 4, "{cuts:?}");
    }
}

#[tokio::test]
async fn a_head_that_has_begun_is_answered_though_the_process_drains() {
    let (upstream, seen) = upstream().await;
    let rig = rig_to(upstream).await;
    let mut stream = TcpStream::connect(rig.base_url).await.unwrap();
    let large = with_lines(300, BODY);
    let (head, rest) = large.split_at(600);
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    rig.shared.enter(Phase::Draining);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let answer = over(&mut stream, rest, "\0").await; // all, to the end
    assert_eq!(status(&answer), "503", "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(answer.ends_with('}'), "{answer}");
    assert_eq!(seen.lock().len(), 0);
}

#[tokio::test]
async fn such_a_head_arrives_whole_over_tls_and_so_does_that_of_a_connect() {
    let (upstream, seen) = upstream().await;
    let rig = rig(&format!(
        "listen: {{ LISTEN }}\nupstreams: {{ openai: {{ dialect: openai, url: 'http://{upstream}/v1', hosts: [api.openai.com] }} }}"
    ))
    .await;
    let more: String = (0..300).map(|n| format!("x-{n}: {n}\r\n")).collect();
    let connect =
        format!("CONNECT api.openai.com:443 HTTP/1.1\r\nhost: api.openai.com:443\r\n{more}\r\n");
    for connect in [
        "CONNECT api.openai.com:443 HTTP/1.1\r\nhost: api.openai.com:443\r\n\r\n",
        &connect,
    ] {
        let (status_code, _, stream) = rig.send(connect).await;
        assert_eq!(status_code, 200);
        let mut stream = rig.shake(stream, "api.openai.com", &[]).await.unwrap();
        let large = with_lines(300, BODY).replace("localhost", "api.openai.com");
        let small = small().replace("localhost", "api.openai.com");
        for (request, lines) in [(&small, 3), (&large, 300), (&small, 3)] {
            assert_eq!(status(&over(&mut stream, request, "{}").await), "200");
            assert_came(&seen, lines, "TLS");
        }
    }
}
