//! What the program can say about itself: completions and the manual page.

use clap::CommandFactory;

use super::{Answer, Cli, output};
use crate::error::{Error, Result};

pub fn completions(shell: clap_complete::Shell) -> Result<Answer> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mexplore", &mut script);
    output::bytes(&script)?;
    Ok(Answer::Yes)
}

pub fn man() -> Result<Answer> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(|e| Error::unsupported(format!("can't make the manual page: {e}")))?;
    output::bytes(&page)?;
    Ok(Answer::Yes)
}

pub fn version() -> Result<Answer> {
    output::text(concat!("mexplore ", env!("CARGO_PKG_VERSION"), "\n"))?;
    Ok(Answer::Yes)
}
