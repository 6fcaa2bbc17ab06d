//! The command line: arguments in, a call of the library, a report out. No logic of the field.

mod args;
mod assets;
mod bars;
mod convert;
mod inputs;
mod manual;
mod ops;
mod output;
mod run;
mod show;
mod signatures;
mod tensors;
mod variables;

use std::process::ExitCode;

pub use args::{Action, Cli, Command, Start};

use crate::error::Result;

/// What a command has to say beyond its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Yes,
    /// A finding, a difference past the tolerance, damage: exit code 1.
    No,
}

/// Runs a command, writes its report to stdout or its error to stderr, and gives the exit code.
pub fn execute(command: Command) -> ExitCode {
    match dispatch(command) {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) => {
            output::error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(command: Command) -> Result<Answer> {
    match command {
        Command::Show(args) => show::execute(&args),
        Command::Signatures(args) => signatures::execute(&args),
        Command::Ops(args) => ops::execute(&args),
        Command::Tensors(args) => tensors::execute(&args),
        Command::Variables(args) => variables::execute(&args),
        Command::Assets(args) => assets::execute(&args),
        Command::Run(args) => run::execute(&args),
        Command::Convert(args) => convert::execute(&args),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man => manual::man(),
        Command::Version => manual::version(),
    }
}
