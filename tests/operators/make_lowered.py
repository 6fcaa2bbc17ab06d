"""Makes lowered/: operators that are converted to others than their own. `make_lowered.py FOLDER SEED` makes other ones."""

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
cases = Cases("lowered", 31)
random = cases.random
case = cases.add


def normal(*shape):
    return tf.constant(random.normal(size=shape).astype("f4"))


def whole(low, high, *shape):
    return tf.constant(random.integers(low, high, size=shape).astype("i4"))


x, m, sound = normal(3, 4), normal(2, 4, 5), normal(2, 20)
case("bits", lambda x: [tf.bitcast(x, tf.int32), tf.bitcast(tf.reshape(tf.bitcast(x, tf.uint8), [12, 2, 2]), tf.int16)], x)
case("parts", lambda x: [tf.abs(tf.signal.rfft(x, [16])), tf.math.real(tf.signal.rfft(x, [32])), tf.math.imag(tf.signal.rfft2d(x, [4, 8]))], sound)
case("stft", lambda x: tf.abs(tf.signal.stft(x, 8, 3)), sound)
case("segments", lambda x: [tf.math.segment_sum(x, [0, 0, 2]), *[f(x, tf.constant([1, 0, 1]), 3) for f in (
    tf.math.unsorted_segment_sum, tf.math.unsorted_segment_max, tf.math.unsorted_segment_min, tf.math.unsorted_segment_prod)]], x)
case("dense", lambda x: R.SparseToDense(sparse_indices=[[0, 1], [2, 2]], output_shape=[3, 4], sparse_values=x[0, :2], default_value=-1.0), x)
case("diagonals", lambda x, m: [tf.linalg.diag(x), tf.linalg.set_diag(m, m[:, :, 0]), tf.eye(3) + tf.linalg.diag(x[:, 0])], x, m)
case("bands", lambda m, n: [tf.linalg.band_part(m, 1, -1), tf.linalg.band_part(m, -1, 0), tf.linalg.band_part(m, n[0], n[1])], m, tf.constant([2, 1]))
case("buckets", lambda x: R.Bucketize(input=x, boundaries=[-1.0, 0.0, 0.5]), x)
boxes = tf.constant(np.cumsum(random.random((9, 2, 2)), axis=1).reshape(9, 4).astype("f4"))
scores = tf.constant(random.random(9).astype("f4"))
case("boxes", lambda b, s: [tf.image.non_max_suppression(b, s, 5, 0.3, 0.2), *tf.image.non_max_suppression_with_scores(b, s, 5, 0.3, 0.2, 0.4)], boxes, scores)
case("roll", lambda x, m: [tf.roll(x, -1, 0), tf.roll(m, [2, 7], [1, 2])], x, m)
at, put = tf.constant([[0, 1], [2, 3]]), normal(2)
case("scattered", lambda x, put: [tf.tensor_scatter_nd_update(x, at, put), tf.tensor_scatter_nd_add(x, at, put), tf.tensor_scatter_nd_sub(x, at, put),
                                  tf.tensor_scatter_nd_update(x, [[2], [0]], x[:2])], x, put)
case("permutation", lambda p: tf.math.invert_permutation(p), tf.constant([2, 0, 3, 1]))
case("stitched", lambda x: tf.dynamic_stitch([[3, 0], [2, 1, 3]], [x[:2], x]), x)
strange = tf.constant([1.0, float("nan"), float("inf"), -float("inf"), 0.0])
case("finite", lambda x: [tf.math.is_finite(x), tf.math.is_inf(x), tf.math.multiply_no_nan(x, [0.0, 0, 0, 2, 3]), tf.math.xdivy([0.0, 1, 0, 2, 0], x)], strange)
case("slopes", lambda x: [R.SigmoidGrad(y=tf.sigmoid(x), dy=x), R.TanhGrad(y=tf.tanh(x), dy=x)], x)
case("divided", lambda a, b: R.TruncateDiv(x=a, y=b), whole(-50, 50, 6), whole(1, 9, 6))
case("entropy", lambda x: list(R.SparseSoftmaxCrossEntropyWithLogits(features=x, labels=[1, 3, 0])), x)
case("faked", lambda x: [tf.quantization.fake_quant_with_min_max_args(x, -1.3, 2.1), tf.quantization.fake_quant_with_min_max_vars(x, -2.0, 0.7, 4, True),
                         tf.quantization.fake_quant_with_min_max_vars_per_channel(x, [-1.0, -2, -0.5, 0], [1.0, 0.5, 3, 2])], x)
case("shapes", lambda x, m: R.ShapeN(input=[x, m]), x, m)
case("volume", lambda v, w: tf.nn.conv3d_transpose(v, w, [1, 4, 6, 5, 2], [1, 2, 2, 1, 1], "SAME"), normal(1, 2, 3, 5, 3), normal(2, 3, 1, 2, 3))
cases.write()
