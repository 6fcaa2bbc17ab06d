"""Makes types/: operators in the types that few models have. `make_types.py FOLDER SEED` makes other ones."""

import os
import sys

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "types")
random = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else 5)
cases = Cases()


def typed(name, dtype, run, *shapes):
    """Quarters come in as float32, so that archives need no half types; so do the results leave."""
    def cast(*values):
        # What a negative number is as an unsigned one depends on the processor.
        values = [tf.abs(value) if dtype.is_unsigned else value for value in values]
        found = run(*[tf.cast(value, dtype) for value in values])
        return tf.cast(found, tf.float64 if dtype == tf.float64 else tf.float32)

    values = [tf.constant((np.round(random.normal(size=shape) * 8) / 4).astype("f4")) for shape in shapes]
    cases.add(f"{name}_{dtype.name}", cast, *values)


def convolutions(t):
    def conv(**options):
        return lambda x, w: R.Conv2D(**{"input": x, "filter": w, "strides": [1] * 4, "padding": "SAME", **options})

    def depthwise(**options):
        return lambda x, w: R.DepthwiseConv2dNative(
            **{"input": x, "filter": w, "strides": [1] * 4, "padding": "SAME", **options})

    x = (2, 7, 6, 4)
    typed("conv", t, conv(), x, (3, 3, 4, 5))
    typed("conv_strided", t, conv(strides=[1, 2, 2, 1], padding="VALID"), x, (3, 2, 4, 5))
    typed("conv_dilated", t, conv(dilations=[1, 2, 2, 1]), x, (3, 3, 4, 5))
    typed("conv_padded", t, conv(padding="EXPLICIT", explicit_paddings=[0, 0, 1, 2, 2, 1, 0, 0]), x, (3, 3, 4, 5))
    if t == tf.int32:
        return
    typed("conv_grouped", t, conv(), x, (3, 3, 2, 6))
    typed("depthwise", t, depthwise(), x, (3, 3, 4, 2))
    typed("depthwise_strided", t, depthwise(strides=[1, 2, 2, 1], padding="VALID"), x, (3, 3, 4, 1))


def pools(t):
    for pad in ("SAME", "VALID"):
        window = {"ksize": [1, 3, 2, 1], "strides": [1, 2, 2, 1], "padding": pad}
        typed(f"most_{pad}", t, lambda x, w=window: R.MaxPool(input=x, **w), (2, 7, 6, 3))
        if t.is_floating:
            typed(f"mean_{pad}", t, lambda x, w=window: R.AvgPool(value=x, **w), (2, 7, 6, 3))


def rows(t):
    typed("softmax", t, lambda x: R.Softmax(logits=x), (5, 13))
    typed("log_softmax", t, lambda x: R.LogSoftmax(logits=x), (5, 13))
    typed("product", t, lambda a, b: R.MatMul(a=a, b=b), (5, 33), (33, 7))
    typed("products", t, lambda a, b: R.BatchMatMulV2(x=a, y=b, adj_y=True), (2, 5, 33), (2, 7, 33))
    for at, ends in enumerate([(1.5, 22, 0.3), (5, -3, -0.7), (0, 300, 1)]):
        if t == tf.float64:
            typed(f"range_known_{at}", t, lambda e=ends: R.Range(**{
                k: tf.constant(v, tf.float64) for k, v in zip(("start", "limit", "delta"), e)}))
        cast = [tf.constant(v, tf.float32) for v in ends]
        cases.add(f"range_{t.name}_{at}", lambda a, b, c, t=t: tf.cast(R.Range(
            start=tf.cast(a, t), limit=tf.cast(b, t), delta=tf.cast(c, t)), tf.float32), *cast)


def norms(t):
    statistics = [tf.constant(random.uniform(0.5, 2, size=4).astype("f4")) for _ in range(4)]
    x = tf.constant(random.normal(size=(2, 3, 3, 4)).astype("f4"))
    cases.add(f"norm_{t.name}", lambda x, a, b, c, d, t=t: tf.cast(R.FusedBatchNormV3(
        x=tf.cast(x, t), scale=a, offset=b, mean=c, variance=d, is_training=False)[0], tf.float32), x, *statistics)


def turned():
    for dtype in ("c8", "c16", "f4", "i4"):
        x = random.normal(size=(2, 3, 4)) * 9
        real = "f8" if dtype == "c16" else "f4"
        x = tf.constant(x.astype(dtype if dtype[0] != "c" else real))
        if dtype[0] == "c":
            def parts(x):
                z = R.ConjugateTranspose(x=tf.complex(x, x * 2), perm=[2, 0, 1])
                return [tf.math.real(z), tf.math.imag(z)]
            cases.add(f"conjugate_{dtype}", parts, x)
        else:
            cases.add(f"conjugate_{dtype}", lambda x: R.ConjugateTranspose(x=x, perm=[2, 0, 1]), x)


for t in (tf.float16, tf.bfloat16, tf.float64):
    convolutions(t)
    pools(t)
    rows(t)
convolutions(tf.int32)
for t in (tf.int8, tf.uint8, tf.int16, tf.uint16, tf.int32, tf.int64):
    pools(t)
norms(tf.bfloat16)
turned()
cases.write(folder)
