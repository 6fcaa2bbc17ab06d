//! What attributes are about, in a few words.

use crate::model::Dialect;

/// The meaning of an attribute of either dialect, where its name tells it.
pub fn meaning(dialect: Dialect, name: &str) -> Option<&'static str> {
    common(name).or_else(|| match dialect {
        Dialect::Tf => tensorflow(name),
        Dialect::Tflite => tflite(name),
    })
}

fn common(name: &str) -> Option<&'static str> {
    Some(match name {
        "padding" => "SAME fills up the border so that sizes stay, VALID takes only whole windows",
        "dilations" | "dilation_h_factor" | "dilation_w_factor" | "dilation_d_factor" => {
            "cells between the taps of the window"
        }
        "strides" | "stride_h" | "stride_w" | "stride_d" => "cells that the window moves",
        "ksize" | "filter_height" | "filter_width" => "size of the window",
        "axis" | "dim" => "the axis along which it works",
        "batch_dims" => "leading axes that go together, one by one",
        "block_size" => "edge of the blocks that move between space and depth",
        "align_corners" => "the corners of both images meet",
        "half_pixel_centers" => "pixels are squares that are sampled in their middle",
        "alpha" => "slope below zero",
        "epsilon" => "added to the variance against division by zero",
        "exclusive" => "an element does not count itself",
        "reverse" => "from the end on",
        "seed" | "seed2" => "where random numbers begin; 0 anew each time",
        "num_bits" => "width of the integers that are imitated",
        "narrow_range" => "the lowest integer is not used",
        "min" => "real number of the lowest integer",
        "max" => "real number of the highest integer",
        "shared_name" => "name under which others find it",
        "container" => "group of shared names",
        "mode" => "how what lies outside is filled",
        "approximate" => "tanh instead of the error function",
        _ => return None,
    })
}

fn tensorflow(name: &str) -> Option<&'static str> {
    Some(match name {
        "T" => "type of the values",
        "dtype" | "element_dtype" | "value_dtype" => "type of the values",
        "key_dtype" => "type of the keys",
        "Tidx" | "Tshape" | "Tperm" | "Tpaddings" | "Tdim" | "Tblock_shape" | "Tindices"
        | "Taxis" | "Tcrops" | "Tmultiples" | "Index" | "Tlen" | "Tsegmentids" | "Tsplits" => {
            "type of the integers that say where"
        }
        "Tparams" => "type of the table that is looked into",
        "DstT" | "out_type" | "output_type" | "Tout" => "type of the result",
        "SrcT" | "Tin" => "type of what comes in",
        "N" | "num" | "num_split" => "how many tensors",
        "Truncate" => "digits are cut off, not rounded",
        "data_format" => "order of the axes: N batch, H rows, W columns, C channels",
        "explicit_paddings" => "cells that are added at each border",
        "transpose_a" | "adj_x" => "the first matrix is transposed",
        "transpose_b" | "adj_y" => "the second matrix is transposed",
        "grad_a" | "grad_b" | "grad_x" | "grad_y" => "for training only",
        "use_cudnn_on_gpu" => "for NVIDIA GPUs only",
        "is_training" => "statistics of the batch instead of the stored ones",
        "exponential_avg_factor" => "weight of the new statistics in training",
        "keep_dims" | "keepdims" => "reduced axes stay with size 1",
        "begin_mask" | "end_mask" => "bits: this axis from its very start, or to its end",
        "ellipsis_mask" => "bit: stands for all axes between",
        "new_axis_mask" => "bits: puts in an axis of size 1",
        "shrink_axis_mask" => "bits: takes one element, the axis goes",
        "squeeze_dims" => "axes of size 1 that go",
        "equation" => "letters are axes; those that the result lacks are summed",
        "f" => "the function that is called",
        "body" => "the function that runs in each turn",
        "cond" => "the function that says whether to go on",
        "then_branch" => "the function for true",
        "else_branch" => "the function for false",
        "branches" => "the functions to choose from",
        "output_shapes" | "_output_shapes" => "shapes of the results",
        "parallel_iterations" => "turns of a loop that may overlap",
        "value" => "the constant itself",
        "shape" => "sizes of the result, ? where open",
        "sorted" => "largest first",
        "index_type" => "type of the positions",
        "message" => "what to say when it fails",
        "validate_shape" => "the new value must have the old shape",
        "method" => "how values between pixels are found",
        "extrapolation_value" => "value of what lies outside",
        "config_proto" | "executor_type" | "config" => "how TensorFlow runs the function",
        "allowed_devices" | "debug_name" => "for TensorFlow's own use",
        "max_length" | "maxsplit" => "at most so many",
        _ => return None,
    })
}

fn tflite(name: &str) -> Option<&'static str> {
    Some(match name {
        "fused_activation_function" => "applied to the result in the same step",
        "depth_multiplier" => "outputs for each channel that comes in",
        "keep_num_dims" => "all axes but the last stay as they are",
        "keep_dims" => "reduced axes stay with size 1",
        "weights_format" => "how the weights are stored",
        "asymmetric_quantize_inputs" => "inputs are quantized with a zero point as it runs",
        "quantized_bias_type" => "type in which products are summed",
        "pot_scale_int16" => "int16 scales are powers of two",
        "beta" => "factor on what comes in",
        "begin_mask" | "end_mask" => "bits: this axis from its very start, or to its end",
        "ellipsis_mask" => "bit: stands for all axes between",
        "new_axis_mask" => "bits: puts in an axis of size 1",
        "shrink_axis_mask" => "bits: takes one element, the axis goes",
        "squeeze_dims" => "axes of size 1 that go",
        "new_shape" => "sizes of the result, -1 for what is left",
        "in_data_type" => "type of what comes in",
        "out_data_type" | "output_type" | "idx_out_type" => "type of the result",
        "cond_subgraph_index" => "the subgraph that says whether to go on",
        "body_subgraph_index" => "the subgraph that runs in each turn",
        "then_subgraph_index" => "the subgraph for true",
        "else_subgraph_index" => "the subgraph for false",
        "init_subgraph_index" => "the subgraph that runs once, before all else",
        "subgraph" | "decomposition_subgraph_index" => "the subgraph that says what it does",
        "num_splits" | "num" | "values_count" => "how many tensors",
        "adj_x" => "the first matrix is transposed",
        "adj_y" => "the second matrix is transposed",
        "time_major" => "time is the first axis, batch the second",
        "cell_clip" => "bound of the cell's state; 0 none",
        "proj_clip" => "bound of the projection; 0 none",
        "merge_outputs" => "both directions in one result",
        "kernel_type" => "full or basic cell",
        "offset" => "what comes out begins past the border",
        "seq_dim" => "the axis that is turned round",
        "batch_dim" => "the axis that stays",
        "include_all" => "every pair is counted",
        _ => return None,
    })
}
