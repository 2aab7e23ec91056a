//! The program: parses the command line, dispatches, and turns the end into an exit code.

use pgnas::cli::Exit;
use std::process::ExitCode;

fn main() -> ExitCode {
    match color_eyre::install().and_then(|()| pgnas::cli::run(std::env::args_os())) {
        Ok(exit) => exit.into(),
        Err(report) => {
            eprintln!("{report:?}");
            Exit::Failed.into()
        }
    }
}
