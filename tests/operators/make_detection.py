"""Makes detection/: which boxes stay. `make_detection.py FOLDER SEED COUNT` makes other ones of that many shapes."""

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
cases = Cases("detection", 5, 2)
random, count = cases.random, cases.count
case = cases.add


def boxes(*shape, dtype=np.float32):
    """Corners on a grid, so that boxes overlap by just as much as limits say; some are swapped, some have no area."""
    return tf.constant((random.integers(0, 9, size=(*shape, 4)) / 8).astype(dtype))


def scores(*shape, dtype=np.float32):
    """Some are equal."""
    return tf.constant((random.integers(-2, 30, size=shape) / 29).astype(dtype))


def one_class(at):
    n = int(random.integers(1, 40))
    b, s = boxes(n), scores(n)
    half = boxes(n, dtype=np.float16), scores(n, dtype=np.float16)
    most = int(random.integers(0, 12))
    limit = float(random.choice([0.0, 0.25, 0.5, 0.7, 1.0]))
    least = float(random.choice([-1.0, 0.0, 0.3]))
    case(f"v1_{at}", lambda b, s: R.NonMaxSuppression(
        boxes=b, scores=s, max_output_size=most, iou_threshold=limit), b, s)
    overlaps = tf.constant(random.normal(size=(n, n)).astype(np.float32))
    case(f"told_{at}", lambda o, s: R.NonMaxSuppressionWithOverlaps(
        overlaps=o, scores=s, max_output_size=most, overlap_threshold=limit, score_threshold=least), overlaps, s)
    for name, (b, s) in (("", (b, s)), ("_half", half)):
        def number(value, b=b):
            return tf.constant(value, b.dtype)
        case(f"v2{name}_{at}", lambda b, s, number=number: R.NonMaxSuppressionV2(
            boxes=b, scores=s, max_output_size=most, iou_threshold=number(limit)), b, s)
        case(f"v3{name}_{at}", lambda b, s, number=number: R.NonMaxSuppressionV3(
            boxes=b, scores=s, max_output_size=most, iou_threshold=number(limit), score_threshold=number(least)), b, s)
        for pad in (True, False):
            case(f"v4{name}_{pad}_{at}", lambda b, s, pad=pad, number=number: list(R.NonMaxSuppressionV4(
                boxes=b, scores=s, max_output_size=most, iou_threshold=number(limit),
                score_threshold=number(least), pad_to_max_output_size=pad)), b, s)
            for sigma in (0.0, 0.3):
                case(f"v5{name}_{pad}_{sigma}_{at}", lambda b, s, pad=pad, sigma=sigma, number=number: list(
                    R.NonMaxSuppressionV5(
                        boxes=b, scores=s, max_output_size=most, iou_threshold=number(limit),
                        score_threshold=number(least), soft_nms_sigma=number(sigma), pad_to_max_output_size=pad)), b, s)


def many_classes(at):
    batch, n, classes = (int(random.integers(1, high)) for high in (3, 14, 4))
    each, total = (int(random.integers(1, high)) for high in (6, 12))
    limit, least = float(random.choice([0.25, 0.5])), float(random.choice([-1.0, 0.0, 0.3]))
    for own in (1, classes):
        # More scores that are equal than a few may come in any order.
        s = tf.constant(random.permutation(batch * n * classes).reshape(batch, n, classes).astype(np.float32) / 50 - 0.1)
        b = 1.4 * boxes(batch, n, own) - 0.2
        for flags in range(4):
            case(f"combined_{own == 1}_{flags}_{at}", lambda b, s, flags=flags: list(R.CombinedNonMaxSuppression(
                boxes=b, scores=s, max_output_size_per_class=each, max_total_size=total, iou_threshold=limit,
                score_threshold=least, pad_per_class=flags % 2 == 1, clip_boxes=flags > 1)), b, s)


for at in range(count):
    one_class(at)
    many_classes(at)
cases.write()
