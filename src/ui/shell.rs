//! The shells: what is there before anything is asked, and all there is for whoever has no scripts.
//!
//! Nothing of a request is written into them.

use maud::{DOCTYPE, Markup, html};

use super::files::{FILES, Kind, address};

/// What the page is told of the gateway it stands before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UiSettings {
    /// Before every `/api` path, or empty.
    pub prefix: String,
}

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    Estate,
    Trace,
}

impl Shell {
    fn title(self) -> &'static str {
        match self {
            Self::Estate => "Tutti",
            Self::Trace => "Trace · Tutti",
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Estate => "estate",
            Self::Trace => "trace",
        }
    }
}

pub fn shell(page: Shell, settings: &UiSettings) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            (head(page))
            body data-page=(page.as_str()) data-api=(settings.prefix) {
                a .skip href="#main" { "Skip to the content" }
                (top())
                main #main tabindex="-1" {
                    noscript {
                        p .note {
                            "This page asks the gateway from your browser, with your identity, and needs scripts for \
                             it. Without them: "
                            code { "tutti trace ID" }
                            " draws the same in a terminal."
                        }
                    }
                }
                // What arrives is said here for who cannot see it.
                p #said .unseen role="status" aria-live="polite" {}
                div #over {}
            }
        }
    };
    markup.into_string()
}

fn head(page: Shell) -> Markup {
    let scripts = FILES.iter().filter(|file| file.kind == Kind::Script && file.name != "main.js");
    html! {
        head {
            meta charset="utf-8";
            title { (page.title()) }
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="robots" content="noindex";
            link rel="icon" type="image/svg+xml" href=(address("icon.svg"));
            link rel="stylesheet" href=(address("page.css"));
            @for file in scripts {
                link rel="modulepreload" href=(address(file.name));
            }
            script type="module" src=(address("main.js")) {}
        }
    }
}

/// The bar on top of every page. Its form works without scripts as far as a link does.
fn top() -> Markup {
    html! {
        header .top {
            a .brand href="/ui" aria-label="Tutti, the estate" {
                svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" {
                    path .a d="M3 5h12v3H3z" {}
                    path .b d="M7 10.5h14v3H7z" {}
                    path .c d="M5 16h9v3H5z" {}
                }
                span { "Tutti" }
            }
            form #ask role="search" autocomplete="off" {}
            nav #tools aria-label="Page" {}
        }
    }
}
