//! Scales and zero points that no kernel can work with, and those that cost accuracy.

use super::{Finding, Kind, Severity, Spot, listed, plural};
use crate::analysis::sizes::Place;
use crate::model::{DType, Dialect, Graph, Model, QuantizationDetails, Value, ValueId};

pub fn findings(model: &Model) -> Vec<Finding> {
    let mut scales: Vec<Spot> = Vec::new();
    let mut zeros: Vec<Spot> = Vec::new();
    let mut misfits: Vec<Spot> = Vec::new();
    let mut coarse: Vec<Spot> = Vec::new();
    for (at, meta_graph) in model.meta_graphs.iter().enumerate() {
        if meta_graph.dialect != Dialect::Tflite {
            continue;
        }
        for (index, graph) in meta_graph.graphs.iter().enumerate() {
            let spot = |id: ValueId| {
                let place = Place::Constant {
                    meta_graph: at,
                    graph: index,
                    value: id,
                };
                Spot::stored(&graph.value(id).name, &place)
            };
            for id in graph.value_ids() {
                let value = graph.value(id);
                if bad_scale(value) {
                    scales.push(spot(id));
                }
                if bad_zero_point(value) {
                    zeros.push(spot(id));
                }
                if misfits_shape(value) {
                    misfits.push(spot(id));
                }
            }
            coarse.extend(
                filters(graph)
                    .filter(|&id| is_coarse(graph.value(id)))
                    .map(spot),
            );
        }
    }
    let of = |spots: Vec<Spot>, severity, what: &str, advice: &str| {
        let names = listed(spots.iter().map(|s| s.name.as_str()));
        let text = format!("{} {what}: {names}", plural(spots.len(), "tensor"));
        (!spots.is_empty()).then(|| {
            Finding::new(severity, Kind::Quantization, text)
                .advise(advice)
                .about(spots)
        })
    };
    [
        of(
            scales,
            Severity::Bad,
            "with a scale of zero, NaN, infinity or below the smallest normal number",
            "its range was empty or broken when it was calibrated: quantize again with samples that reach it",
        ),
        of(
            zeros,
            Severity::Bad,
            "with a zero point outside its type",
            "the file is damaged or its writer is wrong: quantize again",
        ),
        of(
            misfits,
            Severity::Bad,
            "with scales that don't fit the shape, or as many zero points",
            "TensorFlow Lite refuses to load it: convert the model again, or run it where this is not looked at",
        ),
        of(
            coarse,
            Severity::Note,
            "with one scale for all channels of a convolution",
            "quantize per channel: channels with small weights lose most of their accuracy",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Only what is used as quantized: integers narrower than the sums of kernels.
fn is_quantized(dtype: DType) -> bool {
    matches!(
        dtype,
        DType::Int4 | DType::Int8 | DType::UInt8 | DType::Int16
    )
}

fn bad_scale(value: &Value) -> bool {
    let Some(q) = &value.quantization else {
        return false;
    };
    is_quantized(value.dtype) && q.scale.iter().any(|s| !s.is_normal() || *s < 0.0)
}

fn bad_zero_point(value: &Value) -> bool {
    let Some(q) = &value.quantization else {
        return false;
    };
    let range = match value.dtype {
        DType::Int4 => -8..=7,
        DType::Int8 => -128..=127,
        DType::UInt8 => 0..=255,
        DType::Int16 => -32768..=32767,
        _ => return false,
    };
    !q.scale.is_empty() && q.zero_point.iter().any(|z| !range.contains(z))
}

/// What TensorFlow Lite asks of a tensor with scales before it loads a file (`ParseQuantization` of its interpreter
/// builder): a zero point for each, an axis that is there, one scale or one for each index of that axis.
fn misfits_shape(value: &Value) -> bool {
    let Some(q) = &value.quantization else {
        return false;
    };
    if q.scale.is_empty() || !matches!(q.details, QuantizationDetails::None) {
        return false;
    }
    let axis_misfits = value.stored_shape.dims().is_some_and(|dims| {
        let size = usize::try_from(q.dimension).ok().and_then(|d| dims.get(d));
        let fits = size.is_some_and(|&n| q.scale.len() == 1 || n == q.scale.len() as i64);
        !dims.is_empty() && !fits
    });
    axis_misfits || q.zero_point.len() != q.scale.len()
}

fn filters(graph: &Graph) -> impl Iterator<Item = ValueId> {
    let convolutions = graph.nodes.iter().filter(|n| {
        matches!(
            &*n.op,
            "CONV_2D" | "DEPTHWISE_CONV_2D" | "TRANSPOSE_CONV" | "CONV_3D"
        )
    });
    convolutions.filter_map(|n| n.input(1))
}

/// uint8 knows no channels.
fn is_coarse(value: &Value) -> bool {
    let channels = value.stored_shape.dims().is_some_and(|dims| {
        dims.first().is_some_and(|&n| n > 1) || dims.last().is_some_and(|&n| n > 1)
    });
    value.data.is_some()
        && matches!(value.dtype, DType::Int8 | DType::Int4)
        && channels
        && value
            .quantization
            .as_ref()
            .is_some_and(|q| q.single().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{add, argument, constant, model, subgraph};
    use crate::model::{Quantization, Tensor};

    /// A convolution with this filter and scale, and what is found.
    fn found(filter: Quantization, input: Quantization) -> Vec<String> {
        let mut main = subgraph("main");
        let x = argument(&mut main, "x", DType::Int8, &[1, 4, 4, 1]);
        let w = constant(
            &mut main,
            "w",
            &Tensor::from_values(&[2, 1, 1, 1], &[1i8, 2]),
        );
        let y = add(&mut main, "y", "CONV_2D", &[x, w], &[1, 4, 4, 2]);
        main.outputs = vec![Some(y)];
        main.value_mut(w).quantization = Some(filter.into());
        main.value_mut(x).quantization = Some(input.into());
        let model = model(vec![main], &[x], &[y]);
        findings(&model).into_iter().map(|f| f.text).collect()
    }

    #[test]
    fn scales_and_zero_points_are_looked_at() {
        let fine = Quantization::per_channel(vec![0.1, 0.2], 0);
        let input = Quantization::per_tensor(0.5, -128);
        assert_eq!(found(fine.clone(), input.clone()), [""; 0]);
        let one = Quantization::per_tensor(0.1, 0);
        assert_eq!(
            found(one, input),
            ["1 tensor with one scale for all channels of a convolution: w"]
        );
        for scale in [0.0, f32::NAN, f32::INFINITY, 1e-40, -1.0] {
            let all = found(fine.clone(), Quantization::per_tensor(scale, 0));
            assert_eq!(all.len(), 1, "{scale}");
            assert!(all[0].starts_with("1 tensor with a scale"), "{all:?}");
        }
        let all = found(fine, Quantization::per_tensor(0.5, 200));
        assert_eq!(all, ["1 tensor with a zero point outside its type: x"]);
    }

    #[test]
    fn scales_that_the_runtime_refuses_are_named() {
        let input = || Quantization::per_tensor(0.5, 0);
        let refused = |filter: Quantization| {
            let all = found(filter, input());
            all.iter().any(|text| text.contains("don't fit"))
        };
        let fine = Quantization::per_channel(vec![0.1, 0.2], 0);
        assert!(!refused(fine.clone()));
        for dimension in [1, 4, -1] {
            let mut q = fine.clone();
            q.dimension = dimension;
            assert!(refused(q), "{dimension}");
        }
        assert!(refused(Quantization::per_channel(vec![0.1; 3], 0)));
        let mut q = fine;
        q.zero_point.pop();
        assert!(refused(q));
        let mut q = Quantization::per_tensor(0.1, 0);
        q.dimension = 3;
        assert!(!refused(q.clone()));
        q.dimension = 9;
        assert!(refused(q));
    }
}
