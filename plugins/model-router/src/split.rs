//! The choice among several models for a request: a share each, and the same one for the same key.
//!
//! The key's bytes are hashed with FNV-1a (64 bits) and mixed with the finaliser of MurmurHash3, as
//! FNV's high bits are poor on short keys. The hash is scaled to the sum of the weights, and the
//! models take their shares of it in their order. So a key stays with its model over restarts and
//! replicas as long as `models` stays as it is. A request without the key is dealt at random.

use outrigger_sdk::{Passage, Place, Places, Request, random, settings::ModelName};
use serde::Deserialize;

use crate::Texts;

/// A division of requests among models.
#[derive(Debug, Deserialize)]
#[serde(try_from = "File")]
pub(crate) struct Split {
    by: Option<Key>,
    models: Vec<Share>,
    /// Sum of the weights: 1 at least.
    total: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    by: Option<Key>,
    models: Vec<Share>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Share {
    model: ModelName,
    weight: u32,
}

impl TryFrom<File> for Split {
    type Error = &'static str;
    fn try_from(file: File) -> Result<Self, Self::Error> {
        match file
            .models
            .iter()
            .map(|share| u64::from(share.weight))
            .sum()
        {
            0 if file.models.is_empty() => Err("`models` is empty: list models with their weights"),
            0 => Err("the weights of `models` sum up to 0: give one of them a share"),
            total => Ok(Self {
                by: file.by,
                models: file.models,
                total,
            }),
        }
    }
}

/// The key of the requests that stay together.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
enum Key {
    Header(String),
    Tag(String),
    /// The end user that the request names: `user` or `safety_identifier` of OpenAI's dialects,
    /// `metadata.user_id` of Anthropic's.
    User,
    /// First message of the user, all of it: the same in every turn. The system prompt is not, for
    /// agents put hashes and times there.
    Conversation,
}

impl TryFrom<String> for Key {
    type Error = String;
    fn try_from(key: String) -> Result<Self, String> {
        match key.split_once(':') {
            Some(("header", name)) if !name.is_empty() => Ok(Self::Header(name.into())),
            Some(("tag", name)) if !name.is_empty() => Ok(Self::Tag(name.into())),
            None if key == "user" => Ok(Self::User),
            None if key == "conversation" => Ok(Self::Conversation),
            _ => Err(format!(
                "`{key}` is no key: write `header:NAME`, `tag:NAME`, `user` or `conversation`"
            )),
        }
    }
}

impl Split {
    /// The model that serves this request.
    pub(crate) fn choose(&self, request: &Request, texts: &mut Texts) -> &str {
        let hash = self.by.as_ref().and_then(|key| key.hash(request, texts));
        self.share(hash.unwrap_or_else(random::number))
    }

    pub(crate) fn reads(&self) -> Places {
        match self.by {
            Some(Key::Conversation) => Places::USER,
            _ => Places::empty(),
        }
    }

    fn share(&self, hash: u64) -> &str {
        let mut at = ((u128::from(hash) * u128::from(self.total)) >> 64) as u64;
        for Share { model, weight } in &self.models {
            match at.checked_sub(u64::from(*weight)) {
                Some(rest) => at = rest,
                None => return &model.0,
            }
        }
        "" // `at` is below the sum of the weights
    }
}

impl Key {
    /// `None` where the request has no such key.
    fn hash(&self, request: &Request, texts: &mut Texts) -> Option<u64> {
        let text = match self {
            Self::Header(name) => request.header(name)?,
            Self::Tag(name) => request.tag(name)?,
            Self::User => ["/user", "/safety_identifier", "/metadata/user_id"]
                .iter()
                .find_map(|pointer| request.parameter_json(pointer))?,
            Self::Conversation => return conversation(texts.of(request)),
        };
        (!text.is_empty()).then(|| mix(fnv(SEED, text.as_bytes())))
    }
}

/// All passages of the user's first message.
fn conversation(texts: &[Passage]) -> Option<u64> {
    let user = |text: &&Passage| text.place == Place::User;
    let first = texts.iter().find(user)?.message;
    let message = texts
        .iter()
        .filter(user)
        .filter(|text| text.message == first);
    let hash = message.fold(SEED, |hash, text| {
        fnv(fnv(hash, text.text.as_bytes()), &[0xff])
    });
    Some(mix(hash))
}

const SEED: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

const fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(weights: &[u32]) -> Split {
        let models = (0..)
            .zip(weights)
            .map(|(at, &weight)| Share {
                model: ModelName(format!("m{at}")),
                weight,
            })
            .collect();
        let total = weights.iter().map(|&weight| u64::from(weight)).sum();
        Split {
            by: None,
            models,
            total,
        }
    }

    #[test]
    fn fnv_is_the_published_one() {
        assert_eq!(fnv(SEED, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv(SEED, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv(SEED, b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn numbered_keys_get_their_shares_within_a_percent() {
        let split = split(&[90, 10]);
        let chosen = |at: u32| {
            split
                .share(mix(fnv(SEED, format!("user-{at}").as_bytes())))
                .to_owned()
        };
        let second = (0..20_000).filter(|&at| chosen(at) == "m1").count();
        assert!((1_800..=2_200).contains(&second), "{second} of 20000");
    }

    #[test]
    fn the_ends_of_the_hash_belong_to_the_first_and_last_share_and_a_weight_of_0_to_nobody() {
        let split = split(&[0, 1, 0, 3, 0]);
        assert_eq!((split.share(0), split.share(u64::MAX)), ("m1", "m3"));
        assert_eq!(
            (split.share((1 << 62) - 1), split.share(1 << 62)),
            ("m1", "m3")
        );
    }
}
