//! Promise: a plan answers the same with packed weights as with the plain kernels.

use super::tests::{Net, open_with};
use super::*;
use crate::model::{Attr, Attrs, DType, Dialect, Model, Quantization};
use crate::progress::Progress;

/// Repeatable bytes.
fn noise(count: usize) -> Vec<i8> {
    let bytes = (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as i8);
    bytes.collect()
}

fn floats(shape: &[usize]) -> Tensor {
    let count = shape.iter().product();
    let values: Vec<f32> = noise(count).iter().map(|&v| f32::from(v) / 100.0).collect();
    Tensor::from_values(shape, &values)
}

fn both(model: &Model, input: Tensor) -> [Tensor; 2] {
    [KernelChoice::Auto, KernelChoice::Reference].map(|kernels| {
        let options = RunOptions {
            threads: 2,
            kernels,
            ..RunOptions::default()
        };
        let mut session = open_with(model, &options).unwrap();
        let named = [("#0".to_owned(), input.clone())];
        let first = session.run(&named, &Progress::new()).unwrap().remove(0).1;
        // The scratch memory holds what the first run left.
        let again = session.run(&named, &Progress::new()).unwrap().remove(0).1;
        assert_eq!(first.bytes(), again.bytes());
        again
    })
}

fn assert_close(model: &Model, input: Tensor) {
    let [packed, plain] = both(model, input);
    assert_eq!(packed.shape(), plain.shape());
    for (packed, plain) in packed.numbers().iter().zip(plain.numbers()) {
        let off = (packed - plain).abs();
        assert!(off <= 1e-5 * (1.0 + plain.abs()), "{packed}, not {plain}");
    }
}

fn code(name: &str, value: i64) -> Attr {
    let name = name.into();
    Attr::Enum { name, value }
}

fn windows(stride: i64, dilation: i64) -> Attrs {
    Attrs::new()
        .with("padding", code("SAME", 0))
        .with("stride_h", Attr::Int(stride))
        .with("stride_w", Attr::Int(stride))
        .with("dilation_h_factor", Attr::Int(dilation))
        .with("dilation_w_factor", Attr::Int(dilation))
        .with("fused_activation_function", code("RELU6", 3))
}

const CONVOLUTIONS: [(&str, [usize; 4], usize); 3] = [
    ("CONV_2D", [40, 3, 3, 16], 40),
    ("CONV_2D", [24, 2, 3, 8], 24),
    ("DEPTHWISE_CONV_2D", [1, 3, 3, 32], 32),
];

#[test]
fn float_layers_agree() {
    for (op, filter, channels) in CONVOLUTIONS {
        for (stride, dilation) in [(1, 1), (2, 1), (1, 2)] {
            let mut net = Net::new(Dialect::Tflite);
            let x = net.input("x", DType::Float32, &[2, 9, 11, 16]);
            let (w, b) = (
                net.constant(&floats(&filter)),
                net.constant(&floats(&[channels])),
            );
            let hidden = net.op(op, &[x, w, b], DType::Float32, windows(stride, dilation));
            let w = net.constant(&floats(&[10, channels]));
            let keep = Attrs::new().with("keep_num_dims", Attr::Bool(true));
            let out = net.op("FULLY_CONNECTED", &[hidden, w], DType::Float32, keep);
            assert_close(&net.finish(&[out]), floats(&[2, 9, 11, 16]));
        }
    }
}

/// What a session that keeps its packed weights answers, and one that packs them anew.
fn kept_and_passing(model: &Model, input: &Tensor) -> [Tensor; 2] {
    [false, true].map(|once| {
        let options = RunOptions {
            once,
            ..RunOptions::default()
        };
        let mut session = open_with(model, &options).unwrap();
        let named = [("#0".to_owned(), input.clone())];
        let first = session.run(&named, &Progress::new()).unwrap().remove(0).1;
        let again = session.run(&named, &Progress::new()).unwrap().remove(0).1;
        assert_eq!(first.bytes(), again.bytes());
        again
    })
}

#[test]
fn weights_that_are_not_kept_give_the_same() {
    // By transformed windows, by panels with and without padding, and a product; one weight of the last is infinite.
    let filters = [
        [64, 3, 3, 32],
        [128, 5, 1, 64],
        [160, 1, 1, 128],
        [33, 3, 3, 160],
    ];
    for infinite in [false, true] {
        let mut net = Net::new(Dialect::Tflite);
        let input = floats(&[1, 20, 18, 32]);
        let mut x = net.input("x", DType::Float32, &[1, 20, 18, 32]);
        for (at, filter) in filters.iter().enumerate() {
            let mut weights = floats(filter);
            if let (3, true, Some(values)) = (at, infinite, weights.values_mut::<f32>()) {
                values[5] = f32::INFINITY;
            }
            let (w, b) = (net.constant(&weights), net.constant(&floats(&[filter[0]])));
            x = net.op("CONV_2D", &[x, w, b], DType::Float32, windows(1, 1));
        }
        let w = net.constant(&floats(&[500, 33]));
        let keep = Attrs::new().with("keep_num_dims", Attr::Bool(true));
        let out = net.op("FULLY_CONNECTED", &[x, w], DType::Float32, keep);
        let [kept, passing] = kept_and_passing(&net.finish(&[out]), &input);
        assert_eq!(kept.bytes(), passing.bytes(), "{infinite}");
    }
}

#[test]
fn int8_layers_are_equal() {
    let bytes = |shape: &[usize]| Tensor::from_values(shape, &noise(shape.iter().product()));
    for (op, filter, channels) in CONVOLUTIONS {
        let mut net = Net::new(Dialect::Tflite);
        let scaled = |net: &mut Net, id, scale, zero| {
            net.0.value_mut(id).quantization = Some(Quantization::per_tensor(scale, zero).into());
        };
        let x = net.input("x", DType::Int8, &[2, 9, 11, 16]);
        scaled(&mut net, x, 0.05, -7);
        let w = net.constant(&bytes(&filter));
        let scales = (1..=channels).map(|c| 1e-4 * c as f32).collect();
        net.0.value_mut(w).quantization = Some(Quantization::per_channel(scales, 0).into());
        let bias: Vec<i32> = (0..channels as i32).map(|c| c * 300 - 4000).collect();
        let b = net.constant(&Tensor::from_values(&[channels], &bias));
        let hidden = net.op(op, &[x, w, b], DType::Int8, windows(1, 1));
        scaled(&mut net, hidden, 0.02, -100);
        let w = net.constant(&bytes(&[10, channels]));
        scaled(&mut net, w, 0.003, 0);
        let keep = Attrs::new().with("keep_num_dims", Attr::Bool(true));
        let out = net.op("FULLY_CONNECTED", &[hidden, w], DType::Int8, keep);
        scaled(&mut net, out, 0.07, 5);
        let [packed, plain] = both(&net.finish(&[out]), bytes(&[2, 9, 11, 16]));
        assert_eq!(
            packed.values::<i8>().unwrap(),
            plain.values::<i8>().unwrap()
        );
    }
}

#[test]
fn functions_by_table_within_a_product_are_equal() {
    for (swapped, seen) in [(false, false), (true, false), (false, true)] {
        let mut net = Net::new(Dialect::Tflite);
        let scaled = |net: &mut Net, id, scale, zero| {
            net.0.value_mut(id).quantization = Some(Quantization::per_tensor(scale, zero).into());
        };
        let x = net.input("x", DType::Int8, &[300]);
        scaled(&mut net, x, 0.05, -7);
        let y = net.op("LOGISTIC", &[x], DType::Int8, Attrs::new());
        scaled(&mut net, y, 1.0 / 256.0, -128);
        let sides = if swapped { [y, x] } else { [x, y] };
        let out = net.op("MUL", &sides, DType::Int8, Attrs::new());
        scaled(&mut net, out, 0.04, -120);
        let outputs = [out, y];
        let model = net.finish(&outputs[..1 + usize::from(seen)]);
        let [packed, plain] = both(&model, Tensor::from_values(&[300], &noise(300)));
        assert_eq!(
            packed.values::<i8>().unwrap(),
            plain.values::<i8>().unwrap()
        );
    }
}

#[test]
fn tensorflow_layers_agree() {
    for (format, shape) in [("NHWC", [1, 8, 9, 12]), ("NCHW", [1, 12, 8, 9])] {
        let mut net = Net::new(Dialect::Tf);
        let sizes: Vec<i64> = shape.iter().map(|&d| d as i64).collect();
        let x = net.input("x", DType::Float32, &sizes);
        let w = net.constant(&floats(&[3, 3, 12, 20]));
        let attrs = Attrs::new()
            .with("padding", Attr::Bytes("SAME".into()))
            .with("data_format", Attr::Bytes(format.into()));
        let out = net.op("Conv2D", &[x, w], DType::Float32, attrs);
        assert_close(&net.finish(&[out]), floats(&shape));
    }
    for turned in [false, true] {
        let mut net = Net::new(Dialect::Tf);
        let x = net.input("x", DType::Float32, &[5, 50]);
        let w = net.constant(&floats(if turned { &[30, 50] } else { &[50, 30] }));
        let attrs = Attrs::new().with("transpose_b", Attr::Bool(turned));
        let hidden = net.op("MatMul", &[x, w], DType::Float32, attrs);
        let attrs = Attrs::new().with("transpose_a", Attr::Bool(true));
        let out = net.op("MatMul", &[hidden, hidden], DType::Float32, attrs);
        assert_close(&net.finish(&[out]), floats(&[5, 50]));
    }
}
