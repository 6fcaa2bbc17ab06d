"""Makes loops/: gradients of TensorFlow 1's loops, which keep on stacks what each round leaves, and of its arrays."""

import os
import shutil
import sys

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as t1

t1.disable_v2_behavior()
t1.disable_control_flow_v2()
folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "loops")
random = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else 7)
feeds = {"x": random.normal(size=(4, 3)).astype("f4"), "n": np.int32(5), "none": np.int32(0)}
loop = tf.while_loop


def rounds(body, limit, start):
    return loop(lambda i, y: i < limit, lambda i, y: (i + 1, body(i, y)), [tf.constant(0), start])[1]


def with_gradients(y, x):
    return [y, tf.convert_to_tensor(tf.gradients(y, [x])[0])]


def loops(x, n, none):
    yield "many", with_gradients(rounds(lambda i, y: tf.tanh(y * x) + y, n, x), x)
    yield "no_round", with_gradients(rounds(lambda i, y: tf.tanh(y * x), none, x), x)
    yield "by_value", with_gradients(
        loop(lambda y: tf.reduce_sum(y) < 100.0, lambda y: y * 1.5 + tf.abs(x), [tf.abs(x)]), x)
    yield "branch", with_gradients(
        rounds(lambda i, y: tf.cond(tf.equal(i % 2, 0), lambda: tf.sin(y) * x, lambda: tf.exp(-y * y) + x), 5, x), x)
    yield "within", with_gradients(
        rounds(lambda i, y: rounds(lambda j, z: tf.sin(z) * x + z, i, y) * x, 4, x), x)
    yield "picked", with_gradients(rounds(lambda i, y: y + tf.gather(x, i) ** 2, 4, tf.zeros([3])), x)
    weights = t1.get_variable("weights", initializer=tf.constant(random.normal(size=(3, 3)).astype("f4")))
    y = rounds(lambda i, y: tf.tanh(tf.matmul(y, weights)), 3, x)
    yield "weights", tf.gradients(tf.reduce_sum(y), [x, weights])


def arrays(x):
    array = t1.TensorArray(tf.float32, size=4, clear_after_read=False).unstack(x)

    def body(i, s, out):
        s = tf.tanh(s + array.read(i) * array.read(3 - i))
        return i + 1, s, out.write(i, s * 2)
    _, s, out = loop(lambda i, s, out: i < 4, body, [tf.constant(0), tf.zeros([3]), t1.TensorArray(tf.float32, size=4)])
    y = out.stack()
    yield "read_twice", [y] + tf.gradients(tf.reduce_sum(y * y) + tf.reduce_sum(s), [x])
    out = t1.TensorArray(tf.float32, size=3, infer_shape=False)
    y = rounds(lambda i, out: out.write(i, x[:i + 1] * tf.cast(i + 1, tf.float32)), 3, out).concat()
    yield "joined", [y] + tf.gradients(y * y, [x])
    out = t1.TensorArray(tf.float32, size=3, infer_shape=False).split(x, [1, 2, 1])
    yield "cut", tf.gradients([out.read(0) * 2, out.read(1) ** 2], [x])
    array = t1.TensorArray(tf.float32, size=4, clear_after_read=False).unstack(x)
    y, z = array.gather([0, 2, 2, 1]), array.read(2)
    yield "gathered", [y, z] + tf.gradients([y * y, z * 3], [x])
    y = tf.map_fn(lambda v: tf.sin(v) * tf.reduce_sum(v), x)
    z = tf.scan(lambda a, v: a * 0.5 + tf.sin(v) * a, x)
    yield "mapped", [y, z] + tf.gradients([y, z], [x])


with t1.Graph().as_default(), t1.Session() as session:
    inputs = {name: t1.placeholder(value.dtype, value.shape, name) for name, value in feeds.items()}
    cases = list(loops(**inputs)) + list(arrays(inputs["x"]))
    outputs = {f"{name}__{at}": tf.identity(value) for name, values in cases for at, value in enumerate(values)}
    session.run(t1.global_variables_initializer())
    truth = session.run(outputs, {inputs[name]: value for name, value in feeds.items()})
    target = os.path.join(folder, "saved_model")
    shutil.rmtree(target, ignore_errors=True)
    builder = t1.saved_model.Builder(target)
    signature = t1.saved_model.predict_signature_def(inputs, outputs)
    builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature}, strip_default_attrs=True)
    builder.save()
np.savez_compressed(os.path.join(folder, "inputs.npz"), **feeds)
np.savez_compressed(os.path.join(folder, "outputs.npz"), **truth)
