//! The process's allocator: mimalloc, called as C programs call it wherever that is enough.
//!
//! The crate of that name calls for aligned memory whatever the alignment is. Blocks of sixteen
//! bytes and more have that alignment anyway; but mimalloc 3 knows it only of blocks whose size is
//! a power of two, and gives all others fifteen bytes more, on a path four times as long: a third
//! of an exchange's allocations.
#![expect(
    unsafe_code,
    reason = "the trait of allocators is unsafe, and the crate has no safe name for the calls"
)]

use std::{
    alloc::{GlobalAlloc, Layout},
    ffi::c_void,
};

use mimalloc::MiMalloc;

/// The alignment of every block that is no smaller (`MI_MAX_ALIGN_SIZE` in `mimalloc/types.h`);
/// smaller ones are aligned to any type that fits in.
const NATURAL: usize = 16;

// SAFETY: the signatures are those of `mimalloc.h`.
unsafe extern "C" {
    fn mi_malloc(size: usize) -> *mut c_void;
    fn mi_zalloc(size: usize) -> *mut c_void;
    fn mi_realloc(block: *mut c_void, size: usize) -> *mut c_void;
}

/// Allocates with mimalloc.
#[derive(Debug, Clone, Copy)]
pub struct Allocator;

/// Returns whether every block of `size` bytes is aligned so.
const fn is_natural(size: usize, alignment: usize) -> bool {
    alignment <= NATURAL && alignment <= size
}

// SAFETY: a block of mimalloc's is as large as it was requested to be, and is given back by
// `mi_free` alone, however it was made; `is_natural` says which calls align it as needed.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_natural(layout.size(), layout.align()) {
            // SAFETY: it takes any size.
            return unsafe { mi_malloc(layout.size()) }.cast();
        }
        // SAFETY: the caller keeps the trait's contract.
        unsafe { MiMalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_natural(layout.size(), layout.align()) {
            // SAFETY: it takes any size.
            return unsafe { mi_zalloc(layout.size()) }.cast();
        }
        // SAFETY: the caller keeps the trait's contract.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the trait's contract.
        unsafe { MiMalloc.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_natural(size, layout.align()) {
            // SAFETY: the block is mimalloc's; it stays where it is, aligned as it was, or moves
            // into one that `is_natural` speaks of.
            return unsafe { mi_realloc(block.cast(), size) }.cast();
        }
        // SAFETY: the caller keeps the trait's contract.
        unsafe { MiMalloc.realloc(block, layout, size) }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Fills a block, and returns whether it was aligned.
    fn fill(block: *mut u8, layout: Layout, with: u8) -> bool {
        assert!(!block.is_null());
        // SAFETY: the block is this large.
        unsafe { block.write_bytes(with, layout.size()) };
        (block as usize).is_multiple_of(layout.align())
    }

    #[test]
    fn blocks_are_aligned_and_keep_their_bytes_as_they_grow_and_shrink() {
        let sizes = (1..300).chain([1000, 1025, 5000, 70_000]);
        let aligns = [1, 2, 4, 8, 16, 32, 64, 128, 4096];
        for (size, align) in sizes.flat_map(|size| aligns.map(|align| (size, align))) {
            let layout = Layout::from_size_align(size, align).unwrap();
            let mut kept = Vec::new();
            for other in [size * 3 + 1, size.div_ceil(2), size] {
                let resized = Layout::from_size_align(other, align).unwrap();
                // SAFETY: no size is zero, and the block is not used once it was resized.
                let (zeroed, block) = unsafe {
                    let (zeroed, block) = (Allocator.alloc_zeroed(layout), Allocator.alloc(layout));
                    assert!(fill(block, layout, 7), "{layout:?}");
                    (zeroed, Allocator.realloc(block, layout, other))
                };
                // SAFETY: both are at least so large, and were written.
                let (zeros, sevens) = unsafe {
                    let sevens = std::slice::from_raw_parts(block, size.min(other));
                    (std::slice::from_raw_parts(zeroed, size), sevens)
                };
                assert!(zeros.iter().all(|byte| *byte == 0), "{layout:?}");
                assert!(sevens.iter().all(|byte| *byte == 7), "{resized:?}");
                assert!(fill(zeroed, layout, 8), "{layout:?}");
                assert!(fill(block, resized, 8), "{resized:?}");
                kept.extend([(zeroed, layout), (block, resized)]);
            }
            for (block, layout) in kept {
                // SAFETY: each was made so, and is given back once.
                unsafe { Allocator.dealloc(block, layout) };
            }
        }
    }
}
