//! `resource.tutti.region`: the attribute that no region stores and that the gateway answers itself.
//!
//! Whether a question names it is told by the question alone. One that does is decided at the gateway, over
//! resources that carry the name of their region like any attribute; one that does not never sees it. Names are
//! the exception: every resource has it, so it is listed whoever asks.

use super::query::Way;
use crate::model::region::REGION_KEY;
use crate::model::search::SearchAsked;
use crate::model::tags::{TagScope, TagsForm};
use crate::model::{MetricsQuery, SearchQuery, TagNames, TagValuesQuery, TagsQuery};
use crate::redaction::Marks;
use crate::traceql;
use crate::traceql::ast::{AttributeName, Scope};
use crate::traceql::conditions::names_of_resource;
use crate::traceql::lenient::condition_groups;

/// Whether a question is about where spans come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    is_named: bool,
}

impl Origin {
    pub(super) fn of_search(query: &SearchQuery) -> Self {
        let is_named = match &query.asked {
            SearchAsked::Query(text) => is_named_in(text),
            SearchAsked::Tags { tags, .. } => tags.keys().any(|key| is_older_name(key)),
        };
        Self { is_named }
    }

    pub(super) fn of_metrics(query: &MetricsQuery) -> Self {
        Self { is_named: is_named_in(&query.query) }
    }

    pub(super) fn of_values(query: &TagValuesQuery) -> Self {
        let is_named = match query.form {
            TagsForm::V1 => is_older_name(&query.name),
            TagsForm::V2 => {
                traceql::identifier(&query.name).is_ok_and(|attribute| is_it(&attribute.name))
                    || is_in_filter(query.query.as_deref())
            }
        };
        Self { is_named }
    }

    /// Whether all its values are asked for.
    pub(super) fn is_all_of(query: &TagValuesQuery) -> bool {
        let filter = query.query.as_deref().filter(|_| query.form == TagsForm::V2);
        let is_filtered =
            filter.is_some_and(|text| !condition_groups(text).is_ok_and(|groups| groups.is_empty()));
        Self::of_values(query).is_named && !is_filtered
    }

    /// Names themselves are added to what regions answer; only a filter needs the attribute to be there.
    pub(super) fn of_names(query: &TagsQuery) -> Self {
        Self { is_named: query.form == TagsForm::V2 && is_in_filter(query.query.as_deref()) }
    }

    pub(super) fn is_named(self) -> bool {
        self.is_named
    }

    pub(super) fn marks(self) -> Marks {
        if self.is_named { Marks::Origin } else { Marks::None }
    }

    /// A region can't be asked about what it does not store.
    pub(super) fn way(self, way: Way) -> Way {
        if self.is_named { Way::Assembled } else { way }
    }
}

/// Adds the attribute to names that regions answered, where there is any resource and the limits leave room.
pub(super) fn add_name(names: &mut TagNames, query: &TagsQuery) {
    let bytes = |names: &TagNames| {
        names.scopes.iter().flat_map(|(_, of)| of).map(|name| name.len() as u64).sum::<u64>()
    };
    let (spent, limits) = (bytes(names), query.limits);
    let is_of_resource = |(scope, _): &(TagScope, Vec<String>)| *scope == TagScope::Resource;
    let at = names.scopes.iter().position(is_of_resource);
    // What a region told in the older form is one list of no scope.
    let at = at.or((query.form == TagsForm::V1 && names.scopes.len() == 1).then_some(0));
    let Some((_, of)) = at.and_then(|at| names.scopes.get_mut(at)) else { return };
    let Err(at) = of.binary_search_by(|name| name.as_str().cmp(REGION_KEY)) else { return };
    if limits.bytes_max > 0 && spent.saturating_add(REGION_KEY.len() as u64) > limits.bytes_max {
        return;
    }
    of.insert(at, REGION_KEY.to_owned());
    if limits.count_max > 0 {
        of.truncate(limits.count_max as usize);
    }
}

fn is_named_in(text: &str) -> bool {
    traceql::compile(text).is_ok_and(|query| names_of_resource(&query, REGION_KEY))
}

/// In a filter as it is being typed.
fn is_in_filter(text: Option<&str>) -> bool {
    let groups = text.and_then(|text| condition_groups(text).ok()).unwrap_or_default();
    groups.iter().flatten().any(|condition| is_it(&condition.attribute))
}

pub(super) fn is_it(name: &AttributeName) -> bool {
    matches!(name, AttributeName::Named { parent: false, scope: Scope::Resource | Scope::Any, key }
        if key == REGION_KEY)
}

/// The older endpoints take a key as it is.
fn is_older_name(key: &str) -> bool {
    key == REGION_KEY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tags::TagLimits;

    #[test]
    fn a_query_names_the_attribute_wherever_an_attribute_can_stand() {
        for text in [
            "{ resource.tutti.region = \"eu\" }",
            "{ .tutti.region != \"eu\" && .a = 1 }",
            "{ .a = 1 || !(resource.tutti.region =~ \"e.*\") }",
            "{ resource.\"tutti.region\" = nil }",
            "{ \"eu\" = resource.tutti.region }",
            "{ resource.tut\"ti.region\" = .a }",
            "{ } >> { resource.tutti.region = \"eu\" }",
            "{ } | { resource.tutti.region = \"eu\" }",
            "{ } | by(resource.tutti.region)",
            "{ } | select(.a, .tutti.region)",
            "{ } | rate() by(resource.tutti.region)",
            "{ } | compare({ resource.tutti.region = \"eu\" })",
            "({ } | rate() by(.a)) / ({ .tutti.region = \"eu\" } | rate() by(.a))",
        ] {
            assert!(is_named_in(text), "{text}");
        }
        for text in [
            "{ }",
            "{ span.tutti.region = \"eu\" }",
            "{ .tutti.regions = \"eu\" }",
            "{ .a = \"resource.tutti.region\" }",
            "{ event.tutti.region = \"eu\" }",
            "{ .tutti.region = }",
            "{ } | compare({ status = error })",
        ] {
            assert!(!is_named_in(text), "{text}");
        }
    }

    #[test]
    fn so_do_questions_for_values_by_their_name_or_their_filter() {
        let asked = |name: &str, query: Option<&str>, form| {
            let (name, query) = (name.to_owned(), query.map(str::to_owned));
            let limits = TagLimits::default();
            Origin::of_values(&TagValuesQuery { name, query, window: None, limits, form }).is_named
        };
        use TagsForm::{V1, V2};
        assert!(asked("resource.tutti.region", None, V2) && asked(".tutti.region", None, V2));
        assert!(asked("name", Some("{ resource.tutti.region = \"eu\" && .a = }"), V2));
        assert!(asked("tutti.region", None, V1));
        assert!(!asked("span.tutti.region", None, V2) && !asked("name", Some("{ .a = 1 }"), V2));
        assert!(!asked("name", None, V1));
    }

    #[test]
    fn a_name_is_added_in_its_place_once_and_within_the_limits() {
        let added = |of: &[(TagScope, &[&str])], count_max, bytes_max| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let scopes = of.iter().map(|(scope, names)| (*scope, owned(names))).collect();
            let mut names = TagNames { scopes, ..TagNames::default() };
            let limits = TagLimits { count_max, bytes_max, ..TagLimits::default() };
            let query = TagsQuery { scope: None, query: None, window: None, limits, form: TagsForm::V2 };
            add_name(&mut names, &query);
            add_name(&mut names, &query);
            names.scopes.into_iter().flat_map(|(_, names)| names).collect::<Vec<_>>().join(" ")
        };
        let resource: &[(TagScope, &[&str])] = &[(TagScope::Resource, &["service.name", "zone"])];
        assert_eq!(added(resource, 0, 0), "service.name tutti.region zone");
        assert_eq!(added(resource, 2, 0), "service.name tutti.region");
        assert_eq!(added(resource, 0, 20), "service.name zone");
        assert_eq!(added(&[(TagScope::Span, &["zone"])], 0, 0), "zone");
    }
}
