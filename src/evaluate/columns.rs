//! Attributes that a Tempo's blocks keep in columns of their own, unless it is configured otherwise. What lies
//! there is found by other rules than what lies among all other attributes.

use super::span_view::Holder;

/// What a column takes; a value of another type lies among the other attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Texts,
    Integers,
}

const OWN: [(Holder, Takes, &str); 14] = [
    (Holder::Resource, Takes::Texts, "k8s.cluster.name"),
    (Holder::Resource, Takes::Texts, "k8s.namespace.name"),
    (Holder::Resource, Takes::Texts, "k8s.pod.name"),
    (Holder::Resource, Takes::Texts, "k8s.container.name"),
    (Holder::Span, Takes::Texts, "http.request.method"),
    (Holder::Span, Takes::Integers, "http.response.status_code"),
    (Holder::Span, Takes::Texts, "url.path"),
    (Holder::Span, Takes::Texts, "url.route"),
    (Holder::Span, Takes::Texts, "server.address"),
    (Holder::Span, Takes::Integers, "server.port"),
    (Holder::Span, Takes::Texts, "http.method"),
    (Holder::Span, Takes::Texts, "http.url"),
    (Holder::Span, Takes::Texts, "http.route"),
    (Holder::Span, Takes::Integers, "http.status_code"),
];

/// The column of an attribute, where it has one.
pub(super) fn own(holder: Holder, key: &str) -> Option<Takes> {
    OWN.iter().find(|(known, _, name)| *known == holder && *name == key).map(|(_, takes, _)| *takes)
}

/// Who holds the attribute of this key that has a column, and what that takes.
pub(super) fn of_key(key: &str) -> Option<(Holder, Takes)> {
    OWN.iter().find(|(_, _, name)| *name == key).map(|(holder, takes, _)| (*holder, *takes))
}
