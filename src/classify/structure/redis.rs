//! Commands of Redis and its kin. The command stays; a key is read as a path, since `user:1234` is one; every other
//! argument is a literal, named by its field where the command has fields.

use super::PieceKind;
use super::read::{Pieces, Reader, is_odd_name, part};
use super::url::segment_piece;

type Done = Result<(), &'static str>;

/// What the arguments of a command are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arguments {
    /// The first is a key, the others are values.
    Key,
    /// All are keys.
    Keys,
    /// A key, then fields and values by turns.
    Fields,
    /// Key and value by turns.
    Pairs,
    /// A key, then fields.
    FieldNames,
    /// Values alone.
    Values,
    /// What lets one in.
    Secret,
}

const COMMANDS: [(Arguments, &str); 7] = [
    (
        Arguments::Key,
        " APPEND BITCOUNT BITFIELD BITOP BITPOS BLMOVE COPY DECR DECRBY DUMP EXPIRE EXPIREAT EXPIRETIME GEOADD GEODIST \
          GEOHASH GEOPOS GEORADIUS GEOSEARCH GET GETBIT GETDEL GETEX GETRANGE GETSET HGETALL HINCRBY HINCRBYFLOAT HKEYS \
          HLEN HSCAN HVALS INCR INCRBY INCRBYFLOAT LINDEX LINSERT LLEN LMOVE LPOP LPOS LPUSH LPUSHX LRANGE LREM LSET LTRIM \
          MOVE PERSIST PEXPIRE PEXPIREAT PFADD PSETEX PTTL PUBLISH RESTORE RPOP RPUSH RPUSHX SADD SCARD SET SETBIT SETEX SETNX \
          SETRANGE SISMEMBER SMEMBERS SMISMEMBER SMOVE SORT SPOP SPUBLISH SRANDMEMBER SREM SSCAN STRLEN SUBSTR TTL TYPE XACK \
          XADD XAUTOCLAIM XCLAIM XDEL XLEN XPENDING XRANGE XREVRANGE XTRIM ZADD ZCARD ZCOUNT ZINCRBY ZLEXCOUNT ZMSCORE ZPOPMAX \
          ZPOPMIN ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE \
          ZREVRANGE ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE JSON.GET JSON.SET JSON.DEL ADD CAS PREPEND GETS GAT TOUCHED ",
    ),
    (
        Arguments::Keys,
        " BLPOP BRPOP DEL EXISTS KEYS MGET PFCOUNT PFMERGE PSUBSCRIBE PUNSUBSCRIBE RENAME RENAMENX RPOPLPUSH SDIFF \
          SDIFFSTORE SINTER SINTERSTORE SSUBSCRIBE SUBSCRIBE SUNION SUNIONSTORE TOUCH UNLINK UNSUBSCRIBE WATCH ZUNIONSTORE \
          ZINTERSTORE DELETE ",
    ),
    (Arguments::Fields, " HSET HMSET HSETNX "),
    (Arguments::Pairs, " MSET MSETNX "),
    (Arguments::FieldNames, " HGET HMGET HDEL HEXISTS HSTRLEN "),
    (
        Arguments::Values,
        " ACL ASKING BGREWRITEAOF BGSAVE CLIENT CLUSTER COMMAND CONFIG DBSIZE DEBUG DISCARD ECHO EVAL EVALSHA EVAL_RO EXEC \
          FCALL FLUSHALL FLUSHDB FUNCTION INFO LASTSAVE LATENCY MEMORY MODULE MONITOR MULTI OBJECT PING PIPELINE PUBSUB QUIT \
          RANDOMKEY READONLY READWRITE REPLICAOF ROLE SAVE SCAN SCRIPT SELECT SHUTDOWN SLOWLOG SWAPDB SYNC TIME UNWATCH WAIT \
          XGROUP XINFO XREAD XREADGROUP FT.SEARCH STATS VERSION ",
    ),
    (Arguments::Secret, " AUTH HELLO "),
];

/// Bytes of a command's name.
const COMMAND_BYTES_MAX: usize = 16;

fn command(word: &str) -> Option<Arguments> {
    if word.is_empty() || word.len() > COMMAND_BYTES_MAX || !word.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return None;
    }
    let mut buffer = [b' '; COMMAND_BYTES_MAX + 2];
    buffer.get_mut(1..=word.len())?.copy_from_slice(word.as_bytes());
    buffer.make_ascii_uppercase();
    let padded = buffer.get(..word.len() + 2)?;
    let holds = |list: &str| memchr::memmem::find(list.as_bytes(), padded).is_some();
    COMMANDS.iter().find(|(_, list)| holds(list)).map(|(arguments, _)| *arguments)
}

/// Whether a word is a command.
pub(super) fn is_command(word: &str) -> bool {
    command(word).is_some()
}

pub(super) fn redis<'a>(text: &'a str, pieces: &mut Pieces<'_, 'a>) -> Done {
    let mut reader = Reader::new(text);
    let mut arguments = None;
    let mut number = 0;
    let mut field = "";
    let mut is_line_start = true;
    loop {
        let space = reader.take_while(|byte| byte.is_ascii_whitespace());
        is_line_start |= space.contains('\n');
        if reader.is_end() {
            break;
        }
        let from = reader.at();
        let word = reader.take_while(|byte| !byte.is_ascii_whitespace());
        if std::mem::take(&mut is_line_start)
            && let Some(next) = command(word)
        {
            (arguments, number, field) = (Some(next), 0, "");
            continue;
        }
        let Some(arguments) = arguments else { return Err("it begins with no command") };
        argument(arguments, number, (from, word), &mut field, pieces);
        number += 1;
    }
    if arguments.is_some() { Ok(()) } else { Err("it begins with no command") }
}

fn argument<'a>(
    arguments: Arguments,
    number: usize,
    (from, word): (usize, &'a str),
    field: &mut &'a str,
    pieces: &mut Pieces<'_, 'a>,
) {
    let to = from + word.len();
    let is_key = match arguments {
        Arguments::Key | Arguments::Fields | Arguments::FieldNames => number == 0,
        Arguments::Keys => true,
        Arguments::Pairs => number.is_multiple_of(2),
        Arguments::Values | Arguments::Secret => false,
    };
    match arguments {
        _ if is_key => key(from, word, pieces),
        Arguments::Secret => pieces.named(from, to, "", "password"),
        Arguments::Fields if number % 2 == 1 => {
            *field = word;
            if is_odd_name(word) {
                pieces.put(from, to, PieceKind::OddName);
            }
        }
        Arguments::Fields => pieces.named(from, to, "", *field),
        Arguments::FieldNames if is_odd_name(word) => pieces.put(from, to, PieceKind::OddName),
        Arguments::FieldNames => {}
        _ => pieces.literal(from, to),
    }
}

/// Parts of a key as parts of a path.
fn key(from: usize, word: &str, pieces: &mut Pieces<'_, '_>) {
    let mut at = from;
    for segment in word.split([':', '/', '|']) {
        if !segment.is_empty() {
            segment_piece(at, segment, pieces);
        }
        at += part(segment, 0, segment.len()).len() + 1;
    }
}
