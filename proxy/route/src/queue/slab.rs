//! Values in slots that are used again, and lists over them: whoever knows a value's slot takes it
//! out of the middle of its list in constant time.

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// A value's place: fewer than `NONE`, of the slab that gave it.
pub(super) type Slot = u32;

#[derive(Debug)]
pub(super) struct Slab<V> {
    nodes: Vec<Node<V>>,
    /// The first of the empty slots, which `next` leads through.
    free: Slot,
}

#[derive(Debug)]
struct Node<V> {
    value: Option<V>,
    previous: Slot,
    next: Slot,
}

/// The ends of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    pub(super) head: Slot,
    tail: Slot,
    pub(super) len: u32,
}

impl List {
    pub(super) const fn new() -> Self {
        Self {
            head: NONE,
            tail: NONE,
            len: 0,
        }
    }
}

impl<V> Slab<V> {
    pub(super) const fn new() -> Self {
        Self {
            nodes: Vec::new(),
            free: NONE,
        }
    }

    /// Puts a value, which is in no list yet, into a slot.
    pub(super) fn insert(&mut self, value: V) -> Slot {
        let node = Node {
            value: Some(value),
            previous: NONE,
            next: NONE,
        };
        let slot = self.free;
        if let Some(place) = self.nodes.get_mut(slot as usize) {
            self.free = place.next;
            *place = node;
            return slot;
        }
        self.nodes.push(node);
        // Queues are bounded far below 2^32.
        (self.nodes.len() - 1) as Slot
    }

    /// Takes a value, which is in no list any more, out of its slot.
    pub(super) fn take(&mut self, slot: Slot) -> Option<V> {
        let node = self.nodes.get_mut(slot as usize)?;
        let value = node.value.take()?;
        node.next = self.free;
        self.free = slot;
        Some(value)
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&V> {
        self.nodes.get(slot as usize)?.value.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut V> {
        self.nodes.get_mut(slot as usize)?.value.as_mut()
    }

    /// Returns the first value of a list.
    pub(super) fn first(&self, list: List) -> Option<&V> {
        self.get(list.head)
    }

    /// Gives the memory back, once no value is left.
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }

    pub(super) fn next(&self, slot: Slot) -> Slot {
        self.nodes.get(slot as usize).map_or(NONE, |node| node.next)
    }

    /// Walks through a list from its head.
    pub(super) fn walk(&self, list: List) -> impl Iterator<Item = (Slot, &V)> {
        let first = Some(list.head);
        std::iter::successors(first, |slot| Some(self.next(*slot)))
            .take(list.len as usize)
            .filter_map(|slot| Some((slot, self.get(slot)?)))
    }

    pub(super) fn push_back(&mut self, list: &mut List, slot: Slot) {
        self.join(list.tail, slot);
        self.join(slot, NONE);
        list.tail = slot;
        if list.len == 0 {
            list.head = slot;
        }
        list.len += 1;
    }

    pub(super) fn push_front(&mut self, list: &mut List, slot: Slot) {
        self.join(slot, list.head);
        self.join(NONE, slot);
        list.head = slot;
        if list.len == 0 {
            list.tail = slot;
        }
        list.len += 1;
    }

    pub(super) fn unlink(&mut self, list: &mut List, slot: Slot) {
        let Some(node) = self.nodes.get(slot as usize) else {
            return;
        };
        let (previous, next) = (node.previous, node.next);
        self.join(previous, next);
        if list.head == slot {
            list.head = next;
        }
        if list.tail == slot {
            list.tail = previous;
        }
        list.len -= 1;
    }

    /// Makes two slots neighbours; either may be none.
    fn join(&mut self, previous: Slot, next: Slot) {
        if let Some(node) = self.nodes.get_mut(previous as usize) {
            node.next = next;
        }
        if let Some(node) = self.nodes.get_mut(next as usize) {
            node.previous = previous;
        }
    }
}
