//! The person's own settings: `config.toml` in the config folder. Defaults, then the file, then the command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};

/// What `config.toml` may say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub theme: Option<String>,
    /// `false`: begin every model at its overview.
    pub remember: Option<bool>,
    /// Command to its keys: `quit = ["Ctrl-q"]`.
    pub keys: BTreeMap<String, Vec<String>>,
}

impl Config {
    /// Reads the file; no file is no error.
    pub fn read(folder: &Path) -> Result<Config> {
        let file = folder.join("config.toml");
        match std::fs::read_to_string(&file) {
            Ok(text) => toml::from_str(&text).map_err(|e| {
                let line = e
                    .span()
                    .map(|s| text[..s.start.min(text.len())].lines().count().max(1));
                let error = Error::usage(e.message().to_owned()).in_file(&file);
                match line {
                    Some(line) => error.at(format_args!("line {line}")),
                    None => error,
                }
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Config::default()),
            Err(e) => Err(Error::io(file, &e)),
        }
    }
}

/// `$XDG_CONFIG_HOME/mexplore`, `%APPDATA%\mexplore` or `~/.config/mexplore`.
pub fn folder() -> Option<PathBuf> {
    base("XDG_CONFIG_HOME", "APPDATA", ".config")
}

/// `$XDG_CACHE_HOME/mexplore`, `%LOCALAPPDATA%\mexplore` or `~/.cache/mexplore`.
pub fn cache_folder() -> Option<PathBuf> {
    base("XDG_CACHE_HOME", "LOCALAPPDATA", ".cache")
}

fn base(xdg: &str, windows: &str, in_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    absolute(xdg)
        .or_else(|| absolute(windows))
        .or_else(|| absolute("HOME").map(|home| home.join(in_home)))
        .map(|base| base.join("mexplore"))
}

/// Whether the environment says that colour is not wanted (<https://no-color.org>).
pub fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
}

/// Whether the terminal told that its background is light (`COLORFGBG=0;15`).
pub fn is_light() -> bool {
    std::env::var("COLORFGBG").is_ok_and(|v| {
        v.rsplit(';')
            .next()
            .and_then(|bg| bg.parse::<u8>().ok())
            .is_some_and(|bg| bg == 7 || bg == 15)
    })
}
