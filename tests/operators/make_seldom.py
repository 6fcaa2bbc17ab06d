"""Makes seldom/: operators that few graphs of inference have. `make_seldom.py FOLDER SEED COUNT` makes other ones."""

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
cases = Cases("seldom", 6)
random, count = cases.random, cases.count
case = cases.add
FLOATS = (tf.float32, tf.float64, tf.float16, tf.bfloat16)
WHOLE = (tf.int8, tf.uint8, tf.int16, tf.uint16, tf.int32, tf.uint32, tf.int64, tf.uint64)


def normal(dtype, *shape):
    return random.normal(size=shape) * 3, dtype


def bridged(name, run, *inputs):
    """Inputs and answers of any type, as float64 in the archives."""
    feeds = [tf.constant(values, tf.float64) for values, _ in inputs]

    def cast(*values):
        found = run(*[tf.cast(value, dtype) for value, (_, dtype) in zip(values, inputs)])
        found = found if isinstance(found, (list, tuple)) else [found]
        return [tf.cast(value, tf.float64) for value in found]
    case(name, cast, *feeds)


def whole(dtype, *shape):
    return random.integers(0, 100, size=shape), dtype


def pools(at):
    for dtype in (tf.float32, tf.float64, tf.int32, tf.int64):
        x = random.normal(size=(2, 9, 13, 2)) * 40, dtype
        for op in (R.FractionalMaxPool, R.FractionalAvgPool):
            for pseudo in (False, True):
                for overlapping in (False, True):
                    seed = int(random.integers(1, 1000))
                    name = f"{op.__name__}_{dtype.name}_{pseudo}_{overlapping}_{at}"
                    bridged(name, lambda x, op=op, p=pseudo, o=overlapping, s=seed: list(op(
                        value=x, pooling_ratio=[1.0, 1.44, 1.73, 1.0], pseudo_random=p, overlapping=o,
                        deterministic=True, seed=s, seed2=7)), x)


def orders(at):
    for dtype in FLOATS:
        bridged(f"isotonic_{dtype.name}_{at}", lambda x: list(R.IsotonicRegression(input=x, output_dtype=x.dtype)), normal(dtype, 3, 2, 11))
    for dtype, out in ((tf.int8, tf.float32), (tf.int16, tf.float32), (tf.int32, tf.float64), (tf.int64, tf.float64)):
        bridged(f"isotonic_{dtype.name}_{at}", lambda x, o=out: list(R.IsotonicRegression(input=x, output_dtype=o)), whole(dtype, 3, 11))
    for dtype in (tf.float32, tf.float16, tf.bfloat16):
        x = normal(dtype, 3, 11)
        bridged(f"top_{dtype.name}_{at}", lambda x: list(R.ApproxTopK(input=x, k=4)), x)


def updates(at, model):
    for dtype in (tf.float32, tf.int64, tf.float16):
        x, v = normal(dtype, 4, 5, 3), normal(dtype, 2, 1)
        bridged(f"updated_{dtype.name}_{at}", lambda x, v: R.TensorStridedSliceUpdate(
            input=x, begin=[3, 1, 0], end=[0, 5, 3], strides=[-2, 2, 1], value=v), x, v)
    held = tf.Variable(tf.zeros([3, 4]))
    words = tf.Variable([["a", "b"], ["c", "d"]])
    model.held += [held, words]

    def assigned(v):
        held.assign(tf.ones([3, 4]))
        words.assign([["a", "b"], ["c", "d"]])
        held[0:3:2, 1].assign(v)
        R.ResourceStridedSliceAssign(ref=held.handle, begin=[1, 0], end=[2, 2], strides=[1, 1], value=tf.constant(7.0))
        words[:, 1:].assign([["new"], ["er"]])
        return [held.read_value(), words.read_value()]
    case(f"assigned_{at}", assigned, tf.constant(random.normal(size=2).astype("f4")))


model = tf.Module()
model.held = []
for at in range(count):
    pools(at)
    orders(at)
    updates(at, model)
cases.write(model)
