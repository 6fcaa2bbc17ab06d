//! Keys and where they lead.

use super::*;

#[track_caller]
fn shows(app: &App, words: &[&str]) {
    let text = screen(app, 120, 36);
    for word in words {
        assert!(
            text.contains(word),
            "{word:?} is not on the screen:\n{text}"
        );
    }
}

#[test]
fn a_digit_runs_and_reads_as_itself() {
    let mut app = app(&["digits_cnn"]);
    press(&mut app, "r Enter");
    shows(&app, &["float32 1×10", "this run", "label"]);
    press(&mut app, "b");
    shows(&app, &["median", "p90"]);
    press(&mut app, "p");
    shows(&app, &["time per operator, of peak", " %"]);
    press(&mut app, "a");
    shows(&app, &["╭ memory", "at once, most at", "━"]);
    press(&mut app, "a");
    shows(&app, &["median"]);
}

#[test]
fn a_value_inside_is_chosen_watched_and_let_go() {
    let mut app = app(&["digits_cnn.int8.tflite"]);
    press(&mut app, "7 x");
    shows(&app, &["nothing has run yet"]);
    press(&mut app, "Enter x");
    shows(
        &app,
        &["a value of the last run", "MAX_POOL_2D  int8 1×4×4×32"],
    );
    press(&mut app, "m a x Space p o o l Enter");
    let before = screen(&app, 120, 36);
    shows(
        &app,
        &[
            "MAX_POOL_2D, of int8  float32 1×4×4×32",
            "x lets go",
            "output_0",
        ],
    );
    // It stays while the input changes.
    press(&mut app, "i");
    shows(&app, &["MAX_POOL_2D, of int8", "sample 2 of 300"]);
    assert_ne!(screen(&app, 120, 36), before);
    press(&mut app, "Esc");
    assert!(!screen(&app, 120, 36).contains("MAX_POOL_2D, of"));
}

#[test]
fn the_seed_can_be_typed() {
    let mut app = app(&["digits_cnn"]);
    press(&mut app, "7 # 4 2 Enter Enter");
    shows(&app, &["this run"]);
    press(&mut app, "y");
    press(&mut app, "# x Enter");
    shows(&app, &["\"42x\" is no seed"]);
}

#[test]
fn the_keys_of_the_memory_plan_and_of_values_are_in_the_footer() {
    let mut app = app(&["digits_cnn"]);
    press(&mut app, "7");
    shows(&app, &["x inspect", "a memory"]);
}

#[test]
fn two_models_stand_side_by_side() {
    let mut app = app(&["digits_cnn.float32.tflite", "digits_cnn.int8.tflite"]);
    press(&mut app, "d");
    shows(
        &app,
        &["cosine", "SQNR", "samples of digits", "layer by layer"],
    );
    shows(&app, &["(95 %:", "every sample has the same answer"]);
    press(&mut app, "l");
    shows(&app, &["operator  ", "DEQUANTIZE"]);
    press(&mut app, "l l w");
    shows(&app, &["no layer is under 25 dB"]);
    press(&mut app, "i i");
    shows(&app, &["on sample 2 of 64", "same answer"]);
    press(&mut app, "I I");
    shows(&app, &["on 64 samples"]);
    // The chosen layer in the graph of the side with the focus.
    press(&mut app, "j j Tab Enter");
    assert_eq!(app.pane(), PaneId::Graph);
    shows(&app, &["digits_cnn.int8.tflite ▾ 2/2", "int8"]);
    // Back goes through all models.
    press(&mut app, "Backspace");
    assert_eq!(app.pane(), PaneId::Compare);
    shows(&app, &["digits_cnn.float32.tflite ▾ 1/2", "on 64 samples"]);
    press(&mut app, "Alt-Right");
    shows(&app, &["digits_cnn.int8.tflite ▾ 2/2"]);
}

#[test]
fn marked_layers_stay_in_float_when_quantized_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut app = app(&["digits_cnn", "digits_cnn.int8.tflite"]);
    press(&mut app, "d R");
    shows(&app, &["mark layers first"]);
    press(&mut app, "j j Space");
    shows(&app, &["◆ keep in float"]);
    press(&mut app, "e Ctrl-u");
    let page = folder.path().join("page.md");
    for letter in page.display().to_string().chars() {
        app.press(&letter.to_string()).expect("a key");
    }
    press(&mut app, "Enter");
    let page = std::fs::read_to_string(page).expect("the page is there");
    assert!(
        page.contains("| digits_cnn_1/conv_1 | Conv2D | CONV_2D |"),
        "{page}"
    );
}

#[test]
fn a_model_converts_and_is_compared_with_what_it_became() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out.tflite");
    let mut app = app(&["digits_cnn"]);
    press(&mut app, "c Down Down Down Down Down Enter Ctrl-u");
    for letter in file.display().to_string().chars() {
        let key = if letter == ' ' {
            "Space".to_owned()
        } else {
            letter.to_string()
        };
        app.press(&key).expect("a key");
    }
    press(&mut app, "Enter Down Enter");
    shows(&app, &["What was done", "before", "after"]);
    let narrow = screen(&app, 80, 24);
    let results = narrow.lines().filter_map(|line| line.split_once("││"));
    let steps = results.map(|(_, right)| right);
    let steps: Vec<&str> = steps
        .skip_while(|line| !line.contains("What was done"))
        .collect();
    assert!(steps.len() > 5, "{narrow}");
    assert!(steps.iter().all(|line| !line.contains('…')), "{narrow}");
    assert!(std::fs::metadata(&file).expect("the file is there").len() > 10_000);
    press(&mut app, "d");
    assert_eq!(app.pane(), PaneId::Compare);
    shows(&app, &["out.tflite", "SQNR", "layer by layer"]);
}

#[test]
fn the_person_decides_what_may_stand_in_the_file() {
    let mut app = app(&["text_classifier"]);
    press(&mut app, "c p");
    shows(
        &app,
        &["can't be converted", "StringLower", "Flex would carry it"],
    );
    press(&mut app, "Down Down Down Down Right p");
    shows(&app, &["builtin and Flex", "FlexStringLower"]);
    press(&mut app, "Left Left p");
    shows(&app, &["builtin, Flex, custom", "FlexStringLower"]);
}

#[test]
fn a_tensor_is_the_same_thing_in_every_pane_and_back() {
    let mut app = app(&["digits_cnn"]);
    press(&mut app, "4 Down 5");
    assert_eq!(app.pane(), PaneId::Variables);
    press(&mut app, "Backspace");
    assert_eq!(app.pane(), PaneId::Tensors);
    press(&mut app, "Alt-Right");
    assert_eq!(app.pane(), PaneId::Variables);
}

#[test]
fn a_search_is_remembered() {
    let mut app = app(&["digits_cnn.int8.tflite"]);
    press(&mut app, "/ C O N V _ 2 D Enter n");
    shows(&app, &["hit 2 of"]);
    press(&mut app, "N");
    shows(&app, &["hit 1 of"]);
}

#[test]
fn words_are_found_within_a_text() {
    let mut app = app(&["digits_cnn.int8.tflite"]);
    press(&mut app, "6 / F L O A T Enter");
    shows(&app, &["\"FLOAT\" in 2 of", "float32"]);
    press(&mut app, "n");
    shows(&app, &["hit 2 of 2"]);
    press(&mut app, "Esc");
    assert!(!screen(&app, 120, 36).contains("FLOAT"));
}

#[test]
fn the_graph_shows_what_a_comparison_found() {
    let mut app = app(&["digits_cnn.int8.tflite", "digits_cnn"]);
    press(&mut app, "3 v o o o o o");
    shows(&app, &["error · not compared yet: press d"]);
    press(&mut app, "d 3");
    let text = screen(&app, 120, 36);
    let row = |name: &str| text.lines().find(|l| l.contains(name)).unwrap_or_default();
    assert!(row("CONV_2D conv_1").contains(" dB"), "{text}");
    // The other model knows it too.
    press(&mut app, "m Down Enter 3 v o o o o o");
    shows(&app, &["error · ", " dB"]);
}

#[test]
fn neighbours_are_one_key_away() {
    let mut app = app(&["digits_cnn.int8.tflite"]);
    press(&mut app, "3 v > > >");
    shows(&app, &["╭ MAX_POOL_2D"]);
    press(&mut app, "<");
    shows(&app, &["╭ CONV_2D"]);
}

#[test]
fn the_grid_turns_to_other_axes() {
    let mut app = app(&["digits_cnn.int8.tflite"]);
    press(&mut app, "4");
    shows(&app, &["values [0, 0, :, :]", "3×32"]);
    press(&mut app, "x Enter");
    shows(&app, &["values [:, :, 0, 0]", "64×3"]);
    press(&mut app, "v v");
    shows(&app, &["64 scales   "]);
}

#[test]
fn a_choice_waits_while_another_model_is_in_front() {
    let mut app = app(&["digits_cnn.int8.tflite", "digits_cnn"]);
    press(&mut app, "4 Down Down");
    let before = screen(&app, 120, 36);
    press(&mut app, "m Down Enter 3 Down m Up Enter");
    assert_eq!(screen(&app, 120, 36), before);
}

#[test]
fn no_size_and_no_pane_makes_it_fall_over() {
    let sizes = [
        (30, 8),
        (1, 1),
        (2, 3),
        (79, 23),
        (80, 24),
        (33, 60),
        (200, 5),
        (200, 60),
    ];
    for name in [
        "digits_cnn",
        "digits_cnn.int8.tflite",
        "sharded",
        "text_classifier",
        "v1_softmax",
    ] {
        let mut app = app(&[name]);
        for pane in 1..=9 {
            press(&mut app, &pane.to_string());
            for keys in ["Down", "Tab", "Right", "End", "?", "Esc", ":", "Esc"] {
                press(&mut app, keys);
                for (columns, rows) in sizes {
                    screen(&app, columns, rows);
                }
            }
        }
    }
}

#[test]
fn every_theme_draws() {
    let mut app = app(&["digits_cnn"]);
    for _ in 0..4 {
        press(&mut app, "F2 4 v r Enter");
        screen(&app, 120, 36);
    }
}

#[test]
fn what_can_not_be_opened_is_a_card() {
    let options = Options {
        theme: Some("mono".to_owned()),
        config: Some(sample("no-settings")),
        ..Options::default()
    };
    let mut app = App::new(&options).expect("defaults are in order");
    app.open(sample("make_samples.py"));
    app.settle();
    shows(&app, &["this can't be opened", "make_samples.py"]);
    press(&mut app, "? Esc q");
    assert!(app.is_done());
}

/// Its input becomes the value of a variable, which the file has no value for.
fn keeper() -> Model {
    use mexplore::model::{
        Attr, Attrs, DType, Dialect, Graph, GraphKind, MetaGraph, Node, Port, Shape, Signature,
        Value,
    };
    let mut graph = Graph::new("main", GraphKind::Subgraph, Dialect::Tflite);
    let x = graph.add_value(Value::new("x", DType::Float32, Shape(Some(vec![2]))));
    let handle = graph.add_value(Value::new("h", DType::Resource, Shape::scalar()));
    let name = Attr::Bytes(b"kept".to_vec().into());
    let mut made = Node::new("handle", "VAR_HANDLE");
    made.attrs = Attrs::new().with("shared_name", name);
    made.outputs = vec![handle];
    graph.add_node(made);
    let mut assign = Node::new("assign", "ASSIGN_VARIABLE");
    assign.inputs = vec![Some(handle), Some(x)];
    graph.add_node(assign);
    graph.inputs = vec![Some(x)];
    graph.outputs = vec![Some(x)];
    let port = Port::of("x", &graph, x);
    let signature = Signature {
        key: "keep".into(),
        method: "".into(),
        deprecated_tag: None,
        graph: 0,
        inputs: vec![port.clone()],
        outputs: vec![port],
        implied: false,
    };
    let meta = MetaGraph::new(Dialect::Tflite, vec![graph], vec![signature]);
    Model::new("keeper", meta)
}

#[test]
fn what_a_run_changes_is_shown_and_can_be_undone() {
    let mut app = app_of(vec![keeper()]);
    press(&mut app, "7 u");
    shows(&app, &["nothing has run yet"]);
    press(&mut app, "Right Right Enter");
    shows(
        &app,
        &["╭ state ─", "u  as stored", "kept  nothing → [1  1]"],
    );
    // The same again changes nothing; the state goes on from run to run.
    press(&mut app, "Enter");
    assert!(!screen(&app, 120, 36).contains("╭ state ─"));
    press(&mut app, "Left");
    shows(&app, &["kept  [1  1] → [0  0]"]);
    press(&mut app, "u");
    shows(
        &app,
        &["variables and tables are as stored", "Enter runs it"],
    );
    press(&mut app, "Enter");
    shows(&app, &["kept  nothing → [0  0]"]);
}

#[test]
fn functions_of_the_object_graph_run_by_their_paths() {
    let mut many = app(&["autoencoder"]);
    press(&mut many, "7 S");
    shows(
        &many,
        &["what to run", "signature  (pixels: float32 ?×64) → error"],
    );
    press(&mut many, "l o s s Enter");
    shows(&many, &["╭ loss ", "S  3 of 3"]);
    let mut app = app(&["sharded"]);
    press(&mut app, "7 S Enter");
    shows(
        &app,
        &["╭ function __call__ ", "S  2 of 2", "probs  float32"],
    );
    press(&mut app, "y");
    shows(&app, &["--signature __call__"]);
    // The graph pane shows the function, and it is still there afterwards.
    press(&mut app, "3 7");
    shows(&app, &["╭ function __call__ "]);
    press(&mut app, "S");
    shows(&app, &["╭ serving_default "]);
}
