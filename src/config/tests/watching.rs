//! Changes of what a configuration was made of. Time is paused: a look that is due happens at once.

use std::time::Duration;

use super::*;
use crate::config::Watch;
use crate::task::Group;

/// Longer than any look takes to come.
const LONG: Duration = Duration::from_secs(60);

async fn is_noticed(watch: &mut Watch) -> bool {
    tokio::time::timeout(LONG, watch.changed()).await.is_ok_and(|changed| changed.is_some())
}

#[tokio::test(start_paused = true)]
async fn a_change_of_any_source_is_noticed_once() {
    let group = Group::new();
    let config = format!("{QUIET}auth.bearer.file = \"token\"\n");
    let estate = Estate::of(&config).with_file("token", "one");
    let mut watch = Watch::start(estate.settings().sources, &group);
    assert!(!is_noticed(&mut watch).await, "nothing has changed");
    for (file, text) in [
        ("regions.toml", format!("{config}# more\n")),
        ("policies/keys.toml", format!("{RULES}# more\n")),
        ("policies/another.cedar", String::new()),
        ("token", "two".to_owned()),
    ] {
        estate.write(file, &text);
        assert!(is_noticed(&mut watch).await, "{file}");
        assert!(!is_noticed(&mut watch).await, "{file} twice");
    }
    estate.write("unrelated.log", "a line");
    assert!(!is_noticed(&mut watch).await, "an unrelated file");
}

#[tokio::test(start_paused = true)]
async fn a_refused_configuration_tells_what_would_have_to_change() {
    let group = Group::new();
    let estate = Estate::of(QUIET);
    let mut watch = Watch::start(estate.settings().sources, &group);
    estate.write("regions.toml", &format!("{QUIET}auth.bearer.file = \"token\"\n"));
    assert!(is_noticed(&mut watch).await);
    let Err(LoadError::Faulty(faults)) = estate.load() else { panic!("the secret is missing") };
    watch.follow(faults.sources);
    assert!(!is_noticed(&mut watch).await, "what was refused is not offered again");
    estate.write("token", "at last");
    assert!(is_noticed(&mut watch).await);
    watch.follow(estate.settings().sources);
    assert!(!is_noticed(&mut watch).await);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_too_large_is_refused_once_and_not_over_and_over() {
    let group = Group::new();
    let estate = Estate::of(&format!("{QUIET}auth.bearer.file = \"token\"\n"))
        .with_file("token", &"x".repeat(100_000));
    let Err(LoadError::Faulty(faults)) = estate.load() else { panic!("accepted") };
    let mut watch = Watch::start(faults.sources, &group);
    assert!(!is_noticed(&mut watch).await);
}

#[tokio::test(start_paused = true)]
async fn a_change_between_the_load_and_the_watch_is_not_lost() {
    let group = Group::new();
    let estate = Estate::of(QUIET);
    let settings = estate.settings();
    estate.write("regions.toml", &format!("{QUIET}# more\n"));
    assert!(is_noticed(&mut Watch::start(settings.sources, &group)).await);
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_swapped_symlink_is_a_change() {
    let group = Group::new();
    let estate = Estate::of(QUIET).with_file("..one/regions.toml", QUIET);
    let changed = format!("{QUIET}# more\n");
    let estate = estate.with_file("..two/regions.toml", &changed);
    std::fs::remove_file(estate.path("regions.toml")).unwrap();
    std::os::unix::fs::symlink("..one", estate.path("..data")).unwrap();
    std::os::unix::fs::symlink("..data/regions.toml", estate.path("regions.toml")).unwrap();
    let mut watch = Watch::start(estate.settings().sources, &group);
    assert!(!is_noticed(&mut watch).await);
    std::os::unix::fs::symlink("..two", estate.path("..new")).unwrap();
    std::fs::rename(estate.path("..new"), estate.path("..data")).unwrap();
    assert!(is_noticed(&mut watch).await);
}

/// In real time, and sooner than the regular look: the system's notices do work.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_replaced_file_is_noticed_long_before_the_regular_look() {
    let group = Group::new();
    let estate = Estate::of(QUIET);
    let mut watch = Watch::start(estate.settings().sources, &group);
    // Until the follower has run, it would find the change by its first look.
    tokio::task::yield_now().await;
    estate.write("regions.toml.new", &format!("{QUIET}# more\n"));
    std::fs::rename(estate.path("regions.toml.new"), estate.path("regions.toml")).unwrap();
    let noticed = tokio::time::timeout(Duration::from_secs(8), watch.changed()).await;
    assert_eq!(noticed, Ok(Some(())));
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_with_its_group() {
    let group = Group::new();
    let mut watch = Watch::start(Estate::of(QUIET).settings().sources, &group);
    tokio::task::yield_now().await;
    group.stop().await;
    assert_eq!(watch.changed().await, None);
}
