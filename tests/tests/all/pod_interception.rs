//! The sidecar in a pod with its rules: what an app of the pod sees, on IPv4 and on IPv6, and what
//! somebody outside sees.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::path::PathBuf;

use outrigger_tests::internet::{Internet, Tls};
use outrigger_tests::netns::{APP, FOREIGN, POD, PROVIDER, PROXY, Pod, SOON, Side, output_of};
use outrigger_tests::{Sidecar, Upstream, eventually, wire};
use rustix::process::Signal;
use rustls::pki_types::CertificateDer;

const BASE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4141);
const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4190);
/// Addresses that redirected connections arrive at.
const TRANSPARENT: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 15001),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 15006),
];
const QUESTION: &str = r#"{"model":"m","messages":[{"role":"user","content":"hey"}]}"#;
const ANSWER: &str = r#"{"id":"c1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}"#;

/// A pod with its rules and its sidecar, and an internet with a provider and another host.
struct World {
    // In the order in which they end.
    sidecar: Option<Sidecar>,
    internet: Internet,
    provider: Upstream,
    _foreign: Upstream,
    /// The provider's certificates: one per address.
    provider_shows: [CertificateDer<'static>; 2],
    /// The other host's certificates: one per address.
    foreign_shows: [CertificateDer<'static>; 2],
    authority: PathBuf,
    config: String,
    pod: Pod,
}

/// Settings that may differ from the usual.
struct Setting {
    transparent: &'static str,
    admin: &'static str,
    more: &'static str,
    rules: &'static [&'static str],
}

const USUAL: Setting = Setting {
    transparent: r#"["127.0.0.1:15001", "[::1]:15006"]"#,
    admin: "127.0.0.1:4190",
    more: "",
    rules: &[],
};

impl World {
    fn start(setting: &Setting) -> Option<Self> {
        let pod = Pod::start()?;
        for ip in PROVIDER {
            pod.hosts(Side::Pod, &format!("{ip} api.openai.com"));
        }
        let internet = Internet::start();
        let json = |body: &str| {
            let length = body.len();
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
            )
        };
        let provider = Upstream::always(json(ANSWER).into_bytes());
        let foreign = Upstream::always(json("\"foreign\"").into_bytes());
        let https = |ip| pod.listen(Side::Internet, SocketAddr::new(ip, 443));
        let provider_shows =
            PROVIDER.map(|ip| internet.serve(https(ip), &["api.openai.com"], provider.address));
        let foreign_shows =
            FOREIGN.map(|ip| internet.serve(https(ip), &["other.example"], foreign.address));
        let folder = pod.folder.path();
        std::fs::write(folder.join("roots.pem"), internet.roots()).unwrap();
        for name in ["ca-key", "ca"] {
            std::fs::create_dir(folder.join(name)).unwrap();
            chown(folder.join(name), Some(PROXY), Some(PROXY)).unwrap();
        }
        let Setting {
            transparent,
            admin,
            more,
            rules,
        } = setting;
        let at = folder.display();
        let config = format!(
            "workers: 1\nlog: {{ format: json }}\nadmin: \"{admin}\"\nlisten:\n  base_url: \"{BASE}\"\n  transparent: {transparent}\n  reach: [203.0.113.0/24, \"2001:db8::/32\"]\n{more}upstreams:\n  openai: {{ dialect: openai, url: \"https://api.openai.com/v1\", roots: \"{at}/roots.pem\" }}\nca: {{ directory: \"{at}/ca-key\", bundle: \"{at}/ca\" }}\n"
        );
        let (code, said) = pod.rules(&[&["--install"], *rules].concat());
        assert_eq!(code, Some(0), "{said}");
        let mut world = Self {
            sidecar: None,
            internet,
            provider,
            _foreign: foreign,
            provider_shows,
            foreign_shows,
            authority: folder.join("ca/ca.pem"),
            config,
            pod,
        };
        world.start_sidecar();
        Some(world)
    }

    fn start_sidecar(&mut self) {
        self.sidecar = Some(self.pod.sidecar(&self.config, BASE, ADMIN));
    }

    fn sidecar(&self) -> &Sidecar {
        self.sidecar.as_ref().unwrap()
    }

    /// The pod's own authority, which apps are configured to trust.
    fn authority(&self) -> String {
        std::fs::read_to_string(&self.authority).unwrap()
    }

    fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        self.pod
            .inside(Side::Pod, 0, || self.sidecar().metric(name, labels))
    }

    /// Shakes hands with whoever answers a user of the pod at an address as `name`.
    fn tls(&self, uid: u32, at: SocketAddr, name: &str, roots: &str) -> std::io::Result<Tls> {
        self.pod.inside(Side::Pod, uid, || {
            Tls::over(TcpStream::connect_timeout(&at, SOON)?, name, roots)
        })
    }

    /// Asserts that the provider is called through the sidecar, from an app's connection to `ip`.
    fn is_served(&self, ip: IpAddr) {
        let before = self.provider.count();
        let at = (ip, 443).into();
        let mut app = self
            .tls(APP, at, "api.openai.com", &self.authority())
            .unwrap();
        assert!(!self.provider_shows.contains(&app.certificate()));
        let length = QUESTION.len();
        let (status, head, body) = app.ask(format!("POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{QUESTION}").as_bytes());
        assert_eq!(
            (status, String::from_utf8(body).unwrap().as_str()),
            (200, ANSWER),
            "{head}"
        );
        assert_eq!(self.provider.count(), before + 1, "once: no loop");
        assert_eq!(self.provider.last().path(), "/v1/chat/completions");
    }

    /// Asserts that a connection that nobody redirected gets nothing, and does nothing.
    fn is_refused(&self, side: Side, uid: u32, at: SocketAddr) {
        let (before, calls) = (self.refused_loops(), self.provider.connections());
        let reply = self.pod.inside(side, uid, || {
            let mut stream = TcpStream::connect_timeout(&at, SOON).unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
            let _ = stream.write_all(&hello("api.openai.com"));
            let mut reply = Vec::new();
            match stream.read_to_end(&mut reply) {
                Ok(_) => {}
                Err(why) => assert_eq!(why.kind(), ErrorKind::ConnectionReset),
            }
            reply
        });
        // An alert at the most (21); nothing of a handshake (22).
        assert!(reply.first().is_none_or(|kind| *kind == 21), "{reply:?}");
        eventually("it is counted", || self.refused_loops() > before);
        assert_eq!(self.provider.connections(), calls, "nobody was called");
    }

    fn refused_loops(&self) -> f64 {
        let labels = ["mode=\"transparent\"", "reason=\"loop\""];
        self.metric("outrigger_connections_refused_total", &labels)
    }
}

/// A real client's first bytes.
fn hello(name: &str) -> Vec<u8> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = name.to_owned().try_into().unwrap();
    let mut session = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    session.write_tls(&mut bytes).unwrap();
    bytes
}

#[test]
fn pod_an_app_s_call_is_served_by_the_sidecar_and_the_sidecar_s_own_goes_straight() {
    let Some(world) = World::start(&USUAL) else {
        return;
    };
    for (n, ip) in PROVIDER.into_iter().enumerate() {
        world.is_served(ip);
        let labels = ["mode=\"transparent\"", "action=\"terminate\""];
        let ended = world.metric("outrigger_connections_total", &labels);
        assert!((ended - [1.0, 3.0][n]).abs() < 0.1, "{ended}, at {ip}");
        // The proxy's user meets the provider itself, as the rules leave it alone.
        let (at, roots) = ((ip, 443).into(), world.internet.roots());
        let straight = world.tls(PROXY, at, "api.openai.com", &roots).unwrap();
        assert_eq!(straight.certificate(), world.provider_shows[n]);
        // An app that does not trust the pod's authority is not served by accident.
        assert!(world.tls(APP, at, "api.openai.com", &roots).is_err());
    }
}

#[test]
fn pod_curl_is_served_by_name_over_either_family_and_either_http() {
    let Some(world) = World::start(&USUAL) else {
        return;
    };
    if std::process::Command::new("curl")
        .arg("--version")
        .output()
        .is_err()
    {
        let _ = writeln!(std::io::stderr(), "\nNOT TESTED: curl is not installed\n");
        return;
    }
    for family in ["-4", "-6"] {
        for (http, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
            let output = world
                .pod
                .command(Side::Pod, APP, "curl")
                .args([
                    "-sS",
                    "-m",
                    "10",
                    family,
                    http,
                    "-w",
                    " %{http_version}",
                    "--cacert",
                ])
                .arg(&world.authority)
                .args(["-d", QUESTION])
                .args(["-H", "content-type: application/json"])
                .arg("https://api.openai.com/v1/chat/completions")
                .output()
                .unwrap();
            assert_eq!(
                output_of(&output).1,
                format!("{ANSWER} {version}"),
                "{family} {http}"
            );
        }
    }
}

#[test]
fn pod_a_foreign_host_is_reached_with_its_own_certificate_and_not_a_byte_changed() {
    let rules = Setting {
        rules: &["--port", "443", "--port", "8443"],
        ..USUAL
    };
    let Some(world) = World::start(&rules) else {
        return;
    };
    let pod = &world.pod;
    for (ip, shown) in FOREIGN.into_iter().zip(&world.foreign_shows) {
        let roots = world.internet.roots();
        let mut app = world
            .tls(APP, (ip, 443).into(), "other.example", &roots)
            .unwrap();
        // One certificate per address: the tunnel goes to exactly where the app was going.
        assert_eq!(&app.certificate(), shown, "{ip}");
        let (status, _, body) =
            app.ask(b"GET / HTTP/1.1\r\nhost: other.example\r\nconnection: close\r\n\r\n");
        assert_eq!((status, body.as_slice()), (200, &b"\"foreign\""[..]));
        // What is sent in odd pieces, half closed in between, arrives as it was sent, in both
        // directions.
        let listener = pod.listen(Side::Internet, (ip, 8443).into());
        let sent = [hello("raw.example"), noise(1, 300_000)].concat();
        let answered = noise(2, 400_000);
        let (arrived, came_back) = exchange(pod, &listener, &sent, &answered);
        assert!(arrived == sent, "{} bytes of {}", arrived.len(), sent.len());
        assert!(
            came_back == answered,
            "{} bytes of {}",
            came_back.len(),
            answered.len()
        );
    }
    let tunnels = world.metric("outrigger_connections_total", &["action=\"tunnel\""]);
    assert!((tunnels - 4.0).abs() < 0.1, "{tunnels}");
}

/// Sends bytes through the tunnel and others back after the end of the first; what arrived at
/// either end.
fn exchange(pod: &Pod, listener: &TcpListener, sent: &[u8], answered: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let at = listener.local_addr().unwrap();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut arrived = Vec::new();
            stream.read_to_end(&mut arrived).unwrap();
            stream.write_all(answered).unwrap();
            arrived
        });
        let came_back = pod.inside(Side::Pod, APP, || {
            let mut stream = TcpStream::connect_timeout(&at, SOON).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
            for piece in sent.chunks(7919) {
                stream.write_all(piece).unwrap();
            }
            stream.shutdown(Shutdown::Write).unwrap();
            let mut came_back = Vec::new();
            stream.read_to_end(&mut came_back).unwrap();
            came_back
        });
        (server.join().unwrap(), came_back)
    })
}

/// Bytes without a pattern that a relay could hide behind.
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed;
    let step = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(step).take(length).collect()
}

#[test]
fn pod_others_refuse_lets_only_the_claimed_hosts_through() {
    let refusing = Setting {
        more: "  others: refuse\n",
        rules: &["--port", "443", "--port", "8443"],
        ..USUAL
    };
    let Some(world) = World::start(&refusing) else {
        return;
    };
    for ip in FOREIGN {
        assert!(
            world
                .tls(
                    APP,
                    (ip, 443).into(),
                    "other.example",
                    &world.internet.roots()
                )
                .is_err()
        );
        // Not even a connection is made there.
        let listener = world.pod.listen(Side::Internet, (ip, 8443).into());
        assert!(
            world
                .tls(
                    APP,
                    (ip, 8443).into(),
                    "other.example",
                    &world.internet.roots()
                )
                .is_err()
        );
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    let labels = ["mode=\"transparent\"", "reason=\"other_host\""];
    let refused = world.metric("outrigger_connections_refused_total", &labels);
    assert!((refused - 4.0).abs() < 0.1, "{refused}");
    PROVIDER.into_iter().for_each(|ip| world.is_served(ip));
}

#[test]
fn pod_what_nobody_redirected_is_refused_with_the_rules_and_without() {
    let Some(world) = World::start(&USUAL) else {
        return;
    };
    for at in TRANSPARENT {
        for uid in [APP, PROXY, 0] {
            world.is_refused(Side::Pod, uid, at);
        }
    }
    // Without rules nothing tracks connections, and the kernel knows no destination at all.
    assert_eq!(world.pod.rules(&["--remove"]).0, Some(0));
    for at in TRANSPARENT {
        world.is_refused(Side::Pod, APP, at);
    }
}

#[test]
fn pod_from_outside_only_what_is_bound_there_is_reached_and_that_is_no_relay() {
    let Some(world) = World::start(&USUAL) else {
        return;
    };
    let from_outside = |world: &World, at: SocketAddr| {
        world
            .pod
            .inside(Side::Internet, 0, || TcpStream::connect_timeout(&at, SOON))
    };
    for ip in POD {
        for port in [BASE.port(), ADMIN.port(), 15001, 15006] {
            let refused = from_outside(&world, (ip, port).into()).unwrap_err().kind();
            assert_eq!(refused, ErrorKind::ConnectionRefused, "{ip} {port}");
        }
    }
    assert_eq!(
        listening(&world),
        BTreeSet::from([4141, 4190, 15001, 15006])
    );
    drop(world);
    let wide = Setting {
        transparent: r#"["0.0.0.0:15001", "[::]:15006"]"#,
        admin: "0.0.0.0:4190",
        ..USUAL
    };
    let world = World::start(&wide).unwrap();
    // The kubelet's probes come from outside.
    let admin = SocketAddr::new(POD[0], ADMIN.port());
    let ready = world
        .pod
        .inside(Side::Internet, 0, || wire::get(admin, "/readyz").status);
    assert_eq!(ready, 200);
    // Whoever dials the transparent listeners from outside, or by the pod's own address, gets
    // nothing.
    for (ip, port) in POD.into_iter().zip([15001, 15006]) {
        world.is_refused(Side::Internet, 0, (ip, port).into());
        world.is_refused(Side::Pod, APP, (ip, port).into());
    }
    PROVIDER.into_iter().for_each(|ip| world.is_served(ip));
}

/// The ports on which anything listens in the pod, in either family.
fn listening(world: &World) -> BTreeSet<u16> {
    let table = "cat /proc/net/tcp /proc/net/tcp6";
    let output = world
        .pod
        .command(Side::Pod, 0, "sh")
        .args(["-c", table])
        .output()
        .unwrap();
    let (code, said) = output_of(&output);
    assert_eq!(code, Some(0), "{said}");
    let port = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let local = words.get(1)?.rsplit(':').next()?;
        (*words.get(3)? == "0A").then(|| u16::from_str_radix(local, 16).unwrap())
    };
    said.lines().filter_map(port).collect()
}

#[test]
fn pod_a_killed_sidecar_fails_closed_and_the_next_one_is_trusted_as_the_first() {
    let Some(mut world) = World::start(&USUAL) else {
        return;
    };
    PROVIDER.into_iter().for_each(|ip| world.is_served(ip));
    let trusted = world.authority();
    world.sidecar().signal(Signal::KILL);
    world.sidecar.as_mut().unwrap().wait();
    let calls = world.provider.count();
    for ip in PROVIDER.into_iter().chain(FOREIGN) {
        let refused = world.tls(APP, (ip, 443).into(), "api.openai.com", &trusted);
        assert_eq!(
            refused.err().map(|why| why.kind()),
            Some(ErrorKind::ConnectionRefused)
        );
    }
    assert_eq!(world.provider.count(), calls);
    world.start_sidecar();
    assert_eq!(world.authority(), trusted);
    PROVIDER.into_iter().for_each(|ip| world.is_served(ip));
}

#[test]
fn pod_a_server_that_speaks_first_is_heard() {
    let Some(world) = World::start(&Setting {
        rules: &["--port", "2222"],
        ..USUAL
    }) else {
        return;
    };
    for ip in FOREIGN {
        let listener = world.pod.listen(Side::Internet, (ip, 2222).into());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"SSH-2.0-first\r\n").unwrap();
            let mut said = [0; 5];
            stream.read_exact(&mut said).unwrap();
            said
        });
        world.pod.inside(Side::Pod, APP, || {
            let mut stream = TcpStream::connect_timeout(&(ip, 2222).into(), SOON).unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
            let mut banner = [0; 15];
            stream.read_exact(&mut banner).unwrap();
            assert_eq!(&banner, b"SSH-2.0-first\r\n");
            stream.write_all(b"hello").unwrap();
        });
        assert_eq!(&server.join().unwrap(), b"hello");
    }
}

#[test]
fn pod_a_sidecar_whose_own_connections_are_redirected_does_not_call_itself_for_ever() {
    // The rules leave another user alone: the sidecar's own connections come back to it.
    let wrong = Setting {
        rules: &["--uid", "4242"],
        ..USUAL
    };
    let Some(world) = World::start(&wrong) else {
        return;
    };
    let before = world.refused_loops();
    for (n, ip) in (1..).zip(FOREIGN) {
        let tls = world.tls(
            APP,
            (ip, 443).into(),
            "other.example",
            &world.internet.roots(),
        );
        assert!(tls.is_err());
        eventually("a loop is counted", || {
            world.refused_loops() - before > f64::from(n) - 0.5
        });
        // One that says nothing, and whose server would speak first, ends as well.
        world.pod.inside(Side::Pod, APP, || {
            let mut silent = TcpStream::connect_timeout(&(ip, 443).into(), SOON).unwrap();
            silent.set_read_timeout(Some(SOON)).unwrap();
            let ended = silent.read(&mut [0]).map_err(|why| why.kind());
            assert!(
                matches!(ended, Ok(0) | Err(ErrorKind::ConnectionReset)),
                "{ended:?}"
            );
        });
    }
    // The provider's own connection comes back as well, and is not trusted.
    for ip in PROVIDER {
        let mut app = world
            .tls(APP, (ip, 443).into(), "api.openai.com", &world.authority())
            .unwrap();
        let ask = b"GET /v1/models HTTP/1.1\r\nhost: api.openai.com\r\nconnection: close\r\n\r\n";
        assert_eq!(app.ask(ask).0, 502);
    }
    let made = world.metric("outrigger_connections_total", &[]);
    assert!(made < 30.0, "{made} connections for six");
    assert_eq!(world.provider.connections(), 0);
}
