//! Grants of the operator to one policy.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{Access, CAPABILITIES, Capability};

/// Capabilities that the operator granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(BTreeMap<&'static str, Vec<String>>);

impl Grants {
    /// Grants every interface, calls to no host included: for describing a policy before anything
    /// is granted to it.
    pub fn every_interface() -> Self {
        let interfaces = Capability::granted().filter(|known| !known.linked.is_empty());
        Self(interfaces.map(|known| (known.name, Vec::new())).collect())
    }

    /// Adds a capability.
    #[must_use]
    pub fn with(self, capability: &'static Capability) -> Self {
        self.with_hosts(capability, [])
    }

    /// Adds a capability, for these hosts.
    #[must_use]
    pub fn with_hosts<const N: usize>(
        mut self,
        capability: &'static Capability,
        hosts: [&str; N],
    ) -> Self {
        self.grant(capability, hosts.map(str::to_owned).to_vec());
        self
    }

    /// Grants a capability, for these hosts where hosts are granted: `host` or `host:port`. Returns
    /// false where it was granted before.
    pub fn grant(&mut self, capability: &'static Capability, hosts: Vec<String>) -> bool {
        match self.0.entry(capability.name) {
            Entry::Occupied(mut granted) => {
                granted.get_mut().extend(hosts);
                false
            }
            Entry::Vacant(free) => {
                free.insert(hosts);
                true
            }
        }
    }

    /// Puts these hosts in the place of those that a capability is granted for, where it is granted.
    pub fn set_hosts(&mut self, capability: &Capability, hosts: Vec<String>) {
        if let Some(granted) = self.0.get_mut(capability.name) {
            *granted = hosts;
        }
    }

    /// Reports whether a policy may have it.
    pub fn has(&self, capability: &Capability) -> bool {
        capability.access == Access::Free || self.0.contains_key(capability.name)
    }

    /// Returns the hosts that a capability is granted for.
    pub fn hosts_of(&self, capability: &Capability) -> &[String] {
        self.0.get(capability.name).map_or(&[], Vec::as_slice)
    }

    /// Iterates over the hosts that any capability is granted for.
    pub fn hosts(&self) -> impl Iterator<Item = &String> {
        self.0.values().flatten()
    }

    /// Returns the grants as words, in the table's order: those without hosts first, then one
    /// `NAME HOST` for each host.
    pub fn words(&self) -> Vec<String> {
        let of = |access| {
            CAPABILITIES
                .iter()
                .filter(move |known| known.access == access && self.has(known))
        };
        let named = of(Access::Named).map(|known| known.name.to_owned());
        let hosts = of(Access::Hosts).flat_map(|known| {
            self.hosts_of(known)
                .iter()
                .map(|host| format!("{} {host}", known.name))
        });
        named.chain(hosts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{BODY, CREDENTIALS, FETCH, LIMITS, LOG, VALUES},
        *,
    };

    #[test]
    fn grants_read_in_the_tables_order_and_hosts_come_last() {
        let mut grants = Grants::default().with(&BODY).with(&LIMITS);
        assert!(grants.grant(&FETCH, vec!["a.example".into()]));
        assert!(!grants.grant(&FETCH, vec!["b.example:8443".into()]));
        let words = ["limits", "body", "fetch a.example", "fetch b.example:8443"];
        assert_eq!(grants.words(), words);
        assert_eq!(grants.hosts().count(), 2);
        assert!(grants.has(&LOG) && grants.has(&FETCH) && !grants.has(&VALUES));
    }

    #[test]
    fn every_interface_is_what_can_be_imported_and_shows_no_credentials() {
        let all = Grants::every_interface();
        assert!(all.has(&LIMITS) && all.has(&FETCH) && all.hosts().next().is_none());
        assert!(!all.has(&BODY) && !all.has(&CREDENTIALS));
    }
}
