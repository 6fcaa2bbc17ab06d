//! Parses the arguments and hands over.

use std::process::ExitCode;

use clap::Parser;
use color_eyre::config::HookBuilder;
use mexplore::cli::{self, Action, Cli};

fn main() -> ExitCode {
    // A failing hook is no reason not to work.
    let _ = HookBuilder::blank()
        .panic_section("This is a bug in mexplore: please report it with the command you typed.")
        .display_env_section(std::env::var_os("RUST_BACKTRACE").is_some())
        .install();
    match Cli::parse().action() {
        Action::Command(command) => cli::execute(command),
        Action::Ui(start) => cli::execute(cli::Command::show(start)),
    }
}
