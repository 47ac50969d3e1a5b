//! The name of an attribute by itself, as it stands in the path of a question for its values:
//! `resource.service.name`, `span."http status"`, `duration`.

use super::ast::{Attribute, FieldExpr, Root, SpansetExpr, Stage};
use super::error::{Class, Error};
use super::parse;
use super::place::Place;

/// Reads a name as a query does. Places are those of `{name}`, as Tempo tells them.
pub fn identifier(name: &str) -> Result<Attribute, Error> {
    let text = format!("{{{name}}}");
    // Of what a name can smuggle in behind itself, Tempo looks at nothing.
    if let Root::Pipeline(pipeline) = parse(&text)?.root
        && let Some(Stage::Spanset(SpansetExpr::Filter(filter))) = pipeline.stages.into_iter().next()
        && let FieldExpr::Attribute(attribute) = filter.field
    {
        return Ok(attribute);
    }
    let whole = Place::new(1, text.len() - 1);
    let error = Error::new(Class::Syntax, &text, whole, "this is more than the name of one attribute");
    Err(error.remedy("write a name alone: .foo, span.foo, resource.service.name, duration"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traceql::ast::AttributeName;

    #[test]
    fn a_name_is_read_as_in_a_query() {
        for name in ["resource.service.name", "span.\"http status\"", ".a/b", "duration", "trace:id", "name"]
        {
            assert!(identifier(name).is_ok(), "{name}: {:?}", identifier(name));
        }
        assert!(matches!(identifier("status").unwrap().name, AttributeName::Intrinsic(_)));
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_place() {
        let refusal = |name: &str| identifier(name).unwrap_err().to_string();
        insta::assert_snapshot!(refusal("nope"), @r#"parse error at line 1, col 2: unknown identifier: nope; an attribute is written .nope, span.nope or resource.nope, a string "nope""#);
        insta::assert_snapshot!(refusal(".a = 1"), @r#"parse error at line 1, col 2: this is more than the name of one attribute; write a name alone: .foo, span.foo, resource.service.name, duration"#);
        assert!(identifier(".a} | {.b").is_ok());
        insta::assert_snapshot!(refusal("1"), @r#"parse error at line 1, col 2: this is more than the name of one attribute; write a name alone: .foo, span.foo, resource.service.name, duration"#);
        insta::assert_snapshot!(refusal(""), @r#"parse error at line 1, col 2: this is more than the name of one attribute; write a name alone: .foo, span.foo, resource.service.name, duration"#);
        insta::assert_snapshot!(refusal(".a}"), @r#"parse error at line 1, col 5: syntax error: unexpected `}`, expecting an operator, `|` or the end of the query"#);
    }
}
