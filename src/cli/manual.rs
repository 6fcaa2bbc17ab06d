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
    page.extend(FILES.as_bytes());
    output::bytes(&page)?;
    Ok(Answer::Yes)
}

/// What clap can't know: the files that the terminal UI reads.
const FILES: &str = r#".SH FILES
.TP
\fI$XDG_CONFIG_HOME/mexplore/config.toml\fR
Settings of the terminal UI (\fI~/.config\fR without XDG_CONFIG_HOME). All may be left out:
.IP
.nf
theme = "light"      # dark, light, colour-blind, mono or one of your own
remember = false     # begin every model at its overview

[keys]               # by command, as \fBmexplore keys\fR lists them
quit = "Ctrl-q"      # one key, or a list of keys
next-hit = ["n", "F3"]
.fi
.TP
\fI$XDG_CONFIG_HOME/mexplore/themes/NAME.toml\fR
Themes; \fBmexplore themes\fR lists the built-in ones, \fBmexplore themes NAME\fR prints one to begin with.
.TP
\fI$XDG_CACHE_HOME/mexplore\fR
Where one was in each model.
.SH ENVIRONMENT
.TP
\fBNO_COLOR\fR
No colours, on the command line and in the terminal UI.
.TP
\fBCOLORFGBG\fR
How some terminals tell a light background; the light theme is then the usual one.
"#;

pub fn version() -> Result<Answer> {
    output::text(concat!("mexplore ", env!("CARGO_PKG_VERSION"), "\n"))?;
    Ok(Answer::Yes)
}
