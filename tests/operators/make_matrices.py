"""Makes matrices/: factors, logarithms and least squares of real and complex matrices; types that few models have."""

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
cases = Cases("matrices", 12)
random = cases.random
case = cases.add


def some(t, *shape):
    x = random.normal(size=shape)
    return tf.constant(x + 1j * random.normal(size=shape) if t.is_complex else x, t)


def values(t):
    for m, n in ((5, 3), (3, 5), (4, 4), (1, 3), (7, 7), (9, 2)):
        for full in (False, True):
            def svd(x, full=full):
                return list(R.Svd(input=x, full_matrices=full))
            def whole(x, svd=svd, k=min(m, n)):
                # Phases of complex vectors hang on roundings.
                s, u, v = svd(x)
                return [s, tf.matmul(u[..., :k] * tf.cast(s, t)[..., None, :], v[..., :k], adjoint_b=True), tf.matmul(u, u, adjoint_a=True)]
            case(f"svd_{m}_{n}_{full}_{t.name}", whole if t.is_complex else svd, some(t, 2, m, n))
    case(f"svd_values_{t.name}", lambda x: R.Svd(input=x, compute_uv=False)[0], some(t, 2, 4, 3))
    case(f"svd_empty_{t.name}", lambda x: list(R.Svd(input=x, full_matrices=True)), tf.zeros((2, 3, 0), t))
    for n in (1, 2, 3, 5, 12):
        def eigen(x):
            e, v = R.SelfAdjointEigV2(input=x)
            # Of 32 bits the last steps' signs hang on roundings.
            return [e, tf.matmul(v * e[..., None, :], v, adjoint_b=True) if t == tf.complex64 else v]
        case(f"eigen_{n}_{t.name}", eigen, some(t, 2, n, n))
    case(f"eigen_values_{t.name}", lambda x: R.SelfAdjointEigV2(input=x, compute_v=False)[0], some(t, 4, 4))
    case(f"eigen_nothing_{t.name}", lambda x: list(R.SelfAdjointEigV2(input=x)), tf.zeros((3, 3), t))


def answers(t):
    added = tf.constant(0.3, tf.float64)
    for m, n in ((5, 3), (3, 5), (6, 4)):
        a, b = some(t, 2, m, n), some(t, 2, m, 2)
        for fast in (True, False):
            for name, more in (("", tf.constant(0.0, tf.float64)), ("_more", added)):
                case(f"least_{m}_{n}_{fast}{name}_{t.name}", lambda a, b, more=more, fast=fast: R.MatrixSolveLs(
                    matrix=a, rhs=b, l2_regularizer=more, fast=fast), a, b)
    low = tf.constant(np.outer([1.0, 2, 3, 4], [1, -1, 2]), t)
    case(f"least_of_rank_1_{t.name}", lambda a, b: R.MatrixSolveLs(
        matrix=a, rhs=b, l2_regularizer=0.0, fast=False), low, some(t, 4, 1))


def logarithms(t):
    for n in (1, 2, 3, 5):
        case(f"logarithm_{n}_{t.name}", lambda x: R.MatrixLogarithm(input=x), some(t, 2, n, n))
    case(f"logarithm_near_1_{t.name}", lambda x: R.MatrixLogarithm(input=x / 100 + tf.eye(3, dtype=t)), some(t, 3, 3))
    case(f"logarithm_nothing_{t.name}", lambda x: tf.math.is_nan(tf.math.real(R.MatrixLogarithm(input=x))), tf.zeros((2, 2), t))


def typed(name, t, run, x):
    case(f"{name}_{t.name}", lambda x: tf.cast(run(tf.cast(x, t)), tf.float32), x)


def halves():
    x = tf.constant(np.round(random.normal(size=(1, 3, 3, 5)) * 8).astype("f4") / 4)
    for radius, alpha, beta in ((5, 1.0, 0.5), (2, 0.01, 0.75), (1, 1.0, 1.0)):
        typed(f"response_{beta}", tf.float16, lambda x, r=radius, a=alpha, b=beta: R.LRN(
            input=x, depth_radius=r, alpha=a, beta=b), x)
    for t in (tf.float16, tf.bfloat16):
        typed("rsqrt", t, lambda x: R.Rsqrt(x=x), tf.constant(random.uniform(0.1, 3, size=(3, 9)).astype("f4")))
        typed("half_squares", t, lambda x: R.L2Loss(t=x), x)
    for centres in (False, True):
        case(f"cubic_{centres}", lambda x, c=centres: R.ResizeBicubic(images=x, size=[5, 13], half_pixel_centers=c), x)


def slopes():
    x, y = [tf.constant(random.normal(size=(5, 9)).astype("f4")) for _ in range(2)]
    parts = ("Sigmoid", "Tanh", "Rsqrt", "Sqrt", "Reciprocal")
    for t in (tf.float16, tf.bfloat16):
        for name in parts:
            typed(f"slope_{name}", t, lambda x, f=getattr(R, name + "Grad"), t=t: f(y=x, dy=tf.cast(y, t)), x)
        for name in ("Relu", "Relu6", "LeakyRelu", "Softplus", "Softsign"):
            typed(f"slope_{name}", t, lambda x, f=getattr(R, name + "Grad"), t=t: f(gradients=x, features=tf.cast(y, t)), x)
        for name in ("Elu", "Selu"):
            typed(f"slope_{name}", t, lambda x, f=getattr(R, name + "Grad"), t=t: f(gradients=x, outputs=tf.cast(y, t)), x)
    for t in (tf.complex64, tf.complex128):
        z, dz = some(t, 3, 4), some(t, 3, 4)
        for name in parts:
            case(f"slope_{name}_{t.name}", lambda z, dz, f=getattr(R, name + "Grad"): f(y=z, dy=dz), z, dz)
        case(f"bias_{t.name}", lambda z: R.BiasAddGrad(out_backprop=z), z)
    case("slope_leaky_float64", lambda x: R.LeakyReluGrad(gradients=x, features=x), tf.cast(x, tf.float64))
    pixels = tf.constant(random.integers(0, 100, size=(1, 4, 6, 2)).astype("f4"))
    for t in (tf.int8, tf.uint8):
        typed("bias", t, lambda x: R.BiasAddGrad(out_backprop=x), pixels)
    for t in (tf.int8, tf.uint8, tf.float16, tf.bfloat16):
        typed("nearest", t, lambda x: R.ResizeNearestNeighborGrad(grads=x, size=[2, 3]), pixels)
    case("nearest_float64", lambda x: R.ResizeNearestNeighborGrad(grads=x, size=[2, 3]), tf.cast(pixels, tf.float64) / 7)


def others():
    words = tf.constant(random.integers(0, 99, size=(3, 4)).astype("S"))
    case("joined", lambda a: R.Add(x=a, y=a[:, :1]), words)
    for t in (tf.int32, tf.int64):
        case(f"rounded_{t.name}", lambda x: R.Round(x=x), tf.constant([-7, 0, 3, 2**30], t))
    for t in (tf.float16, tf.bfloat16, tf.float32, tf.float64):
        x = tf.constant([-1.9, -1, 0.5, 300, 2**40, -2.0**40, 1e19, 2e19, -1e30, np.nan, np.inf, -np.inf], tf.float32)
        for u in (tf.int32, tf.int64, tf.uint64):
            # Other integers depend on where in a vector a number stands.
            case(f"cast_{t.name}_{u.name}", lambda x, t=t, u=u: tf.bitcast(R.Cast(x=tf.cast(x, t), DstT=u), tf.int32), x)


for t in (tf.float32, tf.float64, tf.complex64, tf.complex128):
    values(t)
    answers(t)
for t in (tf.complex64, tf.complex128):
    logarithms(t)
halves()
slopes()
others()
cases.write()
