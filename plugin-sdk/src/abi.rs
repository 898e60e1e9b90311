//! The contract's guest side, generated from `wit/policy.wit`.
//!
//! The text is checked in, so that no policy's build has to build its generator; a test
//! (`tests/abi.rs`) keeps it as the contract is.
//!
//! Natively the types are the same and the imported functions abort; nothing calls them there,
//! because `crate::host` puts the bench in their place.

include!("abi/generated.rs");
