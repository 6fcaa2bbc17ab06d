//! How each TFLite operator quantizes: which operands carry data, and where scales come from.
//! After what the reference quantizers write, less what their own kernels then answer wrong (SUM, SCATTER_ND,
//! ONE_HOT, EMBEDDING_LOOKUP, MATRIX_SET_DIAG, REVERSE_SEQUENCE stay float here).

/// Type of activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Width {
    Int8,
    /// With int8 weights and int64 biases.
    Int16,
}

/// Where the parameters of the results come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scales {
    /// The ranges that calibration saw.
    Own,
    /// One scale and zero point on data operands and results alike.
    Same,
    /// What the kernel always answers in: scale and zero point.
    Fixed(f32, i64),
    /// Products with constant weights, and a bias of scale input × weights.
    Weighted,
    /// The results are no real numbers (indices, truth).
    InputsOnly,
}

/// How an operator quantizes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    pub scales: Scales,
    /// Operands that carry data; empty means all of them.
    pub data: &'static [usize],
    /// Constants among the operands take symmetric narrow parameters, as weights do.
    pub symmetric_constants: bool,
}

impl Rule {
    const fn new(scales: Scales, data: &'static [usize]) -> Self {
        Rule {
            scales,
            data,
            symmetric_constants: false,
        }
    }

    pub fn is_data(&self, operand: usize) -> bool {
        self.data.is_empty() || self.data.contains(&operand)
    }
}

/// The rule of `op` at this width; `None` means that it stays float.
pub fn rule(op: &str, width: Width) -> Option<Rule> {
    use Scales::{Fixed, InputsOnly, Own, Same, Weighted};
    let int8 = width == Width::Int8;
    Some(match op {
        "CONV_2D" | "DEPTHWISE_CONV_2D" | "FULLY_CONNECTED" => Rule::new(Weighted, &[0]),
        "TRANSPOSE_CONV" => Rule::new(Weighted, &[2]),
        "BATCH_MATMUL" => Rule {
            scales: Own,
            data: &[0, 1],
            symmetric_constants: true,
        },
        "ADD" | "SUB" | "MUL" | "PRELU" => Rule::new(Own, &[0, 1]),
        "DIV" | "SQUARED_DIFFERENCE" if int8 => Rule::new(Own, &[0, 1]),
        "MEAN" | "RELU" | "RELU6" | "LEAKY_RELU" | "GELU" | "EXP" | "LOG" | "RSQRT" => {
            Rule::new(Own, &[0])
        }
        "ABS" | "REDUCE_PROD" | "RELU_N1_TO_1" | "HARD_SWISH" | "SQRT" if int8 => {
            Rule::new(Own, &[0])
        }
        "LOGISTIC" | "SOFTMAX" if int8 => Rule::new(Fixed(1.0 / 256.0, -128), &[0]),
        "TANH" | "L2_NORMALIZATION" if int8 => Rule::new(Fixed(1.0 / 128.0, 0), &[0]),
        "LOG_SOFTMAX" if int8 => Rule::new(Fixed(16.0 / 256.0, 127), &[0]),
        "LOGISTIC" | "SOFTMAX" | "TANH" => Rule::new(Fixed(1.0 / 32768.0, 0), &[0]),
        "CONCATENATION" | "PACK" => Rule::new(Same, &[]),
        "MAXIMUM" | "MINIMUM" => Rule::new(Same, &[0, 1]),
        "RESHAPE"
        | "TRANSPOSE"
        | "SLICE"
        | "STRIDED_SLICE"
        | "GATHER"
        | "SPLIT_V"
        | "UNPACK"
        | "PAD"
        | "MIRROR_PAD"
        | "EXPAND_DIMS"
        | "SQUEEZE"
        | "MAX_POOL_2D"
        | "AVERAGE_POOL_2D"
        | "RESIZE_BILINEAR"
        | "RESIZE_NEAREST_NEIGHBOR"
        | "REDUCE_MAX"
        | "REDUCE_MIN"
        | "SPACE_TO_BATCH_ND"
        | "BATCH_TO_SPACE_ND"
        | "REVERSE_V2"
        | "BROADCAST_TO"
        | "GATHER_ND" => Rule::new(Same, &[0]),
        "SPLIT" => Rule::new(Same, &[1]),
        "SELECT" | "SELECT_V2" if int8 => Rule::new(Same, &[1, 2]),
        "PADV2" if int8 => Rule::new(Same, &[0, 2]),
        "TILE" | "SPACE_TO_DEPTH" | "DEPTH_TO_SPACE" | "TOPK_V2" if int8 => Rule::new(Same, &[0]),
        "DYNAMIC_UPDATE_SLICE" if int8 => Rule::new(Same, &[0, 1]),
        "ARG_MAX" | "ARG_MIN" if int8 => Rule::new(InputsOnly, &[0]),
        "EQUAL" | "GREATER" | "GREATER_EQUAL" | "LESS" | "LESS_EQUAL" if int8 => {
            Rule::new(InputsOnly, &[0, 1])
        }
        _ => return None,
    })
}

/// Operators whose constant operand may be int8 while the data stay float, and whether it has one scale per index of
/// an axis (else one in all).
pub fn dynamic_weights(op: &str) -> Option<(usize, Option<usize>)> {
    Some(match op {
        "CONV_2D" | "FULLY_CONNECTED" | "TRANSPOSE_CONV" | "EMBEDDING_LOOKUP" => (1, Some(0)),
        "DEPTHWISE_CONV_2D" => (1, Some(3)),
        "BATCH_MATMUL" => (1, None),
        "GATHER" => (0, None),
        _ => return None,
    })
}

/// Whether the kernels of `op` take int4 weights beside float data. Tried on LiteRT 2.3.0: DEPTHWISE_CONV_2D refuses
/// them when it runs, TRANSPOSE_CONV and BATCH_MATMUL when they are prepared.
pub fn int4_beside_floats(op: &str) -> bool {
    matches!(op, "CONV_2D" | "FULLY_CONNECTED" | "EMBEDDING_LOOKUP")
}

/// Whether the kernels of `op` take int4 weights beside int8 or int16 data.
pub fn int4_beside_integers(op: &str) -> bool {
    matches!(op, "CONV_2D" | "FULLY_CONNECTED")
}
