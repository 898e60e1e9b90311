//! The contract's guest side, `src/abi/generated.rs`, is what wit-bindgen makes of
//! `wit/policy.wit`. `OUTRIGGER_WRITE=1` writes it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path};

use wit_bindgen_core::{Files, WorldGenerator, wit_parser::Resolve};
use wit_bindgen_rust::Opts;

fn generated(contract: &Path) -> String {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(contract).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    let options = Opts {
        format: true,
        pub_export_macro: true,
        export_macro_name: Some("export_guest".to_owned()),
        default_bindings_module: Some("outrigger_sdk::abi".to_owned()),
        additional_derive_attributes: vec!["PartialEq".to_owned()],
        ..Opts::default()
    };
    let mut files = Files::default();
    let mut generator = options.build();
    generator.generate(&mut resolve, world, &mut files).unwrap();
    let (_, text) = files.iter().next().unwrap();
    String::from_utf8(text.to_vec()).unwrap()
}

#[test]
fn the_guest_side_that_is_checked_in_is_made_of_the_contract() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = folder.join("src/abi/generated.rs");
    let expected = generated(&folder.join("wit"));
    if std::env::var_os("OUTRIGGER_WRITE").is_some() {
        fs::write(&file, &expected).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "src/abi/generated.rs is not what the contract makes; OUTRIGGER_WRITE=1 cargo test -p outrigger-sdk --test abi writes it"
    );
}
