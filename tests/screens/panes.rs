//! What each pane looks like. Times differ from run to run, so screens with times are looked through in `flows`.

use super::*;

#[test]
fn overview_of_a_saved_model() {
    let app = app(&["digits_cnn"]);
    assert_snapshot!(screen(&app, 80, 24), @r"
     mexplore   digits_cnn/2   SavedModel · TensorFlow 2.21.0 · 292 KB
     1 Overview 2 Tree 3 Graph 4 Tensors 5 Vars 6 Source 7 Run 8 Convert 9 Compare
    ╭ Model ────────────────────────────╮╭ Where the bytes are ────────────────────╮
    │ tags         serve                ││ graph definition         ▇▇▇▇▇  92.2 KB ┃
    │ made by      TensorFlow 2.21.0    ││ conv/kernel          …/1 ▇▇▇▇   73.7 KB ┃
    │ size         292 KB in 4 files    ││ conv/kernel  variables/5 ▇▇▇▇   73.7 KB ┃
    │ parameters   23,626               ││ checkpoint bookkeeping   ▋      11.0 KB │
    │ trainable    23,434               ││ skip/kernel          …/2 ▌      8.19 KB │
    │ cost         348 kMAC per sample  ││ hidden/kernel        …/3 ▌      8.19 KB │
    │ operators    427 in 6 graphs      ││ skip/kernel variables/10 ▌      8.19 KB │
    │ variables    33 in 1 shard        ││ hidden/kernel       …/12 ▌      8.19 KB │
    │ versions     1  ● 2               ││ probs/kernel         …/4 ▏      1.28 KB │
    ╰───────────────────────────────────╯│ probs/kernel        …/14 ▏      1.28 KB │
    ╭ Signatures ───────────────────────╮╰─────────────────────────────────────────╯
    │ serve   predict                   │╭ Health ─────────────────────────────────╮
    │   in   image     float32  ?×8×8×1 ││ ! 16 variables are stored a second time │
    │   out  output_0  float32  ?×10    ││   and not served: stem/kernel,          │
    │ serving_default   predict         ││   stem_bn/gamma, skip/kernel and 13 mo… │
    │   in   image     float32  ?×8×8×1 ││   → Keras's export keeps such copies; a │
    │   out  output_0  float32  ?×10    ││     converted model is without them     │
    │                                   ││ ✔ no custom, Flex or unsafe operators   │
    │                                   ││ ✔ all 38 tensors finite                 │
    ╰───────────────────────────────────╯╰─────────────────────────────────────────╯
     r run   c convert   d compare   3 graph   : commands   ? help   q quit
    ");
}

#[test]
fn overview_of_a_tflite() {
    let app = app(&["digits_cnn.int8.tflite"]);
    assert_snapshot!(screen(&app, 120, 36), @r"
     mexplore   digits_cnn.int8.tflite   TFLite · TensorFlow 2.21.0 · 33.9 KB
     1 Overview  2 Tree  3 Graph  4 Tensors  5 Variables  6 Source  7 Run  8 Convert  9 Compare
    ╭ Model ───────────────────────────────────────────────╮╭ Where the bytes are ─────────────────────────────────────────╮
    │ made by      TensorFlow 2.21.0                       ││ digits_cnn_1/conv_1/convolution ▇▇▇▇▇▇▇▇▇▇▇  18.4 KB   54.4% │
    │ schema       version 3                               ││ graph definition                ▇▇▇▇▇▉       9.83 KB   29.0% │
    │ described    MLIR Converted.                         ││ digits_cnn_1/hidden_1/MatMul    ▇▎           2.05 KB    6.0% │
    │ needs        runtime 1.14.0 or later                 ││ digits_cnn_1/skip_1/convolution ▇▎           2.05 KB    6.0% │
    │ size         33.9 KB                                 ││ digits_cnn_1/probs_1/MatMul     ▎              320 B    0.9% │
    │ parameters   23,338                                  ││ digits_cnn_1/stem_1/convolution ▏              288 B    0.8% │
    │ cost         348 kMAC per sample                     ││ digits_cnn_1/skip_1/Squeeze     ▏              256 B    0.8% │
    │ operators    11                                      ││ …/conv_bn_1/batchnorm/sub       ▏              256 B    0.8% │
    ╰──────────────────────────────────────────────────────╯│ digits_cnn_1/hidden_1/BiasAdd   ▏              128 B    0.4% │
    ╭ Signatures ──────────────────────────────────────────╮│ …/stem_bn_1/batchnorm/sub       ▏              128 B    0.4% │
    │ serving_default                                      ││ CONVERSION_METADATA             ▏               96 B    0.3% │
    │   in   image     float32  ?×8×8×1                    ││ 2 small constants               ▏               48 B    0.1% │
    │   out  output_0  float32  ?×10                       ││ min_runtime_version                             16 B    0.0% │
    ╰──────────────────────────────────────────────────────╯│                                                              │
    ╭ Where the work is ───────────── multiply-accumulates ╮│                                                              │
    │ CONV_2D          ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇    346 k   99.3% ││                                                              │
    │ FULLY_CONNECTED  ▏                    2.37 k    0.7% ││                                                              │
    │                                                      ││                                                              │
    │                                                      ││                                                              │
    │                                                      ││                                                              │
    │                                                      ││                                                              │
    │                                                      ││                                                              │
    │                                                      ││                                                              │
    │                                                      ││                                                              │
    │                                                      ││                                                              │
    │                                                      ││                                                              │
    │                                                      ││                                                              │
    │                                                      │╰──────────────────────────────────────────────────────────────╯
    │                                                      │╭ Health ──────────────────────────────────────────────────────╮
    │                                                      ││ ✔ no custom, Flex or unsafe operators                        │
    │                                                      ││ ✔ all 11 tensors finite                                      │
    ╰──────────────────────────────────────────────────────╯╰──────────────────────────────────────────────────────────────╯
     r run   c convert   d compare   3 graph   / search   : commands   ? help   q quit
    ");
}

#[test]
fn tree_with_a_layer_open() {
    let mut app = app(&["dense_four_lines"]);
    press(&mut app, "2 Down Down Down Right Down");
    assert_snapshot!(screen(&app, 80, 24), @r"
     mexplore   dense_four_lines   SavedModel · TensorFlow 2.21.0 · 22.8 KB
     1 Overview 2 Tree 3 Graph 4 Tensors 5 Vars 6 Source 7 Run 8 Convert 9 Compare
    ╭ Tree ──────────────────────── ops ─ bytes ── MAC ╮╭ Graph ───────────────────╮
    │ ▾ MetaGraph serve              86 1.02 KB      8 ││ kind       the main gra… │
    │   ▾ Signatures                  2                ││ operators  27            │
    │       serve  1 in, 1 out                       8 ││                          │
    │       serving_default                          8 ││ Operators                │
    │   ▸ Graph                      27   614 B      8 ││ ReadVar…     8 ▇▇▇▇▇▇▇▇▇ │
    │   ▸ Objects  15                                  ││ VarHand…     6 ▇▇▇▇▇▇▊   │
    │   ▸ Functions  5               59   403 B        ││ Statefu…     4 ▇▇▇▇▌     │
    │ ▸ Variables                     5   722 B        ││ Placeho…     3 ▇▇▇▍      │
    │                                                  ││ AssignV…     2 ▇▇▎       │
    │                                                  ││ VarIsIn…     2 ▇▇▎       │
    │                                                  ││ Const        1 ▇▏        │
    │                                                  ││ NoOp         1 ▇▏        │
    │                                                  ││                          │
    │                                                  ││                          │
    │                                                  ││                          │
    │                                                  ││                          │
    │                                                  ││                          │
    │                                                  ││                          │
    │                                                  ││                          │
    ╰──────────────────────────────────────────────────╯╰──────────────────────────╯
     Enter open   Space open, close   3 graph   : commands   ? help   q quit
    ");
}

#[test]
fn tensors_with_values() {
    let mut app = app(&["digits_cnn.int8.tflite"]);
    press(&mut app, "4");
    assert_snapshot!(screen(&app, 80, 24), @r"
     mexplore   digits_cnn.int8.tflite   TFLite · TensorFlow 2.21.0 · 33.9 KB
     1 Overview 2 Tree 3 Graph 4 Tensors 5 Vars 6 Source 7 Run 8 Convert 9 Compare
    ╭ Tensors ─────────────────────── 11 · 24.0 KB ╮╭ …/conv_1/convolution ────────╮
    │ name                dtype shape       bytes▾ ││ shape    int8 64×3×3×32      │
    │ conv_1/convolution  int8  64×3×3×32  18.4 KB ││ holds    18,432 values       │
    │ …/hidden_1/MatMul   int8  32×64      2.05 KB ││ bytes    18,432   54.4%      │
    │ skip_1/convolution  int8  64×1×1×32  2.05 KB ││ scales   64 scales, axis 0   │
    │ …/probs_1/MatMul    int8  10×32        320 B ││          ▇▆██▇█▇▇██▇█████    │
    │ stem_1/convolution  int8  32×3×3×1     288 B ││ tensor   #9                  │
    │ …/skip_1/Squeeze    int32 64           256 B ││ range    -127 … 127          │
    │ conv_bn_1/batc…/sub int32 64           256 B ││ mean     -0.0301 ± 40.2399   │
    │ …/hidden_1/BiasAdd  int32 32           128 B ││ zeros    189   1.0%          │
    │ stem_bn_1/batc…/sub int32 32           128 B ││                              │
    │ …/probs_1/BiasAdd   int32 10            40 B ││        ▂▅▇▇█▇▄▁              │
    │ mean_1/Mean/reduct… int32 2              8 B ││ ▁▁▁▂▃▅▇████████▆▄▂▁▁▁▁       │
    │                                              ││ -127               127       │
    │                                              ││                              │
    │                                              ││ values [0, 0, :, :]   1 of 1 │
    │                                              ││        0    1    2    3    4 │
    │                                              ││  0   18  -45    8  -82  -72  │
    │                                              ││  1   -1   93   87  -69   12  │
    │                                              ││  2  -13   95   16  -32   12  │
    ╰──────────────────────────────────────────────╯╰──────────────────────────────╯
     s sort   f filter   Tab other side   v view   : commands   ? help   q quit
    ");
}

#[test]
fn tensors_wide() {
    let mut app = app(&["digits_cnn"]);
    press(&mut app, "4 Down");
    assert_snapshot!(screen(&app, 120, 36), @r"
     mexplore   digits_cnn/2   SavedModel · TensorFlow 2.21.0 · 292 KB
     1 Overview  2 Tree  3 Graph  4 Tensors  5 Variables  6 Source  7 Run  8 Convert  9 Compare
    ╭ Tensors ──────────────────────────────────────────────────────────── 46 · 198 KB ╮╭ conv/kernel ─────────────────────╮
    │ name                            dtype    shape        bytes▾  share        zeros ┃│ shape    float32 3×3×32×64       │
    │ conv/kernel   _all_variables/1  float32  3×3×32×64   73.7 KB  25.2%  ▇▇▇▇      – ┃│ holds    18,432 values           │
    │ conv/kernel        variables/5  float32  3×3×32×64   73.7 KB  25.2%  ▇▇▇▇      – ┃│ bytes    73,728   25.2%          │
    │ skip/kernel   _all_variables/2  float32  1×1×32×64   8.19 KB   2.8%  ▌         – ┃│ key      variables/5             │
    │ hidden/kernel _all_variables/3  float32  64×32       8.19 KB   2.8%  ▌         – ┃│ range    -0.4328 … 0.4121        │
    │ skip/kernel       variables/10  float32  1×1×32×64   8.19 KB   2.8%  ▌         – ┃│ mean     -2.95e-5 ± 0.1066       │
    │ hidden/kernel     variables/12  float32  64×32       8.19 KB   2.8%  ▌         – ┃│                                  │
    │ probs/kernel  _all_variables/4  float32  32×10       1.28 KB   0.4%  ▏         – ┃│               ▂▅██▂              │
    │ probs/kernel      variables/14  float32  32×10       1.28 KB   0.4%  ▏         – ┃│              ▅█████▄             │
    │ stem/kernel   _all_variables/5  float32  3×3×1×32    1.15 KB   0.4%  ▏         – ┃│             ▆███████▅            │
    │ stem/kernel        variables/0  float32  3×3×1×32    1.15 KB   0.4%  ▏         – ┃│            ▅█████████▅           │
    │ conv_bn/moving_mean       …/13  float32  64            256 B   0.1%  ▏         – ┃│          ▃████████████▆▂         │
    │ conv_bn/moving_variance   …/14  float32  64            256 B   0.1%  ▏         – ┃│ ▁▁▁▁▂▂▃▅▇███████████████▇▃▃▂▁▁▁▁ │
    │ conv_bn/gamma _all_variables/7  float32  64            256 B   0.1%  ▏         – ┃│ -0.4328                   0.4121 │
    │ conv_bn/beta  _all_variables/8  float32  64            256 B   0.1%  ▏         – ┃│                                  │
    │ skip/bias     _all_variables/9  float32  64            256 B   0.1%  ▏         – ┃│ values [0, 0, :, :]   1 of 9   3 │
    │ skip/bias         variables/11  float32  64            256 B   0.1%  ▏         – ┃│             0         1          │
    │ conv_bn/gamma      variables/6  float32  64            256 B   0.1%  ▏         – ┃│  0    0.0385   -0.1151           │
    │ conv_bn/beta       variables/7  float32  64            256 B   0.1%  ▏         – ┃│  1   -0.0966   -0.1247           │
    │ conv_bn/moving_mean        …/8  float32  64            256 B   0.1%  ▏         – ┃│  2    0.0164   -0.0222           │
    │ conv_bn/moving_variance    …/9  float32  64            256 B   0.1%  ▏         – ┃│  3   -0.1758    0.0487           │
    │ stem_bn/gamma _all_variables/0  float32  32            128 B   0.0%            – ││  4   -0.1541   -0.1459           │
    │ hidden/bias  _all_variables/10  float32  32            128 B   0.0%         6.2% ││  5   -0.0826   -0.1368           │
    │ stem_bn/moving_mean       …/12  float32  32            128 B   0.0%            – ││  6    0.0167    0.2242           │
    │ stem_bn/moving_variance   …/15  float32  32            128 B   0.0%            – ││  7   -0.1176    0.1206           │
    │ stem_bn/beta  _all_variables/6  float32  32            128 B   0.0%            – ││  8   -0.0999    0.0557           │
    │ stem_bn/gamma      variables/1  float32  32            128 B   0.0%            – ││  9    0.2695   -0.0803           │
    │ hidden/bias       variables/13  float32  32            128 B   0.0%         6.2% ││ 10   -0.1837    0.0455           │
    │ stem_bn/beta       variables/2  float32  32            128 B   0.0%            – ││ 11    0.1569   -0.0301           │
    │ stem_bn/moving_mean        …/3  float32  32            128 B   0.0%            – ││ 12   -0.0478    0.0756           │
    │ stem_bn/moving_variance    …/4  float32  32            128 B   0.0%            – ││ 13   -0.0827   -0.0308           │
    ╰──────────────────────────────────────────────────────────────────────────────────╯╰──────────────────────────────────╯
     s sort   f filter   Tab other side   v view   3 graph   : commands   ? help   q quit
    ");
}

#[test]
fn variables_of_one_shard_have_room_for_their_names() {
    let mut app = app(&["digits_cnn"]);
    press(&mut app, "5");
    assert_snapshot!(screen(&app, 120, 20), @r"
     mexplore   digits_cnn/2   SavedModel · TensorFlow 2.21.0 · 292 KB
     1 Overview  2 Tree  3 Graph  4 Tensors  5 Variables  6 Source  7 Run  8 Convert  9 Compare
    ╭ Shards ──────────────────────────────────────────────────────────────────────────────────────────────────────────────╮
    │ variables.data-00000-of-00001 █▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▒▒▒▒▒▒▒▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▒▒▒▓▓▓▒▓▓     192 KB │
    ╰──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────╯
    ╭ Variables ────────────────────────────────────────────── 33 · 192 KB ╮╭ stem/kernel ─────────────────────────────────╮
    │ name                             shape             offset▾     bytes ┃│ values    float32 3×3×1×32                   │
    │ stem/kernel         variables/0  3×3×1×32                0   1.15 KB ┃│ bytes     1,152                              │
    │ stem_bn/gamma       variables/1  32                  1,152     128 B ┃│ shard     0   variables.data-00000-of-00001  │
    │ stem_bn/beta        variables/2  32                  1,280     128 B ┃│ offset    0 to 1,152                         │
    │ stem_bn/moving_mean variables/3  32                  1,408     128 B ││ use       weight, trainable                  │
    │ stem_bn/moving_variance     …/4  32                  1,536     128 B ││ crc32c    a059aa50 unchecked                 │
    │ conv/kernel         variables/5  3×3×32×64           1,664   73.7 KB ││                                              │
    │ conv_bn/gamma       variables/6  64                 75,392     256 B ││ Owners                                       │
    │ conv_bn/beta        variables/7  64                 75,648     256 B ││ variables/0                                  │
    │ conv_bn/moving_mean variables/8  64                 75,904     256 B ││ trainable_variables/0                        │
    │ conv_bn/moving_variance     …/9  64                 76,160     256 B ││                                              │
    │ skip/kernel        variables/10  1×1×32×64          76,416   8.19 KB ││ Key                                          │
    ╰──────────────────────────────────────────────────────────────────────╯╰──────────────────────────────────────────────╯
     v verify   s sort   f filter   Tab other side   4 tensors   : commands   ? help   q quit
    ");
}

#[test]
fn variables_in_several_shards_after_verifying() {
    let mut app = app(&["sharded"]);
    press(&mut app, "5 v x");
    assert_snapshot!(screen(&app, 80, 24), @r"
     mexplore   sharded   SavedModel · TensorFlow 2.21.0 · 91.2 KB
     1 Overview 2 Tree 3 Graph 4 Tensors 5 Vars 6 Source 7 Run 8 Convert 9 Compare
    ╭ Shards ──────────────────────────────────────────────────────────────────────╮
    │ variables.data-00000-of-00005 ███████████████████████████████████    16.4 KB │
    │ variables.data-00001-of-00005 ██████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒    16.3 KB │
    │ variables.data-00002-of-00005 ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒    16.3 KB │
    │ variables.data-00003-of-00005 ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒    16.4 KB │
    │ variables.data-00004-of-00005 ▒▒▓▓                                   1.46 KB │
    ╰──────────────────────────────────────────────────────────────────────────────╯
    ╭ Variables ────────────────────── 7 · 66.7 KB ╮╭ dense_0/kernel ──────────────╮
    │    name                    offset▾     bytes ││ values    float32 64×96      │
    │ ✔  dense_0/kernel         3 slices   24.6 KB ││ bytes     24,576             │
    │ ✔  dense_1/kernel         4 slices   36.9 KB ││ slice     shard 0   0 to 12… │
    │ ✔  dense_0/bias              8,192     384 B ││ slice     shard 0   12,288 … │
    │ ✔  dense_2/kernel         4 slices   3.84 KB ││ slice     shard 1   0 to 8,… │
    │ ✔  dense_1/bias             12,920     384 B ││ use       weight, trainable  │
    │ ✔  dense_2/bias                760      40 B ││ crc32c    of every slice ✔   │
    │ ✔  …ABLE_OBJECT_GRAPH          800     659 B ││                              │
    │                                              ││ Owners                       │
    │                                              ││ layers/0/0                   │
    │                                              ││                              │
    │                                              ││ Key                          │
    ╰──────────────────────────────────────────────╯╰──────────────────────────────╯
     v verify   s sort   f filter   Tab other side   : commands   ? help   q quit
    ");
}

#[test]
fn source_of_a_signature() {
    let mut app = app(&["dense_four_lines"]);
    press(&mut app, "6");
    assert_snapshot!(screen(&app, 80, 24), @r#"
     mexplore   dense_four_lines   SavedModel · TensorFlow 2.21.0 · 22.8 KB
     1 Overview 2 Tree 3 Graph 4 Tensors 5 Vars 6 Source 7 Run 8 Convert 9 Compare
    ╭ signatures ──────────────────────────────────────────────────────── 34 lines ╮
    │  1  {                                                                        │
    │  2    "serve": {                                                             │
    │  3      "method": "tensorflow/serving/predict",                              │
    │  4      "graph": "main",                                                     │
    │  5      "inputs": {                                                          │
    │  6        "x": {                                                             │
    │  7          "type": "float32 ?×4",                                           │
    │  8          "tensor": "serve_x:0"                                            │
    │  9        }                                                                  │
    │ 10      },                                                                   │
    │ 11      "outputs": {                                                         │
    │ 12        "output_0": {                                                      │
    │ 13          "type": "float32 ?×2",                                           │
    │ 14          "tensor": "StatefulPartitionedCall:0"                            │
    │ 15        }                                                                  │
    │ 16      }                                                                    │
    │ 17    },                                                                     │
    │ 18    "serving_default": {                                                   │
    │ 19      "method": "tensorflow/serving/predict",                              │
    ╰──────────────────────────────────────────────────────────────────────────────╯
     t what   v view   y copy   / search   : commands   ? help   q quit
    "#);
}

#[test]
fn source_shows_the_message_of_the_file() {
    let mut app = app(&["dense_four_lines"]);
    press(&mut app, "6 v");
    assert_snapshot!(screen(&app, 80, 12), @r#"
     mexplore   dense_four_lines   SavedModel · TensorFlow 2.21.0 · 22.8 KB
     1 Overview 2 Tree 3 Graph 4 Tensors 5 Vars 6 Source 7 Run 8 Convert 9 Compare
    ╭ signatures  SignatureDef ────────────────────────────────────────── 66 lines ╮
    │  1  # serve                                                                  │
    │  2  inputs {                                                                 │
    │  3    key: "x"                                                               │
    │  4    value {                                                                │
    │  5      name: "serve_x:0"                                                    │
    │  6      dtype: DT_FLOAT                                                      │
    │  7      tensor_shape {                                                       │
    ╰──────────────────────────────────────────────────────────────────────────────╯
     t what   v view   y copy   / search   : commands   ? help   q quit
    "#);
    let mut app = self::app(&["digits_cnn.int8.tflite"]);
    press(&mut app, "6 v");
    assert!(screen(&app, 80, 24).contains("a .tflite is no protobuf"));
}

#[test]
fn run_before_running() {
    let mut app = app(&["digits_cnn"]);
    press(&mut app, "r i i");
    assert_snapshot!(screen(&app, 80, 24), @r"
     mexplore   digits_cnn/2   SavedModel · TensorFlow 2.21.0 · 292 KB
     1 Overview 2 Tree 3 Graph 4 Tensors 5 Vars 6 Source 7 Run 8 Convert 9 Compare
    ╭ serving_default ────── S  2 of 2 ╮╭ outputs ─────────────────────────────────╮
    │ image  float32 ?×8×8×1           ││                                          │
    │ ▸ sample 3 of 300   label 7      ││                                          │
    │   ←→ another   t value, file…    ││                                          │
    │                                  ││                                          │
    │ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀         ││                                          │
    │ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀         ││                                          │
    │ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀         ││                                          │
    │ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀         ││                                          │
    │ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀         ││              Enter runs it               │
    │ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀         ││    i takes the next input, b measures    │
    │ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀         ││                                          │
    │ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀         ││                                          │
    │ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀         ││                                          │
    │ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀         ││                                          │
    │ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀         ││                                          │
    │ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀         ││                                          │
    │                                  ││                                          │
    │                                  ││                                          │
    │                                  ││                                          │
    ╰──────────────────────────────────╯╰──────────────────────────────────────────╯
     Enter run   b bench   i next   x inspect   : commands   ? help   q quit
    ");
}

#[test]
fn a_long_name_stands_above_its_shape() {
    let path = sample("digits_cnn.int8.tflite");
    let mut model = format::open(&path, &OpenOptions::default()).unwrap();
    model.meta_graphs[0].signatures[0].inputs[0].name = "keras_tensor_of_pixels".into();
    let mut app = app_of(vec![model]);
    press(&mut app, "r");
    let screen = screen(&app, 80, 24);
    let rows: Vec<&str> = screen.lines().skip(2).take(6).collect();
    assert_snapshot!(rows.join("\n"), @r"
    ╭ serving_default ─────────────────╮╭ outputs ─────────────────────────────────╮
    │ keras_tensor_of_pixels           ││                                          │
    │   float32 ?×8×8×1                ││                                          │
    │ ▸ sample 1 of 300   label 2      ││                                          │
    │   ←→ another   t value, file…    ││                                          │
    │                                  ││                                          │
    ");
}

#[test]
fn convert_before_converting() {
    let mut app = app(&["digits_cnn"]);
    press(&mut app, "c");
    assert_snapshot!(screen(&app, 80, 24), @r"
     mexplore   digits_cnn/2   SavedModel · TensorFlow 2.21.0 · 292 KB
     1 Overview 2 Tree 3 Graph 4 Tensors 5 Vars 6 Source 7 Run 8 Convert 9 Compare
    ╭ Convert to .tflite ────────────────╮╭ result ────────────────────────────────╮
    │ mode          ‹ int8 ›             ││                                        │
    │ calibration     100 digits:image   ││                                        │
    │ in and out      float32            ││                                        │
    │ recipe          none               ││                                        │
    │ operators       builtin only       ││                                        │
    │ file            …cnn.int8.tflite   ││                                        │
    │                 Convert            ││                                        │
    │                                    ││                                        │
    │   float32       stays float32      ││             Enter converts             │
    │   float16       weights halve      ││     p lists what stands in the way     │
    │   weights-int8  weights quarter    ││                                        │
    │   dynamic       int8, no samples   ││                                        │
    │   weights-int4  int4, no samples   ││                                        │
    │ ● int8          everything becomes ││                                        │
    │                 int8 with ranges   ││                                        │
    │                 from calibration   ││                                        │
    │                 samples            ││                                        │
    │   int16x8       int16, by samples  ││                                        │
    │                                    ││                                        │
    ╰────────────────────────────────────╯╰────────────────────────────────────────╯
     Enter convert   p check first   : commands   ? help   q quit
    ");
}

#[test]
fn convert_tells_what_every_mode_does() {
    let mut app = app(&["digits_cnn"]);
    press(&mut app, "c");
    assert_snapshot!(screen(&app, 120, 36), @r"
     mexplore   digits_cnn/2   SavedModel · TensorFlow 2.21.0 · 292 KB
     1 Overview  2 Tree  3 Graph  4 Tensors  5 Variables  6 Source  7 Run  8 Convert  9 Compare
    ╭ Convert to .tflite ───────────────────────────────────╮╭ result ─────────────────────────────────────────────────────╮
    │ mode          ‹ int8 ›                                ││                                                             │
    │ calibration     100 of digits:image                   ││                                                             │
    │ in and out      float32                               ││                                                             │
    │ recipe          none                                  ││                                                             │
    │ operators       builtin only                          ││                                                             │
    │ file            digits_cnn.int8.tflite                ││                                                             │
    │                 Convert                               ││                                                             │
    │                                                       ││                                                             │
    │   float32       weights and arithmetic stay float32   ││                                                             │
    │   float16       weights halve; arithmetic stays       ││                                                             │
    │                 float32                               ││                                                             │
    │   weights-int8  weights quarter; arithmetic stays     ││                                                             │
    │                 float32                               ││                                                             │
    │   dynamic       weights become int8, sums are scaled  ││                                                             │
    │                 at run time; no calibration           ││                       Enter converts                        │
    │   weights-int4  as dynamic, in 4 bits where there are ││               p lists what stands in the way                │
    │                 kernels                               ││                                                             │
    │ ● int8          everything becomes int8 with ranges   ││                                                             │
    │                 from calibration samples              ││                                                             │
    │   int16x8       int16 values, int8 weights; ranges    ││                                                             │
    │                 from calibration samples              ││                                                             │
    │                                                       ││                                                             │
    │                                                       ││                                                             │
    │                                                       ││                                                             │
    │                                                       ││                                                             │
    │                                                       ││                                                             │
    │                                                       ││                                                             │
    │                                                       ││                                                             │
    │                                                       ││                                                             │
    │                                                       ││                                                             │
    │                                                       ││                                                             │
    ╰───────────────────────────────────────────────────────╯╰─────────────────────────────────────────────────────────────╯
     Enter convert   p check first   Tab other side   : commands   ? help   q quit
    ");
}

#[test]
fn compare_without_another() {
    let mut app = app(&["digits_cnn"]);
    press(&mut app, "d");
    assert_snapshot!(screen(&app, 80, 24), @r"
     mexplore   digits_cnn/2   SavedModel · TensorFlow 2.21.0 · 292 KB
     1 Overview 2 Tree 3 Graph 4 Tensors 5 Vars 6 Source 7 Run 8 Convert 9 Compare
    ╭ Compare ─────────────────────────────────────────────────────────────────────╮
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                      Put another model beside this one.                      │
    │                                                                              │
    │                 b chooses it from the open ones or from disk                 │
    │                          8 converts this one first                           │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    ╰──────────────────────────────────────────────────────────────────────────────╯
     b other model   m models   : commands   ? help   q quit
    ");
}

#[test]
fn help_lists_what_works_here() {
    let mut app = app(&["dense_four_lines"]);
    press(&mut app, "5 ?");
    assert_snapshot!(screen(&app, 80, 24), @r"
     m╭ help ───────────────────────────────────────────────────────── ↓ 21 more ╮
     1│ In Variables                                                             │
    ╭ │ v                 Check the checksum of every entry                      │─╮
    │ │ s                 Sort by the next column                                │ │
    ╰─│ f                 Keep only rows with these words                        │─╯
    ╭ │                                                                          │─╮
    │ │ Everywhere                                                               │ │
    │ │ ↑ k               One row up                                             │ │
    │ │ ↓ j               One row down                                           │ │
    │ │ ← h               Left: close, or the previous choice                    │ │
    │ │ → l               Right: open, or the next choice                        │ │
    │ │ PageUp Ctrl-u     A page up                                              │ │
    │ │ PageDown Ctrl-d   A page down                                            │ │
    │ │ Home g            The first row                                          │ │
    │ │ End G             The last row                                           │ │
    │ │ Enter             Go into the chosen row                                 │ │
    │ │ Backspace Alt-←   Back to where you were                                 │ │
    │ │ Alt-→             Forward again                                          │ │
    │ │ Esc               Close what is open, or stop the running work           │ │
    │ │ Tab               Move the focus inside the pane                         │ │
    │ │ BackTab           Move the focus back                                    │ │
    │ ╰──────────────────────────────────────────────────────────────────────────╯ │
    ╰──────────────────────────────────────────────╯╰──────────────────────────────╯
     v verify   s sort   f filter   Tab other side   : commands   ? help   q quit
    ");
}

#[test]
fn the_palette_narrows() {
    let mut app = app(&["dense_four_lines"]);
    press(&mut app, ": c o n v");
    assert_snapshot!(screen(&app, 80, 24), @r"
     mexplore   dense_four_lines   SavedModel · TensorFlow 2.21.0 · 22.8 KB
     1╭ commands ────────────────────────────────────────────────────────────────╮
    ╭ │ › conv                                                                   │─╮
    │ │ convert       Convert to .tflite, quantize                             c │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    ╰─│                                                                          │ │
    ╭ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │─╯
    │ │                                                                          │─╮
    │ ╰──────────────────────────────────────────────────────────────────────────╯ │
    │                                   ││ ✔ all 6 tensors finite                  │
    ╰───────────────────────────────────╯╰─────────────────────────────────────────╯
     r run   c convert   d compare   3 graph   : commands   ? help   q quit
    ");
}

#[test]
fn search_goes_over_names_operators_and_shapes() {
    let mut app = app(&["digits_cnn.int8.tflite"]);
    press(&mut app, "/ 3 2 × 6 4");
    assert_snapshot!(screen(&app, 80, 24), @r"
     mexplore   digits_cnn.int8.tflite   TFLite · TensorFlow 2.21.0 · 33.9 KB
     1╭ search ──────────────────────────────────────────────────────────────────╮
    ╭ │ › 32×64                                                                  │─╮
    │ │ digits_cnn_1/hidden_1/MatMul           constant  int8 32×64              │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    ╰─│                                                                          │ │
    ╭ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    │ │                                                                          │ │
    ╰─│                                                                          │ │
    ╭ │                                                                          │ │
    │ │                                                                          │─╯
    │ │                                                                          │─╮
    │ ╰──────────────────────────────────────────────────────────────────────────╯ │
    │                                   ││ ✔ all 11 tensors finite                 │
    ╰───────────────────────────────────╯╰─────────────────────────────────────────╯
     r run   c convert   d compare   3 graph   : commands   ? help   q quit
    ");
}

#[test]
fn a_narrow_screen_shows_one_part() {
    let mut app = app(&["digits_cnn.int8.tflite"]);
    press(&mut app, "4");
    assert_snapshot!(screen(&app, 50, 14), @r"
     mexplore   digits_cnn.int8.tflite   33.9 KB
     1  2  3  4 Tensors  5  6  7  8  9
    ╭ Tensors ───────────────────────── 11 · 24.0 KB ╮
    │ name                dtype  shape        bytes▾ ┃
    │ conv_1/convolution  int8   64×3×3×32   18.4 KB ┃
    │ …/hidden_1/MatMul   int8   32×64       2.05 KB ┃
    │ skip_1/convolution  int8   64×1×1×32   2.05 KB ┃
    │ …/probs_1/MatMul    int8   10×32         320 B ┃
    │ stem_1/convolution  int8   32×3×3×1      288 B ┃
    │ …/skip_1/Squeeze    int32  64            256 B ┃
    │ conv_bn_1/bat…/sub  int32  64            256 B │
    │ …/hidden_1/BiasAdd  int32  32            128 B │
    ╰────────────────────────────────────────────────╯
     s sort   : commands   ? help   q quit
    ");
    press(&mut app, "Tab");
    assert_snapshot!(screen(&app, 50, 14), @r"
     mexplore   digits_cnn.int8.tflite   33.9 KB
     1  2  3  4 Tensors  5  6  7  8  9
    ╭ digits_cnn_1/conv_1/convolution ───────────────╮
    │ shape    int8 64×3×3×32   18,432 values        │
    │ bytes    18,432   54.4% of the model           │
    │ scales   64 scales, axis 0                     │
    │          ▇▇▆▆▇██▇▆▇▇█▇▇▇▆█▇▇█▇▇██▇██▇▇█▇█      │
    │ tensor   #9                                    │
    │ used by  CONV_2D …/conv_bn_1/batchnorm/sub1    │
    │ range    -127 … 127                            │
    │ mean     -0.0301 ± 40.2399                     │
    │ zeros    189   1.0%                            │
    ╰────────────────────────────────────────────────╯
     v view   x axes   : commands   ? help   q quit
    ");
}

#[test]
fn a_model_without_signatures_shows_what_can_be_called() {
    let path = sample("dense_four_lines");
    let mut model = mexplore::format::open(&path, &Default::default()).unwrap();
    model.meta_graphs[0].signatures.clear();
    let mut app = app_of(vec![model]);
    let shown = screen(&app, 80, 24);
    assert!(shown.contains("none, but functions to call:"), "{shown}");
    assert!(shown.contains("serve(x: float32 ?×4)"), "{shown}");
    press(&mut app, "7");
    assert!(screen(&app, 80, 24).contains("╭ function "));
    press(&mut app, "1 Enter");
    let graph = screen(&app, 80, 24);
    assert!(graph.contains("__call__ ──"), "{graph}");
}
