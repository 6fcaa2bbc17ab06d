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
    /// Command to its keys: `quit = ["Ctrl-q", "Q"]`, or `quit = "Q"`.
    pub keys: BTreeMap<String, Keys>,
}

/// One key or several, as [`super::keymap::Key::parse`] reads them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a key in quotes, or a list of such keys")]
pub enum Keys {
    One(String),
    Several(Vec<String>),
}

impl Keys {
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let keys = match self {
            Keys::One(key) => std::slice::from_ref(key),
            Keys::Several(keys) => keys,
        };
        keys.iter().map(String::as_str)
    }
}

/// The settings in the config folder.
pub fn file(folder: &Path) -> PathBuf {
    folder.join("config.toml")
}

impl Config {
    /// The settings that the file's text tells.
    ///
    /// # Errors
    /// What is no TOML, or tells something else (usage, with the line).
    pub fn parse(text: &str) -> Result<Config> {
        toml::from_str(text).map_err(|e| {
            let error = Error::usage(e.message().to_owned());
            match e.span().and_then(|span| text.get(..span.start)) {
                Some(before) => error.at(format_args!("line {}", before.lines().count().max(1))),
                None => error,
            }
        })
    }

    /// Reads the file; no file is no error.
    pub fn read(folder: &Path) -> Result<Config> {
        let file = file(folder);
        match std::fs::read_to_string(&file) {
            Ok(text) => Config::parse(&text).map_err(|e| e.in_file(&file)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_one_or_several_and_mistakes_have_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            std::fs::write(file(folder.path()), text).unwrap();
            Config::read(folder.path()).map_err(|e| e.to_string())
        };
        let config = read("[keys]\nquit = \"Q\"\nhelp = [\"F1\", \"H\"]\n").unwrap();
        let keys = |id: &str| config.keys[id].iter().collect::<Vec<_>>();
        assert_eq!((keys("quit"), keys("help")), (vec!["Q"], vec!["F1", "H"]));
        let error = read("theme = \"dark\"\n[keys]\nquit = 3\n").unwrap_err();
        assert!(
            error.ends_with("config.toml: line 3: a key in quotes, or a list of such keys"),
            "{error}"
        );
    }
}
