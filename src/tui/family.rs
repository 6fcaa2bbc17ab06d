//! Families of operators, one hue each.

/// What an operator is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    Convolution,
    Matmul,
    Elementwise,
    Activation,
    Reduce,
    Shape,
    Control,
    State,
    Quantize,
    Constant,
    Other,
}

/// The family of an operator by its name in either dialect.
pub fn family(op: &str) -> Family {
    // Both dialects' spellings become one: `FullyConnected`, `FULLY_CONNECTED` → `fullyconnected`.
    let plain: String = op
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let has = |parts: &[&str]| parts.iter().any(|p| plain.contains(p));
    let is = |names: &[&str]| names.contains(&plain.as_str());
    if has(&["quantiz"]) {
        Family::Quantize
    } else if has(&["conv2d", "conv3d", "conv1d", "convolution", "dilation2d"])
        || is(&["transposeconv"])
    {
        Family::Convolution
    } else if has(&[
        "matmul",
        "fullyconnected",
        "einsum",
        "lstm",
        "rnn",
        "gru",
        "embeddinglookup",
    ]) {
        Family::Matmul
    } else if is(&[
        "const",
        "placeholder",
        "arg",
        "retval",
        "placeholderwithdefault",
    ]) {
        Family::Constant
    } else if has(&[
        "variable",
        "varhandle",
        "assign",
        "hashtable",
        "lookuptable",
        "restore",
        "savev2",
        "callonce",
        "tensorlist",
        "stack",
    ]) && !is(&["pack", "unpack"])
    {
        Family::State
    } else if has(&[
        "while",
        "partitionedcall",
        "switch",
        "merge",
        "nextiteration",
    ]) || is(&[
        "if",
        "statelessif",
        "case",
        "enter",
        "exit",
        "loopcond",
        "noop",
        "identity",
        "identityn",
        "stopgradient",
    ]) {
        Family::Control
    } else if is(&[
        "relu",
        "relu6",
        "relun1to1",
        "relu0to1",
        "elu",
        "selu",
        "leakyrelu",
        "prelu",
        "gelu",
        "sigmoid",
        "logistic",
        "tanh",
        "softmax",
        "logsoftmax",
        "hardswish",
        "softplus",
        "softsign",
    ]) {
        Family::Activation
    } else if has(&[
        "pool", "argmax", "argmin", "cumsum", "cumprod", "segment", "topk",
    ]) || is(&[
        "mean",
        "sum",
        "max",
        "min",
        "prod",
        "any",
        "all",
        "reducemax",
        "reducemin",
        "reduceprod",
        "reduceany",
        "reduceall",
    ]) {
        Family::Reduce
    } else if has(&[
        "reshape",
        "transpose",
        "concat",
        "slice",
        "gather",
        "scatter",
        "pad",
        "squeeze",
        "expanddims",
        "split",
        "tile",
        "broadcast",
        "batchtospace",
        "spacetobatch",
        "spacetodepth",
        "depthtospace",
        "reverse",
        "resize",
    ]) || is(&[
        "shape", "pack", "unpack", "rank", "size", "fill", "range", "cast", "onehot",
    ]) {
        Family::Shape
    } else if has(&[
        "add",
        "sub",
        "mul",
        "div",
        "maximum",
        "minimum",
        "sqrt",
        "exp",
        "log",
        "pow",
        "square",
        "neg",
        "abs",
        "sin",
        "cos",
        "floor",
        "ceil",
        "round",
        "equal",
        "less",
        "greater",
        "select",
        "batchnorm",
        "where",
        "sign",
        "erf",
        "mod",
    ]) {
        Family::Elementwise
    } else {
        Family::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_dialects_meet_in_one_family() {
        for (tf, tflite, expected) in [
            ("Conv2D", "CONV_2D", Family::Convolution),
            ("MatMul", "FULLY_CONNECTED", Family::Matmul),
            ("Relu", "RELU", Family::Activation),
            ("AddV2", "ADD", Family::Elementwise),
            ("Reshape", "RESHAPE", Family::Shape),
            ("MaxPool", "MAX_POOL_2D", Family::Reduce),
            ("QuantizeV2", "DEQUANTIZE", Family::Quantize),
            ("ReadVariableOp", "READ_VARIABLE", Family::State),
            ("StatefulPartitionedCall", "WHILE", Family::Control),
        ] {
            assert_eq!(family(tf), expected, "{tf}");
            assert_eq!(family(tflite), expected, "{tflite}");
        }
    }
}
