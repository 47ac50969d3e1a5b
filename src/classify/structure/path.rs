//! Paths of file systems, and the names of users in them.

use super::PieceKind;
use super::read::{Pieces, part};
use super::url::segment_piece;

/// Folders that hold the homes of users, in lower case.
const HOMES: [&str; 3] = ["home", "users", "documents and settings"];

/// Users that every machine has.
const SHARED: [&str; 4] = ["public", "shared", "default", "all users"];

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Every part of the path.
pub(super) fn path(text: &str, from: usize, to: usize, pieces: &mut Pieces<'_, '_>) {
    each(text, from, to, |at, segment, is_user| {
        if is_user {
            pieces.put(at, at + segment.len(), PieceKind::HomeDirectory);
        } else if !(segment.len() == 2 && segment.ends_with(':')) {
            segment_piece(at, segment, pieces);
        }
    });
}

/// Only the names of users, where the rest of the path is the shape.
pub(super) fn homes(text: &str, from: usize, to: usize, pieces: &mut Pieces<'_, '_>) {
    each(text, from, to, |at, segment, is_user| {
        if is_user {
            pieces.put(at, at + segment.len(), PieceKind::HomeDirectory);
        }
    });
}

/// Each part that is not empty, with whether it is the name of a user. The folder of homes stands at the root, of
/// a drive or of a mount; `~name` is a user wherever it stands.
fn each(text: &str, from: usize, to: usize, mut take: impl FnMut(usize, &str, bool)) {
    let mut at = from;
    let mut before = "";
    for segment in part(text, from, to).split(['/', '\\']) {
        if !segment.is_empty() {
            let tilde = segment.strip_prefix('~').filter(|user| !user.is_empty());
            match tilde {
                Some(user) => take(at + 1, user, true),
                None => take(at, segment, is_one_of(&HOMES, before) && !is_one_of(&SHARED, segment)),
            }
            before = segment;
        }
        at += segment.len() + 1;
    }
}
