//! Attributes that a Tempo's blocks keep in columns of their own, unless it is configured otherwise. What lies
//! there is found by other rules than what lies among all other attributes.

use super::ast::Scope;

/// What a column takes; a value of another type lies among the other attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    Texts,
    Integers,
}

const OWN: [(Scope, Takes, &str); 14] = [
    (Scope::Resource, Takes::Texts, "k8s.cluster.name"),
    (Scope::Resource, Takes::Texts, "k8s.namespace.name"),
    (Scope::Resource, Takes::Texts, "k8s.pod.name"),
    (Scope::Resource, Takes::Texts, "k8s.container.name"),
    (Scope::Span, Takes::Texts, "http.request.method"),
    (Scope::Span, Takes::Integers, "http.response.status_code"),
    (Scope::Span, Takes::Texts, "url.path"),
    (Scope::Span, Takes::Texts, "url.route"),
    (Scope::Span, Takes::Texts, "server.address"),
    (Scope::Span, Takes::Integers, "server.port"),
    (Scope::Span, Takes::Texts, "http.method"),
    (Scope::Span, Takes::Texts, "http.url"),
    (Scope::Span, Takes::Texts, "http.route"),
    (Scope::Span, Takes::Integers, "http.status_code"),
];

/// The column of an attribute, where it has one.
pub fn own(scope: Scope, key: &str) -> Option<Takes> {
    OWN.iter().find(|(known, _, name)| *known == scope && *name == key).map(|(_, takes, _)| *takes)
}

/// Who holds the attribute of this key that has a column, and what that takes.
pub fn of_key(key: &str) -> Option<(Scope, Takes)> {
    OWN.iter().find(|(_, _, name)| *name == key).map(|(scope, takes, _)| (*scope, *takes))
}

/// The keys of all attributes that have a column.
pub fn keys() -> impl Iterator<Item = &'static str> {
    OWN.iter().map(|(_, _, key)| *key)
}
