//! The command line: arguments in, a call of the library, a report out. No logic of the field.

mod args;
mod assets;
mod bars;
mod bench;
mod check;
mod compare;
mod convert;
mod graph;
mod inputs;
mod manual;
mod ops;
mod output;
mod prune;
mod run;
mod show;
mod signatures;
mod tensors;
mod variables;

use std::process::ExitCode;

pub use args::{Action, Cli, Command, Start};

use crate::error::Result;
use crate::report::table::{Align, Table};

/// What a command has to say beyond its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Yes,
    /// A finding, a difference past the tolerance, damage: exit code 1.
    No,
}

/// Runs a command, writes its report to stdout or its error to stderr, and gives the exit code.
pub fn execute(command: Command) -> ExitCode {
    finish(dispatch(command))
}

/// The exit code of what was done; an error goes to stderr.
pub fn finish(result: Result<Answer>) -> ExitCode {
    match result {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) => {
            output::error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Prints a list of the terminal UI's: rows of equally many cells.
pub fn list<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> Result<Answer> {
    let mut table = Table::new(&[("", Align::Left); N]);
    rows.into_iter().for_each(|row| table.row(row));
    output::text(&table.text(output::style()))?;
    Ok(Answer::Yes)
}

/// Prints a text of the terminal UI's as it is.
pub fn print(text: &str) -> Result<Answer> {
    output::text(text)?;
    Ok(Answer::Yes)
}

fn dispatch(command: Command) -> Result<Answer> {
    match command {
        Command::Show(args) => show::execute(&args),
        Command::Signatures(args) => signatures::execute(&args),
        Command::Ops(args) => ops::execute(&args),
        Command::Tensors(args) => tensors::execute(&args),
        Command::Variables(args) => variables::execute(&args),
        Command::Assets(args) => assets::execute(&args),
        Command::Graph(args) => graph::execute(&args),
        Command::Run(args) => run::execute(&args),
        Command::Bench(args) => bench::execute(&args),
        Command::Scan(args) => check::scan(&args),
        Command::Verify(args) => check::verify(&args),
        Command::Compare(args) => compare::execute(&args),
        Command::Convert(args) => convert::execute(&args),
        Command::Prune(args) => prune::execute(&args),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man => manual::man(),
        // Answered before they come here: what they list belongs to the terminal UI.
        Command::Themes { .. } | Command::Keys => Ok(Answer::Yes),
        Command::Version => manual::version(),
    }
}
