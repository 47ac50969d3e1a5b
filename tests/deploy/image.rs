//! The image, as far as its text tells.

use crate::source::read;

#[test]
fn the_image_has_no_root_no_shell_and_a_check_of_its_own() {
    let text = read("deploy/Dockerfile");
    let stages: Vec<&str> = text.lines().filter(|line| line.starts_with("FROM ")).collect();
    assert_eq!(stages.len(), 2, "{stages:?}");
    assert!(stages[1].contains("distroless") && stages[1].ends_with(":nonroot"), "{}", stages[1]);
    let last = text.split(stages[1]).nth(1).unwrap();
    assert!(last.contains("\nUSER 65532:65532\n"));
    assert!(!last.lines().any(|line| line.starts_with("RUN ")), "there is no shell to run it");
    assert!(last.contains(r#"CMD ["/usr/local/bin/tutti", "ready"]"#));
    for line in last.lines().filter(|line| line.starts_with("ENTRYPOINT") || line.starts_with("CMD")) {
        assert!(line.contains('['), "{line}: a form that needs a shell");
    }
}

#[test]
fn the_image_is_built_by_the_toolchain_of_the_repository() {
    let toolchain = read("rust-toolchain.toml");
    let channel =
        toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    assert!(
        read("deploy/Dockerfile").contains(&format!("FROM rust:{channel}-")),
        "rust-toolchain.toml says {channel}"
    );
}

#[test]
fn what_the_image_is_built_from_is_let_through() {
    let ignored = read(".dockerignore");
    for needed in ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "src", "policies", "LICENSE", "benches"]
    {
        assert!(ignored.contains(&format!("!{needed}\n")), "{needed}");
    }
    assert!(ignored.lines().any(|line| line == "*"));
}
