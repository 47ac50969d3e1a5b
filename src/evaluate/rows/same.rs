//! Which resources say the same, and which scopes of a batch do, however they are written.
//!
//! What is written the same says the same and needs no reading. For the rest a sum is made that does not
//! depend on the order of attributes: only where two sums agree is what they say written out and compared,
//! so that a trace of many different resources costs one walk over each.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable};

use super::summary;
use crate::trace::Joined;
use crate::trace::span::bytes_field;
use crate::wire::otlp::{resource, scope};
use crate::wire::protobuf::put_bytes_field;

/// Numbers resources and scopes by what they say, in the order in which they are asked for.
pub(super) struct Same<'j> {
    joined: &'j Joined,
    hasher: RandomState,
    batches: Numbered<'j>,
    scopes: Numbered<'j>,
}

/// What is numbered so far.
#[derive(Default)]
struct Numbered<'j> {
    by_bytes: HashMap<(u32, &'j [u8]), u32, RandomState>,
    by_sum: HashTable<Said<'j>>,
}

/// The first that said something.
struct Said<'j> {
    sum: u64,
    /// The batch a scope is in.
    within: u32,
    bytes: &'j [u8],
    number: u32,
}

impl<'j> Same<'j> {
    pub fn new(joined: &'j Joined) -> Self {
        let (batches, scopes) = (Numbered::default(), Numbered::default());
        Self { joined, hasher: RandomState::default(), batches, scopes }
    }

    pub fn batch(&mut self, batch: u32) -> u32 {
        let (bytes, _) = self.joined.resource(batch);
        let sum = || sum_of_resource(bytes, &self.hasher);
        self.batches.number(0, bytes, sum, what_resource_says)
    }

    pub fn scope(&mut self, batch: u32, scope: u32) -> u32 {
        let bytes = self.joined.scope(scope);
        let sum = || sum_of_scope(batch, bytes, &self.hasher);
        self.scopes.number(batch, bytes, sum, what_scope_says)
    }
}

impl<'j> Numbered<'j> {
    fn number(
        &mut self,
        within: u32,
        bytes: &'j [u8],
        sum: impl Fn() -> u64,
        says: fn(&[u8]) -> Vec<u8>,
    ) -> u32 {
        let Self { by_bytes, by_sum } = self;
        *by_bytes.entry((within, bytes)).or_insert_with(|| {
            let sum = sum();
            let is_same =
                |said: &Said<'_>| said.sum == sum && said.within == within && says(said.bytes) == says(bytes);
            if let Some(said) = by_sum.find(sum, is_same) {
                return said.number;
            }
            let number = by_sum.len() as u32;
            by_sum.insert_unique(sum, Said { sum, within, bytes, number }, |said| said.sum);
            number
        })
    }
}

/// Equal wherever [`what_resource_says`] is.
fn sum_of_resource(bytes: &[u8], hasher: &RandomState) -> u64 {
    let (mut sum, mut service): (u64, &[u8]) = (0, &[]);
    for (key, any) in summary::pairs(bytes, resource::ATTRIBUTES) {
        match summary::service(key, any) {
            Some(name) => service = name,
            None => sum = sum.wrapping_add(hasher.hash_one((key, any))),
        }
    }
    // What is no text counts as none.
    let service = if std::str::from_utf8(service).is_ok() { service } else { &[] };
    sum.wrapping_add(hasher.hash_one(service))
}

/// Equal wherever the batch and [`what_scope_says`] are.
fn sum_of_scope(batch: u32, bytes: &[u8], hasher: &RandomState) -> u64 {
    let named = (batch, bytes_field(bytes, scope::NAME), bytes_field(bytes, scope::VERSION));
    let attributes = summary::pairs(bytes, scope::ATTRIBUTES).map(|pair| hasher.hash_one(pair));
    attributes.fold(hasher.hash_one(named), u64::wrapping_add)
}

/// What makes two resources one: the service and all other attributes, in any order. The count of dropped
/// attributes does not.
fn what_resource_says(bytes: &[u8]) -> Vec<u8> {
    let mut says = Vec::with_capacity(bytes.len());
    put_bytes_field(&mut says, SAID_FIRST, summary::stored_service(bytes).as_bytes());
    // A name of a service is said already, if it is a string.
    put_attributes(&mut says, bytes, resource::ATTRIBUTES, |key, any| summary::service(key, any).is_none());
    says
}

/// What makes two scopes of a batch one: name, version and attributes.
fn what_scope_says(bytes: &[u8]) -> Vec<u8> {
    let mut says = Vec::with_capacity(bytes.len());
    put_bytes_field(&mut says, SAID_FIRST, bytes_field(bytes, scope::NAME));
    put_bytes_field(&mut says, SAID_FIRST, bytes_field(bytes, scope::VERSION));
    put_attributes(&mut says, bytes, scope::ATTRIBUTES, |_, _| true);
    says
}

/// Field numbers of what is said; they only have to differ.
const SAID_FIRST: u32 = 1;
const SAID_KEY: u32 = 2;
const SAID_VALUE: u32 = 3;

fn put_attributes(
    says: &mut Vec<u8>,
    message: &[u8],
    attributes: u32,
    is_said: impl Fn(&[u8], &[u8]) -> bool,
) {
    let mut pairs: Vec<(&[u8], &[u8])> =
        summary::pairs(message, attributes).filter(|(key, any)| is_said(key, any)).collect();
    pairs.sort_by_key(|(key, _)| *key);
    for (key, any) in pairs {
        put_bytes_field(says, SAID_KEY, key);
        put_bytes_field(says, SAID_VALUE, any);
    }
}
