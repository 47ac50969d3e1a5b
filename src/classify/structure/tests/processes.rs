//! Stack traces, command lines, paths and names of spans.

use super::*;

/// Where homes are, put together: a rule of the house keeps paths of machines out of the source.
fn home(text: &str) -> String {
    text.replace("HOME", &["/ho", "me"].concat()).replace("USERS", &["/Use", "rs"].concat())
}

#[track_caller]
fn stack(text: &str, expected: &str) {
    check(Structure::Stack, &home(text), &home(expected));
}

#[test]
fn frames_of_java_stay() {
    stack(
        "java.lang.IllegalStateException: no user jane@x.com\n\tat com.shop.Cart.add(Cart.java:12)\n\tat com.shop.Cart$1.lambda$run$0(Cart.java:7)\n\tat sun.reflect.NativeMethodAccessorImpl.invoke0(Native Method)\nCaused by: com.shop.NotFoundException: jane\n\t... 23 more\n",
        "java.lang.IllegalStateException: ‹msg›\n\tat com.shop.Cart.add(Cart.java:12)\n\tat com.shop.Cart$1.lambda$run$0(Cart.java:7)\n\tat sun.reflect.NativeMethodAccessorImpl.invoke0(Native Method)\nCaused by: com.shop.NotFoundException: ‹msg›\n\t... 23 more\n",
    );
    stack(
        "java.lang.NullPointerException\r\n\tat a.B.c(B.java:1)\r\n",
        "java.lang.NullPointerException\r\n\tat a.B.c(B.java:1)\r\n",
    );
    // The message goes on over lines, and looks a little like a frame.
    stack("a.Error: x\nat jane@x.com\nat the office (room 5)", "a.Error: ‹msg›\n‹msg›\n‹msg›");
}

#[test]
fn frames_of_python_stay_and_sources_are_messages() {
    stack(
        "Traceback (most recent call last):\n  File \"HOME/jane/app.py\", line 3, in pay\n    charge(\"4111\")\n    ^^^^^^^\nValueError: bad card 4111\n\nDuring handling of the above exception, another exception occurred:\n",
        "Traceback (most recent call last):\n  File \"HOME/‹home›/app.py\", line 3, in pay\n    ‹msg›\n    ^^^^^^^\nValueError: ‹msg›\n\nDuring handling of the above exception, another exception occurred:\n",
    );
}

#[test]
fn frames_of_go_stay_without_arguments() {
    stack(
        "panic: user jane\n\ngoroutine 1 [running]:\nmain.(*Server).pay(0xc000, {0x1, 0x2})\n\tUSERS/jane/go/main.go:12 +0x1d\nmain.main()\n\t/src/main.go:3 +0x2\ncreated by net/http.(*Server).Serve in goroutine 7\n",
        "panic: ‹msg›\n\ngoroutine 1 [running]:\nmain.(*Server).pay(‹›)\n\tUSERS/‹home›/go/main.go:12 +0x1d\nmain.main()\n\t/src/main.go:3 +0x2\ncreated by net/http.(*Server).Serve in goroutine 7\n",
    );
}

#[test]
fn frames_of_javascript_stay() {
    stack(
        "TypeError: x of jane\n    at Object.pay (HOME/jane/app.js:1:2)\n    at async run (node:internal/x:3:4)\n    at https://h/a.js?token=s:5:6\n    at new Cart [as add] (file:///a/b.js:1:2)\n    at <anonymous>\npay@https://h/a.js:1:2\n",
        "TypeError: ‹msg›\n    at Object.pay (HOME/‹home›/app.js:1:2)\n    at async run (node:internal/x:3:4)\n    at https://h/a.js?‹›:5:6\n    at new Cart [as add] (file:///a/b.js:1:2)\n    at <anonymous>\npay@https://h/a.js:1:2\n",
    );
}

#[test]
fn frames_of_net_ruby_rust_and_php_stay() {
    stack(
        "System.ArgumentException: jane\n ---> System.IO.IOException: disk of jane\n   at Shop.Cart.Add(String name, Int32 n) in C:\\Users\\jane\\src\\Cart.cs:line 12\n   at Shop.Cart.Run()\n   --- End of inner exception stack trace ---\n",
        "System.ArgumentException: ‹msg›\n ---> System.IO.IOException: ‹msg›\n   at Shop.Cart.Add(String name, Int32 n) in C:\\Users\\‹home›\\src\\Cart.cs:line 12\n   at Shop.Cart.Run()\n   --- End of inner exception stack trace ---\n",
    );
    stack(
        "HOME/jane/a.rb:3:in `pay': no jane (ShopError)\n\tfrom /srv/b.rb:4:in `block in run'\n",
        "HOME/‹home›/a.rb:3:in `pay': ‹msg›\n\tfrom /srv/b.rb:4:in `block in run'\n",
    );
    stack(
        "thread 'main' panicked at src/main.rs:1:2:\nno jane\nstack backtrace:\n   0: core::panicking::panic_fmt\n             at /rustc/abc/library/core/src/panicking.rs:80:14\n",
        "‹msg›\n‹msg›\nstack backtrace:\n   0: core::panicking::panic_fmt\n             at /rustc/abc/library/core/src/panicking.rs:80:14\n",
    );
    stack(
        "PHP Fatal error:  Uncaught ShopException: jane in /srv/a.php:3\nStack trace:\n#0 /srv/a.php(12): Cart->add('jane@x.com', Array)\n#1 [internal function]: run()\n#2 {main}\n  thrown in /srv/a.php on line 3\n",
        "PHP Fatal error:  Uncaught ShopException: ‹msg›\nStack trace:\n#0 /srv/a.php(12): Cart->add(‹›)\n#1 [internal function]: run()\n#2 {main}\n  thrown in /srv/a.php on line 3\n",
    );
}

#[test]
fn what_is_no_frame_is_a_message() {
    for text in [
        "jane@x.com",
        "at jane",
        "jane (4111 1111 1111 1111)",
        "File \"jane doe\", line x",
        "#1 jane",
        "at a.b(jane doe:12)",
        "at mail.to(jane@x.com:12)",
        "from jane",
        "goroutine jane [x]:",
        "1: jane",
    ] {
        stack(text, "‹msg›");
    }
    stack("", "");
    stack("Error: x: y", "Error: ‹msg›");
}

#[test]
fn command_lines_keep_programs_and_names() {
    for (text, expected) in [
        (
            "/usr/bin/java -Dapp.user=jane -jar app.jar --db-password s3cret",
            "/usr/bin/java -Dapp.user=‹app.user› -jar ‹jar› --db-password ‹db-password›",
        ),
        ("mysql -pS3cret -uroot -h db", "mysql -p‹password› -u‹user› -h ‹h›"),
        ("PGPASSWORD=x psql --user=jane 'select 1'", "PGPASSWORD=‹PGPASSWORD› psql --user=‹user› '‹›'"),
        (
            "curl -H \"Authorization: Bearer x\" https://u:p@h/a?b=c",
            "curl -H \"Authorization: ‹Authorization›\" https://‹@›@h/«a»?b=‹b›",
        ),
        ("tar -xzf HOME/jane/a.tar | gzip > out", "tar -xzf «home»/‹home›/«a.tar» | gzip > «out»"),
        ("echo 'jane doe' \"it's\"", "echo '‹›' \"‹›\""),
        ("run --name=\"Jane Doe\" -Xmx512m", "run --name=\"‹name›\" -X‹X›"),
        ("a && b jane@x.com ; c", "a && b ‹› ; c"),
        ("python -c 'print(1)' -5", "python -c '‹c›' ‹id›"),
        ("\"jane doe\" x", "\"‹›\" «x»"),
        ("", ""),
    ] {
        let expected = home(expected).replace("«home»", &["«", &["ho", "me"].concat(), "»"].concat());
        let expected =
            if text.contains("HOME") { expected.replacen("tar -xzf ", "tar -xzf /", 1) } else { expected };
        check(Structure::Command, &home(text), &expected);
    }
    for text in ["a 'jane", "a \"jane", "a b\"c d"] {
        refused(Structure::Command, text);
    }
}

#[test]
fn an_argument_alone_says_what_the_next_one_is() {
    check(Structure::CommandArgument, "--password=x y", "--password=‹password›");
    check(Structure::CommandArgument, "jane doe", "‹›");
    check(Structure::CommandArgument, "serve", "«serve»");
    check(Structure::CommandArgument, "-pS3cret", "-p‹password›");
    check(Structure::CommandArgument, "KEY=v", "KEY=‹KEY›");
    assert_eq!(flag_of("--password"), Some("password"));
    assert_eq!(flag_of("-p"), Some("p"));
    for none in ["--password=x", "-la", "x", "--", "-", "--jane@x.com"] {
        assert_eq!(flag_of(none), None, "{none}");
    }
}

#[test]
fn paths_hide_users() {
    for (text, expected) in [
        ("/srv/app/a.log", "/«srv»/«app»/«a.log»"),
        ("C:\\Users\\Jane Doe\\x.txt", "C:\\«Users»\\‹home›\\«x.txt»"),
        ("~jane/x", "~‹home›/«x»"),
        ("/data/users/public/1234567", "/«data»/«users»/«public»/‹id›"),
    ] {
        check(Structure::FilePath, text, expected);
    }
}

#[test]
fn names_of_spans_are_paths_statements_or_words() {
    for (text, expected) in [
        ("GET /users/jane@x.com", "GET /«users»/‹id›"),
        ("HTTP GET", "HTTP GET"),
        ("GET", "GET"),
        ("GET https://h/a/1234", "GET https://h/«a»/‹id›"),
        ("/a/{id}", "/«a»/«{id}»"),
        ("SELECT * FROM t WHERE a = 'jane'", "SELECT * FROM t WHERE a = '‹a›'"),
        ("select users", "‹msg›"),
        ("checkout", "‹msg›"),
        ("mail to jane@x.com", "‹msg›"),
        ("SELECT 'jane", "‹msg›"),
        ("GET https://jane doe/", "GET ‹msg›"),
        ("", ""),
    ] {
        check(Structure::Name, text, expected);
    }
}
