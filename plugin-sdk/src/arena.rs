//! The allocator of a policy: a bump arena for the exchange, the system's for everything else.
//!
//! An instance dies with its exchange, so nothing needs to be freed one by one; and the system's
//! allocator begins by growing the memory, which costs the proxy two calls into the kernel per
//! instance and more on every further thread. The arena's memory is there when an instance starts,
//! and its header stands before its first block, so that a small exchange touches a single page.
//!
//! It is closed until the policy is configured. What configuration allocates, and mostly frees
//! again (patterns that are compiled, say), goes to the system's allocator and into the image;
//! every exchange then starts with an empty arena. The surprise is its place: behind everything
//! else, in memory that is grown when it opens, and so behind the image's end. As a static it would
//! stand amid the image: zeros to write, to check and to map for every policy.
//! Blocks that no longer fit go to the system's allocator.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::{Cell, UnsafeCell},
    ptr,
};

#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
compile_error!("the arena is for one thread: build policies without the `atomics` target feature");

/// Pages of the policies' arena, of 64 KiB. An exchange with a 50 KB prompt takes about 110 KB;
/// more would only lengthen what the host looks through for written pages.
#[cfg(target_arch = "wasm32")]
const PAGES: usize = 2;
#[cfg(target_arch = "wasm32")]
const SIZE: usize = (PAGES << 16) - HEADER;
/// Bytes before the first block.
#[cfg(target_arch = "wasm32")]
const HEADER: usize = std::mem::offset_of!(Room<0>, memory);

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ARENA: Arena<SIZE> = Arena::new();

/// Serves allocations from the arena from now on. Where there is no memory for it, it stays closed.
#[cfg(target_arch = "wasm32")]
pub(crate) fn open() {
    if !ARENA.room.get().is_null() {
        return;
    }
    let page = core::arch::wasm32::memory_grow::<0>(PAGES);
    if page != usize::MAX {
        ARENA.open(ptr::with_exposed_provenance_mut(page << 16));
    }
}

/// Memory that is handed out from its beginning to its end.
struct Arena<const SIZE: usize> {
    /// Null until it opens; written to never after, so that its page stays the image's.
    room: Cell<*mut Room<SIZE>>,
}

/// The arena's header and its memory: zeros at first.
#[repr(C, align(16))]
struct Room<const SIZE: usize> {
    /// Bytes handed out, `SIZE` at most.
    used: Cell<usize>,
    memory: Memory<SIZE>,
}

#[repr(C, align(16))]
struct Memory<const SIZE: usize>(UnsafeCell<[u8; SIZE]>);

#[expect(unsafe_code, reason = "a global allocator is a shared static")]
// SAFETY: a wasm32 module without atomics, which is the only place where an arena is shared, has
// one thread.
unsafe impl<const SIZE: usize> Sync for Arena<SIZE> {}

impl<const SIZE: usize> Arena<SIZE> {
    const fn new() -> Self {
        Self {
            room: Cell::new(ptr::null_mut()),
        }
    }

    /// Opens it in `room`, which is all zeros, aligned, the arena's own, and stays.
    fn open(&self, room: *mut Room<SIZE>) {
        self.room.set(room);
    }

    fn room(&self) -> Option<&Room<SIZE>> {
        #[expect(unsafe_code, reason = "the arena's memory is not a static")]
        // SAFETY: null, or what `open` was given.
        unsafe {
            self.room.get().as_ref()
        }
    }

    fn used(&self) -> usize {
        self.room().map_or(0, |room| room.used.get())
    }

    fn set_used(&self, used: usize) {
        if let Some(room) = self.room() {
            room.used.set(used);
        }
    }

    /// The arena's first byte; it may be used for all of the arena.
    fn base(&self) -> *mut u8 {
        self.room()
            .map_or(ptr::null_mut(), |room| room.memory.0.get().cast())
    }

    /// Offset of `block` in the arena, or `None` where it is not the arena's.
    fn offset(&self, block: *mut u8) -> Option<usize> {
        let offset = block
            .addr()
            .checked_sub(self.room()?.memory.0.get().addr())?;
        (offset < SIZE).then_some(offset)
    }

    /// Reports whether the block at `offset` is the last one: then it may grow, shrink and go.
    fn is_last(&self, offset: usize, size: usize) -> bool {
        offset + size == self.used()
    }

    /// Offset of a new block, if it fits.
    fn place(&self, layout: Layout) -> Option<usize> {
        let room = self.room()?;
        let base = room.memory.0.get().addr();
        // An alignment is a power of two: a mask, where a remainder would be a division.
        let mask = layout.align() - 1;
        let start = ((base + room.used.get()).checked_add(mask)? & !mask) - base;
        let end = start.checked_add(layout.size())?;
        (end <= SIZE).then(|| {
            room.used.set(end);
            start
        })
    }
}

#[expect(unsafe_code, reason = "an allocator hands out raw memory")]
// SAFETY: blocks of the arena are inside `memory`, aligned as required, and disjoint: each begins
// at or after `used`, which only goes back over the last block, when that is freed or shrunk. All
// other blocks are the system's, and go back to it.
unsafe impl<const SIZE: usize> GlobalAlloc for Arena<SIZE> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.place(layout) {
            // SAFETY: `place` returns an offset inside of `memory`.
            Some(offset) => unsafe { self.base().add(offset) },
            // SAFETY: the caller's promises are passed on.
            None => unsafe { System.alloc(layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.offset(block) {
            Some(offset) if self.is_last(offset, layout.size()) => self.set_used(offset),
            Some(_) => {} // it goes with the instance
            // SAFETY: what is not the arena's came from the system's allocator.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(offset) = self.offset(block) else {
            // SAFETY: what is not the arena's came from the system's allocator.
            return unsafe { System.realloc(block, layout, size) };
        };
        if self.is_last(offset, layout.size()) && size <= SIZE - offset {
            self.set_used(offset + size);
            return block;
        }
        if size <= layout.size() {
            return block;
        }
        // SAFETY: the caller promises that `size`, rounded up to the alignment, does not overflow
        // an `isize`.
        let grown = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: `size` is larger than the old one, so not zero.
        let new = unsafe { self.alloc(grown) };
        if !new.is_null() {
            // SAFETY: both blocks hold the old size, and a new block never overlaps one in use.
            unsafe { ptr::copy_nonoverlapping(block, new, layout.size()) };
            // SAFETY: the old block is the caller's to give up.
            unsafe { self.dealloc(block, layout) };
        }
        new
    }
}

#[cfg(test)]
#[expect(
    unsafe_code,
    clippy::expect_used,
    reason = "an allocator is tested by allocating"
)]
mod tests {
    use super::*;

    /// A block with its layout and the byte that fills it.
    struct Block(*mut u8, Layout, u8);

    impl Block {
        fn fill(&self) {
            unsafe { ptr::write_bytes(self.0, self.2, self.1.size()) }
        }
        fn holds(&self, bytes: usize) -> bool {
            (0..bytes).all(|at| unsafe { *self.0.add(at) } == self.2)
        }
    }

    /// Memory for an arena, for as long as the tests run.
    fn room<const SIZE: usize>() -> *mut Room<SIZE> {
        Box::leak(Box::new(Room {
            used: Cell::new(0),
            memory: Memory(UnsafeCell::new([0; SIZE])),
        }))
    }

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("a valid layout")
    }

    #[test]
    fn blocks_are_aligned_and_never_overlap_whatever_is_allocated_in_whatever_order() {
        for seed in 1..50_u64 {
            let arena = Box::new(Arena::<4096>::new());
            arena.open(room());
            let mut state = seed;
            let mut random = |bound: u64| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                usize::try_from(state % bound).expect("small")
            };
            let mut blocks: Vec<Block> = Vec::new();
            for turn in 0..300_u32 {
                match random(3) {
                    0 if !blocks.is_empty() => {
                        let Block(at, layout, _) = blocks.swap_remove(random(blocks.len() as u64));
                        unsafe { arena.dealloc(at, layout) };
                    }
                    1 if !blocks.is_empty() => {
                        let which = random(blocks.len() as u64);
                        let size = random(700) + 1;
                        let block = &mut blocks[which];
                        let kept = block.1.size().min(size);
                        block.0 = unsafe { arena.realloc(block.0, block.1, size) };
                        block.1 = layout(size, block.1.align());
                        assert!(block.holds(kept), "what was written moves along");
                        block.fill();
                    }
                    _ => {
                        let layout = layout(random(200) + 1, 1 << random(7));
                        let at = unsafe { arena.alloc(layout) };
                        let block = Block(at, layout, turn.to_le_bytes()[0]);
                        block.fill();
                        blocks.push(block);
                    }
                }
                for block in &blocks {
                    assert!(
                        block.holds(block.1.size()),
                        "seed {seed}: a block was written over"
                    );
                    assert_eq!(block.0.addr() % block.1.align(), 0, "seed {seed}");
                }
                assert!(arena.used() <= 4096);
            }
            for Block(at, layout, _) in blocks {
                unsafe { arena.dealloc(at, layout) };
            }
        }
    }

    #[test]
    fn a_closed_arena_leaves_everything_to_the_system() {
        let arena = Box::new(Arena::<4096>::new());
        let early = unsafe { arena.alloc(layout(10, 1)) };
        assert_eq!((arena.offset(early), arena.used()), (None, 0));
        arena.open(room());
        let late = unsafe { arena.alloc(layout(10, 1)) };
        assert_eq!(arena.offset(late), Some(0));
        unsafe { arena.dealloc(early, layout(10, 1)) };
        assert_eq!(
            arena.used(),
            10,
            "the system's block is not mistaken for the arena's"
        );
    }

    #[test]
    fn the_last_block_grows_and_shrinks_and_goes_in_place() {
        let arena = Box::new(Arena::<1024>::new());
        arena.open(room());
        let block = unsafe { arena.alloc(layout(10, 1)) };
        assert_eq!(unsafe { arena.realloc(block, layout(10, 1), 1024) }, block);
        assert_eq!(unsafe { arena.realloc(block, layout(1024, 1), 5) }, block);
        assert_eq!(arena.used(), 5);
        unsafe { arena.dealloc(block, layout(5, 1)) };
        assert_eq!(arena.used(), 0);
    }

    #[test]
    fn a_last_block_that_outgrows_the_arena_moves_out_and_leaves_its_room() {
        let arena = Box::new(Arena::<64>::new());
        arena.open(room());
        let block = Block(unsafe { arena.alloc(layout(60, 1)) }, layout(60, 1), 7);
        block.fill();
        let moved = Block(
            unsafe { arena.realloc(block.0, block.1, 65) },
            layout(65, 1),
            7,
        );
        assert!(moved.holds(60));
        assert_eq!((arena.offset(moved.0), arena.used()), (None, 0));
        unsafe { arena.dealloc(moved.0, moved.1) };
    }

    #[test]
    fn a_size_or_alignment_near_the_end_of_the_address_space_is_refused_not_wrapped() {
        let arena = Box::new(Arena::<64>::new());
        arena.open(room());
        unsafe { arena.alloc(layout(3, 1)) };
        assert_eq!(arena.place(layout(isize::MAX as usize, 1)), None);
        assert_eq!(arena.place(layout(1, 1 << (usize::BITS - 2))), None);
        assert_eq!(arena.used(), 3);
    }
}
