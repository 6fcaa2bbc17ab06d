"""Makes parts/: variables of TensorFlow 1 that lie in parts, along rows and along columns. `make_parts.py FOLDER SEED` makes
other ones."""

import os
import shutil
import sys

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()
folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "parts")
random = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else 37)


def parted(name, shape, parts, axis, resource):
    whole = random.normal(size=shape).astype("f4")
    return tf.get_variable(name, shape, initializer=lambda shape, dtype, partition_info: tf.constant(
        whole[tuple(slice(o, o + n) for o, n in zip(partition_info.var_offset, shape))]),
        partitioner=tf.fixed_size_partitioner(parts, axis), use_resource=resource)


with tf.Session() as session:
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    outputs = {}
    for kind, resource in (("resource", True), ("reference", False)):
        columns, rows = parted(f"columns_{kind}", [3, 8], 3, 1, resource), parted(f"rows_{kind}", [9, 4], 4, 0, resource)
        outputs[f"{kind}_product"] = tf.matmul(x, tf.convert_to_tensor(columns))
        for strategy in ("mod", "div"):
            outputs[f"{kind}_{strategy}"] = tf.nn.embedding_lookup(list(rows), tf.constant([0, 5, 8, 3]), partition_strategy=strategy)
    session.run(tf.global_variables_initializer())
    feed = random.normal(size=(2, 3)).astype("f4")
    truth = session.run(outputs, {x: feed})
    target = os.path.join(folder, "saved_model")
    shutil.rmtree(target, ignore_errors=True)
    builder = tf.saved_model.Builder(target)
    signature = tf.saved_model.signature_def_utils.predict_signature_def({"x": x}, outputs)
    builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature}, strip_default_attrs=True)
    builder.save()
np.savez_compressed(os.path.join(folder, "inputs.npz"), x=feed)
np.savez_compressed(os.path.join(folder, "outputs.npz"), **truth)
