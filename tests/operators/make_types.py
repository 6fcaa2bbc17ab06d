"""Makes types/: operators in the types that few models have. `make_types.py FOLDER SEED` makes other ones."""

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
cases = Cases("types", 5)
random = cases.random


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


def volumes(t):
    def conv(**options):
        return lambda x, w: R.Conv3D(**{"input": x, "filter": w, "strides": [1] * 5, "padding": "SAME", **options})

    def back(size, **options):
        return lambda x, w: R.Conv3DBackpropInputV2(**{
            "input_sizes": size, "filter": w, "out_backprop": x, "strides": [1] * 5, "padding": "SAME", **options})

    def flat(size, **options):
        return lambda x, w: R.Conv2DBackpropInput(**{
            "input_sizes": size, "filter": w, "out_backprop": x, "strides": [1] * 4, "padding": "SAME", **options})

    typed("volume", t, conv(), (1, 3, 4, 3, 2), (2, 2, 3, 2, 3))
    typed("volume_strided", t, conv(strides=[1, 2, 2, 1, 1], padding="VALID"), (1, 5, 4, 3, 2), (2, 2, 3, 2, 3))
    typed("volume_back", t, back([1, 4, 5, 3, 2], strides=[1, 2, 2, 1, 1]), (1, 2, 3, 3, 3), (2, 3, 2, 2, 3))
    typed("back", t, flat([2, 7, 6, 3], strides=[1, 2, 2, 1]), (2, 4, 3, 5), (3, 2, 3, 5))
    typed("back_valid", t, flat([2, 7, 6, 3], padding="VALID"), (2, 5, 5, 5), (3, 2, 3, 5))


def sums(t):
    """Long enough for lanes that take turns, for halves of long rows, for what is left over."""
    for name in ("Sum", "Mean", "Prod"):
        run = getattr(R, name)
        def of(axes, run=run, name=name):
            return lambda x: run(input=x / 64 + 1 if name == "Prod" else x, axis=axes)
        typed(f"{name.lower()}_rows", t, of([1]), (3, 93))
        typed(f"{name.lower()}_columns", t, of([0]), (37, 11))
        typed(f"{name.lower()}_middle", t, of([1]), (3, 21, 12))
        typed(f"{name.lower()}_around", t, of([0, 2]), (3, 5, 7))
        typed(f"{name.lower()}_apart", t, of([1, 3]), (3, 5, 2, 7))
        typed(f"{name.lower()}_whole", t, of([0, 1, 2]), (3, 5, 7))
    labels = tf.random.stateless_uniform((5, 37), [1, 2])
    def losses(x, of):
        return R.SoftmaxCrossEntropyWithLogits(features=x, labels=tf.cast(labels, t))[of]
    def picked(x, of):
        return R.SparseSoftmaxCrossEntropyWithLogits(features=x, labels=[3, 1, 4, 1, 5])[of]
    for of in (0, 1):
        typed(f"entropy_{of}", t, lambda x, of=of: losses(x, of), (5, 37))
        typed(f"entropy_sparse_{of}", t, lambda x, of=of: picked(x, of), (5, 37))
    typed("running_logs", t, lambda x: R.CumulativeLogsumexp(x=x, axis=1, reverse=True), (5, 13))
    if t == tf.float16:
        typed("norms", t, lambda x: R.EuclideanNorm(input=x, axis=[1]), (5, 37))
        typed("half_squares", t, lambda x: R.L2Loss(t=x), (5, 37))
    typed("sum_long", t, lambda x: R.Sum(input=tf.tile(x, [1, 9]), axis=[1]), (2, 300))
    if t == tf.bfloat16:
        typed("einsum", t, lambda a, b: R.Einsum(inputs=[a, b], equation="bij,bkj->bik"), (2, 5, 33), (2, 7, 33))
        typed("einsum_sum", t, lambda a: R.Einsum(inputs=[a], equation="ij->i"), (5, 33))


def activations(t):
    x = (3, 16)
    for name in ("Elu", "Selu", "LeakyRelu", "Softplus", "Softsign"):
        typed(name.lower(), t, lambda x, f=getattr(R, name): f(features=x), x)
    typed("sigmoid", t, lambda x: R.Sigmoid(x=x), x)
    typed("xlogy", t, lambda x, y: R.Xlogy(x=x, y=tf.abs(y) + 1), x, x)
    typed("xlog1py", t, lambda x, y: R.Xlog1py(x=x, y=tf.abs(y)), x, x)


def colours(t):
    for name in ("RGBToHSV", "HSVToRGB"):
        typed(name.lower(), t, lambda x, f=getattr(R, name): f(images=x), (4, 5, 3))
    if t == tf.float32:
        for by in (0.3, -0.6):
            typed(f"hue_{by}", t, lambda x, by=by: R.AdjustHue(images=x, delta=by), (2, 3, 4, 3))
            typed(f"saturation_{by}", t, lambda x, by=by: R.AdjustSaturation(images=x, scale=by), (2, 3, 4, 3))


def dilated(t):
    typed("dilated", t, lambda x, w: R.Dilation2D(
        input=x / 3, filter=w / 7, strides=[1] * 4, rates=[1] * 4, padding="SAME"), (1, 4, 5, 3), (2, 2, 3))


def training(t):
    x = tf.constant(random.normal(size=(2, 3, 3, 4)).astype("f4"))
    scale, offset = [tf.constant(random.uniform(0.5, 2, size=4).astype("f4")) for _ in range(2)]
    def norm(x, a, b):
        none = tf.zeros([0])
        found = R.FusedBatchNormV3(x=tf.cast(x, t), scale=a, offset=b, mean=none, variance=none, is_training=True)
        return [tf.cast(found[0], tf.float32), found[1], found[2]]
    cases.add(f"training_{t.name}", norm, x, scale, offset)


def complexes(t):
    real = tf.float64 if t == tf.complex128 else tf.float32
    def case(name, run, *shapes):
        """Parts come in one behind the other, and leave so. A few cases stand for the wider type."""
        if t == tf.complex128 and name not in ("sum", "cumprod", "acosh", "pow", "scattered", "added", "segmentmean", "hot"):
            return
        def parts(*values):
            values = [tf.cast(value, real) for value in values]
            found = run(*[tf.complex(value[0], value[1]) for value in values])
            return [f(z) for z in (found if isinstance(found, (list, tuple)) else [found]) for f in (tf.math.real, tf.math.imag)]
        values = [tf.constant(random.normal(size=(2, *shape)).astype("f4")) for shape in shapes]
        cases.add(f"{name}_{t.name}", parts, *values)

    x = (3, 4)
    for name in ("Sum", "Mean", "Prod"):
        case(name.lower(), lambda x, f=getattr(R, name): f(input=x, axis=[1]), x)
    for name in ("Cumsum", "Cumprod"):
        case(name.lower(), lambda x, f=getattr(R, name): f(x=x, axis=0, exclusive=True, reverse=True), x)
    for name in ("Asin", "Acos", "Atan", "Asinh", "Acosh", "Atanh"):
        case(name.lower(), lambda x, f=getattr(R, name): f(x=x), x)
    for name in ("Pow", "Xlogy", "Xdivy", "Xlog1py"):
        case(name.lower(), lambda x, y, f=getattr(R, name): f(x=x, y=y), x, x)
    case("zero_over", lambda x: R.Xdivy(x=tf.zeros_like(x), y=tf.zeros_like(x)), x)
    case("scattered", lambda x: R.ScatterNd(indices=[[0], [2], [0]], updates=x, shape=[4, 4]), x)
    case("added", lambda x, u: R.TensorScatterAdd(tensor=x, indices=[[0], [0]], updates=u), x, (2, 4))
    case("taken", lambda x, u: R.TensorScatterSub(tensor=x, indices=[[0], [0]], updates=u), x, (2, 4))
    for name in ("SegmentSum", "SegmentProd", "SegmentMean"):
        case(name.lower(), lambda x, f=getattr(R, name): f(data=x, segment_ids=[0, 0, 2]), x)
    for name in ("UnsortedSegmentSum", "UnsortedSegmentProd"):
        case(name.lower(), lambda x, f=getattr(R, name): f(data=x, segment_ids=[0, 0, 2], num_segments=4), x)
    case("hot", lambda x: R.OneHot(indices=[1, -1, 0], depth=3, on_value=x[0, 0], off_value=x[0, 1]), x)
    case("ones", lambda x: R.OnesLike(x=x), x)
    cases.add(f"where_{t.name}", lambda x: R.Where(condition=tf.cast(tf.nn.relu(x), t)), tf.constant(random.normal(size=x).astype("f4")))


def matrices(t):
    real = tf.float64 if t == tf.complex128 else tf.float32
    def case(name, run, *shapes):
        def parts(*values):
            values = [tf.cast(value, real) for value in values]
            found = run(*[tf.complex(value[0], value[1]) for value in values])
            found = [found] if isinstance(found, tf.Tensor) else list(found)
            return [f(z) if z.dtype.is_complex else z for z in found for f in (tf.math.real, tf.math.imag)]
        values = [tf.constant(random.normal(size=(2, *shape)).astype("f4")) for shape in shapes]
        cases.add(f"{name}_{t.name}", parts, *values)

    x, y = (2, 4, 4), (2, 4, 2)
    case("inverse", lambda x: R.MatrixInverse(input=x, adjoint=True), x)
    case("determinant", lambda x: R.MatrixDeterminant(input=x), x)
    case("log_determinant", lambda x: R.LogMatrixDeterminant(input=x), x)
    case("solve", lambda x, y: R.MatrixSolve(matrix=x, rhs=y, adjoint=True), x, y)
    case("triangle", lambda x, y: R.MatrixTriangularSolve(matrix=x, rhs=y, lower=False, adjoint=True), x, y)
    case("cholesky", lambda x: R.Cholesky(input=tf.matmul(x, x, adjoint_b=True)), x)
    case("root", lambda x: R.MatrixSquareRoot(input=tf.matmul(x, x, adjoint_b=True)), x)
    case("lu", lambda x: R.Lu(input=x), x)
    case("qr", lambda x: R.Qr(input=x, full_matrices=True), (5, 3))
    case("qr_square", lambda x: R.Qr(input=x), (4, 4))
    case("banded", lambda x, y: R.BandedTriangularSolve(matrix=x, rhs=y, lower=True, adjoint=True), (2, 4), (4, 2))
    case("tridiagonal", lambda x, y: R.TridiagonalSolve(diagonals=x, rhs=y), (3, 4), (4, 2))


def strings():
    words = tf.constant(random.integers(0, 99, size=(3, 4)).astype("S"))
    cases.add("hot_string", lambda x: R.OneHot(indices=[1, -1, 0], depth=3, on_value=x[0, 0], off_value=x[0, 1]), words)
    cases.add("scattered_string", lambda x: R.ScatterNd(indices=[[0], [2], [0]], updates=x, shape=[4, 4]), words)
    cases.add("turned_string", lambda x: R.ReverseSequence(input=x, seq_lengths=[1, 3, 2], seq_dim=1), words)
    cases.add("zeros_string", lambda x: R.ZerosLike(x=x), words)
    cases.add("blocks_string", lambda x: R.SpaceToDepth(input=tf.reshape(x[:2], [1, 2, 4, 1]), block_size=2), words)
    cases.add("conjugate_string", lambda x: R.ConjugateTranspose(x=x, perm=[1, 0]), words)
    numbers = tf.constant(random.integers(0, 100, size=(3, 7)).astype("f4"))
    for t in (tf.int8, tf.uint8, tf.int16, tf.uint16, tf.int32):
        cases.add(f"norm_{t.name}", lambda x, t=t: tf.cast(R.EuclideanNorm(input=tf.cast(x, t), axis=[1]), tf.int32), numbers)
        cases.add(f"picked_{t.name}", lambda x, t=t: tf.cast(
            R.SparseSegmentSum(data=tf.cast(x, t), indices=[0, 2, 1], segment_ids=[0, 0, 1]), tf.int32), numbers)
    cases.add("norm_complex", lambda x: tf.math.real(R.EuclideanNorm(input=tf.complex(x, x / 3), axis=[1])), numbers)
    cases.add("most_int16", lambda x: R.ArgMax(input=x, dimension=1, output_type=tf.int16), tf.constant(random.normal(size=(3, 7)).astype("f4")))


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
for t in (tf.float16, tf.bfloat16, tf.float64):
    volumes(t)
for t in (tf.float16, tf.bfloat16):
    sums(t)
for t in (tf.float16, tf.bfloat16):
    activations(t)
    training(t)
for t in (tf.float16, tf.bfloat16, tf.float32, tf.float64):
    colours(t)
dilated(tf.float64)
for t in (tf.complex64, tf.complex128):
    complexes(t)
matrices(tf.complex64)
strings()
cases.write()
