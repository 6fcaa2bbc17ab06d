//! Which operands of a TFLite operator are weights: what fusion scales and quantization packs.

/// Operand numbers of an operator with weights, and the weights' axis of output channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weighted {
    pub data: usize,
    pub weights: usize,
    pub bias: usize,
    pub axis: usize,
}

/// For operators that add a bias to products of data and weights.
pub fn weighted(op: &str) -> Option<Weighted> {
    let (data, weights, bias, axis) = match op {
        "CONV_2D" | "FULLY_CONNECTED" => (0, 1, 2, 0),
        "DEPTHWISE_CONV_2D" => (0, 1, 2, 3),
        "TRANSPOSE_CONV" => (2, 1, 3, 0),
        _ => return None,
    };
    Some(Weighted {
        data,
        weights,
        bias,
        axis,
    })
}
