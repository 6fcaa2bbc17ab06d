//! The state as a picture: header, tabs, the front pane, footer, and what lies on top.

use super::app::{App, Desk, State, name_of};
use super::command::{Command, TABLE};
use super::overlay::{Act, Ask, Overlay, Picker};
use super::panes::twins::among;
use super::panes::{PaneId, View};
use super::term::{
    Buffer, Clear, Frame, Line, Paragraph, Position, Rect, Span, Widget, Wrap, width,
};
use super::text;
use super::theme::{Role, Theme};
use super::widgets::{self, panel, put};
use crate::model::{Format, Model};

/// What the mouse can hit in the last frame.
#[derive(Debug, Default)]
pub struct Hits {
    pub commands: Vec<(Rect, Command)>,
    /// Rows of an open list.
    pub picker: Vec<(Rect, usize)>,
}

/// Work shorter than this needs no word in the header.
const QUIET_MS: u128 = 50;
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FOOTER_KEYS: usize = 8;
const HELP_WIDE: u16 = 76;
const BRAND: &str = "mexplore";
/// Lists narrower than this tell of what a search found only the names.
const NAMES_ONLY: u16 = 40;

/// Draws everything; where the cursor of a text field is shown.
pub fn render(app: &App, frame: &mut Frame) {
    let area = frame.area();
    if let Some(cursor) = draw(app, area, frame.buffer_mut()) {
        frame.set_cursor_position(cursor);
    }
}

fn draw(app: &App, area: Rect, buf: &mut Buffer) -> Option<Position> {
    *app.hits.borrow_mut() = Hits::default();
    buf.set_style(area, app.theme[Role::Screen]);
    let row = |y: u16| Rect {
        y: area.y + y,
        height: 1.min(area.height.saturating_sub(y)),
        ..area
    };
    header(app, row(0), buf);
    tabs(app, row(1), buf);
    let body = Rect {
        y: area.y + 2.min(area.height),
        height: area.height.saturating_sub(3),
        ..area
    };
    if body.height > 0 && body.width > 0 {
        front(app, body, buf);
    }
    if area.height > 2 {
        footer(app, row(area.height - 1), buf);
    }
    match &app.overlay {
        None => None,
        Some(Overlay::Help { scroll }) => {
            help(app, *scroll, area, buf);
            None
        }
        Some(Overlay::Card(error)) => {
            let lines = widgets::card_lines(error, &app.theme);
            let inner = floating(
                "it did not work",
                area,
                76,
                lines.len() as u16 + 4,
                buf,
                &app.theme,
            );
            Paragraph::new(lines)
                .wrap(Wrap { trim: false })
                .render(inner, buf);
            None
        }
        Some(Overlay::Ask(ask)) => Some(draw_ask(ask, area, buf, &app.theme)),
        Some(Overlay::Picker(picker)) => Some(draw_picker(app, picker, area, buf)),
    }
}

fn header(app: &App, area: Rect, buf: &mut Buffer) {
    let theme = &app.theme;
    let note = header_note(app);
    // A narrow screen has room for the model's name or for that of the program.
    let name = app.desk().map_or(0, |desk| width(&desk_name(desk)));
    let more = match app.desks.len() {
        0 | 1 => String::new(),
        all => format!(" ▾ {}/{all}", app.current + 1),
    };
    let name = name + width(&more);
    let mut spans = vec![Span::raw(" ")];
    if BRAND.len() + name + 5 <= area.width as usize {
        spans.push(Span::styled(BRAND, theme[Role::Brand]));
        spans.push(Span::raw("   "));
    }
    match app.desk().map(|d| (&d.state, &d.path)) {
        Some((State::Open(open), _)) => {
            let used: usize = spans.iter().map(Span::width).sum();
            let room = (area.width as usize).saturating_sub(used + width(&more) + 1);
            let name = text::fit_name(&text::clean(&open.model.name), room);
            spans.push(Span::styled(name, theme[Role::Strong]));
            spans.push(Span::styled(more, theme[Role::Accent]));
            let used: usize = spans.iter().map(Span::width).sum();
            let noted = note.as_ref().map_or(0, |(words, _)| width(words) + 1);
            let room = (area.width as usize).saturating_sub(used + 3 + noted);
            let about = about(&open.model, room);
            spans.push(Span::styled(format!("   {about}"), theme[Role::Header]));
        }
        Some((_, path)) => spans.push(Span::styled(name_of(path), theme[Role::Strong])),
        None => spans.push(Span::styled("no model", theme[Role::Header])),
    }
    let line = Line::from(spans);
    let used = line.width() as u16;
    line.render(area, buf);
    let Some((words, role)) = note else {
        return;
    };
    let room = area.width.saturating_sub(used.min(area.width / 2) + 1);
    let words = text::fit(&words, room as usize);
    let wide = width(&words) as u16;
    let at = area.right().saturating_sub(wide);
    buf.set_string(at, area.y, words, theme[role]);
    if role == Role::Warn {
        let place = Rect::new(at, area.y, wide, 1);
        let mut hits = app.hits.borrow_mut();
        hits.commands.push((place, Command::Reload));
    }
}

/// What a model is called in the header.
fn desk_name(desk: &Desk) -> String {
    match &desk.state {
        State::Open(open) => text::clean(&open.model.name),
        _ => name_of(&desk.path),
    }
}

/// What stands at the right of the header: running work, else that the files were changed.
fn header_note(app: &App) -> Option<(String, Role)> {
    let job = app.jobs.oldest();
    if let Some(job) = job.filter(|j| j.since.as_millis() >= QUIET_MS) {
        let done = job.snapshot.fraction();
        let done = done.map_or_else(String::new, |f| format!(" {:.0} %", f * 100.0));
        let spinner = SPINNER[app.tick % SPINNER.len()];
        return Some((format!("{spinner} {}{done} ", job.label), Role::Accent));
    }
    let key = app.keymap.key(Command::Reload);
    app.desk().filter(|desk| desk.changed).map(|_| {
        (
            format!("changed on disk   {key} reads it again "),
            Role::Warn,
        )
    })
}

/// `SavedModel · TensorFlow 2.21.0 · 412 KB`, or as many of these as `room` columns take.
fn about(model: &Model, room: usize) -> String {
    let format = match model.format {
        Format::SavedModel => "SavedModel",
        Format::Tflite => "TFLite",
    };
    let first = model.meta_graphs.first();
    let version = first.map(|meta| &meta.tensorflow_version);
    let version = version.filter(|version| !version.is_empty());
    let maker = version.map(|version| format!("TensorFlow {version}"));
    let bytes = text::bytes(model.total_bytes());
    let whole = [Some(format), maker.as_deref(), Some(&bytes)];
    let whole: Vec<&str> = whole.into_iter().flatten().collect();
    let wordings = [&whole[..], &[format, &bytes], &[&bytes], &[]];
    text::fitting(wordings.map(|words| words.join(" · ")), room)
}

type Name = fn(PaneId) -> &'static str;

fn tabs(app: &App, area: Rect, buf: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let theme = &app.theme;
    let front = app.pane();
    // Narrow screens get a shorter name or two, narrower ones only that of the front pane.
    let total = |name: Name, gap: usize| -> usize {
        PaneId::ALL
            .iter()
            .map(|p| name(*p).len() + 2 + gap)
            .sum::<usize>()
            + 1
            - gap
    };
    let room = area.width as usize;
    let (name, gap): (Option<Name>, u16) = if total(PaneId::title, 2) <= room {
        (Some(PaneId::title), 2)
    } else if total(PaneId::short_title, 1) <= room {
        (Some(PaneId::short_title), 1)
    } else {
        let numbers = PaneId::ALL.len() + front.title().len() + 1;
        let airy = 1 + numbers + 2 * (PaneId::ALL.len() - 1) <= room;
        (None, if airy { 2 } else { 1 })
    };
    let mut x = area.x + 1;
    for (number, pane) in PaneId::ALL.into_iter().enumerate() {
        let active = pane == front;
        let label = match name {
            Some(name) => format!("{} {}", number + 1, name(pane)),
            None if active => format!("{} {}", number + 1, pane.title()),
            None => format!("{}", number + 1),
        };
        let wide = label.len() as u16;
        if x + wide > area.right() {
            break;
        }
        let style = theme[if active { Role::TabActive } else { Role::Tab }];
        buf.set_string(x, area.y, &label, style);
        app.hits
            .borrow_mut()
            .commands
            .push((Rect::new(x, area.y, wide, 1), pane.command()));
        x += wide + gap;
    }
}

fn front(app: &App, body: Rect, buf: &mut Buffer) {
    let theme = &app.theme;
    match app.desk().map(|d| (&d.state, d)) {
        Some((State::Open(open), desk)) => {
            let view = View {
                model: &open.model,
                models: &app.models,
                focus: open.focus,
                counted: &open.counted,
                theme,
                jobs: &app.jobs,
                desk: desk.id,
                pane: open.pane,
                tick: app.tick,
            };
            open.panes[open.pane as usize].render(body, buf, &view);
        }
        Some((State::Opening, desk)) => {
            let words = format!("opening {}", desk.path.display());
            widgets::message(body, &[&words], buf, theme);
        }
        Some((State::Failed(error), _)) => {
            let inner = panel("this can't be opened", body, buf, theme, false);
            let inner = Rect {
                y: inner.y + 1,
                height: inner.height.saturating_sub(1),
                ..inner
            };
            widgets::card(error, buf, inner, theme);
        }
        None => widgets::message(
            body,
            &[
                "Nothing is open.",
                "",
                "m   open a SavedModel folder or a .tflite file",
                "q   leave",
            ],
            buf,
            theme,
        ),
    }
}

/// The keys that matter here; or a word about what just happened.
fn footer(app: &App, area: Rect, buf: &mut Buffer) {
    let theme = &app.theme;
    if let Some(notice) = &app.notice {
        put(
            area,
            0,
            Line::styled(
                format!(" {}", text::fit(notice, area.width as usize)),
                theme[Role::Accent],
            ),
            buf,
        );
        return;
    }
    let own: &[Command] = match app.desk().map(|d| &d.state) {
        Some(State::Open(open)) => open.panes[open.pane as usize].footer(),
        _ => &[Command::Models],
    };
    let always = [Command::Palette, Command::Help, Command::Quit];
    let piece = |command: &Command| {
        let key = app.keymap.key(*command);
        (*command, key, command.entry().short)
    };
    let wide = |p: &(Command, String, &str)| (width(&p.1) + 1 + p.2.len() + 3) as u16;
    let last: Vec<_> = always.iter().map(piece).collect();
    let mut room = area
        .width
        .saturating_sub(1 + last.iter().map(wide).sum::<u16>());
    let mut pieces = Vec::new();
    for piece in own.iter().take(FOOTER_KEYS - always.len()).map(piece) {
        if wide(&piece) > room {
            break;
        }
        room -= wide(&piece);
        pieces.push(piece);
    }
    let mut x = area.x + 1;
    for (command, key, short) in pieces.into_iter().chain(last) {
        let used = (width(&key) + 1 + short.len()) as u16;
        if x + used > area.right() {
            break;
        }
        buf.set_string(x, area.y, &key, theme[Role::Key]);
        buf.set_string(
            x + width(&key) as u16 + 1,
            area.y,
            short,
            theme[Role::Footer],
        );
        app.hits
            .borrow_mut()
            .commands
            .push((Rect::new(x, area.y, used, 1), command));
        x += used + 3;
    }
}

/// A box over the middle of the screen, cleared; returns its inside.
fn floating(
    title: &str,
    screen: Rect,
    wide: u16,
    high: u16,
    buf: &mut Buffer,
    theme: &Theme,
) -> Rect {
    let wide = wide.min(screen.width);
    let high = high.min(screen.height);
    let area = Rect {
        x: screen.x + (screen.width - wide) / 2,
        y: screen.y + (screen.height - high) / 3,
        width: wide,
        height: high,
    };
    Clear.render(area, buf);
    buf.set_style(area, theme[Role::Screen]);
    panel(title, area, buf, theme, true)
}

/// The height of the screen with `free` rows around; without on a small one.
fn high_of_screen(screen: Rect, free: u16) -> u16 {
    match screen.height < 12 {
        true => screen.height,
        false => screen.height - free,
    }
}

/// The box around the inside that [`panel`] gave.
fn frame_of(inner: Rect) -> Rect {
    Rect {
        x: inner.x.saturating_sub(2),
        y: inner.y.saturating_sub(1),
        width: inner.width + 4,
        height: inner.height + 2,
    }
}

fn help(app: &App, scroll: usize, area: Rect, buf: &mut Buffer) {
    let theme = &app.theme;
    let pane = app.pane();
    let keys_wide = if area.width < 50 { 10 } else { 18 };
    // Beside them, between the borders and their air.
    let says_wide = (area.width.min(HELP_WIDE) as usize).saturating_sub(keys_wide + 4);
    let mut lines = Vec::new();
    let mut section = |title: String, here: bool| {
        let rows: Vec<_> = TABLE
            .iter()
            .filter(|e| {
                e.place.holds(pane) && (e.place == super::command::Place::Everywhere) != here
            })
            .filter(|e| !app.keymap.keys(e.command).is_empty())
            .collect();
        if rows.is_empty() {
            return;
        }
        if !lines.is_empty() {
            lines.push(Line::raw(""));
        }
        lines.push(Line::styled(title, theme[Role::Title]));
        for entry in rows {
            let keys: Vec<_> = app
                .keymap
                .keys(entry.command)
                .iter()
                .map(|k| k.to_string())
                .collect();
            let mut keys = keys.join(" ");
            for part in text::wrap(entry.says, says_wide, usize::MAX) {
                let beside = text::left(&std::mem::take(&mut keys), keys_wide - 1);
                lines.push(Line::from(vec![
                    Span::styled(beside + " ", theme[Role::Key]),
                    Span::styled(part, theme[Role::Text]),
                ]));
            }
        }
    };
    section(format!("In {}", pane.title()), true);
    section("Everywhere".to_owned(), false);
    let inner = floating("help", area, HELP_WIDE, high_of_screen(area, 2), buf, theme);
    let most = lines.len().saturating_sub(inner.height as usize);
    if most > scroll {
        let note = format!("↓ {} more", most - scroll);
        widgets::panel_note(&note, frame_of(inner), buf, theme[Role::Dim]);
    }
    for (row, line) in lines
        .into_iter()
        .skip(scroll.min(most))
        .take(inner.height as usize)
        .enumerate()
    {
        put(inner, row as u16, line, buf);
    }
}

fn draw_ask(ask: &Ask, area: Rect, buf: &mut Buffer, theme: &Theme) -> Position {
    // A filter must not hide what it filters: it lies over the last rows.
    let inner = if ask.live {
        let strip = Rect {
            y: area.bottom().saturating_sub(4).max(area.y),
            height: 3.min(area.height),
            ..area
        };
        Clear.render(strip, buf);
        buf.set_style(strip, theme[Role::Screen]);
        panel(ask.title.as_str(), strip, buf, theme, true)
    } else {
        floating(&ask.title, area, 76, 3, buf, theme)
    };
    field(&ask.input, "", inner, buf, theme)
}

/// One line of text being typed; returns where the cursor stands.
fn field(
    input: &tui_input::Input,
    prompt: &str,
    area: Rect,
    buf: &mut Buffer,
    theme: &Theme,
) -> Position {
    let start = width(prompt);
    let room = (area.width as usize).saturating_sub(start + 1).max(1);
    let scroll = input.visual_scroll(room);
    let shown: String = input.value().chars().skip(scroll).collect();
    put(
        area,
        0,
        Line::from(vec![
            Span::styled(prompt.to_owned(), theme[Role::Accent]),
            Span::styled(text::fit(&shown, room), theme[Role::Strong]),
        ]),
        buf,
    );
    let column = start + input.visual_cursor().saturating_sub(scroll);
    Position::new(
        (area.x + column as u16).min(area.right().saturating_sub(1)),
        area.y,
    )
}

/// Where a thing lies, in what its `detail` leaves of `room` columns; of a twin, which nothing else tells, in more.
fn fit_place(place: &str, detail: usize, is_twin: bool, room: usize) -> String {
    /// Columns below which a place that was cut tells nothing.
    const LEAST: usize = 8;
    let left = room.saturating_sub(detail + 2);
    let left = match is_twin {
        true => left.max(room / 2),
        false => left,
    };
    match width(place) <= left || left >= LEAST {
        true => text::fit_name(place, left),
        false => String::new(),
    }
}

fn draw_picker(app: &App, picker: &Picker, area: Rect, buf: &mut Buffer) -> Position {
    let theme = &app.theme;
    // Where a thing lies stands beside it.
    let wide = if picker.is_search { 120 } else { 90 };
    let high = u16::try_from(picker.choices.len())
        .unwrap_or(u16::MAX)
        .saturating_add(4)
        .max(6)
        .min(high_of_screen(area, 4));
    let inner = floating(
        &picker.title,
        area,
        wide.min(area.width.saturating_sub(4).max(30)),
        high,
        buf,
        theme,
    );
    let cursor = field(&picker.input, "› ", inner, buf, theme);
    let list = Rect {
        y: inner.y + 1,
        height: inner.height.saturating_sub(1),
        ..inner
    };
    let rows = list.height as usize;
    let from = picker.at.saturating_sub(rows.saturating_sub(1));
    let name_room = (list.width as usize * 55 / 100).max(12);
    let longest = picker.choices.longest_name();
    let name_room = match picker.is_search && list.width < NAMES_ONLY {
        true => list.width as usize + 2,
        false => name_room.min(longest + 2),
    };
    let window = || (from..from + rows).map_while(|row| Some((row, picker.shown.get(row)?)));
    let words = window().map(|(_, at)| picker.choices.words(at));
    let words: Vec<_> = words.collect();
    let twins = among(words.iter().map(|(label, _)| label));
    for (((row, at), (label, detail)), is_twin) in window().zip(words).zip(twins) {
        let line = Rect {
            y: list.y + (row - from) as u16,
            height: 1,
            ..list
        };
        let room = name_room.saturating_sub(2);
        // Of names that a converter joined the last one tells, where all are too long.
        let label = match picker.is_search && width(&label) > room {
            true => text::fit_name(text::last_name(&label), room),
            false => text::fit_name(&label, room),
        };
        let label = text::left(&label, name_room);
        let key = match picker.choices.act(at) {
            Some(Act::Command(command)) => app.keymap.key(command),
            _ => String::new(),
        };
        let key_room = if key.is_empty() { 0 } else { width(&key) + 1 };
        let rest = (list.width as usize).saturating_sub(name_room + key_room);
        let place = picker.choices.place(at).unwrap_or_default();
        let place = fit_place(&place, width(&detail), is_twin, rest);
        let rest = rest.saturating_sub(width(&place));
        let detail = match place.is_empty() {
            true => text::left(&detail, rest),
            false => text::left(&detail, rest.saturating_sub(2)) + "  ",
        };
        Line::from(vec![
            Span::styled(label, theme[Role::Text]),
            Span::styled(detail, theme[Role::Dim]),
            Span::styled(place, theme[Role::Dim]),
            Span::styled(text::right(&key, key_room), theme[Role::Key]),
        ])
        .render(line, buf);
        if row == picker.at {
            buf.set_style(line, theme[Role::Selected]);
        }
        app.hits.borrow_mut().picker.push((line, row));
    }
    if picker.busy && picker.entered.is_some() {
        widgets::panel_note("looking…", frame_of(inner), buf, theme[Role::Accent]);
    }
    if picker.shown.is_empty() {
        let words = if picker.busy {
            "looking…"
        } else {
            "nothing fits"
        };
        put(list, 0, Line::styled(words, theme[Role::Dim]), buf);
    }
    cursor
}
