//! The shells and the files as a browser gets them.

use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

async fn ask(method: Method, path: &str) -> (StatusCode, http::HeaderMap, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let settings = UiSettings { prefix: "/tempo".to_owned() };
    let answer = router(&settings).oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
}

/// The values of an attribute, wherever it stands.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    html.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn every_answer_is_guarded_by_a_policy_that_allows_nothing_written_into_the_page() {
    for path in paths() {
        let (status, headers, _) = ask(Method::GET, &path.replace("{id}", "4af7")).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}: {policy}");
        for lax in ["unsafe", "*", "data:", "http:", "https:"] {
            assert!(!policy.contains(lax), "{path}: {policy}");
        }
        for (name, _) in &GUARDS {
            assert_eq!(headers.get_all(name).iter().count(), 1, "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn a_shell_names_only_files_that_are_there_and_runs_nothing_of_its_own() {
    for path in ["/ui", "/ui/", "/ui/trace/4af7"] {
        let (_, headers, html) = ask(Method::GET, path).await;
        assert_eq!(headers["content-type"], "text/html; charset=utf-8");
        assert_eq!(headers["cache-control"], "no-cache");
        assert_eq!(values(&html, "data-api"), ["/tempo"]);
        let named: Vec<&str> = [values(&html, "href"), values(&html, "src")].concat();
        for address in named.iter().filter(|address| address.starts_with("/ui/files/")) {
            let (status, headers, _) = ask(Method::GET, address).await;
            assert_eq!(status, StatusCode::OK, "{address}");
            assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
        }
        assert!(named.len() > FILES.len() - 2, "{named:?}");
        assert_eq!(html.matches("<script").count(), 1);
        assert!(html.contains("></script>") && !html.contains("<style") && !html.contains(" style="));
        assert!(!html.split('<').any(|tag| tag.contains(" on")), "{html}");
    }
}

#[tokio::test]
async fn the_shell_is_the_same_for_every_trace() {
    let (.., one) = ask(Method::GET, "/ui/trace/4af7").await;
    for id in ["7af7", "%3Cscript%3Ealert(1)%3C%2Fscript%3E", "%22%20onload%3D%22x"] {
        let (status, _, other) = ask(Method::GET, &format!("/ui/trace/{id}")).await;
        assert_eq!((status, &other), (StatusCode::OK, &one), "{id}");
    }
}

#[tokio::test]
async fn files_of_another_version_are_not_there_and_nothing_is_written_here() {
    let old = format!("/ui/files/{}/main.js", "0".repeat(16));
    assert_ne!(old, address("main.js"));
    assert_eq!(ask(Method::GET, &old).await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(Method::POST, "/ui").await.0, StatusCode::METHOD_NOT_ALLOWED);
}

/// Each by its relative path, so that a version is loaded whole.
#[test]
fn scripts_import_only_their_neighbours() {
    for file in FILES.iter().filter(|file| file.kind == Kind::Script) {
        let text = std::str::from_utf8(file.bytes).unwrap();
        for import in text.lines().filter(|line| line.starts_with("import ") || line.starts_with("} from ")) {
            let Some(named) = import.split('"').nth(1) else { continue };
            let name = named.strip_prefix("./").unwrap_or_else(|| panic!("{}: {import}", file.name));
            assert!(FILES.iter().any(|file| file.name == name), "{}: {import}", file.name);
        }
        // What is shown is set as text: markup is only what stands in a template of these files.
        let is_ours = file.name != "lit-html.js";
        for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "unsafeHTML"]
        {
            assert!(!(is_ours && text.contains(sink)), "{}: `{sink}`", file.name);
        }
    }
}
