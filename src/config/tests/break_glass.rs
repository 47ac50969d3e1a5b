//! Who may sign grants, as it is configured.

use super::*;
use crate::config::Changes;
use crate::proof::SigningKey;

fn with(lines: &str) -> Estate {
    let estate = Estate::of(&format!("{QUIET}\n{lines}\n"));
    estate.write("bob.pub.pem", &SigningKey::generate().unwrap().public().to_pem());
    estate.write("carol.pub.pem", &SigningKey::generate().unwrap().public().to_pem());
    estate.write("other.pem", OTHER_KEY);
    estate
}

const BOB: &str =
    "[[break_glass.signer]]\nname = \"bob\"\npublic_key_file = \"bob.pub.pem\"\nsubjects = [\"b\"]";
const CAROL: &str =
    "[[break_glass.signer]]\nname = \"carol\"\npublic_key_file = \"carol.pub.pem\"\nsubjects = [\"c\"]";

#[test]
fn signers_a_notice_and_what_is_revoked_are_read() {
    let none = with("").settings();
    assert!(none.grants.settings().signers.is_empty());
    let table = "[break_glass]\nnotify_url = \"http://127.0.0.1:9/hook\"\nuses_max = 7\nrevoked = [\"g-1\"]";
    let settings = with(&format!("{table}\n{BOB}\n{CAROL}")).settings();
    let grants = settings.grants.settings();
    let names: Vec<&str> = grants.signers.iter().map(|signer| signer.name.as_str()).collect();
    assert_eq!(names, ["bob", "carol"]);
    assert_eq!(grants.signers[0].subjects, ["b".to_owned()].into());
    assert_eq!((grants.uses_max, grants.revoked.len(), grants.regions.len()), (7, 1, 2));
    assert_eq!(grants.notify_url.as_deref(), Some("http://127.0.0.1:9/hook"));
    assert!(Changes::between(&none, &settings).taken.contains(&"break_glass".to_owned()));
    assert!(!Changes::between(&settings, &settings.clone()).taken.contains(&"break_glass".to_owned()));
}

#[test]
fn what_would_let_the_wrong_one_sign_or_no_one_is_a_fault() {
    let whats = |lines: &str| {
        let found = with(lines).findings();
        found.into_iter().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    let missing = ["`name` is missing", "`public_key_file` is missing", "`subjects` is missing"];
    assert_eq!(whats("[[break_glass.signer]]"), missing);
    for nobody in ["[]", "[\" \"]"] {
        let lines = BOB.replace("[\"b\"]", nobody);
        assert_eq!(whats(&lines), ["it is not said who the signer is"], "{nobody}");
    }
    assert_eq!(whats(&format!("{BOB}\n{}", CAROL.replace("\"carol\"", "\"Bob\""))), ["`Bob` is there twice"]);
    let same = CAROL.replace("carol.pub.pem", "bob.pub.pem");
    assert_eq!(whats(&format!("{BOB}\n{same}")), ["another signer has this key"]);
    let private = whats(&BOB.replace("bob.pub.pem", "other.pem"));
    assert!(
        private[0].starts_with("file `other.pem` cannot be used: it is no PEM of a public key"),
        "{private:?}"
    );
    let missing = whats(&BOB.replace("bob.pub.pem", "nobody.pem"));
    assert!(missing[0].contains("nobody.pem"), "{missing:?}");
    assert_eq!(whats("[break_glass]\nnotify_url = \"http://127.0.0.1:9/\""), ["no one can sign a grant"]);
    assert_eq!(whats(&format!("{BOB}\nmay_sign_for = []")), ["they may sign for nothing"]);
    assert!(!whats(&format!("[break_glass]\nsigners = []\n{BOB}")).is_empty());
}
