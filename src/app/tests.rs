//! What a reload may change while the socket stays where it is.

use super::*;
use crate::config::process_environment;

const REGION: &str = "[[region]]\nname = \"us\"\njurisdiction = \"US\"\nkind = \"memory\"\n";
const SOURCE: &str =
    "[[identity.data_source]]\nname = \"a\"\nsecret = { file = \"secret\" }\nclaims = \"a.json\"\n";
const TOKEN: &str = "[[identity.token]]\ntoken = { file = \"secret\" }\nclaims = \"a.json\"\n";

fn config(more: &str) -> String {
    let gateway = "[gateway]\nregion = \"us\"\npacks = []\nlisten = \"127.0.0.1:3200\"\n";
    format!("{gateway}\n{more}\n{REGION}")
}

/// A gateway as `run` puts it together, that says it is bound where others reach it.
fn reloading(path: &Path, bound: &str, tasks: &Group) -> Reloading {
    let (settings, _) = Settings::load(path, &process_environment).unwrap();
    let reception = reception(&settings, &Metrics::default(), None);
    let in_force = in_force(&settings, &[], reception.clone());
    Reloading {
        path: path.to_owned(),
        listen: None,
        bound: bound.parse().unwrap(),
        environment: &process_environment,
        standing: Vec::new(),
        reception,
        watch: Watch::start(settings.sources.clone(), tasks),
        state: ApiState::over(in_force, Metrics::default(), api_settings(&settings)),
        certificate: None,
        settings,
    }
}

#[tokio::test]
async fn an_identity_for_loopback_is_not_taken_where_others_reach_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "of-this-data-source").unwrap();
    std::fs::write(folder.path().join("a.json"), r#"{"sub": "a"}"#).unwrap();
    let path = folder.path().join("regions.toml");
    let required = format!("[identity]\nmode = \"required\"\n{SOURCE}");
    let save = |more: &str| std::fs::write(&path, config(more)).unwrap();
    save(&required);
    let tasks = Group::new();
    let mut reached = reloading(&path, "192.0.2.1:3200", &tasks);
    let before = reached.settings.identity.clone();
    // Each is good by itself, and on loopback.
    for open in [String::new(), format!("{required}{TOKEN}")] {
        save(&open);
        assert!(!reached.reload().await, "{open}");
        assert_eq!(reached.settings.identity, before);
        assert_eq!(*reached.reception.settings(), before, "whoever was let in, and nobody else");
        save(&required);
        let mut local = reloading(&path, "127.0.0.1:3200", &tasks);
        save(&open);
        assert!(local.reload().await, "{open}");
    }
    save(&required);
    assert!(reached.reload().await);
    // A door of a region cannot be where the gateway is, though the file has it elsewhere.
    let mut local = reloading(&path, "127.0.0.1:3999", &tasks);
    save(&format!(
        "{required}[[region]]\nname = \"eu\"\njurisdiction = \"EU\"\nkind = \"memory\"\notlp = \"127.0.0.1:3999\"\n"
    ));
    assert!(!local.reload().await);
}
