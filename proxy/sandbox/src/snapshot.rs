//! A reader of a configured instance for wizer, which makes the image of what it finds.
//!
//! wizer brings an implementation over wasmtime, behind a feature that turns on wasmtime's caches,
//! garbage collectors, threads and text forms for the whole program. This one needs none of them,
//! and a read that fails is an error here, not a panic.

use wasmtime::{
    Store,
    component::{Instance, Lift, WasmList},
};
use wasmtime_wizer::ComponentInstanceState;

use super::store::State;

/// An instance of an instrumented component, between `configure` and its end.
pub(super) struct Snapshotted<'a> {
    store: &'a mut Store<State>,
    instance: Instance,
    failure: Option<wasmtime::Error>,
}

impl<'a> Snapshotted<'a> {
    pub(super) fn new(store: &'a mut Store<State>, instance: Instance) -> Self {
        Self {
            store,
            instance,
            failure: None,
        }
    }

    /// Returns the first read that failed: what wizer made then is no image of the instance.
    pub(super) fn into_failure(self) -> Option<wasmtime::Error> {
        self.failure
    }

    /// Calls one of the functions that wizer added, and keeps its failure: wizer's interface has no
    /// room for one.
    async fn read<R: Lift + Send + Sync + 'static>(
        &mut self,
        interface: &str,
        function: &str,
    ) -> Option<R> {
        let (store, instance) = (&mut *self.store, &self.instance);
        let call = async {
            let interface_of = instance.get_export_index(&mut *store, None, interface);
            let export = interface_of
                .and_then(|of| instance.get_export_index(&mut *store, Some(&of), function))
                .ok_or_else(|| wasmtime::format_err!("`{interface}` has no `{function}`"))?;
            let function = instance.get_typed_func::<(), (R,)>(&mut *store, export)?;
            wasmtime::Result::Ok(function.call_async(store, ()).await?.0)
        };
        match call.await {
            Ok(value) => Some(value),
            Err(error) => {
                self.failure.get_or_insert(error);
                None
            }
        }
    }
}

impl ComponentInstanceState for Snapshotted<'_> {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        match self.read::<WasmList<u8>>(instance, func).await {
            Some(memory) => contents(memory.as_le_slice(&*self.store)),
            None => contents(&[]),
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.read(instance, func).await.unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.read(instance, func).await.unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        let value: Option<f32> = self.read(instance, func).await;
        value.unwrap_or_default().to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        let value: Option<f64> = self.read(instance, func).await;
        value.unwrap_or_default().to_bits()
    }
}
