//! `pgnas completions` and `pgnas man`: what shells and readers of manuals need, made from the grammar of the command line.

use super::arguments::Arguments;
use super::failure::{Exit, Failure};
use super::output;
use clap::CommandFactory as _;
use std::collections::VecDeque;

/// Writes the completions of a shell.
///
/// # Errors
/// Standard output cannot be written.
pub fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "pgnas", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

/// Writes the manual page: the program, then each command.
///
/// # Errors
/// As [`completions`].
pub fn page() -> Result<Exit, Failure> {
    let mut command = Arguments::command();
    command.build();
    let unexpected = |error: std::io::Error| Failure::Unexpected(error.into());
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(unexpected)?;
    let mut pending: VecDeque<_> = command.get_subcommands().cloned().collect();
    while let Some(command) = pending.pop_front() {
        for (place, inner) in command.get_subcommands().enumerate() {
            pending.insert(place, inner.clone());
        }
        let man = clap_mangen::Man::new(command.clone());
        let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_uppercase();
        page.extend(format!(".SH {name}\n").bytes());
        let mut parts = Vec::new();
        man.render_description_section(&mut parts).map_err(unexpected)?;
        man.render_synopsis_section(&mut parts).map_err(unexpected)?;
        man.render_options_section(&mut parts).map_err(unexpected)?;
        // Sections of a command stand one level lower than the command.
        page.extend(String::from_utf8_lossy(&parts).replace(".SH ", ".SS ").bytes());
    }
    output::print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Done)
}
