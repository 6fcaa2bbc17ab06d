//! Answers of LiteRT 2.3.0's reference kernels (x86-64) on small one-operator models.

use crate::kernels::quantized::activation;
use crate::kernels::quantized::arithmetic::{Affine, QuantizedBinary, QuantizedOp};
use crate::kernels::quantized::table::Table8;
use crate::kernels::reference::softmax::{SoftmaxScale, softmax_quantized};

#[test]
fn hard_swish_int8() {
    let (input, output) = (
        Affine {
            scale: 0.06,
            zero: -3,
        },
        Affine {
            scale: 0.04,
            zero: -3,
        },
    );
    let x: &[i8] = &[
        37, -61, 65, -45, 73, -6, -40, -111, -83, 111, -54, 107, -41, -103, -99, 59, -109, -24, 59,
        69,
    ];
    let want: &[i8] = &[
        51, -3, 99, -8, 111, -5, -10, -3, -3, 127, -3, 127, -10, -3, -3, 90, -3, -12, 90, 105,
    ];
    let mut out = vec![0; x.len()];
    activation::hard_swish(x, input, output, &mut out);
    assert_eq!(out, want);
}

#[test]
fn leaky_relu_int8() {
    let (input, output) = (
        Affine {
            scale: 0.05001985,
            zero: -73,
        },
        Affine {
            scale: 0.04027764,
            zero: -121,
        },
    );
    let x: &[i8] = &[
        -51, 67, -54, -128, -75, -46, 17, -5, -102, -73, 127, 53, -109, -64, 73, -57, 83, 50, -21,
        48, -121, -50, 7, 76,
    ];
    let want: &[i8] = &[
        -94, 53, -97, -128, -121, -87, -9, -37, -125, -121, 127, 35, -126, -110, 60, -101, 73, 32,
        -56, 29, -127, -92, -22, 64,
    ];
    let mut out = vec![0; x.len()];
    activation::leaky_relu(x, 0.1, input, output, &mut out);
    assert_eq!(out, want);
}

#[test]
fn logistic_int16() {
    let (input, output) = (
        Affine {
            scale: 0.00013340998,
            zero: 0,
        },
        Affine {
            scale: 3.0517578e-05,
            zero: 0,
        },
    );
    let x: &[i16] = &[
        10180, 6355, 2623, 32767, 1165, -7914, -14553, 25803, 3136, 3548, -24365, -19434,
    ];
    let want: &[i16] = &[
        26065, 22941, 19222, 32359, 17655, 8458, 4112, 31752, 19762, 20190, 1223, 2281,
    ];
    let mut out = vec![0; x.len()];
    let _ = output;
    activation::logistic_i16(x, input.scale, &mut out);
    assert_eq!(out, want);
}

#[test]
fn tanh_int16() {
    let (input, output) = (
        Affine {
            scale: 0.0002554473,
            zero: 0,
        },
        Affine {
            scale: 3.0517578e-05,
            zero: 0,
        },
    );
    let x: &[i16] = &[
        -18264, -10627, 1363, -13658, -24670, 3894, 6329, -15922, 11392, 14725, -117, 13366, -9022,
        -226, 5885, 17305, -11692, -21590, 2866, -5616, 3276, 394, -13336, 3480,
    ];
    let want: &[i16] = &[
        -32762, -32482, 10968, -32707, -32767, 24882, 30282, -32749, 32574, 32733, -979, 32697,
        -32122, -1888, 29679, 32758, -32602, -32767, 20459, -29248, 22417, 3287, -32696, 23293,
    ];
    let mut out = vec![0; x.len()];
    let _ = output;
    activation::tanh_i16(x, input.scale, &mut out);
    assert_eq!(out, want);
}

#[test]
fn tanh_int8_by_table() {
    let (input, output) = (
        Affine {
            scale: 0.033700246,
            zero: -120,
        },
        Affine {
            scale: 0.0078125,
            zero: 0,
        },
    );
    let x: &[i8] = &[-128, -119, 127, 76, 38, 82];
    let want: &[i8] = &[-34, 4, 127, 127, 127, 127];
    let mut out = vec![0; x.len()];
    Table8::new(input, output, f32::tanh).run(Some(x), &mut out);
    assert_eq!(out, want);
}

#[test]
fn softmax_int8() {
    let (input, output) = (
        Affine {
            scale: 0.01543878,
            zero: -67,
        },
        Affine {
            scale: 0.00390625,
            zero: -128,
        },
    );
    let x: &[i8] = &[-128, -91, 71, -46, 127];
    let want: &[i8] = &[-125, -122, -58, -117, 38];
    let mut out = vec![0; x.len()];
    let _ = output;
    softmax_quantized(5, SoftmaxScale::new(1.0, input.scale), x, &mut out);
    assert_eq!(out, want);
}

#[test]
fn div_int8() {
    let (a, b, o) = (
        Affine {
            scale: 6.6365924,
            zero: 0,
        },
        Affine {
            scale: 3.3368154,
            zero: -128,
        },
        Affine {
            scale: 0.007833879,
            zero: 0,
        },
    );
    let kernel = QuantizedBinary::new(QuantizedOp::Div, a, b, o, false, (-128, 127));
    let (x, y): (&[i8], &[i8]) = (
        &[-128, 44, 47, -24, -79, 127],
        &[127, -40, -35, -80, 29, 125],
    );
    let want: &[i8] = &[-127, 127, 127, -127, -128, 127];
    let mut out = vec![0; want.len()];
    kernel.run(
        (x, &[1, 1, 1, 6]),
        (y, &[1, 1, 1, 6]),
        (&mut out, &[1, 1, 1, 6]),
    );
    assert_eq!(out, want);
}

#[test]
fn sub_int8() {
    let (a, b, o) = (
        Affine {
            scale: 0.0058896663,
            zero: 36,
        },
        Affine {
            scale: 0.0035844478,
            zero: 85,
        },
        Affine {
            scale: 0.0030034902,
            zero: -2,
        },
    );
    let kernel = QuantizedBinary::new(QuantizedOp::Sub, a, b, o, false, (-128, 127));
    let (x, y): (&[i8], &[i8]) = (&[-27, 127, -31, -128, -57], &[-8, 127, 81, -128, -65]);
    let want: &[i8] = &[-15, 126, -128, -69, -5];
    let mut out = vec![0; want.len()];
    kernel.run((x, &[5]), (y, &[5]), (&mut out, &[5]));
    assert_eq!(out, want);
}

#[test]
fn mul_int8() {
    let (a, b, o) = (
        Affine {
            scale: 0.0023055489,
            zero: -16,
        },
        Affine {
            scale: 0.0071786726,
            zero: 5,
        },
        Affine {
            scale: 0.0019053232,
            zero: -25,
        },
    );
    let kernel = QuantizedBinary::new(QuantizedOp::Mul, a, b, o, false, (-128, 127));
    let (x, y): (&[i8], &[i8]) = (
        &[-128, 127, -19],
        &[
            33, -66, 4, 64, -9, -121, 14, 20, -102, -66, 99, 118, -64, -78, 42, -128, 65, 116, -85,
            11, -73, 105, 29, -36, -3, -57, -93, -40, -75, 95, -87, 127, 110, -83, -73, 49,
        ],
    );
    let want: &[i8] = &[
        -52, -113, -25, -82, -42, -22, -34, -6, -22, 44, 92, -28, 42, -128, -26, 104, 50, -28, 63,
        -18, -23, -122, 5, -24, -17, -102, -22, 19, -124, -27, 65, 127, -28, 61, -122, -26,
    ];
    let mut out = vec![0; want.len()];
    kernel.run((x, &[3]), (y, &[1, 3, 4, 3]), (&mut out, &[1, 3, 4, 3]));
    assert_eq!(out, want);
}

#[test]
fn squared_difference_int8() {
    let (a, b, o) = (
        Affine {
            scale: 0.0048143207,
            zero: -31,
        },
        Affine {
            scale: 0.006014208,
            zero: 15,
        },
        Affine {
            scale: 0.010324521,
            zero: -128,
        },
    );
    let kernel = QuantizedBinary::new(QuantizedOp::SquaredDifference, a, b, o, false, (-128, 127));
    let (x, y): (&[i8], &[i8]) = (&[-128, -119, 127, 76, 38], &[105, 34, -128, 127, -87]);
    let want: &[i8] = &[-30, -100, 126, -126, -41];
    let mut out = vec![0; want.len()];
    kernel.run((x, &[5]), (y, &[5]), (&mut out, &[5]));
    assert_eq!(out, want);
}
