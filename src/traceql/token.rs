//! The words of TraceQL.
//!
//! Words and signs of the language itself are their own text (`Fixed("&&")`), because the parser reads
//! best when it names them as a query does.

use super::ast::Scope;
use super::place::Place;

#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// The end of the text.
    End,
    /// A word or sign from [`fixed`].
    Fixed(&'static str),
    /// `.name`, `span.name`, `parent.resource.name`, with quotes resolved.
    Attribute {
        parent: bool,
        scope: Scope,
        name: String,
    },
    Text(String),
    Integer(i64),
    Float(f64),
    /// Nanoseconds.
    Duration(i64),
    /// Any other word or sign: names of hints, `minInt`, and mistakes.
    Unknown(String),
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Lexeme {
    pub token: Token,
    pub place: Place,
}

impl Lexeme {
    /// How an error names this token.
    pub fn described(&self, text: &str) -> String {
        match &self.token {
            Token::End => "end of the query".to_owned(),
            _ => {
                let said = text.get(self.place.start as usize..self.place.end as usize).unwrap_or("");
                format!("`{}`", said.chars().take(40).collect::<String>())
            }
        }
    }
}

/// Every word and sign, in byte order for the search.
const FIXED: [&str; 97] = [
    "!",
    "!<",
    "!<<",
    "!=",
    "!>",
    "!>>",
    "!~",
    "%",
    "&&",
    "&<",
    "&<<",
    "&>",
    "&>>",
    "&~",
    "(",
    ")",
    "*",
    "+",
    ",",
    "-",
    ".",
    "/",
    "<",
    "<<",
    "<=",
    "=",
    "=~",
    ">",
    ">=",
    ">>",
    "^",
    "avg",
    "avg_over_time",
    "bottomk",
    "by",
    "childCount",
    "client",
    "coalesce",
    "compare",
    "consumer",
    "count",
    "count_over_time",
    "duration",
    "error",
    "event.",
    "event:",
    "false",
    "histogram_over_time",
    "id",
    "instrumentation.",
    "instrumentation:",
    "internal",
    "kind",
    "link.",
    "link:",
    "max",
    "max_over_time",
    "min",
    "min_over_time",
    "name",
    "nestedSetLeft",
    "nestedSetParent",
    "nestedSetRight",
    "nil",
    "ok",
    "parent",
    "parent.",
    "parentID",
    "producer",
    "quantile_over_time",
    "rate",
    "resource.",
    "rootName",
    "rootService",
    "rootServiceName",
    "select",
    "server",
    "span.",
    "span:",
    "spanID",
    "status",
    "statusMessage",
    "sum",
    "sum_over_time",
    "timeSinceStart",
    "topk",
    "trace:",
    "traceDuration",
    "traceID",
    "true",
    "unset",
    "unspecified",
    "version",
    "with",
    "{",
    "|",
    "||",
];
/// Signs after `|` in byte order, apart so that the table above stays readable.
const LAST: [&str; 2] = ["}", "~"];

/// The word or sign of the language that is exactly this text.
pub fn fixed(text: &str) -> Option<&'static str> {
    match FIXED.binary_search(&text) {
        Ok(at) => FIXED.get(at).copied(),
        Err(_) => LAST.into_iter().find(|last| *last == text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_byte_order() {
        assert!(FIXED.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(FIXED.last() < LAST.first());
        for word in FIXED.iter().chain(&LAST) {
            assert_eq!(fixed(word), Some(*word));
        }
        assert_eq!(fixed("span"), None);
    }
}
