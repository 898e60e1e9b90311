//! Native code of one policy, mapped and linked in each pool that it has instances in.

use std::{mem, sync::Arc};

use parking_lot::RwLock;
use policy::Fault;
use wasmtime::{
    Engine,
    component::{Component, InstancePre},
};

use super::{
    cache::{Cache, Entry},
    capabilities::linker,
    contract::Version,
    engine::TABLES,
    exports::Exports,
    pools::{FURTHER, Lack, Pool, Pools, Slot},
    store::State,
};

/// A policy's code. It is in the first pool at all times, and in a further one from its first
/// instance there to the end of that pool.
///
/// Code is put into a place only while a slot of that pool is taken, or before others see the pool:
/// a pool that has ended has been taken out of every place, and none is behind.
pub(super) struct Code {
    name: String,
    export: String,
    contract: Version,
    /// Cache and key under which the same code is kept.
    kept: Option<(Cache, String)>,
    /// Slots that one of its instances needs.
    slots: u32,
    first: RwLock<Arc<Linked>>,
    further: [RwLock<Place>; FURTHER],
}

/// A policy's code in one pool, ready to be instantiated.
pub(super) struct Linked {
    pub(super) pool: Arc<Pool>,
    pub(super) pre: InstancePre<State>,
    pub(super) exports: Exports,
}

/// The code in a further pool, or the reason why it can't be there.
pub(super) type Place = Option<Result<Arc<Linked>, String>>;

/// The facts about code that stay as they are when it is mapped into another pool.
pub(super) struct Origin {
    /// Name of the policy.
    pub(super) name: String,
    /// Name of the export that has the hooks.
    pub(super) export: String,
    /// Contract that they have.
    pub(super) contract: Version,
    /// Cache and key under which the same code is kept.
    pub(super) kept: Option<(Cache, String)>,
}

impl Code {
    /// Links a component of the first pool's engine, while `pools` is being loaded into.
    ///
    /// # Errors
    /// There is no pool, or the component does not fit what its contract says.
    pub(super) fn new(
        pools: &Pools,
        component: &Component,
        origin: Origin,
    ) -> wasmtime::Result<Arc<Self>> {
        let pool = (pools.at(0).map_err(wasmtime::Error::msg)?)
            .ok_or_else(|| wasmtime::format_err!("there is no pool"))?;
        let Origin {
            name,
            export,
            contract,
            kept,
        } = origin;
        let linked = Linked::new(pool, component, &export, contract)?;
        let code = Arc::new(Self {
            name,
            export,
            contract,
            kept,
            slots: slots(component),
            first: RwLock::new(Arc::new(linked)),
            further: Default::default(),
        });
        pools.add(&code);
        Ok(code)
    }

    /// Takes a slot in the first pool that has one free, and returns it with the code there.
    ///
    /// # Errors
    /// None is free. A pool that can't be made, or that has no room for this code, is the end of
    /// them.
    pub(super) fn take(&self, pools: &Pools) -> Result<(Slot, Arc<Linked>), Fault> {
        loop {
            let first = self.first.read();
            match first.pool.take(self.slots) {
                Ok(slot) => return Ok((slot, Arc::clone(&first))),
                Err(Lack::Full) => break,
                Err(Lack::Ended) => {}
            }
            drop(first);
            pools.wait_for_successor();
        }
        for (at, place) in (1..).zip(&self.further) {
            if let Some(taken) = self.take_further(pools, at, place)? {
                return Ok(taken);
            }
        }
        Err(Fault::NoSlot)
    }

    /// Takes a slot in the pool at this place; `None` where that is full.
    fn take_further(
        &self,
        pools: &Pools,
        at: usize,
        place: &RwLock<Place>,
    ) -> Result<Option<(Slot, Arc<Linked>)>, Fault> {
        loop {
            if let Some(linked) = &*place.read() {
                let linked = linked.as_ref().map_err(|_| Fault::NoSlot)?;
                match linked.pool.take(self.slots) {
                    Ok(slot) => return Ok(Some((slot, Arc::clone(linked)))),
                    Err(Lack::Full) => return Ok(None),
                    Err(Lack::Ended) => {}
                }
            }
            let Ok(Some(pool)) = pools.at(at) else {
                return Err(Fault::NoSlot);
            };
            match pool.take(self.slots) {
                // From here on the pool can't end.
                Ok(slot) => return Ok(Some((slot, self.place(place, pool)?))),
                Err(Lack::Full) => return Ok(None),
                Err(Lack::Ended) => {}
            }
        }
    }

    /// Returns the code in a pool that a slot is taken of, mapped and linked now if it never was.
    ///
    /// # Errors
    /// The code can't be mapped or linked. The reason is logged, and kept as long as the pool lives
    /// (an attempt may copy all the code).
    fn place(&self, place: &RwLock<Place>, pool: Arc<Pool>) -> Result<Arc<Linked>, Fault> {
        let mut place = place.write();
        match &*place {
            Some(Ok(linked)) if Arc::ptr_eq(&linked.pool, &pool) => return Ok(Arc::clone(linked)),
            Some(Err(_)) => return Err(Fault::NoSlot),
            _ => {}
        }
        let linked = self.link(pool).map_err(|error| {
            tracing::warn!(policy = self.name, %error, "can't be linked in a pool");
            format!("{error:#}")
        });
        place
            .insert(linked)
            .as_ref()
            .map(Arc::clone)
            .map_err(|_| Fault::NoSlot)
    }

    /// Maps and links the code in another pool: from the file, whose pages are shared; where that
    /// is gone, from a copy.
    ///
    /// # Errors
    /// The process has no more memory or mappings.
    pub(super) fn link(&self, pool: Arc<Pool>) -> wasmtime::Result<Arc<Linked>> {
        let entry = self.kept.as_ref().and_then(|(cache, key)| cache.find(key));
        let found = entry.and_then(|entry| mapped(&pool.wasm, &entry).ok());
        let component = match found {
            Some(component) => component,
            None => {
                let first = Arc::clone(&self.first.read());
                copied(&pool.wasm, &first.pre.component().serialize()?)?
            }
        };
        Linked::new(pool, &component, &self.export, self.contract).map(Arc::new)
    }

    /// Puts the code of the first pool's successor in the place of what it had there, which is
    /// returned.
    pub(super) fn succeed(&self, linked: Arc<Linked>) -> Arc<Linked> {
        mem::replace(&mut *self.first.write(), linked)
    }

    /// Takes it out of the further pool at this place; returns what was there.
    pub(super) fn take_out(&self, at: usize) -> Place {
        let place = at.checked_sub(1).and_then(|at| self.further.get(at));
        place.and_then(|place| place.write().take())
    }
}

/// Returns the number of slots that an instance needs: a file with components in it may have a
/// memory for each of them, and a slot has one.
fn slots(component: &Component) -> u32 {
    let needs = component.resources_required();
    needs.map_or(1, |needs| {
        let of_tables = needs.num_tables.div_ceil(TABLES);
        needs.num_memories.max(of_tables).max(1)
    })
}

impl Linked {
    fn new(
        pool: Arc<Pool>,
        component: &Component,
        export: &str,
        contract: Version,
    ) -> wasmtime::Result<Self> {
        Ok(Self {
            pre: linker(&pool.wasm, contract)?.instantiate_pre(component)?,
            exports: Exports::find(component, export, contract)?,
            pool,
        })
    }
}

/// Maps what the cache found.
///
/// # Errors
/// It was compiled for another engine, version or processor.
pub(super) fn mapped(engine: &Engine, entry: &Entry) -> wasmtime::Result<Component> {
    #[allow(unsafe_code, reason = "native code is mapped as it is")]
    // SAFETY: the file is in our own directory, which no other user may write to, and has the
    // digest that we wrote beside it after `precompile_component` made it; files are replaced by
    // rename, so the mapping never changes.
    unsafe {
        Component::deserialize_file(engine, &entry.code)
    }
}

/// Takes code that was just compiled, or that runs already.
///
/// # Errors
/// The process has no more memory.
pub(super) fn copied(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    #[allow(unsafe_code, reason = "native code is taken as it is")]
    // SAFETY: it is what `precompile_component` returned, in this process or in our own child.
    unsafe {
        Component::deserialize(engine, code)
    }
}
