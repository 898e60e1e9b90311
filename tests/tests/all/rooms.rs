//! The workspace's shape: the files that must be there.

use std::fs;

#[test]
fn the_toolchain_is_pinned_and_the_licence_is_there() {
    let root = outrigger_tests::root();
    let toolchain = fs::read_to_string(root.join("rust-toolchain.toml")).unwrap();
    assert!(toolchain.contains("channel = \"1.95.0\""));
    assert!(
        fs::read_to_string(root.join("LICENSE"))
            .unwrap()
            .contains("Apache License")
    );
    for room in [
        "proxy",
        "plugin-sdk/wit/policy.wit",
        "plugins",
        "examples",
        "tests",
        "deploy",
        "README.md",
    ] {
        assert!(root.join(room).exists(), "{room} is missing");
    }
}
