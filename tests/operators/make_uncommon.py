"""Makes uncommon/: ragged tensors as variants, and what else few graphs have."""

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
cases = Cases("uncommon", 11)
random, many = cases.random, cases.count
case = cases.add


def some(dtype, shape):
    """Values of any type."""
    if dtype == tf.string:
        return tf.constant(random.choice([b"", b"a", b"long words", b"\xc3\xa9"], size=shape).astype(object), dtype)
    if dtype.is_complex:
        return tf.constant(random.normal(size=shape) + 1j * random.normal(size=shape), dtype)
    return tf.cast(tf.constant(random.integers(-9, 99, size=shape)), dtype)


def ragged(levels, dtype, splits, inner=(), rows=None):
    """Row splits and values; some rows have nothing."""
    all_splits, count = [], random.integers(0, 4) if rows is None else rows
    for _ in range(levels):
        ends = np.concatenate([[0], np.cumsum(random.integers(0, 4, size=count))])
        all_splits.append(tf.constant(ends, splits))
        count = ends[-1]
    return all_splits, some(dtype, (count, *inner))


def parts(encoded, dtype, splits, own, levels):
    found = R.RaggedTensorFromVariant(encoded_ragged=encoded, input_ragged_rank=own, output_ragged_rank=levels, Tvalues=dtype, Tsplits=splits)
    return [*found[0], found[1]]


def variants():
    dtypes = [tf.float32, tf.int64, tf.string, tf.bool, tf.float16, tf.uint8, tf.complex64, tf.float64, tf.int8]
    for at, dtype in enumerate(dtypes):
        for splits in (tf.int32, tf.int64):
            for levels in range(4):
                if many == 1 and (levels != at % 4 or splits == (tf.int32, tf.int64)[at // 4 % 2]):
                    continue
                own, values = ragged(levels, dtype, splits, [(), (2,), (2, 3)][(at + levels) % 3], rows=3)

                def there_and_back(*x, d=dtype, s=splits, n=levels):
                    whole = R.RaggedTensorToVariant(rt_nested_splits=x[:-1], rt_dense_values=x[-1], batched_input=False)
                    rows = R.RaggedTensorToVariant(rt_nested_splits=x[:-1], rt_dense_values=x[-1], batched_input=True)
                    below = max(n - 1, 0)
                    again = parts(whole, d, s, n, n)
                    if x[-1].shape.rank == 1 and n == 0:
                        return again + parts(rows[0], d, s, 0, 0)
                    again += parts(rows, d, s, -1, below + 1) + parts(rows[1], d, s, below, below)
                    again += parts(tf.gather(rows, [2, 0, 0]), d, s, below, below + 1)
                    if n == 0:  # TensorFlow infers a row too few
                        return again
                    again += parts(tf.reshape(tf.tile(rows, [2]), [2, 3]), d, s, below, below + 2)
                    again += parts(tf.stack([rows, rows[::-1]]), d, s, below, below + 2)
                    again += parts(rows[1:], d, s, below, below + 1)
                    return again + parts(tf.reshape(tf.tile(rows, [4]), [2, 3, 2]), d, s, below, below + 3)
                case(f"variant_{dtype.name}_{splits.name}_{levels}", there_and_back, *own, values)
    own, values = ragged(2, tf.int32, tf.int64, rows=0)
    case("variant_of_nothing", lambda a, b, x: parts(
        R.RaggedTensorToVariant(rt_nested_splits=[a, b], rt_dense_values=x, batched_input=True), tf.int32, tf.int64, 1, 2), *own, values)


def loops():
    """What the rows of ragged tensors go through in `map_fn`."""
    for at in range(2 * many):
        own, values = ragged(2, tf.float32, tf.int64, (), rows=4)

        def mapped(a, b, x):
            rows = tf.RaggedTensor.from_nested_row_splits(x, [a, b], validate=False)
            ends = tf.map_fn(lambda row: tf.reduce_sum(row), rows, fn_output_signature=tf.float32)
            twice = tf.map_fn(lambda row: tf.concat([row, row * 2], 1), rows,
                              fn_output_signature=tf.RaggedTensorSpec([None, None], tf.float32, 1))
            lengths = tf.map_fn(lambda row: tf.range(row.nrows()), rows, fn_output_signature=tf.RaggedTensorSpec([None], tf.int64, 0))
            return [ends, *twice.nested_row_splits, twice.flat_values, lengths.row_splits, lengths.values]
        case(f"loop_{at}", mapped, *own, values)

    def slopes(a, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            rows = R.RaggedTensorToVariant(rt_nested_splits=[a], rt_dense_values=x, batched_input=True)
            both = R.RaggedTensorFromVariant(encoded_ragged=rows, input_ragged_rank=0, output_ragged_rank=1, Tvalues=tf.float32, Tsplits=tf.int64)
            total = tf.reduce_sum(both[1] ** 2)
        return tape.gradient(total, x)
    own, values = ragged(1, tf.float32, tf.int64, (2,), rows=4)
    case("slopes", slopes, *own, values)


def bounded():
    """Normal numbers of each way to propose: around the mean, within narrow bounds, in a tail."""
    for at in range(many):
        for dtype in (tf.half, tf.float32, tf.float64):
            for name, means, deviations, lows, highs in (
                ("around", 0.5, 2.0, -4.0, 5.0), ("half", 0.0, 1.0, -np.inf, 0.5), ("narrow", 1.0, 2.0, 0.5, 1.0),
                ("tail", 0.0, 1.0, 2.0, np.inf), ("low_tail", 3.0, 1.0, -np.inf, 1.0), ("far", 0.0, 1.0, 2.5, 4.0),
                ("each", random.normal(size=(3, 1)), [0.5, 2.0], [[-1.0]], random.normal(size=(1, 3, 1)) ** 2 + 0.2),
            ):
                given = [tf.constant(v, dtype) for v in (means, deviations, lows, highs)]
                sizes = [int(random.integers(1, 9)), 3 if name == "each" else 1, *((3, 2) if name == "each" else (5,))]
                if name == "each":
                    sizes[1] = 1
                seed = tf.constant(random.integers(-2**63, 2**63, size=2), tf.int64)
                case(f"bounded_{name}_{dtype.name}_{at}", lambda seed, *v, n=sizes: R.StatelessParameterizedTruncatedNormal(
                    shape=n, seed=seed, means=v[0], stddevs=v[1], minvals=v[2], maxvals=v[3]), seed, *given)
                if name != "each":
                    case(f"lasting_{name}_{dtype.name}_{at}", lambda *v: R.ParameterizedTruncatedNormal(
                        shape=[7, 5, 5], means=v[0], stdevs=v[1], minvals=v[2], maxvals=v[3], seed=7, seed2=9), *given)
            rows = [tf.constant(v, dtype) for v in ([0.0, 1.0, 2.0], [1.0], [-1.0, 0.5, 3.0], 4.0)]
            case(f"lasting_rows_{dtype.name}_{at}", lambda *v: R.ParameterizedTruncatedNormal(
                shape=[3, 4], means=v[0], stdevs=v[1], minvals=v[2], maxvals=v[3], seed=7, seed2=9), *rows)


def scripts():
    codes = np.arange(-5, 0x110000 + 5, dtype=np.int32)
    found = R.UnicodeScript(input=codes).numpy()
    changes = np.nonzero(np.diff(found))[0]
    ends = codes[np.unique(np.concatenate([changes, changes + 1]))]
    case("scripts", lambda x: R.UnicodeScript(input=x), tf.constant(np.concatenate([[-2**31, 2**31 - 1], ends]).astype(np.int32)))
    case("scripts_of_a_box", lambda x: R.UnicodeScript(input=x), tf.constant(random.integers(0, 9999, size=(2, 1, 3)), tf.int32))


def eigen():
    """Real ones with pairs, symmetric, whole and defective ones; complex ones; of each size a few."""
    def matrices(kind, n):
        x = random.normal(size=(2, n, n))
        return {"real": x, "symmetric": x + x.transpose(0, 2, 1), "whole": np.round(x * 2), "positive": np.abs(x),
                "complex": x + 1j * random.normal(size=x.shape)}[kind]
    for at, kind in enumerate(("real", "symmetric", "whole", "positive", "complex")):
        for n in [1, 2, 3, 4, 7, 12, 21] + [34] * (many > 1):
            for double in (False, True):
                if many == 1 and (at + n) % 2 == double:
                    continue
                dtype = [[tf.float32, tf.complex64], [tf.float64, tf.complex128]][double]
                x = tf.constant(matrices(kind, n), dtype[kind == "complex"])
                case(f"eig_{kind}_{n}_{dtype[0].name}", lambda x, t=dtype[1]: list(R.Eig(input=x, Tout=t)), x)
    special = {"defective": [[1, 1], [0, 1]], "turn": [[0, 1], [-1, 0]], "nothing": np.zeros((3, 3)), "one": np.eye(3),
               "cycle": [[0, 0, 1], [1, 0, 0], [0, 1, 0]], "large": [[1e30, 2e30], [-3e30, 1e30]], "small": [[1e-30, 2e-30], [3e-30, 1e-30]],
               "nilpotent": np.eye(4, k=1), "upper": np.triu(np.ones((4, 4))), "twice": np.diag([2.0, 3, 2, 3]) + np.eye(4, k=2)}
    for name, x in special.items():
        for dtype, out in ((tf.float32, tf.complex64), (tf.complex128, tf.complex128)):
            value = tf.constant(np.array(x), dtype)
            case(f"eig_{name}_{dtype.name}", lambda x, t=out: list(R.Eig(input=x, Tout=t)), value)
    case("eig_values_only", lambda x: R.Eig(input=x, Tout=tf.complex64, compute_v=False)[0], tf.constant(matrices("real", 5), tf.float32))
    for shape in ((0, 0), (2, 0, 0), (0, 3, 3)):
        case(f"eig_empty_{len(shape)}_{shape[-1]}", lambda x: list(R.Eig(input=x, Tout=tf.complex64)), tf.zeros(shape))


def places():
    for at in range(2 * many):
        dtype = (tf.int32, tf.int64)[at % 2]
        shapes = random.integers(0, 9, size=(1, 3)).repeat(4, 0)
        axis = int(random.integers(-3, 3))
        shapes[:, axis] = random.integers(0, 9, size=4)
        case(f"offsets_{at}", lambda *s, a=axis: R.ConcatOffset(concat_dim=a, shape=list(s)), *[tf.constant(s, dtype) for s in shapes])
        sizes = random.integers(1, 7, size=3)
        for shape in ((), (5,)):
            x = tf.constant(random.integers(0, np.prod(sizes), size=shape), dtype)
            case(f"unravelled_{at}_{len(shape)}_{x.shape.num_elements()}", lambda x, d: R.UnravelIndex(indices=x, dims=d), x, tf.constant(sizes, dtype))
        for source, target in (("NHWC", "NCHW"), ("NCHW", "NHWC"), ("NHWC", "HWNC"), ("NDHWC", "NCDHW")):
            rank, formats = len(source), dict(src_format=source, dst_format=target)
            x = tf.constant(random.integers(-rank, rank, size=(2, 3)), dtype)
            case(f"axes_{source}_{target}_{at}", lambda x, f=formats: R.DataFormatDimMap(x=x, **f), x)
            for shape in ((rank,), (rank, 2), (rank - 2,), (rank - 2, 2)):
                x = tf.constant(random.integers(0, 99, size=shape), dtype)
                case(f"turned_{source}_{target}_{at}_{len(shape)}_{shape[0]}", lambda x, f=formats: R.DataFormatVecPermute(x=x, **f), x)
    rows = tf.constant([2, -1, 0, 2])
    for kind in (tf.float32, tf.int32, tf.string, tf.half, tf.int64, tf.bool):
        for op in ("Update", "Add", "Sub")[:1 if kind in (tf.string, tf.bool) else 3]:
            # TensorFlow writes into the input.
            x, v = some(kind, (4, 2)), some(kind, (4, 2))
            case(f"rows_{op}_{kind.name}", lambda x, i, v, op=op: getattr(R, f"Inplace{op}")(x=tf.concat([x[:1], x[1:]], 0), i=i, v=v), x, rows, v)
    case("empty", lambda n: R.Empty(shape=n, dtype=tf.float64, init=True), tf.constant([2, 3]))
    for op, x, edges in (("SpaceToBatch", (2, 3, 4, 2), "paddings"), ("BatchToSpace", (8, 2, 3, 2), "crops")):
        told = tf.constant([[0, 1], [1, 1]])
        case(f"old_{op}", lambda x, e, op=op, n=edges: getattr(R, op)(input=x, block_size=2, **{n: e}), some(tf.float32, x), told)


def distances():
    def sequences(dtype, sizes):
        full = np.argwhere(random.random(size=sizes) < 0.6)
        values = some(dtype, (len(full),)) if dtype == tf.string else tf.cast(tf.constant(random.integers(0, 3, size=len(full))), dtype)
        return [tf.constant(full, tf.int64), values, tf.constant(sizes, tf.int64)]
    for at in range(2 * many):
        for dtype in (tf.string, tf.int64, tf.float32, tf.int32, tf.uint8):
            told, truth = sequences(dtype, (3, 2, 5)), sequences(dtype, (2, 4, 6))
            for share in (False, True):
                case(f"edits_{dtype.name}_{at}_{share}", lambda *x, s=share: R.EditDistance(
                    hypothesis_indices=x[0], hypothesis_values=x[1], hypothesis_shape=x[2], truth_indices=x[3],
                    truth_values=x[4], truth_shape=x[5], normalize=s), *told, *truth)
    for dtype in (tf.float32, tf.float64):
        x = some(dtype, (30,))
        y = x + tf.cast(tf.constant(random.integers(-2, 3, size=30) * 0.5), dtype)
        case(f"near_{dtype.name}", lambda x, y: R.ApproximateEqual(x=x, y=y, tolerance=1.0), x, y)
    words = tf.constant([["ab", "", "abcdefghijk"], ["a" * 8, "abc", "z"]])
    for dtype in (tf.int32, tf.uint8, tf.int16, tf.float32, tf.int64):
        case(f"padded_{dtype.name}", lambda x, n, t=dtype: R.DecodePaddedRaw(input_bytes=x, fixed_length=n, out_type=t), words, tf.constant(8))
    case("padded_turned", lambda x: R.DecodePaddedRaw(input_bytes=x, fixed_length=4, out_type=tf.int16, little_endian=False),
         tf.constant(["abcd", "efgh", "ijklmn"]))
    for dtype in (tf.string, tf.float32):
        ids = tf.constant([1, 1, 4, 3, 4], tf.int64)
        case(f"filled_rows_{dtype.name}", lambda i, v, d: list(R.RaggedFillEmptyRows(value_rowids=i, values=v, nrows=6, default_value=d[0])),
             ids, some(dtype, (5,)), some(dtype, (1,)))


def integrals():
    for dtype in (tf.float32, tf.float64):
        x = tf.constant(np.concatenate([np.linspace(-6, 30, 40), [1e-3, 1.99, 2.01]]), dtype)
        for op in (R.BesselY0, R.BesselY1, R.Dawsn, R.FresnelCos, R.FresnelSin):
            case(f"{op.__name__}_{dtype.name}", lambda x, op=op: op(x=x), x)


def volumes():
    for at, (size, step, pad) in enumerate([((2, 2, 2), (2, 2, 2), "SAME"), ((3, 1, 2), (1, 2, 1), "VALID")]):
        windows = dict(ksize=[1, *size, 1], strides=[1, *step, 1], padding=pad)
        for dtype in (tf.float32, tf.bfloat16):
            x = tf.constant(random.normal(size=(2, 4, 5, 3, 2)), dtype)
            y = R.MaxPool3D(input=x, **windows)
            slopes = tf.cast(tf.constant(random.integers(-8, 9, size=y.shape)), dtype)
            x, y, slopes = (tf.cast(v, tf.float32) for v in (x, y, slopes))
            case(f"most_volume_{dtype.name}_{at}", lambda x, y, d, w=windows, t=dtype: tf.cast(R.MaxPool3DGrad(
                orig_input=tf.cast(x, t), orig_output=tf.cast(y, t), grad=tf.cast(d, t), **w), tf.float32), x, y, slopes)
            if dtype == tf.float32:
                case(f"mean_volume_{at}", lambda d, w=windows: R.AvgPool3DGrad(orig_input_shape=[2, 4, 5, 3, 2], grad=d, **w), slopes)


variants()
loops()
bounded()
scripts()
eigen()
places()
distances()
integrals()
volumes()
cases.write()
