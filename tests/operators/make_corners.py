"""Makes corners/: layers that share a name, slopes of loops that hold lists, groups and layouts of volumes, corners of
texts. `make_corners.py FOLDER SEED` makes other ones."""

import keras
import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
cases = Cases("corners", 23)
random = cases.random
case = cases.add


def normal(*shape):
    return tf.constant(random.normal(size=shape).astype("f4"))


def layers(model):
    """Keras gives layers the names they are told, and their variables the same ones."""
    x = normal(2, 3)
    model.layers = [keras.layers.Dense(3, name="same") for _ in range(3)]
    for layer in model.layers:
        layer.build(x.shape)
        layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    first, second, third = model.layers
    case("same_names", lambda x: third(second(first(x))) + 2 * first(x), x)


def slopes():
    x = normal(4, 3)
    loop = lambda y: tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, tf.tanh(y) * 2), (0, y))[1]
    case("slope_of_while", lambda x: tf.gradients(loop(x), x), x)
    case("slope_of_map", lambda x: tf.gradients(tf.map_fn(lambda row: row * tf.reduce_sum(row), x), x), x)
    case("slope_of_scan", lambda x: tf.gradients(tf.scan(lambda a, b: a * b, x), x), x)


def volumes():
    # Only what XLA compiles has groups, and channels that come first; Keras has it compile its layers.
    compiled = tf.function(tf.nn.conv3d, jit_compile=True, autograph=False)
    steps = [1, 1, 2, 1, 1]
    x, w = normal(2, 5, 6, 4, 6), normal(2, 3, 2, 3, 8)
    case("groups", lambda x, w: compiled(x, w, steps, "SAME"), x, w)
    case("groups_double", lambda x, w: tf.cast(compiled(
        tf.cast(x, tf.float64), tf.cast(w, tf.float64), [1] * 5, "VALID"), tf.float32), x, w)
    case("groups_dilated", lambda x, w: compiled(x, w, [1] * 5, "VALID", dilations=[1, 2, 1, 2, 1]), x, w)
    x, w = normal(2, 6, 5, 6, 4), normal(2, 3, 2, 6, 5)
    case("channels_first", lambda x, w: compiled(x, w, [1, 1, 1, 2, 1], "SAME", "NCDHW"), x, w)
    for a, b in ((False, False), (True, True)):
        case(f"sparse_product_{a}", lambda x, y, a=a, b=b: R.SparseMatMul(
            a=x, b=y, transpose_a=a, transpose_b=b, a_is_sparse=True), normal(3, 4), normal(4, 3))


def texts():
    words = tf.constant([" Hello  World ", "one two three", "", " ", "a,b,,c", "Größe 😀 €", "x"])
    for most in (1, 2):
        case(f"split_{most}", lambda s, n=most: list(R.StringSplitV2(input=s, sep="", maxsplit=n)), words)
        case(f"split_comma_{most}", lambda s, n=most: list(R.StringSplitV2(input=s, sep=",", maxsplit=n)), words)
    for at, pattern in enumerate(("", "x*", "[ae]?", r"\b")):
        case(f"empty_match_{at}", lambda s, p=pattern: tf.strings.regex_replace(s, p, "-"), words)
    numbers = tf.constant([1.5, -2.0, float("nan"), float("inf"), float("-inf"), -0.0])
    case("padded", lambda x: tf.strings.as_string(x, width=9, fill="0", precision=2), numbers)


def tables(model):
    """What was put in before the model was saved is there after."""
    table = tf.lookup.experimental
    model.words = table.MutableHashTable(tf.string, tf.float32, -1.0)
    model.words.insert(["two", "three"], [2.0, 3.0])
    model.rows = table.DenseHashTable(tf.int64, tf.int64, 0, -1, -2, initial_num_buckets=16)
    long = lambda *numbers: tf.constant(numbers, tf.int64)
    model.rows.insert(long(5, 6, 7), long(50, 60, 70))
    case("stored_words", lambda x: [model.words.lookup(x), model.words.size()], tf.constant(["two", "none", "three"]))
    case("stored_rows", lambda x: [model.rows.lookup(x), model.rows.size()], tf.constant([6, 7, 5, 9], tf.int64))


model = tf.Module()
layers(model)
tables(model)
slopes()
volumes()
texts()
cases.write(model)
