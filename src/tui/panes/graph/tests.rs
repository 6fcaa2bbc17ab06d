use std::path::Path;

use insta::assert_snapshot;

use crate::tui::term::{
    InputEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind, Terminal, TestBackend,
};
use crate::tui::{App, Event, Options, render};

/// A model of samples/ that is open.
fn opened(sample: &str) -> App {
    let options = Options {
        theme: Some("dark".to_owned()),
        config: Some(Path::new("/nowhere").to_owned()),
        ..Options::default()
    };
    let mut app = App::new(&options).unwrap();
    app.open(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("samples")
            .join(sample),
    );
    app.settle();
    app
}

/// The screen after some keys, a line each.
fn screen(sample: &str, keys: &str, (columns, rows): (u16, u16)) -> String {
    let mut app = opened(sample);
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    for key in std::iter::once("3").chain(keys.split_whitespace()) {
        app.press(key).unwrap();
        app.settle();
        terminal.draw(|frame| render::render(&app, frame)).unwrap();
    }
    text(&terminal)
}

/// What this pane drew, a line each.
fn text(terminal: &Terminal<TestBackend>) -> String {
    let buffer = terminal.backend().buffer();
    let (columns, rows) = (buffer.area.width, buffer.area.height);
    let row = |y: u16| -> String {
        let cells = (0..columns).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    };
    // Header, tabs and footer are not this pane's.
    (2..rows - 1).map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_map_shows_a_network_from_its_input_on() {
    assert_snapshot!(screen("digits_cnn/1", "Down Down", (80, 24)), @r"
    ╭ serving_default ▸ __call__ ─────────────────────────────── family · one line ╮
    │                                 ╭───────────────╮                            │
    │                                 │▌image ?×8×8×1 │                            │
    │                                 ╰───────┬───────╯                            │
    │                                         │                                    │
    │                                 ╭───────┴───────╮                            │
    │                                 │▌Conv2D stem_1 │                            │
    │                                 ╰───────┰───────╯                            │
    │                                         ┃ ?×8×8×24                           │
    │                          ╭──────────────┸──────────────╮                     │
    │                          │▌▸ stem_bn_1/batchnorm 2 ops │                     │
    │                          ╰──────────────┰──────────────╯                     │
    │                                         ┃ ?×8×8×24                           │
    │                               ╭─────────┸─────────╮                          │
    │                               │▌Relu stem_relu_1  │                          │
    │                               ╰─────────┬─────────╯                 ╭──────╮ │
    │                                         │ ?×8×8×24                  │⠀⢶⣿⣿⣷⠆│ │
    │                                ╭────────┴────────╮                  │⠚⣿⣿⠛⠉⠉│ │
    │                                │▌MaxPool pool_1  │                  │⢸⣿⣿⡇⠀⠀│ │
    │                                ╰────────┬────────╯                  ╰──────╯ │
    ╰─ stem_bn_1/batchnorm 2 ops · Mul AddV2 · 388 B ──────────────────────────────╯
    ");
}

#[test]
fn scopes_open_in_place_and_close_again() {
    let before = screen("digits_cnn/1", "Down Down", (120, 30));
    assert_snapshot!(screen("digits_cnn/1", "Down Down Enter", (120, 30)), @r"
    ╭ serving_default ▸ __call__ ▸ stem_bn_1/batchnorm ─────────────── family · one line ╮╭ Mul ───────────────────────────╮
    │                                     ╰───────┬───────╯                              ││ …/stem_bn_1/batchnorm/mul_1    │
    │                                             │                                      ││ elementwise                    │
    │                                     ╭───────┴───────╮                              ││ params   48                    │
    │                                     │▌Conv2D stem_1 │                              ││ weights  196 B  0.4%           │
    │                                     ╰───────┰───────╯                              ││                                │
    │                                             ┃ ?×8×8×24                             ││ In                             │
    │                             ╭ ▾ stem_bn_1/b…╂───────────────╮                      ││ ← x  Conv2D stem_1             │
    │                             │               ┃               │                      ││   ?×8×8×24 float32             │
    │                             │           ╭───┸───╮           │                      ││                                │
    │                             │           │▌Mul   │           │                      ││ Out                            │
    │                             │           ╰───┰───╯           │                      ││ → AddV2                        │
    │                             │               ┃ ?×8×8×24      │                      ││   ?×8×8×24 float32             │
    │                             │           ╭───┸───╮           │                      ││                                │
    │                             │           │▌AddV2 │           │                      ││ Weights                        │
    │                             │           ╰───┬───╯           │                      ││ stem_bn/gamma                  │
    │                             │               │ ?×8×8×24      │                      ││   24 float32  96 B             │
    │                             ╰───────────────┼───────────────╯                      ││ stem_bn/moving_variance        │
    │                                             │                                      ││   24 float32  96 B             │
    │                                   ╭─────────┴─────────╮                   ╭──────╮ ││ …/stem_bn_1/batchnorm/add/y:0  │
    │                                   │▌Relu stem_relu_1  │                   │⠀⠀⢛⣛⠃⠀│ ││   scalar float32  4 B          │
    │                                   ╰─────────┬─────────╯                   │⠀⠀⣼⣿⣤⠀│ ││                                │
    │                                             │ ?×8×8×24                    │⠼⣿⣿⠿⠛⠛│ ││ Types                          │
    │                                    ╭────────┴────────╮                    │⢀⣿⣿⡀⠀⠀│ ││ T float32                      │
    │                                    │▌MaxPool pool_1  │                    │⢘⣿⣿⡃⠀⠀│ ││   type of the values           │
    │                                    ╰────────┬────────╯                    ╰──────╯ ││                                │
    ╰────────────────────────────────────────────────────────────────────────────────────╯╰────────────────────────────────╯
    ");
    assert_eq!(
        screen("digits_cnn/1", "Down Down Enter Backspace", (120, 30)),
        before
    );
}

#[test]
fn rails_are_one_operator_a_row() {
    assert_snapshot!(screen("digits_cnn.int8.tflite", "v Down Down", (120, 24)), @r"
    ╭ serving_default ────────────────────────────────────────────────────────── 13 rows ╮╭ CONV_2D ───────────────────────╮
    │      operator                                output     params      MAC     bytes  ││ …/stem_bn_1/batchnorm/sub1     │
    │ ○    image                                   ?×8×8×1         –        –         –  ││ conv                           │
    │ ●    QUANTIZE tfl.quantize                   ?×8×8×1         –        –         –  ││ version  3                     │
    │ ●    CONV_2D stem_1                          ?×8×8×32      320   18.4 k     416 B  ││ node     number 1              │
    │ ●    MAX_POOL_2D pool_1                      ?×4×4×32        –        –         –  ││ params   320                   │
    │ ├─●  CONV_2D conv_1                          ?×4×4×64   18.5 k    295 k   18.7 KB  ││ weights  416 B  1.7%           │
    │ ● │  CONV_2D skip_1                          ?×4×4×64   2.11 k   32.8 k   2.30 KB  ││ cost     18.4 kMAC  5.3%       │
    │ ●─╯  ADD add_1                               ?×4×4×64        –        –         –  ││                                │
    │ ●    MEAN mean_1                             ?×64            –        –       8 B  ││ Attributes                     │
    │ ●    FULLY_CONNECTED hidden_1                ?×32       2.08 k   2.05 k   2.18 KB  ││ dilation_h_factor  1           │
    │ ●    FULLY_CONNECTED probs_1                 ?×10          330      320     360 B  ││ dilation_w_factor  1           │
    │ ●    SOFTMAX StatefulPartitionedCall_1:01    ?×10            –        –         –  ││   cells between the taps of    │
    │ ●    DEQUANTIZE StatefulPartitionedCall_1:0  ?×10            –        –         –  ││   the window                   │
    │ ○    output_0                                ?×10            –        –         –  ││ fused_activation_… RELU        │
    │                                                                                    ││   applied to the result in the │
    │                                                                                    ││   same step                    │
    │                                                                                    ││ padding            SAME        │
    │                                                                                    ││   SAME fills up the border so  │
    │                                                                                    ││   that sizes stay, VALID takes │
    ╰────────────────────────────────────────────────────────────────────────────────────╯╰────────────────────────────────╯
    ");
}

#[test]
fn the_selection_is_shared_with_the_other_panes() {
    let back = screen("digits_cnn.int8.tflite", "Down Down 4 3", (120, 30));
    assert_eq!(
        screen("digits_cnn.int8.tflite", "Down Down", (120, 30)),
        back
    );
}

#[test]
fn every_size_and_zoom_draws() {
    for size in [(30, 8), (80, 24), (200, 60)] {
        let keys = "z z z z o o o o v Bottom Top v t Escape ] ] [ Tab Down Tab H J K L";
        let keys = keys
            .replace("Bottom", "End")
            .replace("Top", "Home")
            .replace("Escape", "Esc");
        assert!(!screen("digits_cnn/1", &keys, size).is_empty());
        assert!(!screen("lstm", &keys, size).is_empty());
    }
}

#[test]
fn times_and_errors_come_from_run_and_compare() {
    let waits = screen("digits_cnn.int8.tflite", "o o o o", (80, 24));
    assert!(waits.contains("time · no run yet: press r"), "{waits}");
    let ran = screen("digits_cnn/1", "v 7 Enter 3 o o o o", (120, 24));
    assert!(ran.contains("time · "), "{ran}");
    let row = |name: &str| {
        ran.lines()
            .find(|line| line.contains(name))
            .unwrap()
            .to_owned()
    };
    assert!(row("Conv2D stem_1").contains(" ms"), "{ran}");
}

#[test]
fn what_only_waits_can_be_hidden() {
    for view in ["", "v"] {
        let all = screen("lstm", view, (120, 40));
        let data = screen("lstm", &format!("{view} w"), (120, 40));
        assert!(all.contains('╌'), "{all}");
        assert!(!data.contains('╌') && !data.contains('┊'), "{data}");
    }
}

#[test]
fn the_map_follows_a_mouse_that_drags_it() {
    let mut app = opened("digits_cnn/1");
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let mut after = |app: &mut App, events: &[(MouseEventKind, u16, u16)]| {
        for &(kind, column, row) in events {
            app.event(Event::Input(InputEvent::Mouse(MouseEvent {
                kind,
                column,
                row,
                modifiers: KeyModifiers::NONE,
            })));
            app.settle();
            terminal.draw(|frame| render::render(app, frame)).unwrap();
        }
        terminal.draw(|frame| render::render(app, frame)).unwrap();
        text(&terminal)
    };
    app.press("3").unwrap();
    app.settle();
    let begin = after(&mut app, &[]);
    let place = |screen: &str| screen.lines().position(|line| line.contains("Relu stem"));
    let [down, drag, up] = [
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::Drag(MouseButton::Left),
        MouseEventKind::Up(MouseButton::Left),
    ];
    // The drawing goes where the hand goes, also when this goes by leaps.
    let events = [(down, 10, 18), (drag, 10, 17), (drag, 10, 12), (up, 10, 12)];
    let pulled = after(&mut app, &events);
    assert_eq!(
        place(&pulled).unwrap() + 6,
        place(&begin).unwrap(),
        "{pulled}"
    );
    // Without a button nothing moves, nor where the hand comes in from outside.
    let events = [(drag, 10, 3), (MouseEventKind::Moved, 10, 20)];
    assert_eq!(after(&mut app, &events), pulled);
    let events = [(down, 10, 12), (drag, 10, 18), (up, 10, 18)];
    assert_eq!(after(&mut app, &events), begin);
}
