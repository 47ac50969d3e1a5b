//! Arguments of a command as a list has them, one by one: which of them a flag before it names. Knows how programs
//! take them, and nothing of what becomes of one.

use crate::classify::keys::KeyClass;
use crate::classify::structure::{Structure, flag_of};
use crate::trace::span::bytes_field;
use crate::wire::otlp::any_value;

/// What a flag of one letter is given that says who signs in.
const PASSWORD: &str = "password";

/// Programs that are given a password behind `-p`.
const PASSWORD_PROGRAMS: [&str; 3] = ["sshpass", "mysql", "mysqladmin"];

/// A list of arguments that is read from its beginning.
#[derive(Debug, Default)]
pub(super) struct Arguments<'a> {
    program: Option<&'a str>,
    flag: Option<&'a str>,
}

impl<'a> Arguments<'a> {
    /// Where values of this class are arguments.
    pub fn of(class: KeyClass) -> Option<Self> {
        matches!(class, KeyClass::Structured(Structure::CommandArgument, _)).then(Self::default)
    }

    /// The next one: the name that it is the value of, if the one before named any.
    pub fn next(&mut self, item: &'a [u8]) -> Option<&'a str> {
        let text = std::str::from_utf8(bytes_field(item, any_value::STRING)).unwrap_or_default();
        let program = *self.program.get_or_insert(text.rsplit(['/', '\\']).next().unwrap_or_default());
        let flag = self.flag.take();
        self.flag = flag_of(text);
        let flag = flag.filter(|_| !text.starts_with('-'))?;
        match flag {
            // Who and what they sign in with, in one.
            "u" | "user" | "proxy-user" if text.contains(':') => Some(PASSWORD),
            "p" if PASSWORD_PROGRAMS.contains(&program) => Some(PASSWORD),
            "a" if program == "redis-cli" => Some(PASSWORD),
            flag => Some(flag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::protobuf::put_bytes_field;

    #[track_caller]
    fn check(arguments: &[&str], expected: &[Option<&str>]) {
        let items: Vec<Vec<u8>> = arguments
            .iter()
            .map(|text| {
                let mut item = Vec::new();
                put_bytes_field(&mut item, any_value::STRING, text.as_bytes());
                item
            })
            .collect();
        let mut list = Arguments::default();
        let named: Vec<_> = items.iter().map(|item| list.next(item)).collect();
        assert_eq!(named, expected, "{arguments:?}");
    }

    #[test]
    fn a_flag_names_what_follows_it() {
        check(&["app", "--password", "hunter2", "x"], &[None, None, Some("password"), None]);
        check(&["app", "--verbose", "--token", "t"], &[None, None, None, Some("token")]);
        check(&["/usr/bin/curl", "-u", "jane:hunter2"], &[None, None, Some("password")]);
        check(&["curl", "-u", "jane"], &[None, None, Some("u")]);
        check(&["sshpass", "-p", "hunter2"], &[None, None, Some("password")]);
        check(&["docker", "-p", "80:80"], &[None, None, Some("p")]);
        check(&["app", "--password=hunter2", "x"], &[None, None, None]);
    }

    #[test]
    fn only_lists_of_arguments_are_read_so() {
        assert!(Arguments::of(KeyClass::Scan).is_none());
    }
}
