"""Makes rare/: operators that stand alone. `make_rare.py FOLDER SEED COUNT` makes other ones."""

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
cases = Cases("rare", 5)
random, count = cases.random, cases.count
case = cases.add


def integer(low, high):
    return int(random.integers(low, high))


def normal(*shape, dtype="f4"):
    return tf.constant(random.normal(size=shape).astype(dtype))


def bounds(at):
    shape = [integer(1, 5) for _ in range(3)]
    for dtype in ("f4", "f8", "f2", "i4", "i8"):
        x = tf.constant((random.normal(size=shape) * 9).astype(dtype))
        low, high = tf.constant(np.array(-3, dtype)), tf.constant(np.array(4, dtype))
        case(f"clip_{dtype}_{at}", lambda x, a, b: R.ClipByValue(t=x, clip_value_min=a, clip_value_max=b), x, low, high)
    odd = tf.constant([np.nan, np.inf, -np.inf, -0.0, 0.0, 7.0, 1e-45], tf.float32)
    case(f"clip_odd_{at}", lambda x: R.ClipByValue(t=x, clip_value_min=-1.0, clip_value_max=5.0), odd)
    case(f"clip_nan_{at}", lambda x: R.ClipByValue(t=x, clip_value_min=-1.0, clip_value_max=x), odd)
    for dtype in ("f4", "f8"):
        x, y = normal(*shape, dtype=dtype), normal(shape[-1], dtype=dtype)
        case(f"next_{dtype}_{at}", lambda x, y: R.NextAfter(x1=x, x2=y), x, y)
    case(f"next_odd_{at}", lambda x: R.NextAfter(x1=x, x2=tf.reverse(x, [0])), odd)


def matrices(at):
    n, k = integer(1, 7), integer(1, 4)
    batch = [integer(1, 4) for _ in range(integer(0, 3))]
    for dtype in ("f4", "f8"):
        a, b = normal(*batch, n, n, dtype=dtype), normal(*batch, n, k, dtype=dtype)
        for out in (tf.int32, tf.int64):
            case(f"lu_{dtype}_{out.name}_{at}", lambda a, out=out: list(R.Lu(input=a, output_idx_type=out)), a)
        three = normal(*batch, 3, n, dtype=dtype)
        case(f"tridiagonal_{dtype}_{at}", lambda d, b: R.TridiagonalSolve(diagonals=d, rhs=b), three, b)
        parts = [normal(*batch, 1, n, dtype=dtype) for _ in range(3)]
        case(f"three_{dtype}_{at}", lambda u, m, d, b: R.TridiagonalMatMul(
            superdiag=u, maindiag=m, subdiag=d, rhs=b), *parts, b)
        bands = integer(1, n + 1)
        banded = normal(*batch, bands, n, dtype=dtype) + 3
        for lower in (True, False):
            for adjoint in (True, False):
                case(f"banded_{lower}_{adjoint}_{dtype}_{at}", lambda m, b, lo=lower, ad=adjoint: R.BandedTriangularSolve(
                    matrix=m, rhs=b, lower=lo, adjoint=ad), banded, b)
    for dtype in ("f4", "i4", "f2", "c8"):
        x = tf.constant((random.normal(size=(2, 3)) * 9).astype(dtype))
        case(f"diagonal_{dtype}_{at}", lambda x: R.DiagPart(input=R.Diag(diagonal=x)), x)
        if dtype != "c8":
            case(f"of_diagonal_{dtype}_{at}", lambda x: R.Diag(diagonal=x), x)


def bytes_of(at):
    for dtype in ("f4", "i8", "u1"):
        x = tf.constant((random.normal(size=(4, 3)) * 9).astype(dtype))
        case(f"print_{dtype}_{at}", lambda x: R.Fingerprint(data=x, method="farmhash64"), x)
        case(f"there_and_back_{dtype}_{at}", lambda x: R.ParseTensor(
            serialized=R.SerializeTensor(tensor=x), out_type=x.dtype), x)
        case(f"written_{dtype}_{at}", lambda x: tf.strings.to_hash_bucket_fast(R.SerializeTensor(tensor=x), 10**9), x)
    words = tf.constant([["a", "bc"], ["", "some more words of text"]])
    case(f"print_words_{at}", lambda x: R.Fingerprint(data=x, method="farmhash64"), words)
    case(f"print_word_{at}", lambda x: R.Fingerprint(data=x[:, :1], method="farmhash64"), words)
    case(f"written_words_{at}", lambda x: tf.strings.to_hash_bucket_fast(R.SerializeTensor(tensor=x), 10**9), words)
    case(f"written_number_{at}", lambda: tf.strings.to_hash_bucket_fast(R.SerializeTensor(tensor=3.5), 10**9))


def complex_numbers(at):
    for dtype in ("c8", "c16"):
        real = "f4" if dtype == "c8" else "f8"
        parts = normal(2, 3, 4, dtype=real), normal(2, 3, 4, dtype=real)

        def of(a, b, f):
            return tf.bitcast(f(tf.complex(a, b)), tf.float32 if a.dtype == tf.float32 else tf.float64)
        case(f"adjoint_right_{dtype}_{at}", lambda a, b: of(a, b, lambda z: R.BatchMatMulV2(x=z, y=z, adj_y=True)), *parts)
        case(f"adjoint_left_{dtype}_{at}", lambda a, b: of(a, b, lambda z: R.BatchMatMul(x=z, y=z, adj_x=True)), *parts)
        case(f"sum_of_many_{dtype}_{at}", lambda a, b: of(a, b, lambda z: R.AddN(inputs=[z, z, z])), *parts)


def the_rest(at, model):
    x = normal(4, 5)
    for dtype in ("f4", "f8", "f2", "i4"):
        y = tf.constant((random.random((4, 5)) * 5 + 1).astype(dtype))
        z = tf.constant((random.normal(size=(4, 5)) * 9).astype(dtype))
        case(f"toward_zero_{dtype}_{at}", lambda z, y: R.TruncateDiv(x=z, y=y), z, y)
    words = tf.constant([["a", "b"], ["c", ""]])
    case(f"words_filled_{at}", lambda x: R.Pad(input=x, paddings=[[1, 0], [0, 2]]), words)
    case(f"integral_{at}", lambda x: R.Expint(x=x), x)
    case(f"handed_on_{at}", lambda x: R.GuaranteeConst(input=x), x)
    case(f"parallel_{at}", lambda x: R.ParallelConcat(values=[x[:1], x[1:2]], shape=[2, 5]), x)
    scores = tf.constant(random.integers(0, 4, size=(6, 5)).astype(np.float32))
    scores = tf.concat([scores, [[1, np.nan, 2, 3, 4], [1, np.inf, 2, 3, 4]]], 0)
    targets = tf.constant(random.integers(0, 5, size=8), tf.int32)
    case(f"among_{at}", lambda s, t: [R.InTopKV2(predictions=s, targets=t, k=k) for k in (1, 2, 3)], scores, targets)
    case(f"among_attr_{at}", lambda s, t: R.InTopK(predictions=s, targets=tf.cast(t, tf.int64), k=2), scores, targets)
    counter = tf.Variable(3, dtype=tf.int64)
    model.held.append(counter)

    def counted(x):
        counter.assign(7)
        first = R.ResourceCountUpTo(resource=counter.handle, limit=9, T=tf.int64)
        tf.print("counted to", first, x)
        return [first, R.ResourceCountUpTo(resource=counter.handle, limit=9, T=tf.int64), counter.read_value()]
    case(f"counter_{at}", counted, x)


model = tf.Module()
model.held = []
for at in range(count):
    bounds(at)
    matrices(at)
    bytes_of(at)
    complex_numbers(at)
    the_rest(at, model)
cases.write(model)
