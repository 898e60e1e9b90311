//! The programs that the CA is for, over real TLS on loopback, with the environment that
//! [`environment`] names and nothing else.
//!
//! A program that is not installed is named on standard error and left out.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
};

use rustls::{ServerConfig, ServerConnection, server::ResolvesServerCert};

use super::*;

/// Reads `HOST PORT` lines, connects to that port of loopback in that host's name, and writes `ok`
/// or the error. Roots are read once.
const PYTHON: &str = "
import socket, ssl, sys
context = ssl.create_default_context()
context.verify_flags |= ssl.VERIFY_X509_STRICT
for line in iter(sys.stdin.readline, ''):
    host, port = line.split()
    try:
        with socket.create_connection(('127.0.0.1', int(port))) as tcp, context.wrap_socket(tcp, server_hostname=host) as tls:
            tls.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n')
            print('ok' if tls.recv(99).startswith(b'HTTP/1.1 200') else 'no answer', flush=True)
    except Exception as error:
        print(repr(error), flush=True)
";
const NODE: &str = "
const tls = require('tls');
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const [host, port] = line.split(' ');
  const socket = tls.connect({ host: '127.0.0.1', port, servername: host }, () => socket.write('GET / HTTP/1.1\\r\\n\\r\\n'));
  let printed = false;
  const tell = (what) => { if (!printed) console.log(what); printed = true; socket.destroy(); };
  socket.on('data', (data) => tell(data.toString().startsWith('HTTP/1.1 200') ? 'ok' : 'no answer'));
  socket.on('error', (error) => tell(`${error.code} ${error.message}`.replaceAll('\\n', ' ')));
  socket.on('close', () => tell('closed'));
});
";
const JAVA: &str = r#"
import java.net.Socket; import java.util.Scanner; import javax.net.ssl.*;
class Client { public static void main(String[] arguments) throws Exception {
  var factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
  for (var lines = new Scanner(System.in); lines.hasNextLine();) {
    var line = lines.nextLine().split(" ");
    var port = Integer.parseInt(line[1]);
    try (var tcp = new Socket("127.0.0.1", port); var tls = (SSLSocket) factory.createSocket(tcp, line[0], port, true)) {
      var parameters = tls.getSSLParameters(); parameters.setEndpointIdentificationAlgorithm("HTTPS"); tls.setSSLParameters(parameters);
      tls.getOutputStream().write("GET / HTTP/1.1\r\n\r\n".getBytes());
      System.out.println(tls.getInputStream().read() == 'H' ? "ok" : "no answer");
    } catch (Exception error) { System.out.println(error.toString().replace("\n", " ")); }
    System.out.flush();
  }
} }
"#;

fn installed(program: &str) -> bool {
    let there = Command::new(program)
        .arg(if program == "openssl" {
            "version"
        } else {
            "--version"
        })
        .output()
        .is_ok();
    if !there {
        eprintln!("SKIPPED: {program} is not installed; the pod's CA is not tried with it");
    }
    there
}

/// A client that keeps running: it has read its roots, and connects again and again on demand.
struct Client {
    name: &'static str,
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Client {
    fn start(name: &'static str, pod: &Pod) -> Option<Self> {
        let compiler = name != "java" || installed("javac");
        (installed(name) && compiler).then_some(())?;
        let mut command = Command::new(name);
        match name {
            "python3" => command.args(["-c", PYTHON]),
            "node" => command.args(["-e", NODE]),
            _ => {
                let source = pod.at.path().join("Client.java");
                if !source.exists() {
                    fs::write(&source, JAVA).unwrap();
                    let made = Command::new("javac").arg(&source).status();
                    assert!(made.unwrap().success());
                }
                command.args(["-XX:TieredStopAtLevel=1", "-cp"]);
                command.arg(pod.at.path()).arg("Client")
            }
        };
        let bundle = &pod.settings.bundle;
        let (stdin, stdout) = (Stdio::piped(), Stdio::piped());
        command
            .envs(environment(bundle))
            .env("JAVA_TOOL_OPTIONS", java_options(bundle));
        let mut child = command
            .stdin(stdin)
            .stdout(stdout)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Some(Self { name, child, said })
    }

    fn connect(&mut self, host: &str, port: u16) -> Result<(), String> {
        writeln!(self.child.stdin.as_mut().unwrap(), "{host} {port}").unwrap();
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        match line.trim() {
            "ok" => Ok(()),
            error => Err(format!("{}: {error}", self.name)),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A server on loopback that answers one request a connection; until the process ends.
fn serve(resolver: Arc<dyn ResolvesServerCert>) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for tcp in listener.incoming() {
            let mut tls = rustls::StreamOwned::new(
                ServerConnection::new(Arc::clone(&config)).unwrap(),
                tcp.unwrap(),
            );
            // A client that refuses the certificate hangs up, as it may.
            if tls.read(&mut [0; 999]).is_ok_and(|n| n > 0) {
                let _ = tls.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
                );
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        }
    });
    port
}

fn clients(pod: &Pod) -> Vec<Client> {
    ["python3", "node", "java"]
        .into_iter()
        .filter_map(|name| Client::start(name, pod))
        .collect()
}

#[test]
fn python_node_and_java_go_on_over_restarts_other_hosts_and_rotations_with_the_roots_of_their_start()
 {
    let pod = Pod::new();
    let today = SystemTime::now();
    let past = today - Duration::from_secs(250 * issue::DAY);
    // 250 days ago, so that the certificate is due for a follower today and still valid.
    drop(pod.open(&[OPENAI], past));
    let mut old = clients(&pod);
    // Roots are read now, and never again: the JVM reads them when it first needs them.
    let first = serve(Arc::new(Always(Arc::new(forged(
        &pod.open(&[OPENAI], past),
        &[OPENAI],
        today,
    )))));
    old.iter_mut()
        .for_each(|client| client.connect(OPENAI, first).unwrap());

    let ca = pod.open(&[OPENAI], today);
    assert_eq!(pod.roots().len(), 2);
    let port = serve(ca.resolver());
    let mut both = clients(&pod);
    for client in old.iter_mut().chain(&mut both) {
        client.connect(OPENAI, port).unwrap();
        client.connect(ANTHROPIC, port).unwrap_err();
    }

    ca.renew(&set(&[OPENAI, ANTHROPIC]), today).unwrap();
    let mut more = clients(&pod);
    for client in &mut more {
        client.connect(OPENAI, port).unwrap();
        client.connect(ANTHROPIC, port).unwrap();
    }
    for client in old.iter_mut().chain(&mut both) {
        client.connect(OPENAI, port).unwrap();
        // Java does not check constraints of roots: see the next test.
        assert_eq!(
            client.connect(ANTHROPIC, port).is_ok(),
            client.name == "java"
        );
    }
}

#[test]
fn python_node_and_curl_refuse_what_a_thief_of_the_key_signs() {
    let pod = Pod::new();
    let today = SystemTime::now();
    let ca = pod.open(&[OPENAI], today);
    let good = serve(Arc::new(Always(Arc::new(forged(&ca, &[OPENAI], today)))));
    let evil = serve(Arc::new(Always(Arc::new(forged(
        &ca,
        &["evil.example"],
        today,
    )))));
    let double = serve(Arc::new(Always(Arc::new(forged(
        &ca,
        &[OPENAI, "evil.example"],
        today,
    )))));
    let address = serve(Arc::new(Always(Arc::new(forged(
        &ca,
        &["127.0.0.1"],
        today,
    )))));
    let below = serve(Arc::new(Always(Arc::new(forged_below(
        &ca,
        "evil.example",
        today,
    )))));
    // Only intermediates are bound by their constraints in Java: RFC 5280 §6.1.1 (h) has those of a
    // root given beside it, if at all.
    let evils = [
        ("evil.example", below),
        ("evil.example", evil),
        ("evil.example", double),
        (OPENAI, double),
    ];
    for client in &mut clients(&pod) {
        client.connect(OPENAI, good).unwrap();
        client.connect("another.example", evil).unwrap_err();
        let java = client.name == "java";
        for (host, port) in evils.into_iter().filter(|_| !java) {
            let said = client.connect(host, port);
            assert!(
                said.is_err(),
                "{} accepts {host} at {port} of {evils:?}",
                client.name
            );
        }
    }
    if !installed("curl") {
        return;
    }
    let curl = |host: &str, port: u16| {
        Command::new("curl")
            .args([
                "-sS",
                "--noproxy",
                "*",
                "--resolve",
                &format!("{host}:{port}:127.0.0.1"),
                &format!("https://{host}:{port}/"),
            ])
            .envs(environment(&pod.settings.bundle))
            .output()
            .unwrap()
    };
    assert_eq!(curl(OPENAI, good).stdout, b"ok");
    for (host, port) in evils.into_iter().chain([("127.0.0.1", address)]) {
        assert_eq!(curl(host, port).status.code(), Some(60), "{host}");
    }
}

#[test]
fn openssl_verifies_what_is_configured_strictly_and_nothing_else() {
    if !installed("openssl") {
        return;
    }
    let pod = Pod::new();
    let today = SystemTime::now();
    let ca = pod.open(&[OPENAI], today);
    let verify = |leaf: &CertifiedKey, check: &[&str]| {
        let (end, rest) = (
            pod.at.path().join("leaf.pem"),
            pod.at.path().join("rest.pem"),
        );
        fs::write(&end, bundle::pem_all(&leaf.cert[..1])).unwrap();
        fs::write(&rest, bundle::pem_all(&leaf.cert[1..])).unwrap();
        let mut command = Command::new("openssl");
        command
            .args(["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile"])
            .arg(pod.ca())
            .args(check);
        if leaf.cert.len() > 1 {
            command.arg("-untrusted").arg(rest);
        }
        let done = command.arg(end).output().unwrap();
        match done.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
        }
    };
    let name = ["-verify_hostname", OPENAI];
    verify(&ca.leaf(OPENAI, today).unwrap(), &name).unwrap();
    for (leaf, check, why) in [
        (
            forged(&ca, &["evil.example"], today),
            ["-verify_hostname", "evil.example"],
            "permitted subtree violation",
        ),
        (
            forged(&ca, &[OPENAI, "evil.example"], today),
            name,
            "permitted subtree violation",
        ),
        (
            forged(&ca, &["203.0.113.7"], today),
            ["-verify_ip", "203.0.113.7"],
            "excluded subtree violation",
        ),
        (
            forged(&ca, &["2001:db8::7"], today),
            ["-verify_ip", "2001:db8::7"],
            "excluded subtree violation",
        ),
        (
            forged_below(&ca, OPENAI, today),
            name,
            "path length constraint exceeded",
        ),
    ] {
        let said = verify(&leaf, &check).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
    // The text that a person sees who looks at the certificate.
    let text = Command::new("openssl")
        .args(["x509", "-noout", "-text", "-fingerprint", "-sha256", "-in"])
        .arg(pod.ca())
        .output()
        .unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    for part in [
        "CA:TRUE, pathlen:0",
        "Name Constraints: critical",
        "DNS:api.openai.com",
        "Certificate Sign, CRL Sign",
        &ca.fingerprint(),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The reason that a certificate for fewer hosts is not handed out beside the one that follows
    // it: clients may choose it.
    let old = fs::read(pod.ca()).unwrap();
    ca.renew(&set(&[OPENAI, ANTHROPIC]), today).unwrap();
    let (new, leaf) = (
        fs::read(pod.ca()).unwrap(),
        ca.leaf(ANTHROPIC, today).unwrap(),
    );
    verify(&leaf, &["-verify_hostname", ANTHROPIC]).unwrap();
    fs::write(pod.ca(), [old, new].concat()).unwrap();
    let said = verify(&leaf, &["-verify_hostname", ANTHROPIC]).unwrap_err();
    assert!(said.contains("permitted subtree violation"), "{said}");
}

#[test]
fn keytool_lists_the_store_with_a_password_and_without() {
    if !installed("keytool") {
        return;
    }
    let pod = Pod::new();
    pod.open(&[OPENAI], SystemTime::now());
    let store = pod.settings.bundle.join("bundle.p12");
    for password in [
        &["-storepass", "changeit"][..],
        &["-storepass", "another"],
        &["-storepass", ""],
        &[],
    ] {
        let list = Command::new("keytool")
            .args(["-list", "-keystore"])
            .arg(&store)
            .args(password)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&list.stdout).into_owned();
        assert!(
            said.contains("contains 4 entries") && said.matches("trustedCertEntry").count() == 4,
            "{password:?} {said}"
        );
    }
}
