//! Keys, pastes and the mouse to commands and to the layer on top.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tui_input::Input;

use super::app::App;
use super::command::Command;
use super::keymap::Key;
use super::overlay::{Act, Ask, Overlay, Picker, edit};
use super::panes::Handled;
use super::search;
use super::term::{
    KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind, Position,
};

/// Two clicks on the same cell within this time are Enter.
const DOUBLE_CLICK: Duration = Duration::from_millis(400);
/// The tag of the program's own question for a path.
const OPEN_TAG: &str = "open a model";

impl App {
    pub(super) fn key(&mut self, key: &KeyEvent) {
        self.notice = None;
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            self.done = true;
            return;
        }
        if self.overlay.is_some() {
            self.overlay_key(key);
        } else if let Some(command) = self.keymap.command(self.pane(), Key::of(key)) {
            self.apply(command);
        }
    }

    fn overlay_key(&mut self, key: &KeyEvent) {
        let Some(mut overlay) = self.overlay.take() else {
            return;
        };
        let keep = match &mut overlay {
            Overlay::Help { scroll } => match key.code {
                KeyCode::Down | KeyCode::Char('j') => {
                    *scroll += 1;
                    true
                }
                KeyCode::Up | KeyCode::Char('k') => {
                    *scroll = scroll.saturating_sub(1);
                    true
                }
                KeyCode::PageDown | KeyCode::Char(' ') => {
                    *scroll += 10;
                    true
                }
                KeyCode::PageUp => {
                    *scroll = scroll.saturating_sub(10);
                    true
                }
                _ => false,
            },
            Overlay::Card(_) => !matches!(
                key.code,
                KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | ' ')
            ),
            Overlay::Ask(ask) => self.ask_key(ask, key),
            Overlay::Picker(picker) => self.picker_key(picker, key),
        };
        // What was just done may have put up another.
        if keep && self.overlay.is_none() {
            self.overlay = Some(overlay);
        }
    }

    fn ask_key(&mut self, ask: &mut Ask, key: &KeyEvent) -> bool {
        let tag = ask.tag;
        match key.code {
            KeyCode::Esc => {
                if ask.live {
                    self.on_desk(self.current, |pane, cx| pane.text(tag, "", cx));
                }
                false
            }
            KeyCode::Enter => {
                let text = ask.input.value().to_owned();
                if tag == OPEN_TAG {
                    if !text.trim().is_empty() {
                        self.open(PathBuf::from(text.trim()));
                        self.switch(self.desks.len() - 1);
                    }
                } else {
                    self.on_desk(self.current, |pane, cx| pane.text(tag, &text, cx));
                }
                false
            }
            _ => {
                if edit(&mut ask.input, key) && ask.live {
                    let text = ask.input.value().to_owned();
                    self.on_desk(self.current, |pane, cx| pane.text(tag, &text, cx));
                }
                true
            }
        }
    }

    fn picker_key(&mut self, picker: &mut Picker, key: &KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if let Some(after) = picker.entered.as_mut().filter(|_| key.code != KeyCode::Esc) {
            after.push(*key);
            return true;
        }
        match key.code {
            KeyCode::Esc => {
                if picker.is_search {
                    self.stop_searching();
                }
                return false;
            }
            // Enter means the row that fits what was typed, not the one that still stands there.
            KeyCode::Enter if picker.busy => picker.entered = Some(Vec::new()),
            KeyCode::Enter => {
                self.choose(picker);
                return false;
            }
            KeyCode::Down | KeyCode::Tab => picker.step(1),
            KeyCode::Up | KeyCode::BackTab => picker.step(-1),
            KeyCode::Char('n' | 'j') if control => picker.step(1),
            KeyCode::Char('p' | 'k') if control => picker.step(-1),
            KeyCode::PageDown => picker.step(10),
            KeyCode::PageUp => picker.step(-10),
            _ => {
                if edit(&mut picker.input, key) {
                    self.narrow(picker);
                }
            }
        }
        true
    }

    pub(super) fn choose(&mut self, picker: &Picker) {
        let Some(act) = picker.chosen().and_then(|at| picker.choices.act(at)) else {
            return;
        };
        if picker.is_search {
            self.keep_hits(picker);
        }
        match act {
            Act::Command(command) => self.apply(command),
            Act::Thing(thing) => self.go(search::home(thing, self.pane()), thing),
            Act::Desk(at) => {
                self.switch(at);
            }
            Act::OpenOther => {
                self.overlay = Some(Overlay::Ask(Ask {
                    tag: OPEN_TAG,
                    title: "open: a SavedModel folder or a .tflite file".to_owned(),
                    input: Input::default(),
                    live: false,
                }));
            }
            Act::Text(tag, text) => {
                self.on_desk(self.current, |pane, cx| pane.text(tag, &text, cx));
            }
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        self.changed = true;
        // A pasted line break is not an Enter: nothing runs because of a paste.
        for letter in text.chars().filter(|c| !c.is_control()) {
            if matches!(self.overlay, Some(Overlay::Ask(_) | Overlay::Picker(_))) {
                self.overlay_key(&KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE));
            }
        }
    }

    pub(super) fn mouse(&mut self, mouse: MouseEvent) {
        let at = Position::new(mouse.column, mouse.row);
        let wheel = match mouse.kind {
            MouseEventKind::ScrollDown => Some(Command::Down),
            MouseEventKind::ScrollUp => Some(Command::Up),
            _ => None,
        };
        match (&mut self.overlay, wheel) {
            (Some(Overlay::Picker(picker)), Some(command)) => {
                picker.step(if command == Command::Down { 1 } else { -1 });
                self.changed = true;
            }
            (Some(Overlay::Help { scroll }), Some(command)) => {
                *scroll = if command == Command::Down {
                    *scroll + 3
                } else {
                    scroll.saturating_sub(3)
                };
                self.changed = true;
            }
            (Some(Overlay::Picker(_)), None)
                if mouse.kind == MouseEventKind::Down(MouseButton::Left) =>
            {
                self.click_picker(at);
            }
            (Some(_), _) => {}
            (None, Some(command)) => {
                let handled = self.on_desk(self.current, |pane, cx| pane.mouse(mouse, cx));
                if handled != Some(Handled::Yes) {
                    for _ in 0..3 {
                        self.apply(command);
                    }
                }
            }
            (None, None) => self.click(mouse, at),
        }
    }

    fn click_picker(&mut self, at: Position) {
        self.changed = true;
        let row = self
            .hits
            .borrow()
            .picker
            .iter()
            .find(|(area, _)| area.contains(at))
            .map(|(_, row)| *row);
        // A click beside the list closes it.
        let overlay = self.overlay.take();
        if let (Some(row), Some(Overlay::Picker(mut picker))) = (row, overlay) {
            picker.at = row;
            self.choose(&picker);
        }
    }

    fn click(&mut self, mouse: MouseEvent, at: Position) {
        if mouse.kind == MouseEventKind::Moved {
            return;
        }
        let hit = self
            .hits
            .borrow()
            .commands
            .iter()
            .find(|(area, _)| area.contains(at))
            .map(|(_, c)| *c);
        let pressed = mouse.kind == MouseEventKind::Down(MouseButton::Left);
        if let (Some(command), true) = (hit, pressed) {
            return self.apply(command);
        }
        let dragged = self.on_desk(self.current, |pane, _| match pane.split() {
            Some(split) => split.mouse(mouse),
            None => Handled::No,
        });
        if dragged == Some(Handled::Yes) {
            return;
        }
        let handled = self.on_desk(self.current, |pane, cx| pane.mouse(mouse, cx));
        if pressed {
            let before = self.clicked.replace((at, Instant::now()));
            let again =
                before.is_some_and(|(place, when)| place == at && when.elapsed() < DOUBLE_CLICK);
            if again && handled == Some(Handled::Yes) {
                self.clicked = None;
                self.apply(Command::Enter);
            }
        }
    }
}
