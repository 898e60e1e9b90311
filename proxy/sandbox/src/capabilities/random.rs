//! Random bytes from the operating system, and one key per policy and process.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::{super::bindings::interfaces::random as wit, Access, Capability, State, misuse};

/// The capability `random`.
pub static RANDOM: Capability = Capability {
    name: "random",
    about: "takes random bytes, and one key for as long as the process lives",
    access: Access::Free,
    waits: false,
    linked: linked!(random since V0_2),
};

/// Bytes of one call.
const MOST: u32 = 64 << 10;

impl wit::Host for State {
    fn bytes(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        self.live()?;
        if length > MOST {
            return misuse(format!("random bytes: {MOST} a call at most"));
        }
        let mut bytes = vec![0; length as usize];
        fill(&mut bytes)?;
        Ok(bytes)
    }

    fn u64(&mut self) -> wasmtime::Result<u64> {
        self.live()?;
        let mut bytes = [0; 8];
        fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn process_key(&mut self) -> wasmtime::Result<Vec<u8>> {
        self.live()?;
        match self.shared.key {
            Some(key) => Ok(key.to_vec()),
            None => misuse("the system gave no random bytes"),
        }
    }
}

fn fill(bytes: &mut [u8]) -> wasmtime::Result<()> {
    getrandom::fill(bytes).or_else(|_| misuse("the system gave no random bytes"))
}

/// Returns the key of the policy `name`: a reload keeps it, the end of the process does not.
pub(in super::super) fn process_key(name: &str) -> Option<[u8; 32]> {
    static KEYS: Mutex<Option<HashMap<String, [u8; 32]>>> = Mutex::new(None);
    let mut keys = KEYS.lock();
    let keys = keys.get_or_insert_default();
    if let Some(key) = keys.get(name) {
        return Some(*key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).ok()?;
    keys.insert(name.to_owned(), key);
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_key_is_the_same_for_one_policy_and_another_for_the_next() {
        let (a, b) = (process_key("random-test-a"), process_key("random-test-b"));
        assert!(a.is_some() && a != b);
        assert_eq!(process_key("random-test-a"), a);
    }
}
