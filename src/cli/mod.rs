//! The command line: one file a subcommand.

mod arguments;
mod attach;
mod budget;
mod compare;
mod config;
mod correlate;
mod data;
mod doctor;
mod ensemble;
mod errands;
mod evaluate;
mod export;
mod failure;
mod final_test;
mod headless;
mod host;
mod hosted;
mod journal;
mod launch;
mod list;
mod manual;
mod networks;
mod output;
mod places;
mod plain;
pub mod prepare;
mod presets;
mod progress;
mod rebuild;
mod replay;
mod report;
mod resume;
mod retrain;
mod retrained_truth;
mod runs;
mod screen;
mod search;
mod serve;
mod settings;
mod space;
mod table;
mod usage;

pub use failure::Exit;

use arguments::{Arguments, Command, ScreenArguments};
use clap::{CommandFactory as _, Parser as _};
use failure::Failure;
use std::ffi::OsString;
use usage::one_line;

/// Runs the program with its command line. Errors of the user and failures of a run are told here, in one line each.
///
/// # Errors
/// What should not happen, to be shown with all there is to know of it.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> color_eyre::Result<Exit> {
    let words: Vec<OsString> = arguments.into_iter().collect();
    let result = match Arguments::try_parse_from(&words) {
        Ok(arguments) => {
            keep_journal();
            dispatch(arguments)
        }
        Err(error) if error.use_stderr() => Err(Failure::Mistake(one_line(&error, &words))),
        // The help or the version was asked for.
        Err(text) => output::print(&text.render().to_string()).map(|()| Exit::Done),
    };
    match result {
        Ok(exit) => Ok(exit),
        Err(failure @ Failure::Mistake(_)) => {
            output::tell(&format!("error: {}", failure.line()));
            Ok(Exit::Mistake)
        }
        Err(failure @ Failure::Failed(_)) => {
            log::error!("{}", failure.line());
            output::tell(&format!("error: {}", failure.line()));
            Ok(Exit::Failed)
        }
        Err(Failure::Closed) => Ok(Exit::Done),
        Err(Failure::Unexpected(report)) => Err(report),
    }
}

/// Writes a log file from here on, as far as the settings wish; what is wrong with them is told where they are used.
fn keep_journal() {
    let settings = config::in_force(&ScreenArguments::default()).ok();
    let level = settings.as_ref().map_or("info", |settings| settings.get("log")).parse();
    if let (Some(folder), Ok(level)) = (places::logs(), level) {
        journal::begin(folder, level);
    }
}

fn dispatch(arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.command {
        None => start(&arguments.screen),
        Some(Command::Search(arguments)) => search::run(arguments),
        Some(Command::Resume(arguments)) => resume::run(&arguments),
        Some(Command::Serve(arguments)) => serve::run(&arguments),
        Some(Command::Attach(arguments)) => attach::run(&arguments, false),
        Some(Command::Watch(arguments)) => attach::run(&arguments, true),
        Some(Command::Replay(arguments)) => replay::run(&arguments),
        Some(Command::Ls(arguments)) => list::run(&arguments),
        Some(Command::Stop(arguments)) => attach::stop(&arguments),
        Some(Command::Report(arguments)) => report::run(&arguments),
        Some(Command::Compare(arguments)) => compare::run(&arguments),
        Some(Command::Presets(arguments)) => presets::run(&arguments),
        Some(Command::Doctor(arguments)) => doctor::run(&arguments),
        Some(Command::Export(arguments)) => export::run(&arguments),
        Some(Command::Space(arguments)) => space::run(&arguments),
        Some(Command::Completions { shell }) => manual::completions(shell),
        Some(Command::Man) => manual::page(),
        Some(Command::Config(arguments)) => config::run(&arguments),
        Some(Command::Evaluate(arguments)) => evaluate::run(&arguments),
        Some(Command::Correlate(arguments)) => correlate::run(&arguments),
        Some(Command::Ensemble(arguments)) => ensemble::run(&arguments),
        Some(Command::Final(arguments)) => final_test::run(&arguments),
        Some(Command::Retrain(arguments)) => retrain::run(&arguments),
        Some(Command::Data(arguments)) => data::run(&arguments.command),
    }
}

/// The start screen; without a terminal, what can be done instead.
fn start(look: &ScreenArguments) -> Result<Exit, Failure> {
    if let Some(reason) = screen::missing_terminal() {
        output::print(&Arguments::command().render_help().to_string())?;
        let remedy = "give a command, such as `pgnas search digits --headless`";
        return Err(Failure::Mistake(format!("{reason}, so there is no start screen; {remedy}")));
    }
    let request = launch::Request::default();
    let host = host::SystemHost::new(places::Places::of_user(), request);
    screen::show(Box::new(host), None, look)?;
    Ok(Exit::Done)
}
