"""Makes training/: optimizers' steps, gradients through branches and of operators that seldom are trained through."""

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
cases = Cases("training", 21)
random = cases.random
model = tf.Module()
model.held = []


def numbers(*shape, scale=1.0):
    return tf.constant((random.normal(size=shape) * scale).astype(np.float32))


def step(name, starts, run, *inputs):
    """`run` changes variables that begin as `starts`."""
    held = [tf.Variable(start) for start in starts]
    model.held.append(held)

    def whole(*values):
        for variable, start in zip(held, starts):
            variable.assign(start)
        run([variable.handle for variable in held], *values)
        return [variable.read_value() for variable in held]
    cases.add(name, whole, *inputs)


def steps():
    var = numbers(3, 2)
    slots = [np.full((3, 2), value, np.float32) for value in (0.1, 0.2, 0.3)]
    grad = numbers(3, 2)
    rows = tf.constant([2, 0, 2])
    for power in (-0.5, -0.4):
        for by_rate in (False, True):
            names = f"{-power}_{by_rate}"
            step(f"ftrl_{names}", [var, *slots[:2]], lambda h, g, power=power, by_rate=by_rate: R.ResourceApplyFtrl(
                var=h[0], accum=h[1], linear=h[2], grad=g, lr=0.1, l1=0.01, l2=0.02, lr_power=power,
                multiply_linear_by_lr=by_rate), grad)
            step(f"ftrl2_{names}", [var, *slots[:2]], lambda h, g, power=power, by_rate=by_rate: R.ResourceApplyFtrlV2(
                var=h[0], accum=h[1], linear=h[2], grad=g, lr=0.1, l1=0.01, l2=0.02, l2_shrinkage=0.03, lr_power=power,
                multiply_linear_by_lr=by_rate), grad)
    step("ftrl_zero", [var, *slots[:2]], lambda h, g: R.ResourceApplyFtrl(
        var=h[0], accum=h[1], linear=h[2], grad=g, lr=0.1, l1=2.0, l2=0.02, lr_power=-0.5), grad)
    step("centered", [var, *slots], lambda h, g: R.ResourceApplyCenteredRMSProp(
        var=h[0], mg=h[1], ms=h[2], mom=h[3], lr=0.1, rho=0.9, momentum=0.3, epsilon=1e-5, grad=g), grad)
    step("amsgrad", [var, *slots], lambda h, g: R.ResourceApplyAdamWithAmsgrad(
        var=h[0], m=h[1], v=h[2], vhat=h[3], beta1_power=0.9, beta2_power=0.99, lr=0.1, beta1=0.9, beta2=0.99,
        epsilon=1e-7, grad=g), grad)
    step("add_sign", [var, slots[0]], lambda h, g: R.ResourceApplyAddSign(
        var=h[0], m=h[1], lr=0.1, alpha=1.0, sign_decay=0.9, beta=0.8, grad=g), grad)
    step("power_sign", [var, slots[0]], lambda h, g: R.ResourceApplyPowerSign(
        var=h[0], m=h[1], lr=0.1, logbase=1.0, sign_decay=0.9, beta=0.8, grad=g), grad)
    for l1 in (0.0, 0.05):
        step(f"proximal_{l1}", [var], lambda h, g, l1=l1: R.ResourceApplyProximalGradientDescent(
            var=h[0], alpha=0.1, l1=l1, l2=0.02, delta=g), grad)
        step(f"proximal_adagrad_{l1}", [var, slots[0]], lambda h, g, l1=l1: R.ResourceApplyProximalAdagrad(
            var=h[0], accum=h[1], lr=0.1, l1=l1, l2=0.02, grad=g), grad)
        step(f"averaged_{l1}", [var, *slots[:2]], lambda h, g, l1=l1: R.ResourceApplyAdagradDA(
            var=h[0], gradient_accumulator=h[1], gradient_squared_accumulator=h[2], grad=g, lr=0.1, l1=l1, l2=0.02,
            global_step=tf.constant(3, tf.int64)), grad)
    for name, count, form in (
        ("Adagrad", 1, dict(names=["accum"], lr=0.1)),
        ("AdagradV2", 1, dict(names=["accum"], lr=0.1, epsilon=1e-3)),
        ("Momentum", 1, dict(names=["accum"], lr=0.1, momentum=0.9, use_nesterov=True)),
        ("KerasMomentum", 1, dict(names=["accum"], lr=0.1, momentum=0.9)),
        ("RMSProp", 2, dict(names=["ms", "mom"], lr=0.1, rho=0.9, momentum=0.3, epsilon=1e-5)),
        ("CenteredRMSProp", 3, dict(names=["mg", "ms", "mom"], lr=0.1, rho=0.9, momentum=0.3, epsilon=1e-5)),
        ("Adadelta", 2, dict(names=["accum", "accum_update"], lr=0.1, rho=0.9, epsilon=1e-5)),
        ("Ftrl", 2, dict(names=["accum", "linear"], lr=0.1, l1=0.01, l2=0.02, lr_power=-0.5)),
        ("ProximalAdagrad", 1, dict(names=["accum"], lr=0.1, l1=0.01, l2=0.02)),
        ("ProximalGradientDescent", 0, dict(names=[], alpha=0.1, l1=0.01, l2=0.02)),
    ):
        names = form.pop("names")
        step(f"rows_{name}", [var, *slots[:count]], lambda h, g, i, name=name, names=names, form=form: getattr(
            R, f"ResourceSparseApply{name}")(
            var=h[0], grad=g, indices=i, **dict(zip(names, h[1:])), **form), grad, rows)


def gradient(name, run, *inputs):
    def whole(*values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            made = tf.reduce_sum(tf.sin(run(*values)))
        return [tf.convert_to_tensor(found) for found in tape.gradient(made, values)]
    cases.add(name, whole, *inputs)


def branches():
    x = numbers(4, 3)
    for name, x in (("one", x), ("other", -tf.abs(x))):
        gradient(f"cond_{name}", lambda x: tf.cond(
            tf.reduce_sum(x) > 0, lambda: tf.sin(x) * x, lambda: tf.exp(x)), x)
        gradient(f"case_{name}", lambda x: tf.switch_case(
            tf.cast(x[0, 0] > 0, tf.int32) + 1, [lambda: tf.tanh(x), lambda: x**3, lambda: tf.math.softplus(x) * x]), x)
        gradient(f"loop_{name}", lambda x: tf.while_loop(
            lambda i, a: i < 4,
            lambda i, a: (i + 1, tf.cond(tf.reduce_sum(a) > 0, lambda: tf.sin(a) * 1.5, lambda: a * a + 0.1)), (0, x))[1], x)
    cases.add("optional", lambda x: [
        R.OptionalHasValue(optional=R.OptionalNone()), R.OptionalHasValue(optional=R.OptionalFromValue(components=[x])),
        *R.OptionalGetValue(optional=R.OptionalFromValue(components=[x, tf.constant(3)]),
                            output_types=[tf.float32, tf.int32], output_shapes=[[4, 3], []])], x)


def images():
    image, image2 = numbers(1, 6, 6, 2), numbers(2, 5, 4, 3)
    gradient("response", lambda x: tf.nn.local_response_normalization(x, 1, 1.5, 0.4, 0.6), image2)
    for whole in (False, True):
        gradient(f"maxima_{whole}", lambda x, whole=whole: tf.nn.max_pool_with_argmax(
            x, 2, 2, "SAME", include_batch_in_index=whole)[0], image2)
    for align, half in ((False, False), (True, False), (False, True)):
        gradient(f"cubic_{align}_{half}", lambda x, align=align, half=half: R.ResizeBicubic(
            images=x, size=[4, 9], align_corners=align, half_pixel_centers=half), image)
    for kernel in ("lanczos3", "triangle", "gaussian"):
        gradient(f"translate_{kernel}", lambda x, kernel=kernel: R.ScaleAndTranslate(
            images=x, size=[4, 9], scale=[0.7, 1.4], translation=[0.3, -0.2], kernel_type=kernel), image)
    boxes = tf.constant([[0.1, 0.2, 0.8, 0.9], [0.9, -0.2, 0.3, 1.2], [0, 0, 1, 1]])
    for size in ([3, 4], [1, 5]):
        gradient(f"crop_{size[0]}", lambda x, b, size=size: tf.image.crop_and_resize(x, b, [0, 1, 1], size), image2, boxes)
    image_only = numbers(3, 3, 4, 3)
    cases.add("crop_nearest", lambda g, b: R.CropAndResizeGradImage(
        grads=g, boxes=b, box_ind=[0, 1, 1], image_size=[2, 5, 4, 3], T=tf.float32, method="nearest"), image_only, boxes)
    for pad in ("SAME", "VALID"):
        gradient(f"dilation_{pad}", lambda x, f, pad=pad: tf.nn.dilation2d(
            x, f, [1, 2, 1, 1], pad, "NHWC", [1, 1, 2, 1]), image, numbers(3, 2, 2))
        gradient(f"volume_{pad}", lambda x, f, pad=pad: tf.nn.conv3d(
            x, f, [1, 1, 2, 1, 1], pad), numbers(2, 3, 5, 4, 2), numbers(2, 3, 1, 2, 3))


def picks():
    x, some = numbers(4, 3), numbers(2)
    for kind in ("sum", "mean", "sqrt_n"):
        for rows in (True, False):
            gradient(f"picked_{kind}_{rows}", lambda x, kind=kind, rows=rows: getattr(
                tf.sparse, f"segment_{kind}")(x, [0, 2, 1, 2], [0, 0, 2, 2], sparse_gradient=rows) * 2.0, x)
    gradient("looked_up", lambda x: tf.nn.embedding_lookup_sparse(
        x, tf.sparse.from_dense([[1, 2], [3, 0]]), None, combiner="sqrtn"), x)
    gradient("filled", lambda v: tf.sparse.fill_empty_rows(tf.SparseTensor([[0, 0], [2, 1]], v, [4, 2]), 0.5)[0].values, some)
    gradient("added", lambda v: tf.sparse.add(
        tf.SparseTensor([[0, 0], [2, 1]], v, [4, 2]), tf.SparseTensor([[0, 0], [2, 0]], v * 2, [4, 2])).values, some)
    gradient("cut", lambda v: tf.sparse.slice(tf.SparseTensor([[0, 0], [2, 1]], v, [4, 2]), [1, 0], [3, 2]).values, some)


steps()
branches()
images()
picks()
cases.write(model)
