//! Text to tree: a recursive descent parser with precedence climbing.
//!
//! `field` reads what stands in braces, `operand` what stands between the stages' bars (spansets, scalars,
//! constants and metrics share their parentheses, so they are one sum type), `pipeline` the stages and the
//! whole, `metrics` the functions. Nesting and length are limited by named numbers, so no text can exhaust
//! the stack. Types are not looked at here, but constants of scalar arithmetic are folded, as Tempo does.

mod field;
mod metrics;
mod operand;
mod pipeline;

use super::ast::{Attribute, AttributeName, Intrinsic, Literal, Query};
use super::error::{Class, Error};
use super::lex::Lexer;
use super::place::Place;
use super::token::{Lexeme, Token};
use super::value::{Kind, Status};
use super::{DEPTH_MAX, NESTING_MAX, QUERY_BYTES_MAX};

/// Reads a query. The tree says what was written; [`super::check()`] says whether it makes sense.
pub fn parse(text: &str) -> Result<Query, Error> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(Error::new(
            Class::Syntax,
            text,
            Place::default(),
            format!("the query exceeds the maximum size of {QUERY_BYTES_MAX} bytes"),
        ));
    }
    if let Some(at) = text.find('\0') {
        return Err(Error::new(Class::Syntax, text, Place::new(at, at + 1), "invalid character NUL"));
    }
    let mut lexer = Lexer::new(text);
    let now = lexer.next()?;
    let mut parser = Parser { lexer, now, last: Place::default(), nesting: 0 };
    parser.query()
}

/// A node and how deep its tree is.
#[derive(Debug)]
struct Deep<T> {
    node: T,
    depth: usize,
}

impl<T> Deep<T> {
    fn leaf(node: T) -> Self {
        Self { node, depth: 1 }
    }

    fn map<U>(self, make: impl FnOnce(T) -> U) -> Deep<U> {
        Deep { node: make(self.node), depth: self.depth }
    }
}

#[derive(Debug)]
struct Parser<'t> {
    lexer: Lexer<'t>,
    /// The token to be looked at.
    now: Lexeme,
    /// Where the token before it stood.
    last: Place,
    nesting: usize,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Lexeme, Error> {
        let next = self.lexer.next()?;
        let taken = std::mem::replace(&mut self.now, next);
        self.last = taken.place;
        Ok(taken)
    }

    /// The word or sign that stands here.
    fn sign(&self) -> Option<&'static str> {
        match self.now.token {
            Token::Fixed(sign) => Some(sign),
            _ => None,
        }
    }

    fn at(&self, sign: &str) -> bool {
        self.sign() == Some(sign)
    }

    /// Takes the sign if it stands here.
    fn took(&mut self, sign: &str) -> Result<bool, Error> {
        let here = self.at(sign);
        if here {
            self.advance()?;
        }
        Ok(here)
    }

    fn take(&mut self, sign: &'static str) -> Result<Place, Error> {
        if self.at(sign) {
            return Ok(self.advance()?.place);
        }
        Err(self.unexpected(&format!("`{sign}`")))
    }

    fn error(&self, place: Place, what: impl Into<String>) -> Error {
        Error::new(Class::Syntax, self.lexer.text(), place, what)
    }

    fn unexpected(&self, expected: &str) -> Error {
        let found = self.now.described(self.lexer.text());
        self.error(self.now.place, format!("syntax error: unexpected {found}, expecting {expected}"))
    }

    /// One level deeper into the text; `leave` goes with it.
    fn enter(&mut self) -> Result<(), Error> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(self.too_deep(self.now.place));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.nesting -= 1;
    }

    /// A node over others, unless its tree gets too deep.
    fn over<T>(&self, place: Place, depths: &[usize], node: T) -> Result<Deep<T>, Error> {
        let depth = depths.iter().max().copied().unwrap_or(0) + 1;
        if depth > DEPTH_MAX { Err(self.too_deep(place)) } else { Ok(Deep { node, depth }) }
    }

    fn too_deep(&self, place: Place) -> Error {
        self.error(place, format!("the query nests deeper than {DEPTH_MAX} levels"))
            .remedy("split it, or join alternatives with && and ||, which do not nest")
    }

    fn integer(&mut self, expected: &str) -> Result<i64, Error> {
        match self.now.token {
            Token::Integer(value) => {
                self.advance()?;
                Ok(value)
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// An attribute or intrinsic, if one stands here.
    fn attribute_here(&mut self) -> Result<Option<Attribute>, Error> {
        let place = self.now.place;
        let name = match &self.now.token {
            Token::Attribute { parent, scope, name } => {
                AttributeName::Named { parent: *parent, scope: *scope, key: name.clone() }
            }
            Token::Fixed(scope @ ("trace:" | "span:" | "event:" | "link:" | "instrumentation:")) => {
                let scope = *scope;
                self.advance()?;
                let intrinsic = self.sign().and_then(|word| Intrinsic::of_scoped_word(scope, word));
                match intrinsic {
                    Some(intrinsic) => AttributeName::Intrinsic(intrinsic),
                    None => return Err(self.unexpected(intrinsics_of(scope))),
                }
            }
            Token::Fixed(word) => match Intrinsic::of_word(word) {
                Some(intrinsic) => AttributeName::Intrinsic(intrinsic),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        let end = self.advance()?.place;
        Ok(Some(Attribute { name, place: place.to(end) }))
    }

    fn attribute(&mut self) -> Result<Attribute, Error> {
        match self.attribute_here()? {
            Some(attribute) => Ok(attribute),
            None => {
                Err(self
                    .unexpected("an attribute such as span.http.method, or an intrinsic such as duration"))
            }
        }
    }

    /// `attribute, attribute ... )`
    fn attributes_to_parenthesis(&mut self) -> Result<Vec<Attribute>, Error> {
        let mut attributes = vec![self.attribute()?];
        while self.took(",")? {
            attributes.push(self.attribute()?);
        }
        self.take(")")?;
        Ok(attributes)
    }

    /// A literal, if one stands here. `nil` is none.
    fn literal_here(&mut self) -> Result<Option<Literal>, Error> {
        let literal = match &self.now.token {
            Token::Text(text) => Literal::Text(text.clone()),
            Token::Integer(int) => Literal::Int(*int),
            Token::Float(float) => Literal::Float(*float),
            Token::Duration(nanos) => Literal::Duration(*nanos),
            Token::Unknown(word) => match word.as_str() {
                "minInt" => Literal::Int(i64::MIN),
                "maxInt" => Literal::Int(i64::MAX),
                _ => return Err(self.unknown(word)),
            },
            Token::Fixed(word) => match word_literal(word) {
                Some(literal) => literal,
                None => return Ok(None),
            },
            Token::End | Token::Attribute { .. } => return Ok(None),
        };
        self.advance()?;
        Ok(Some(literal))
    }

    /// A word that is nothing, told with what was probably meant.
    fn unknown(&self, word: &str) -> Error {
        let error = self.error(self.now.place, format!("unknown identifier: {word}"));
        let is_name = word.chars().all(|c| c == '_' || c.is_alphanumeric());
        match word {
            "&" => error.remedy("`and` is written &&"),
            "trace" | "span" | "event" | "link" | "instrumentation" | "resource" => {
                error.remedy(format!("write {word}.name for an attribute, without a space"))
            }
            _ if word.starts_with('\'') => error.remedy("strings stand in double quotes: \"...\""),
            _ if is_name => error.remedy(format!(
                "an attribute is written .{word}, span.{word} or resource.{word}, a string \"{word}\""
            )),
            _ => error,
        }
    }
}

fn word_literal(word: &str) -> Option<Literal> {
    Some(match word {
        "true" => Literal::Bool(true),
        "false" => Literal::Bool(false),
        "error" => Literal::Status(Status::Error),
        "ok" => Literal::Status(Status::Ok),
        "unset" => Literal::Status(Status::Unset),
        "unspecified" => Literal::Kind(Kind::Unspecified),
        "internal" => Literal::Kind(Kind::Internal),
        "client" => Literal::Kind(Kind::Client),
        "server" => Literal::Kind(Kind::Server),
        "producer" => Literal::Kind(Kind::Producer),
        "consumer" => Literal::Kind(Kind::Consumer),
        _ => return None,
    })
}

fn intrinsics_of(scope: &str) -> &'static str {
    match scope {
        "trace:" => "one of trace:duration, trace:rootName, trace:rootService, trace:id",
        "span:" => {
            "one of span:duration, span:name, span:kind, span:status, span:statusMessage, span:id, \
             span:parentID, span:childCount (attributes are written span.name)"
        }
        "event:" => "one of event:name, event:timeSinceStart (attributes are written event.name)",
        "link:" => "one of link:traceID, link:spanID (attributes are written link.name)",
        _ => "one of instrumentation:name, instrumentation:version",
    }
}
