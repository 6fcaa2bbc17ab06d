//! Parses the arguments and hands over.

use std::fmt;
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use clap::Parser;
use color_eyre::config::HookBuilder;
use color_eyre::section::PanicMessage;
use mexplore::cli::{self, Action, Answer, Cli};
use mexplore::format::OpenOptions;
use mexplore::tui;

fn main() -> ExitCode {
    // A failing hook is no reason not to work.
    let _ = HookBuilder::blank()
        .panic_message(Fault)
        .display_env_section(std::env::var_os("RUST_BACKTRACE").is_some())
        .install();
    match Cli::parse().action() {
        Action::Command(command) => cli::execute(command),
        Action::Themes => cli::finish(cli::list(
            tui::theme::Theme::names().map(|name| [name.to_owned()]),
        )),
        Action::Keys => cli::finish(cli::list(
            tui::command::TABLE
                .iter()
                .map(|e| [e.keys.join(" "), e.id.to_owned(), e.says.to_owned()]),
        )),
        Action::Ui(start) => {
            let options = tui::Options {
                theme: start.theme,
                cache: tui::config::cache_folder(),
                open: OpenOptions {
                    version: start.version,
                },
                ..tui::Options::default()
            };
            cli::finish(tui::run(&start.paths, &options).map(|()| Answer::Yes))
        }
    }
}

/// What is said when the program itself is at fault; a backtrace follows only where `RUST_BACKTRACE` asks for it.
struct Fault;

impl PanicMessage for Fault {
    fn display(&self, panic: &PanicHookInfo<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "mexplore fell over: {}",
            tui::jobs::reason(panic.payload())
        )?;
        if let Some(place) = panic.location() {
            write!(f, "; at {}:{}", place.file(), place.line())?;
        }
        write!(
            f,
            "\nThis is a bug: please report it with the command you typed."
        )
    }
}
