//! SQL by dialect, Redis, and statements whose language no one told.

use super::*;

#[track_caller]
fn sql(dialect: Dialect, text: &str, expected: &str) {
    check(Structure::Sql(dialect), text, expected);
}

const ALL: [Dialect; 10] = [
    Dialect::Any,
    Dialect::Ansi,
    Dialect::Postgres,
    Dialect::Mysql,
    Dialect::Mssql,
    Dialect::Oracle,
    Dialect::Sqlite,
    Dialect::Clickhouse,
    Dialect::Google,
    Dialect::Cassandra,
];

#[test]
fn literals_go_and_columns_name_them_in_every_dialect() {
    for dialect in ALL {
        for (text, expected) in [
            (
                "SELECT id, email FROM users u WHERE u.email = 'jane@x.com' AND age > 40 LIMIT 10",
                "SELECT id, email FROM users u WHERE u.email = '‹email›' AND age > ‹age› LIMIT ‹›",
            ),
            ("select 1", "select ‹›"),
            (
                "SELECT * FROM t WHERE a IN ('x', 'y') AND b=2",
                "SELECT * FROM t WHERE a IN ('‹a›', '‹a›') AND b=‹b›",
            ),
            ("SELECT * FROM t WHERE a NOT LIKE '%jane%'", "SELECT * FROM t WHERE a NOT LIKE '‹a›'"),
            (
                "SELECT * FROM t WHERE a BETWEEN 1 AND 2 AND b = 3",
                "SELECT * FROM t WHERE a BETWEEN ‹a› AND ‹a› AND b = ‹b›",
            ),
            (
                "SELECT * FROM t WHERE lower(name) = lower('Jane')",
                "SELECT * FROM t WHERE lower(name) = lower('‹name›')",
            ),
            ("SELECT * FROM t WHERE 'jane' = name", "SELECT * FROM t WHERE '‹›' = name"),
            (
                "INSERT INTO users (name, email) VALUES ('Jane', 'j@x'), ('Joe', now())",
                "INSERT INTO users (name, email) VALUES ('‹name›', '‹email›'), ('‹name›', now())",
            ),
            (
                "INSERT INTO t (user, date, end) VALUES (1, 2, 3)",
                "INSERT INTO t (user, date, end) VALUES (‹user›, ‹date›, ‹end›)",
            ),
            (
                "SELECT * FROM t WHERE a = b AND user = 'jane' AND value = 5",
                "SELECT * FROM t WHERE a = b AND user = '‹user›' AND value = ‹value›",
            ),
            ("INSERT INTO users VALUES (1, 'x')", "INSERT INTO users VALUES (‹›, '‹›')"),
            (
                "INSERT INTO t (a, b) VALUES (concat('x', 'y'), 'z')",
                "INSERT INTO t (a, b) VALUES (concat('‹a›', '‹a›'), '‹b›')",
            ),
            (
                "UPDATE users SET name = 'Jane', age = 4 WHERE id = 7",
                "UPDATE users SET name = '‹name›', age = ‹age› WHERE id = ‹id›",
            ),
            ("DELETE FROM t WHERE a = 'it''s' OR b = ''", "DELETE FROM t WHERE a = '‹a›' OR b = '‹b›'"),
            (
                "SELECT * FROM t WHERE a = ? AND b = :name AND c = @p1",
                "SELECT * FROM t WHERE a = ? AND b = :name AND c = @p1",
            ),
            ("SELECT a FROM t -- for jane\nWHERE b = 1", "SELECT a FROM t --‹›\nWHERE b = ‹b›"),
            ("/* jane */ SELECT a /* x */ FROM t1", "/*‹›*/ SELECT a /*‹›*/ FROM t1"),
            ("SELECT x'ff', 0xDEAD, 1.5e-10, .5, 1e5", "SELECT x'‹›', ‹›, ‹›, ‹›, ‹›"),
            ("SELECT * FROM t WHERE is_hiv = true", "SELECT * FROM t WHERE is_hiv = ‹is_hiv›"),
            ("SELECT 'größe', t.c1 FROM t", "SELECT '‹›', t.c1 FROM t"),
        ] {
            sql(dialect, text, expected);
        }
    }
}

#[test]
fn double_quotes_are_a_text_or_a_name_by_dialect() {
    let text = r#"SELECT "name" FROM t WHERE "name" = "Jane""#;
    for dialect in [Dialect::Any, Dialect::Mysql, Dialect::Sqlite, Dialect::Google] {
        sql(dialect, text, r#"SELECT "‹›" FROM t WHERE "‹›" = "‹name›""#);
    }
    for dialect in [Dialect::Ansi, Dialect::Postgres, Dialect::Oracle, Dialect::Mssql, Dialect::Clickhouse] {
        sql(dialect, text, text);
    }
    sql(Dialect::Postgres, r#"SELECT "a b" FROM "jane@x.com""#, r#"SELECT "a b" FROM "‹odd›""#);
    sql(Dialect::Mysql, "SELECT `a` FROM `t one` WHERE `a`='x'", "SELECT `a` FROM `t one` WHERE `a`='‹a›'");
    sql(Dialect::Mssql, "SELECT [a] FROM [O'Brien] WHERE [a]='x'", "SELECT [a] FROM [‹odd›] WHERE [a]='‹a›'");
}

#[test]
fn each_dialect_has_its_own_quotes() {
    use Dialect::{Any, Cassandra, Clickhouse, Google, Mysql, Oracle, Postgres};
    for (dialect, text, expected) in [
        (Postgres, "SELECT $$it's jane$$, $t$a$$b$t$", "SELECT $$‹›$$, $t$‹›$t$"),
        (Postgres, r"SELECT E'it\'s', N'x', U&'d\0061'", r"SELECT E'‹›', N'‹›', U&'‹›'"),
        (
            Postgres,
            "SELECT a FROM t WHERE b = $1 AND c = 'x'::text",
            "SELECT a FROM t WHERE b = $1 AND c = '‹c›'::text",
        ),
        (Postgres, "SELECT d ->> 'email' = 'x' FROM t", "SELECT d ->> '‹d›' = '‹d›' FROM t"),
        (Postgres, "SELECT 1 /* a /* b */ c */ + 'x'", "SELECT ‹› /*‹›*/ + '‹›'"),
        (Mysql, r"SELECT 'it\'s jane', 'a\\'", r"SELECT '‹›', '‹›'"),
        (Mysql, "SELECT 5--3, 'x' # jane's\n, 2", "SELECT ‹›--‹›, '‹›' #‹›\n, ‹›"),
        (Mysql, "SELECT _utf8'x', 'a' 'b'", "SELECT _utf8'‹›', '‹›' '‹›'"),
        (
            Oracle,
            "SELECT q'[it's jane]', q'!a'b!', nq'{x}' FROM dual",
            "SELECT q'[‹›]', q'!‹›!', nq'{‹›}' FROM dual",
        ),
        (Oracle, "SELECT * FROM v$session WHERE sid = 7", "SELECT * FROM v$session WHERE sid = ‹sid›"),
        (Any, "SELECT q'[it's]', $$x's$$ FROM t", "SELECT q'[‹›]', $$‹›$$ FROM t"),
        (Google, "SELECT '''it's''', r'a\\b', \"\"\"x\"y\"\"\"", "SELECT '''‹›''', r'‹›', \"\"\"‹›\"\"\""),
        (Clickhouse, r"SELECT 'it\'s' FORMAT JSON", r"SELECT '‹›' FORMAT JSON"),
        (Cassandra, "SELECT a FROM t WHERE b = 0 // jane's", "SELECT a FROM t WHERE b = ‹b› //‹›"),
    ] {
        sql(dialect, text, expected);
    }
}

#[test]
fn what_is_not_closed_or_no_statement_is_refused() {
    for dialect in ALL {
        for text in [
            "SELECT * FROM t WHERE a = 'jane",
            "SELECT * FROM t WHERE a = 'it''s",
            "SELECT * /* jane",
            "SELECT * FROM \"t",
            "SELECT * FROM t WHERE email = jane@x.com",
            "hello jane",
            "jane@x.com",
            "{\"a\": 1}",
            "SELECT hello my dear friend jane",
            "'select'",
            "-- jane",
            "SELECT \\x41",
            "42",
        ] {
            refused(Structure::Sql(dialect), text);
        }
    }
    refused(Structure::Sql(Dialect::Postgres), "SELECT $$jane");
    refused(Structure::Sql(Dialect::Postgres), "SELECT $t$jane$$");
    refused(Structure::Sql(Dialect::Mysql), r"SELECT 'a\'");
    refused(Structure::Sql(Dialect::Oracle), "SELECT q'[jane' FROM t");
}

#[test]
fn what_dialects_would_read_differently_is_refused_where_none_is_known() {
    for text in [
        r"SELECT 'a\', 'jane', 'b\'",
        r"SELECT 'it\'s jane'",
        "SELECT 1 # it's\n, 'jane'",
        "SELECT 5--'x\njane'",
        "SELECT 1 /* a /* b */ jane */",
    ] {
        refused(Structure::Sql(Dialect::Any), text);
    }
    sql(Dialect::Any, r"SELECT 'a\b'", "SELECT '‹›'");
    sql(Dialect::Any, "SELECT 1 # jane\n, 2", "SELECT ‹› #‹›\n, ‹›");
}

#[test]
fn settings_and_users_are_values_too() {
    for (text, expected) in [
        ("SET app.user = jane", "SET app.user = ‹›"),
        ("SET search_path TO jane, public; SELECT a", "SET search_path TO ‹›, ‹›; SELECT a"),
        ("CREATE USER jane WITH PASSWORD 'x'", "CREATE USER ‹db.user› WITH PASSWORD '‹›'"),
        ("GRANT SELECT ON t TO jane, joe", "GRANT SELECT ON t TO ‹db.user›, ‹db.user›"),
        ("SET ROLE jane", "SET ROLE ‹db.user›"),
    ] {
        sql(Dialect::Postgres, text, expected);
    }
}

#[test]
fn calls_and_definitions_are_statements() {
    for (text, expected) in [
        ("{call pay(?, 'x')}", "{call pay(?, '‹›')}"),
        ("EXEC pay @card = '4111', @n = 5", "EXEC pay @card = '‹card›', @n = ‹n›"),
        (
            "CREATE TABLE t (a int DEFAULT 5, b varchar(20))",
            "CREATE TABLE t (a int DEFAULT ‹›, b varchar(‹›))",
        ),
        ("WITH x AS (SELECT 1) SELECT * FROM x", "WITH x AS (SELECT ‹›) SELECT * FROM x"),
        (
            "(SELECT a FROM t WHERE b='x') UNION (SELECT 2)",
            "(SELECT a FROM t WHERE b='‹b›') UNION (SELECT ‹›)",
        ),
        ("BEGIN", "BEGIN"),
        ("", ""),
    ] {
        sql(Dialect::Any, text, expected);
    }
}

#[test]
fn redis_keeps_commands_and_reads_keys_as_paths() {
    for (text, expected) in [
        ("GET user:1234:profile", "GET «user»:‹id›:«profile»"),
        ("SET user:jane \"Jane Roe\" EX 60", "SET «user»:«jane» ‹› ‹› ‹› ‹›"),
        ("HSET user:1 email j@x name Jane", "HSET «user»:‹id› email ‹email› name ‹name›"),
        ("HGET users jane@x.com", "HGET «users» ‹odd›"),
        ("mget a:1 b:2", "mget «a»:‹id› «b»:‹id›"),
        ("MSET a x b y", "MSET «a» ‹› «b» ‹›"),
        ("AUTH jane s3cret", "AUTH ‹password› ‹password›"),
        ("SET k line\njane doe", "SET «k» ‹›\n‹› ‹›"),
        ("MULTI\nGET a\nEXEC", "MULTI\nGET «a»\nEXEC"),
        ("EVAL \"return 'jane'\" 1 k", "EVAL ‹› ‹› ‹› ‹›"),
    ] {
        check(Structure::Redis, text, expected);
    }
    for text in ["", "jane doe", "{\"a\":1}", "GETX a"] {
        refused(Structure::Redis, text);
    }
}

#[test]
fn a_statement_of_an_unknown_database_is_told_by_how_it_begins() {
    for (text, expected) in [
        ("SELECT 'x'", "SELECT '‹›'"),
        ("-- c\nSELECT 1", "--‹›\nSELECT ‹›"),
        ("GET user:1", "GET «user»:‹id›"),
        ("SET user:1 jane = x", "SET «user»:‹id› ‹› ‹› ‹›"),
        ("SET a = jane", "SET a = ‹›"),
        ("{\"find\": \"users\"}", "{\"find\": \"‹find›\"}"),
        ("{ call f('x') }", "{ call f('‹›') }"),
        ("GET /idx/_search {\"q\":1}", "GET /«idx»/«_search» {\"q\":‹q›}"),
        ("db.users.find({a: 'x'})", "db.users.find({a: '‹a›'})"),
    ] {
        check(Structure::Statement, text, expected);
    }
    for text in ["jane", "hello jane", "", "@x"] {
        refused(Structure::Statement, text);
    }
}
