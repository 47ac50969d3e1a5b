//! The Merkle tree of RFC 6962: hashes, roots, and the two proofs. A proof of inclusion says that a record is one of a
//! tree, a proof of consistency that a larger tree begins with a smaller one. Knows no file: whoever has the hashes of
//! a tree gives them by their place.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// Levels that a tree of 2^64 leaves could have, and so the steps of every proof.
pub const HEIGHT_MAX: u32 = 64;

/// SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub fn from_base64(text: &str) -> Option<Self> {
        Self::from_slice(&STANDARD.decode(text).ok()?)
    }

    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_base64())
    }
}

/// The root of a tree without a leaf.
pub fn empty() -> Hash {
    Hash::of(&[])
}

pub fn leaf(entry: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(entry);
    Hash(hasher.finalize().into())
}

pub fn node(left: Hash, right: Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes.iter_mut().skip(1).zip(left.0.iter().chain(&right.0)).for_each(|(to, of)| *to = *of);
    Hash::of(&bytes)
}

/// Hashes of whole subtrees: of 2^`height` leaves each, counted from the left.
pub trait Nodes {
    type Error;

    fn node(&self, height: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// Joins the roots of whole subtrees, which stand from the left, the largest first.
pub fn fold(subtrees: &[Hash]) -> Hash {
    let mut from_right = subtrees.iter().rev();
    let Some(last) = from_right.next() else { return empty() };
    from_right.fold(*last, |right, left| node(*left, right))
}

/// The whole subtrees that a range of leaves is made of, as (height, index). A range begins where a subtree as large as
/// it could.
fn subtrees(begin: u64, end: u64) -> Vec<(u32, u64)> {
    let (mut at, mut found) = (begin, Vec::new());
    while at < end {
        let height = (end - at).ilog2();
        found.push((height, at >> height));
        at += 1 << height;
    }
    found
}

/// The root of the leaves of a range.
fn root_of<N: Nodes>(nodes: &N, begin: u64, end: u64) -> Result<Hash, N::Error> {
    let whole = subtrees(begin, end).into_iter().map(|(height, index)| nodes.node(height, index));
    Ok(fold(&whole.collect::<Result<Vec<_>, _>>()?))
}

/// The root of the first `size` leaves.
pub fn root<N: Nodes>(nodes: &N, size: u64) -> Result<Hash, N::Error> {
    root_of(nodes, 0, size)
}

/// Where a tree of so many leaves, at least two, is parted.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

/// The proof that leaf `index` is one of the first `size`; nothing proves what is not.
pub fn inclusion<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let (mut begin, mut end, mut proof) = (0, size, Vec::new());
    if index >= size {
        return Ok(proof);
    }
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            proof.push(root_of(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(root_of(nodes, begin, middle)?);
            begin = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the first `size` leaves begin with the first `old`; nothing is to be proven of none or all.
pub fn consistency<N: Nodes>(nodes: &N, old: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let (mut begin, mut end, mut proof) = (0, size, Vec::new());
    if old == 0 || old >= size {
        return Ok(proof);
    }
    while end != old {
        let middle = begin + split(end - begin);
        if old <= middle {
            proof.push(root_of(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(root_of(nodes, begin, middle)?);
            begin = middle;
        }
    }
    if begin != 0 {
        proof.push(root_of(nodes, begin, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether a proof leads from a leaf to a root (RFC 9162, section 2.1.3.2).
pub fn is_included(proof: &[Hash], leaf: Hash, index: u64, size: u64, root: Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for step in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node(*step, hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(hash, *step);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == root
}

/// Whether a proof leads from the smaller tree to the larger one (RFC 9162, section 2.1.4.2).
pub fn is_consistent(proof: &[Hash], old: (u64, Hash), new: (u64, Hash)) -> bool {
    let ((old, old_root), (new, new_root)) = (old, new);
    if old > new {
        return false;
    }
    if old == 0 || old == new {
        let is_same = old == 0 || old_root == new_root;
        return is_same && proof.is_empty() && (old != 0 || old_root == empty());
    }
    // A smaller tree that is a whole subtree stands in the proof for itself.
    let begins = if old.is_power_of_two() { Some(old_root) } else { None };
    let mut steps = begins.iter().chain(proof).copied();
    let Some(first) = steps.next() else { return false };
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut smaller, mut larger) = (first, first);
    for step in steps {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            smaller = node(step, smaller);
            larger = node(step, larger);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            larger = node(larger, step);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && smaller == old_root && larger == new_root
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    /// RFC 6962, section 2.1, word by word.
    fn naive(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty(),
            [one] => *one,
            many => {
                let mut k = 1;
                while k * 2 < many.len() {
                    k *= 2;
                }
                node(naive(&many[..k]), naive(&many[k..]))
            }
        }
    }

    struct Leaves(Vec<Hash>);

    impl Nodes for Leaves {
        type Error = Infallible;

        fn node(&self, height: u32, index: u64) -> Result<Hash, Infallible> {
            let (width, index) = (1usize << height, index as usize);
            Ok(naive(&self.0[index * width..(index + 1) * width]))
        }
    }

    fn some(count: u64) -> Leaves {
        Leaves((0..count).map(|n| leaf(&n.to_be_bytes())).collect())
    }

    #[test]
    fn the_hashes_are_those_of_the_standard() {
        let hex = |hash: Hash| hash.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(empty()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex(leaf(&[])), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        // Of the test vectors of certificate transparency: the leaves "" and 00.
        let two = node(leaf(&[]), leaf(&[0]));
        assert_eq!(hex(two), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    }

    #[test]
    fn roots_are_those_of_a_naive_tree() {
        for size in 0..70 {
            let leaves = some(size);
            assert_eq!(root(&leaves, size).unwrap(), naive(&leaves.0), "{size}");
        }
    }

    #[test]
    fn every_leaf_is_proven_and_no_other_is() {
        for size in 1..70 {
            let leaves = some(size);
            let root = root(&leaves, size).unwrap();
            for index in 0..size {
                let proof = inclusion(&leaves, index, size).unwrap();
                let of = |index: u64| leaves.0[index as usize];
                assert!(is_included(&proof, of(index), index, size, root), "{index} of {size}");
                let other = (index + 1) % size;
                assert!(other == index || !is_included(&proof, of(other), index, size, root));
                assert!(other == index || !is_included(&proof, of(index), other, size, root));
                assert!(!is_included(&proof, of(index), index, size, leaf(b"other")));
                let longer = [proof.as_slice(), &[root]].concat();
                assert!(!is_included(&longer, of(index), index, size, root));
                assert!(proof.is_empty() || !is_included(&proof[1..], of(index), index, size, root));
            }
        }
    }

    #[test]
    fn every_smaller_tree_is_proven_and_no_other_is() {
        let all = some(70);
        for size in 0..70 {
            let new = (size, root(&all, size).unwrap());
            for old in 0..=size {
                let old = (old, root(&all, old).unwrap());
                let proof = consistency(&all, old.0, size).unwrap();
                assert!(is_consistent(&proof, old, new), "{} of {size}", old.0);
                let other = (old.0, leaf(b"other"));
                assert!(!is_consistent(&proof, other, new), "another {} of {size}", old.0);
                if old.0 != 0 && old.0 != size {
                    assert!(!is_consistent(&proof, old, (size, leaf(b"other"))));
                    assert!(!is_consistent(&proof[1..], old, new));
                    let longer = [proof.as_slice(), &[new.1]].concat();
                    assert!(!is_consistent(&longer, old, new));
                }
            }
            assert!(!is_consistent(&[], (size + 1, root(&all, size + 1).unwrap()), new));
        }
    }
}
