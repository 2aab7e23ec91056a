//! `pgnas data`: what image sets hold, and bringing those that are published.

use super::arguments::{CheckArguments, DataCommand, FetchArguments};
use super::failure::{Exit, Failure};
use super::{output, places};
use crate::data::{Check, DataError, FetchError, FetchProgress, check, fetch, published};
use crate::export::text::{percent, thousands};
use crate::preset::nearest;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Width of the progress bar.
const BAR: u64 = 30;

/// How often a bar is drawn at most.
const REFRESH: Duration = Duration::from_millis(100);

/// Looks at an image set, or fetches one.
///
/// # Errors
/// A mistake: no image set there, a name that is not known, a place that is taken. A failure: a server that does not do its part.
pub fn run(command: &DataCommand) -> Result<Exit, Failure> {
    match command {
        DataCommand::Check(arguments) => run_check(arguments),
        DataCommand::Fetch(arguments) => run_fetch(arguments),
    }
}

fn run_check(arguments: &CheckArguments) -> Result<Exit, Failure> {
    let found = check(&arguments.path).map_err(|error| Failure::Mistake(told(&error)))?;
    if arguments.json {
        let Check { set, images, test, channels, smallest, largest, mean, deviation, notes, .. } = &found;
        let classes: Vec<_> = found.classes.iter().map(|(name, images)| serde_json::json!({"name": name, "images": images})).collect();
        output::print_json(&serde_json::json!({
            "set": set, "path": arguments.path, "images": images, "test": test, "classes": classes, "channels": channels,
            "smallest": smallest, "largest": largest, "mean": mean, "deviation": deviation, "notes": notes,
            "unreadable": {"count": found.unreadable.count, "first": found.unreadable.first},
        }))?;
    } else {
        output::print(&text(&found))?;
    }
    Ok(Exit::Done)
}

/// The error without the remedies of a search.
fn told(error: &DataError) -> String {
    match error {
        DataError::Missing { place, lacking, .. } => {
            format!("{place}: {lacking}; give a folder of CIFAR, of IDX files or of class folders, or an archive of CIFAR")
        }
        DataError::Unreadable { path, reason } => format!("{path}: cannot be read ({reason}); mend it, or give another place"),
        other => other.to_string(),
    }
}

fn text(check: &Check) -> String {
    let shares = |values: &[f64]| values.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(" ");
    let size = |[height, width]: [usize; 2]| format!("{height}x{width}");
    let sizes = if check.smallest == check.largest {
        size(check.smallest)
    } else {
        format!(
            "from {} to {} (height by width, each side by itself); set data.size to bring them to one",
            size(check.smallest),
            size(check.largest)
        )
    };
    let other = if check.set == "mnist" { " (or another set of its layout, such as fashion-mnist)" } else { "" };
    let number = |count: usize| thousands(count as u64);
    let mut text = format!("set         {}{other}\n", check.set);
    let _ = writeln!(text, "images      {}, {} of them the set's own test images", number(check.images), number(check.test));
    let _ = writeln!(text, "size        {sizes}, {} channels", check.channels);
    let _ = writeln!(text, "mean        {}\ndeviation   {}", shares(&check.mean), shares(&check.deviation));
    let counts = |least: bool| {
        let counts = check.classes.iter().map(|(_, count)| *count);
        if least { counts.min() } else { counts.max() }.unwrap_or_default()
    };
    let _ = writeln!(text, "classes     {}, of {} to {} images", check.classes.len(), number(counts(true)), number(counts(false)));
    let width = check.classes.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    for (name, count) in &check.classes {
        let _ = writeln!(text, "            {name:width$}  {:>7}", number(*count));
    }
    let unreadable = &check.unreadable;
    let share = percent(unreadable.count as f64 / (unreadable.count + check.images) as f64);
    let names = if unreadable.count > 0 { format!(" ({share}): {unreadable}") } else { String::new() };
    let _ = writeln!(text, "unreadable  {}{names}", unreadable.count);
    for note in &check.notes {
        let _ = writeln!(text, "note        {note}");
    }
    text
}

fn run_fetch(arguments: &FetchArguments) -> Result<Exit, Failure> {
    let FetchArguments { set, url, to } = arguments;
    let place = match to {
        Some(place) => place.clone(),
        None => places::data()
            .ok_or_else(|| Failure::Mistake("there is no home folder to keep images in; set HOME, or give a folder with --to".into()))?
            .join(set),
    };
    let mut bar = Bar::new();
    let result = fetch(set, url.as_deref(), &place, &mut |progress| bar.tell(progress));
    bar.end();
    match result {
        Ok(()) => {
            output::print(&format!("{}\n", place.display()))?;
            Ok(Exit::Done)
        }
        Err(error @ FetchError::Unknown { .. }) => {
            let near = nearest(set, published()).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            Err(Failure::Mistake(format!("{error}{near}")))
        }
        Err(error @ (FetchError::Occupied { .. } | FetchError::Unwritable { .. })) => Err(Failure::Mistake(error.to_string())),
        Err(error) => Err(Failure::Failed(error.to_string())),
    }
}

/// Progress on standard error: a bar on a terminal, else a line for each tenth.
struct Bar {
    terminal: bool,
    drawn: Option<Instant>,
    file: String,
    tenth: Option<u64>,
}

impl Bar {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), drawn: None, file: String::new(), tenth: None }
    }

    fn tell(&mut self, FetchProgress { file, done, total }: FetchProgress<'_>) {
        let new = self.file != file;
        if new {
            self.end();
            (self.file, self.tenth) = (file.to_owned(), None);
        }
        let line = line(file, done, total);
        if self.terminal {
            let last = total == Some(done);
            if new || last || self.drawn.is_none_or(|drawn| drawn.elapsed() >= REFRESH) {
                self.drawn = Some(Instant::now());
                // A terminal that is gone is no reason to stop.
                let _ = write!(std::io::stderr(), "\r{}\x1b[K", bar(&line, done, total));
            }
            return;
        }
        let tenth = total.filter(|&total| total > 0).map(|total| done * 10 / total);
        if new || tenth > self.tenth {
            self.tenth = tenth;
            output::tell(&line);
        }
    }

    /// Leaves the line of the bar.
    fn end(&mut self) {
        if self.terminal && self.drawn.take().is_some() {
            output::tell("");
        }
    }
}

fn line(file: &str, done: u64, total: Option<u64>) -> String {
    let mega = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    match total {
        Some(total) => format!("{file}  {} of {} MB", mega(done), mega(total)),
        None => format!("{file}  {} MB", mega(done)),
    }
}

fn bar(line: &str, done: u64, total: Option<u64>) -> String {
    let Some(total) = total.filter(|&total| total > 0) else { return line.to_owned() };
    let full = (done * BAR / total).min(BAR) as usize;
    format!("[{}{}] {line}", "#".repeat(full), " ".repeat(BAR as usize - full))
}
