//! `state:`.

use std::time::Duration;

use super::Check;
use crate::config::{
    Degrade, Redis, Secret, State, StateMemory,
    file::{self, OneOrMore, WrittenRedis},
    problems::Path,
    values::unescaped,
};

/// Longest `state.timeout`: beyond it a slow store would stall every exchange.
const LONGEST: Duration = Duration::from_secs(1);

impl Check<'_> {
    pub(super) fn state(&mut self, written: file::State) -> State {
        let at = Path::default().key("state");
        let default = State::default();
        let alone = written.redis.is_none();
        for (key, there) in [
            ("timeout", written.timeout.is_some()),
            ("degrade", written.degrade.is_some()),
            ("replicas", written.replicas.is_some()),
            ("reservation_lapse", written.reservation_lapse.is_some()),
        ] {
            if there && alone {
                self.problem(
                    &at.key(key),
                    "has no effect without `state.redis`; add that or remove this",
                );
            }
        }
        let timeout_at = at.key("timeout");
        let timeout = self.span(&timeout_at, written.timeout.as_ref(), default.timeout);
        if timeout > LONGEST {
            self.problem(
                &timeout_at,
                "is longer than the 1s that an exchange may wait for a store; write less",
            );
        }
        let words = [
            ("share", Degrade::Share),
            ("block", Degrade::Block),
            ("skip", Degrade::Skip),
        ];
        let degrade = self.word(
            &at.key("degrade"),
            written.degrade.as_ref(),
            default.degrade,
            &words,
        );
        let replicas_at = at.key("replicas");
        if written.replicas.is_some() && degrade != Degrade::Share {
            self.problem(
                &replicas_at,
                "has no effect without `degrade: share`; remove it",
            );
        }
        let replicas = written.replicas.as_ref();
        let replicas = self.count(
            &replicas_at,
            replicas,
            "replicas",
            default.replicas,
            100_000,
        );
        let lapse_at = at.key("reservation_lapse");
        let reservation_lapse = self.span(
            &lapse_at,
            written.reservation_lapse.as_ref(),
            default.reservation_lapse,
        );
        if reservation_lapse < Duration::from_secs(1) {
            self.problem(
                &lapse_at,
                "is shorter than any exchange; write how long the longest one takes, like `10m`",
            );
        }
        let redis = written.redis.0.and_then(|redis| {
            let at = at.key("redis");
            match redis {
                WrittenRedis::Url(url) => {
                    let full = file::Redis {
                        url: OneOrMore(vec![url]),
                        ..file::Redis::default()
                    };
                    self.redis(&at, &at, full, false)
                }
                WrittenRedis::Full(full) => self.redis(&at, &at.key("url"), *full, true),
            }
        });
        let memory = written.memory.0.unwrap_or_default();
        let at = at.key("memory");
        State {
            redis,
            timeout,
            degrade,
            replicas,
            reservation_lapse,
            admin_changes: written.admin_changes.unwrap_or(false),
            memory: StateMemory {
                values: self.store_size(&at.key("values"), &memory.values, default.memory.values),
                replies: self.store_size(
                    &at.key("replies"),
                    &memory.replies,
                    default.memory.replies,
                ),
                vectors: self.store_size(
                    &at.key("vectors"),
                    &memory.vectors,
                    default.memory.vectors,
                ),
                buckets: self.store_size(
                    &at.key("buckets"),
                    &memory.buckets,
                    default.memory.buckets,
                ),
            },
        }
    }

    fn store_size(&mut self, at: &Path, written: &Option<file::Size>, default: usize) -> usize {
        let size = self.bytes(at, written.as_ref(), default);
        if size < 64 << 10 {
            self.problem(at, "is too small to be of use; write `64KiB` or more");
        }
        size
    }

    /// `urls` is where the addresses stand; `full` whether keys may stand beside them.
    fn redis(&mut self, at: &Path, urls: &Path, written: file::Redis, full: bool) -> Option<Redis> {
        let OneOrMore(addresses) = &written.url;
        let several = addresses.len() > 1;
        let mut read: Option<Address> = None;
        let mut nodes = Vec::new();
        if addresses.is_empty() {
            self.problem(
                urls,
                "names no address; write one like `redis://redis:6379`",
            );
        }
        for (index, url) in addresses.iter().enumerate() {
            let at = if several {
                urls.index(index)
            } else {
                urls.clone()
            };
            let Some(address) = self.parsed(&at, Some(url), None, |text| address(text).map(Some))
            else {
                continue;
            };
            nodes.push(address.node.clone());
            match &read {
                Some(first) if !first.agrees(&address) => self.problem(
                    &at,
                    "differs from the first address in more than host and port; give all nodes of the cluster alike",
                ),
                Some(_) => {}
                None => read = Some(address),
            }
        }
        let user = self.text(&at.key("user"), written.user.as_ref());
        let password_at = at.key("password");
        let password = self
            .text(&password_at, written.password.as_ref())
            .and_then(|text| self.read_secret(&password_at, text));
        let optional = written
            .password
            .as_ref()
            .is_some_and(|raw| raw.0.contains(":-"));
        if password.as_deref() == Some("") && !optional {
            self.problem(
                &password_at,
                "is empty; give it a value, or leave the key out",
            );
        }
        let password = password.filter(|text| !text.is_empty());
        let roots = self.roots(&at.key("roots"), written.roots.as_ref());
        let prefix = self.parsed(
            &at.key("prefix"),
            written.prefix.as_ref(),
            "outrigger".to_owned(),
            |text| {
                let good = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
                if text.is_empty() || text.len() > 64 || !text.bytes().all(good) {
                    return Err(format!(
                        "`{text}` can't begin a key; write up to 64 letters, digits, `-`, `_`, `.` or `:`"
                    ));
                }
                Ok(text.to_owned())
            },
        );
        let address = read?;
        if roots.is_some() && !address.tls {
            self.problem(
                &at.key("roots"),
                "has no effect without TLS; write `rediss://` in the address or remove this",
            );
        }
        if (several || address.cluster) && address.database != 0 {
            self.problem(
                urls,
                "names a database, and a cluster has the one only; remove what follows the port",
            );
        }
        if address.password.is_some() && password.is_some()
            || address.user.is_some() && user.is_some()
        {
            let key = if full { at } else { urls };
            self.problem(
                key,
                "has credentials in its address and beside it; keep one of them",
            );
        }
        if user.is_some() && password.is_none() && !optional {
            self.problem(
                &at.key("user"),
                "has no effect without `password`; add that or remove this",
            );
        }
        Some(Redis {
            nodes,
            cluster: address.cluster || several,
            tls: address.tls,
            database: address.database,
            user: user.or(address.user).filter(|user| !user.is_empty()),
            password: password.or(address.password).map(Secret::new),
            roots: roots.map(|(_, bytes)| bytes),
            prefix,
        })
    }
}

/// One address.
#[derive(Clone)]
struct Address {
    node: (String, u16),
    cluster: bool,
    tls: bool,
    database: i64,
    user: Option<String>,
    password: Option<String>,
}

impl Address {
    fn agrees(&self, other: &Self) -> bool {
        let but_node = |address: &Self| {
            (
                address.cluster,
                address.tls,
                address.database,
                address.user.clone(),
                address.password.clone(),
            )
        };
        but_node(self) == but_node(other)
    }
}

/// Reads `redis://user:password@host:6379/0`. Quotes nothing of it: there may be a password in it.
fn address(text: &str) -> Result<Address, String> {
    let wrong = |what: &str| {
        Err(format!(
            "{what}; write an address like `redis://redis:6379`"
        ))
    };
    let Some((scheme, rest)) = text.split_once("://") else {
        return wrong("is no address of Redis");
    };
    let (tls, cluster) = match scheme {
        "redis" | "valkey" => (false, false),
        "rediss" | "valkeys" => (true, false),
        "redis+cluster" | "valkey+cluster" => (false, true),
        "rediss+cluster" | "valkeys+cluster" => (true, true),
        _ => {
            return wrong(
                "begins with none of `redis://`, `rediss://`, `redis+cluster://` and `rediss+cluster://`",
            );
        }
    };
    // The last `@`: a password may hold one that was not escaped.
    let (credentials, place) = match rest.rsplit_once('@') {
        Some((credentials, place)) => (Some(credentials), place),
        None => (None, rest),
    };
    let (place, database) = place.split_once('/').unwrap_or((place, ""));
    let database = match database {
        "" => 0,
        digits => match digits.parse() {
            Ok(number @ 0..=1023) => number,
            _ => return wrong("has something behind the port that is no database's number"),
        },
    };
    let Some((host, port)) = host_and_port(place) else {
        return wrong("names no host and port");
    };
    let (user, password) = match credentials.map(|text| text.split_once(':').unwrap_or((text, "")))
    {
        None => (None, None),
        Some((user, password)) => match (unescaped(user), unescaped(password)) {
            (Some(user), Some(password)) => (
                Some(user).filter(|user| !user.is_empty()),
                Some(password).filter(|password| !password.is_empty()),
            ),
            _ => return wrong("has credentials with a broken `%` escape"),
        },
    };
    Ok(Address {
        node: (host.to_owned(), port),
        cluster,
        tls,
        database,
        user,
        password,
    })
}

/// `host`, `host:port`, `[::1]:port`; the port is 6379 where none is named.
fn host_and_port(place: &str) -> Option<(&str, u16)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host.parse::<std::net::Ipv6Addr>().ok().map(|_| host)?, port)
        }
        None => {
            let end = place.find(':').unwrap_or(place.len());
            place.split_at(end)
        }
    };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    let port = match port {
        "" => 6379,
        named => named
            .strip_prefix(':')?
            .parse()
            .ok()
            .filter(|port| *port > 0)?,
    };
    (!host.is_empty() && host.bytes().all(good)).then_some((host, port))
}
