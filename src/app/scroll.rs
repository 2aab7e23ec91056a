//! What scrolls: the model knows where to, and a frame how far that is possible.

use super::state::{App, Overlay, View};

/// How far what scrolls in a frame can be scrolled; `None` where nothing does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// Lines, or charts.
    pub down: Option<usize>,
    /// Columns of a table.
    pub across: Option<usize>,
}

/// Further than anything scrolls, until a frame says how far.
pub(super) const FURTHEST: usize = 1 << 20;

impl App {
    /// Lines, or charts, that what scrolls on this screen is scrolled by.
    #[must_use]
    pub fn scroll(&self) -> usize {
        self.scroll
    }

    /// Whether this screen scrolls as a whole, and has no list to step through.
    pub(super) fn scrolls(&self) -> bool {
        self.run.is_some() && (self.beside.is_some() || matches!(self.view, View::Curves | View::Compare))
    }

    pub(super) fn scroll_by(&mut self, by: isize) {
        self.scroll = self.scroll.saturating_add_signed(by).min(FURTHEST);
    }

    /// A frame was drawn: how far what is on top can be scrolled, which its drawing alone knows.
    pub fn drawn(&mut self, reach: Reach) {
        let (down, across) = (reach.down.unwrap_or(FURTHEST), reach.across.unwrap_or(FURTHEST));
        match &mut self.overlay {
            Overlay::None => {
                self.scroll = self.scroll.min(down);
                self.overflows = reach.down.is_some_and(|down| down > 0);
            }
            Overlay::Meter(at) | Overlay::Messages(at) => *at = (*at).min(down),
            Overlay::Marked(at, past) => (*at, *past) = ((*at).min(down), (*past).min(across)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{app_at, press};
    use super::*;

    #[test]
    fn a_frame_says_where_a_scroll_ends() {
        let mut app = app_at(3);
        press(&mut app, "5 G j");
        assert_eq!(app.scroll(), FURTHEST);
        app.drawn(Reach { down: Some(3), across: None });
        assert_eq!(app.scroll(), 3);
        press(&mut app, "k");
        assert_eq!(app.scroll(), 2, "the first key goes back");
        press(&mut app, "i G");
        app.drawn(Reach { down: Some(5), across: None });
        assert_eq!((app.overlay(), app.scroll()), (&Overlay::Meter(5), 2), "what lies on top");
        press(&mut app, "esc 1");
        assert_eq!(app.scroll(), 0, "another screen begins at its beginning");
    }
}
