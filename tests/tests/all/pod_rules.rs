//! `outrigger rules` in a pod of its own: what it installs is what it prints, and the kernel then
//! does what they say. Beside the rules nothing of the proxy is needed here: where it would listen,
//! a stand-in answers with its name.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use outrigger_tests::eventually;
use outrigger_tests::netns::{APP, FOREIGN, PROVIDER, PROXY, Pod, SOON, Side, output_of};

/// Addresses that redirected connections arrive at.
const STAND_IN: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 15001),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 15006),
];

/// Somebody who says his name to whoever connects, until he is dropped.
struct Greeter {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Greeter {
    fn new(listener: TcpListener, name: &'static str) -> Self {
        listener.set_nonblocking(true).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((mut stream, _)) => drop(stream.write_all(name.as_bytes())),
                    Err(_) => std::thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Greeter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// The host that answers a user of the pod at an address, or the reason why none does.
fn who(pod: &Pod, uid: u32, at: SocketAddr) -> Result<String, ErrorKind> {
    pod.inside(Side::Pod, uid, || {
        let mut stream = TcpStream::connect_timeout(&at, SOON).map_err(|e| e.kind())?;
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut name = String::new();
        stream.read_to_string(&mut name).map_err(|e| e.kind())?;
        Ok(name)
    })
}

/// The result of sending a datagram as a user of the pod.
fn datagram(pod: &Pod, uid: u32, to: SocketAddr) -> std::io::Result<usize> {
    pod.inside(Side::Pod, uid, || {
        let any: IpAddr = if to.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        UdpSocket::bind((any, 0)).unwrap().send_to(b"quic", to)
    })
}

fn internet(pod: &Pod, port: u16) -> Vec<Greeter> {
    let all = PROVIDER.into_iter().chain(FOREIGN);
    all.map(|ip| Greeter::new(pod.listen(Side::Internet, (ip, port).into()), "internet"))
        .collect()
}

fn stand_in(pod: &Pod) -> Vec<Greeter> {
    STAND_IN
        .map(|at| Greeter::new(pod.listen(Side::Pod, at), "proxy"))
        .into()
}

fn install(pod: &Pod, arguments: &[&str]) {
    let (code, said) = pod.rules(&[&["--install"], arguments].concat());
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("rules stand: "), "{said}");
}

/// Exit code and output of `--check`.
fn check(pod: &Pod, arguments: &[&str]) -> (Option<i32>, String) {
    pod.rules(&[&["--check"], arguments].concat())
}

/// Feeds text to a program in a namespace; panics where it fails.
fn feed(pod: &Pod, side: Side, program: &str, arguments: &[&str], text: &str) {
    let mut child = pod
        .command(side, 0, program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let (code, said) = output_of(&child.wait_with_output().unwrap());
    assert_eq!(code, Some(0), "{program}: {said}\n{text}");
}

fn nft(pod: &Pod, words: &str) {
    feed(pod, Side::Pod, "nft", &["-f", "-"], words);
}

/// Options that reach every kind of match, whole and broken bytes of networks included.
const ARGUMENTS: [&[&str]; 3] = [
    &[],
    &["--uid", "4242", "--to", "7001", "--to6", "7002"],
    &[
        "--exclude-uid",
        "999",
        "--exclude-uid",
        "65534",
        "--port",
        "443",
        "--port",
        "8443",
        "--exclude-cidr",
        "10.0.0.0/8",
        "--exclude-cidr",
        "172.16.0.0/12",
        "--exclude-cidr",
        "192.0.2.7",
        "--exclude-cidr",
        "fd00::/8",
        "--exclude-cidr",
        "2001:db8::/33",
        "--exclude-cidr",
        "2001:db8::7",
    ],
];

#[test]
fn pod_what_is_installed_is_what_nft_makes_of_what_is_printed() {
    let Some(pod) = Pod::start() else { return };
    for arguments in ARGUMENTS {
        install(&pod, arguments);
        let (code, printed) = pod.rules(arguments);
        assert_eq!(code, Some(0));
        // The other namespace serves to see what nft makes of it; twice, as a restarted container
        // would.
        for _ in 0..2 {
            feed(&pod, Side::Internet, "nft", &["-f", "-"], &printed);
        }
        let installed = pod.ruleset(Side::Pod);
        assert!(installed.contains("redirect to"), "{installed}");
        assert_eq!(installed, pod.ruleset(Side::Internet));
        // And what nft made is known again as these rules and as no others.
        nft(&pod, &printed);
        assert_eq!(check(&pod, arguments).0, Some(0));
        for other in ARGUMENTS.iter().filter(|other| **other != arguments) {
            assert_eq!(check(&pod, other).0, Some(1), "{other:?}");
        }
    }
}

#[test]
fn pod_installing_again_replaces_and_removing_leaves_what_others_made() {
    let Some(pod) = Pod::start() else { return };
    nft(&pod, "table inet theirs {\n chain c {\n counter\n }\n}\n");
    let theirs = pod.ruleset(Side::Pod);
    install(&pod, &[]);
    let once = pod.ruleset(Side::Pod);
    install(&pod, &[]);
    assert_eq!(pod.ruleset(Side::Pod), once);
    install(&pod, &["--port", "8443"]);
    install(&pod, &[]);
    assert_eq!(pod.ruleset(Side::Pod), once);
    // Removing what is there, and what is not.
    for _ in 0..2 {
        let (code, said) = pod.rules(&["--remove"]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(pod.ruleset(Side::Pod), theirs);
    }
}

#[test]
fn pod_a_check_sees_whatever_was_changed() {
    let Some(pod) = Pod::start() else { return };
    let (code, said) = check(&pod, &[]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("there is no table `inet outrigger`"),
        "{said}"
    );
    assert!(said.contains("outrigger rules --install"), "{said}");
    let (_, printed) = pod.rules(&[]);
    let changed = |from: &str, to: &str| {
        assert!(printed.contains(from), "{from}");
        printed.replacen(from, to, 1)
    };
    for (text, words) in [
        (
            changed("redirect to :15001", "redirect to :15002"),
            "rule 5 of the chain `out`",
        ),
        (
            changed("tcp dport 443", "tcp dport != 443"),
            "rule 5 of the chain `out`",
        ),
        (
            changed("skuid 13370", "skuid 1000"),
            "rule 1 of the chain `out`",
        ),
        (
            changed("oif \"lo\" return", "return"),
            "rule 2 of the chain `out`",
        ),
        (
            changed("oif \"lo\" return", "oif \"lo\" counter return"),
            "rule 2 of the chain `out`",
        ),
        (
            changed("priority -100", "priority -99"),
            "the chain `out` is missing or is another",
        ),
        (
            changed("type nat hook output priority -100; policy accept", ""),
            "the chain `out` is missing",
        ),
        (
            changed("  chain quic", "  chain tricks"),
            "the chain `quic` is missing",
        ),
        (
            changed("  chain quic", "  chain more { }\n  chain quic"),
            "a chain that is not ours",
        ),
        (
            changed("port-unreachable\n", "port-unreachable\n    accept\n"),
            "1 more than our rules",
        ),
        (
            changed("outrigger {", "outrigger {\n  flags dormant"),
            "switched off",
        ),
    ] {
        nft(&pod, &text);
        let (code, said) = check(&pod, &[]);
        assert_eq!(code, Some(1), "{text}\n{said}");
        assert!(said.contains(words), "{words}: {said}");
    }
    install(&pod, &[]);
    let (code, said) = check(&pod, &[]);
    assert_eq!(
        (code, said.starts_with("rules stand: ")),
        (Some(0), true),
        "{said}"
    );
}

#[test]
fn pod_as_many_exceptions_as_there_may_be_are_installed_and_one_more_is_a_sentence() {
    let Some(pod) = Pod::start() else { return };
    // Broken bytes of IPv6: the longest rules that there are.
    let networks: Vec<String> = (0..64).map(|n| format!("fd00:{n:x}::/33")).collect();
    let uids: Vec<String> = (1..=64).map(|n| n.to_string()).collect();
    let ports: Vec<String> = (2000..2064).map(|n| n.to_string()).collect();
    let all: Vec<&str> = [
        ("--exclude-cidr", &networks),
        ("--exclude-uid", &uids),
        ("--port", &ports),
    ]
    .into_iter()
    .flat_map(|(option, values)| values.iter().flat_map(move |value| [option, value]))
    .collect();
    install(&pod, &all);
    let (code, said) = pod.rules(&[&["--install"], &all[..], &["--port", "443"]].concat());
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("--port is there more than 64 times"),
        "{said}"
    );
    assert_eq!(check(&pod, &all).0, Some(0));
}

#[test]
fn pod_a_table_of_another_program_s_is_left_to_it() {
    let Some(pod) = Pod::start() else { return };
    let mut owner = pod.command(Side::Pod, 0, "nft");
    let mut owner = owner
        .arg("-i")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut words = owner.stdin.take().unwrap();
    words
        .write_all(b"add table inet outrigger { flags owner; }\n")
        .unwrap();
    eventually("the table is there", || {
        pod.ruleset(Side::Pod).contains("outrigger")
    });
    for act in ["--install", "--remove", "--check"] {
        let (code, said) = pod.rules(&[act]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("another program"), "{act}: {said}");
    }
    // It goes with its owner.
    drop(words);
    owner.wait().unwrap();
    install(&pod, &[]);
}

#[test]
fn pod_without_net_admin_or_with_wrong_options_it_is_one_sentence() {
    let Some(pod) = Pod::start() else { return };
    let outrigger = pod.outrigger();
    let run = |limits: &[&str], arguments: &[&str]| {
        let mut command = pod.command(Side::Pod, 0, "setpriv");
        command.args(limits).arg("--").arg(&outrigger).arg("rules");
        output_of(&command.args(arguments).output().unwrap())
    };
    let weak: &[&str] = &["--bounding-set", "-net_admin"];
    // A capability that a container adds is of no use to a user other than root: it is not in the
    // ambient set.
    let other_user: &[&str] = &["--reuid", "1000", "--regid", "1000", "--clear-groups"];
    for limits in [weak, other_user] {
        for act in ["--install", "--check", "--remove"] {
            let (code, said) = run(limits, &[act]);
            assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
            assert!(said.contains("needs NET_ADMIN: "), "{said}");
            assert!(said.contains("as uid 0"), "{said}");
        }
        // Printing needs nothing.
        assert_eq!(run(limits, &[]).0, Some(0));
    }
    assert_eq!(pod.ruleset(Side::Pod), "");
    for (wrong, words) in [
        (["--uid", "0"], "uid 0 can't be left out"),
        (["--exclude-uid", "0"], "uid 0 can't be left out"),
        (["--port", "15001"], "port 15001 is the proxy's own"),
        (["--port", "0"], "port 0 is no port"),
        (["--exclude-cidr", "10.1.2.3/8"], "write 10.0.0.0/8"),
        (
            ["--exclude-cidr", "0.0.0.0/0"],
            "leaves out every destination",
        ),
    ] {
        let (code, said) = pod.rules(&[&["--install"], &wrong[..]].concat());
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(pod.ruleset(Side::Pod), "");
}

#[test]
fn pod_an_app_s_443_lands_on_the_proxy_and_nothing_else_does() {
    let Some(pod) = Pod::start() else { return };
    let (_https, _other) = (internet(&pod, 443), internet(&pod, 8443));
    let proxy = stand_in(&pod);
    for ip in PROVIDER {
        assert_eq!(who(&pod, APP, (ip, 443).into()).as_deref(), Ok("internet"));
    }
    install(&pod, &[]);
    for ip in PROVIDER.into_iter().chain(FOREIGN) {
        let at = |port| SocketAddr::from((ip, port));
        for uid in [APP, 0, 65534] {
            assert_eq!(who(&pod, uid, at(443)).as_deref(), Ok("proxy"), "uid {uid}");
            assert_eq!(who(&pod, uid, at(8443)).as_deref(), Ok("internet"));
        }
        // The proxy's own connections: no loop.
        assert_eq!(who(&pod, PROXY, at(443)).as_deref(), Ok("internet"));
    }
    // A server of the app's own, on loopback and on the pod's address.
    for ip in [STAND_IN[0].ip(), STAND_IN[1].ip()]
        .into_iter()
        .chain(outrigger_tests::netns::POD)
    {
        let _own = Greeter::new(pod.listen(Side::Pod, (ip, 443).into()), "own");
        assert_eq!(who(&pod, APP, (ip, 443).into()).as_deref(), Ok("own"));
    }
    // The proxy dies: nothing gets out, but what it would not have seen anyway.
    drop(proxy);
    for ip in PROVIDER {
        let refused = Err(ErrorKind::ConnectionRefused);
        assert_eq!(who(&pod, APP, (ip, 443).into()), refused);
        assert_eq!(who(&pod, APP, (ip, 8443).into()).as_deref(), Ok("internet"));
        assert_eq!(
            who(&pod, PROXY, (ip, 443).into()).as_deref(),
            Ok("internet")
        );
    }
}

#[test]
fn pod_no_connection_slips_by_while_the_rules_are_installed_again() {
    let Some(pod) = Pod::start() else { return };
    let (_https, _proxy) = (internet(&pod, 443), stand_in(&pod));
    install(&pod, &[]);
    let done = AtomicBool::new(false);
    let tried = std::thread::scope(|scope| {
        let app = scope.spawn(|| {
            let mut tried = 0;
            while !done.load(Ordering::Relaxed) {
                for ip in PROVIDER {
                    assert_eq!(who(&pod, APP, (ip, 443).into()).as_deref(), Ok("proxy"));
                    tried += 1;
                }
            }
            tried
        });
        for arguments in ARGUMENTS.iter().cycle().take(30) {
            // Whatever else they say, all of them lead 443; the stand-in is found at its own ports
            // only.
            if !arguments.contains(&"--to") {
                install(&pod, &arguments[..arguments.len().min(8)]);
            }
        }
        done.store(true, Ordering::Relaxed);
        app.join().unwrap()
    });
    assert!(tried > 50, "{tried} connections");
}

#[test]
fn pod_http3_can_t_slip_by() {
    let Some(pod) = Pod::start() else { return };
    for ip in PROVIDER {
        assert!(datagram(&pod, APP, (ip, 443).into()).is_ok());
    }
    install(&pod, &["--exclude-uid", "999"]);
    for ip in PROVIDER {
        for uid in [APP, 0] {
            let why = datagram(&pod, uid, (ip, 443).into()).unwrap_err().kind();
            assert_eq!(why, ErrorKind::PermissionDenied, "{ip}: EPERM");
            assert!(datagram(&pod, uid, (ip, 53).into()).is_ok());
        }
        for uid in [PROXY, 999] {
            assert!(datagram(&pod, uid, (ip, 443).into()).is_ok());
        }
    }
}

#[test]
fn pod_what_is_excluded_is_left_alone() {
    let Some(pod) = Pod::start() else { return };
    let (_https, _other, _proxy) = (internet(&pod, 443), internet(&pod, 8443), stand_in(&pod));
    // The foreign host's networks: a broken byte in each family. 203.0.113.20 and 2001:db8::20 are
    // in, .10 and ::10 are not.
    let networks = [
        "--exclude-cidr",
        "203.0.113.16/29",
        "--exclude-cidr",
        "2001:db8::20/123",
    ];
    install(
        &pod,
        &[
            &["--exclude-uid", "999", "--port", "443", "--port", "8443"],
            &networks[..],
        ]
        .concat(),
    );
    for port in [443, 8443] {
        for (provider, foreign) in PROVIDER.into_iter().zip(FOREIGN) {
            assert_eq!(
                who(&pod, APP, (provider, port).into()).as_deref(),
                Ok("proxy")
            );
            assert_eq!(
                who(&pod, 999, (provider, port).into()).as_deref(),
                Ok("internet")
            );
            assert_eq!(
                who(&pod, APP, (foreign, port).into()).as_deref(),
                Ok("internet")
            );
            assert!(datagram(&pod, APP, (provider, port).into()).is_err());
            assert!(datagram(&pod, APP, (foreign, port).into()).is_ok());
        }
    }
}

#[test]
fn pod_without_ipv6_gets_the_rules_as_well() {
    let Some(pod) = Pod::start() else { return };
    let off = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6";
    let (code, said) = output_of(
        &pod.command(Side::Pod, 0, "sh")
            .args(["-c", off])
            .output()
            .unwrap(),
    );
    assert_eq!(code, Some(0), "{said}");
    install(&pod, &[]);
    let _https = internet(&pod, 443);
    let _proxy = Greeter::new(pod.listen(Side::Pod, STAND_IN[0]), "proxy");
    assert_eq!(
        who(&pod, APP, (PROVIDER[0], 443).into()).as_deref(),
        Ok("proxy")
    );
    assert!(who(&pod, APP, (PROVIDER[1], 443).into()).is_err());
}

#[test]
fn pod_the_iptables_form_does_the_same_in_either_variant() {
    let Some(pod) = Pod::start() else { return };
    let (_https, _other) = (internet(&pod, 443), internet(&pod, 8443));
    for variant in ["nft", "legacy"] {
        let programs = ["iptables", "ip6tables"].map(|p| format!("{p}-{variant}-restore"));
        let there = programs.iter().all(|p| {
            let found = pod
                .command(Side::Pod, 0, "sh")
                .args(["-c", &format!("command -v {p}")])
                .output();
            found.is_ok_and(|o| o.status.success())
        });
        if !there {
            let _ = writeln!(
                std::io::stderr(),
                "\nNOT TESTED: {programs:?} are not installed\n"
            );
            continue;
        }
        for arguments in ARGUMENTS.iter().rev() {
            let (_, text) = pod.rules(&[&["--format", "iptables"], *arguments].concat());
            for program in &programs {
                // Twice: nothing is there twice in either case.
                feed(&pod, Side::Pod, program, &[], &text);
                feed(&pod, Side::Pod, program, &["--noflush"], &text);
            }
        }
        let proxy = stand_in(&pod);
        for ip in PROVIDER {
            assert_eq!(
                who(&pod, APP, (ip, 443).into()).as_deref(),
                Ok("proxy"),
                "{variant}"
            );
            assert_eq!(who(&pod, APP, (ip, 8443).into()).as_deref(), Ok("internet"));
            assert_eq!(
                who(&pod, PROXY, (ip, 443).into()).as_deref(),
                Ok("internet")
            );
            assert!(datagram(&pod, APP, (ip, 443).into()).is_err(), "{variant}");
            assert!(datagram(&pod, PROXY, (ip, 443).into()).is_ok());
        }
        drop(proxy);
        assert_eq!(
            who(&pod, APP, (PROVIDER[0], 443).into()),
            Err(ErrorKind::ConnectionRefused)
        );
        // The next variant begins with nothing.
        for program in &programs {
            let empty = "*nat\nCOMMIT\n*filter\nCOMMIT\n";
            feed(&pod, Side::Pod, program, &[], empty);
        }
        assert_eq!(
            who(&pod, APP, (PROVIDER[0], 443).into()).as_deref(),
            Ok("internet")
        );
    }
}
