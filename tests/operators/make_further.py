"""Makes further/: counts of sparse and ragged numbers, slices added in any type, and what else seldom stands in a graph.
`make_further.py FOLDER SEED COUNT` makes other ones."""

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
cases = Cases("further", 17)
random, many = cases.random, cases.count

REALS = [tf.float32, tf.float64, tf.half, tf.bfloat16]
WHOLE = [tf.int8, tf.uint8, tf.int16, tf.uint16, tf.int32, tf.uint32, tf.int64, tf.uint64]
COMPLEX = [tf.complex64, tf.complex128]
HALVES = (tf.half, tf.bfloat16)


def integer(low, high):
    return int(random.integers(low, high))


def each(types):
    """Numbered; of a few cases only some."""
    some_of = types * many if many > 1 else types[integer(0, 3)::3]
    return enumerate(some_of)


def case(name, run, *inputs):
    """Half types leave as float32: archives need none."""
    def whole(*values):
        found = run(*values)
        found = found if isinstance(found, (list, tuple)) else [found]
        return [tf.cast(value, tf.float32) if value.dtype in HALVES else value for value in found]
    cases.add(name, whole, *inputs)


def some(dtype, shape):
    """Values of any type; those of half types come as float32, for `typed`."""
    if dtype == tf.string:
        return tf.constant(random.choice([b"", b"a", b"long words", b"\xc3\xa9"], size=shape).astype(object), dtype)
    if dtype == tf.bool:
        return tf.constant(random.random(size=shape) < 0.5)
    whole = random.integers(0 if dtype.is_unsigned else -9, 40, size=shape)
    if dtype.is_complex:
        return tf.constant(whole / 4 + 1j * random.integers(-9, 9, size=shape), dtype)
    if dtype in HALVES:
        return tf.constant((whole / 4).astype("f4"))
    return tf.constant((whole / 4 if dtype.is_floating else whole).astype(dtype.as_numpy_dtype))


def typed(dtype, value):
    return tf.cast(value, dtype) if dtype in HALVES else value


def indices(shape, keep=0.5):
    """All places that are taken, in order."""
    return np.argwhere(random.random(size=shape) < keep)


def counts():
    for at, dtype in enumerate(2 * many * [tf.float32, tf.float64, tf.int32, tf.int64]):
        for kind in ("dense", "rows", "ragged", "sparse", "sparse_rows", "old"):
            if many == 1 and (at + len(kind)) % 3:
                continue
            index = tf.int32 if kind == "old" else (tf.int32, tf.int64)[integer(0, 2)]
            size, binary = integer(0, 9), bool(integer(0, 2))
            shape = (integer(0, 9),) if kind in ("dense", "sparse", "ragged", "old") else (integer(1, 4), integer(0, 6))
            if kind.startswith("sparse"):
                places = indices(shape)
                shape_of = tf.constant(shape, tf.int64)
                shape = (len(places),)
            x = tf.constant(random.integers(0, 8, size=shape), index)
            # In a Keras layer there are none.
            weighted = bool(integer(0, 2))
            w = some(dtype, shape if weighted else (0,))
            options = dict(size=tf.constant(size, index), binary_output=binary)
            name = f"{kind}_{dtype.name}_{at}"
            if kind == "old":
                case(name, lambda x, w, o=options: R.Bincount(arr=x, size=o["size"], weights=w), x, w)
            elif kind.startswith("sparse"):
                case(name, lambda i, s, x, w, o=options: R.SparseBincount(
                    indices=i, values=x, dense_shape=s, weights=w, **o), tf.constant(places, tf.int64), shape_of, x, w)
            elif kind == "ragged":
                inner = np.sort(random.integers(0, shape[0] + 1, size=integer(0, 4)))
                splits = tf.constant([0, *inner, shape[0]], tf.int64)
                case(name, lambda s, x, w, o=options: R.RaggedBincount(
                    splits=s, values=x, weights=w, **o), splits, x, w)
            else:
                case(name, lambda x, w, o=options: R.DenseBincount(input=x, weights=w, **o), x, w)


def slices():
    """Added at places, in each type; what lies outside passed over where the graph says so."""
    for at, dtype in each(REALS + WHOLE + COMPLEX + [tf.bool]):
        shape = [integer(1, 5) for _ in range(integer(1, 4))]
        depth, outer = integer(1, len(shape) + 1), [integer(0, 4) for _ in range(integer(1, 3))]
        policy = ("", "ERROR", "IGNORE")[at % 3]
        more = int(policy == "IGNORE")
        places = np.stack([random.integers(-more, n + more, size=outer) for n in shape[:depth]], -1)
        places = tf.constant(places, (tf.int32, tf.int64)[integer(0, 2)])
        x, v = some(dtype, shape), some(dtype, outer + shape[depth:])
        case(f"added_{dtype.name}_{at}", lambda x, i, v, t=dtype, p=policy: R.ScatterNdNonAliasingAdd(
            input=typed(t, x), indices=i, updates=typed(t, v), bad_indices_policy=p), x, places, v)
        op = (R.TensorScatterUpdate, R.TensorScatterAdd, R.TensorScatterSub, R.TensorScatterMax, R.TensorScatterMin)[integer(0, 5)]
        if dtype != tf.bool and not (dtype.is_complex and op in (R.TensorScatterMax, R.TensorScatterMin)):
            case(f"put_{op.__name__}_{dtype.name}_{at}", lambda x, i, v, t=dtype, p=policy, op=op: op(
                tensor=typed(t, x), indices=i, updates=typed(t, v), bad_indices_policy=p), x, places, v)
        case(f"gathered_{dtype.name}_{at}", lambda i, v, t=dtype, p=policy, n=shape: R.ScatterNd(
            indices=i, updates=typed(t, v), shape=tf.constant(n, i.dtype), bad_indices_policy=p), places, v)
        if dtype != tf.bool:
            rows = tf.constant(random.integers(-9, 9, size=3), tf.int32)
            for op in (R.InplaceAdd, R.InplaceSub, R.InplaceUpdate):
                # TensorFlow writes into the input.
                x, v = some(dtype, (4, 2)), some(dtype, (3, 2))
                case(f"{op.__name__}_{dtype.name}_{at}", lambda x, i, v, t=dtype, op=op: op(
                    x=tf.concat([typed(t, x)[:1], typed(t, x)[1:]], 0), i=i, v=typed(t, v)), x, rows, v)


def sparse(dtype, shape):
    places = indices(shape)
    return tf.constant(places, tf.int64), some(dtype, (len(places),)), tf.constant(shape, tf.int64)


def sums():
    """Of sparse tensors, in every type; products of them with matrices; numbers between bounds."""
    for at, dtype in each(REALS + WHOLE + COMPLEX):
        name = f"{dtype.name}_{at}"
        shape = [integer(1, 5) for _ in range(integer(1, 4))]
        a, b = sparse(dtype, shape), sparse(dtype, shape)
        if dtype in (tf.float32, tf.float64, tf.int8, tf.int16, tf.int32, tf.int64, *COMPLEX):
            real = {tf.complex64: tf.float32, tf.complex128: tf.float64}.get(dtype, dtype)
            least = tf.constant(integer(0, 9), real)
            case(f"sum_{name}", lambda *v, n=least: list(R.SparseAdd(
                a_indices=v[0], a_values=v[1], a_shape=v[2], b_indices=v[3], b_values=v[4], b_shape=v[5], thresh=n)), *a, *b)
        case(f"onto_{name}", lambda *v, t=dtype: R.SparseTensorDenseAdd(
            a_indices=v[0], a_values=typed(t, v[1]), a_shape=v[2], b=typed(t, v[3])), *a, some(dtype, shape))
        axes = tf.constant([int(v) for v in random.permutation(len(shape))[:integer(0, len(shape) + 1)]], tf.int32)
        for op in (R.SparseReduceSum, R.SparseReduceSumSparse):
            case(f"{op.__name__}_{name}", lambda *v, op=op, t=dtype, n=axes, keep=bool(at % 2): op(
                input_indices=v[0], input_values=typed(t, v[1]), input_shape=v[2], reduction_axes=n, keep_dims=keep), *a)
        if dtype.is_floating or dtype.is_complex or dtype == tf.int32:
            turned, other = bool(integer(0, 2)), bool(integer(0, 2))
            rows, inner, columns = (integer(1, 6) for _ in range(3))
            a = sparse(dtype, [inner, rows] if turned else [rows, inner])
            b = some(dtype, [columns, inner] if other else [inner, columns])
            case(f"times_{name}", lambda *v, t=dtype, x=turned, y=other: R.SparseTensorDenseMatMul(
                a_indices=v[0], a_values=typed(t, v[1]), a_shape=v[2], b=typed(t, v[3]), adjoint_a=x, adjoint_b=y), *a, b)
        if dtype not in (tf.uint32, tf.uint64):
            bounds = (), shape
            low, high = (some(dtype, bounds[integer(0, 2)]) for _ in range(2))
            case(f"between_{name}", lambda x, a, b, t=dtype: R.ClipByValue(
                t=typed(t, x), clip_value_min=typed(t, a), clip_value_max=typed(t, b)), some(dtype, shape), low, high)


def serial():
    """Sparse tensors as texts, byte by byte, and as variants; back again, stacked."""
    for at, dtype in each(REALS + WHOLE + COMPLEX + [tf.string, tf.bool]):
        name = f"{dtype.name}_{at}"
        shape = [integer(1, 4) for _ in range(integer(2, 4))]
        i, v, s = sparse(dtype, shape)
        _, w, r = larger = sparse(dtype, [n + integer(0, 3) for n in shape])

        def written(i, v, s, kind=tf.string, t=dtype):
            return R.SerializeSparse(sparse_indices=i, sparse_values=typed(t, v), sparse_shape=s, out_type=kind)

        def apart(i, v, s, kind=tf.string, t=dtype):
            return R.SerializeManySparse(sparse_indices=i, sparse_values=typed(t, v), sparse_shape=s, out_type=kind)

        def read(x, t=dtype):
            return list(R.DeserializeSparse(serialized_sparse=x, dtype=t))
        case(f"written_{name}", lambda *v, f=written: tf.io.encode_base64(f(*v)), i, v, s)
        case(f"apart_{name}", lambda *v, f=apart: tf.io.encode_base64(f(*v)), i, v, s)
        for kind in (tf.string, tf.variant):
            case(f"read_{kind.name}_{name}", lambda *v, f=written, k=kind, g=read: g(f(*v, k)), i, v, s)
            case(f"rows_{kind.name}_{name}", lambda *v, f=apart, k=kind, g=read: g(f(*v, k)), i, v, s)
            case(f"stacked_{kind.name}_{name}", lambda *v, f=written, k=kind, g=read: g(
                tf.stack([[f(*v[:3], k), f(*v[3:], k)], [f(*v[3:], k), f(*v[:3], k)]])), i, v, s, *larger)
        case(f"many_{name}", lambda *v, f=apart, t=dtype: list(R.DeserializeManySparse(serialized_sparse=f(*v), dtype=t)), i, v, s)


def maps():
    for at, dtype in each([tf.float32, tf.int64, tf.string, tf.bool]):
        keys, values = some(dtype, (6, 2)), some(tf.float32, (6, 3))

        def kept(keys, values, t=dtype):
            found, sizes = R.EmptyTensorMap(), []
            for row in range(6):
                found = R.TensorMapInsert(input_handle=found, key=keys[row], value=values[row])
                sizes.append(R.TensorMapSize(input_handle=found))
            other = R.TensorMapErase(input_handle=found, key=keys[2], value_dtype=tf.float32)
            answers = [R.TensorMapHasKey(input_handle=m, key=keys[n]) for m in (found, other) for n in range(6)]
            looked = [R.TensorMapLookup(input_handle=found, key=keys[n], value_dtype=tf.float32) for n in range(6)]
            # TensorFlow has the keys in any order.
            stacked = R.TensorMapStackKeys(input_handle=found, key_dtype=t)
            words = tf.strings.reduce_join(stacked if t == tf.string else tf.strings.as_string(stacked), 1, separator=";")
            places = tf.argsort(tf.strings.to_hash_bucket_fast(words, 2**31 - 1))
            return [tf.stack(sizes), tf.stack(answers), tf.stack(looked), tf.gather(stacked, places)]
        case(f"map_{dtype.name}_{at}", kept, keys, values)


def edges():
    """Gradients of mirrored padding, and axes turned round by truths."""
    for at, dtype in each(REALS + WHOLE + COMPLEX):
        mode = ("REFLECT", "SYMMETRIC")[integer(0, 2)]
        inner = [integer(1, 6) for _ in range(integer(0, 6 if many > 1 else 4))]
        pads = [[integer(0, n + (mode == "SYMMETRIC")) for _ in range(2)] for n in inner]
        # TensorFlow wants more inside than in the padding of an axis.
        pads = np.array(pads, np.int64).reshape(len(inner), 2)
        shape = [n + sum(p) for n, p in zip(inner, pads)]
        pads = tf.constant(pads, (tf.int32, tf.int64)[integer(0, 2)])
        case(f"mirrored_{dtype.name}_{at}", lambda x, p, t=dtype, m=mode: R.MirrorPadGrad(
            input=typed(t, x), paddings=p, mode=m), some(dtype, shape), pads)
    for at, dtype in each(REALS + WHOLE + COMPLEX + [tf.bool, tf.string]):
        shape = [integer(1, 4) for _ in range(integer(dtype == tf.string, 6))]
        turned = tf.constant(random.random(size=len(shape)) < 0.5)
        case(f"reversed_{dtype.name}_{at}", lambda x, d, t=dtype: R.Reverse(tensor=typed(t, x), dims=d), some(dtype, shape), turned)


def cuts():
    """Blocks of volumes, windows of images."""
    for at, dtype in each(REALS + WHOLE):
        sizes, steps = ([1, *(integer(1, 4) for _ in range(3)), 1] for _ in range(2))
        shape = [integer(1, 3), *(integer(3, 6) for _ in range(3)), integer(1, 3)]
        for pad in ("SAME", "VALID"):
            case(f"blocks_{pad}_{dtype.name}_{at}", lambda x, t=dtype, k=sizes, n=steps, p=pad: R.ExtractVolumePatches(
                input=typed(t, x), ksizes=k, strides=n, padding=p), some(dtype, shape))
    for at in range(many * 3):
        for op in (R.ExtractGlimpse, R.ExtractGlimpseV2):
            for normalized in (True, False):
                for centered in (True, False):
                    shape = [3, integer(1, 8), integer(1, 8), integer(1, 4)]
                    x = tf.constant(random.normal(size=shape).astype("f4"))
                    scale = 1.5 if normalized else 9
                    offsets = tf.constant((random.uniform(-1, 1, size=(3, 2)) * scale).astype("f4"))
                    size = tf.constant(random.integers(1, 9, size=2), tf.int32)
                    case(f"{op.__name__}_{normalized}_{centered}_{at}", lambda x, s, o, op=op, n=normalized, c=centered: op(
                        input=x, size=s, offsets=o, normalized=n, centered=c, uniform_noise=False, noise="zero"), x, size, offsets)


def sequences():
    """Indices shuffled one by one; the loss of sequences of labels."""
    for at, (dtype, seed) in enumerate(many * [(t, s) for t in (tf.int32, tf.int64, tf.uint32, tf.uint64) for s in (tf.int32, tf.int64, tf.uint32, tf.uint64)]):
        most = [10, 255, 70000, 2**31 - 1, 2**40, 2**62][integer(0, 4 if dtype.size == 4 else 6)]
        count, rounds = integer(1, 6), 2 * integer(2, 6)
        index = random.integers(0, most, size=[(), (count,)][integer(0, 2)], endpoint=True)
        key = random.integers(0, 2**31, size=[(3,), (count, 3)][integer(0, 2)])
        inputs = [tf.constant(np.asarray(v).astype(t.as_numpy_dtype)) for v, t in ((index, dtype), (key, seed), (most, dtype))]
        case(f"shuffled_{dtype.name}_{seed.name}_{at}", lambda i, s, m, r=rounds: R.RandomIndexShuffle(
            index=i, seed=s, max_index=m, rounds=r), *inputs)
    for at in range(6 * many):
        dtype = (tf.float32, tf.float64)[at % 2]
        steps, batch, classes = integer(1, 12), integer(1, 4), integer(2, 6)
        merges, collapses, passes = (bool(integer(0, 2)) for _ in range(3))
        lengths = random.integers(0 if passes else 1, steps + 1, size=batch)
        labels = [list(random.integers(0, classes - 1, size=integer(1, 1 + (steps if passes else n)))) for n in lengths]
        for own in labels:  # the blank may stand at the end
            own[1:] = [classes - 1 + integer(0, 2)] * (len(own) - 1) if integer(0, 4) == 0 else own[1:]
        places = [[b, i] for b, own in enumerate(labels) for i in range(len(own))]
        x = tf.constant(random.normal(size=(steps, batch, classes)) * 3, dtype)
        case(f"loss_{dtype.name}_{at}", lambda x, i, v, n, m=merges, c=collapses, p=passes: list(R.CTCLoss(
            inputs=x, labels_indices=i, labels_values=v, sequence_length=n, ctc_merge_repeated=m, preprocess_collapse_repeated=c,
            ignore_longer_outputs_than_inputs=p)), x, tf.constant(places, tf.int64), tf.constant(sum(labels, []), tf.int32), tf.constant(lengths, tf.int32))


def products():
    """Convolutions that make their images ready, those of any number of axes, products of mixed types."""
    for at, dtype in each(3 * REALS):
        mode, pad = ("REFLECT", "SYMMETRIC")[integer(0, 2)], ("SAME", "VALID")[integer(0, 2)]
        # TensorFlow takes rows of the first image for those behind it.
        shape = [1, integer(3, 9), integer(3, 9), integer(1, 4)]
        window = [integer(1, 4), integer(1, 4), shape[3], integer(1, 4)]
        steps = [1, integer(1, 6), integer(1, 6), 1]
        size = [integer(3, 14), integer(3, 14)]
        for name, rows in (("padded", shape[1:3]), ("resized", size)):
            if name == "resized" and dtype == tf.bfloat16:
                continue
            most = [n - (mode == "REFLECT") for n in rows]
            edges = [[0, 0], *([integer(0, min(n, 3) + 1) for _ in range(2)] for n in most), [0, 0]]
            align = bool(integer(0, 2))
            options = dict(paddings=edges, mode=mode, strides=steps, padding=pad)
            if name == "resized":
                options.update(size=size, resize_align_corners=align)
            op = {"padded": R.FusedPadConv2D, "resized": R.FusedResizeAndPadConv2D}[name]
            case(f"{name}_{dtype.name}_{at}", lambda x, f, t=dtype, op=op, o=options: op(
                input=typed(t, x), filter=typed(t, f), **o), some(dtype, shape), some(dtype, window))
    for at, dtype in each(REALS + [tf.int32]):
        for space in (2, 3):
            if dtype == tf.int32 and space == 3:
                continue
            batch = [integer(1, 3) for _ in range(integer(1, 4))]
            channels, rates = [integer(1, 4), integer(1, 4)], [1] * (space + 2)
            if space == 2:
                rates[1:3] = [integer(1, 3), integer(1, 3)]
            x = some(dtype, batch + [integer(5, 8) for _ in range(space)] + channels[:1])
            f = some(dtype, [integer(1, 4) for _ in range(space)] + channels)
            steps = [1, *(integer(1, 3) for _ in range(space)), 1] if max(rates) == 1 else [1] * (space + 2)
            for pad in ("SAME", "VALID"):
                case(f"conv_{space}_{pad}_{dtype.name}_{at}", lambda x, f, t=dtype, n=len(batch), s=steps, r=rates, p=pad: R.Conv(
                    input=typed(t, x), filter=typed(t, f), strides=s, dilations=r, padding=p, batch_dims=n), x, f)
            if space == 2 and dtype != tf.int32:
                edges = [0, 0, *(integer(0, 3) for _ in range(4)), 0, 0]
                case(f"conv_padded_{dtype.name}_{at}", lambda x, f, t=dtype, n=len(batch), e=edges: R.Conv(
                    input=typed(t, x), filter=typed(t, f), strides=[1] * 4, padding="EXPLICIT", explicit_paddings=e, batch_dims=n), x, f)
    for at in range(4 * many):
        types = [(tf.float32, tf.bfloat16)[n] for n in (at % 2, at // 2 % 2)]
        rows, inner, columns = (integer(1, 30) for _ in range(3))
        turned = bool(integer(0, 2)), bool(integer(0, 2))
        a = some(types[0], [inner, rows] if turned[0] else [rows, inner])
        b = some(types[1], [columns, inner] if turned[1] else [inner, columns])
        case(f"mixed_{types[0].name}_{types[1].name}_{at}", lambda a, b, t=types, n=turned: R.SparseMatMul(
            a=typed(t[0], a), b=typed(t[1], b), transpose_a=n[0], transpose_b=n[1], a_is_sparse=True), a, b)


counts()
slices()
sums()
serial()
maps()
edges()
cuts()
sequences()
products()
cases.write()
