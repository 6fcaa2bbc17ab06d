//! What an operator calls its operands: `filter` and `bias` of a convolution.
//!
//! TensorFlow's names are those of its operator definitions. TensorFlow Lite's are the operands' names in the reference
//! of its operators (the `tfl` dialect), or in the kernels where that has two for one thing (`weights` of
//! `FULLY_CONNECTED`, `crops` of `BATCH_TO_SPACE_ND`).

use std::borrow::Cow;

use super::dialect;
use crate::model::opdef::{self, ArgDef, ArgType};
use crate::model::{Attr, Dialect, Graph, Node};

type Role = Cow<'static, str>;

/// The role of each input of `node`, absent ones included; empty where it is not certain.
pub fn inputs(graph: &Graph, node: &Node) -> Vec<Role> {
    let count = node.inputs.len();
    match dialect(graph, node) {
        Dialect::Tf => defined(node, count, |op| &op.inputs),
        Dialect::Tflite => {
            let rows = TFLITE.iter().filter(|row| row.0 == node.op_label());
            let mut fitting = rows.filter_map(|row| listed(row.1, count));
            fitting.next().unwrap_or_default()
        }
    }
}

/// The role of each output of `node`; empty where it is not certain or there is only one output.
pub fn outputs(graph: &Graph, node: &Node) -> Vec<Role> {
    let count = node.outputs.len();
    match dialect(graph, node) {
        _ if count < 2 => Vec::new(),
        Dialect::Tf => defined(node, count, |op| &op.outputs),
        Dialect::Tflite => {
            let mut rows = TFLITE_OUTPUTS.iter();
            let row = rows.find(|row| row.0 == node.op_label());
            row.and_then(|row| listed(row.1, count)).unwrap_or_default()
        }
    }
}

/// The roles of `count` tensors by the operator's definition.
fn defined(node: &Node, count: usize, args: fn(&opdef::OpDef) -> &[ArgDef]) -> Vec<Role> {
    let Some(op) = opdef::lookup(&node.op) else {
        return Vec::new();
    };
    let mut roles = Vec::new();
    for arg in args(op) {
        let tensors = match (&arg.number, &arg.dtype) {
            (Some(attr), _) => match node.attr(attr) {
                Some(Attr::Int(n)) => usize::try_from(*n).ok(),
                _ => None,
            },
            (None, ArgType::List(attr)) => match node.attr(attr) {
                Some(Attr::List(types)) => Some(types.len()),
                _ => None,
            },
            (None, _) => Some(1),
        };
        // A number from a file is not believed beyond what the node has.
        let Some(tensors) = tensors.filter(|n| *n <= count - roles.len()) else {
            return Vec::new();
        };
        let is_list = arg.number.is_some() || matches!(arg.dtype, ArgType::List(_));
        roles.extend((0..tensors).map(|at| match is_list {
            true => Cow::Owned(format!("{}[{at}]", arg.name)),
            false => Cow::Owned(arg.name.to_string()),
        }));
    }
    if roles.len() == count {
        roles
    } else {
        Vec::new()
    }
}

/// `count` roles of a line of the tables; `None` where the line has fewer, or more that are not optional.
fn listed(line: &'static str, count: usize) -> Option<Vec<Role>> {
    let mut roles: Vec<Role> = Vec::with_capacity(count);
    for word in line.split_ascii_whitespace() {
        if let Some(list) = word.strip_suffix('*') {
            let rest = count.checked_sub(roles.len())?;
            roles.extend((0..rest).map(|at| Cow::Owned(format!("{list}[{at}]"))));
        } else if let Some(optional) = word.strip_suffix('?') {
            if roles.len() < count {
                roles.push(optional.into());
            }
        } else {
            roles.push(word.into());
        }
    }
    (roles.len() == count).then_some(roles)
}

/// Operators and their inputs in order. `?` ends one that a file may leave out at the end, `*` one that stands for all
/// that follow. Of several lines for one operator the first whose count fits holds.
const TFLITE: &[(&str, &str)] = &[
    ("ABS", "input"),
    ("ADD", "lhs rhs"),
    ("ADD_N", "inputs*"),
    ("ARG_MAX", "input dim"),
    ("ARG_MIN", "input dim"),
    ("ASSIGN_VARIABLE", "resource_id value"),
    ("ATAN2", "y x"),
    ("AVERAGE_POOL_2D", "input"),
    ("BATCH_MATMUL", "x y"),
    ("BATCH_TO_SPACE_ND", "input block_shape crops"),
    ("BITCAST", "input"),
    ("BITWISE_XOR", "lhs rhs"),
    ("BROADCAST_ARGS", "s0 s1"),
    ("BROADCAST_TO", "input shape"),
    ("BUCKETIZE", "input"),
    ("CAST", "input"),
    ("CEIL", "input"),
    ("COMPLEX_ABS", "input"),
    ("CONCATENATION", "values*"),
    ("CONV_2D", "input filter bias?"),
    ("CONV_3D", "input filter bias?"),
    ("CONV_3D_TRANSPOSE", "output_shape filter input bias?"),
    ("COS", "input"),
    ("CUMSUM", "input axis"),
    ("DENSIFY", "input"),
    ("DEPTHWISE_CONV_2D", "input filter bias?"),
    ("DEPTH_TO_SPACE", "input"),
    ("DEQUANTIZE", "input"),
    ("DILATE", "input dilations padding_value"),
    ("DIV", "lhs rhs"),
    ("DYNAMIC_UPDATE_SLICE", "operand update start_indices"),
    ("ELU", "input"),
    ("EMBEDDING_LOOKUP", "lookup value"),
    ("EQUAL", "x y"),
    ("EXP", "input"),
    ("EXPAND_DIMS", "input dim"),
    ("FAKE_QUANT", "input"),
    ("FILL", "dims input"),
    ("FLOOR", "input"),
    ("FLOOR_DIV", "lhs rhs"),
    ("FLOOR_MOD", "lhs rhs"),
    ("FULLY_CONNECTED", "input weights bias?"),
    ("GATHER", "params indices"),
    ("GATHER_ND", "params indices"),
    ("GELU", "input"),
    ("GREATER", "lhs rhs"),
    ("GREATER_EQUAL", "lhs rhs"),
    ("HARD_SWISH", "input"),
    ("HASHTABLE_FIND", "hash_table keys default_value"),
    ("HASHTABLE_IMPORT", "hash_table keys values"),
    ("HASHTABLE_SIZE", "hash_table"),
    ("IF", "cond input*"),
    ("IMAG", "input"),
    ("L2_NORMALIZATION", "input"),
    ("L2_POOL_2D", "input"),
    ("LEAKY_RELU", "input"),
    ("LESS", "lhs rhs"),
    ("LESS_EQUAL", "lhs rhs"),
    ("LOCAL_RESPONSE_NORMALIZATION", "input"),
    ("LOG", "input"),
    ("LOGICAL_AND", "lhs rhs"),
    ("LOGICAL_NOT", "input"),
    ("LOGICAL_OR", "lhs rhs"),
    ("LOGISTIC", "input"),
    ("LOG_SOFTMAX", "input"),
    ("LSTM", LSTM),
    // The older kind of cell, in which all gates share one matrix.
    (
        "LSTM",
        "data_input prev_activation weights biases prev_state",
    ),
    ("MATRIX_DIAG", "diagonal"),
    ("MATRIX_SET_DIAG", "input diagonal"),
    ("MAXIMUM", "lhs rhs"),
    ("MAX_POOL_2D", "input"),
    ("MEAN", "input axis"),
    ("MINIMUM", "lhs rhs"),
    ("MIRROR_PAD", "input pad"),
    ("MUL", "lhs rhs"),
    ("MULTINOMIAL", "logits num_samples"),
    ("NEG", "input"),
    (
        "NON_MAX_SUPPRESSION_V4",
        "boxes scores max_output_size iou_threshold score_threshold",
    ),
    (
        "NON_MAX_SUPPRESSION_V5",
        "boxes scores max_output_size iou_threshold score_threshold soft_nms_sigma",
    ),
    ("NOT_EQUAL", "lhs rhs"),
    ("ONE_HOT", "indices depth on_value off_value"),
    ("PACK", "values*"),
    ("PAD", "input padding"),
    ("PADV2", "input padding constant_values"),
    ("POW", "lhs rhs"),
    ("PRELU", "input alpha"),
    ("QUANTIZE", "input"),
    ("RANDOM_STANDARD_NORMAL", "shape"),
    ("RANDOM_UNIFORM", "shape"),
    ("RANGE", "start limit delta"),
    ("RANK", "input"),
    ("READ_VARIABLE", "resource_id"),
    ("REAL", "input"),
    ("REDUCE_ALL", "input reduction_indices"),
    ("REDUCE_ANY", "input reduction_indices"),
    ("REDUCE_MAX", "input axes"),
    ("REDUCE_MIN", "input axes"),
    ("REDUCE_PROD", "input axes"),
    ("RELU", "input"),
    ("RELU6", "input"),
    ("RELU_0_TO_1", "input"),
    ("RELU_N1_TO_1", "input"),
    ("RESHAPE", "input shape?"),
    ("RESIZE_BILINEAR", "input size"),
    ("RESIZE_NEAREST_NEIGHBOR", "input size"),
    ("REVERSE_SEQUENCE", "input seq_lengths"),
    ("REVERSE_V2", "input axis"),
    ("RFFT2D", "input fft_length"),
    ("RIGHT_SHIFT", "lhs rhs"),
    ("RNN", RNN),
    ("ROUND", "input"),
    ("RSQRT", "input"),
    ("SCATTER_ND", "indices updates shape"),
    ("SEGMENT_SUM", "input segment_ids"),
    ("SELECT", "condition x y"),
    ("SELECT_V2", "condition x y"),
    ("SHAPE", "input"),
    ("SIGN", "input"),
    ("SIN", "input"),
    ("SLICE", "input begin size"),
    ("SOFTMAX", "input"),
    ("SPACE_TO_BATCH_ND", "input block_shape paddings"),
    ("SPACE_TO_DEPTH", "input"),
    (
        "SPARSE_TO_DENSE",
        "sparse_indices output_shape sparse_values default_value",
    ),
    ("SPLIT", "split_dim value"),
    ("SPLIT_V", "value size_splits split_dim"),
    ("SQRT", "input"),
    ("SQUARE", "input"),
    ("SQUARED_DIFFERENCE", "lhs rhs"),
    ("SQUEEZE", "input"),
    ("STRIDED_SLICE", "input begin end strides"),
    ("SUB", "lhs rhs"),
    ("SUM", "input axes"),
    (
        "SVDF",
        "input feature_weights time_weights input_gate_bias activation_state",
    ),
    ("TANH", "input"),
    (
        "TFLite_Detection_PostProcess",
        "box_encodings class_predictions anchors",
    ),
    ("TILE", "input multiples"),
    ("TOPK_V2", "input k"),
    ("TRANSPOSE", "input perm"),
    ("TRANSPOSE_CONV", "output_shape weights input bias?"),
    ("UNIDIRECTIONAL_SEQUENCE_LSTM", LSTM),
    ("UNIDIRECTIONAL_SEQUENCE_RNN", RNN),
    ("UNIQUE", "input"),
    ("UNPACK", "input"),
    ("UNSORTED_SEGMENT_MAX", "input segment_ids num_segments"),
    ("UNSORTED_SEGMENT_MIN", "input segment_ids num_segments"),
    ("UNSORTED_SEGMENT_PROD", "input segment_ids num_segments"),
    ("UNSORTED_SEGMENT_SUM", "input segment_ids num_segments"),
    ("WHERE", "condition"),
    ("WHILE", "input*"),
    ("ZEROS_LIKE", "input"),
];

const LSTM: &str = "input input_to_input_weights input_to_forget_weights input_to_cell_weights \
    input_to_output_weights recurrent_to_input_weights recurrent_to_forget_weights recurrent_to_cell_weights \
    recurrent_to_output_weights cell_to_input_weights cell_to_forget_weights cell_to_output_weights input_gate_bias \
    forget_gate_bias cell_bias output_gate_bias projection_weights projection_bias input_activation_state \
    input_cell_state input_layer_norm_coefficients? forget_layer_norm_coefficients? cell_layer_norm_coefficients? \
    output_layer_norm_coefficients?";

const RNN: &str = "input weights recurrent_weights bias hidden_state";

/// The same for the outputs of operators that may have several.
const TFLITE_OUTPUTS: &[(&str, &str)] = &[
    ("IF", "results*"),
    ("NON_MAX_SUPPRESSION_V4", "selected_indices valid_outputs"),
    (
        "NON_MAX_SUPPRESSION_V5",
        "selected_indices selected_scores valid_outputs",
    ),
    ("SPLIT", "outputs*"),
    ("SPLIT_V", "outputs*"),
    (
        "TFLite_Detection_PostProcess",
        "detection_boxes detection_classes detection_scores num_detections",
    ),
    ("TOPK_V2", "values indices"),
    ("UNIQUE", "output idx"),
    ("UNPACK", "outputs*"),
    ("WHILE", "output*"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_tell_the_roles_of_as_many_as_there_are() {
        let roles = |line, count| listed(line, count).map(|roles| roles.join(" "));
        let conv = "input filter bias?";
        assert_eq!(roles(conv, 3).as_deref(), Some("input filter bias"));
        assert_eq!(roles(conv, 2).as_deref(), Some("input filter"));
        // Not what the table knows.
        assert_eq!(roles(conv, 1), None);
        assert_eq!(roles(conv, 4), None);
        let list = roles("cond input*", 3);
        assert_eq!(list.as_deref(), Some("cond input[0] input[1]"));
        assert_eq!(roles("cond input*", 0), None);
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(TFLITE.is_sorted_by_key(|row| row.0));
        assert!(TFLITE_OUTPUTS.is_sorted_by_key(|row| row.0));
    }
}
