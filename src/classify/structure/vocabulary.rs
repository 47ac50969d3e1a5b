//! Words of paths that name things and not one thing: those that routes are made of, everywhere. Where only what
//! somebody told of is shown, a part of a path is shown if it is made of these.

/// Words of one part, at most.
const WORDS_MAX: usize = 6;

/// Whether a part of a path is of a route: words of the list, a version, a parameter in braces or behind a colon.
pub fn is_template_word(segment: &str) -> bool {
    if matches!(segment, "" | "*" | "." | "..") {
        return true;
    }
    let inside = segment.strip_prefix('{').and_then(|inside| inside.strip_suffix('}'));
    if let Some(name) = inside.or_else(|| segment.strip_prefix(':')) {
        return name.len() <= 24
            && name.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_-".contains(&byte));
    }
    let mut words = 0;
    for part in segment.split(['-', '_', '.']).filter(|part| !part.is_empty()) {
        for word in humps(part) {
            words += 1;
            if words > WORDS_MAX || !is_word(word) {
                return false;
            }
        }
    }
    words > 0
}

/// `placeOrder` and `PlaceOrder` are two words.
fn humps(part: &str) -> impl Iterator<Item = &str> {
    let mut rest = part;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let turn = rest.as_bytes().windows(2).position(|pair| {
            matches!(pair, [first, second] if first.is_ascii_lowercase() && second.is_ascii_uppercase())
        });
        let (word, after) = rest.split_at_checked(turn.map_or(rest.len(), |at| at + 1)).unwrap_or((rest, ""));
        rest = after;
        Some(word)
    })
}

/// The longest word of the list, with an `s`.
const WORD_BYTES_MAX: usize = 16;

fn is_word(word: &str) -> bool {
    let mut room = [0; WORD_BYTES_MAX];
    let Some(lower) = room.get_mut(..word.len()) else { return false };
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    if let [b'v', digits @ ..] = &*lower
        && (1..=2).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_digit)
    {
        return true;
    }
    let Ok(lower) = std::str::from_utf8(lower) else { return false };
    let is_listed = |word: &str| WORDS.binary_search(&word).is_ok();
    let one = |end: &str, instead: &str| {
        lower.strip_suffix(end).is_some_and(|stem| {
            if instead.is_empty() { is_listed(stem) } else { is_listed(&format!("{stem}{instead}")) }
        })
    };
    is_listed(lower) || one("s", "") || one("es", "") || one("ies", "y")
}

/// In the order of letters.
#[rustfmt::skip]
const WORDS: [&str; 442] = [
    "about", "accept", "access", "account", "action", "activate", "active", "activity", "add", "address",
    "admin", "agent", "aggregate", "alert", "all", "analytics", "api", "app", "application", "apply",
    "approve", "archive", "article", "asset", "assign", "attachment", "attribute", "audit", "auth",
    "authenticate", "authorize", "avatar", "backup", "balance", "bank", "banner", "basket", "batch",
    "billing", "block", "blog", "board", "body", "book", "booking", "brand", "browse", "bucket", "build",
    "bulk", "cache", "calculate", "calendar", "call", "callback", "campaign", "cancel", "capture", "card",
    "cart", "catalog", "category", "change", "channel", "charge", "chart", "chat", "check", "checkout",
    "claim", "clear", "client", "close", "cluster", "code", "collect", "collection", "command", "comment",
    "commit", "common", "company", "compare", "complete", "config", "configuration", "confirm", "connect",
    "connection", "contact", "content", "context", "control", "convert", "copy", "count", "country", "coupon",
    "create", "credit", "css", "cube", "currency", "current", "customer", "dashboard", "data", "database",
    "datasource", "date", "debug", "default", "delete", "delivery", "deploy", "detail", "device", "diff",
    "discount", "dispatch", "document", "domain", "download", "draft", "edit", "email", "enable", "endpoint",
    "entity", "entry", "error", "event", "exchange", "execute", "export", "external", "favorite", "feature",
    "feed", "feedback", "fetch", "field", "file", "filter", "find", "folder", "follow", "font", "form",
    "forward", "function", "gateway", "generate", "get", "graph", "graphql", "group", "grpc", "handler",
    "health", "healthz", "help", "history", "home", "hook", "html", "icon", "image", "img", "import", "inbox",
    "index", "info", "init", "input", "insert", "inspect", "install", "instance", "integration", "internal",
    "inventory", "invite", "invoice", "issue", "item", "job", "join", "js", "json", "key", "label",
    "language", "latest", "layout", "lead", "level", "library", "like", "limit", "link", "list", "live",
    "load", "local", "location", "lock", "log", "login", "logout", "lookup", "mail", "main", "manage",
    "manifest", "map", "media", "member", "menu", "merge", "message", "metadata", "metric", "metrics",
    "migrate", "mobile", "model", "module", "monitor", "move", "network", "new", "news", "next", "node",
    "note", "notification", "notify", "oauth", "oauth2", "object", "offer", "open", "operation", "option",
    "order", "organization", "overview", "owner", "package", "page", "panel", "partner", "password", "patch",
    "path", "pay", "payment", "pdf", "permission", "phone", "photo", "ping", "place", "plan", "platform",
    "play", "png", "policy", "poll", "pool", "position", "post", "preference", "preview", "price", "print",
    "private", "process", "product", "profile", "project", "promo", "promotion", "proxy", "public", "publish",
    "pull", "purchase", "push", "put", "query", "queue", "quote", "rate", "read", "ready", "readyz",
    "receipt", "receive", "recommendation", "recover", "redirect", "refresh", "refund", "region", "register",
    "release", "reload", "remove", "rename", "render", "renew", "report", "request", "reset", "resource",
    "response", "rest", "restore", "result", "resume", "retry", "return", "review", "role", "root", "route",
    "rpc", "rule", "run", "sale", "save", "scan", "schedule", "schema", "score", "search", "secure",
    "security", "select", "send", "server", "service", "session", "set", "setting", "setup", "share", "ship",
    "shipment", "shipping", "shop", "sign", "signin", "signout", "signup", "site", "sitemap", "snapshot",
    "sort", "source", "space", "span", "spec", "stage", "start", "stat", "state", "static", "statistic",
    "status", "step", "stock", "stop", "storage", "store", "stream", "subscribe", "subscription", "suggest",
    "summary", "support", "svc", "svg", "sync", "system", "table", "tag", "target", "task", "team",
    "template", "tenant", "term", "test", "theme", "ticket", "time", "timeline", "token", "topic", "total",
    "trace", "track", "trade", "transaction", "transfer", "translate", "trigger", "type", "unlock", "unread",
    "update", "upgrade", "upload", "url", "usage", "user", "validate", "value", "verify", "version", "video",
    "view", "visit", "wallet", "warehouse", "web", "webhook", "websocket", "widget", "wishlist", "work",
    "worker", "workflow", "workspace", "write", "ws", "www", "xml", "zone",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_in_order_and_fit() {
        assert!(WORDS.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(WORDS.iter().all(|word| word.len() < WORD_BYTES_MAX));
    }

    #[test]
    fn routes_are_made_of_words() {
        for word in [
            "api",
            "v1",
            "users",
            "{userId}",
            ":id",
            "order-items",
            "placeOrder",
            "PlaceOrder",
            "health_check",
            "index.html",
            "",
            "*",
            "categories",
            "oauth2",
        ] {
            assert!(is_template_word(word), "{word}");
        }
    }

    #[test]
    fn names_of_people_and_things_are_none() {
        for other in [
            "jane",
            "jane-doe",
            "JaneDoe",
            "users-jane",
            "4711",
            "v123",
            "{jane@example.com}",
            "müller",
            "x",
            "{a b}",
        ] {
            assert!(!is_template_word(other), "{other}");
        }
    }
}
