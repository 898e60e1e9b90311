//! The Landlock rules that the kernel enforces (landlock(7)), as many of them as it knows.
//!
//! A kernel without a feature enforces the rest: ABI 1 (Linux 5.13) knows files, 4 (6.7) TCP ports,
//! 5 devices, 6 (6.12) abstract sockets and signals. Datagrams are in none of them, so name
//! resolution needs no rule.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, RestrictionStatus,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};

use super::needs::Needs;
use crate::tool;

/// The first ABI that knows ports.
pub(super) const NETWORK: u8 = 4;
/// Dynamic loaders: starting a program that needs a C library starts its loader.
const LOADERS: [&str; 4] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
];

/// Extent to which the requested rules are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enforced {
    /// All of it.
    Full,
    /// As much of it as this kernel knows.
    Partial,
    /// Nothing.
    None,
}

impl Enforced {
    /// The word in the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::None => "none",
        }
    }
}

/// The restriction that the kernel enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Restriction {
    /// The kernel's version of Landlock, as far as this program knows it; 0 where it has none or it
    /// is off.
    pub abi: u8,
    /// Extent to which the requested rules are enforced.
    pub enforced: Enforced,
}

impl Restriction {
    /// Nothing is enforced.
    pub(super) const fn none() -> Self {
        Self {
            abi: 0,
            enforced: Enforced::None,
        }
    }

    fn of(status: &RestrictionStatus) -> Self {
        let abi = match status.landlock {
            LandlockStatus::Available { effective_abi, .. } => effective_abi as u8,
            _ => 0,
        };
        let enforced = match status.ruleset {
            RulesetStatus::FullyEnforced => Enforced::Full,
            RulesetStatus::PartiallyEnforced => Enforced::Partial,
            RulesetStatus::NotEnforced => Enforced::None,
        };
        Self { abi, enforced }
    }
}

/// Restricts this thread, and those that it starts from now on, to `needs`.
pub(super) fn restrict_thread(needs: &Needs) -> Restriction {
    match restrict(needs) {
        Ok(status) => Restriction::of(&status),
        // The crate requests only what the kernel reports to support; an error means that it
        // refused all the same.
        Err(_) => Restriction::none(),
    }
}

fn restrict(needs: &Needs) -> Result<RestrictionStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = read
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::MakeSym
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer;
    let start: BitFlags<AccessFs> = AccessFs::Execute | AccessFs::ReadFile;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::BindTcp)?;
    if needs.connect.is_some() {
        rules = rules.handle_access(AccessNet::ConnectTcp)?;
    }
    let compiler = tool::path();
    let started = LOADERS.iter().map(Path::new).chain([&*compiler]);
    let rules = rules
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .add_rules(path_beneath_rules(&needs.read, read))?
        .add_rules(path_beneath_rules(&needs.system, read))?
        .add_rules(path_beneath_rules(&needs.write, write))?
        .add_rules(path_beneath_rules([tool::functions()], read))?
        .add_rules(path_beneath_rules(
            ["/dev/null"],
            AccessFs::ReadFile | AccessFs::WriteFile,
        ))?
        .add_rules(path_beneath_rules(started, start))?;
    let rules = ports(rules, &needs.listen, AccessNet::BindTcp)?;
    let connect = needs.connect.iter().flatten();
    ports(rules, connect, AccessNet::ConnectTcp)?.restrict_self()
}

fn ports<'a>(
    rules: RulesetCreated,
    ports: impl IntoIterator<Item = &'a u16>,
    access: AccessNet,
) -> Result<RulesetCreated, RulesetError> {
    rules.add_rules(
        ports
            .into_iter()
            .map(|port| Ok::<_, RulesetError>(NetPort::new(*port, access))),
    )
}

/// Takes every port, and starting programs, from this thread and those that it starts.
pub(super) fn child() {
    let restrict = || {
        Ruleset::default()
            .handle_access(AccessFs::Execute)?
            .handle_access(AccessNet::from_all(ABI::V4))?
            .create()?
            .restrict_self()
    };
    // What it inherited is enforced all the same.
    let _: Result<RestrictionStatus, RulesetError> = restrict();
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::{
        fs, io,
        net::{TcpListener, TcpStream, ToSocketAddrs},
        path::PathBuf,
    };

    use super::*;

    /// Runs `test` on a thread that is restricted first: what it gave up is that thread's alone.
    /// Does nothing where the kernel has no Landlock.
    fn restricted(needs: Needs, test: impl FnOnce() + Send + 'static) {
        let thread = std::thread::spawn(move || {
            let restriction = restrict_thread(&needs.resolved());
            assert!(rustix::thread::no_new_privs().unwrap() || restriction.abi == 0);
            if restriction.abi >= NETWORK {
                test();
            }
        });
        thread.join().unwrap();
    }

    fn denied<T>(result: io::Result<T>) -> bool {
        result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    }

    #[test]
    fn files_that_are_not_named_are_gone_and_the_others_are_not() {
        let (given, kept, secret) = (
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
        );
        for folder in [&given, &kept, &secret] {
            fs::write(folder.path().join("a"), "a").unwrap();
        }
        let needs = Needs {
            read: [given.path().to_owned()].into(),
            write: [kept.path().to_owned()].into(),
            ..Needs::default()
        };
        restricted(needs, move || {
            let (given, kept, secret) = (given.path(), kept.path(), secret.path());
            assert_eq!(fs::read_to_string(given.join("a")).unwrap(), "a");
            assert_eq!(given.read_dir().unwrap().count(), 1);
            assert!(denied(fs::write(given.join("b"), "b")));
            fs::write(kept.join("b"), "b").unwrap();
            fs::rename(kept.join("b"), kept.join("c")).unwrap();
            fs::remove_file(kept.join("c")).unwrap();
            assert!(denied(fs::read(secret.join("a"))));
            assert!(denied(secret.read_dir()));
            assert!(denied(std::process::Command::new("/bin/true").status()));
        });
    }

    #[test]
    fn a_renamed_link_inside_a_directory_is_followed_as_in_a_config_map() {
        let volume = tempfile::tempdir().unwrap();
        let at = |name: &str| volume.path().join(name);
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, at(name)).unwrap();
        fs::create_dir(at("..1")).unwrap();
        fs::write(at("..1").join("a"), "1").unwrap();
        link("..1", "..data");
        link("..data/a", "a");
        let needs = Needs {
            read: [volume.path().to_owned()].into(),
            ..Needs::default()
        };
        let (begin, begun) = std::sync::mpsc::channel();
        let (go, gone) = std::sync::mpsc::channel();
        let file = at("a");
        let reader = std::thread::spawn(move || {
            restricted(needs, move || {
                assert_eq!(fs::read_to_string(&file).unwrap(), "1");
                begin.send(()).unwrap();
                gone.recv().unwrap();
                assert_eq!(fs::read_to_string(&file).unwrap(), "2");
            });
        });
        if begun.recv().is_ok() {
            fs::create_dir(at("..2")).unwrap();
            fs::write(at("..2").join("a"), "2").unwrap();
            link("..2", "..new");
            fs::rename(at("..new"), at("..data")).unwrap();
            fs::remove_dir_all(at("..1")).unwrap();
            go.send(()).unwrap();
        }
        reader.join().unwrap();
    }

    #[test]
    fn ports_that_are_not_named_are_gone_and_names_are_still_resolved() {
        let (named, other) = (
            TcpListener::bind("127.0.0.1:0").unwrap(),
            TcpListener::bind("127.0.0.1:0").unwrap(),
        );
        let (named_at, other_at) = (named.local_addr().unwrap(), other.local_addr().unwrap());
        let yaml =
            format!("upstreams: {{ a: {{ dialect: openai, url: 'http://{named_at}/v1' }} }}");
        let config = crate::config::tests::read(&yaml);
        let needs = Needs::of(&config, Path::new("/etc/hosts"));
        restricted(needs, move || {
            TcpStream::connect(named_at).unwrap();
            assert!(denied(TcpStream::connect(other_at)));
            assert!(
                denied(TcpListener::bind("127.0.0.1:0")),
                "4141 and 4190 alone"
            );
            assert!(("localhost", 80).to_socket_addrs().unwrap().count() > 0);
            assert!(fs::read_to_string("/proc/self/statm").is_ok());
            assert!(std::thread::available_parallelism().is_ok());
        });
    }

    #[test]
    fn a_compiling_process_has_no_port_and_starts_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        restricted(
            Needs {
                connect: None,
                system: [PathBuf::from("/")].into(),
                ..Needs::default()
            },
            move || {
                let loader = LOADERS.iter().find(|file| Path::new(file).exists());
                let start = || std::process::Command::new(loader.unwrap()).output();
                TcpStream::connect(address).unwrap();
                start().unwrap();
                child();
                assert!(denied(TcpStream::connect(address)));
                assert!(denied(start()));
            },
        );
    }
}
