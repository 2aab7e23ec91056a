//! `pgnas search`: on the screen where there is one, else headless.

use super::arguments::{ScreenArguments, SearchArguments};
use super::failure::{Exit, Failure};
use super::headless::{Telling, follow};
use super::host::SystemHost;
use super::launch::{Request, Running, launch};
use super::output;
use super::places::Places;
use super::runs::RunFiles;
use super::{attach, hosted, screen};
use crate::app::{Opened, Tie};
use crate::link::Server;
use crate::run::RunFolder;
use crate::term::First;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Notify;

/// Searches.
///
/// # Errors
/// What keeps the search from starting, or made it fail.
pub fn run(arguments: SearchArguments) -> Result<Exit, Failure> {
    let places = Places::of_user();
    let SearchArguments {
        preset,
        space,
        set,
        data,
        seed,
        device,
        run_dir,
        checkpoint_minutes,
        headless,
        json,
        plain,
        in_process,
        host,
        screen: look,
    } = arguments;
    let request = Request { preset: preset.unwrap_or_default(), space, set, data, seed, device, run_dir, every: checkpoint_minutes };
    if host {
        return hosted::run(|| launch(&request, &places));
    }
    if look.theme.is_some() {
        screen::check(&look)?;
    }
    let unasked = !headless && !json && !plain;
    let missing = screen::missing_terminal();
    if unasked && missing.is_none() {
        return on_screen(&request, places, &look, in_process);
    }
    let telling = if plain { Telling::Plain } else { Telling::of(json) };
    // What keeps the search from starting is told in one line, without this one before it.
    let running = launch(&request, &places)?;
    if let Some(reason) = missing.filter(|_| unasked) {
        output::tell(&format!("{reason}, so the search runs without a screen (--headless)"));
    }
    without_screen(running, telling)
}

/// Follows a search to its end without a screen.
///
/// # Errors
/// What made it fail.
pub fn without_screen(running: Running, telling: Telling) -> Result<Exit, Failure> {
    let stop = Arc::new(Notify::new());
    listen(stop.clone())?;
    let server = Server::start(running.folder.path(), running.link.again());
    if let Err(error) = &server {
        output::tell(&format!("no screen can attach to this search: {error}"));
    }
    let result = follow(running.link, (&running.folder, running.before), telling, &stop, &mut std::io::stdout().lock());
    let joined = join(running.engine);
    if let Ok(server) = server {
        server.finish();
    }
    joined?;
    match result {
        // The reader left; how far the search had come by then is in its log.
        Err(Failure::Closed) => Ok(RunFiles::read(running.folder)?.exit()),
        result => result,
    }
}

fn on_screen(request: &Request, places: Places, look: &ScreenArguments, in_process: bool) -> Result<Exit, Failure> {
    screen::check(look)?;
    if in_process {
        show(launch(request, &places)?, request, places, look)
    } else {
        attached(&hosted::start(&request.arguments())?, request, places, look)
    }
}

/// Shows a search that is in a process of its own.
///
/// # Errors
/// What keeps the screen from being drawn.
pub fn attached(run: &Path, request: &Request, places: Places, look: &ScreenArguments) -> Result<Exit, Failure> {
    let opened = attach::open(run, false)?;
    screen::show(Box::new(SystemHost::new(places, request.clone())), Some(First::Run(opened)), look)?;
    Ok(if attach::left(run) { Exit::Done } else { RunFiles::read(RunFolder::open(run)?)?.exit() })
}

/// Shows a search in this process on the screen until somebody leaves.
///
/// # Errors
/// What keeps the screen from being drawn.
pub fn show(running: Running, request: &Request, places: Places, look: &ScreenArguments) -> Result<Exit, Failure> {
    let (folder, link) = (running.folder, running.link);
    let (name, path) = (folder.name(), folder.path().to_owned());
    let opened = Opened { name, path, records: running.before, link: Some(link), tie: Tie::Own };
    let host = SystemHost::new(places, request.clone()).in_process(running.engine);
    screen::show(Box::new(host), Some(First::Run(opened)), look)?;
    attach::left(folder.path());
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
