//! Patterns compiled: each of a query once, and all of them within one budget.
//!
//! A query of the greatest length has room for thousands of patterns that are 10 MiB each when compiled, so
//! a limit for each alone is none for the query.

use super::{PatternError, translate};
use crate::traceql::value::{Failure, Value};
use hashbrown::HashMap;
use regex::bytes::{Regex, RegexBuilder};
use std::sync::Arc;

/// Compiled size of a pattern; the default of the regex crate.
const COMPILED_BYTES_MAX: usize = 10 << 20;
/// Compiled size of all patterns of a query together, each counted as the limit it was compiled within: the
/// smallest one, grown step by step. So a query has at most 4096 different patterns.
pub(super) const PROGRAMS_BYTES_MAX: usize = 32 << 20;
const PROGRAM_BYTES_MIN: usize = 8 << 10;
const PROGRAM_GROWTH: usize = 4;
/// What patterns remember of texts while they run, in either direction: each gets a share of what is left, so
/// that few have as much as the regex crate's default and thousands have little each (64 MiB in all).
const CACHES_BYTES_MAX: usize = 32 << 20;
const CACHE_SHARE: usize = 16;
const CACHE_BYTES_MAX: usize = 2 << 20;
const CACHE_BYTES_MIN: usize = 16 << 10;
/// Compiled size of a pattern that is only asked whether it takes one text.
const BRIEF_BYTES_MAX: usize = 256 << 10;

/// Compiled patterns of one operator: a value matches when any of them does.
#[derive(Debug, Clone)]
pub struct Patterns {
    patterns: Vec<Arc<Regex>>,
}

impl Patterns {
    /// Of a pattern that is asked once and thrown away, and so may only be small.
    pub fn brief(pattern: &str) -> Result<Self, PatternError> {
        let regex = built(&translated(pattern)?, BRIEF_BYTES_MAX, CACHE_BYTES_MIN)?;
        Ok(Self { patterns: vec![Arc::new(regex)] })
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.patterns.iter().any(|regex| regex.is_match(text.as_bytes()))
    }

    /// `value =~ patterns`, or `!~` when negated; anything but text is neither.
    pub fn decide(&self, value: &Value<'_>, negated: bool) -> Result<bool, Failure> {
        match value {
            Value::Text(text) => Ok(self.is_match(text) != negated),
            Value::Texts(_) if self.patterns.len() > 1 => Err(Failure::TwoArrays),
            Value::Texts(texts) if negated => Ok(!texts.iter().any(|text| self.is_match(text))),
            Value::Texts(texts) => Ok(texts.iter().any(|text| self.is_match(text))),
            _ => Ok(false),
        }
    }
}

/// The compiled patterns of one query: each compiled once, and all within one budget.
#[derive(Debug)]
pub struct PatternStore {
    known: HashMap<String, Arc<Regex>>,
    /// Bytes that are left for programs, and for what they remember while they run.
    programs_left: usize,
    caches_left: usize,
}

impl Default for PatternStore {
    fn default() -> Self {
        Self { known: HashMap::new(), programs_left: PROGRAMS_BYTES_MAX, caches_left: CACHES_BYTES_MAX }
    }
}

impl PatternStore {
    pub fn compile(&mut self, pattern: &str) -> Result<Patterns, PatternError> {
        Ok(Patterns { patterns: vec![self.regex(pattern)?] })
    }

    /// Several together, as in `.a =~ "x" || .a =~ "y"`.
    pub fn compile_all(&mut self, patterns: &[String]) -> Result<Patterns, PatternError> {
        let patterns = patterns.iter().map(|pattern| self.regex(pattern));
        Ok(Patterns { patterns: patterns.collect::<Result<_, _>>()? })
    }

    fn regex(&mut self, pattern: &str) -> Result<Arc<Regex>, PatternError> {
        if let Some(known) = self.known.get(pattern) {
            return Ok(known.clone());
        }
        let text = translated(pattern)?;
        let cache = (self.caches_left / CACHE_SHARE).clamp(CACHE_BYTES_MIN, CACHE_BYTES_MAX);
        // How large a program is is not told, so it is tried with limits that grow.
        let mut size = PROGRAM_BYTES_MIN;
        let regex = loop {
            if size > self.programs_left {
                return Err(PatternError::TooLargeTogether);
            }
            match built(&text, size, cache) {
                Ok(regex) => break Arc::new(regex),
                Err(refused) if size == COMPILED_BYTES_MAX => return Err(refused),
                Err(_) => size = (size * PROGRAM_GROWTH).min(COMPILED_BYTES_MAX),
            }
        };
        self.programs_left -= size;
        self.caches_left = self.caches_left.saturating_sub(cache);
        self.known.insert(pattern.to_owned(), regex.clone());
        Ok(regex)
    }
}

fn translated(pattern: &str) -> Result<String, PatternError> {
    Ok(format!(r"\A(?s:{})\z", translate(pattern)?))
}

fn built(translated: &str, program_bytes: usize, cache_bytes: usize) -> Result<Regex, PatternError> {
    RegexBuilder::new(translated)
        .size_limit(program_bytes)
        .dfa_size_limit(cache_bytes)
        .build()
        .map_err(|_| PatternError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_comes_twice_is_compiled_once_and_only_new_ones_use_up_the_budget() {
        let mut store = PatternStore::default();
        store.compile("a").unwrap();
        let left = store.programs_left;
        let both = store.compile_all(&["a".to_owned(), "b".to_owned()]).unwrap();
        assert!(both.is_match("a") && both.is_match("b"));
        assert_eq!((store.known.len(), left - store.programs_left), (2, PROGRAM_BYTES_MIN));
    }

    #[test]
    fn patterns_of_one_query_have_one_budget() {
        let mut store = PatternStore::default();
        let refused = (1..1000).find_map(|at| store.compile(&format!(r"{at}\pL{{40}}")).err());
        assert_eq!(refused, Some(PatternError::TooLargeTogether));
        // What is known stays, and so does nothing else.
        assert!(store.known.len() < 100 && store.compile(r"1\pL{40}").is_ok());
        let mut small = PatternStore::default();
        let refused = (0..10_000).find(|at| small.compile(&at.to_string()).is_err());
        assert_eq!(refused, Some(PROGRAMS_BYTES_MAX / PROGRAM_BYTES_MIN));
        assert_eq!(store.compile(r"\pL{1000}").unwrap_err(), PatternError::TooLargeTogether);
        assert_eq!(PatternStore::default().compile(r"\pL{1000}").unwrap_err(), PatternError::TooLarge);
    }
}
