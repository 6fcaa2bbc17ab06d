//! Keys to commands: the table's own keys, patched by the config file.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::command::{Command, Place, TABLE};
use super::config::Keys;
use super::panes::PaneId;
use super::term::{KeyCode, KeyEvent, KeyModifiers};
use crate::error::{Error, Result};

/// A key as the config file and the help spell it: `q`, `Ctrl-u`, `Alt-Left`, `Enter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    modifiers: KeyModifiers,
}

impl Key {
    pub fn of(event: &KeyEvent) -> Key {
        let mut modifiers = event.modifiers;
        // A shifted letter already is another letter; terminals differ in whether they also say Shift.
        if matches!(event.code, KeyCode::Char(_) | KeyCode::BackTab) {
            modifiers.remove(KeyModifiers::SHIFT);
        }
        Key {
            code: event.code,
            modifiers: modifiers
                & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT),
        }
    }

    /// The event that pressing it makes.
    pub fn event(self) -> KeyEvent {
        KeyEvent::new(self.code, self.modifiers)
    }

    pub fn parse(text: &str) -> Option<Key> {
        let mut modifiers = KeyModifiers::NONE;
        let mut rest = text;
        while let Some((head, tail)) = rest
            .split_once('-')
            .filter(|(h, t)| !h.is_empty() && !t.is_empty())
        {
            modifiers |= match head {
                "Ctrl" => KeyModifiers::CONTROL,
                "Alt" => KeyModifiers::ALT,
                "Shift" => KeyModifiers::SHIFT,
                _ => return None,
            };
            rest = tail;
        }
        let mut letters = rest.chars();
        let code = match (letters.next(), letters.next()) {
            (Some(only), None) => KeyCode::Char(only),
            _ => NAMES
                .iter()
                .find(|(name, _)| *name == rest)
                .map(|(_, code)| *code)
                .or_else(|| rest.strip_prefix('F')?.parse().ok().map(KeyCode::F))?,
        };
        Some(Key { code, modifiers })
    }
}

const NAMES: &[(&str, KeyCode)] = &[
    ("Enter", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
    ("BackTab", KeyCode::BackTab),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Insert", KeyCode::Insert),
    ("Space", KeyCode::Char(' ')),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PageUp", KeyCode::PageUp),
    ("PageDown", KeyCode::PageDown),
];

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, name) in [
            (KeyModifiers::CONTROL, "Ctrl-"),
            (KeyModifiers::ALT, "Alt-"),
            (KeyModifiers::SHIFT, "Shift-"),
        ] {
            if self.modifiers.contains(modifier) {
                f.write_str(name)?;
            }
        }
        match self.code {
            KeyCode::Up => f.write_str("↑"),
            KeyCode::Down => f.write_str("↓"),
            KeyCode::Left => f.write_str("←"),
            KeyCode::Right => f.write_str("→"),
            KeyCode::F(number) => write!(f, "F{number}"),
            code => match NAMES.iter().find(|(_, c)| *c == code) {
                Some((name, _)) => f.write_str(name),
                None => match code {
                    KeyCode::Char(letter) => write!(f, "{letter}"),
                    other => write!(f, "{other:?}"),
                },
            },
        }
    }
}

/// Which key does what where. A pane's own keys win over those that work everywhere.
#[derive(Debug, Clone)]
pub struct Keymap {
    everywhere: HashMap<Key, Command>,
    panes: HashMap<(PaneId, Key), Command>,
    keys: HashMap<Command, Vec<Key>>,
}

impl Keymap {
    /// The table's keys with those of some commands replaced (`quit = ["Ctrl-q"]`).
    ///
    /// # Errors
    /// A command or a key that there is not, or one key for two commands in the same place.
    pub fn new(patch: &BTreeMap<String, Keys>) -> Result<Keymap> {
        for id in patch.keys() {
            if Command::from_id(id).is_none() {
                return Err(Error::usage(format!("no command {id:?}"))
                    .at("keys")
                    .hint("`mexplore keys` lists every command"));
            }
        }
        let mut map = Keymap {
            everywhere: HashMap::new(),
            panes: HashMap::new(),
            keys: HashMap::new(),
        };
        for entry in TABLE {
            let patched = patch.get(entry.id);
            let spelled: Vec<&str> = match patched {
                Some(keys) => keys.iter().collect(),
                None => entry.keys.to_vec(),
            };
            for text in spelled {
                let key = Key::parse(text).ok_or_else(|| {
                    Error::usage(format!("no key {text:?}"))
                        .at(format_args!("keys.{}", entry.id))
                        .hint("keys look like q, Ctrl-u, Alt-Left, Enter, Space, F5")
                })?;
                map.bind(entry.command, entry.place, key)?;
            }
        }
        Ok(map)
    }

    fn bind(&mut self, command: Command, place: Place, key: Key) -> Result<()> {
        let other = match place {
            Place::Everywhere => self.everywhere.insert(key, command),
            Place::In(panes) => panes
                .iter()
                .filter_map(|&pane| self.panes.insert((pane, key), command))
                .last(),
        };
        if let Some(other) = other {
            return Err(Error::usage(format!(
                "{key} is both {:?} and {:?}",
                other.entry().id,
                command.entry().id
            ))
            .at("keys"));
        }
        self.keys.entry(command).or_default().push(key);
        Ok(())
    }

    pub fn command(&self, pane: PaneId, key: Key) -> Option<Command> {
        self.panes
            .get(&(pane, key))
            .or_else(|| self.everywhere.get(&key))
            .copied()
    }

    /// The keys of a command, the main one first.
    pub fn keys(&self, command: Command) -> &[Key] {
        self.keys.get(&command).map_or(&[], Vec::as_slice)
    }

    /// The main key as text, empty when the command has none.
    pub fn key(&self, command: Command) -> String {
        self.keys(command)
            .first()
            .map(Key::to_string)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_keys_do_not_clash() {
        Keymap::new(&BTreeMap::new()).unwrap();
    }

    #[test]
    fn a_pane_key_wins_and_a_patch_replaces() {
        let patch = BTreeMap::from([("quit".to_owned(), Keys::One("Ctrl-q".to_owned()))]);
        let map = Keymap::new(&patch).unwrap();
        let key = |text| Key::parse(text).unwrap();
        assert_eq!(
            map.command(PaneId::Run, key("Enter")),
            Some(Command::RunOnce)
        );
        assert_eq!(
            map.command(PaneId::Tree, key("Enter")),
            Some(Command::Enter)
        );
        assert_eq!(map.command(PaneId::Tree, key("q")), None);
        assert_eq!(
            map.command(PaneId::Tree, key("Ctrl-q")),
            Some(Command::Quit)
        );
    }

    #[test]
    fn a_bad_patch_says_which_line() {
        let patch = BTreeMap::from([("help".to_owned(), Keys::One("q".to_owned()))]);
        let text = Keymap::new(&patch).unwrap_err().to_string();
        assert!(text.contains("q is both \"help\" and \"quit\""), "{text}");
        let patch = BTreeMap::from([("help".to_owned(), Keys::One("Hyper-x".to_owned()))]);
        assert!(
            Keymap::new(&patch)
                .unwrap_err()
                .to_string()
                .starts_with("keys.help")
        );
    }

    #[test]
    fn keys_read_as_they_are_written() {
        for text in ["q", "Ctrl-u", "Enter", "Space", "F5", "-"] {
            assert_eq!(Key::parse(text).unwrap().to_string(), text);
        }
    }
}
