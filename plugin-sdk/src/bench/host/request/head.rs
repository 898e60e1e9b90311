//! The head of the reply that a request gets.

use super::Request;
use crate::Header;

/// A reply's status and headers.
#[derive(Debug, Clone)]
pub(super) struct Head {
    status: u16,
    headers: Vec<Header>,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
        }
    }
}

/// The head of a reply, as a policy is shown it.
#[derive(Debug, Clone)]
pub(crate) struct ReplyHead {
    head: Head,
    streaming: bool,
    dialect: crate::Dialect,
}

impl ReplyHead {
    pub(crate) fn none() -> Self {
        Self {
            head: Head::default(),
            streaming: false,
            dialect: crate::Dialect::Other,
        }
    }
    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let named = |header: &&Header| header.name.eq_ignore_ascii_case(name);
        let headers = self.head.headers.iter().filter(named);
        headers.map(|header| header.value.clone()).collect()
    }
    pub(crate) fn streaming(&self) -> bool {
        self.streaming
    }
    pub(crate) fn dialect(&self) -> crate::Dialect {
        self.dialect
    }
}

impl Request {
    pub(in crate::bench) fn answer_with(&self, status: u16, headers: &[(&str, &str)]) {
        let header = |&(name, value): &(&str, &str)| Header {
            name: name.into(),
            value: value.into(),
        };
        let headers = headers.iter().map(header).collect();
        self.0.borrow_mut().head = Head { status, headers };
    }

    /// The head of the reply that it gets.
    pub(in crate::bench) fn reply_head(&self) -> ReplyHead {
        ReplyHead {
            head: self.0.borrow().head.clone(),
            streaming: self.streaming(),
            dialect: self.dialect(),
        }
    }
}
