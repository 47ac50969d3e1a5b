//! Two regions' bytes, as they may come: a scan refuses them or what follows cannot fail. Joining, the tree,
//! crossings, order and both forms of the answer end, never panic, and say the length they write.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tutti::trace::crossing::Crossings;
use tutti::trace::emit::to_protobuf;
use tutti::trace::emit_json::to_json;
use tutti::trace::tree::Tree;
use tutti::trace::{Assembled, Joined, cycle, scan};

fuzz_target!(|parts: (&[u8], &[u8])| {
    let part = |bytes: &[u8]| scan(Bytes::copy_from_slice(bytes), None);
    let (Ok(one), Ok(other)) = (part(parts.0), part(parts.1)) else { return };
    let Ok(mut joined) = Joined::of(vec![(0, one), (1, other)]) else { return };
    let tree = Tree::of(&joined);
    let crossings = Crossings::of(&joined, &tree);
    crossings.annotate(&mut joined, &["east", "west"]).expect("small parts");
    cycle::annotate(&mut joined, &tree).expect("small parts");
    let trace = Assembled::of(joined, &tree).expect("small parts");
    assert_eq!(to_protobuf(&trace).len(), trace.protobuf_len());
    to_json(&trace).expect("what was scanned can be written");
});
