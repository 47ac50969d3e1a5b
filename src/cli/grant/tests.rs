//! A grant from the request to the review, as people type it.

use super::*;

const NOW: Duration = Duration::from_secs(1_800_000_000);

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        let key = SigningKey::generate().unwrap();
        desk.write("claims.json", r#"{"sub": "alice", "roles": ["sre"], "purpose": "incident"}"#);
        desk.write("bob.pem", &key.to_pem());
        desk.write("bob.pub.pem", &key.public().to_pem());
        desk.write(
            "regions.toml",
            "[gateway]\nregion = \"eu\"\n\n[[break_glass.signer]]\nname = \"bob\"\npublic_key_file = \"bob.pub.pem\"\nsubjects = [\"robert\"]\n\n\
             [[region]]\nname = \"eu\"\njurisdiction = \"EU\"\nkind = \"memory\"\n",
        );
        desk
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn request(&self) -> RequestArgs {
        RequestArgs {
            claims: self.path("claims.json"),
            ticket: "INC-7".to_owned(),
            because: "the checkout of one customer fails and nobody knows why".to_owned(),
            classes: vec!["unknown".to_owned()],
            regions: vec![RegionName::parse("eu").unwrap()],
            traces: Vec::new(),
            length: Duration::from_secs(1800),
        }
    }

    fn sign(&self, name: &str) -> GrantCommand {
        let (request, key) = (self.path("request.json"), self.path("bob.pem"));
        GrantCommand::Sign(SignArgs { request, key, name: name.to_owned() })
    }
}

fn ran(command: &GrantCommand, now: Duration) -> Result<(bool, String, String), String> {
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let is_good = run(command, now, &mut io::empty(), &mut out, &mut notes)?;
    Ok((is_good, String::from_utf8(out).unwrap(), String::from_utf8(notes).unwrap()))
}

#[test]
fn a_grant_goes_from_one_person_to_a_second_and_holds_from_the_signature_on() {
    let desk = Desk::new();
    let (_, request, _) = ran(&GrantCommand::Request(desk.request()), NOW).unwrap();
    desk.write("request.json", &request);
    let later = NOW + Duration::from_secs(7200);
    let (_, token, said) = ran(&desk.sign("bob"), later).unwrap();
    assert!(said.contains("for        alice\nsigned by  bob\nticket     INC-7"), "{said}");
    assert!(said.contains("until      2027-01-15T10:30:00Z, for 30 minutes"), "{said}");
    let grant = desk.write("grant.jwt", &token);
    let show = |config| GrantCommand::Show(ShowArgs { grant: grant.clone(), config });
    let (is_good, shown, _) = ran(&show(Some(desk.path("regions.toml"))), later).unwrap();
    assert!(is_good && shown.ends_with("it holds\n"), "{shown}");
    let (is_good, shown, _) = ran(&show(Some(desk.path("regions.toml"))), later + GRANT_MAX).unwrap();
    assert!(
        !is_good && shown.ends_with("it does not hold: the grant held until 2027-01-15T10:30:00Z\n"),
        "{shown}"
    );
    let (is_good, shown, _) = ran(&show(None), later).unwrap();
    assert!(is_good && shown.contains("not checked"), "{shown}");
    assert_eq!(read_either(&grant).unwrap().subject, "alice");
    // The id is the signer's, whatever was asked for.
    let ids = ["grant.jwt", "request.json"].map(|name| read_either(&desk.path(name)).unwrap().id);
    assert_ne!(ids[0], ids[1]);
    assert_eq!(read_either(&desk.path("request.json")).unwrap().signer, "");
}

#[test]
fn what_could_never_hold_is_refused_before_somebody_signs() {
    let desk = Desk::new();
    let refused = |args| ran(&GrantCommand::Request(args), NOW).unwrap_err();
    assert!(refused(RequestArgs { because: "hurry".to_owned(), ..desk.request() }).contains("5 characters"));
    let long = RequestArgs { length: Duration::from_secs(3601), ..desk.request() };
    assert!(refused(long).contains("61 minutes; 60 are possible"));
    desk.write("claims.json", "{}");
    assert!(refused(desk.request()).contains("somebody by name"));
    let desk = Desk::new();
    let (_, request, _) = ran(&GrantCommand::Request(desk.request()), NOW).unwrap();
    desk.write("request.json", &request);
    assert!(ran(&desk.sign("Alice"), NOW).unwrap_err().contains("a second person"));
    desk.write("request.json", &request.replace("\"ticket\"", "\"tocket\""));
    assert!(ran(&desk.sign("bob"), NOW).unwrap_err().contains("unknown field `tocket`"));
}

fn review(id: &str, by: &str, signer: &str) -> ReviewedArgs {
    // Half an hour after the epoch of these tests, or a day before that.
    let until = NOW + Duration::from_secs(1800);
    let until = if id == "g-2" { until - Duration::from_secs(23 * 3600) } else { until };
    ReviewedArgs {
        id: id.to_owned(),
        signer: signer.to_owned(),
        until,
        by: by.to_owned(),
        found: "nothing out of order".to_owned(),
    }
}

fn written(id: &str, by: &str, signer: &str, now: Duration) -> String {
    ran(&GrantCommand::Reviewed(review(id, by, signer)), now).unwrap().1
}

#[test]
fn grants_that_no_other_person_reviewed_are_listed_and_overdue_ones_are_exit_code_1() {
    let desk = Desk::new();
    let notice = "{\"event\":\"break_glass.used\",\"id\":\"g-1\",\"subject\":\"alice\",\"signer\":\"bob\",\"ticket\":\"INC-7\",\
                  \"until\":\"2027-01-15T08:30:00Z\",\"reviewDue\":\"2027-01-16T08:00:00Z\"}\n";
    let of_log = "no json\n{\"level\":\"WARN\",\"event\":\"break_glass.used\",\"grant\":\"g-2\",\"subject\":\"alice\",\
                  \"signer\":\"bob\",\"ticket\":\"INC-8\",\"until\":\"2027-01-14T09:30:00Z\",\"review_due\":\"2027-01-15T09:00:00Z\"}\n";
    let listed = |text: &str, now| {
        let events = vec![desk.write("events.jsonl", text)];
        ran(&GrantCommand::Review(ReviewArgs { events }), now)
            .map(|(is_good, out, _)| (is_good, out))
            .unwrap()
    };
    let both = format!("{notice}{of_log}");
    let (is_good, out) = listed(&both, NOW);
    assert!(is_good, "{out}");
    assert_eq!(out.lines().count(), 2, "{out}");
    assert!(
        out.contains("g-2  for alice, signed by bob, until 2027-01-14T09:30:00Z, ticket INC-8: due by 2027-01-15T09:00:00Z"),
        "{out}"
    );
    let (is_good, out) = listed(&both, NOW + Duration::from_secs(7200));
    assert!(
        !is_good && out.contains("ticket INC-8: overdue since") && out.contains("INC-7: due by"),
        "{out}"
    );
    let reviewed = |id: &str, by: &str| written(id, by, "bob", NOW + Duration::from_secs(60));
    // Nobody reviews themselves, nor what they signed.
    let own = format!("{both}{}{}", reviewed("g-1", "Alice"), reviewed("g-2", "bob"));
    assert_eq!(listed(&own, NOW).1.lines().count(), 2);
    let all = format!("{}{}{both}", reviewed("g-1", "carol"), reviewed("g-2", "carol"));
    let (is_good, out) = listed(&all, NOW + Duration::from_secs(720_000));
    assert!(is_good && out == "2 grants were used, and all of them are reviewed\n", "{out}");
    // Of another signer's grant with this id, and from before the use.
    let other = format!("{notice}{}", written("g-1", "carol", "dave", NOW + Duration::from_secs(60)));
    let before = format!("{notice}{}", written("g-1", "carol", "bob", NOW));
    for text in [other, before] {
        assert!(listed(&text, NOW).1.contains("ticket INC-7: due by"), "{text}");
    }
    let hasty = ReviewedArgs { found: "ok".to_owned(), ..review("g", "carol", "bob") };
    assert!(ran(&GrantCommand::Reviewed(hasty), NOW).is_err());
}
