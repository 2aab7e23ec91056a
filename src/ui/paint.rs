//! The brush of all panes: clipped text, bars, panels, curves.

use super::theme::{Glyphs, Look, Role};
use crate::app::{Reach, Target};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Paints on a buffer with a look; whatever leaves the buffer is clipped.
#[derive(Debug)]
pub struct Brush<'a> {
    /// Where to.
    pub buffer: &'a mut Buffer,
    /// How things look.
    pub look: &'a Look,
    /// What lies where, so far.
    pub zones: Vec<Zone>,
    /// How far what scrolls can be scrolled, as far as it is drawn.
    pub reach: Reach,
}

/// A part of the screen that a click can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone {
    /// Where it is.
    pub area: Rect,
    /// What it is.
    pub target: Target,
}

impl<'a> Brush<'a> {
    /// A brush for a buffer on which nothing lies so far.
    pub fn new(buffer: &'a mut Buffer, look: &'a Look) -> Self {
        Self { buffer, look, zones: Vec::new(), reach: Reach::default() }
    }
}

impl Brush<'_> {
    /// Writes pieces of text one after the other into `width` columns; returns the columns used. What does not fit ends in `…`.
    pub fn line(&mut self, x: u16, y: u16, width: u16, pieces: &[(&str, Style)]) -> u16 {
        let ascii = self.look.glyphs == Glyphs::Ascii;
        let total: usize = pieces.iter().map(|(text, _)| text.width()).sum();
        let cut = total > usize::from(width);
        let room = if cut { width.saturating_sub(1) } else { width };
        let (mut used, mut last) = (0, Style::new());
        'pieces: for &(text, style) in pieces {
            for character in text.chars() {
                let character = if character == TOGETHER { ' ' } else { character };
                let character = if ascii { plain(character) } else { character };
                let wide = character.width().unwrap_or(0) as u16;
                if wide == 0 {
                    continue;
                }
                if used + wide > room {
                    break 'pieces;
                }
                if let Some(cell) = self.buffer.cell_mut((x.saturating_add(used), y)) {
                    cell.set_char(character).set_style(style);
                }
                (used, last) = (used + wide, style);
            }
        }
        if cut && width > 0 {
            if let Some(cell) = self.buffer.cell_mut((x.saturating_add(used), y)) {
                cell.set_char(if ascii { '~' } else { '…' }).set_style(last);
            }
            used += 1;
        }
        used
    }

    /// Says what lies in an area.
    pub fn zone(&mut self, area: Rect, target: Target) {
        self.zones.push(Zone { area, target });
    }

    /// Writes text into the lines of an area, broken between words; returns the lines used.
    pub fn wrapped(&mut self, area: Rect, text: &str, role: Role) -> u16 {
        let mut lines = broken(text, area.width);
        let room = usize::from(area.height);
        if lines.len() > room && room > 0 {
            // The last line that shows takes the rest, so that it ends in `…`.
            let rest = lines.split_off(room - 1).join(" ");
            lines.push(rest);
        }
        for (y, line) in (area.y..area.bottom()).zip(&lines) {
            self.text(area.x, y, area.width, line, role);
        }
        lines.len().min(room) as u16
    }

    /// A thin bar of progress.
    pub fn progress(&mut self, x: u16, y: u16, width: u16, share: f64) {
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        let full = (share * f64::from(width)).round() as usize;
        let (done, rest) = (self.look.sign("━", "="), self.look.sign("╌", "."));
        let (style, quiet) = (self.look.style(Role::Kept), self.look.style(Role::Quiet));
        self.line(x, y, width, &[(&done.repeat(full), style), (&rest.repeat(usize::from(width) - full), quiet)]);
    }

    /// Writes text in a role.
    pub fn text(&mut self, x: u16, y: u16, width: u16, text: &str, role: Role) -> u16 {
        let style = self.look.style(role);
        self.line(x, y, width, &[(text, style)])
    }

    /// Writes text that ends at the right edge of an area's line.
    pub fn right(&mut self, area: Rect, y: u16, text: &str, role: Role) {
        let wide = (text.width() as u16).min(area.width);
        self.text(area.right() - wide, y, wide, text, role);
    }

    /// Lays a style over a line of cells.
    pub fn highlight(&mut self, area: Rect, y: u16, role: Role) {
        if y < area.bottom() {
            let row = Rect { x: area.x.saturating_sub(1), y, width: area.width.saturating_add(2), height: 1 };
            let row = row.intersection(self.buffer.area);
            self.buffer.set_style(row, self.look.style(role));
        }
    }

    /// A bar of `width` columns filled to `share`, in eighths of a column.
    pub fn bar(&mut self, x: u16, y: u16, width: u16, share: f64, role: Role) {
        const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        let units = (share * f64::from(width) * 8.0).round() as usize;
        let (full, part) = (units / 8, units % 8);
        let (block, dot) = (self.look.sign("█", "#"), self.look.sign("·", "."));
        let part = if self.look.glyphs == Glyphs::Ascii { "" } else { EIGHTHS[part] };
        let rest = (width as usize).saturating_sub(full + usize::from(!part.is_empty()));
        let (style, quiet) = (self.look.style(role), self.look.style(Role::Quiet));
        self.line(x, y, width, &[(&block.repeat(full), style), (part, style), (&dot.repeat(rest), quiet)]);
    }

    /// A frame with titles; returns what is inside.
    pub fn panel(&mut self, area: Rect, left: &str, right: &str, focused: bool) -> Rect {
        let area = area.intersection(self.buffer.area);
        if area.width < 2 || area.height < 2 {
            return Rect { width: 0, height: 0, ..area };
        }
        let role = if focused { Role::BorderFocused } else { Role::Border };
        let style = self.look.style(role);
        let corners =
            if self.look.glyphs == Glyphs::Ascii { ["+", "+", "+", "+", "-", "|"] } else { ["╭", "╮", "╰", "╯", "─", "│"] };
        let across = corners[4].repeat(area.width as usize - 2);
        self.line(area.x, area.y, area.width, &[(corners[0], style), (&across, style), (corners[1], style)]);
        self.line(area.x, area.bottom() - 1, area.width, &[(corners[2], style), (&across, style), (corners[3], style)]);
        for y in area.y + 1..area.bottom() - 1 {
            self.line(area.x, y, 1, &[(corners[5], style)]);
            self.line(area.right() - 1, y, 1, &[(corners[5], style)]);
        }
        let title = if focused { self.look.style(Role::Title) } else { self.look.style(Role::Quiet) };
        let mark = if focused { self.look.sign("▸ ", "> ") } else { "" };
        let used = self.line(area.x + 2, area.y, area.width.saturating_sub(4), &[(" ", style), (mark, title), (left, title), (" ", style)]);
        let wide = right.width() as u16 + 2;
        if !right.is_empty() && used + wide + 5 <= area.width {
            let quiet = self.look.style(Role::Quiet);
            self.line(area.right() - 2 - wide, area.y, wide, &[(" ", style), (right, quiet), (" ", style)]);
        }
        // A column of air at each side.
        Rect { x: area.x + 2, y: area.y + 1, width: area.width.saturating_sub(4), height: area.height - 2 }
    }

    /// Says on the lower edge of a panel that there is more than shows.
    pub fn more(&mut self, inner: Rect, first: usize, shown: usize, total: usize) {
        if shown < total && inner.height > 0 {
            let text = format!(" {}–{} of {total} ", first + 1, (first + shown).min(total));
            let wide = text.width() as u16;
            if wide + 2 <= inner.width {
                self.text(inner.right() - wide - 1, inner.bottom(), wide, &text, Role::Quiet);
            }
        }
    }

    /// Says on the lower edge of a panel which of several pages shows, and the key of the next one.
    pub fn page(&mut self, inner: Rect, page: usize, pages: usize, key: &str) {
        let key = if key.is_empty() { String::new() } else { format!(" · {key}: next") };
        let text = format!(" page {} of {pages}{key} ", page + 1);
        self.text(inner.x, inner.bottom(), inner.width, &text, Role::Quiet);
    }

    /// Writes pieces one after the other into the lines of an area, each of them whole where it fits into one; returns the lines that they
    /// take.
    pub fn pieces(&mut self, area: Rect, pieces: &[(String, Role)]) -> u16 {
        let (mut x, mut y) = (area.x, area.y);
        for (text, role) in pieces {
            let wide = text.trim_end().width() as u16;
            if x > area.x && x + wide > area.right() {
                (x, y) = (area.x, y + 1);
            }
            if y >= area.bottom() {
                break;
            }
            x += self.text(x, y, wide.min(area.right().saturating_sub(x)), text.trim_end(), *role) + 3;
        }
        (y + 1).min(area.bottom()) - area.y
    }

    /// Fills an area with blanks.
    pub fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        for y in area.y..area.bottom() {
            for x in area.x..area.right() {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    cell.reset();
                }
            }
        }
    }

    /// Curves over a shared axis that spans `span`; what lies outside is not drawn. Values that have no place on the axis are left out;
    /// returns how many. Axis labels take the left columns. Each series has a stroke of its own, see [`STROKES`], so that those of a
    /// plot differ without colour. The axis of values spans `range`, or what there is.
    pub fn curves(
        &mut self,
        area: Rect,
        series: &[(&[(f64, f64)], Role)],
        span: (f64, f64),
        log: bool,
        range: Option<(f64, f64)>,
    ) -> LeftOut {
        let transform = |value: f64| if log { value.log10() } else { value };
        let within = |&(x, _): &(f64, f64)| x >= span.0 && x <= span.1;
        let points = || series.iter().flat_map(|(points, _)| points.iter()).filter(|point| within(point));
        let good = |&(x, y): &(f64, f64)| x.is_finite() && transform(y).is_finite();
        let values = points().filter(|point| good(point)).map(|&(_, y)| transform(y));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)));
        let (low, high) = range.filter(|_| low <= high).unwrap_or((low, high));
        let not_finite = points().filter(|(x, y)| !x.is_finite() || !y.is_finite()).count();
        let left_out = LeftOut { not_finite, not_positive: points().filter(|point| !good(point)).count() - not_finite };
        let label = 6;
        if low > high || area.width < label + 4 || area.height < 2 {
            return left_out;
        }
        let (low, high) = if high - low < 1e-9 { (low - 0.5, high + 0.5) } else { (low, high) };
        let back = |value: f64| if log { 10f64.powf(value) } else { value };
        self.text(area.x, area.y, label, &short(back(high)), Role::Quiet);
        self.text(area.x, area.bottom() - 1, label, &short(back(low)), Role::Quiet);
        let plot = Rect { x: area.x + label, width: area.width - label, ..area };
        let (wide, tall) = dots(self.look.glyphs);
        let (columns, rows) = (f64::from(plot.width) * f64::from(wide) - 1.0, f64::from(plot.height) * f64::from(tall) - 1.0);
        for (number, (points, role)) in series.iter().enumerate() {
            let style = self.look.style(*role);
            let place = |&(x, y): &(f64, f64)| {
                let across = ((x - span.0) / (span.1 - span.0).max(1e-9)).clamp(0.0, 1.0) * columns;
                (across, (high - transform(y)) / (high - low) * rows)
            };
            let (mut before, mut travelled): (Option<(f64, f64)>, usize) = (None, 0);
            for point in *points {
                if !within(point) || !good(point) {
                    before = None;
                    continue;
                }
                let (x, y) = place(point);
                let (x0, y0) = before.unwrap_or((x, y));
                let steps = (x - x0).abs().max((y - y0).abs()).ceil().max(1.0) as usize;
                // Where it comes from is drawn already: a dot that counted twice would close the gaps of a stroke.
                for step in if before.is_some() { 1..=steps } else { steps..=steps } {
                    travelled += 1;
                    if !drawn(number, travelled) {
                        continue;
                    }
                    let share = step as f64 / steps as f64;
                    self.dot(plot, (x0 + (x - x0) * share).round() as u16, (y0 + (y - y0) * share).round() as u16, style);
                }
                before = Some((x, y));
            }
        }
        left_out
    }

    /// A line from top to bottom at a place of the axis of [`Self::curves`], where nothing else is drawn.
    pub fn crosshair(&mut self, area: Rect, at: f64, span: (f64, f64)) {
        let label = 6;
        if area.width < label + 4 || at < span.0 || at > span.1 {
            return;
        }
        let columns = f64::from(area.width - label - 1);
        let x = area.x + label + ((at - span.0) / (span.1 - span.0).max(1e-9) * columns).round() as u16;
        let (sign, style) = (self.look.sign("│", "|"), self.look.style(Role::Attention));
        for y in area.y..area.bottom() {
            if let Some(cell) = self.buffer.cell_mut((x, y)).filter(|cell| cell.symbol() == " ") {
                cell.set_symbol(sign).set_style(style);
            }
        }
    }

    fn dot(&mut self, plot: Rect, x: u16, y: u16, style: Style) {
        const BITS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let (wide, tall) = dots(self.look.glyphs);
        let (column, row) = (x / wide, y / tall);
        if column >= plot.width || row >= plot.height {
            return;
        }
        let Some(cell) = self.buffer.cell_mut((plot.x + column, plot.y + row)) else { return };
        let there = cell.symbol().chars().next().unwrap_or(' ');
        let character = match self.look.glyphs {
            Glyphs::Braille => {
                let there = u32::from(there);
                let bits = if (0x2800..0x2900).contains(&there) { there - 0x2800 } else { 0 };
                char::from_u32(0x2800 + (bits | BITS[usize::from(y % 4)][usize::from(x % 2)])).unwrap_or('·')
            }
            Glyphs::Unicode => match (there, y % 2) {
                ('█', _) | ('▀', 1) | ('▄', 0) => '█',
                (_, 0) => '▀',
                _ => '▄',
            },
            Glyphs::Ascii => '*',
        };
        cell.set_char(character).set_style(style);
    }
}

/// Values of curves that have no place on their axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// No numbers.
    pub not_finite: usize,
    /// Numbers of 0 or less, on a logarithmic axis.
    pub not_positive: usize,
}

impl std::ops::Add for LeftOut {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { not_finite: self.not_finite + other.not_finite, not_positive: self.not_positive + other.not_positive }
    }
}

/// How the series of a plot are drawn, in their order and then over again: solid, dashed, dotted; each as its legend shows it, with the
/// same in ASCII.
pub const STROKES: [(&str, &str); 3] = [("──", "--"), ("╌╌", "- "), ("··", "..")];

/// Whether the series of a number leaves a dot after so many dots' way.
fn drawn(number: usize, travelled: usize) -> bool {
    match number % STROKES.len() {
        0 => true,
        1 => travelled % 6 < 3,
        _ => travelled.is_multiple_of(4),
    }
}

/// Dots of a curve in a cell, across and down.
fn dots(glyphs: Glyphs) -> (u16, u16) {
    match glyphs {
        Glyphs::Braille => (2, 4),
        Glyphs::Unicode => (1, 2),
        Glyphs::Ascii => (1, 1),
    }
}

/// The ASCII stand-in of a character of the screen.
fn plain(character: char) -> char {
    match character {
        ' '..='~' => character,
        '·' | '–' | '─' | '╌' | '−' => '-',
        '┬' | '┐' | '┘' | '┤' | '├' | '└' => '+',
        '▶' | '→' => '>',
        '│' => '|',
        '×' => 'x',
        'τ' => 'T',
        'Δ' => 'd',
        '≤' => '<',
        '●' => '@',
        '◐' => 'o',
        '○' => '.',
        '↑' => '^',
        '↓' => 'v',
        '±' | '…' => '~',
        '◆' => '$',
        '█' => '#',
        '░' => ':',
        '▓' => '%',
        _ => '?',
    }
}

/// A share of one with three digits, as papers print it: `.989`, `1.00`; `–` for what is no number.
#[must_use]
pub fn share3(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let text = format!("{value:.3}");
    if value.abs() < 0.9995 { text.replacen("0.", ".", 1) } else { format!("{value:.2}") }
}

/// [`share3`] with two digits: `.41`, `1.0`.
#[must_use]
pub fn share2(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let text = format!("{value:.2}");
    if value.abs() < 0.995 { text.replacen("0.", ".", 1) } else { format!("{value:.1}") }
}

/// A number in at most six columns.
#[must_use]
pub fn short(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() => "–".into(),
        size if size >= 1e9 => format!("{:.1}G", value / 1e9),
        size if size >= 1e8 => format!("{:.1}M", value / 1e6),
        size if size >= 1e6 => format!("{:.2}M", value / 1e6),
        size if size >= 1e3 => format!("{:.1}k", value / 1e3),
        size if size >= 10.0 || size == 0.0 => format!("{value:.0}"),
        size if size >= 0.1 => format!("{value:.2}"),
        size if size >= 0.001 => format!("{value:.3}"),
        _ => format!("{value:.0e}"),
    }
}

/// Bytes in at most seven columns.
#[must_use]
pub fn bytes(count: u64) -> String {
    let text = short(count as f64);
    let digits = text.trim_end_matches(['k', 'M', 'G']);
    format!("{digits} {}B", &text[digits.len()..])
}

/// A duration as people say it.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A text in so many columns; of one that is too long its end, after `…`.
#[must_use]
pub fn tail(text: &str, room: usize) -> String {
    let count = text.chars().count();
    if count <= room { text.to_owned() } else { format!("…{}", text.chars().skip(count + 1 - room.max(1)).collect::<String>()) }
}

/// A blank at which no line is broken.
pub const TOGETHER: char = '\u{a0}';

/// A text in lines of a width; words longer than a line are broken.
#[must_use]
pub fn broken(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width.max(1));
    let mut lines: Vec<String> = Vec::new();
    // A number and its unit stay together.
    let text = text.replace(" %", &format!("{TOGETHER}%"));
    for word in text.split(|sign: char| sign.is_whitespace() && sign != TOGETHER).filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
        while let Some(long) = lines.last_mut().filter(|line| line.width() > width) {
            let mut kept = 0;
            let fits = |(_, c): &(usize, char)| {
                kept += c.width().unwrap_or(0);
                kept <= width
            };
            let Some((at, c)) = long.char_indices().take_while(fits).last() else { break };
            let rest = long.split_off(at + c.len_utf8());
            lines.push(rest);
        }
    }
    lines
}
