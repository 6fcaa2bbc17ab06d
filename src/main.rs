//! Parses the arguments and hands over.

use std::process::ExitCode;

use clap::Parser;
use color_eyre::config::HookBuilder;
use mexplore::cli::{self, Action, Answer, Cli};
use mexplore::format::OpenOptions;
use mexplore::tui;

fn main() -> ExitCode {
    // A failing hook is no reason not to work.
    let _ = HookBuilder::blank()
        .panic_message(tui::Fault)
        .display_env_section(std::env::var_os("RUST_BACKTRACE").is_some())
        .install();
    match Cli::parse().action() {
        Action::Command(command) => cli::execute(command),
        Action::Themes(Some(name)) => {
            cli::finish(tui::theme::Theme::source(&name).and_then(cli::print))
        }
        Action::Themes(None) => cli::finish(cli::list(
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
