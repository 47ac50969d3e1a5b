//! Checksums and tables: whether a text that looks like something is it.
//!
//! Digits come as their values, 0 to 9, letters as they stand. Nothing here searches, and nothing knows where
//! in a value it came from.

pub mod card;
pub mod checksum;
pub mod coin;
pub mod date;
pub mod device;
pub mod iban;
pub mod lettered;
pub mod national;
pub mod phone;
pub mod token;
