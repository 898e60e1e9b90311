//! Properties of stored replies in memory alone; those of every store are in `tests/stores`.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn replies(total: usize) -> Replies {
    Replies::in_memory(total, 1 << 20, Clock::Wall)
}

#[tokio::test]
async fn memory_stays_within_its_bytes_and_keeps_what_is_read() {
    let total = 4 << 20;
    let replies = replies(total);
    let reply = Bytes::from(vec![7; 10_000]);
    replies
        .put("p", "popular", reply.clone(), Duration::ZERO)
        .await
        .unwrap();
    for n in 0..5000 {
        let key = format!("once {n}");
        replies
            .put("p", &key, reply.clone(), Duration::ZERO)
            .await
            .unwrap();
        if n % 5 == 0 {
            assert!(
                replies.get("p", "popular").await.unwrap().is_some(),
                "forgotten after {n}"
            );
        }
    }
    let figures = replies.figures();
    assert!(figures.bytes <= total as u64, "{figures:?}");
    assert!(figures.bytes > total as u64 / 2, "{figures:?}");
    assert!((200..=410).contains(&figures.entries), "{figures:?}");
    assert_eq!(figures.hits, 1000);
}

#[tokio::test]
async fn a_reply_that_would_empty_the_cache_is_not_kept() {
    let replies = replies(1 << 20);
    let large = Bytes::from(vec![0; 300 << 10]);
    assert_eq!(
        replies.put("p", "k", large, Duration::ZERO).await,
        Err(NotKept::TooLarge)
    );
    let huge = Bytes::from(vec![0; LARGEST + 1]);
    assert_eq!(
        replies.put("p", "k", huge, Duration::ZERO).await,
        Err(NotKept::TooLarge)
    );
    assert_eq!(replies.figures().entries, 0);
}

#[test]
fn what_is_no_id_is_refused_and_ids_read_back() {
    let (id, _) = named("p", "k");
    assert_eq!(from_hex(&hex(&id)), Some(id));
    for wrong in ["", "+0000000000000000000000000000000", "g", &"0".repeat(33)] {
        assert_eq!(from_hex(wrong), None, "{wrong}");
    }
    assert_ne!(named("ab", "c").0, named("a", "bc").0);
}
