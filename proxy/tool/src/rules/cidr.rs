//! A network as operators write it: `10.0.0.0/8`, `fd00::/8`, or one address.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Family;

/// The IPv4 loopback network.
pub const LOOPBACK_4: Cidr = Cidr(IpNet::V4(Ipv4Net::new_assert(
    Ipv4Addr::new(127, 0, 0, 0),
    8,
)));
/// The IPv6 loopback address.
pub const LOOPBACK_6: Cidr = Cidr(IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)));

/// An IP network. No bit beyond its prefix is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr(IpNet);

impl Cidr {
    /// Returns the number of leading bits that count.
    pub fn prefix(&self) -> u8 {
        self.0.prefix_len()
    }

    /// Its family.
    pub const fn family(&self) -> Family {
        match self.0 {
            IpNet::V4(_) => Family::V4,
            IpNet::V6(_) => Family::V6,
        }
    }

    /// The address in network order: 4 or 16 bytes.
    pub fn bytes(&self) -> Vec<u8> {
        octets(self.0.addr())
    }

    /// The prefix as a mask in network order: 4 or 16 bytes.
    pub fn mask(&self) -> Vec<u8> {
        octets(self.0.netmask())
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// One address is written without `/32` or `/128`, as nft lists it.
impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            write!(f, "{}", self.0.addr())
        } else {
            write!(f, "{}", self.0)
        }
    }
}

/// The reason why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoNetwork {
    /// There is no address in it.
    #[error("`{0}` is no network: write 10.0.0.0/8 or fd00::/8")]
    Address(String),
    /// Its prefix is no number, or longer than the address.
    #[error("`{text}` is no network: the number after the slash goes from 0 to {most}")]
    Prefix {
        /// The text.
        text: String,
        /// Bits of the address.
        most: u8,
    },
    /// Bits beyond the prefix are set.
    #[error(
        "`{text}` is an address inside a network: write {network} for the network, or {address} for the address"
    )]
    HostBits {
        /// The text.
        text: String,
        /// The network that it lies in.
        network: IpNet,
        /// The address.
        address: IpAddr,
    },
}

impl FromStr for Cidr {
    type Err = NoNetwork;

    fn from_str(written: &str) -> Result<Self, NoNetwork> {
        let text = || written.to_owned();
        let (address, prefix) = match written.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (written, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NoNetwork::Address(text()))?;
        let most = IpNet::from(address).max_prefix_len();
        let prefix = match prefix {
            None => Some(most),
            Some(digits) if digits.starts_with('+') => None,
            Some(digits) => digits.parse().ok(),
        };
        let network = prefix.and_then(|prefix| IpNet::new(address, prefix).ok());
        let network = network.ok_or_else(|| NoNetwork::Prefix { text: text(), most })?;
        if network != network.trunc() {
            return Err(NoNetwork::HostBits {
                text: text(),
                network: network.trunc(),
                address,
            });
        }
        Ok(Self(network))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_network_reads_back_as_it_is_written() {
        for text in [
            "10.0.0.0/8",
            "192.0.2.7",
            "fd00::/8",
            "::1",
            "10.32.0.0/11",
            "0.0.0.0/0",
        ] {
            assert_eq!(text.parse::<Cidr>().unwrap().to_string(), text);
        }
        assert_eq!(
            "192.0.2.7/32".parse::<Cidr>().unwrap().to_string(),
            "192.0.2.7"
        );
        assert_eq!("127.0.0.0/8".parse(), Ok(LOOPBACK_4));
        assert_eq!("::1/128".parse(), Ok(LOOPBACK_6));
    }

    #[test]
    fn a_mask_has_the_prefix_s_ones() {
        let mask = |text: &str| text.parse::<Cidr>().unwrap().mask();
        assert_eq!(mask("0.0.0.0/0"), [0; 4]);
        assert_eq!(mask("10.32.0.0/11"), [0xff, 0xe0, 0, 0]);
        assert_eq!(mask("192.0.2.7"), [0xff; 4]);
        assert_eq!(mask("fd00::/9")[..3], [0xff, 0x80, 0]);
        assert_eq!(mask("::1"), [0xff; 16]);
    }

    #[test]
    fn what_is_no_network_says_what_would_be_one() {
        let said = |text: &str| text.parse::<Cidr>().unwrap_err().to_string();
        assert!(said("10.1.2.3/8").contains("10.0.0.0/8"));
        assert!(said("fd00::1/64").contains("fd00::/64"));
        assert!(said("10.0.0.0/33").contains("0 to 32"));
        assert!(said("10.0.0.0/+8").contains("0 to 32"));
        assert!(said("10.0.0.0/").contains("0 to 32"));
        for text in ["", "example.com", "10.0.0/8", "10.0.0.0 /8"] {
            assert!(said(text).contains("is no network"), "{text}");
        }
    }
}
