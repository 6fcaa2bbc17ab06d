#!/usr/bin/env python3
"""Makes everything in this folder but itself and README.md: small trained models, golden answers, held-out digits.

    pip install 'tensorflow==2.21.*' scikit-learn
    python make_samples.py [--only NAME]...

Data: the 8x8 digits that scikit-learn ships, and sentences made here. Seeds are fixed; weights may still differ in
the last bits from one processor to another.
"""

import argparse
import io
import os
import pathlib
import shutil
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import flatbuffers
import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from tensorflow.lite.python import schema_py_generated as schema

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE / "golden"
HELD_OUT = 300
SAMPLES = []


def sample(make):
    """Registers a function that makes one sample; its name is the sample's."""
    SAMPLES.append(make)
    return make


def digits():
    """(train images, train labels, held-out images, held-out labels); images float32 [n, 8, 8, 1] in 0..1."""
    data = load_digits()
    images = (data.images / 16.0).astype(np.float32)[..., None]
    labels = data.target.astype(np.int64)
    order = np.random.default_rng(7).permutation(len(images))
    images, labels = images[order], labels[order]
    return images[HELD_OUT:], labels[HELD_OUT:], images[:HELD_OUT], labels[:HELD_OUT]


def shifted(images, labels):
    """The images and the same moved by one pixel in four directions."""
    moves = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]
    moved = [np.roll(images, move, axis=(1, 2)) for move in moves]
    return np.concatenate(moved), np.tile(labels, len(moves))


def fresh(name):
    """An empty folder for a SavedModel."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return str(folder)


def write_npz(path, arrays):
    """An .npz whose bytes depend on the arrays only (NumPy's own carries the time)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(key + ".npy", (1980, 1, 1, 0, 0, 0)), buffer.getvalue(),
                             compress_type=zipfile.ZIP_DEFLATED)


def golden(name, signature, inputs):
    """Runs `signature` of the saved model and keeps inputs and answers."""
    loaded = tf.saved_model.load(str(HERE / name))
    call = loaded.signatures[signature]
    outputs = call(**{key: tf.constant(value) for key, value in inputs.items()})
    stem = name.replace("/", "_") + ("" if signature == "serving_default" else "." + signature)
    write_npz(GOLDEN / f"{stem}.inputs.npz", inputs)
    write_npz(GOLDEN / f"{stem}.outputs.npz", {key: value.numpy() for key, value in outputs.items()})


def golden_tflite(name, inputs):
    """The same for a .tflite, on the reference kernels."""
    interpreter = tf.lite.Interpreter(
        model_path=str(HERE / name),
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF)
    runner = interpreter.get_signature_runner("serving_default")
    outputs = runner(**inputs)
    write_npz(GOLDEN / f"{name}.inputs.npz", inputs)
    write_npz(GOLDEN / f"{name}.outputs.npz", outputs)


def accuracy(model, images, labels):
    return float(np.mean(np.argmax(model.predict(images, verbose=0), axis=1) == labels))


def train(model, images, labels, epochs, rate=2e-3):
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy")
    model.fit(images, labels, epochs=epochs, batch_size=64, verbose=0)


@sample
def digits_npz():
    _, _, images, labels = digits()
    write_npz(HERE / "digits.npz", {"image": images, "label": labels})
    (HERE / "digits_labels.txt").write_text(
        "zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n")


@sample
def dense_four_lines():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(2)])
    x = np.random.default_rng(1).normal(size=(512, 4)).astype(np.float32)
    y = x @ np.array([[1, -1], [0.5, 2], [-2, 0], [0, 0.25]], np.float32) + np.array([0.5, -0.5], np.float32)
    model.compile(optimizer=keras.optimizers.Adam(5e-2), loss="mse")
    model.fit(x, y, epochs=30, verbose=0)
    model.export(fresh("dense_four_lines"), verbose=False)
    golden("dense_four_lines", "serving_default", {"x": x[:5]})


@sample
def softmax_mlp():
    keras.utils.set_random_seed(2)
    images, labels, test, truth = digits()
    model = keras.Sequential([
        keras.Input((8, 8), name="image"),
        keras.layers.Flatten(),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10, activation="softmax", name="probs"),
    ])
    train(model, images[..., 0], labels, epochs=20)
    print(f"  softmax_mlp: {accuracy(model, test[..., 0], truth):.1%} of held-out digits")
    model.export(fresh("softmax_mlp"), verbose=False)
    golden("softmax_mlp", "serving_default", {"image": test[:8, ..., 0]})


def digits_cnn_model(width):
    image = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False, name="stem")(image)
    x = keras.layers.BatchNormalization(name="stem_bn")(x)
    x = keras.layers.ReLU(name="stem_relu")(x)
    x = keras.layers.MaxPooling2D(name="pool")(x)
    skip = keras.layers.Conv2D(2 * width, 1, name="skip")(x)
    x = keras.layers.Conv2D(2 * width, 3, padding="same", use_bias=False, name="conv")(x)
    x = keras.layers.BatchNormalization(name="conv_bn")(x)
    x = keras.layers.Add(name="add")([x, skip])
    x = keras.layers.ReLU(name="relu")(x)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    x = keras.layers.Dense(32, activation="relu", name="hidden")(x)
    probs = keras.layers.Dense(10, activation="softmax", name="probs")(x)
    return keras.Model(image, probs, name="digits_cnn")


@sample
def digits_cnn():
    images, labels, test, truth = digits()
    more, more_labels = shifted(images, labels)
    # Version 1 is the smaller and shorter one; a falling rate keeps it from ending on a bad step.
    falling = keras.optimizers.schedules.CosineDecay(5e-3, decay_steps=14 * -(-len(more) // 64))
    for version, (width, epochs, rate) in {"1": (24, 14, falling), "2": (32, 25, 2e-3)}.items():
        keras.utils.set_random_seed(3)
        model = digits_cnn_model(width)
        train(model, more, more_labels, epochs, rate)
        reached = accuracy(model, test, truth)
        print(f"  digits_cnn/{version}: {reached:.1%} of held-out digits")
        assert reached > 0.97, reached
        name = f"digits_cnn/{version}"
        model.export(fresh(name), verbose=False)
        golden(name, "serving_default", {"image": test[:8]})


@sample
def digits_cnn_tflite():
    images, _, test, _ = digits()

    def calibration():
        for image in images[:200]:
            yield {"image": image[None]}

    def converter():
        return tf.lite.TFLiteConverter.from_saved_model(str(HERE / "digits_cnn/2"))

    made = {"float32": converter().convert()}
    dynamic = converter()
    dynamic.optimizations = [tf.lite.Optimize.DEFAULT]
    made["dynamic"] = dynamic.convert()
    half = converter()
    half.optimizations = [tf.lite.Optimize.DEFAULT]
    half.target_spec.supported_types = [tf.float16]
    made["float16"] = half.convert()
    for mode, opset in {
            "int8": tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
            "int16x8": tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8}.items():
        integer = converter()
        integer.optimizations = [tf.lite.Optimize.DEFAULT]
        integer.representative_dataset = calibration
        integer.target_spec.supported_ops = [opset]
        made[mode] = integer.convert()
    for mode, content in made.items():
        name = f"digits_cnn.{mode}.tflite"
        (HERE / name).write_bytes(content)
        golden_tflite(name, {"image": test[:1]})


class ScaledTanh(keras.layers.Layer):
    """tanh(x W + b) with a trained gain per unit."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.units), initializer="glorot_uniform", name="w")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")
        self.gain = self.add_weight(shape=(self.units,), initializer="ones", name="gain")

    def call(self, x):
        return self.gain * keras.ops.tanh(keras.ops.matmul(x, self.w) + self.b)


@sample
def custom_layer():
    keras.utils.set_random_seed(4)
    images, labels, test, truth = digits()
    model = keras.Sequential([
        keras.Input((64,), name="pixels"), ScaledTanh(48, name="scaled_tanh"), keras.layers.Dense(10, name="logits")])
    model.compile(optimizer=keras.optimizers.Adam(3e-3),
                  loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images.reshape(-1, 64), labels, epochs=20, verbose=0)
    print(f"  custom_layer: {accuracy(model, test.reshape(-1, 64), truth):.1%} of held-out digits")

    class Scorer(tf.Module):
        """Raw pixels 0..16 in, digit and confidence out."""

        def __init__(self):
            super().__init__()
            layer, dense = model.get_layer("scaled_tanh"), model.get_layer("logits")
            self.w = tf.Variable(layer.w.numpy(), name="scaled_tanh/w")
            self.b = tf.Variable(layer.b.numpy(), name="scaled_tanh/b")
            self.gain = tf.Variable(layer.gain.numpy(), name="scaled_tanh/gain")
            self.kernel = tf.Variable(dense.kernel.numpy(), name="logits/kernel")
            self.bias = tf.Variable(dense.bias.numpy(), name="logits/bias")

        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8], tf.float32, name="raw")])
        def score(self, raw):
            x = tf.reshape(raw / 16.0, [-1, 64])
            x = self.gain * tf.tanh(x @ self.w + self.b)
            probs = tf.nn.softmax(x @ self.kernel + self.bias)
            return {"digit": tf.argmax(probs, axis=-1), "confidence": tf.reduce_max(probs, axis=-1)}

    scorer = Scorer()
    tf.saved_model.save(scorer, fresh("custom_layer"), signatures={"score": scorer.score})
    golden("custom_layer", "score", {"raw": test[:8, ..., 0] * 16})


@sample
def lstm():
    keras.utils.set_random_seed(5)
    images, labels, test, truth = digits()
    model = keras.Sequential([
        keras.Input((8, 8), name="rows"), keras.layers.LSTM(24), keras.layers.Dense(10, activation="softmax")])
    train(model, images[..., 0], labels, epochs=20, rate=5e-3)
    print(f"  lstm: {accuracy(model, test[..., 0], truth):.1%} of held-out digits")
    model.export(fresh("lstm"), verbose=False)
    golden("lstm", "serving_default", {"rows": test[:4, ..., 0]})


@sample
def text_classifier():
    good = ["fast", "clear", "lovely", "bright", "calm", "kind"]
    bad = ["slow", "murky", "awful", "dull", "loud", "rude"]
    things = ["the screen", "this table", "her answer", "the road", "our map", "that song"]
    rng = np.random.default_rng(6)

    def sentence(words):
        return f"{rng.choice(things)} is {rng.choice(words)} and {rng.choice(words)}"

    texts = [sentence(good if i % 2 else bad) for i in range(400)]
    vocabulary = sorted({word for text in texts for word in text.split()})
    # A relative path: the table's shared name carries it into the file.
    os.chdir(HERE)
    folder = pathlib.Path("text_classifier.vocabulary")
    folder.mkdir(exist_ok=True)
    path = folder / "vocabulary.txt"
    path.write_text("\n".join(vocabulary) + "\n")

    class Classifier(tf.Module):
        def __init__(self):
            super().__init__()
            words = tf.lookup.TextFileInitializer(
                str(path), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER)
            self.table = tf.lookup.StaticVocabularyTable(words, num_oov_buckets=1)
            generator = tf.random.Generator.from_seed(6)
            self.embedding = tf.Variable(generator.normal([len(vocabulary) + 1, 8], stddev=0.1), name="embedding")
            self.weight = tf.Variable(generator.normal([8, 1], stddev=0.1), name="weight")
            self.bias = tf.Variable([0.0], name="bias")

        def logits(self, text):
            tokens = tf.strings.split(tf.strings.lower(text))
            ids = self.table.lookup(tokens.to_tensor(""))
            mask = tf.cast(tokens.to_tensor("") != "", tf.float32)[..., None]
            pooled = tf.reduce_sum(tf.gather(self.embedding, ids) * mask, 1) / tf.maximum(tf.reduce_sum(mask, 1), 1.0)
            return tf.squeeze(pooled @ self.weight + self.bias, -1)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
        def classify(self, text):
            return {"good": tf.sigmoid(self.logits(text))}

    model = Classifier()
    text = tf.constant(texts)
    label = tf.constant([float(i % 2) for i in range(len(texts))])
    variables = [model.embedding, model.weight, model.bias]
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(label, model.logits(text)))
        for variable, gradient in zip(variables, tape.gradient(loss, variables)):
            variable.assign_sub(5.0 * tf.convert_to_tensor(gradient))
    right = np.mean((model.classify(text)["good"].numpy() > 0.5) == (label.numpy() > 0.5))
    print(f"  text_classifier: {right:.1%} of its sentences")
    tf.saved_model.save(model, fresh("text_classifier"), signatures={"serving_default": model.classify})
    shutil.rmtree(folder)
    golden("text_classifier", "serving_default",
           {"text": np.array([b"the road is calm and bright", b"that song is Awful and loud", b"unknown words"])})


@sample
def sharded():
    keras.utils.set_random_seed(7)
    images, labels, test, truth = digits()
    model = keras.Sequential([
        keras.Input((64,), name="pixels"),
        keras.layers.Dense(96, activation="relu"), keras.layers.Dense(96, activation="relu"),
        keras.layers.Dense(10, activation="softmax")])
    train(model, images.reshape(-1, 64), labels, epochs=10)
    print(f"  sharded: {accuracy(model, test.reshape(-1, 64), truth):.1%} of held-out digits")

    class Served(tf.Module):
        def __init__(self):
            super().__init__()
            self.layers = [(tf.Variable(layer.kernel.numpy(), name=f"dense_{i}/kernel"),
                            tf.Variable(layer.bias.numpy(), name=f"dense_{i}/bias"))
                           for i, layer in enumerate(model.layers)]

        @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, name="pixels")])
        def __call__(self, pixels):
            x = pixels
            for kernel, bias in self.layers[:-1]:
                x = tf.nn.relu(x @ kernel + bias)
            kernel, bias = self.layers[-1]
            return {"probs": tf.nn.softmax(x @ kernel + bias)}

    served = Served()
    policy = tf.train.experimental.MaxShardSizePolicy(max_shard_size=16 << 10)
    tf.saved_model.save(served, fresh("sharded"), signatures={"serving_default": served.__call__},
                        options=tf.saved_model.SaveOptions(experimental_sharding_callback=policy))
    golden("sharded", "serving_default", {"pixels": test[:4].reshape(-1, 64)})


@sample
def autoencoder():
    keras.utils.set_random_seed(8)
    images, _, test, _ = digits()
    encoder = keras.layers.Dense(16, activation="tanh", name="encoder")
    decoder = keras.layers.Dense(64, activation="sigmoid", name="decoder")
    model = keras.Sequential([keras.Input((64,)), encoder, decoder])
    flat = images.reshape(-1, 64)
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mse")
    model.fit(flat, flat, epochs=30, batch_size=64, verbose=0)

    class Signatures(tf.Module):
        def __init__(self):
            super().__init__()
            self.parts = [tf.Variable(v.numpy(), name=f"{layer.name}/{v.name}")
                          for layer in (encoder, decoder) for v in layer.weights]

        def code(self, pixels):
            return tf.tanh(pixels @ self.parts[0] + self.parts[1])

        def picture(self, code):
            return tf.sigmoid(code @ self.parts[2] + self.parts[3])

        @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, name="pixels")])
        def encode(self, pixels):
            return {"code": self.code(pixels)}

        @tf.function(input_signature=[tf.TensorSpec([None, 16], tf.float32, name="code")])
        def decode(self, code):
            return {"pixels": self.picture(code)}

        @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, name="pixels")])
        def loss(self, pixels):
            error = tf.reduce_mean(tf.square(self.picture(self.code(pixels)) - pixels), axis=-1)
            return {"error": error, "worst": tf.reduce_max(error)}

    served = Signatures()
    tf.saved_model.save(served, fresh("autoencoder"), signatures={
        "encode": served.encode, "decode": served.decode, "loss": served.loss})
    pixels = test[:4].reshape(-1, 64)
    golden("autoencoder", "encode", {"pixels": pixels})
    golden("autoencoder", "decode", {"code": served.code(tf.constant(pixels)).numpy()})
    golden("autoencoder", "loss", {"pixels": pixels})


@sample
def v1_softmax():
    images, labels, test, truth = digits()
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(9)
        v1.disable_resource_variables()
        pixels = v1.placeholder(tf.float32, [None, 64], "pixels")
        target = v1.placeholder(tf.int64, [None], "target")
        with v1.variable_scope("softmax", use_resource=False):
            weight = v1.get_variable("weight", [64, 10], initializer=v1.zeros_initializer())
            bias = v1.get_variable("bias", [10], initializer=v1.zeros_initializer())
        logits = tf.matmul(pixels, weight) + bias
        probs = tf.nn.softmax(logits, name="probs")
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=target, logits=logits))
        step = v1.train.GradientDescentOptimizer(0.5).minimize(loss)
        session.run(v1.global_variables_initializer())
        for _ in range(300):
            session.run(step, {pixels: images.reshape(-1, 64), target: labels})
        guess = np.argmax(session.run(probs, {pixels: test.reshape(-1, 64)}), axis=1)
        print(f"  v1_softmax: {np.mean(guess == truth):.1%} of held-out digits")
        v1.saved_model.simple_save(session, fresh("v1_softmax"), {"pixels": pixels}, {"probs": probs})
    golden("v1_softmax", "serving_default", {"pixels": test[:4].reshape(-1, 64)})


def model_metadata(label_file):
    """A TFLITE_METADATA buffer: what the image holds, how it is scaled, which file names the classes."""
    builder = flatbuffers.Builder(1024)

    def table(fields, values):
        """`values`: field id -> ("offset" | "uint8" | "uint32" | "int32", value); made in the order given."""
        builder.StartObject(fields)
        for field, (kind, value) in values.items():
            if kind == "offset":
                builder.PrependUOffsetTRelativeSlot(field, value, 0)
            elif kind == "uint8":
                builder.PrependUint8Slot(field, value, 0)
            else:
                builder.PrependUint32Slot(field, value, 0)
        return builder.EndObject()

    def vector(offsets):
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()

    def floats(values):
        builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            builder.PrependFloat32(value)
        return builder.EndVector()

    text = builder.CreateString
    size = table(2, {0: ("uint32", 8), 1: ("uint32", 8)})
    image = table(2, {0: ("uint8", 2), 1: ("offset", size)})
    content = table(3, {0: ("uint8", 2), 1: ("offset", image)})
    mean, deviation = floats([0.0]), floats([255.0])
    normalization = table(2, {0: ("offset", mean), 1: ("offset", deviation)})
    unit = table(2, {0: ("uint8", 1), 1: ("offset", normalization)})
    units = vector([unit])
    low, high = floats([0.0]), floats([1.0])
    stats = table(2, {0: ("offset", high), 1: ("offset", low)})
    name, description = text("image"), text("A digit of 8 by 8 grey pixels, ink is 1.")
    tensor_in = table(7, {0: ("offset", name), 1: ("offset", description), 3: ("offset", content),
                          4: ("offset", units), 5: ("offset", stats)})
    name, description = text(label_file), text("One class a line.")
    labels = table(5, {0: ("offset", name), 1: ("offset", description), 2: ("uint8", 2)})
    files = vector([labels])
    name, description = text("probability"), text("Probability of each digit.")
    tensor_out = table(7, {0: ("offset", name), 1: ("offset", description), 6: ("offset", files)})
    inputs, outputs = vector([tensor_in]), vector([tensor_out])
    subgraph = table(10, {2: ("offset", inputs), 3: ("offset", outputs)})
    subgraphs = vector([subgraph])
    name, description, version = text("Digits CNN"), text("Reads one handwritten digit."), text("2")
    parser = text("1.0.0")
    root = table(8, {0: ("offset", name), 1: ("offset", description), 2: ("offset", version),
                     3: ("offset", subgraphs), 7: ("offset", parser)})
    builder.Finish(root, b"M001")
    return bytes(builder.Output())


@sample
def digits_metadata_tflite():
    _, _, test, _ = digits()
    model = schema.ModelT.InitFromObj(
        schema.Model.GetRootAsModel((HERE / "digits_cnn.int8.tflite").read_bytes(), 0))
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(model_metadata("labels.txt"), np.uint8)
    entry = schema.MetadataT()
    entry.name, entry.buffer = b"TFLITE_METADATA", len(model.buffers)
    model.buffers.append(buffer)
    model.metadata.append(entry)
    model.description = b"Digits CNN with metadata"
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = HERE / "digits_metadata.tflite"
    path.write_bytes(bytes(builder.Output()))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("labels.txt", (1980, 1, 1, 0, 0, 0)),
                         (HERE / "digits_labels.txt").read_text())
    golden_tflite("digits_metadata.tflite", {"image": test[:1]})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME", choices=[make.__name__ for make in SAMPLES])
    chosen = parser.parse_args().only
    for make in SAMPLES:
        if not chosen or make.__name__ in chosen:
            print(make.__name__, flush=True)
            make()


if __name__ == "__main__":
    main()
