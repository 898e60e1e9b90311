//! The hooks of a component: where they are, and their types in each contract.

use policy::Manifest;
use wasmtime::{
    Store,
    component::{Component, ComponentExportIndex, Instance, Resource, TypedFunc},
};

use super::{
    LoadError,
    bindings::types as wit,
    capabilities::exchange::{HeadHandle, RequestHandle},
    contract::Version,
    convert,
    store::State,
    v0_2, v0_3,
};

/// Calls an instance's `describe`.
pub(super) async fn describe(
    contract: Version,
    instance: &Instance,
    store: &mut Store<State>,
    hook: &ComponentExportIndex,
) -> wasmtime::Result<Result<Manifest, LoadError>> {
    Ok(match contract {
        Version::V0_4 | Version::V0_3 => {
            let describe: TypedFunc<(), (wit::Manifest,)> =
                instance.get_typed_func(&mut *store, hook)?;
            let (manifest,) = describe.call_async(store, ()).await?;
            convert::manifest(manifest)
        }
        Version::V0_2 => {
            let describe: TypedFunc<(), (v0_2::types::Manifest,)> =
                instance.get_typed_func(&mut *store, hook)?;
            let (manifest,) = describe.call_async(store, ()).await?;
            Ok(manifest.into())
        }
    })
}

/// The indices of a component's hooks, and the contract of their types.
#[derive(Clone, Copy)]
pub(super) struct Exports {
    pub(super) contract: Version,
    pub(super) describe: ComponentExportIndex,
    pub(super) configure: ComponentExportIndex,
    pub(super) on_request: ComponentExportIndex,
    pub(super) on_reply: ComponentExportIndex,
    /// None of a policy that was built before there was one.
    pub(super) on_attempt: Option<ComponentExportIndex>,
    pub(super) on_failure: ComponentExportIndex,
    pub(super) on_end: ComponentExportIndex,
}

// Types are compared by their structure, so those that several contracts have in common are the same
// Rust types.
pub(super) type Configure = TypedFunc<(String,), (Result<(), String>,)>;
type OnRequest<Decision> = TypedFunc<(Resource<RequestHandle>,), (Decision,)>;
type OnReply<Delta> = TypedFunc<(Resource<HeadHandle>, Vec<Delta>), (Rewritten,)>;
pub(super) type Rewritten = Result<Vec<Option<String>>, wit::Refusal>;
type OnAttempt = TypedFunc<(wit::AttemptReply, Vec<wit::Delta>), (wit::Verdict,)>;
type OnFailure<Failure, Decision> = TypedFunc<(Failure,), (Decision,)>;
type OnEnd<Outcome> = TypedFunc<(Outcome,), ()>;

impl Exports {
    pub(super) fn find(
        component: &Component,
        interface: &str,
        contract: Version,
    ) -> wasmtime::Result<Self> {
        let missing = || wasmtime::format_err!("`{interface}` lacks a hook");
        let policy = component
            .get_export_index(None, interface)
            .ok_or_else(missing)?;
        let hook = |name| {
            component
                .get_export_index(Some(&policy), name)
                .ok_or_else(missing)
        };
        Ok(Self {
            contract,
            describe: hook("describe")?,
            configure: hook("configure")?,
            on_request: hook("on-request")?,
            on_reply: hook("on-reply")?,
            on_attempt: match contract {
                Version::V0_4 => hook("on-attempt").ok(),
                Version::V0_3 | Version::V0_2 => None,
            },
            on_failure: hook("on-failure")?,
            on_end: hook("on-end")?,
        })
    }
    /// Compares the types of all hooks but `describe` with the contract's.
    pub(super) fn check(
        &self,
        instance: &Instance,
        store: &mut Store<State>,
    ) -> wasmtime::Result<()> {
        let _: Configure = instance.get_typed_func(&mut *store, self.configure)?;
        match self.contract {
            Version::V0_4 | Version::V0_3 => {
                let _: OnReply<wit::Delta> = instance.get_typed_func(&mut *store, self.on_reply)?;
            }
            Version::V0_2 => {
                let _: OnReply<v0_2::types::Delta> =
                    instance.get_typed_func(&mut *store, self.on_reply)?;
            }
        }
        if let Some(on_attempt) = self.on_attempt {
            let _: OnAttempt = instance.get_typed_func(&mut *store, on_attempt)?;
        }
        let Self {
            on_request,
            on_failure,
            on_end,
            ..
        } = self;
        match self.contract {
            Version::V0_4 => {
                let _: OnRequest<wit::Decision> =
                    instance.get_typed_func(&mut *store, on_request)?;
                let _: OnFailure<wit::Failure, wit::Decision> =
                    instance.get_typed_func(&mut *store, on_failure)?;
                let _: OnEnd<wit::Outcome> = instance.get_typed_func(&mut *store, on_end)?;
            }
            Version::V0_3 | Version::V0_2 => {
                let _: OnRequest<v0_3::Decision> =
                    instance.get_typed_func(&mut *store, on_request)?;
                let _: OnFailure<v0_3::Failure, v0_3::Decision> =
                    instance.get_typed_func(&mut *store, on_failure)?;
                let _: OnEnd<v0_3::Outcome> = instance.get_typed_func(&mut *store, on_end)?;
            }
        }
        Ok(())
    }
}
