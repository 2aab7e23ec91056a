//! `pgnas search`: on the screen where there is one, else headless.

use super::arguments::{ScreenArguments, SearchArguments};
use super::failure::{Exit, Failure};
use super::headless::{Telling, follow};
use super::host::SystemHost;
use super::launch::{Request, Running, launch};
use super::output;
use super::places::Places;
use super::runs::RunFiles;
use super::screen;
use crate::app::Opened;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::Arc;
use tokio::sync::Notify;

/// Searches.
///
/// # Errors
/// What keeps the search from starting, or made it fail.
pub fn run(arguments: SearchArguments) -> Result<Exit, Failure> {
    let places = Places::of_user();
    let SearchArguments { preset, set, data, seed, device, run_dir, checkpoint_minutes, headless, json, plain, screen: look } = arguments;
    let request = Request { preset, set, data, seed, device, run_dir, every: checkpoint_minutes };
    if !headless && !json && !plain {
        match screen::missing_terminal() {
            None => return on_screen(&request, places, &look),
            Some(reason) => output::tell(&format!("{reason}, so the search runs without a screen (--headless)")),
        }
    }
    let telling = if plain { Telling::Plain } else { Telling::of(json) };
    without_screen(launch(&request, &places)?, telling)
}

/// Follows a search to its end without a screen.
///
/// # Errors
/// What made it fail.
pub fn without_screen(running: Running, telling: Telling) -> Result<Exit, Failure> {
    let stop = Arc::new(Notify::new());
    listen(stop.clone())?;
    let result = follow(running.link, (&running.folder, running.before), telling, &stop, &mut std::io::stdout().lock());
    join(running.engine)?;
    match result {
        // The reader left; how far the search had come by then is in its log.
        Err(Failure::Closed) => Ok(RunFiles::read(running.folder)?.exit()),
        result => result,
    }
}

fn on_screen(request: &Request, places: Places, look: &ScreenArguments) -> Result<Exit, Failure> {
    screen::check(look)?;
    show(launch(request, &places)?, request, places, look)
}

/// Shows a search on the screen until somebody leaves.
///
/// # Errors
/// What keeps the screen from being drawn.
pub fn show(running: Running, request: &Request, places: Places, look: &ScreenArguments) -> Result<Exit, Failure> {
    let (folder, link) = (running.folder, running.link);
    let opened = Opened { name: folder.name(), path: folder.path().to_owned(), records: running.before, link: Some(link) };
    let host = SystemHost::new(places, request.clone()).with_engine(running.engine);
    screen::show(Box::new(host), Some(opened), look)?;
    Ok(RunFiles::read(folder).map_or(Exit::Stopped, |run| run.exit()))
}

/// Waits for the engine's thread, which has said its last word or died.
fn join(engine: std::thread::JoinHandle<()>) -> Result<(), Failure> {
    engine.join().map_err(|_| Failure::Failed("the engine met a fault of its own; please report it".into()))
}

/// The first interrupt asks to stop, the second leaves at once.
fn listen(stop: Arc<Notify>) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(|error| Failure::Unexpected(error.into()))?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for (count, _) in signals.forever().enumerate() {
                if count == 0 {
                    stop.notify_one();
                } else {
                    std::process::exit(Exit::Stopped as i32);
                }
            }
        })
        .map(drop)
        .map_err(|error| Failure::Unexpected(error.into()))
}
