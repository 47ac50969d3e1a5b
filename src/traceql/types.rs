//! The types of TraceQL and which operator takes which.
//!
//! Facts from Tempo: numbers of any kind mix, nil goes with everything but is only comparable for equality,
//! an array goes with its element's type, and an attribute's type is unknown until a span is read.

/// The type of an expression or of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Nil,
    /// Known only when a span is read.
    Attribute,
    Int,
    Float,
    Text,
    Bool,
    Duration,
    Status,
    Kind,
    Ints,
    Floats,
    Texts,
    Bools,
}

impl Type {
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Duration)
    }

    /// The type of an array's elements.
    pub fn element(self) -> Option<Type> {
        match self {
            Self::Ints => Some(Self::Int),
            Self::Floats => Some(Self::Float),
            Self::Texts => Some(Self::Text),
            Self::Bools => Some(Self::Bool),
            _ => None,
        }
    }

    /// Whether the two can stand on the sides of one operator, whichever it is.
    pub fn goes_with(self, other: Type) -> bool {
        let scalar = |a: Type, b: Type| {
            a == Self::Attribute
                || b == Self::Attribute
                || a == b
                || (a.is_numeric() && b.is_numeric())
                || a == Self::Nil
                || b == Self::Nil
        };
        scalar(self.element().unwrap_or(self), other.element().unwrap_or(other))
    }

    /// How an error names the type to a person.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Attribute => "an attribute",
            Self::Int => "an integer",
            Self::Float => "a float",
            Self::Text => "a string",
            Self::Bool => "a boolean",
            Self::Duration => "a duration",
            Self::Status => "a status",
            Self::Kind => "a kind",
            Self::Ints => "integers",
            Self::Floats => "floats",
            Self::Texts => "strings",
            Self::Bools => "booleans",
        }
    }
}

/// An operator between two field expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    /// `=~`
    Match,
    /// `!~`
    NotMatch,
    And,
    Or,
}

impl Operator {
    pub fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Match => "=~",
            Self::NotMatch => "!~",
            Self::And => "&&",
            Self::Or => "||",
        }
    }

    pub fn of_sign(sign: &str) -> Option<Operator> {
        Some(match sign {
            "+" => Self::Add,
            "-" => Self::Sub,
            "*" => Self::Mul,
            "/" => Self::Div,
            "%" => Self::Mod,
            "^" => Self::Pow,
            "=" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterEqual,
            "=~" => Self::Match,
            "!~" => Self::NotMatch,
            "&&" => Self::And,
            "||" => Self::Or,
            _ => return None,
        })
    }

    pub fn is_arithmetic(self) -> bool {
        matches!(self, Self::Add | Self::Sub | Self::Mul | Self::Div | Self::Mod | Self::Pow)
    }

    /// `= != < <= > >=`, which also compare scalars and series.
    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal | Self::NotEqual | Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual
        )
    }

    pub fn is_match(self) -> bool {
        matches!(self, Self::Match | Self::NotMatch)
    }

    /// `&&` and `||`, which share one level and are kept as flat chains.
    pub fn is_logic(self) -> bool {
        matches!(self, Self::And | Self::Or)
    }

    /// Whether a side of this type may stand by this operator.
    pub fn takes(self, side: Type) -> bool {
        let equality = matches!(self, Self::Equal | Self::NotEqual);
        match side {
            Type::Attribute => true,
            Type::Bool | Type::Bools => equality || self.is_logic(),
            Type::Int | Type::Float | Type::Duration | Type::Ints | Type::Floats => {
                self.is_arithmetic() || self.is_comparison()
            }
            Type::Text | Type::Texts => self.is_comparison() || self.is_match(),
            Type::Nil | Type::Status | Type::Kind => equality,
        }
    }

    /// The operators a side of this type may stand by, for an error.
    pub fn taken_by(side: Type) -> &'static str {
        match side {
            Type::Bool | Type::Bools => "= != && ||",
            Type::Text | Type::Texts => "= != < <= > >= =~ !~",
            Type::Nil | Type::Status | Type::Kind => "= !=",
            _ => "+ - * / % ^ = != < <= > >=",
        }
    }
}
