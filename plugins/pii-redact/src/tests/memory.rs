//! The memory that hiding takes: an instance has an arena of 128 KiB, what it takes beyond that the
//! proxy must find for each exchange anew, and nothing in an arena is used twice.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use outrigger_sdk::{Passage, Place};
use serde_json::json;

use super::*;

/// Counts what this thread takes.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    /// Bytes, as an arena counts them: growing a block takes the new one, and giving back nothing.
    static BYTES: Cell<usize> = const { Cell::new(0) };
    static BLOCKS: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator")]
// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.set(BYTES.get() + layout.size());
        BLOCKS.set(BLOCKS.get() + 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the same.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Bytes and blocks that hiding the findings of a text takes, beside the text that comes out.
fn taken(text: String) -> (usize, usize) {
    let passage = Passage {
        id: 0,
        place: Place::User,
        message: 0,
        text,
        json: false,
    };
    let mut policy: PiiRedact = serde_json::from_value(json!({})).unwrap();
    let before = (BYTES.get(), BLOCKS.get());
    let hidden = policy.redact(&passage, &mut Tally::default()).unwrap();
    let after = (BYTES.get(), BLOCKS.get());
    let bytes = after.0 - before.0 - hidden.len();
    (bytes, after.1 - before.1)
}

/// Customers, two findings in a row.
fn customers(rows: u32) -> String {
    let row = |row: u32| {
        let (phone, floor) = (5_550_000 + row * 3, row % 41);
        format!("{row},basic,user{row}@mail{floor}.example.com,+1 415 {phone:07},{floor}.50,open\n")
    };
    (0..rows).map(row).collect()
}

#[test]
fn a_finding_takes_few_bytes_and_no_block_of_its_own() {
    let (_, few) = taken(customers(375));
    let (bytes, many) = taken(customers(1500));
    // Its value, 20 bytes on average, its entry, 16, its span, 24 (12 in wasm), and its share of an
    // index that is a third to a half full.
    assert!(bytes / 3000 < 90, "{bytes} bytes for 3,000 findings");
    assert!(
        many <= few + 2,
        "{few} blocks, {many} for four times as many"
    );
}
