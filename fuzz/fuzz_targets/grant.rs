//! Any bytes as a grant: it is read or refused, and what is read survives being written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tutti::proof::grant::{of_request, peek, read, to_request};
use tutti::proof::VerifyingKey;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let key = VerifyingKey::from_raw(&[7; 32]);
    assert!(read(&text, |_| key.as_ref()).is_err(), "nobody signed this");
    let _ = peek(&text);
    if let Ok(grant) = of_request(&text) {
        let written = to_request(&grant).expect("what was read can be written");
        // Writing adds white space, which may reach the limit.
        if let Ok(again) = of_request(&written) {
            assert_eq!(again, grant);
        }
    }
});
