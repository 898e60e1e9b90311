//! Directories, files and ports that a configuration needs.
//!
//! A directory is granted rather than a file in it, because files that matter are replaced by
//! renames (`..data` of a ConfigMap, an editor's save), and a rule for a file ends with that file.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::config::{Config, Identity, Kind, Others};

/// Read, never written: files of name resolution, trusted roots, and those that an allocator and a
/// C library read.
const SYSTEM: [&str; 24] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/nsswitch.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/localtime",
    "/etc/ld.so.cache",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/proc",
    "/sys/fs/cgroup",
    "/sys/devices/system",
    "/dev/urandom",
];
/// Port of a DNS query over TCP, for answers that don't fit a datagram.
const DNS: u16 = 53;
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

/// The needs of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// Read, with all that is below.
    pub(super) read: BTreeSet<PathBuf>,
    /// Read, written, made and removed, with all that is below.
    pub(super) write: BTreeSet<PathBuf>,
    /// Read, where the machine has it.
    pub(super) system: BTreeSet<PathBuf>,
    /// TCP ports to listen on.
    pub(super) listen: BTreeSet<u16>,
    /// TCP ports to connect to. None: any.
    pub(super) connect: Option<BTreeSet<u16>>,
}

impl Needs {
    /// Returns the needs of `config`, read from `file`.
    pub(super) fn of(config: &Config, file: &Path) -> Self {
        let mut read = crate::ordered::set([place(file)]);
        read.extend(config.files.iter().map(|file| place(file)));
        read.extend(config.policies.directory.clone());
        let identities = config.upstreams.values();
        let identities = identities.filter_map(|upstream| upstream.identity.as_deref());
        read.extend(identities.filter_map(Identity::file).map(place));
        let mut write = crate::ordered::set([config.policies.cache.clone()]);
        let mut listen = crate::ordered::set([config.base_url.port(), config.admin.port()]);
        if config.listen.intercepts() {
            write.extend([config.ca.directory.clone(), config.ca.bundle.clone()]);
            read.extend(config.ca.roots.as_deref().map(place));
            let others = config.listen.forward_proxy.iter();
            let others = others.chain(&config.listen.transparent);
            listen.extend(others.map(std::net::SocketAddr::port));
        }
        Self {
            read,
            write,
            system: crate::ordered::set(SYSTEM.iter().map(PathBuf::from)),
            listen,
            connect: connect(config),
        }
    }

    /// The same with paths as the kernel sees them: absolute, and besides each the one that its
    /// symbolic links lead to.
    pub(super) fn resolved(mut self) -> Self {
        self.read = crate::ordered::set(self.read.iter().flat_map(|path| resolved(path)));
        // A policy's file may be a symbolic link that leads out of the directory.
        let linked: Vec<PathBuf> = (self.read.iter())
            .filter_map(|directory| directory.read_dir().ok())
            .flat_map(|entries| entries.flatten().take(MOST_LINKS))
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()))
            .filter_map(|entry| entry.path().canonicalize().ok())
            .map(|target| {
                if target.is_dir() {
                    target
                } else {
                    place(&target)
                }
            })
            .collect();
        self.read.extend(linked);
        self.write = crate::ordered::set(self.write.iter().flat_map(|path| resolved(path)));
        self
    }

    /// A sentence for each thing that is needed and not in `granted`.
    pub(super) fn beyond(&self, granted: &Self) -> Vec<String> {
        let mut sentences = Vec::new();
        let within = |path: &PathBuf, among: &BTreeSet<PathBuf>| {
            among.iter().any(|granted| path.starts_with(granted))
        };
        for path in &self.read {
            if !within(path, &granted.read) && !within(path, &granted.write) {
                sentences.push(format!(
                    "{} is in no directory that the configuration named at the start, and landlock has given up all others; restart to have it",
                    path.display()
                ));
            }
        }
        if let Some(may) = &granted.connect {
            let wanted = match &self.connect {
                None => vec!["any port".to_owned()],
                Some(ports) => (ports.difference(may))
                    .map(|port| format!("port {port}"))
                    .collect(),
            };
            for port in wanted {
                sentences.push(format!(
                    "connecting to {port} is something that no upstream, store or fetch grant needed at the start, and landlock has given it up; restart to have it"
                ));
            }
        }
        sentences
    }
}

/// Symbolic links of one directory that are followed.
const MOST_LINKS: usize = 1024;

/// The directory of a file; the file itself where that is the root, which would grant everything.
fn place(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent == Path::new("") => PathBuf::from("."),
        Some(parent) if parent.parent().is_some() => parent.to_owned(),
        _ => file.to_owned(),
    }
}

fn resolved(path: &Path) -> Vec<PathBuf> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = absolute
        .canonicalize()
        .ok()
        .filter(|real| *real != absolute);
    [Some(absolute), real].into_iter().flatten().collect()
}

/// Every TCP port that exchanges, policies and stores connect to; none where they can't be known in
/// advance.
fn connect(config: &Config) -> Option<BTreeSet<u16>> {
    if config.listen.intercepts() && config.listen.others == Others::Tunnel {
        return None; // tunnels go wherever apps dial
    }
    let mut ports = crate::ordered::set([DNS]);
    for upstream in config.upstreams.values() {
        if let Kind::Http { origin, .. } = &upstream.kind {
            let plain = origin.scheme_str() == Some("http");
            let default = if plain { HTTP } else { HTTPS };
            ports.insert(origin.port_u16().unwrap_or(default));
        }
        if let Some(identity) = &upstream.identity {
            // A service account's file names its endpoint, which is Google's.
            ports.insert(identity.url().map_or(HTTPS, port));
        }
    }
    ports.extend((config.telemetry.traces.iter()).map(|traces| port(&traces.endpoint)));
    if let Some(redis) = &config.state.redis {
        if redis.cluster {
            return None; // the cluster names its nodes and their ports
        }
        ports.extend(redis.nodes.iter().map(|(_, port)| *port));
    }
    for host in config
        .policies
        .chain
        .iter()
        .flat_map(|policy| policy.grants.hosts())
    {
        match host
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok())
        {
            Some(port) if !host.ends_with(']') => {
                ports.insert(port);
            }
            _ => ports.extend([HTTP, HTTPS]),
        }
    }
    Some(ports)
}

/// The port of an URL.
fn port(url: &str) -> u16 {
    let url: http::Uri = url.parse().unwrap_or_default();
    let plain = url.scheme_str() == Some("http");
    url.port_u16().unwrap_or(if plain { HTTP } else { HTTPS })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn needs(yaml: &str) -> Needs {
        let config = crate::config::tests::read(yaml);
        Needs::of(&config, Path::new("/etc/outrigger/config/outrigger.yaml"))
    }

    const LOCAL: &str = "upstreams: { a: { dialect: openai, url: 'http://10.0.0.1:8000/v1' } }\n";

    #[test]
    fn ports_are_those_of_upstreams_stores_and_fetch_grants() {
        let default = needs("");
        assert_eq!(default.connect, Some([53, 443].into()));
        assert_eq!(default.listen, [4141, 4190].into());
        let more = needs(&format!(
            "{LOCAL}state: {{ redis: 'redis://r:7000' }}\npolicies: {{ directory: /usr, chain: [{{ use: x, grants: [{{ fetch: ['a.example', 'b.example:8443'] }}] }}] }}"
        ));
        assert_eq!(more.connect, Some([53, 80, 443, 7000, 8000, 8443].into()));
        assert!(more.read.contains(Path::new("/usr")));
    }

    #[test]
    fn a_collectors_port_is_connected_to() {
        let env =
            |name: &str| (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| "http://c:4318".into());
        let config = crate::config::tests::parse_in("", &env).unwrap();
        let needs = Needs::of(&config, Path::new("/etc/outrigger/config/outrigger.yaml"));
        assert_eq!(needs.connect, Some([53, 443, 4318].into()));
    }

    #[test]
    fn an_identitys_file_is_read_and_its_endpoint_connected_to() {
        let of = |identity: &str| {
            needs(&format!(
                "upstreams: {{ a: {{ dialect: openai, url: 'https://a.test', identity: {identity} }} }}"
            ))
        };
        let token =
            "token: /var/run/secrets/tokens/openai, identity_provider: i, service_account: s";
        let openai = of(&format!("{{ from: openai, {token} }}"));
        assert!(openai.read.contains(Path::new("/var/run/secrets/tokens")));
        assert_eq!(openai.connect, Some([53, 443].into()));
        let local = of(&format!(
            "{{ from: openai, {token}, token_url: 'http://127.0.0.1:8099/' }}"
        ));
        assert_eq!(local.connect, Some([53, 443, 8099].into()));
        assert_eq!(of("gcp").connect, Some([53, 80, 443].into()));
        assert_eq!(
            of("{ from: aws, region: eu-west-1 }").connect,
            Some([53, 80, 443].into())
        );
        let account = of("{ from: gcp, file: /secrets/gcp/key.json }");
        assert!(account.read.contains(Path::new("/secrets/gcp")));
        assert_eq!(account.connect, Some([53, 443].into()));
    }

    #[test]
    fn what_intercepts_listens_on_more_ports_keeps_a_key_and_tunnels_anywhere() {
        let yaml = "listen: { forward_proxy: 127.0.0.1:4142, transparent: 127.0.0.1:15001 }\nca: { directory: /k, bundle: /b }\n";
        let tunnels = needs(yaml);
        assert_eq!(tunnels.listen, [4141, 4142, 4190, 15001].into());
        assert!(
            ["/k", "/b"]
                .iter()
                .all(|path| tunnels.write.contains(Path::new(path)))
        );
        assert_eq!(tunnels.connect, None);
        let refuses = needs(&yaml.replace("15001 }", "15001, others: refuse }"));
        assert_eq!(refuses.connect, Some([53, 443].into()));
    }

    #[test]
    fn a_clusters_ports_can_not_be_known() {
        let cluster = needs(&format!(
            "{LOCAL}state: {{ redis: 'redis+cluster://r:7000' }}"
        ));
        assert_eq!(cluster.connect, None);
    }

    #[test]
    fn the_configurations_directory_is_read_and_never_the_root() {
        assert!(needs("").read.contains(Path::new("/etc/outrigger/config")));
        assert_eq!(place(Path::new("/o.yaml")), Path::new("/o.yaml"));
        assert_eq!(place(Path::new("o.yaml")), Path::new("."));
    }

    #[test]
    fn what_was_not_granted_is_reported_with_the_remedy() {
        let granted = needs(LOCAL);
        assert_eq!(granted.beyond(&granted), Vec::<String>::new());
        let next = needs(&format!(
            "{}policies: {{ directory: /usr }}",
            LOCAL.replace("8000", "8001")
        ));
        let missing = next.beyond(&granted);
        assert_eq!(missing.len(), 2, "{missing:?}");
        assert!(missing[0].contains("/usr ") && missing[0].contains("restart"));
        assert!(missing[1].contains("port 8001") && missing[1].contains("restart"));
        let any = Needs {
            connect: None,
            ..granted.clone()
        };
        assert_eq!(any.beyond(&granted).len(), 1);
        assert!(granted.beyond(&any).is_empty());
    }

    #[test]
    fn a_link_out_of_the_directory_is_followed_once() {
        let (policies, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(elsewhere.path().join("a.wasm"), "").unwrap();
        let link = policies.path().join("a.wasm");
        std::os::unix::fs::symlink(elsewhere.path().join("a.wasm"), link).unwrap();
        let needs = Needs {
            read: [policies.path().to_owned()].into(),
            ..Needs::default()
        };
        let elsewhere = elsewhere.path().canonicalize().unwrap();
        assert!(needs.resolved().read.contains(&elsewhere));
    }
}
