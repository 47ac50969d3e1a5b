//! Whether a line is a frame, by the language that writes such. A frame has a strict form: what deviates from it
//! is a message.

use super::super::path;
use super::super::read::{Pieces, part};

/// Bytes of a frame. Longer ones are messages.
const FRAME_BYTES_MAX: usize = 4096;

/// Puts the pieces of a frame, or none and says that it is no frame. The line has no spaces around it.
pub(super) fn frame(line: &str, pieces: &mut Pieces<'_, '_>) -> bool {
    if line.len() > FRAME_BYTES_MAX {
        return false;
    }
    let before = pieces.out.len();
    let is_frame = at_frame(line, pieces)
        || python(line, pieces)
        || php(line, pieces)
        || go(line, pieces)
        || rust(line, pieces)
        || ruby(line, pieces)
        || firefox(line, pieces);
    if !is_frame {
        pieces.out.truncate(before);
    }
    is_frame
}

/// `at ..`: Java, JavaScript, .NET and Rust begin like that.
fn at_frame(line: &str, pieces: &mut Pieces<'_, '_>) -> bool {
    let Some(rest) = line.strip_prefix("at ") else { return false };
    let from = line.len() - rest.len();
    dotnet(rest, &mut pieces.inside(from))
        || called_at(rest, &mut pieces.inside(from))
        || place(rest, &mut pieces.inside(from))
}

/// `Shop.Cart.Add(String name) in C:\src\Cart.cs:line 12`: only types and names of parameters stand in parentheses.
fn dotnet(rest: &str, pieces: &mut Pieces<'_, '_>) -> bool {
    let (call, file) = match rest.split_once(" in ") {
        Some((call, file)) => (call, Some(file)),
        None => (rest, None),
    };
    let Some((function, parameters)) = call.strip_suffix(')').and_then(|call| call.split_once('(')) else {
        return false;
    };
    // Without a file, parameters are what tells it from a frame of Java.
    let are_parameters = parameters.split(", ").all(|one| {
        let mut words = one.split(' ').filter(|word| !word.is_empty());
        words.clone().count() <= 3 && words.all(is_symbol)
    });
    if !is_symbol(function) || !are_parameters || (file.is_none() && parameters.contains(':')) {
        return false;
    }
    let Some(file) = file else { return parameters.is_empty() || parameters.contains(' ') };
    let Some((name, number)) = file.rsplit_once(":line ") else { return false };
    let begin = rest.len() - file.len();
    is_number(number) && file_path(name, &mut pieces.inside(begin))
}

/// `a.b.C.d(C.java:12)`, `async f [as g] (file:///a/b.js:1:2)`.
fn called_at(rest: &str, pieces: &mut Pieces<'_, '_>) -> bool {
    let Some((function, inside)) = rest.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')) else {
        return false;
    };
    let begin = function.len() + 1;
    let mut function = function.trim_ascii_end();
    if let Some((name, alias)) = function.strip_suffix(']').and_then(|all| all.split_once(" [as ")) {
        if !is_symbol(alias) {
            return false;
        }
        function = name;
    }
    let mut words = function.split(' ');
    let last = words.next_back().unwrap_or_default();
    if !is_symbol(last)
        || !words.all(|word| matches!(word, "async" | "new" | "get" | "set" | "Promise.all" | "Object."))
    {
        return false;
    }
    const UNKNOWN: [&str; 6] =
        ["Native Method", "Unknown Source", "<anonymous>", "native", "<generated>", "index"];
    UNKNOWN.contains(&inside) || place(inside, &mut pieces.inside(begin))
}

/// `file:line` or `file:line:column`, where the file may be a URL.
fn place(text: &str, pieces: &mut Pieces<'_, '_>) -> bool {
    let Some((rest, last)) = text.rsplit_once(':') else { return false };
    if !is_number(last) {
        return false;
    }
    let file = match rest.rsplit_once(':') {
        Some((file, line)) if is_number(line) => file,
        _ => rest,
    };
    file_path(file, pieces)
}

/// A path or a URL. What follows a question mark is a literal.
fn file_path(file: &str, pieces: &mut Pieces<'_, '_>) -> bool {
    let query = file.find(['?', '#']).unwrap_or(file.len());
    let name = part(file, 0, query);
    // Spaces are usual in the folders of Windows, and few.
    let is_part =
        |byte: u8| byte.is_ascii_alphanumeric() || b"/\\._-+~:$<>[]() ,!@".contains(&byte) || byte >= 0x80;
    let spaces = name.bytes().filter(|byte| *byte == b' ').count();
    let has_end = name.contains(['.', '/', '\\', '<']);
    let is_mail = name.contains('@')
        && !name.contains("/@")
        && !name.contains("node_modules")
        && !name.contains("/mod/");
    if name.is_empty() || !name.bytes().all(is_part) || spaces > 4 || !has_end || is_mail {
        return false;
    }
    path::homes(file, 0, query, pieces);
    if query < file.len() {
        pieces.literal(query + 1, file.len());
    }
    true
}

/// `File "/a/b.py", line 3, in f`
fn python(line: &str, pieces: &mut Pieces<'_, '_>) -> bool {
    let Some(rest) = line.strip_prefix("File \"") else { return false };
    let Some((file, after)) = rest.split_once('"') else { return false };
    let Some(after) = after.strip_prefix(", line ") else { return false };
    let (number, function) = after.split_once(", in ").unwrap_or((after, "f"));
    is_number(number) && is_symbol(function) && file_path(file, &mut pieces.inside("File \"".len()))
}

/// `#0 /a/b.php(12): C->f('text', Array)`; arguments are literals.
fn php(line: &str, pieces: &mut Pieces<'_, '_>) -> bool {
    let Some((number, rest)) = line.strip_prefix('#').and_then(|rest| rest.split_once(' ')) else {
        return thrown_in(line, pieces);
    };
    if !is_number(number) {
        return false;
    }
    if rest == "{main}" {
        return true;
    }
    let begin = line.len() - rest.len();
    let (head, call) = rest.split_once(": ").unwrap_or(("", rest));
    let is_internal = head == "[internal function]";
    if !is_internal {
        let Some((file, number)) = head.strip_suffix(')').and_then(|head| head.rsplit_once('(')) else {
            return false;
        };
        if !is_number(number) || !file_path(file, &mut pieces.inside(begin)) {
            return false;
        }
    }
    arguments(call, &mut pieces.inside(line.len() - call.len()))
}

/// `thrown in /a/b.php on line 3`
fn thrown_in(line: &str, pieces: &mut Pieces<'_, '_>) -> bool {
    const LEAD: &str = "thrown in ";
    let Some((file, number)) = line.strip_prefix(LEAD).and_then(|rest| rest.split_once(" on line ")) else {
        return false;
    };
    is_number(number) && file_path(file, &mut pieces.inside(LEAD.len()))
}

/// `name(arguments)`: a literal between the parentheses, if there is something.
fn arguments(call: &str, pieces: &mut Pieces<'_, '_>) -> bool {
    // A method of a pointer has parentheses of its own: `main.(*Server).Serve(..)`.
    let Some(inner) = call.strip_suffix(')') else { return false };
    let Some(open) = inner
        .match_indices('(')
        .map(|(at, _)| at)
        .find(|at| !part(inner, at + 1, inner.len()).starts_with('*'))
    else {
        return false;
    };
    if !is_symbol(part(call, 0, open)) {
        return false;
    }
    if open + 1 < inner.len() {
        pieces.literal(open + 1, inner.len());
    }
    true
}

/// `goroutine 1 [running]:`, `main.f(0x1)`, `/a/b.go:12 +0x1d`, `created by main.f in goroutine 7`.
fn go(line: &str, pieces: &mut Pieces<'_, '_>) -> bool {
    if let Some(rest) = line.strip_prefix("goroutine ") {
        let Some((number, state)) = rest.split_once(" [") else { return false };
        let state = state.strip_suffix("]:").unwrap_or_default();
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b" ,()".contains(&byte);
        return is_number(number) && !state.is_empty() && state.len() <= 48 && state.bytes().all(is_part);
    }
    if let Some(rest) = line.strip_prefix("created by ") {
        let (function, number) = rest.split_once(" in goroutine ").unwrap_or((rest, "1"));
        return is_symbol(function) && is_number(number);
    }
    if line.contains(" +0x") || line.ends_with(char::is_numeric) {
        let (head, offset) = line.rsplit_once(" +0x").unwrap_or((line, ""));
        let is_offset = offset.len() <= 16 && offset.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_file =
            head.contains(".go:") && (head.starts_with('/') || head.contains(":/") || head.contains('/'));
        return is_offset && is_file && place(head, pieces);
    }
    // A package stands before the name, and nothing around it.
    let name = part(line, 0, line.find('(').unwrap_or(0));
    name.contains('.') && !line.starts_with('(') && arguments(line, pieces)
}

/// `3: core::panicking::panic_fmt`
fn rust(line: &str, _pieces: &mut Pieces<'_, '_>) -> bool {
    let Some((number, name)) = line.split_once(": ") else { return false };
    let name = name.strip_prefix("0x").and_then(|rest| rest.split_once(" - ")).map_or(name, |(_, name)| name);
    is_number(number) && name.contains("::") && is_symbol(name)
}

/// ``/a/b.rb:12:in `f'``, also after `from`; the first line has the message behind it.
fn ruby(line: &str, pieces: &mut Pieces<'_, '_>) -> bool {
    let rest = line.strip_prefix("from ").unwrap_or(line);
    let begin = line.len() - rest.len();
    let Some((head, tail)) = rest.split_once(":in ") else { return false };
    let Some(tail) = tail.strip_prefix(['`', '\'']) else { return false };
    let Some((function, after)) = tail.split_once('\'') else { return false };
    let words = function
        .strip_prefix("block in ")
        .or_else(|| function.strip_prefix("rescue in "))
        .unwrap_or(function);
    if !is_symbol(words) && !is_symbol(&words.replacen("block in ", "", 1))
        || !place(head, &mut pieces.inside(begin))
    {
        return false;
    }
    if let Some(message) = after.strip_prefix(": ") {
        pieces.put(line.len() - message.len(), line.len(), super::PieceKind::Message);
        return true;
    }
    after.is_empty()
}

/// `f@https://host/a.js:1:2`
fn firefox(line: &str, pieces: &mut Pieces<'_, '_>) -> bool {
    let Some((function, file)) = line.split_once('@') else { return false };
    let is_url = ["http://", "https://", "file://", "webpack://", "resource://"]
        .iter()
        .any(|start| file.starts_with(start));
    is_url
        && (function.is_empty() || is_symbol(function))
        && place(file, &mut pieces.inside(line.len() - file.len()))
}

fn is_number(text: &str) -> bool {
    (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name of code: no spaces, no quotes, few digits in a row, and no address.
fn is_symbol(name: &str) -> bool {
    const DIGITS_MAX: usize = 16;
    let is_part = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"_.$:<>[]`/\\&*-#{}|?!~+=;,@(".contains(&byte) || byte == b')'
    };
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let is_address =
        name.find('@').is_some_and(|at| part(name, at, name.len()).contains('.') && !name.contains('/'));
    !name.is_empty() && name.len() <= 512 && digits <= DIGITS_MAX && !is_address && name.bytes().all(is_part)
}
