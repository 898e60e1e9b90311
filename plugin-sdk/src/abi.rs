//! The contract's guest side, generated from `wit/policy.wit`.
//!
//! Natively the types are the same and the imported functions abort; nothing calls them there,
//! because `crate::host` puts the bench in their place.

wit_bindgen::generate!({
    path: "wit",
    world: "guest",
    pub_export_macro: true,
    export_macro_name: "export_guest",
    default_bindings_module: "outrigger_sdk::abi",
    additional_derives: [PartialEq],
});
