"""Makes summaries/: tensors written into texts, parts of images drawn from seeds, codes that have zero as a step."""

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
cases = Cases("summaries", 31)
random = cases.random


def written(name, run, value):
    cases.add(name, lambda x: [tf.strings.format("v={}.", [run(x)], summarize=many) for many in (3, 1, 0, -1)], value)


def texts():
    singles = np.array([0.34558418, 1e5, 1e6, 1234567, 1e-5, 0.1, 1e20, 3.4e38, 1e-45, -1e-40, 0.3, 100000.5, np.nan,
                        -np.inf, -0.0, 999999.9], np.float32)
    doubles = np.array([1 / 3, 0.08564916714362436, 1e5, 1e16, 123456789012345680, 1e-310, -1e-310, 0.1 + 0.2, 1e-45])
    written("singles", tf.identity, tf.constant(singles))
    written("halves", lambda x: tf.cast(x, tf.half), tf.constant(singles))
    written("bfloats", lambda x: tf.cast(x, tf.bfloat16), tf.constant(singles))
    written("doubles", tf.identity, tf.constant(doubles))
    written("complex", lambda x: tf.complex(x, x), tf.constant(singles[:2]))
    written("bool", lambda x: x > 0, tf.constant(singles[:6].reshape(2, 3)))
    strings = [b'a"b', b"c'd", b"e\nf\tg\\h\x01\x7f\r", "ö".encode(), b"\xff\x80a"]
    written("strings", tf.identity, tf.constant(strings))
    for shape in ([], [0], [0, 3], [2, 0], [1], [7], [7, 7], [2, 3, 4], [3, 0, 2], [7, 1, 7]):
        values = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(np.int32)
        written("by".join(map(str, shape)) or "one", tf.identity, tf.constant(values))
    small = tf.constant(np.array([1e-40, 6e-8, -1e-41, 1e-5], np.float32))
    for form in (dict(), dict(scientific=True), dict(shortest=True), dict(width=14, fill="0")):
        name = "_".join(form) or "plain"
        cases.add(f"small_{name}", lambda x, form=form: [
            tf.strings.as_string(x, **form), tf.strings.as_string(tf.cast(x, tf.bfloat16), **form),
            tf.strings.as_string(tf.complex(x, -x), **form)], small)
    cases.add("wide", lambda x: tf.strings.as_string(x > 1e-9, width=9), small)


def parts():
    for at in range(12):
        height, width, boxes = (int(v) for v in random.integers([1, 1, 0], [300, 300, 4]))
        sides = random.random((boxes, 4)) if at % 3 else np.sort(random.random((boxes, 2, 2)), axis=1).reshape(boxes, 4)
        least, most = float(random.uniform(0.2, 2)), float(random.uniform(0.01, 0.9))
        form = dict(aspect_ratio_range=[least, least * float(random.uniform(1, 3))],
                    area_range=[most, float(random.uniform(most, 1))], max_attempts=int(random.choice([1, 3, 100])),
                    use_image_if_no_bounding_boxes=True)
        covered = float(random.choice([0, 0.1, 0.5, 0.9, 1]))
        size = tf.constant([height, width, 3], [tf.int32, tf.int64, tf.int16][at % 3])
        rows = tf.constant(sides.astype(np.float32)[None])
        seed = tf.constant(random.integers(-2**40, 2**40, 2), tf.int64)
        cases.add(f"part_{at}", lambda size, rows, seed, form=form, covered=covered: list(
            R.StatelessSampleDistortedBoundingBox(
                image_size=size, bounding_boxes=rows, seed=seed, min_object_covered=covered, **form)), size, rows, seed)


def codes():
    x = tf.constant(np.append((random.normal(size=20) * 2).astype(np.float32), np.float32([np.inf, -np.inf, 0, 1e20])))
    plain = dict(quint8=tf.uint8, qint8=tf.int8, quint16=tf.uint16, qint16=tf.int16, qint32=tf.int32)
    for name, plain in plain.items():
        for ends in ([-1.5, 2.0], [0.3, 4.0], [-3.0, -1.0]):
            def run(x, name=name, plain=plain, ends=ends):
                codes, low, high = R.QuantizeV2(
                    input=x, min_range=ends[0], max_range=ends[1], T=getattr(tf, name), mode="MIN_FIRST")
                back = R.Dequantize(input=codes, min_range=low, max_range=high, mode="MIN_FIRST")
                return [tf.bitcast(codes, plain), low, high, back]
            cases.add(f"codes_{name}_{ends[1]}", run, x)


texts()
parts()
codes()
cases.write()
