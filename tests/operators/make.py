"""Makes saved_model.pb, inputs.npz and outputs.npz: one signature of operators that few models have, every output one
case of one operator, with TensorFlow's own answers. Run it with a Python that has TensorFlow 2.21."""

import os
import sys

import numpy as np
import tensorflow as tf

from harness import Cases

R = tf.raw_ops
random = np.random.default_rng(3)
cases = Cases()
case = cases.add


def normal(*shape):
    return tf.constant(random.normal(size=shape).astype(np.float32))


def uniform(*shape):
    return tf.constant(random.random(size=shape).astype(np.float32))


def resizing(images):
    kernels = ["lanczos1", "lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic", "mitchellcubic"]
    for kernel in kernels:
        for smooth in (True, False):
            case(f"translate_{kernel}_{smooth}", lambda x, k=kernel, s=smooth: R.ScaleAndTranslate(
                images=x, size=[5, 13], scale=[0.6, 1.7], translation=[0.3, -1.2], kernel_type=k, antialias=s), images)
    for align, half in ((False, False), (True, False), (False, True)):
        for size in ([3, 4], [11, 17], [1, 1]):
            flags = dict(align_corners=align, half_pixel_centers=half)
            name = f"{align}_{half}_{size[0]}"
            case(f"bicubic_{name}", lambda x, s=size, f=flags: R.ResizeBicubic(images=x, size=s, **f), images)
            case(f"bilinear_slope_{name}", lambda x, s=size, f=flags: R.ResizeBilinearGrad(
                grads=x, original_image=tf.zeros([2, *s, 3]), **f), images)
            case(f"nearest_slope_{name}", lambda x, s=size, f=flags: R.ResizeNearestNeighborGrad(grads=x, size=s, **f), images)
            if not half:
                case(f"area_{name}", lambda x, s=size, a=align: R.ResizeArea(images=x, size=s, align_corners=a), images)


def colours(images):
    case("to_hsv", lambda x: R.RGBToHSV(images=x), images)
    case("from_hsv", lambda x: R.HSVToRGB(images=x), images)
    for at, by in enumerate((-0.4, 0.3, 0.9)):
        case(f"hue_{at}", lambda x, by=by: R.AdjustHue(images=x, delta=by), images)
    for at, by in enumerate((0.0, 0.3, 2.9)):
        case(f"saturation_{at}", lambda x, by=by: R.AdjustSaturation(images=x, scale=by), images)
    case("contrast", lambda x: R.AdjustContrastv2(images=x, contrast_factor=1.7), images)


def warping(images):
    boxes = [[0, 0, 1, 1], [0.2, 0.3, 0.8, 0.9], [-0.5, -0.2, 1.3, 1.1], [0.9, 0.9, 0.1, 0.1]]
    for method in ("bilinear", "nearest"):
        case(f"crop_{method}", lambda x, m=method: R.CropAndResize(
            image=x, boxes=boxes, box_ind=[0, 1, 1, 0], crop_size=[4, 5], method=m, extrapolation_value=2.5), images)
        case(f"crop_one_{method}", lambda x, m=method: R.CropAndResize(
            image=x, boxes=boxes[1:2], box_ind=[0], crop_size=[1, 1], method=m), images)
    for method in ("NEAREST", "BILINEAR"):
        for mode in ("REFLECT", "WRAP", "CONSTANT", "NEAREST"):
            case(f"project_{method}_{mode}", lambda x, i=method, m=mode: R.ImageProjectiveTransformV3(
                images=x, transforms=[[1.2, 0.3, -5.0, -0.2, 0.9, 3.0, 0.01, -0.02]], output_shape=[8, 20],
                fill_value=0.7, interpolation=i, fill_mode=m), images)
    corners = [[[0.1, 0, 0.9, 1.0], [0.2, 0.1, 0.6, 0.7]], [[-0.3, 0.2, 0.5, 1.4], [0.5, 0.5, 0.5, 0.6]]]
    case("draw", lambda x: R.DrawBoundingBoxes(images=x, boxes=corners), images)
    case("draw_coloured", lambda x: R.DrawBoundingBoxesV2(
        images=x, boxes=corners, colors=[[0.1, 0.2, 0.3], [0.9, 0.8, 0.7]]), images)


def windows(images):
    volume, filters = normal(1, 4, 5, 6, 2), uniform(2, 3, 3)
    flat = dict(ksize=[1, 3, 2, 1], strides=[1, 2, 2, 1])
    solid = dict(ksize=[1, 2, 3, 2, 1], strides=[1, 2, 1, 2, 1])
    for pad in ("SAME", "VALID"):
        case(f"patches_{pad}", lambda x, p=pad: R.ExtractImagePatches(
            images=x, ksizes=[1, 2, 3, 1], strides=[1, 2, 1, 1], rates=[1, 2, 1, 1], padding=p), images)
        case(f"dilation_{pad}", lambda x, f, p=pad: R.Dilation2D(
            input=x, filter=f, strides=[1, 2, 1, 1], rates=[1, 1, 2, 1], padding=p), images, filters)
        case(f"places_{pad}", lambda x, p=pad: R.MaxPoolWithArgmax(input=x, padding=p, **flat), images)
        case(f"places_whole_{pad}", lambda x, p=pad: R.MaxPoolWithArgmax(
            input=x, padding=p, include_batch_in_index=True, Targmax=tf.int32, **flat), images)
        case(f"most_3d_{pad}", lambda x, p=pad: R.MaxPool3D(input=x, padding=p, **solid), volume)
        case(f"mean_3d_{pad}", lambda x, p=pad: R.AvgPool3D(input=x, padding=p, **solid), volume)
        pooled = tf.nn.max_pool2d(images, [3, 2], 2, pad)
        case(f"most_slope_{pad}", lambda x, y, d, p=pad: R.MaxPoolGrad(
            orig_input=x, orig_output=y, grad=d, padding=p, **flat), images, pooled, normal(*pooled.shape))
        case(f"mean_slope_{pad}", lambda d, p=pad: R.AvgPoolGrad(
            orig_input_shape=[2, 7, 9, 3], grad=d, padding=p, **flat), normal(*pooled.shape))


def slopes(images):
    x, d = normal(4, 5), normal(4, 5)
    for op in ("SigmoidGrad", "TanhGrad", "RsqrtGrad", "SqrtGrad", "ReciprocalGrad", "InvGrad"):
        case(op, lambda a, b, op=op: getattr(R, op)(y=a, dy=b), x, d)
    for op in ("ReluGrad", "Relu6Grad", "LeakyReluGrad", "SoftplusGrad", "SoftsignGrad"):
        case(op, lambda a, b, op=op: getattr(R, op)(gradients=b, features=a), x, d)
    for op in ("EluGrad", "SeluGrad"):
        case(op, lambda a, b, op=op: getattr(R, op)(gradients=b, outputs=a), x, d)
    case("bias_slope", lambda x: R.BiasAddGrad(out_backprop=x), images)
    case("bias_slope_first", lambda x: R.BiasAddGrad(out_backprop=x, data_format="NCHW"), images)
    case("slice_slope", lambda d: R.StridedSliceGrad(
        shape=[5, 6, 3], begin=[4, 0, 1], end=[0, 6, 2], strides=[-2, 3, 1], dy=d, shrink_axis_mask=4), normal(2, 2))


def losses(images):
    x = normal(4, 5)
    case("half_squares", lambda a: R.L2Loss(t=a), x)
    case("norm", lambda x: R.EuclideanNorm(input=x, axis=[0, -1], keep_dims=True), images)
    case("norm_of_one", lambda x: R.EuclideanNorm(input=x, axis=[1]), images)
    case("entropy", lambda a, b: R.SoftmaxCrossEntropyWithLogits(features=a, labels=b), x, uniform(4, 5))
    case("entropy_sparse", lambda a: R.SparseSoftmaxCrossEntropyWithLogits(features=a, labels=[0, 4, 2, 1]), x)
    norm = dict(scale=[1.0, 2.0, 0.5], offset=[0.1, 0.2, 0.3], epsilon=0.01)
    case("batch_norm", lambda x: R.FusedBatchNormV3(x=x, mean=[], variance=[], **norm)[:5], images)
    case("batch_norm_averaged", lambda x: R.FusedBatchNormV3(
        x=x, mean=[1.0, 2, 3], variance=[1.0, 2, 3], exponential_avg_factor=0.3, **norm)[:5], images)


def functions_of_complex():
    parts = normal(4, 5), normal(4, 5)
    for op in ("Exp", "Log", "Sqrt", "Rsqrt", "Sin", "Cos", "Tan", "Sinh", "Cosh", "Tanh", "Sigmoid", "Square",
               "Reciprocal", "Neg", "Expm1", "Log1p", "Sign"):
        case(f"complex_{op}", lambda a, b, op=op: tf.bitcast(getattr(R, op)(x=tf.complex(a, b)), tf.float32), *parts)


def quantization():
    x = normal(4, 5)
    for signed in (True, False):
        for narrow in (True, False):
            for rounding in ("HALF_TO_EVEN", "HALF_UP"):
                flags = dict(signed_input=signed, narrow_range=narrow, round_mode=rounding)
                name = f"{signed}_{narrow}_{rounding}"
                case(f"there_and_back_{name}", lambda a, f=flags: R.QuantizeAndDequantizeV2(
                    input=a, input_min=-1.2, input_max=1.9, range_given=True, **f), x)
                case(f"there_and_back_own_{name}", lambda a, f=flags: R.QuantizeAndDequantizeV2(
                    input=a, input_min=0.0, input_max=0.0, range_given=False, num_bits=5, **f), x)
    case("there_and_back_bits", lambda a: R.QuantizeAndDequantizeV3(
        input=a, input_min=-1.0, input_max=2.0, num_bits=6, range_given=True), x)
    plain = {tf.qint8: tf.int8, tf.quint8: tf.uint8, tf.qint16: tf.int16}
    for dtype in plain:
        for mode in ("MIN_COMBINED", "SCALED"):
            def run(a, dtype=dtype, mode=mode):
                codes, low, high = R.QuantizeV2(input=a, min_range=-1.5, max_range=2.5, T=dtype, mode=mode)
                real = R.Dequantize(input=codes, min_range=low, max_range=high, mode=mode)
                return tf.bitcast(codes, plain[dtype]), low, high, real
            case(f"codes_{dtype.name}_{mode}", run, x)
    case("fake_by_channel", lambda a: R.FakeQuantWithMinMaxVarsPerChannel(
        inputs=a, min=[-1.0, -2, -1, -0.5, -0.1], max=[1.0, 2, 0.5, 2, 1], num_bits=6, narrow_range=True), x)


def sequences():
    for merge in (True, False):
        scores = normal(6, 3, 4)
        case(f"greedy_{merge}", lambda a, m=merge: R.CTCGreedyDecoder(
            inputs=a, sequence_length=[6, 4, 5], merge_repeated=m), scores)
        for width, paths in ((3, 1), (10, 4), (2, 2)):
            def search(a, m=merge, w=width, p=paths):
                found = R.CTCBeamSearchDecoder(
                    inputs=a, sequence_length=[6, 4, 5], beam_width=w, top_paths=p, merge_repeated=m)
                return [*found[0], *found[1], *found[2], found[3]]
            case(f"beam_{merge}_{width}", search, scores)
    weights, bias = normal(7, 16), normal(16)
    gates = dict(w=weights, wci=bias[:4], wcf=bias[4:8], wco=bias[8:12], b=bias, cell_clip=0.5)
    state = normal(2, 4), normal(2, 4)
    for look in (True, False):
        case(f"lstm_cell_{look}", lambda x, c, h, look=look: list(R.LSTMBlockCell(
            x=x, cs_prev=c, h_prev=h, forget_bias=0.7, use_peephole=look, **gates)), normal(2, 3), *state)
        # Steps behind the longest sequence are whatever was in memory.
        case(f"lstm_{look}", lambda x, c, h, look=look: [part[:3] for part in R.BlockLSTM(
            seq_len_max=tf.constant(3, tf.int64), x=x, cs_prev=c, h_prev=h, forget_bias=0.7, use_peephole=look,
            **gates)], normal(5, 2, 3), *state)
        case(f"lstm_v2_{look}", lambda x, c, h, look=look: list(R.BlockLSTMV2(
            seq_len_max=tf.constant(5, tf.int64), x=x, cs_prev=c, h_prev=h, use_peephole=look, **gates)),
            normal(5, 2, 3), *state)
    case("gru_cell", lambda x, h: list(R.GRUBlockCell(
        x=x, h_prev=h, w_ru=weights[:, :8], w_c=weights[:, 8:12], b_ru=bias[:8], b_c=bias[8:12])), normal(2, 3), state[1])


def sound():
    case("spectrogram", lambda a: R.AudioSpectrogram(input=a, window_size=200, stride=77), normal(700, 2))
    case("power", lambda a: R.AudioSpectrogram(
        input=a, window_size=256, stride=100, magnitude_squared=True), normal(700, 1))
    case("cepstra", lambda a: R.Mfcc(spectrogram=a, sample_rate=16000), uniform(1, 3, 257))
    case("cepstra_few", lambda a: R.Mfcc(
        spectrogram=a, sample_rate=8000, upper_frequency_limit=3000, lower_frequency_limit=100,
        filterbank_channel_count=20, dct_coefficient_count=7), uniform(2, 3, 129))


def steps(model):
    """Optimizers: three variables and one step on each, by the values afterwards."""
    ops = {
        "GradientDescent": (1, lambda v, g: dict(alpha=0.1, delta=g)),
        "Momentum": (2, lambda v, g: dict(accum=v[1], lr=0.1, grad=g, momentum=0.9, use_nesterov=True)),
        "KerasMomentum": (2, lambda v, g: dict(accum=v[1], lr=0.1, grad=g, momentum=0.9, use_nesterov=True)),
        "Adam": (3, lambda v, g: dict(m=v[1], v=v[2], beta1_power=0.9, beta2_power=0.999, lr=0.1, beta1=0.9,
                                      beta2=0.999, epsilon=1e-7, grad=g)),
        "AdaMax": (3, lambda v, g: dict(m=v[1], v=v[2], beta1_power=0.9, lr=0.1, beta1=0.9, beta2=0.999,
                                        epsilon=1e-7, grad=g)),
        "Adagrad": (2, lambda v, g: dict(accum=v[1], lr=0.1, grad=g)),
        "AdagradV2": (2, lambda v, g: dict(accum=v[1], lr=0.1, epsilon=1e-3, grad=g)),
        "Adadelta": (3, lambda v, g: dict(accum=v[1], accum_update=v[2], lr=0.1, rho=0.9, epsilon=1e-3, grad=g)),
        "RMSProp": (3, lambda v, g: dict(ms=v[1], mom=v[2], lr=0.1, rho=0.9, momentum=0.8, epsilon=1e-3, grad=g)),
    }
    model.variables_of_steps = []
    for op, (count, inputs) in ops.items():
        first = [uniform(3, 2) for _ in range(count)]
        held = [tf.Variable(value) for value in first]
        model.variables_of_steps.append(held)

        def run(g, op=op, inputs=inputs, held=held, first=first):
            for variable, value in zip(held, first):
                variable.assign(value)
            handles = [variable.handle for variable in held]
            getattr(R, f"ResourceApply{op}")(var=handles[0], **inputs(handles, g))
            return [variable.read_value() for variable in held]
        case(f"step_{op}", run, normal(3, 2))


def main(folder):
    model = tf.Module()
    images = uniform(2, 7, 9, 3)
    for family in (resizing, colours, warping, windows, slopes, losses):
        family(images)
    for family in (functions_of_complex, quantization, sequences, sound):
        family()
    steps(model)
    cases.write(folder, model)


main(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)))
