//! The whole body, to read and to replace: the escape hatch from passages, a grant of its own.

use bytes::Bytes;

use super::{Access, Capability, State, Version, exchange::edited, misuse};

/// The capability `body`: two functions of `exchange`.
pub static BODY: Capability = Capability {
    name: "body",
    about: "reads and replaces the whole body",
    access: Access::Named,
    waits: false,
    linked: &[],
};

impl State {
    /// Returns the body as it is now. Where it was not granted, it is empty to policies of earlier
    /// contracts.
    pub(super) fn read_body(&mut self) -> wasmtime::Result<Vec<u8>> {
        match (self.shared.grants.has(&BODY), self.shared.contract) {
            (true, _) => Ok(self.whole()?.to_vec()),
            (false, Version::V0_4) => misuse("body: `body` was not granted; grant it in the chain"),
            (false, Version::V0_3 | Version::V0_2) => Ok(Vec::new()),
        }
    }

    /// Replaces the body.
    pub(super) fn replace_body(&mut self, body: Vec<u8>) -> wasmtime::Result<()> {
        if !self.shared.grants.has(&BODY) {
            return misuse("set-body: `body` was not granted; grant it in the chain");
        }
        edited("set-body", self.lent()?.body.replace(Bytes::from(body)))
    }
}
