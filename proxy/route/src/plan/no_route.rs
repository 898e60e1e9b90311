//! The reasons why nothing can serve a request, in words for the app.

use std::{fmt, sync::Arc, time::Instant};

use super::Exclusion;

/// The reason why nothing can serve a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRoute {
    /// No upstream speaks the dialect, or several do and none is named after its family.
    #[error(
        "no upstream is the one for {0} requests whose model no alias names: ask for one of `models:`, or add such an upstream, named after the dialect's family where there are several"
    )]
    NobodySpeaks(&'static str),
    /// The app dialled a host, and the upstream that claimed it is gone.
    #[error("no upstream claims this host any more")]
    Unclaimed,
    /// The alias or prefix names this upstream, and no other one; it is left out.
    #[error(fmt = excluded)]
    Excluded(Arc<str>, Exclusion),
    /// Every target is left out.
    #[error("{0}")]
    NoneLeft(Box<NoneLeft>),
}

/// The targets of a request, all of which are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoneLeft {
    /// The name that the app used.
    pub model: Arc<str>,
    /// Each target, `upstream/model`, and the reason why it is left out.
    pub excluded: Vec<(Box<str>, Exclusion)>,
    /// The time at which they were.
    pub now: Instant,
}

/// The sum of the reasons why nothing is left, which decides about what may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A target that could take it is limited: it may wait, or go elsewhere.
    Limited,
    /// Every target that could take it is open. Waiting may help.
    Open,
    /// All that could take it were tried.
    Tried,
    /// No target takes such a request: another attempt is of no use.
    Unfit,
    /// Keys, families, tags, prices or policies leave none.
    Barred,
}

impl NoneLeft {
    /// The soonest known end of what keeps a target out that is open or limited.
    pub fn soonest(&self) -> Option<Instant> {
        let ends = self.excluded.iter().map(|(_, reason)| reason);
        ends.filter_map(Exclusion::until).min()
    }

    /// The sum of the reasons.
    pub fn verdict(&self) -> Verdict {
        let any = |is: fn(&Exclusion) -> bool| self.excluded.iter().any(|(_, reason)| is(reason));
        if any(|reason| matches!(reason, Exclusion::Limited { .. })) {
            Verdict::Limited
        } else if any(Exclusion::passes) {
            Verdict::Open
        } else if any(|reason| *reason == Exclusion::Tried) {
            Verdict::Tried
        } else if any(Exclusion::is_requests) {
            Verdict::Unfit
        } else {
            Verdict::Barred
        }
    }
}

/// The targets and the reasons, for the app.
impl fmt::Display for NoneLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no target of `{}` can serve this request: ", self.model)?;
        for (at, (target, reason)) in self.excluded.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}`{target}` {}", reason.words(self.now))?;
        }
        Ok(())
    }
}

fn excluded(upstream: &str, reason: &Exclusion, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reason {
        Exclusion::NoKey => write!(
            f,
            "this model is served by the upstream `{upstream}`, which has no key of its own, and the app's is for the host that it dialled; give the upstream a `key`"
        ),
        Exclusion::OtherFamily(dialect) => write!(
            f,
            "the upstream `{upstream}` does not speak {dialect}, and requests of that dialect are not translated for it"
        ),
        // an end that lies ahead needs the time, which only `NoneLeft` has
        other => write!(f, "the upstream `{upstream}` is left out: {}", other.name()),
    }
}
