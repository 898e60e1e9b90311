//! `harden:` and `overload:`.

use std::time::Duration;

use super::Check;
use crate::config::{
    Harden, Landlock, Overload, OverloadMemory,
    file::{self, Count, Text},
    problems::Path,
    values,
};

/// A memory limit below this can't hold the engine and one exchange.
const LEAST_MEMORY: u64 = 32 << 20;

impl Check<'_> {
    pub(super) fn harden(&mut self, written: file::Harden) -> Harden {
        let at = Path::default().key("harden").key("landlock");
        let landlock = self.parsed(
            &at,
            written.landlock.as_ref(),
            Landlock::default(),
            |text| match text {
                "auto" => Ok(Landlock::Auto),
                "require" => Ok(Landlock::Require),
                "off" | "false" => Ok(Landlock::Off), // YAML reads a bare `off` as a truth value in some versions
                _ => Err("is none of `auto`, `require` and `off`; write one of them".into()),
            },
        );
        Harden { landlock }
    }

    pub(super) fn overload(&mut self, written: file::Overload) -> Overload {
        let at = Path::default().key("overload");
        let default = Overload::default();
        let connections = self.number(&at.key("connections"), &written.connections);
        let exchanges = self.number(&at.key("exchanges"), &written.exchanges);
        let bodies_at = at.key("bodies");
        let bodies = written
            .bodies
            .as_ref()
            .map(|size| self.bytes(&bodies_at, Some(size), 0));
        if bodies.is_some_and(|bytes| (1..1 << 20).contains(&bytes)) {
            self.problem(
                &bodies_at,
                "is too small for the body of one request; write `1MiB` or more",
            );
        }
        let delay_at = at.key("delay");
        let delay = self.span(&delay_at, written.delay.as_ref(), default.delay);
        if !(Duration::from_millis(5)..=Duration::from_secs(10)).contains(&delay) {
            self.problem(
                &delay_at,
                "is not between 5ms and 10s; write what an app may wait for its turn, like `30ms`",
            );
        }
        let memory = written.memory.unwrap_or_default();
        let at = at.key("memory");
        let limit = self.parsed(
            &at.key("limit"),
            memory.limit.as_ref(),
            None,
            |text| match text {
                "auto" => Ok(None),
                size => match values::size(size) {
                    Ok(bytes) if bytes < LEAST_MEMORY => Err(format!(
                        "`{size}` does not hold one exchange; write `32MiB` or more, or `auto`"
                    )),
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(_) => Err(format!(
                        "`{size}` is not a size; write `auto`, or one like `128MiB`"
                    )),
                },
            },
        );
        let default = default.memory;
        let shed_at = self.share(&at.key("shed_at"), memory.shed_at.as_ref(), default.shed_at);
        let refuse_key = at.key("refuse_at");
        let refuse_default = default.refuse_at.max(shed_at);
        let refuse_at = self.share(&refuse_key, memory.refuse_at.as_ref(), refuse_default);
        if refuse_at < shed_at {
            self.problem(
                &refuse_key,
                "is below `shed_at`; exchanges are shed before connections are refused",
            );
        }
        Overload {
            connections: connections.unwrap_or(Overload::default().connections),
            exchanges,
            bodies,
            delay,
            memory: OverloadMemory {
                limit,
                shed_at,
                refuse_at,
            },
        }
    }

    fn number(&mut self, at: &Path, written: &Option<Count>) -> Option<usize> {
        let written = written.as_ref()?;
        Some(self.count(at, Some(written), "them", 1, 1_000_000))
    }

    fn share(&mut self, at: &Path, written: Option<&Text>, default: u8) -> u8 {
        self.parsed(at, written, default, |text| {
            match text
                .strip_suffix('%')
                .and_then(|number| number.parse().ok())
            {
                Some(share @ 10..=99) => Ok(share),
                _ => Err(format!(
                    "`{text}` is not a share of the limit; write one like `80%`, from 10% to 99%"
                )),
            }
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use crate::config::{
        Landlock,
        tests::{mistakes, parse},
    };

    #[test]
    fn every_key_is_read_and_has_its_default() {
        let config = parse("").unwrap();
        assert_eq!(config.harden.landlock, Landlock::Auto);
        assert_eq!(config.overload.connections, 10_000);
        assert_eq!(
            (
                config.overload.memory.shed_at,
                config.overload.memory.refuse_at
            ),
            (80, 92)
        );
        let config = parse(
            "harden: { landlock: require }\noverload: { connections: 50, exchanges: 20, bodies: 8MiB, delay: 80ms, memory: { limit: 96MiB, shed_at: 70%, refuse_at: 90% } }\nlimits: { write_timeout: 5s, idle_timeout: 1m, body_rate: 2KiB }",
        )
        .unwrap();
        assert_eq!(config.harden.landlock, Landlock::Require);
        let overload = config.overload;
        assert_eq!((overload.connections, overload.exchanges), (50, Some(20)));
        assert_eq!(overload.bodies, Some(8 << 20));
        assert_eq!(overload.delay, Duration::from_millis(80));
        assert_eq!(overload.memory.limit, Some(96 << 20));
        assert_eq!(
            (overload.memory.shed_at, overload.memory.refuse_at),
            (70, 90)
        );
        assert_eq!(config.limits.write_timeout, Duration::from_secs(5));
        assert_eq!(config.limits.idle_timeout, Duration::from_secs(60));
        assert_eq!(config.limits.body_rate, 2048);
    }

    #[test]
    fn a_high_shed_mark_takes_the_refuse_mark_with_it() {
        let config = parse("overload: { memory: { shed_at: 95% } }").unwrap();
        assert_eq!(config.overload.memory.refuse_at, 95);
    }

    #[test]
    fn each_mistake_is_a_sentence() {
        mistakes(
            r#"
                harden: { landlock: maybe } => `auto`, `require` and `off`
                overload: { connections: 0 } => from 1 to
                overload: { exchanges: many } => from 1 to
                overload: { bodies: 1KiB } => `1MiB` or more
                overload: { delay: 1ms } => between 5ms and 10s
                overload: { memory: { limit: 1MiB } } => `32MiB` or more
                overload: { memory: { limit: half } } => write `auto`
                overload: { memory: { shed_at: 80 } } => `80%`
                overload: { memory: { shed_at: 100% } } => to 99%
                overload: { memory: { shed_at: 90%, refuse_at: 80% } } => below `shed_at`
                overload: { memroy: {} } => memroy
            "#,
        );
    }
}
