//! A network as operators write it: `10.0.0.0/8`, `fd00::/8`, or one address.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use super::Family;

/// The IPv4 loopback network.
pub const LOOPBACK_4: Cidr = Cidr {
    address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)),
    prefix: 8,
};
/// The IPv6 loopback address.
pub const LOOPBACK_6: Cidr = Cidr {
    address: IpAddr::V6(Ipv6Addr::LOCALHOST),
    prefix: 128,
};

/// An IP network. No bit beyond its prefix is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Returns the number of leading bits that count.
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Its family.
    pub const fn family(&self) -> Family {
        match self.address {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }

    /// The address in network order: 4 or 16 bytes.
    pub fn bytes(&self) -> Vec<u8> {
        octets(self.address)
    }

    /// The prefix as a mask in network order: 4 or 16 bytes.
    pub fn mask(&self) -> Vec<u8> {
        mask(octets(self.address).len(), self.prefix)
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn mask(length: usize, prefix: u8) -> Vec<u8> {
    (0..length)
        .map(|byte| {
            let ones = usize::from(prefix).saturating_sub(8 * byte).min(8);
            u8::try_from(0xff00_u16 >> ones & 0xff).unwrap_or(0)
        })
        .collect()
}

/// One address is written without `/32` or `/128`, as nft lists it.
impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.address.is_ipv4() { 32 } else { 128 };
        if self.prefix == whole {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{}/{}", self.address, self.prefix)
        }
    }
}

/// The reason why a text is no network: a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoNetwork(String);

impl fmt::Display for NoNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoNetwork {}

impl FromStr for Cidr {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| {
            NoNetwork(format!(
                "`{text}` is no network: write 10.0.0.0/8 or fd00::/8"
            ))
        })?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = match prefix {
            None => whole,
            Some(digits) if !digits.starts_with('+') => digits.parse().unwrap_or(u8::MAX),
            Some(_) => u8::MAX,
        };
        if prefix > whole {
            return Err(NoNetwork(format!(
                "`{text}` is no network: the number after the slash goes from 0 to {whole}"
            )));
        }
        let bytes = octets(address);
        let kept: Vec<u8> = bytes
            .iter()
            .zip(mask(bytes.len(), prefix))
            .map(|(byte, mask)| byte & mask)
            .collect();
        if kept != bytes {
            let meant = <[u8; 4]>::try_from(kept.as_slice())
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(kept.as_slice()).map(IpAddr::from))
                .unwrap_or(address);
            return Err(NoNetwork(format!(
                "`{text}` is an address inside a network: write {meant}/{prefix} for the network, or {address} for the address"
            )));
        }
        Ok(Self { address, prefix })
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
