"""Makes sparse/: arithmetic of sparse tensors, sets, counts. `make_sparse.py FOLDER SEED COUNT` makes other ones."""

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
cases = Cases("sparse", 5)
random, count = cases.random, cases.count
case = cases.add


def integer(low, high):
    return int(random.integers(low, high))


def sparse(shape, dtype):
    dense = np.where(random.random(shape) < 0.5, 0, random.integers(-5, 6, size=shape)).astype(dtype)
    if np.dtype(dtype).kind == "f":
        dense = (dense + np.where(dense != 0, random.random(shape) - 0.5, 0)).astype(dtype)
    found = tf.sparse.from_dense(dense)
    return found.indices, found.values, found.dense_shape


def arithmetic(at, dtype, name):
    shape = [integer(1, 5) for _ in range(integer(1, 4))]
    a, b = sparse(shape, dtype), sparse(shape, dtype)
    two = (*a, *b)
    real = "f4" if dtype == "f2" else dtype
    threshold = tf.constant(np.array(integer(0, 3), real))
    dense = tf.constant(random.integers(1, 6, size=shape).astype(dtype))
    part = [s if random.random() < 0.6 else 1 for s in shape][integer(0, len(shape)):]
    spread = tf.constant(random.integers(1, 6, size=part).astype(dtype))

    def named(prefix, p):
        return {f"{prefix}_indices": p[0], f"{prefix}_values": p[1], f"{prefix}_shape": p[2]}
    if dtype != "f2":
        case(f"sum_{name}", lambda *p: list(R.SparseAdd(**named("a", p), **named("b", p[3:]), thresh=threshold)), *two)
        case(f"onto_{name}", lambda *p: R.SparseTensorDenseAdd(
            a_indices=p[0], a_values=p[1], a_shape=p[2], b=p[3]), *a, dense)
    for op in ("SparseSparseMaximum", "SparseSparseMinimum"):
        case(f"{op}_{name}", lambda *p, op=op: list(getattr(R, op)(**named("a", p), **named("b", p[3:]))), *two)
    for op in ("Add", "Mul", "Div"):
        case(f"each_{op}_{name}", lambda *p, op=op: getattr(R, f"SparseDenseCwise{op}")(
            sp_indices=p[0], sp_values=p[1], sp_shape=p[2], dense=p[3]), *a, spread)
    axes = [int(v) for v in random.permutation(len(shape))[:integer(0, len(shape) + 1)]]
    for keep in (True, False):
        case(f"fold_sum_{keep}_{name}", lambda *p, keep=keep: list(R.SparseReduceSumSparse(
            input_indices=p[0], input_values=p[1], input_shape=p[2], reduction_axes=tf.constant(axes, tf.int32), keep_dims=keep)), *a)
        if dtype != "c8":
            case(f"fold_max_{keep}_{name}", lambda *p, keep=keep: list(R.SparseReduceMaxSparse(
                input_indices=p[0], input_values=p[1], input_shape=p[2], reduction_axes=tf.constant(axes, tf.int32), keep_dims=keep)), *a)
        case(f"fold_dense_sum_{keep}_{name}", lambda *p, keep=keep: R.SparseReduceSum(
            input_indices=p[0], input_values=p[1], input_shape=p[2], reduction_axes=tf.constant(axes, tf.int32), keep_dims=keep), *a)
    if dtype in ("f2", "f4", "f8") and len(shape) > 1:
        case(f"softmax_{name}", lambda *p: R.SparseSoftmax(sp_indices=p[0], sp_values=p[1], sp_shape=p[2]), *a)
    axis = integer(0, len(shape))
    pieces = integer(1, shape[axis] + 1)

    def split(*p):
        found = R.SparseSplit(split_dim=tf.constant(axis, tf.int64), indices=p[0], values=p[1], shape=p[2], num_split=pieces)
        return [part for parts in found for part in parts]
    case(f"split_{name}", split, *a)


def sets(at):
    words = np.array(["a", "b", "bb", "c", "", "z"])
    for name, draw in (
        ("i64", lambda *s: random.integers(-4, 5, size=s)),
        ("i32", lambda *s: random.integers(0, 5, size=s).astype(np.int32)),
        ("u8", lambda *s: random.integers(0, 5, size=s).astype(np.uint8)),
        ("text", lambda *s: words[random.integers(0, 6, size=s)]),
    ):
        outer = [integer(1, 4) for _ in range(integer(1, 3))]
        a, b = tf.constant(draw(*outer, integer(1, 5))), tf.constant(draw(*outer, integer(1, 5)))
        for kind in ("a-b", "b-a", "intersection", "union"):
            case(f"set_{kind}_{name}_{at}", lambda a, b, kind=kind: list(R.DenseToDenseSetOperation(
                set1=a, set2=b, set_operation=kind)), a, b)

            def part(a, b, kind=kind):
                b = tf.sparse.from_dense(b)
                return list(R.DenseToSparseSetOperation(
                    set1=a, set2_indices=b.indices, set2_values=b.values, set2_shape=b.dense_shape, set_operation=kind))
            case(f"set_part_{kind}_{name}_{at}", part, a, b)

            def both(a, b, kind=kind):
                a, b = tf.sparse.from_dense(a), tf.sparse.from_dense(b)
                return list(R.SparseToSparseSetOperation(
                    set1_indices=a.indices, set1_values=a.values, set1_shape=a.dense_shape, set2_indices=b.indices,
                    set2_values=b.values, set2_shape=b.dense_shape, set_operation=kind))
            case(f"set_both_{kind}_{name}_{at}", both, a, b)

        def size(a):
            a = tf.sparse.from_dense(a)
            return R.SetSize(set_indices=a.indices, set_values=a.values, set_shape=a.dense_shape)
        case(f"set_size_{name}_{at}", size, a)
        x, y = tf.constant(draw(integer(1, 12))), tf.constant(draw(integer(1, 5)))
        for out in (tf.int32, tf.int64):
            case(f"difference_{name}_{out.name}_{at}", lambda x, y, out=out: list(R.ListDiff(x=x, y=y, out_idx=out)), x, y)
    reals = tf.constant(random.integers(0, 4, size=9).astype(np.float32)), tf.constant([0.0, 2.0])
    case(f"difference_real_{at}", lambda x, y: list(R.ListDiff(x=x, y=y)), *reals)


def counts(at):
    for rank in (1, 2):
        shape = [integer(1, 6) for _ in range(rank)]
        values = random.integers(0, 7, size=shape)
        weights = tf.constant(random.random(shape).astype(np.float32))
        for low, high in ((-1, -1), (9, -1), (-1, 5), (2, 4)):
            for binary in (True, False):
                name = f"{rank}_{low}_{high}_{binary}_{at}"
                flags = dict(binary_output=binary, minlength=low, maxlength=high)
                whole = tf.constant(values)
                case(f"counts_{name}", lambda v, flags=flags: list(R.DenseCountSparseOutput(
                    values=v, weights=tf.zeros([0], tf.int64), **flags)), whole)
                if not binary:
                    case(f"weighted_{name}", lambda v, w, flags=flags: list(R.DenseCountSparseOutput(
                        values=v, weights=w, **flags)), whole, weights)

                def of_sparse(v, flags=flags):
                    s = tf.sparse.from_dense(v)
                    return list(R.SparseCountSparseOutput(
                        indices=s.indices, values=s.values, dense_shape=s.dense_shape, weights=tf.zeros([0], tf.int32), **flags))
                case(f"counts_sparse_{name}", of_sparse, whole)
    splits = tf.constant([0, 2, 2, 5], tf.int64)
    case(f"counts_ragged_{at}", lambda s: list(R.RaggedCountSparseOutput(
        splits=s, values=[1, 3, 3, 0, 3], weights=tf.zeros([0], tf.float32), binary_output=False)), splits)


for at in range(count):
    for dtype in ("f4", "f8", "i4", "i8", "f2"):
        arithmetic(at, dtype, f"{dtype}_{at}")
    sets(at)
    counts(at)
cases.write()
