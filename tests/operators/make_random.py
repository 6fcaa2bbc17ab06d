"""Makes random/: random numbers from seeds. `make_random.py FOLDER SEED COUNT` makes other ones."""

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
cases = Cases("random", 5)
random, count = cases.random, cases.count
FLOATS = {"half": tf.half, "bf16": tf.bfloat16, "float": tf.float32, "double": tf.float64}
WHOLES = {"i32": tf.int32, "i64": tf.int64, "u32": tf.uint32, "u64": tf.uint64}


def case(name, run, *inputs):
    def stored(*values):
        """Archives have no bfloat16."""
        found = run(*values)
        found = found if isinstance(found, (list, tuple)) else [found]
        return [tf.cast(v, tf.float32) if v.dtype == tf.bfloat16 else v for v in found]
    cases.add(name, stored, *inputs)


def integer(low, high):
    return int(random.integers(low, high))


def sizes():
    return [integer(1, 9) for _ in range(integer(1, 4))]


def seed():
    return tf.constant([integer(-2**63, 2**63), integer(-2**63, 2**63)], tf.int64)


def bounds(dtype):
    info = np.iinfo(dtype.as_numpy_dtype)
    if random.random() < 0.3:
        return tf.constant(info.min, dtype), tf.constant(info.max, dtype)
    low = integer(0, 100)
    return tf.constant(low, dtype), tf.constant(low + integer(1, 10**5), dtype)


def seeded(at):
    """The seeds are attributes."""
    seeds = dict(seed=integer(0, 10**6), seed2=integer(1, 10**6))
    shape = sizes()
    for name, dtype in FLOATS.items():
        for op in ("RandomUniform", "RandomStandardNormal", "TruncatedNormal"):
            case(f"{op}_{name}_{at}", lambda op=op, dtype=dtype: getattr(R, op)(shape=shape, dtype=dtype, **seeds))
    for name in ("i32", "i64"):
        low, high = bounds(WHOLES[name])
        case(f"RandomUniformInt_{name}_{at}", lambda low=low, high=high: R.RandomUniformInt(
            shape=shape, minval=low, maxval=high, **seeds))
    for n in (1, 2, integer(3, 50)):
        value = tf.constant(random.normal(size=(n, 3)).astype(np.float32))
        case(f"RandomShuffle_{n}_{at}", lambda v: R.RandomShuffle(value=v, **seeds), value)
    words = tf.constant(["a", "b", "c", "d", "e"])
    case(f"RandomShuffle_words_{at}", lambda v: R.RandomShuffle(value=v, **seeds), words)
    logits(f"Multinomial_{at}", lambda x, n, out: R.Multinomial(logits=x, num_samples=n, output_dtype=out, **seeds))


def logits(name, run):
    for dtype in (tf.float32, tf.float64, tf.half):
        values = random.normal(size=(integer(1, 4), integer(1, 9))) * 2
        n, out = integer(1, 20), (tf.int32, tf.int64)[integer(0, 2)]
        value = tf.constant(values.astype(dtype.as_numpy_dtype))
        case(f"{name}_{dtype.name}", lambda x, n=n, out=out: run(x, n, out), value)


def stateless(at):
    s, shape = seed(), sizes()
    key = R.StatelessRandomGetKeyCounter(seed=s)
    places = dict(key=key[0], counter=key[1], alg=(1, 3)[at % 2])
    case(f"key_{at}", lambda s: [tf.bitcast(v, tf.int64) for v in R.StatelessRandomGetKeyCounterAlg(seed=s)[:2]], s)
    case(f"key_int32_{at}", lambda: list(R.StatelessRandomGetKeyCounter(seed=[integer(-99, 99), integer(-99, 99)])))
    for name, dtype in FLOATS.items():
        for op in ("StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal"):
            case(f"{op}_{name}_{at}", lambda s, op=op, dtype=dtype: getattr(R, op)(shape=shape, seed=s, dtype=dtype), s)
            case(f"{op}V2_{name}_{at}", lambda op=op, dtype=dtype: getattr(R, op + "V2")(
                shape=shape, dtype=dtype, **places))
    for name, dtype in WHOLES.items():
        low, high = bounds(dtype)
        case(f"full_{name}_{at}", lambda s, dtype=dtype: R.StatelessRandomUniformFullInt(shape=shape, seed=s, dtype=dtype), s)
        case(f"fullV2_{name}_{at}", lambda dtype=dtype: R.StatelessRandomUniformFullIntV2(
            shape=shape, dtype=dtype, **places))
        if name[0] == "i":
            case(f"intV2_{name}_{at}", lambda low=low, high=high: R.StatelessRandomUniformIntV2(
                shape=shape, minval=low, maxval=high, **places))
            case(f"int_{name}_{at}", lambda s, low=low, high=high: R.StatelessRandomUniformInt(
                shape=shape, seed=s, minval=low, maxval=high), s)
    value = tf.constant(random.normal(size=(integer(2, 30), 2)).astype(np.float32))
    case(f"StatelessShuffle_{at}", lambda v: R.StatelessShuffle(value=v, **places), value)
    logits(f"StatelessMultinomial_{at}", lambda x, n, out: R.StatelessMultinomial(
        logits=x, num_samples=n, seed=s, output_dtype=out))


def distributions(at):
    s = seed()
    key = R.StatelessRandomGetKeyCounter(seed=s)
    seeds = dict(seed=integer(0, 10**6), seed2=integer(1, 10**6))
    for name, dtype in (("half", tf.half), ("float", tf.float32), ("double", tf.float64)):
        def positive(scale, dtype=dtype):
            shape = [integer(1, 4), integer(1, 4)]
            return tf.constant((random.random(size=shape) ** 2 * scale + 0.05).astype(dtype.as_numpy_dtype))
        alpha = positive(6)
        ones = tf.ones([2], dtype)
        for kind, alpha in (("", positive(6)), ("_one", ones)):
            shape = [integer(1, 9), *alpha.shape]
            case(f"gamma{kind}_{name}_{at}", lambda a, shape=shape: R.RandomGamma(shape=shape[:1], alpha=a, **seeds), alpha)
            case(f"gammaV2{kind}_{name}_{at}", lambda a, shape=shape: R.StatelessRandomGammaV2(shape=shape, seed=s, alpha=a), alpha)
            case(f"gammaV3{kind}_{name}_{at}", lambda a, shape=shape: R.StatelessRandomGammaV3(
                shape=shape, key=key[0], counter=key[1], alg=1, alpha=a), alpha)
        rate = positive(40)
        shape = [integer(1, 9), *rate.shape]
        for out in (tf.int32, tf.int64, tf.float32, tf.float64):
            case(f"poisson_{name}_{out.name}_{at}", lambda r, shape=shape, out=out: R.RandomPoissonV2(
                shape=shape[:1], rate=r, dtype=out, **seeds), rate)
            case(f"poissonS_{name}_{out.name}_{at}", lambda r, shape=shape, out=out: R.StatelessRandomPoisson(
                shape=shape, seed=s, lam=r, dtype=out), rate)
        trials = tf.constant(random.integers(0, 60, size=[3, 1]).astype(dtype.as_numpy_dtype))
        chance = tf.constant(random.random(size=[4]).astype(dtype.as_numpy_dtype))
        case(f"binomial_{name}_{at}", lambda n, p: R.StatelessRandomBinomial(
            shape=[integer(1, 9), 3, 4], seed=s, counts=n, probs=p, dtype=tf.int32), trials, chance)
    for name in ("i32", "i64"):
        rate = tf.constant(random.integers(0, 30, size=[3]), WHOLES[name])
        case(f"poisson_{name}_{at}", lambda r: R.RandomPoissonV2(shape=[5], rate=r, dtype=tf.float32, **seeds), rate)


def generators(at, model):
    generator = tf.random.Generator.from_seed(integer(0, 10**9))
    model.held.append(generator)
    first = tf.constant(generator.state.numpy())
    handle = generator.state.handle

    def run():
        generator.state.assign(first)
        one = generator.normal([3])
        two = R.RngReadAndSkip(resource=handle, alg=1, delta=tf.constant(7, tf.uint64))
        R.RngSkip(resource=handle, algorithm=tf.constant(1, tf.int64), delta=tf.constant(5, tf.int64))
        common = dict(resource=handle, algorithm=tf.constant(1, tf.int64), shape=tf.constant([2, 5], tf.int64))
        rest = [
            R.StatefulUniform(dtype=tf.float32, **common),
            R.StatefulStandardNormalV2(dtype=tf.float64, **common),
            R.StatefulTruncatedNormal(dtype=tf.float32, **common),
            R.StatefulUniformInt(minval=tf.constant(3, tf.int64), maxval=tf.constant(30, tf.int64), **common),
            R.StatefulUniformFullInt(dtype=tf.uint64, **common),
            generator.binomial([2, 5], [20.0], [0.1, 0.2, 0.3, 0.4, 0.9], dtype=tf.int32),
        ]
        return [one, two, *rest, generator.state.read_value()]
    case(f"generator_{at}", run)


model = tf.Module()
model.held = []
for at in range(count):
    seeded(at)
    stateless(at)
    distributions(at)
    generators(at, model)
cases.write(model)
