//! The state of the program and every change to it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tui_input::Input;

use super::command::{Command, Entry, TABLE};
use super::config::{self, Config};
use super::counts::Counts;
pub use super::desk::{Desk, Open, State};
use super::focus::Focus;
use super::jobs::{Finished, Jobs, Output, Slot, discard};
use super::keymap::{Key, Keymap};
use super::measured;
use super::overlay::{Act, Ask, Choice, Overlay, Picker};
use super::panes::{self, Context, Handled, Pane, PaneId, Request};
use super::place::{Memory, Place};
use super::render::Hits;
use super::term::{InputEvent, KeyEventKind, Position};
use super::theme::Theme;
use super::travel::{History, Spot};
use super::{Event, Options, watch};
use crate::error::{Error, Result};
use crate::format::OpenOptions;
use crate::model::Model;
use crate::sort;

/// All state of the UI.
pub struct App {
    pub(super) desks: Vec<Desk>,
    pub(super) current: usize,
    pub(super) models: Vec<Arc<Model>>,
    pub(super) theme: Theme,
    pub(super) keymap: Keymap,
    pub(super) jobs: Jobs,
    pub(super) overlay: Option<Overlay>,
    /// A word in the footer until the next key.
    pub(super) notice: Option<String>,
    pub(super) tick: usize,
    /// Where and when the mouse was pressed last.
    pub(super) clicked: Option<(Position, Instant)>,
    /// What the mouse can hit, left behind by the last frame.
    pub(super) hits: std::cell::RefCell<Hits>,
    open_options: OpenOptions,
    first_pane: Option<PaneId>,
    memory: Option<Memory>,
    /// Whether the files of open models are looked after.
    pub(super) watches: bool,
    config_folder: Option<PathBuf>,
    sender: Sender<Event>,
    receiver: Receiver<Event>,
    next_desk: u64,
    /// Desks that wait for another to open, to be compared with it.
    comparing: Vec<(u64, u64)>,
    pub(super) history: History,
    copied: Option<String>,
    pub(super) changed: bool,
    suspend: bool,
    redraw: bool,
    pub(super) done: bool,
}

impl App {
    /// # Errors
    /// A bad config file, theme or key.
    pub fn new(options: &Options) -> Result<App> {
        let folder = options.config.clone().or_else(config::folder);
        let config = match &folder {
            Some(folder) => Config::read(folder)?,
            None => Config::default(),
        };
        let name = match options.theme.as_deref().or(config.theme.as_deref()) {
            Some(name) => name,
            None if config::no_color() => "mono",
            None if config::is_light() => "light",
            None => "dark",
        };
        let (sender, receiver) = channel();
        let file = folder.as_deref().map(config::file);
        // What the person did not say on the command line stands in the config file.
        let placed = |there: bool| {
            let file = file.clone().filter(|_| there);
            move |error: Error| match file {
                Some(file) => error.in_file(file),
                None => error,
            }
        };
        Ok(App {
            desks: Vec::new(),
            current: 0,
            models: Vec::new(),
            theme: Theme::named(name, folder.as_deref())
                .map_err(placed(options.theme.is_none()))?,
            keymap: Keymap::new(&config.keys).map_err(placed(true))?,
            jobs: Jobs::new(sender.clone()),
            overlay: None,
            notice: None,
            tick: 0,
            clicked: None,
            hits: Default::default(),
            open_options: options.open.clone(),
            first_pane: options.pane,
            memory: options
                .cache
                .as_deref()
                .filter(|_| config.remember != Some(false))
                .map(Memory::new),
            watches: false,
            config_folder: folder,
            sender,
            receiver,
            next_desk: 0,
            comparing: Vec::new(),
            history: History::default(),
            copied: None,
            changed: true,
            suspend: false,
            redraw: false,
            done: false,
        })
    }

    /// An app that already has its models; for tests.
    ///
    /// # Errors
    /// As [`App::new`].
    pub fn with_models(models: Vec<Model>, options: &Options) -> Result<App> {
        let mut app = App::new(options)?;
        for model in models {
            let id = app.add_desk(model.path.clone());
            app.opened(id, model);
        }
        app.current = 0;
        Ok(app)
    }

    /// Opens a model in the background and shows it.
    pub fn open(&mut self, path: PathBuf) -> u64 {
        let id = self.add_desk(path.clone());
        self.read(id, path);
        id
    }

    /// Reads the front model from its files again; one keeps one's place.
    fn reload(&mut self) {
        let Some(desk) = self.desks.get_mut(self.current) else {
            return;
        };
        if let State::Failed(_) = desk.state {
            desk.state = State::Opening;
        }
        let (id, path) = (desk.id, desk.path.clone());
        self.read(id, path);
    }

    fn read(&mut self, id: u64, path: PathBuf) {
        let slot = Slot {
            desk: id,
            pane: None,
            what: "open",
        };
        let options = self.open_options.clone();
        let label = format!("opening {}", name_of(&path));
        self.jobs.start(
            slot,
            label,
            Box::new(move |_| {
                Ok(Output::Opened(Box::new(crate::format::open(
                    &path, &options,
                )?)))
            }),
        );
    }

    fn add_desk(&mut self, path: PathBuf) -> u64 {
        let id = self.next_desk;
        self.next_desk += 1;
        self.desks.push(Desk {
            id,
            path,
            state: State::Opening,
            changed: false,
        });
        // Several paths on the command line: the first stays in front.
        if self.desks.len() == 1 {
            self.current = 0;
        }
        id
    }

    fn opened(&mut self, id: u64, model: Model) {
        let model = Arc::new(model);
        let Some(at) = self.desks.iter().position(|d| d.id == id) else {
            return;
        };
        if self.watches {
            watch::watch(&model, self.sender.clone());
        }
        let start = Spot {
            desk: id,
            pane: self.first_pane.unwrap_or(PaneId::Overview),
            focus: Focus::start(&model),
        };
        let old = match &self.desks[at].state {
            State::Open(old) => Some(old.model.clone()),
            _ => None,
        };
        let (spot, index, inputs) = match &self.desks[at].state {
            // Read again: the same place in what is there now, and no work for what was.
            State::Open(old) => {
                self.jobs.cancel_where(|s| s.desk == id);
                self.history.moved(id, |spot| {
                    let place = Place::of(spot.pane, spot.focus, &old.model);
                    let (pane, focus) = place.find(&model)?;
                    let desk = id;
                    Some(Spot { desk, pane, focus })
                });
                let place = Place::of(old.pane, old.focus, &old.model);
                let index = self.models.iter().position(|m| Arc::ptr_eq(m, &old.model));
                self.notice = Some(format!("read {} again", model.name));
                (
                    place.find(&model),
                    index,
                    Some(old.panes[PaneId::Run as usize].inputs()),
                )
            }
            _ => {
                let kept = self.memory.as_ref().and_then(|m| m.recall(&model.path));
                let (place, inputs) = kept.unzip();
                let place = place.filter(|_| self.first_pane.is_none());
                (place.and_then(|p| p.find(&model)), None, inputs)
            }
        };
        let spot = spot.map_or(start, |(pane, focus)| Spot {
            desk: id,
            pane,
            focus,
        });
        let is_new = !matches!(self.desks[at].state, State::Open(_));
        if spot != start && at == self.current && is_new {
            self.history.leave(start);
        }
        let index = index.unwrap_or(self.models.len());
        match self.models.get_mut(index) {
            Some(old) => *old = model.clone(),
            None => self.models.push(model.clone()),
        }
        self.desks[at].changed = false;
        let mut panes = panes::all(&model);
        if let Some(inputs) = inputs {
            panes[PaneId::Run as usize].take_inputs(inputs);
        }
        self.desks[at].state = State::Open(Box::new(Open {
            focus: spot.focus,
            measured: Arc::default(),
            counted: Counts::new(&model),
            pane: spot.pane,
            panes,
            names: None,
            hits: None,
            model,
        }));
        discard(old);
        self.on_desk(at, |pane, cx| pane.shown(cx));
        let waiting: Vec<u64> = self
            .comparing
            .iter()
            .filter(|(_, other)| *other == id)
            .map(|(desk, _)| *desk)
            .collect();
        self.comparing.retain(|(_, other)| *other != id);
        for desk in waiting {
            if let Some(at) = self.desks.iter().position(|d| d.id == desk) {
                self.switch(at);
                self.show(PaneId::Compare);
                self.on_desk(at, |pane, cx| pane.text("other", &index.to_string(), cx));
            }
        }
    }

    /// The desk in front.
    pub fn desk(&self) -> Option<&Desk> {
        self.desks.get(self.current)
    }

    pub(super) fn open_desk(&mut self) -> Option<&mut Open> {
        match self.desks.get_mut(self.current).map(|d| &mut d.state) {
            Some(State::Open(open)) => Some(open),
            _ => None,
        }
    }

    pub fn pane(&self) -> PaneId {
        match self.desk().map(|d| &d.state) {
            Some(State::Open(open)) => open.pane,
            _ => PaneId::Overview,
        }
    }

    /// Calls the front pane of desk `at` and does what it then asks for.
    pub(super) fn on_desk<R>(
        &mut self,
        at: usize,
        f: impl FnOnce(&mut dyn Pane, &mut Context) -> R,
    ) -> Option<R> {
        let pane = match &self.desks.get(at)?.state {
            State::Open(open) => open.pane,
            _ => return None,
        };
        self.on_pane(at, pane, f)
    }

    fn on_pane<R>(
        &mut self,
        at: usize,
        pane: PaneId,
        f: impl FnOnce(&mut dyn Pane, &mut Context) -> R,
    ) -> Option<R> {
        let models = std::mem::take(&mut self.models);
        let desk = self.desks.get_mut(at)?;
        let id = desk.id;
        let done = match &mut desk.state {
            State::Open(open) => {
                let mut cx = Context {
                    model: &open.model,
                    models: &models,
                    focus: &mut open.focus,
                    measured: &open.measured,
                    counted: &open.counted,
                    requests: Vec::new(),
                };
                let result = f(open.panes[pane as usize].as_mut(), &mut cx);
                Some((result, cx.requests))
            }
            _ => None,
        };
        self.models = models;
        let (result, requests) = done?;
        for request in requests {
            self.request(at, id, pane, request);
        }
        self.changed = true;
        Some(result)
    }

    fn request(&mut self, at: usize, desk: u64, pane: PaneId, request: Request) {
        match request {
            Request::Go(pane, thing) if at == self.current => self.go(pane, thing),
            Request::Go(..) => {}
            Request::GoIn(model, pane, thing) if at == self.current => {
                self.go_in(&model, pane, thing);
            }
            Request::GoIn(..) => {}
            Request::Say(text) => self.notice = Some(text),
            Request::Fail(error) if error.is_cancelled() => {
                self.notice = Some("stopped".to_owned())
            }
            Request::Fail(error) => self.overlay = Some(Overlay::Card(error)),
            Request::Copy(text) => self.copy(text),
            Request::Ask {
                tag,
                title,
                initial,
                live,
            } => {
                self.overlay = Some(Overlay::Ask(Ask {
                    tag,
                    title,
                    input: Input::new(initial),
                    live,
                }));
            }
            Request::Pick {
                tag,
                title,
                choices,
            } => {
                let choices = choices
                    .into_iter()
                    .map(|(label, detail)| Choice {
                        act: Act::Text(tag, label.clone()),
                        label,
                        detail,
                    })
                    .collect();
                self.overlay = Some(Overlay::Picker(Picker::new(title, choices)));
            }
            Request::Job { what, label, work } => {
                self.jobs.start(
                    Slot {
                        desk,
                        pane: Some(pane),
                        what,
                    },
                    label,
                    work,
                );
            }
            Request::Stop(what) => {
                self.jobs.cancel(Slot {
                    desk,
                    pane: Some(pane),
                    what,
                });
            }
            Request::Open { path, compare } => {
                let opened = self.open(path);
                if compare {
                    self.comparing.push((desk, opened));
                } else {
                    self.switch(self.desks.len() - 1);
                }
            }
        }
    }

    fn copy(&mut self, text: String) {
        let shown = super::text::fit(&super::text::clean(&text), 100);
        self.notice = Some(format!("copied {shown}"));
        self.copied = Some(text);
    }

    /// Everything that happens comes in here.
    pub fn event(&mut self, event: Event) {
        match event {
            Event::Input(InputEvent::Key(key)) if key.kind != KeyEventKind::Release => {
                self.changed = true;
                self.key(&key);
            }
            Event::Input(InputEvent::Mouse(mouse)) => self.mouse(mouse),
            Event::Input(InputEvent::Paste(text)) => self.paste(&text),
            Event::Input(InputEvent::Resize(..)) => self.changed = true,
            Event::Input(_) => {}
            Event::Job(finished) => self.finished(finished),
            Event::Part(part) => self.partly(part),
            Event::Changed(model) => self.files_changed(&model),
            Event::Suspend => self.suspend = true,
            Event::Terminate => self.done = true,
        }
    }

    /// Does a command: the overlay's moves, the pane's own, then the program's.
    pub fn apply(&mut self, command: Command) {
        self.changed = true;
        if !command.entry().place.holds(self.pane()) {
            return;
        }
        if self.on_desk(self.current, |pane, cx| pane.handle(command, cx)) == Some(Handled::Yes) {
            return;
        }
        if let Some(pane) = command.pane() {
            self.show(pane);
            return;
        }
        match command {
            Command::Back => self.travel(History::back),
            Command::Forward => self.travel(History::forward),
            Command::Cancel => self.cancel(),
            Command::Copy => self.copy_chosen(),
            Command::Search => self.search(),
            Command::NextHit => self.next_hit(1),
            Command::PrevHit => self.next_hit(-1),
            Command::Palette => self.palette(),
            Command::Models => self.list_models(),
            Command::CycleTheme => self.cycle_theme(),
            Command::Help => self.overlay = Some(Overlay::Help { scroll: 0 }),
            Command::Reload => self.reload(),
            Command::Redraw => self.redraw = true,
            #[cfg(unix)]
            Command::Suspend => self.suspend = true,
            Command::Quit => self.done = true,
            #[cfg(debug_assertions)]
            Command::Fault => panic!("asked for"),
            _ => {}
        }
    }

    /// Esc: the work of the front pane stops first, then any other of this model.
    fn cancel(&mut self) {
        let Some(desk) = self.desk().map(|d| d.id) else {
            return;
        };
        let front = Some(self.pane());
        let stopped = self
            .jobs
            .cancel_where(|s| s.desk == desk && s.pane == front)
            || self
                .jobs
                .cancel_where(|s| s.desk == desk && s.pane.is_some());
        if stopped {
            self.notice = Some("stopped".to_owned());
        }
    }

    fn copy_chosen(&mut self) {
        let at = self.current;
        let text = self.on_desk(at, |pane, cx| pane.copied(cx));
        match text.flatten() {
            Some(text) => self.copy(text),
            None => self.notice = Some("nothing chosen to copy".to_owned()),
        }
    }

    fn palette(&mut self) {
        let pane = self.pane();
        let mut entries: Vec<&Entry> = TABLE
            .iter()
            .filter(|e| e.place.holds(pane) && e.command != Command::Palette)
            .collect();
        sort::by_key(&mut entries, |e| e.use_for());
        let choices = entries
            .into_iter()
            .map(|e| Choice {
                label: e.id.to_owned(),
                detail: e.says.to_owned(),
                act: Act::Command(e.command),
            })
            .collect();
        self.overlay = Some(Overlay::Picker(Picker::new("commands", choices)));
    }

    fn list_models(&mut self) {
        let mut choices: Vec<Choice> = self
            .desks
            .iter()
            .enumerate()
            .map(|(at, desk)| {
                let (label, detail) = match &desk.state {
                    State::Open(open) => (
                        open.model.name.clone(),
                        super::text::bytes(open.model.total_bytes()),
                    ),
                    State::Opening => (name_of(&desk.path), "opening".to_owned()),
                    State::Failed(_) => (name_of(&desk.path), "could not be opened".to_owned()),
                };
                Choice {
                    label,
                    detail,
                    act: Act::Desk(at),
                }
            })
            .collect();
        choices.push(Choice {
            label: "open another…".to_owned(),
            detail: "type a path".to_owned(),
            act: Act::OpenOther,
        });
        let mut picker = Picker::new("models", choices);
        picker.at = self.current;
        self.overlay = Some(Overlay::Picker(picker));
    }

    fn cycle_theme(&mut self) {
        let names: Vec<_> = Theme::names().collect();
        let at = names
            .iter()
            .position(|n| *n == self.theme.name)
            .unwrap_or(0);
        let next = names[(at + 1) % names.len()];
        match Theme::named(next, self.config_folder.as_deref()) {
            Ok(theme) => {
                self.notice = Some(format!("theme {next}"));
                self.theme = theme;
            }
            Err(error) => self.overlay = Some(Overlay::Card(error)),
        }
    }

    fn finished(&mut self, finished: Finished) {
        self.changed = true;
        let Some((slot, result)) = self.jobs.finish(finished) else {
            return;
        };
        let Some(at) = self.desks.iter().position(|d| d.id == slot.desk) else {
            return;
        };
        match (slot.pane, result) {
            (None, Ok(Output::Opened(model))) => self.opened(slot.desk, *model),
            (None, Ok(output)) => self.searched(output, true),
            // What was open before it was read again stays.
            (None, Err(error)) if matches!(self.desks[at].state, State::Open(_)) => {
                self.overlay = Some(Overlay::Card(error));
            }
            (None, Err(error)) => {
                self.comparing.retain(|(_, other)| *other != slot.desk);
                self.desks[at].state = State::Failed(error);
            }
            (Some(pane), Ok(output)) => {
                measured::note(&mut self.desks, at, &output);
                self.on_pane(at, pane, |pane, cx| pane.job(slot.what, output, cx));
            }
            (Some(pane), Err(error)) => {
                self.on_pane(at, pane, |pane, cx| pane.job_failed(slot.what, error, cx));
            }
        }
    }

    /// What a job of the search has found so far.
    fn partly(&mut self, part: Finished) {
        if let (true, Ok(output)) = (self.jobs.runs(&part), part.result) {
            self.changed = true;
            self.searched(output, false);
        }
    }

    fn files_changed(&mut self, model: &Weak<Model>) {
        for desk in &mut self.desks {
            if let State::Open(open) = &desk.state
                && std::ptr::eq(Arc::as_ptr(&open.model), model.as_ptr())
            {
                desk.changed = true;
                self.changed = true;
            }
        }
    }

    /// Keeps where one is in each model for the next sitting.
    pub(super) fn remember(&self) {
        let Some(memory) = &self.memory else { return };
        memory.keep(self.desks.iter().filter_map(|desk| match &desk.state {
            State::Open(open) => {
                let place = Place::of(open.pane, open.focus, &open.model);
                let inputs = open.panes[PaneId::Run as usize].inputs();
                Some((open.model.path.clone(), place, inputs))
            }
            _ => None,
        }));
    }

    /// Time passes while work runs.
    pub fn tick(&mut self) {
        self.tick += 1;
        self.changed = true;
    }

    /// Waits until no work is left; for tests.
    pub fn settle(&mut self) {
        while !self.jobs.is_idle() {
            match self.receiver.recv() {
                Ok(event) => self.event(event),
                Err(_) => return,
            }
        }
    }

    /// Waits until no work is left, at most this long; how long the slowest answer took to take in. For measuring.
    pub fn settle_within(&mut self, time: Duration) -> Duration {
        let until = Instant::now() + time;
        let mut slowest = Duration::ZERO;
        while !self.jobs.is_idle() {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(event) = self.receiver.recv_timeout(left) else {
                break;
            };
            let begun = Instant::now();
            self.event(event);
            slowest = slowest.max(begun.elapsed());
        }
        slowest
    }

    /// Presses keys spelled as in the config file, separated by spaces; for tests.
    ///
    /// # Errors
    /// A word that is no key.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        for word in keys.split_whitespace() {
            let key = Key::parse(word).ok_or_else(|| Error::usage(format!("no key {word:?}")))?;
            self.event(Event::Input(InputEvent::Key(key.event())));
        }
        Ok(())
    }

    pub(super) fn receiver(&self) -> &Receiver<Event> {
        &self.receiver
    }

    pub(super) fn sender(&self) -> Sender<Event> {
        self.sender.clone()
    }

    pub fn jobs_idle(&self) -> bool {
        self.jobs.is_idle()
    }

    pub fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn touch(&mut self) {
        self.changed = true;
    }

    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub(super) fn take_suspend(&mut self) -> bool {
        std::mem::take(&mut self.suspend)
    }

    pub(super) fn take_redraw(&mut self) -> bool {
        std::mem::take(&mut self.redraw)
    }

    pub(super) fn take_copied(&mut self) -> Option<String> {
        self.copied.take()
    }
}

pub(super) fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |n| n.to_string_lossy().into_owned(),
    )
}
