//! One line of output that cannot grow over its width, and the colours.
//!
//! Styles are always written; the stream that the lines go to takes them out where they are not wanted.

use anstyle::{AnsiColor, Color, Style};

use super::text;

const fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

pub const PLAIN: Style = Style::new();
pub const STRONG: Style = Style::new().bold();
pub const FAINT: Style = Style::new().dimmed();
pub const GOOD: Style = colour(AnsiColor::Green);
pub const ERROR: Style = colour(AnsiColor::Red).bold();
/// For everything that is not there. Bold, and the word MISSING says it where there is no colour.
pub const MISSING: Style = colour(AnsiColor::Yellow).bold();

/// Neither red nor yellow, which mean something. More regions than colours share them.
const REGIONS: [Style; 6] = [
    colour(AnsiColor::Cyan),
    colour(AnsiColor::Magenta),
    colour(AnsiColor::Blue),
    colour(AnsiColor::Green),
    colour(AnsiColor::BrightCyan),
    colour(AnsiColor::BrightMagenta),
];

/// The colour of a region by its place in the configuration.
pub fn region_style(place: Option<usize>) -> Style {
    place.and_then(|place| REGIONS.get(place % REGIONS.len())).copied().unwrap_or(PLAIN)
}

/// A line that is being written.
#[derive(Debug)]
pub struct Line {
    text: String,
    used: usize,
    width: usize,
}

impl Line {
    pub fn new(width: usize) -> Self {
        Self { text: String::new(), used: 0, width }
    }

    /// Adds clean text, cut where the line is full.
    pub fn put(&mut self, style: Style, clean: &str) -> &mut Self {
        let room = self.width.saturating_sub(self.used);
        let fits = text::cut(clean, room);
        if fits.is_empty() {
            return self;
        }
        self.used += text::width(&fits);
        if style == PLAIN {
            self.text.push_str(&fits);
        } else {
            self.text.push_str(&format!("{style}{fits}{style:#}"));
        }
        self
    }

    /// Adds what another line holds; it must have room here, as a cell of this line.
    pub fn append(&mut self, cell: Line) -> &mut Self {
        debug_assert!(self.used + cell.used <= self.width, "a cell is wider than its line");
        self.text.push_str(&cell.text);
        self.used += cell.used;
        self
    }

    /// Blanks up to this column.
    pub fn to(&mut self, column: usize) -> &mut Self {
        let blanks = column.min(self.width).saturating_sub(self.used);
        self.text.extend(std::iter::repeat_n(' ', blanks));
        self.used += blanks;
        self
    }

    /// Ends the line: without blanks at its end, with a line feed.
    pub fn end(mut self) -> String {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
        self.text
    }
}

/// Items with a separator between them, on as many lines as they need.
pub fn pack(items: &[(Style, String)], width: usize) -> String {
    let mut lines = String::new();
    let mut line = Line::new(width);
    for (style, item) in items {
        if line.used > 0 {
            if line.used + 3 + text::width(item) > width {
                lines.push_str(&std::mem::replace(&mut line, Line::new(width)).end());
            } else {
                line.put(FAINT, " · ");
            }
        }
        line.put(*style, item);
    }
    lines + &line.end()
}
