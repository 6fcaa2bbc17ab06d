//! Multiply-accumulates of operators in both dialects, from the sizes of what goes in and comes out. Additions,
//! comparisons and moves of data count as nothing, as the field counts.

use std::collections::BTreeMap;

use super::Fact;
use crate::model::{Dialect, Node};

/// A node and the sizes around it.
struct Call<'a> {
    node: &'a Node,
    inputs: &'a [Option<Fact>],
    outputs: &'a [Fact],
}

/// Multiply-accumulates of one call of `node`; 0 for operators that only move or map data, and where sizes are not known.
pub fn macs(dialect: Dialect, node: &Node, inputs: &[Option<Fact>], outputs: &[Fact]) -> u64 {
    let call = Call {
        node,
        inputs,
        outputs,
    };
    match dialect {
        Dialect::Tf => call.tensorflow(),
        Dialect::Tflite => call.tflite(),
    }
    .unwrap_or(0)
}

fn product(sizes: &[u64]) -> u64 {
    sizes.iter().fold(1, |n, &size| n.saturating_mul(size))
}

impl Call<'_> {
    fn tensorflow(&self) -> Option<u64> {
        match &*self.node.op {
            "Conv"
            | "Conv2D"
            | "Conv3D"
            | "_FusedConv2D"
            | "_FusedConv3D"
            | "QuantizedConv2D"
            | "QuantizedConv2DPerChannel"
            | "FusedResizeAndPadConv2D"
            | "FusedPadConv2D" => {
                let filter = self.weight(match &*self.node.op {
                    "FusedResizeAndPadConv2D" => 3,
                    "FusedPadConv2D" => 2,
                    _ => 1,
                })?;
                self.per_output(&filter, filter.len().checked_sub(1)?)
            }
            "DepthwiseConv2dNative"
            | "_FusedDepthwiseConv2dNative"
            | "QuantizedDepthwiseConv2D" => {
                // Filter: height, width, channels, multiplier.
                let filter = self.weight(1)?;
                Some(self.output()?.saturating_mul(product(filter.get(..2)?)))
            }
            "Conv2DBackpropInput" | "Conv3DBackpropInputV2" | "Conv3DBackpropInput" => {
                let filter = self.weight(1)?;
                self.per_input(2, &filter, filter.len().checked_sub(1)?)
            }
            "MatMul" | "_FusedMatMul" | "QuantizedMatMul" | "SparseMatMul" | "BatchMatMul"
            | "BatchMatMulV2" | "BatchMatMulV3" | "_MklFusedMatMul" => self.matrices(),
            "Einsum" | "XlaEinsum" => self.einsum(),
            "BlockLSTM" | "BlockLSTMV2" => self.recurrent(1, &[4]),
            "LSTMBlockCell" => self.recurrent(0, &[3]),
            "GRUBlockCell" => self.recurrent(0, &[2, 3]),
            "CudnnRNN" | "CudnnRNNV2" | "CudnnRNNV3" => self.recurrent(0, &[3]),
            _ => None,
        }
    }

    fn tflite(&self) -> Option<u64> {
        match self.node.op_label() {
            "CONV_2D" => self.per_output(&self.weight(1)?, 0),
            "CONV_3D" => self.per_output(&self.weight(1)?, 4),
            "DEPTHWISE_CONV_2D" => {
                let filter = self.weight(1)?;
                Some(self.output()?.saturating_mul(product(filter.get(1..3)?)))
            }
            // Filters: out, height, width, in; and depth, height, width, out, in.
            "TRANSPOSE_CONV" => self.per_input(2, &self.weight(1)?, 3),
            "CONV_3D_TRANSPOSE" => self.per_input(2, &self.weight(1)?, 4),
            // The custom operator of MediaPipe: input, filter, bias.
            "Convolution2DTransposeBias" => self.per_input(0, &self.weight(1)?, 3),
            "FULLY_CONNECTED" => {
                let weights = self.weight(1)?;
                let (units, depth) = (*weights.first()?, *weights.last()?);
                // Where shapes were left behind by a rewrite of the file, less is given than one row takes.
                let given = match product(&self.sizes(0)?) {
                    0 => 0,
                    n => n.max(depth),
                };
                Some(given.saturating_mul(units))
            }
            "BATCH_MATMUL" => self.matrices(),
            // Input and recurrent weights of four gates, peepholes, projection.
            "LSTM" | "UNIDIRECTIONAL_SEQUENCE_LSTM" => {
                self.recurrent(0, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16])
            }
            "BIDIRECTIONAL_SEQUENCE_LSTM" => {
                let forward = (1..=11).chain([16]);
                let backward = (18..=28).chain([33]);
                let auxiliary = 40..=47;
                let all: Vec<usize> = forward.chain(backward).chain(auxiliary).collect();
                self.recurrent(0, &all)
            }
            "RNN" | "UNIDIRECTIONAL_SEQUENCE_RNN" | "SVDF" => self.recurrent(0, &[1, 2]),
            "BIDIRECTIONAL_SEQUENCE_RNN" => self.recurrent(0, &[1, 2, 5, 6, 10, 11]),
            "STABLEHLO_CONVOLUTION" => {
                let channel = self.node.attrs.int("kernel_output_feature_dimension")?;
                self.per_output(&self.weight(1)?, usize::try_from(channel).ok()?)
            }
            "STABLEHLO_DOT_GENERAL" => {
                let left = self.sizes(0)?;
                let summed = self.node.attrs.ints("lhs_contracting_dimensions")?;
                summed.iter().try_fold(self.output()?, |n, &axis| {
                    let size = left.get(usize::try_from(axis).ok()?)?;
                    Some(n.saturating_mul(*size))
                })
            }
            _ => None,
        }
    }

    fn sizes(&self, input: usize) -> Option<Vec<u64>> {
        let shape = &self.inputs.get(input)?.as_ref()?.shape;
        Some(shape.fixed()?.iter().map(|&d| d as u64).collect())
    }

    /// Sizes of a filter or matrix; never a scalar.
    fn weight(&self, input: usize) -> Option<Vec<u64>> {
        self.sizes(input).filter(|sizes| !sizes.is_empty())
    }

    /// Elements of the first output.
    fn output(&self) -> Option<u64> {
        Some(self.outputs.first()?.shape.elements()? as u64)
    }

    /// Every output element takes the filter of its channel.
    fn per_output(&self, filter: &[u64], channel: usize) -> Option<u64> {
        let taps = product(filter).checked_div(*filter.get(channel)?)?;
        Some(self.output()?.saturating_mul(taps))
    }

    /// Every element of `input` is spread by the filter of its channel.
    fn per_input(&self, input: usize, filter: &[u64], channel: usize) -> Option<u64> {
        let taps = product(filter).checked_div(*filter.get(channel)?)?;
        Some(product(&self.sizes(input)?).saturating_mul(taps))
    }

    fn matrices(&self) -> Option<u64> {
        let left = self.sizes(0)?;
        let flag = |name: &str| self.node.attrs.bool(name).unwrap_or(false);
        let transposed = flag("transpose_a") || flag("adj_x");
        let summed = left.len().checked_sub(if transposed { 2 } else { 1 })?;
        Some(self.output()?.saturating_mul(*left.get(summed)?))
    }

    /// Each step of each sample passes every weight once. `x` has features last, what is before them are steps.
    fn recurrent(&self, x: usize, weights: &[usize]) -> Option<u64> {
        let x = self.sizes(x)?;
        let (_, steps) = x.split_last()?;
        let all = weights.iter().filter_map(|&w| self.sizes(w));
        let sum = all.fold(0u64, |sum, w| sum.saturating_add(product(&w)));
        Some(product(steps).saturating_mul(sum))
    }

    /// The product of the sizes of all labels, for two operands and more.
    fn einsum(&self) -> Option<u64> {
        let labels = einsum_labels(self.node, self.inputs)?;
        let steps = (self.inputs.len() as u64).saturating_sub(1);
        let all: Vec<u64> = labels.values().copied().collect();
        Some(product(&all).saturating_mul(steps))
    }
}

/// An axis of an einsum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    Letter(char),
    /// Of the ellipsis, counted from its end.
    Ellipsis(usize),
}

/// The labels of an operand of this rank.
pub(super) fn labels(term: &str, rank: Option<usize>) -> Option<Vec<Label>> {
    let letters = |text: &str| text.chars().map(Label::Letter).collect::<Vec<Label>>();
    let Some((before, after)) = term.split_once("...") else {
        return Some(letters(term));
    };
    let named = before.chars().count() + after.chars().count();
    let wide = rank?.checked_sub(named)?;
    let mut all = letters(before);
    all.extend((0..wide).rev().map(Label::Ellipsis));
    all.extend(letters(after));
    Some(all)
}

/// The equation without blanks, its operands and its result apart.
pub(super) fn equation(node: &Node) -> Option<(Vec<String>, String)> {
    let text: String = node.attrs.text("equation")?.split_whitespace().collect();
    let (operands, result) = text.split_once("->")?;
    Some((
        operands.split(',').map(str::to_owned).collect(),
        result.to_owned(),
    ))
}

/// Sizes of the labels of an einsum; `None` where operands don't fit the equation.
pub(super) fn einsum_labels(node: &Node, inputs: &[Option<Fact>]) -> Option<BTreeMap<Label, u64>> {
    let (operands, _) = equation(node)?;
    let mut sizes = BTreeMap::new();
    for (term, input) in operands.iter().zip(inputs) {
        let found = input.as_ref()?.shape.fixed()?;
        let labels = labels(term, Some(found.len()))?;
        if labels.len() != found.len() {
            return None;
        }
        for (label, size) in labels.into_iter().zip(found) {
            let slot = sizes.entry(label).or_insert(1u64);
            // Axes of the ellipsis may broadcast.
            *slot = (*slot).max(size as u64);
        }
    }
    Some(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attr, DType};

    fn count(dialect: Dialect, node: &Node, inputs: &[&[usize]], output: &[usize]) -> u64 {
        let fact = |sizes: &[usize]| Fact::fixed(DType::Float32, sizes);
        let inputs: Vec<_> = inputs.iter().map(|sizes| Some(fact(sizes))).collect();
        macs(dialect, node, &inputs, &[fact(output)])
    }

    fn tf(op: &str, inputs: &[&[usize]], output: &[usize]) -> u64 {
        count(Dialect::Tf, &Node::new("n", op), inputs, output)
    }

    fn lite(op: &str, inputs: &[&[usize]], output: &[usize]) -> u64 {
        count(Dialect::Tflite, &Node::new("n", op), inputs, output)
    }

    #[test]
    fn convolutions_count_alike_in_both_dialects() {
        let out = &[1, 4, 4, 16];
        let hand = 4 * 4 * 16 * 3 * 3 * 8;
        assert_eq!(tf("Conv2D", &[&[1, 4, 4, 8], &[3, 3, 8, 16]], out), hand);
        assert_eq!(lite("CONV_2D", &[&[1, 4, 4, 8], &[16, 3, 3, 8]], out), hand);
        let hand = 4 * 4 * 16 * 9;
        assert_eq!(
            tf(
                "DepthwiseConv2dNative",
                &[&[1, 4, 4, 8], &[3, 3, 8, 2]],
                out
            ),
            hand
        );
        assert_eq!(
            lite("DEPTHWISE_CONV_2D", &[&[1, 4, 4, 8], &[1, 3, 3, 16]], out),
            hand
        );
        let hand = 2 * 4 * 4 * 5 * 27 * 3;
        let out = &[1, 2, 4, 4, 5];
        assert_eq!(
            tf("Conv3D", &[&[1, 2, 4, 4, 3], &[3, 3, 3, 3, 5]], out),
            hand
        );
        assert_eq!(
            lite("CONV_3D", &[&[1, 2, 4, 4, 3], &[3, 3, 3, 3, 5]], out),
            hand
        );
    }

    #[test]
    fn a_grouped_convolution_takes_its_part_of_the_channels() {
        let filter = &[3, 3, 2, 16];
        let out = &[1, 4, 4, 16];
        assert_eq!(tf("Conv2D", &[&[1, 4, 4, 8], filter], out), 16 * 16 * 9 * 2);
    }

    #[test]
    fn transposed_convolutions_count_by_their_input() {
        let hand = 4 * 4 * 8 * 9 * 16;
        let out = &[1, 8, 8, 16];
        let sizes: &[&[usize]] = &[&[4], &[3, 3, 16, 8], &[1, 4, 4, 8]];
        assert_eq!(tf("Conv2DBackpropInput", sizes, out), hand);
        let sizes: &[&[usize]] = &[&[4], &[16, 3, 3, 8], &[1, 4, 4, 8]];
        assert_eq!(lite("TRANSPOSE_CONV", sizes, out), hand);
    }

    #[test]
    fn products_count_the_summed_axis() {
        assert_eq!(
            tf("BatchMatMulV2", &[&[2, 5, 7], &[7, 3]], &[2, 5, 3]),
            2 * 5 * 7 * 3
        );
        let mut node = Node::new("n", "MatMul");
        node.attrs.set("transpose_a", Attr::Bool(true));
        assert_eq!(count(Dialect::Tf, &node, &[&[7, 5], &[7, 3]], &[5, 3]), 105);
        assert_eq!(
            lite("FULLY_CONNECTED", &[&[1, 6, 7], &[3, 7]], &[6, 3]),
            126
        );
        assert_eq!(lite("FULLY_CONNECTED", &[&[1, 1], &[3, 7]], &[1, 3]), 21);
        assert_eq!(lite("FULLY_CONNECTED", &[&[0, 7], &[3, 7]], &[0, 3]), 0);
        let mut node = Node::new("n", "Einsum");
        node.attrs
            .set("equation", Attr::Bytes("...qd, ...kd -> ...qk".into()));
        let sizes: &[&[usize]] = &[&[2, 4, 5, 8], &[2, 4, 6, 8]];
        assert_eq!(
            count(Dialect::Tf, &node, sizes, &[2, 4, 5, 6]),
            2 * 4 * 5 * 6 * 8
        );
    }

    #[test]
    fn recurrent_layers_count_each_step() {
        let mut sizes: Vec<&[usize]> = vec![&[]; 24];
        sizes[0] = &[1, 10, 3];
        for slot in &mut sizes[1..5] {
            *slot = &[4, 3];
        }
        for slot in &mut sizes[5..9] {
            *slot = &[4, 4];
        }
        let node = Node::new("n", "UNIDIRECTIONAL_SEQUENCE_LSTM");
        let inputs: Vec<_> = sizes
            .iter()
            .map(|s| (!s.is_empty()).then(|| Fact::fixed(DType::Float32, s)))
            .collect();
        let out = Fact::fixed(DType::Float32, &[1, 10, 4]);
        assert_eq!(
            macs(Dialect::Tflite, &node, &inputs, &[out]),
            10 * (4 * 12 + 4 * 16)
        );
        assert_eq!(
            lite("SVDF", &[&[1, 40], &[16, 40], &[16, 8]], &[1, 8]),
            16 * 48
        );
    }

    #[test]
    fn unknown_and_odd_sizes_count_as_nothing() {
        assert_eq!(tf("Conv2D", &[&[1, 4, 4, 8], &[]], &[1, 4, 4, 16]), 0);
        assert_eq!(tf("MatMul", &[&[], &[7, 3]], &[3]), 0);
        assert_eq!(lite("CONV_2D", &[&[1, 4, 4, 8], &[0, 3, 3, 8]], &[1]), 0);
        assert_eq!(lite("DEPTHWISE_CONV_2D", &[&[1, 4, 4, 8], &[3]], &[1]), 0);
    }
}
