"""Makes gradients/: those of layers, as training signatures ask for them. `make_gradients.py FOLDER SEED` makes others."""

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
cases = Cases("gradients", 7)
random = cases.random


def numbers(*shape):
    return tf.constant(random.normal(size=shape).astype("f4"))


def convolutions(dtype):
    def case(name, run, *values):
        cases.add(f"{name}_{dtype.name}", lambda *given: run(*[tf.cast(value, dtype) for value in given]), *values)

    x = numbers(2, 7, 6, 4)
    windows = {
        "same": dict(strides=[1] * 4, padding="SAME"),
        "strided": dict(strides=[1, 2, 2, 1], padding="VALID"),
        "padded": dict(strides=[1, 2, 1, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 2, 2, 1, 0, 0]),
    }
    for name, window in windows.items():
        out = tf.raw_ops.Conv2D(input=x, filter=tf.zeros([3, 2, 4, 5]), **window).shape
        case(f"filter_{name}", lambda x, dy, window=window: R.Conv2DBackpropFilter(
            input=x, filter_sizes=[3, 2, 4, 5], out_backprop=dy, **window), x, numbers(*out))
        if name == "padded":
            continue
        if name == "strided":
            window = dict(window, dilations=[1] * 4)
        out = R.DepthwiseConv2dNative(input=x, filter=tf.zeros([3, 2, 4, 2]), **window).shape
        case(f"depthwise_filter_{name}", lambda x, dy, window=window: R.DepthwiseConv2dNativeBackpropFilter(
            input=x, filter_sizes=[3, 2, 4, 2], out_backprop=dy, **window), x, numbers(*out))
        case(f"depthwise_input_{name}", lambda w, dy, window=window: R.DepthwiseConv2dNativeBackpropInput(
            input_sizes=[2, 7, 6, 4], filter=w, out_backprop=dy, **window), numbers(3, 2, 4, 2), numbers(*out))


def normalization(training):
    x, dy, scale = numbers(3, 4, 5, 6), numbers(3, 4, 5, 6), numbers(6)
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    for version in ("", "V2", "V3"):
        more = {"reserve_space_3": tf.zeros([0])} if version == "V3" else {}
        cases.add(f"norm{version}_{training}", lambda dy, x, s, m, v, version=version, more=more: list(
            getattr(R, f"FusedBatchNormGrad{version}")(
                y_backprop=dy, x=x, scale=s, reserve_space_1=m, reserve_space_2=v, is_training=training,
                epsilon=1e-3, **more))[:3], dy, x, scale, mean, variance)


def quantizers():
    x, dy = numbers(4, 7, 3) * 3, numbers(4, 7, 3)
    lows, highs = tf.constant([-1.3, -0.5, -3]), tf.constant([2.1, 0.4, 2.9])
    for bits, narrow in ((8, False), (4, True)):
        options = dict(num_bits=bits, narrow_range=narrow)
        cases.add(f"told_range_{bits}", lambda g, x, o=options: R.FakeQuantWithMinMaxArgsGradient(
            gradients=g, inputs=x, min=-1.3, max=2.1, **o), dy, x)
        cases.add(f"range_{bits}", lambda g, x, a, b, o=options: list(R.FakeQuantWithMinMaxVarsGradient(
            gradients=g, inputs=x, min=a[0], max=b[0], **o)), dy, x, lows, highs)
        cases.add(f"ranges_{bits}", lambda g, x, a, b, o=options: list(R.FakeQuantWithMinMaxVarsPerChannelGradient(
            gradients=g, inputs=x, min=a, max=b, **o)), dy, x, lows, highs)


def told():
    ends = tf.constant([-22.5, 1.5])
    for count in (1, 2, 7, 33):
        for dtype in (tf.float32, tf.float64):
            cases.add(f"even_{dtype.name}_{count}", lambda ends, count=count, dtype=dtype: R.LinSpace(
                start=tf.cast(ends[1], dtype), stop=tf.cast(ends[0], dtype), num=count), ends)
    x = numbers(2, 7, 6, 3)
    for pad in ("SAME", "VALID"):
        cases.add(f"most_{pad}", lambda x, pad=pad: R.MaxPoolV2(
            input=x, ksize=[1, 3, 2, 1], strides=[1, 2, 2, 1], padding=pad), x)


for dtype in (tf.float32, tf.float64):
    convolutions(dtype)
for training in (True, False):
    normalization(training)
quantizers()
told()
cases.write()
