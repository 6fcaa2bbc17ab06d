use super::*;
use crate::model::DType;

fn text(buf: &Buffer) -> String {
    let row = |y: u16| -> String {
        let row = (0..buf.area.width).map(|x| buf[(x, y)].symbol());
        row.collect::<String>().trim_end().to_owned()
    };
    (0..buf.area.height).map(row).collect::<Vec<_>>().join("\n")
}

fn screen(outputs: &[Given], chosen: &Chosen, (wide, high): (u16, u16)) -> String {
    let labels = ["none", "cat", "dog"].map(str::to_owned);
    let area = Rect::new(0, 0, wide, high);
    let mut buf = Buffer::empty(area);
    // Without colours everything shows as letters.
    let theme = Theme::named("mono", None).unwrap();
    let look = Look {
        labels: Some(&labels),
        scroll: 0,
        chosen,
        key: true,
        focused: false,
        theme: &theme,
    };
    render(area, outputs, look, &mut buf);
    text(&buf)
}

fn given(name: &str, tensor: Tensor) -> Vec<Given> {
    Given::all(&[(name.to_owned(), tensor)], &[], &[], Item::default()).unwrap()
}

fn kinds(tensor: &Tensor) -> Vec<&'static str> {
    ways(tensor, None)
        .iter()
        .map(|way| way.kind().name())
        .collect()
}

/// A bright disc.
fn disc(side: usize) -> Vec<f32> {
    let middle = side as f32 / 2.0;
    let pixel = |i: usize| {
        let (y, x) = ((i / side) as f32 - middle, (i % side) as f32 - middle);
        f32::from(u8::from(y.hypot(x) < middle * 0.75))
    };
    (0..side * side).map(pixel).collect()
}

#[test]
fn of_a_batch_one_item_is_ranked_and_all_of_it_are_the_numbers() {
    let rows = Tensor::from_values(&[2, 3], &[0.7f32, 0.2, 0.1, 0.1, 0.3, 0.6]);
    let name = |tensor: Tensor| ("x".to_owned(), tensor);
    let inputs = [name(Tensor::from_values(&[2, 1], &[1.0f32, 2.0]))];
    let second = Item::of(&inputs, 7);
    assert_eq!(second, Item { at: 1, count: 2 });
    let single = Tensor::from_values(&[2, 1], &[5.0f32, 6.0]);
    let outputs = [name(rows), ("y".to_owned(), single)];
    let outputs = Given::all(&outputs, &[], &inputs, second).unwrap();
    insta::assert_snapshot!(screen(&outputs, &Chosen::default(), (44, 9)), @r"
    ╭ x  float32 2×3  item 2 of 2 ───── ] item ╮
    │ 2 dog  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇     0.6000 │
    │     …  2 more                            │
    ╰──────────────────────────────────────────╯
    ╭ y  float32 2×1 ──────────────────────────╮
    │ 5 … 6   mean 5.5000 ± 0.5000             │
    │             0                            │
    │  0         5                             │
    ╰──────────────────────────────────────────╯
    ");
    let mut chosen = Chosen::default();
    assert!(chosen.next(&outputs, 0));
    insta::assert_snapshot!(screen(&outputs[..1], &chosen, (44, 5)), @r"
    ╭ x  float32 2×3  item 2 of 2 ───── ] item ╮
    │             0         1         2        │
    │  0    0.7000    0.2000    0.1000         │
    │  1    0.1000    0.3000    0.6000         │
    ╰──────────────────────────────────────────╯
    ");
    // Inputs of different lengths are no batch.
    let other = name(Tensor::from_values(&[3], &[0.0f32; 3]));
    assert_eq!(Item::of(&[inputs[0].clone(), other], 1).count, 1);
}

#[test]
fn each_kind_of_output_has_its_ways() {
    let zeros = |shape: &[usize]| Tensor::zeros(DType::Float32, shape).unwrap();
    assert_eq!(kinds(&zeros(&[1, 10])), ["largest", "numbers", "spread"]);
    assert_eq!(kinds(&zeros(&[1])), ["value"]);
    assert_eq!(kinds(&zeros(&[2, 3])), ["spread", "numbers"]);
    let disc = Tensor::from_values(&[1, 32, 32, 1], &disc(32));
    assert_eq!(kinds(&disc), ["image", "spread", "numbers"]);
    let text = Tensor::from_strings(&[1], vec![b"a".to_vec()]);
    assert_eq!(kinds(&text), ["numbers"]);
}

#[test]
fn a_image_has_its_range_beside() {
    let outputs = given("mask", Tensor::from_values(&[1, 32, 32, 1], &disc(32)));
    insta::assert_snapshot!(screen(&outputs, &Chosen::default(), (64, 12)), @r"
    ╭ mask  float32 1×32×32×1 ─────────────────────────── v spread ╮
    │                       values 0 … 1                           │
    │        ░▒▒▒▒▒░        mean   0.4268 ± 0.4946                 │
    │      ▒█████████▒      drawn  0 … 1                           │
    │    ░████████████▓░                                           │
    │    ▓█████████████▒                                           │
    │    ▓█████████████▒                                           │
    │    ▒█████████████░                                           │
    │     ▒██████████▓░                                            │
    │       ░▒▓▓▓▓▓▒░                                              │
    │                                                              │
    ╰──────────────────────────────────────────────────────────────╯
    ");
}

#[test]
fn a_key_takes_the_next_way_and_it_stays() {
    let outputs = given("mask", Tensor::from_values(&[1, 16, 16, 1], &disc(16)));
    let mut chosen = Chosen::default();
    assert!(chosen.next(&outputs, 0) && chosen.next(&outputs, 7));
    insta::assert_snapshot!(screen(&outputs, &chosen, (44, 6)), @r"
    ╭ mask  float32 1×16×16×1 ──────── v image ╮
    │             0                            │
    │  0         0                             │
    │  1         0                             │
    │  2         0                             │
    ╰──────────────────────────────────────────╯
    ");
    assert!(chosen.next(&outputs, 0));
    assert_eq!(chosen.way(&outputs[0]).kind(), Kind::Image);
    // What was chosen for an output that has no such way now is as if it were not.
    chosen.next(&outputs, 0);
    chosen.next(&outputs, 0);
    let other = given("mask", Tensor::from_strings(&[1], vec![b"a".to_vec()]));
    assert_eq!(chosen.way(&other[0]).kind(), Kind::Numbers);
    assert!(!chosen.next(&other, 0) && !chosen.next(&[], 0));
}

#[test]
fn classes_have_a_legend() {
    let ids: Vec<i64> = (disc(24).iter().enumerate())
        .map(|(at, v)| {
            if at % 24 < 12 {
                *v as i64 * 2
            } else {
                *v as i64
            }
        })
        .collect();
    let outputs = given("ids", Tensor::from_values(&[1, 24, 24], &ids));
    insta::assert_snapshot!(screen(&outputs, &Chosen::default(), (56, 12)), @r"
    ╭ ids  int64 1×24×24 ───────────────────────── v image ╮
    │ ····················  · 0 none  56.8%                │
    │ ····················  ▓ 1 cat   23.1%                │
    │ ·······░░░▓▓▓▓▓·····  ░ 2 dog   20.1%                │
    │ ·····░░░░░▓▓▓▓▓▓▓···                                 │
    │ ····░░░░░░▓▓▓▓▓▓▓▓··                                 │
    │ ····░░░░░░▓▓▓▓▓▓▓▓··                                 │
    │ ····░░░░░░▓▓▓▓▓▓▓▓··                                 │
    │ ····░░░░░░▓▓▓▓▓▓▓▓··                                 │
    │ ······░░░░▓▓▓▓▓·····                                 │
    │ ····················                                 │
    ╰──────────────────────────────────────────────────────╯
    ");
}

#[test]
fn a_signal_is_a_line_and_scores_are_bars() {
    let tone: Vec<f32> = (0..800).map(|i| (i as f32 / 50.0).sin()).collect();
    let audio = ("audio".to_owned(), Tensor::from_values(&[1, 800], &tone));
    let scores = Tensor::from_values(&[1, 3], &[0.25f32, 0.7, 0.05]);
    let outputs = Given::all(
        &[audio, ("scores".to_owned(), scores)],
        &[],
        &[],
        Item::default(),
    )
    .unwrap();
    insta::assert_snapshot!(screen(&outputs, &Chosen::default(), (56, 16)), @r"
    ╭ audio  float32 1×800 ───────────────────── v largest ╮
    │  1.0000   ⣠⠞⠉⠳⡄            ⢠⠞⠉⠳⣄            ⢀⡴⠋⠙⢦    │
    │          ⣰⠃   ⠹⡄          ⢠⠏   ⠘⣆          ⢀⡞   ⠈⢣   │
    │         ⣰⠃     ⠹⡄        ⢠⠏     ⠘⣆         ⡞      ⢧  │
    │         ⠇╌╌╌╌╌╌╌⢱⡀╌╌╌╌╌╌⢀⡎╌╌╌╌╌╌╌⠘⡄╌╌╌╌╌╌╌⡼╌╌╌╌╌╌╌⠈⢇ │
    │                  ⢳      ⡜         ⠹⡄     ⣰⠁        ⠘ │
    │                   ⢧    ⡼⠁          ⢳⡀   ⣰⠃           │
    │ -1.0000           ⠈⠳⣄⣠⠞⠁            ⠹⢤⣀⡴⠁            │
    │         0                                        799 │
    ╰──────────────────────────────────────────────────────╯
    ╭ scores  float32 1×3 ─────────────────────────────────╮
    │  1 cat  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇     0.7000 │
    │ 0 none  ▇▇▇▇▇▇▇▇▇▇▇▊                          0.2500 │
    │  2 dog  ▇▇▍                                   0.0500 │
    │                                                      │
    ╰──────────────────────────────────────────────────────╯
    ");
}

fn detector() -> Vec<(String, Tensor)> {
    let boxes = [[0.1f32, 0.1, 0.9, 0.5], [0.3, 0.55, 0.7, 0.95], [0.0; 4]];
    vec![
        (
            "x".to_owned(),
            Tensor::from_values(&[1, 3, 4], boxes.as_flattened()),
        ),
        (
            "y".to_owned(),
            Tensor::from_values(&[1, 3], &[2.0f32, 1.0, 1.0]),
        ),
        (
            "z".to_owned(),
            Tensor::from_values(&[1, 3], &[0.9f32, 0.6, 0.1]),
        ),
        ("n".to_owned(), Tensor::from_values(&[1], &[3.0f32])),
    ]
}

#[test]
fn boxes_lie_over_the_input_and_stand_in_a_list() {
    let disc = Tensor::from_values(&[1, 40, 40, 1], &disc(40));
    let inputs = [("image".to_owned(), disc)];
    let outputs = Given::all(&detector(), &[], &inputs, Item::default()).unwrap();
    assert_eq!(outputs.len(), 5);
    let mut chosen = Chosen::default();
    insta::assert_snapshot!(screen(&outputs, &chosen, (72, 33)), @r"
    ╭ detections  2 of 3 score ≥ 0.3 ─────────────── v list · Tab ↓ 2 more ╮
    │                                           ■ dog  0.90                │
    │                                           ■ cat  0.60                │
    │     ┏ dog 0.90 ━━━━┓                                                 │
    │     ┃        ▒▒████┃██████▒▒                                         │
    │     ┃     ▒▒███████┃█████████▒▒                                      │
    │     ┃    ██████████┃████████████                                     │
    │     ┃  ▒███████████┃██┏ cat 0.60 ━━━━┓                               │
    │     ┃ ▒████████████┃██┃███████████▒  ┃                               │
    │     ┃ █████████████┃██┃████████████  ┃                               │
    │     ┃ █████████████┃██┃████████████  ┃                               │
    │     ┃ █████████████┃██┃████████████  ┃                               │
    │     ┃ █████████████┃██┃████████████  ┃                               │
    │     ┃ █████████████┃██┃████████████  ┃                               │
    │     ┃  ████████████┃██┗━━━━━━━━━━━━━━┛                               │
    │     ┃   ▒██████████┃████████████▒                                    │
    │     ┃    ▒█████████┃███████████▒                                     │
    │     ┃       ▒██████┃████████▒                                        │
    │     ┗━━━━━━━━━━━━━━┛▒▒▒▒▒▒                                           │
    │                                                                      │
    │                                                                      │
    │                                                                      │
    │                                                                      │
    │                                                                      │
    │                                                                      │
    ╰──────────────────────────────────────────────────────────────────────╯
    ╭ x  float32 1×3×4 ────────────────────────────────────────────────────╮
    │ 0 … 0.9500   mean 0.3417 ± 0.3493                                    │
    │                                                                      │
    ╰──────────────────────────────────────────────────────────────────────╯
    ╭ y  float32 1×3 ──────────────────────────────────────────────────────╮
    │ 0 none  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇          2 │
    ╰──────────────────────────────────────────────────────────────────────╯
    ");
    chosen.next(&outputs, 0);
    insta::assert_snapshot!(screen(&outputs, &chosen, (60, 12)), @r"
    ╭ detections  2 of 3 score ≥ 0.3 ── v boxes · Tab ↓ 2 more ╮
    │ class  score  y             x                            │
    │ dog    0.900  0.100…0.900   0.100…0.500                  │
    │ cat    0.600  0.300…0.700   0.550…0.950                  │
    │ cat    0.100  0.000…0.000   0.000…0.000                  │
    ╰──────────────────────────────────────────────────────────╯
    ╭ x  float32 1×3×4 ────────────────────────────────────────╮
    │ 0 … 0.9500   mean 0.3417 ± 0.3493                        │
    ╰──────────────────────────────────────────────────────────╯
    ╭ y  float32 1×3 ──────────────────────────────────────────╮
    │ 0 none  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇          2 │
    ╰──────────────────────────────────────────────────────────╯
    ");
}

#[test]
fn boxes_without_an_image_lie_in_an_empty_frame() {
    let outputs = Given::all(&detector(), &[], &[], Item::default()).unwrap();
    insta::assert_snapshot!(screen(&outputs[..1], &Chosen::default(), (60, 14)), @r"
    ╭ detections  2 of 3 score ≥ 0.3 ────────────────── v list ╮
    │ ┏━━━━━━━━━━━━━━━━━━━━━━┓  ■ dog  0.90                    │
    │ ┃ ┏ dog ━━━┓           ┃  ■ cat  0.60                    │
    │ ┃ ┃        ┃           ┃                                 │
    │ ┃ ┃        ┃ ┏ cat ━━━┓┃                                 │
    │ ┃ ┃        ┃ ┃        ┃┃                                 │
    │ ┃ ┃        ┃ ┃        ┃┃                                 │
    │ ┃ ┃        ┃ ┃        ┃┃                                 │
    │ ┃ ┃        ┃ ┃        ┃┃                                 │
    │ ┃ ┃        ┃ ┗━━━━━━━━┛┃                                 │
    │ ┃ ┃        ┃           ┃                                 │
    │ ┃ ┗━━━━━━━━┛           ┃                                 │
    │ ┗━━━━━━━━━━━━━━━━━━━━━━┛                                 │
    ╰──────────────────────────────────────────────────────────╯
    ");
}

#[test]
fn nothing_is_drawn_where_there_is_no_room() {
    let outputs = Given::all(&detector(), &[], &[], Item::default()).unwrap();
    for (wide, high) in [(0, 0), (1, 1), (3, 3), (5, 4), (9, 3), (200, 3), (6, 60)] {
        screen(&outputs, &Chosen::default(), (wide, high));
        let tone: Vec<f32> = (0..800).map(|i| (i as f32 / 50.0).sin()).collect();
        for shape in [&[800][..], &[400, 2], &[20, 40]] {
            let outputs = given("audio", Tensor::from_values(shape, &tone));
            screen(&outputs, &Chosen::default(), (wide, high));
        }
    }
}
