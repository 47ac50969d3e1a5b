//! The structures a text can have, by the names that facts bind keys to.

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Structure {
    /// A whole URL, or what is left of one: an absolute or relative reference.
    Url,
    /// A path alone; a query that follows is read as well.
    UrlPath,
    /// A query alone, with or without its `?`.
    UrlQuery,
    /// A statement in SQL.
    Sql(Dialect),
    /// A command of Redis, or several, one a line.
    Redis,
    /// A statement of a document store: JSON, with or without a command or a method and path before it.
    Document,
    /// A statement whose language the database tells: see [`Structure::of_database`].
    Statement,
    Json,
    /// Headers, one a line, or as JSON, or as Go and Java print maps.
    Headers,
    /// The value of a `Cookie` header.
    Cookie,
    /// The value of a `Set-Cookie` header.
    SetCookie,
    UserAgent,
    /// An exception with its frames.
    Stack,
    /// A whole command line.
    Command,
    /// One argument of a command line, as an element of a list.
    CommandArgument,
    /// The value of a `baggage` header.
    Baggage,
    /// A W3C trace state.
    TraceState,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// A document in GraphQL.
    Graphql,
    /// A path of a file system.
    FilePath,
    /// A name such as that of a span: a method and a path, a statement, or words.
    Name,
}

/// Whose SQL it is. They differ in what a quote begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Unknown: whatever is a literal in any dialect is one.
    Any,
    Ansi,
    Postgres,
    Mysql,
    Mssql,
    Oracle,
    Sqlite,
    Clickhouse,
    /// BigQuery, Spanner.
    Google,
    Cassandra,
}

const NAMES: [(&str, Structure); 21] = [
    ("url", Structure::Url),
    ("path", Structure::UrlPath),
    ("query", Structure::UrlQuery),
    ("sql", Structure::Sql(Dialect::Any)),
    ("redis", Structure::Redis),
    ("document", Structure::Document),
    ("statement", Structure::Statement),
    ("json", Structure::Json),
    ("headers", Structure::Headers),
    ("cookie", Structure::Cookie),
    ("set_cookie", Structure::SetCookie),
    ("user_agent", Structure::UserAgent),
    ("stack", Structure::Stack),
    ("command", Structure::Command),
    ("command_argument", Structure::CommandArgument),
    ("baggage", Structure::Baggage),
    ("trace_state", Structure::TraceState),
    ("form", Structure::Form),
    ("graphql", Structure::Graphql),
    ("file_path", Structure::FilePath),
    ("name", Structure::Name),
];

impl Structure {
    /// By the name that facts use.
    pub fn parse(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, structure)| *structure)
    }

    pub fn name(self) -> &'static str {
        let same = |other: Self| std::mem::discriminant(&other) == std::mem::discriminant(&self);
        NAMES.iter().find(|(_, structure)| same(*structure)).map_or("", |(name, _)| name)
    }

    /// Every name, for the text of an error.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// The language of a statement by the value of `db.system.name` or `db.system`. Only [`Structure::Statement`]
    /// and SQL of any dialect become more precise; everything else stays what it is.
    pub fn of_database(self, system: &str) -> Self {
        if !matches!(self, Self::Statement | Self::Sql(Dialect::Any)) {
            return self;
        }
        match system {
            "redis" | "valkey" | "memcached" => Self::Redis,
            "mongodb" | "elasticsearch" | "opensearch" | "couchdb" | "azure.cosmosdb" | "cosmosdb"
            | "aws.dynamodb" | "dynamodb" => Self::Document,
            "postgresql" | "cockroachdb" | "aws.redshift" | "redshift" | "actian.ingres" | "edb" => {
                Self::Sql(Dialect::Postgres)
            }
            "mysql" | "mariadb" => Self::Sql(Dialect::Mysql),
            "microsoft.sql_server" | "mssql" | "mssqlcompact" => Self::Sql(Dialect::Mssql),
            "oracle.db" | "oracle" => Self::Sql(Dialect::Oracle),
            "sqlite" => Self::Sql(Dialect::Sqlite),
            "clickhouse" => Self::Sql(Dialect::Clickhouse),
            "gcp.spanner" | "spanner" | "bigquery" | "gcp.bigquery" => Self::Sql(Dialect::Google),
            "cassandra" => Self::Sql(Dialect::Cassandra),
            _ => Self::Sql(Dialect::Any),
        }
    }
}
