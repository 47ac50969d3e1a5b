//! A query with something else in place of what its writer put in: for who may know how something was asked, and not
//! after whom. Works on words, so that it needs no query that makes sense.

use super::ast::Scope;
use super::lex::Lexer;
use super::token::{Lexeme, Token};

/// What somebody wrote that is no word of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'s> {
    /// A text, a number, a duration, an unknown word; as it is meant, without quotes.
    Value(&'s str),
    /// The key of an attribute.
    Name(&'s str),
}

/// Words that are followed by numbers about the answer, and not about anyone in it.
const FUNCTIONS: [&str; 3] = ["quantile_over_time", "topk", "bottomk"];

/// Where those numbers end, whether somebody closed the function or not.
const ENDS: [&str; 4] = [")", "{", "}", "|"];

/// Words whose numbers and durations are about the shape of traces.
const SHAPES: [&str; 3] = ["duration", "traceDuration", "childCount"];

const COMPARISONS: [&str; 6] = ["=", "!=", "<", "<=", ">", ">="];

/// Hints of the language.
const HINTS: [&str; 4] = ["most_recent", "sample", "exemplars", "minInt"];

/// The text with `put` in place of what was said; none where it has no end of a text or a comment.
pub fn veiled(text: &str, put: &mut dyn FnMut(Said<'_>) -> String) -> Option<String> {
    let mut lexer = Lexer::new(text);
    let (mut out, mut end) = (String::new(), 0);
    let (mut in_function, mut before): (bool, [Option<&'static str>; 2]) = (false, [None; 2]);
    loop {
        let Lexeme { token, place } = lexer.next().ok()?;
        let written = text.get(place.start as usize..place.end as usize)?;
        if token == Token::End {
            return Some(out);
        }
        // Whatever stood between, a comment among it, was no word.
        if place.start > end && !out.is_empty() {
            out.push(' ');
        }
        end = place.end;
        let is_shape = matches!(before, [Some(word), Some(sign)] if SHAPES.contains(&word) && COMPARISONS.contains(&sign));
        let mut fixed = None;
        match &token {
            Token::End => {}
            Token::Fixed(word) => {
                in_function = FUNCTIONS.contains(word) || in_function && !ENDS.contains(word);
                fixed = Some(*word);
                out.push_str(word);
            }
            Token::Attribute { parent, scope, name } => {
                out.push_str(if *parent { "parent." } else { "" });
                match scope {
                    Scope::Any if *parent => {}
                    Scope::Any => out.push('.'),
                    scope => out.push_str(&format!("{}.", scope.word())),
                }
                out.push_str(&put(Said::Name(name)));
            }
            Token::Integer(_) | Token::Float(_) if in_function || is_shape => out.push_str(written),
            Token::Duration(_) if is_shape => out.push_str(written),
            Token::Unknown(word) if HINTS.contains(&word.as_str()) => out.push_str(word),
            Token::Text(value) | Token::Unknown(value) => out.push_str(&put(Said::Value(value))),
            Token::Integer(_) | Token::Float(_) | Token::Duration(_) => {
                out.push_str(&put(Said::Value(written)))
            }
        }
        before = [before.last().copied().flatten(), fixed];
    }
}
