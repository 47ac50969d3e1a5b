//! Which column a literal is of. Only where the statement leaves no doubt: a comparison, an assignment, a list of
//! columns with its rows. Everywhere else a literal is one that nothing names.

use std::sync::LazyLock;

use hashbrown::HashMap;

use super::super::PieceKind;
use super::super::read::{Pieces, part};
use super::token::Token;

/// Columns of an `INSERT` that are remembered. Values beyond them are named by nothing.
const COLUMNS_MAX: usize = 512;

/// A name in the statement, by its place.
type Name = (usize, usize);

#[derive(Debug)]
pub(super) struct Names<'a> {
    text: &'a str,
    depth: usize,
    /// The word or the identifier that was read last, and before a comparison what is compared.
    last: Option<Name>,
    /// What literals are compared with, and the depth of the comparison.
    subject: Option<(Name, usize)>,
    is_between: bool,
    list: List,
    columns: Vec<Name>,
    /// Where in a row of values the next one stands.
    column: usize,
    clause: Clause,
    first_word: First,
    says_who: bool,
}

/// Where in `INSERT INTO t (a, b) VALUES (1, 2)` a parenthesis stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    None,
    /// After `INTO`, before its columns.
    Before,
    Columns,
    /// Between columns and rows.
    Between,
    Rows,
}

/// What words mean after `SET`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clause {
    Other,
    /// After the equals sign of a setting: words are values.
    Setting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    None,
    Set,
    Grant,
    Define,
    Other,
}

/// The key under which names of users go.
const USER: &str = "db.user";

impl<'a> Names<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            depth: 0,
            last: None,
            subject: None,
            is_between: false,
            list: List::None,
            columns: Vec::new(),
            column: 0,
            clause: Clause::Other,
            first_word: First::None,
            says_who: false,
        }
    }

    pub(super) fn take(&mut self, token: Token, pieces: &mut Pieces<'_, 'a>) {
        match token {
            Token::Comment { from, to } => pieces.literal(from, to),
            // `EXEC pay @card = '..'`
            Token::Placeholder { from, to } if from < to && self.subject.is_none() => {
                self.last = Some((from, to))
            }
            Token::Placeholder { .. } => {}
            Token::Number { from, to } => self.literal(from, to, pieces),
            Token::Text { from, to, may_name } => {
                self.literal(from, to, pieces);
                if may_name {
                    self.identifier(from, to);
                }
            }
            Token::Quoted { from, to } => {
                // Spaces are usual between the quotes of a name.
                let name = part(self.text, from, to);
                if name.split(' ').any(super::super::read::is_odd_name) {
                    pieces.put(from, to, PieceKind::OddName);
                } else if self.says_who {
                    pieces.named(from, to, "", USER);
                }
                self.says_who = false;
                self.identifier(from, to);
            }
            Token::Word { from, to } => self.word(from, to, pieces),
            Token::Sign { byte, .. } => self.sign(byte),
        }
    }

    fn literal(&mut self, from: usize, to: usize, pieces: &mut Pieces<'_, 'a>) {
        let in_row = self.list == List::Rows && self.depth >= 1;
        let name = match self.subject {
            Some((name, _)) => Some(name),
            None if in_row => self.columns.get(self.column).copied(),
            None => None,
        };
        match name {
            Some((start, end)) => pieces.named(from, to, "", part(self.text, start, end)),
            None => pieces.literal(from, to),
        }
        if self.subject.is_none() {
            // A path into a document: `data ->> 'email' = 'x'`.
            self.last = Some((from, to));
        }
    }

    /// A truth is a value where it is compared with, or stands in a row.
    fn truth(&mut self, from: usize, to: usize, pieces: &mut Pieces<'_, 'a>) {
        if self.subject.is_some() || self.list == List::Rows {
            self.literal(from, to, pieces);
        }
    }

    fn identifier(&mut self, from: usize, to: usize) {
        if self.list == List::Columns && self.depth == 1 && self.columns.len() < COLUMNS_MAX {
            self.columns.push((from, to));
        }
        self.last = Some((from, to));
    }

    fn word(&mut self, from: usize, to: usize, pieces: &mut Pieces<'_, 'a>) {
        let word = part(self.text, from, to);
        if self.first_word == First::None {
            self.first_word = First::of(word);
        }
        if self.clause == Clause::Setting {
            return pieces.literal(from, to);
        }
        if std::mem::take(&mut self.says_who) && Keyword::of(word).is_none() {
            return pieces.named(from, to, "", USER);
        }
        match Keyword::of(word) {
            // In a list of columns every word is one.
            _ if self.list == List::Columns => self.identifier(from, to),
            None | Some(Keyword::Plain) => self.identifier(from, to),
            Some(Keyword::User) => {
                self.identifier(from, to);
                self.says_who = matches!(self.first_word, First::Define | First::Set | First::Grant);
            }
            Some(Keyword::Truth) => self.truth(from, to, pieces),
            Some(keyword) => self.keyword(keyword),
        }
    }

    fn keyword(&mut self, keyword: Keyword) {
        match keyword {
            Keyword::Compare => self.compare(),
            Keyword::Between => {
                self.compare();
                self.is_between = true;
            }
            Keyword::And if self.is_between => self.is_between = false,
            Keyword::Into => self.list = List::Before,
            Keyword::Values => {
                if self.list != List::None {
                    self.list = List::Rows;
                }
                self.subject = None;
            }
            Keyword::To => match self.first_word {
                First::Set => self.clause = Clause::Setting,
                First::Grant => self.says_who = true,
                _ => {}
            },
            Keyword::And | Keyword::Ends => {
                self.subject = None;
                if self.list != List::Rows {
                    self.list = List::None;
                }
            }
            Keyword::Not | Keyword::Truth | Keyword::Other | Keyword::Plain | Keyword::User => {}
        }
    }

    fn compare(&mut self) {
        if self.subject.is_none()
            && let Some(last) = self.last
        {
            self.subject = Some((last, self.depth));
        }
    }

    fn sign(&mut self, byte: u8) {
        match byte {
            b'=' if self.first_word == First::Set => self.clause = Clause::Setting,
            b'=' | b'<' | b'>' | b'!' | b'~' => self.compare(),
            b'(' => self.open(),
            b')' => self.close(),
            b',' => self.comma(),
            b';' => {
                let text = self.text;
                *self = Self::new(text);
            }
            _ => {}
        }
    }

    fn open(&mut self) {
        self.depth += 1;
        if self.depth == 1 {
            self.column = 0;
            if self.list == List::Before {
                self.list = List::Columns;
                self.columns.clear();
            }
        }
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 && self.list == List::Columns {
            self.list = List::Between;
        }
        if self.subject.is_some_and(|(_, depth)| self.depth <= depth) {
            self.subject = None;
        }
    }

    fn comma(&mut self) {
        if self.depth == 1 {
            self.column += 1;
        }
        if self.subject.is_some_and(|(_, depth)| self.depth <= depth) {
            self.subject = None;
        }
        if self.first_word == First::Grant {
            self.says_who = true;
        }
    }
}

impl First {
    fn of(word: &str) -> Self {
        let is = |one: &str| word.eq_ignore_ascii_case(one);
        if is("set") {
            Self::Set
        } else if is("grant") || is("revoke") {
            Self::Grant
        } else if is("create") || is("alter") || is("drop") {
            Self::Define
        } else {
            Self::Other
        }
    }
}

/// Words that say something about names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Compare,
    Between,
    And,
    Into,
    Values,
    User,
    To,
    /// Ends a comparison.
    Ends,
    Not,
    Truth,
    Other,
    /// Of the language, and nothing more. It only tells statements from sentences: as a name it is one.
    Plain,
}

/// The longest keyword, in bytes.
const KEYWORD_BYTES_MAX: usize = 16;

const KEYWORDS: [(&str, Keyword); 41] = [
    ("in", Keyword::Compare),
    ("is", Keyword::Compare),
    ("like", Keyword::Compare),
    ("ilike", Keyword::Compare),
    ("rlike", Keyword::Compare),
    ("regexp", Keyword::Compare),
    ("similar", Keyword::Compare),
    ("contains", Keyword::Compare),
    ("between", Keyword::Between),
    ("and", Keyword::And),
    ("into", Keyword::Into),
    ("values", Keyword::Values),
    ("user", Keyword::User),
    ("role", Keyword::User),
    ("login", Keyword::User),
    ("authorization", Keyword::User),
    ("to", Keyword::To),
    ("from", Keyword::Ends),
    ("select", Keyword::Ends),
    ("where", Keyword::Ends),
    ("or", Keyword::Ends),
    ("on", Keyword::Ends),
    ("set", Keyword::Ends),
    ("group", Keyword::Ends),
    ("order", Keyword::Ends),
    ("having", Keyword::Ends),
    ("limit", Keyword::Ends),
    ("offset", Keyword::Ends),
    ("fetch", Keyword::Ends),
    ("union", Keyword::Ends),
    ("case", Keyword::Ends),
    ("when", Keyword::Ends),
    ("then", Keyword::Ends),
    ("else", Keyword::Ends),
    ("end", Keyword::Ends),
    ("join", Keyword::Ends),
    ("returning", Keyword::Ends),
    ("not", Keyword::Not),
    ("null", Keyword::Other),
    ("true", Keyword::Truth),
    ("false", Keyword::Truth),
];

/// Every word of the language that is known, with what it says of names.
static KNOWN: LazyLock<HashMap<&'static [u8], Keyword, foldhash::fast::FixedState>> = LazyLock::new(|| {
    let plain = MORE.iter().chain(&super::BEGINNINGS).chain(&super::MORE_BEGINNINGS);
    let plain = plain.map(|word| (word.as_bytes(), Keyword::Plain));
    // What says something goes last, and stays.
    plain.chain(KEYWORDS.iter().map(|(word, keyword)| (word.as_bytes(), *keyword))).collect()
});

impl Keyword {
    /// None for a name.
    pub(super) fn of(word: &str) -> Option<Self> {
        let mut buffer = [0; KEYWORD_BYTES_MAX];
        // No keyword has one letter.
        let lower = buffer.get_mut(..word.len()).filter(|lower| lower.len() > 1)?;
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        KNOWN.get(&*lower).copied()
    }
}

const MORE: [&str; 96] = [
    "add",
    "all",
    "any",
    "array",
    "as",
    "asc",
    "auto_increment",
    "bigint",
    "binary",
    "bool",
    "boolean",
    "by",
    "cascade",
    "cast",
    "char",
    "character",
    "check",
    "collate",
    "column",
    "conflict",
    "constraint",
    "count",
    "cross",
    "cube",
    "current",
    "database",
    "date",
    "day",
    "decimal",
    "default",
    "desc",
    "distinct",
    "double",
    "duplicate",
    "enum",
    "escape",
    "except",
    "first",
    "float",
    "following",
    "for",
    "force",
    "foreign",
    "full",
    "function",
    "ignore",
    "index",
    "inner",
    "int",
    "integer",
    "intersect",
    "interval",
    "json",
    "jsonb",
    "key",
    "last",
    "lateral",
    "left",
    "level",
    "materialized",
    "natural",
    "next",
    "no",
    "nothing",
    "nulls",
    "of",
    "only",
    "outer",
    "over",
    "partition",
    "precision",
    "preceding",
    "primary",
    "procedure",
    "range",
    "read",
    "references",
    "right",
    "row",
    "rows",
    "schema",
    "session",
    "share",
    "some",
    "temporary",
    "text",
    "time",
    "timestamp",
    "top",
    "transaction",
    "unbounded",
    "unique",
    "using",
    "varchar",
    "view",
    "without",
];
