// Made by schemas/generate.sh from the .fbs files; change those instead.
use super::schema::{Enum, Field, Kind, Operator, Table, Union};

pub static TensorType: Enum = Enum { base: Kind::Byte, members: &[(0, "FLOAT32"), (1, "FLOAT16"), (2, "INT32"), (3, "UINT8"), (4, "INT64"), (5, "STRING"), (6, "BOOL"), (7, "INT16"), (8, "COMPLEX64"), (9, "INT8"), (10, "FLOAT64"), (11, "COMPLEX128"), (12, "UINT64"), (13, "RESOURCE"), (14, "VARIANT"), (15, "UINT32"), (16, "UINT16"), (17, "INT4"), (18, "BFLOAT16"), (19, "INT2"), (20, "UINT4"), (21, "FLOAT8_E4M3FN"), (22, "FLOAT8_E5M2"), ] };
pub static CustomOptionsFormat: Enum = Enum { base: Kind::Byte, members: &[(0, "FLEXBUFFERS"), ] };
pub static StablehloPrecisionConfig: Enum = Enum { base: Kind::Uint, members: &[(0, "DEFAULT"), (1, "HIGH"), (2, "HIGHEST"), ] };
pub static StablehloComparisonDirection: Enum = Enum { base: Kind::Uint, members: &[(0, "STABLEHLO_COMPARISON_DIRECTION_EQ"), (1, "STABLEHLO_COMPARISON_DIRECTION_NE"), (2, "STABLEHLO_COMPARISON_DIRECTION_GE"), (3, "STABLEHLO_COMPARISON_DIRECTION_GT"), (4, "STABLEHLO_COMPARISON_DIRECTION_LE"), (5, "STABLEHLO_COMPARISON_DIRECTION_LT"), ] };
pub static StablehloComparisonType: Enum = Enum { base: Kind::Uint, members: &[(0, "STABLEHLO_COMPARISON_TYPE_NOTYPE"), (1, "STABLEHLO_COMPARISON_TYPE_FLOAT"), (2, "STABLEHLO_COMPARISON_TYPE_FLOAT_TOTAL_ORDER"), (3, "STABLEHLO_COMPARISON_TYPE_SIGNED"), (4, "STABLEHLO_COMPARISON_TYPE_UNSIGNED"), ] };
pub static RngAlgorithm: Enum = Enum { base: Kind::Byte, members: &[(0, "DEFAULT"), (1, "PHILOX"), (2, "THREEFRY"), ] };
pub static Padding: Enum = Enum { base: Kind::Byte, members: &[(0, "SAME"), (1, "VALID"), ] };
pub static ActivationFunctionType: Enum = Enum { base: Kind::Byte, members: &[(0, "NONE"), (1, "RELU"), (2, "RELU_N1_TO_1"), (3, "RELU6"), (4, "TANH"), (5, "SIGN_BIT"), ] };
pub static LSHProjectionType: Enum = Enum { base: Kind::Byte, members: &[(0, "UNKNOWN"), (1, "SPARSE"), (2, "DENSE"), ] };
pub static FullyConnectedOptionsWeightsFormat: Enum = Enum { base: Kind::Byte, members: &[(0, "DEFAULT"), (1, "SHUFFLED4x16INT8"), ] };
pub static LSTMKernelType: Enum = Enum { base: Kind::Byte, members: &[(0, "FULL"), (1, "BASIC"), ] };
pub static CombinerType: Enum = Enum { base: Kind::Byte, members: &[(0, "SUM"), (1, "MEAN"), (2, "SQRTN"), ] };
pub static MirrorPadMode: Enum = Enum { base: Kind::Byte, members: &[(0, "REFLECT"), (1, "SYMMETRIC"), ] };
pub static ReduceWindowFunction: Enum = Enum { base: Kind::Int, members: &[(0, "UNSUPPORTED"), (1, "ADD"), (2, "MUL"), (3, "MINIMUM"), (4, "MAXIMUM"), (5, "ALL"), (6, "ANY"), ] };
pub static Conv2DOptions: Table = Table { name: "Conv2DOptions", fields: &[
    Field { name: "padding", id: 0, kind: Kind::Enum(&Padding), default: 0.0 },
    Field { name: "stride_w", id: 1, kind: Kind::Int, default: 0.0 },
    Field { name: "stride_h", id: 2, kind: Kind::Int, default: 0.0 },
    Field { name: "fused_activation_function", id: 3, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
    Field { name: "dilation_w_factor", id: 4, kind: Kind::Int, default: 1.0 },
    Field { name: "dilation_h_factor", id: 5, kind: Kind::Int, default: 1.0 },
    Field { name: "quantized_bias_type", id: 6, kind: Kind::Enum(&TensorType), default: 0.0 },
] };
pub static DepthwiseConv2DOptions: Table = Table { name: "DepthwiseConv2DOptions", fields: &[
    Field { name: "padding", id: 0, kind: Kind::Enum(&Padding), default: 0.0 },
    Field { name: "stride_w", id: 1, kind: Kind::Int, default: 0.0 },
    Field { name: "stride_h", id: 2, kind: Kind::Int, default: 0.0 },
    Field { name: "depth_multiplier", id: 3, kind: Kind::Int, default: 0.0 },
    Field { name: "fused_activation_function", id: 4, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
    Field { name: "dilation_w_factor", id: 5, kind: Kind::Int, default: 1.0 },
    Field { name: "dilation_h_factor", id: 6, kind: Kind::Int, default: 1.0 },
] };
pub static ConcatEmbeddingsOptions: Table = Table { name: "ConcatEmbeddingsOptions", fields: &[
    Field { name: "num_channels", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "num_columns_per_channel", id: 1, kind: Kind::Vector(&Kind::Int), default: 0.0 },
    Field { name: "embedding_dim_per_channel", id: 2, kind: Kind::Vector(&Kind::Int), default: 0.0 },
] };
pub static LSHProjectionOptions: Table = Table { name: "LSHProjectionOptions", fields: &[
    Field { name: "type", id: 0, kind: Kind::Enum(&LSHProjectionType), default: 0.0 },
] };
pub static Pool2DOptions: Table = Table { name: "Pool2DOptions", fields: &[
    Field { name: "padding", id: 0, kind: Kind::Enum(&Padding), default: 0.0 },
    Field { name: "stride_w", id: 1, kind: Kind::Int, default: 0.0 },
    Field { name: "stride_h", id: 2, kind: Kind::Int, default: 0.0 },
    Field { name: "filter_width", id: 3, kind: Kind::Int, default: 0.0 },
    Field { name: "filter_height", id: 4, kind: Kind::Int, default: 0.0 },
    Field { name: "fused_activation_function", id: 5, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
] };
pub static SVDFOptions: Table = Table { name: "SVDFOptions", fields: &[
    Field { name: "rank", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "fused_activation_function", id: 1, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
    Field { name: "asymmetric_quantize_inputs", id: 2, kind: Kind::Bool, default: 0.0 },
] };
pub static RNNOptions: Table = Table { name: "RNNOptions", fields: &[
    Field { name: "fused_activation_function", id: 0, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
    Field { name: "asymmetric_quantize_inputs", id: 1, kind: Kind::Bool, default: 0.0 },
] };
pub static FullyConnectedOptions: Table = Table { name: "FullyConnectedOptions", fields: &[
    Field { name: "fused_activation_function", id: 0, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
    Field { name: "weights_format", id: 1, kind: Kind::Enum(&FullyConnectedOptionsWeightsFormat), default: 0.0 },
    Field { name: "keep_num_dims", id: 2, kind: Kind::Bool, default: 0.0 },
    Field { name: "asymmetric_quantize_inputs", id: 3, kind: Kind::Bool, default: 0.0 },
    Field { name: "quantized_bias_type", id: 4, kind: Kind::Enum(&TensorType), default: 0.0 },
    Field { name: "quant_spec", id: 5, kind: Kind::Vector(&Kind::Ubyte), default: 0.0 },
] };
pub static SoftmaxOptions: Table = Table { name: "SoftmaxOptions", fields: &[
    Field { name: "beta", id: 0, kind: Kind::Float, default: 0.0 },
] };
pub static ConcatenationOptions: Table = Table { name: "ConcatenationOptions", fields: &[
    Field { name: "axis", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "fused_activation_function", id: 1, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
] };
pub static AddOptions: Table = Table { name: "AddOptions", fields: &[
    Field { name: "fused_activation_function", id: 0, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
    Field { name: "pot_scale_int16", id: 1, kind: Kind::Bool, default: 1.0 },
] };
pub static L2NormOptions: Table = Table { name: "L2NormOptions", fields: &[
    Field { name: "fused_activation_function", id: 0, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
] };
pub static LocalResponseNormalizationOptions: Table = Table { name: "LocalResponseNormalizationOptions", fields: &[
    Field { name: "radius", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "bias", id: 1, kind: Kind::Float, default: 0.0 },
    Field { name: "alpha", id: 2, kind: Kind::Float, default: 0.0 },
    Field { name: "beta", id: 3, kind: Kind::Float, default: 0.0 },
] };
pub static LSTMOptions: Table = Table { name: "LSTMOptions", fields: &[
    Field { name: "fused_activation_function", id: 0, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
    Field { name: "cell_clip", id: 1, kind: Kind::Float, default: 0.0 },
    Field { name: "proj_clip", id: 2, kind: Kind::Float, default: 0.0 },
    Field { name: "kernel_type", id: 3, kind: Kind::Enum(&LSTMKernelType), default: 0.0 },
    Field { name: "asymmetric_quantize_inputs", id: 4, kind: Kind::Bool, default: 0.0 },
] };
pub static ResizeBilinearOptions: Table = Table { name: "ResizeBilinearOptions", fields: &[
    Field { name: "new_height", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "new_width", id: 1, kind: Kind::Int, default: 0.0 },
    Field { name: "align_corners", id: 2, kind: Kind::Bool, default: 0.0 },
    Field { name: "half_pixel_centers", id: 3, kind: Kind::Bool, default: 0.0 },
] };
pub static CallOptions: Table = Table { name: "CallOptions", fields: &[
    Field { name: "subgraph", id: 0, kind: Kind::Uint, default: 0.0 },
] };
pub static ReshapeOptions: Table = Table { name: "ReshapeOptions", fields: &[
    Field { name: "new_shape", id: 0, kind: Kind::Vector(&Kind::Int), default: 0.0 },
] };
pub static SkipGramOptions: Table = Table { name: "SkipGramOptions", fields: &[
    Field { name: "ngram_size", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "max_skip_size", id: 1, kind: Kind::Int, default: 0.0 },
    Field { name: "include_all_ngrams", id: 2, kind: Kind::Bool, default: 0.0 },
] };
pub static SpaceToDepthOptions: Table = Table { name: "SpaceToDepthOptions", fields: &[
    Field { name: "block_size", id: 0, kind: Kind::Int, default: 0.0 },
] };
pub static EmbeddingLookupSparseOptions: Table = Table { name: "EmbeddingLookupSparseOptions", fields: &[
    Field { name: "combiner", id: 0, kind: Kind::Enum(&CombinerType), default: 0.0 },
] };
pub static MulOptions: Table = Table { name: "MulOptions", fields: &[
    Field { name: "fused_activation_function", id: 0, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
] };
pub static PadOptions: Table = Table { name: "PadOptions", fields: &[
] };
pub static GatherOptions: Table = Table { name: "GatherOptions", fields: &[
    Field { name: "axis", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "batch_dims", id: 1, kind: Kind::Int, default: 0.0 },
] };
pub static BatchToSpaceNDOptions: Table = Table { name: "BatchToSpaceNDOptions", fields: &[
] };
pub static SpaceToBatchNDOptions: Table = Table { name: "SpaceToBatchNDOptions", fields: &[
] };
pub static TransposeOptions: Table = Table { name: "TransposeOptions", fields: &[
] };
pub static ReducerOptions: Table = Table { name: "ReducerOptions", fields: &[
    Field { name: "keep_dims", id: 0, kind: Kind::Bool, default: 0.0 },
] };
pub static SubOptions: Table = Table { name: "SubOptions", fields: &[
    Field { name: "fused_activation_function", id: 0, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
    Field { name: "pot_scale_int16", id: 1, kind: Kind::Bool, default: 1.0 },
] };
pub static DivOptions: Table = Table { name: "DivOptions", fields: &[
    Field { name: "fused_activation_function", id: 0, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
] };
pub static SqueezeOptions: Table = Table { name: "SqueezeOptions", fields: &[
    Field { name: "squeeze_dims", id: 0, kind: Kind::Vector(&Kind::Int), default: 0.0 },
] };
pub static SequenceRNNOptions: Table = Table { name: "SequenceRNNOptions", fields: &[
    Field { name: "time_major", id: 0, kind: Kind::Bool, default: 0.0 },
    Field { name: "fused_activation_function", id: 1, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
    Field { name: "asymmetric_quantize_inputs", id: 2, kind: Kind::Bool, default: 0.0 },
] };
pub static StridedSliceOptions: Table = Table { name: "StridedSliceOptions", fields: &[
    Field { name: "begin_mask", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "end_mask", id: 1, kind: Kind::Int, default: 0.0 },
    Field { name: "ellipsis_mask", id: 2, kind: Kind::Int, default: 0.0 },
    Field { name: "new_axis_mask", id: 3, kind: Kind::Int, default: 0.0 },
    Field { name: "shrink_axis_mask", id: 4, kind: Kind::Int, default: 0.0 },
    Field { name: "offset", id: 5, kind: Kind::Bool, default: 0.0 },
] };
pub static ExpOptions: Table = Table { name: "ExpOptions", fields: &[
] };
pub static TopKV2Options: Table = Table { name: "TopKV2Options", fields: &[
] };
pub static SplitOptions: Table = Table { name: "SplitOptions", fields: &[
    Field { name: "num_splits", id: 0, kind: Kind::Int, default: 0.0 },
] };
pub static LogSoftmaxOptions: Table = Table { name: "LogSoftmaxOptions", fields: &[
] };
pub static CastOptions: Table = Table { name: "CastOptions", fields: &[
    Field { name: "in_data_type", id: 0, kind: Kind::Enum(&TensorType), default: 0.0 },
    Field { name: "out_data_type", id: 1, kind: Kind::Enum(&TensorType), default: 0.0 },
] };
pub static DequantizeOptions: Table = Table { name: "DequantizeOptions", fields: &[
] };
pub static MaximumMinimumOptions: Table = Table { name: "MaximumMinimumOptions", fields: &[
] };
pub static ArgMaxOptions: Table = Table { name: "ArgMaxOptions", fields: &[
    Field { name: "output_type", id: 0, kind: Kind::Enum(&TensorType), default: 0.0 },
] };
pub static LessOptions: Table = Table { name: "LessOptions", fields: &[
] };
pub static NegOptions: Table = Table { name: "NegOptions", fields: &[
] };
pub static PadV2Options: Table = Table { name: "PadV2Options", fields: &[
] };
pub static GreaterOptions: Table = Table { name: "GreaterOptions", fields: &[
] };
pub static GreaterEqualOptions: Table = Table { name: "GreaterEqualOptions", fields: &[
] };
pub static LessEqualOptions: Table = Table { name: "LessEqualOptions", fields: &[
] };
pub static SelectOptions: Table = Table { name: "SelectOptions", fields: &[
] };
pub static SliceOptions: Table = Table { name: "SliceOptions", fields: &[
] };
pub static TransposeConvOptions: Table = Table { name: "TransposeConvOptions", fields: &[
    Field { name: "padding", id: 0, kind: Kind::Enum(&Padding), default: 0.0 },
    Field { name: "stride_w", id: 1, kind: Kind::Int, default: 0.0 },
    Field { name: "stride_h", id: 2, kind: Kind::Int, default: 0.0 },
    Field { name: "fused_activation_function", id: 3, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
    Field { name: "quantized_bias_type", id: 4, kind: Kind::Enum(&TensorType), default: 0.0 },
] };
pub static SparseToDenseOptions: Table = Table { name: "SparseToDenseOptions", fields: &[
    Field { name: "validate_indices", id: 0, kind: Kind::Bool, default: 0.0 },
] };
pub static TileOptions: Table = Table { name: "TileOptions", fields: &[
] };
pub static ExpandDimsOptions: Table = Table { name: "ExpandDimsOptions", fields: &[
] };
pub static EqualOptions: Table = Table { name: "EqualOptions", fields: &[
] };
pub static NotEqualOptions: Table = Table { name: "NotEqualOptions", fields: &[
] };
pub static ShapeOptions: Table = Table { name: "ShapeOptions", fields: &[
    Field { name: "out_type", id: 0, kind: Kind::Enum(&TensorType), default: 0.0 },
] };
pub static PowOptions: Table = Table { name: "PowOptions", fields: &[
] };
pub static ArgMinOptions: Table = Table { name: "ArgMinOptions", fields: &[
    Field { name: "output_type", id: 0, kind: Kind::Enum(&TensorType), default: 0.0 },
] };
pub static FakeQuantOptions: Table = Table { name: "FakeQuantOptions", fields: &[
    Field { name: "min", id: 0, kind: Kind::Float, default: 0.0 },
    Field { name: "max", id: 1, kind: Kind::Float, default: 0.0 },
    Field { name: "num_bits", id: 2, kind: Kind::Int, default: 0.0 },
    Field { name: "narrow_range", id: 3, kind: Kind::Bool, default: 0.0 },
] };
pub static PackOptions: Table = Table { name: "PackOptions", fields: &[
    Field { name: "values_count", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "axis", id: 1, kind: Kind::Int, default: 0.0 },
] };
pub static LogicalOrOptions: Table = Table { name: "LogicalOrOptions", fields: &[
] };
pub static OneHotOptions: Table = Table { name: "OneHotOptions", fields: &[
    Field { name: "axis", id: 0, kind: Kind::Int, default: 0.0 },
] };
pub static LogicalAndOptions: Table = Table { name: "LogicalAndOptions", fields: &[
] };
pub static LogicalNotOptions: Table = Table { name: "LogicalNotOptions", fields: &[
] };
pub static UnpackOptions: Table = Table { name: "UnpackOptions", fields: &[
    Field { name: "num", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "axis", id: 1, kind: Kind::Int, default: 0.0 },
] };
pub static FloorDivOptions: Table = Table { name: "FloorDivOptions", fields: &[
] };
pub static SquareOptions: Table = Table { name: "SquareOptions", fields: &[
] };
pub static ZerosLikeOptions: Table = Table { name: "ZerosLikeOptions", fields: &[
] };
pub static FillOptions: Table = Table { name: "FillOptions", fields: &[
] };
pub static BidirectionalSequenceLSTMOptions: Table = Table { name: "BidirectionalSequenceLSTMOptions", fields: &[
    Field { name: "fused_activation_function", id: 0, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
    Field { name: "cell_clip", id: 1, kind: Kind::Float, default: 0.0 },
    Field { name: "proj_clip", id: 2, kind: Kind::Float, default: 0.0 },
    Field { name: "merge_outputs", id: 3, kind: Kind::Bool, default: 0.0 },
    Field { name: "time_major", id: 4, kind: Kind::Bool, default: 1.0 },
    Field { name: "asymmetric_quantize_inputs", id: 5, kind: Kind::Bool, default: 0.0 },
] };
pub static BidirectionalSequenceRNNOptions: Table = Table { name: "BidirectionalSequenceRNNOptions", fields: &[
    Field { name: "time_major", id: 0, kind: Kind::Bool, default: 0.0 },
    Field { name: "fused_activation_function", id: 1, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
    Field { name: "merge_outputs", id: 2, kind: Kind::Bool, default: 0.0 },
    Field { name: "asymmetric_quantize_inputs", id: 3, kind: Kind::Bool, default: 0.0 },
] };
pub static UnidirectionalSequenceLSTMOptions: Table = Table { name: "UnidirectionalSequenceLSTMOptions", fields: &[
    Field { name: "fused_activation_function", id: 0, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
    Field { name: "cell_clip", id: 1, kind: Kind::Float, default: 0.0 },
    Field { name: "proj_clip", id: 2, kind: Kind::Float, default: 0.0 },
    Field { name: "time_major", id: 3, kind: Kind::Bool, default: 0.0 },
    Field { name: "asymmetric_quantize_inputs", id: 4, kind: Kind::Bool, default: 0.0 },
    Field { name: "diagonal_recurrent_tensors", id: 5, kind: Kind::Bool, default: 0.0 },
] };
pub static FloorModOptions: Table = Table { name: "FloorModOptions", fields: &[
] };
pub static RangeOptions: Table = Table { name: "RangeOptions", fields: &[
] };
pub static ResizeNearestNeighborOptions: Table = Table { name: "ResizeNearestNeighborOptions", fields: &[
    Field { name: "align_corners", id: 0, kind: Kind::Bool, default: 0.0 },
    Field { name: "half_pixel_centers", id: 1, kind: Kind::Bool, default: 0.0 },
] };
pub static LeakyReluOptions: Table = Table { name: "LeakyReluOptions", fields: &[
    Field { name: "alpha", id: 0, kind: Kind::Float, default: 0.0 },
] };
pub static SquaredDifferenceOptions: Table = Table { name: "SquaredDifferenceOptions", fields: &[
] };
pub static MirrorPadOptions: Table = Table { name: "MirrorPadOptions", fields: &[
    Field { name: "mode", id: 0, kind: Kind::Enum(&MirrorPadMode), default: 0.0 },
] };
pub static AbsOptions: Table = Table { name: "AbsOptions", fields: &[
] };
pub static SplitVOptions: Table = Table { name: "SplitVOptions", fields: &[
    Field { name: "num_splits", id: 0, kind: Kind::Int, default: 0.0 },
] };
pub static UniqueOptions: Table = Table { name: "UniqueOptions", fields: &[
    Field { name: "idx_out_type", id: 0, kind: Kind::Enum(&TensorType), default: 2.0 },
] };
pub static ReverseV2Options: Table = Table { name: "ReverseV2Options", fields: &[
] };
pub static AddNOptions: Table = Table { name: "AddNOptions", fields: &[
] };
pub static GatherNdOptions: Table = Table { name: "GatherNdOptions", fields: &[
] };
pub static CosOptions: Table = Table { name: "CosOptions", fields: &[
] };
pub static WhereOptions: Table = Table { name: "WhereOptions", fields: &[
] };
pub static RankOptions: Table = Table { name: "RankOptions", fields: &[
] };
pub static ReverseSequenceOptions: Table = Table { name: "ReverseSequenceOptions", fields: &[
    Field { name: "seq_dim", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "batch_dim", id: 1, kind: Kind::Int, default: 0.0 },
] };
pub static MatrixDiagOptions: Table = Table { name: "MatrixDiagOptions", fields: &[
] };
pub static QuantizeOptions: Table = Table { name: "QuantizeOptions", fields: &[
] };
pub static MatrixSetDiagOptions: Table = Table { name: "MatrixSetDiagOptions", fields: &[
] };
pub static HardSwishOptions: Table = Table { name: "HardSwishOptions", fields: &[
] };
pub static IfOptions: Table = Table { name: "IfOptions", fields: &[
    Field { name: "then_subgraph_index", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "else_subgraph_index", id: 1, kind: Kind::Int, default: 0.0 },
] };
pub static WhileOptions: Table = Table { name: "WhileOptions", fields: &[
    Field { name: "cond_subgraph_index", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "body_subgraph_index", id: 1, kind: Kind::Int, default: 0.0 },
] };
pub static DepthToSpaceOptions: Table = Table { name: "DepthToSpaceOptions", fields: &[
    Field { name: "block_size", id: 0, kind: Kind::Int, default: 0.0 },
] };
pub static NonMaxSuppressionV4Options: Table = Table { name: "NonMaxSuppressionV4Options", fields: &[
] };
pub static NonMaxSuppressionV5Options: Table = Table { name: "NonMaxSuppressionV5Options", fields: &[
] };
pub static ScatterNdOptions: Table = Table { name: "ScatterNdOptions", fields: &[
] };
pub static SelectV2Options: Table = Table { name: "SelectV2Options", fields: &[
] };
pub static DensifyOptions: Table = Table { name: "DensifyOptions", fields: &[
] };
pub static SegmentSumOptions: Table = Table { name: "SegmentSumOptions", fields: &[
] };
pub static BatchMatMulOptions: Table = Table { name: "BatchMatMulOptions", fields: &[
    Field { name: "adj_x", id: 0, kind: Kind::Bool, default: 0.0 },
    Field { name: "adj_y", id: 1, kind: Kind::Bool, default: 0.0 },
    Field { name: "asymmetric_quantize_inputs", id: 2, kind: Kind::Bool, default: 0.0 },
] };
pub static CumsumOptions: Table = Table { name: "CumsumOptions", fields: &[
    Field { name: "exclusive", id: 0, kind: Kind::Bool, default: 0.0 },
    Field { name: "reverse", id: 1, kind: Kind::Bool, default: 0.0 },
] };
pub static CallOnceOptions: Table = Table { name: "CallOnceOptions", fields: &[
    Field { name: "init_subgraph_index", id: 0, kind: Kind::Int, default: 0.0 },
] };
pub static BroadcastToOptions: Table = Table { name: "BroadcastToOptions", fields: &[
] };
pub static Rfft2dOptions: Table = Table { name: "Rfft2dOptions", fields: &[
] };
pub static Conv3DOptions: Table = Table { name: "Conv3DOptions", fields: &[
    Field { name: "padding", id: 0, kind: Kind::Enum(&Padding), default: 0.0 },
    Field { name: "stride_d", id: 1, kind: Kind::Int, default: 0.0 },
    Field { name: "stride_w", id: 2, kind: Kind::Int, default: 0.0 },
    Field { name: "stride_h", id: 3, kind: Kind::Int, default: 0.0 },
    Field { name: "fused_activation_function", id: 4, kind: Kind::Enum(&ActivationFunctionType), default: 0.0 },
    Field { name: "dilation_d_factor", id: 5, kind: Kind::Int, default: 1.0 },
    Field { name: "dilation_w_factor", id: 6, kind: Kind::Int, default: 1.0 },
    Field { name: "dilation_h_factor", id: 7, kind: Kind::Int, default: 1.0 },
] };
pub static HashtableOptions: Table = Table { name: "HashtableOptions", fields: &[
    Field { name: "table_id", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "key_dtype", id: 1, kind: Kind::Enum(&TensorType), default: 0.0 },
    Field { name: "value_dtype", id: 2, kind: Kind::Enum(&TensorType), default: 0.0 },
] };
pub static HashtableFindOptions: Table = Table { name: "HashtableFindOptions", fields: &[
] };
pub static HashtableImportOptions: Table = Table { name: "HashtableImportOptions", fields: &[
] };
pub static HashtableSizeOptions: Table = Table { name: "HashtableSizeOptions", fields: &[
] };
pub static VarHandleOptions: Table = Table { name: "VarHandleOptions", fields: &[
    Field { name: "container", id: 0, kind: Kind::String, default: 0.0 },
    Field { name: "shared_name", id: 1, kind: Kind::String, default: 0.0 },
] };
pub static ReadVariableOptions: Table = Table { name: "ReadVariableOptions", fields: &[
] };
pub static AssignVariableOptions: Table = Table { name: "AssignVariableOptions", fields: &[
] };
pub static RandomOptions: Table = Table { name: "RandomOptions", fields: &[
    Field { name: "seed", id: 0, kind: Kind::Long, default: 0.0 },
    Field { name: "seed2", id: 1, kind: Kind::Long, default: 0.0 },
] };
pub static BucketizeOptions: Table = Table { name: "BucketizeOptions", fields: &[
    Field { name: "boundaries", id: 0, kind: Kind::Vector(&Kind::Float), default: 0.0 },
] };
pub static GeluOptions: Table = Table { name: "GeluOptions", fields: &[
    Field { name: "approximate", id: 0, kind: Kind::Bool, default: 0.0 },
] };
pub static DynamicUpdateSliceOptions: Table = Table { name: "DynamicUpdateSliceOptions", fields: &[
] };
pub static UnsortedSegmentProdOptions: Table = Table { name: "UnsortedSegmentProdOptions", fields: &[
] };
pub static UnsortedSegmentMaxOptions: Table = Table { name: "UnsortedSegmentMaxOptions", fields: &[
] };
pub static UnsortedSegmentMinOptions: Table = Table { name: "UnsortedSegmentMinOptions", fields: &[
] };
pub static UnsortedSegmentSumOptions: Table = Table { name: "UnsortedSegmentSumOptions", fields: &[
] };
pub static ATan2Options: Table = Table { name: "ATan2Options", fields: &[
] };
pub static SignOptions: Table = Table { name: "SignOptions", fields: &[
] };
pub static BitcastOptions: Table = Table { name: "BitcastOptions", fields: &[
] };
pub static BitwiseXorOptions: Table = Table { name: "BitwiseXorOptions", fields: &[
] };
pub static RightShiftOptions: Table = Table { name: "RightShiftOptions", fields: &[
] };
pub static StablehloConcatenateOptions: Table = Table { name: "StablehloConcatenateOptions", fields: &[
    Field { name: "dimension", id: 0, kind: Kind::Long, default: 0.0 },
] };
pub static StablehloBroadcastInDimOptions: Table = Table { name: "StablehloBroadcastInDimOptions", fields: &[
    Field { name: "broadcast_dimensions", id: 0, kind: Kind::Vector(&Kind::Long), default: 0.0 },
] };
pub static StablehloSliceOptions: Table = Table { name: "StablehloSliceOptions", fields: &[
    Field { name: "start_indices", id: 0, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "limit_indices", id: 1, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "strides", id: 2, kind: Kind::Vector(&Kind::Long), default: 0.0 },
] };
pub static StablehloConvolutionOptions: Table = Table { name: "StablehloConvolutionOptions", fields: &[
    Field { name: "window_strides", id: 0, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "padding", id: 1, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "lhs_dilation", id: 2, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "rhs_dilation", id: 3, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "window_reversal", id: 4, kind: Kind::Vector(&Kind::Bool), default: 0.0 },
    Field { name: "input_batch_dimension", id: 5, kind: Kind::Long, default: 0.0 },
    Field { name: "input_feature_dimension", id: 6, kind: Kind::Long, default: 0.0 },
    Field { name: "input_spatial_dimensions", id: 7, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "kernel_input_feature_dimension", id: 8, kind: Kind::Long, default: 0.0 },
    Field { name: "kernel_output_feature_dimension", id: 9, kind: Kind::Long, default: 0.0 },
    Field { name: "kernel_spatial_dimensions", id: 10, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "output_batch_dimension", id: 11, kind: Kind::Long, default: 0.0 },
    Field { name: "output_feature_dimension", id: 12, kind: Kind::Long, default: 0.0 },
    Field { name: "output_spatial_dimensions", id: 13, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "feature_group_count", id: 14, kind: Kind::Long, default: 0.0 },
    Field { name: "batch_group_count", id: 15, kind: Kind::Long, default: 0.0 },
    Field { name: "precision_config", id: 16, kind: Kind::Vector(&Kind::Enum(&StablehloPrecisionConfig)), default: 0.0 },
] };
pub static StablehloCustomCallOptions: Table = Table { name: "StablehloCustomCallOptions", fields: &[
    Field { name: "call_target_name", id: 0, kind: Kind::String, default: 0.0 },
    Field { name: "has_side_effect", id: 1, kind: Kind::Bool, default: 0.0 },
    Field { name: "backend_config", id: 2, kind: Kind::String, default: 0.0 },
    Field { name: "api_version", id: 3, kind: Kind::Int, default: 0.0 },
    Field { name: "called_computations", id: 4, kind: Kind::Vector(&Kind::Int), default: 0.0 },
    Field { name: "custom_attributes", id: 5, kind: Kind::Vector(&Kind::Ubyte), default: 0.0 },
] };
pub static StablehloReduceOptions: Table = Table { name: "StablehloReduceOptions", fields: &[
    Field { name: "dimensions", id: 0, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "body_subgraph_index", id: 1, kind: Kind::Int, default: 0.0 },
] };
pub static StablehloScatterOptions: Table = Table { name: "StablehloScatterOptions", fields: &[
    Field { name: "indices_are_sorted", id: 0, kind: Kind::Bool, default: 0.0 },
    Field { name: "update_window_dims", id: 1, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "inserted_window_dims", id: 2, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "scatter_dims_to_operand_dims", id: 3, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "index_vector_dim", id: 4, kind: Kind::Long, default: 0.0 },
    Field { name: "unique_indices", id: 5, kind: Kind::Bool, default: 0.0 },
    Field { name: "update_computation_subgraph_index", id: 6, kind: Kind::Int, default: 0.0 },
] };
pub static StablehloCompareOptions: Table = Table { name: "StablehloCompareOptions", fields: &[
    Field { name: "comparison_direction", id: 0, kind: Kind::Enum(&StablehloComparisonDirection), default: 0.0 },
    Field { name: "compare_type", id: 1, kind: Kind::Enum(&StablehloComparisonType), default: 0.0 },
] };
pub static StablehloDynamicSliceOptions: Table = Table { name: "StablehloDynamicSliceOptions", fields: &[
    Field { name: "slice_sizes", id: 0, kind: Kind::Vector(&Kind::Long), default: 0.0 },
] };
pub static StablehloPadOptions: Table = Table { name: "StablehloPadOptions", fields: &[
    Field { name: "edge_padding_low", id: 0, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "edge_padding_high", id: 1, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "interior_padding", id: 2, kind: Kind::Vector(&Kind::Long), default: 0.0 },
] };
pub static StablehloIotaOptions: Table = Table { name: "StablehloIotaOptions", fields: &[
    Field { name: "iota_dimension", id: 0, kind: Kind::Long, default: 0.0 },
] };
pub static StablehloDotGeneralOptions: Table = Table { name: "StablehloDotGeneralOptions", fields: &[
    Field { name: "lhs_batching_dimensions", id: 0, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "rhs_batching_dimensions", id: 1, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "lhs_contracting_dimensions", id: 2, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "rhs_contracting_dimensions", id: 3, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "precision_config", id: 4, kind: Kind::Vector(&Kind::Enum(&StablehloPrecisionConfig)), default: 0.0 },
] };
pub static StablehloReduceWindowOptions: Table = Table { name: "StablehloReduceWindowOptions", fields: &[
    Field { name: "window_dimensions", id: 0, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "window_strides", id: 1, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "base_dilations", id: 2, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "window_dilations", id: 3, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "padding", id: 4, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "body_subgraph_index", id: 5, kind: Kind::Int, default: 0.0 },
] };
pub static StablehloSortOptions: Table = Table { name: "StablehloSortOptions", fields: &[
    Field { name: "dimension", id: 0, kind: Kind::Long, default: 0.0 },
    Field { name: "is_stable", id: 1, kind: Kind::Bool, default: 0.0 },
    Field { name: "comparator_subgraph_index", id: 2, kind: Kind::Int, default: 0.0 },
] };
pub static StablehloWhileOptions: Table = Table { name: "StablehloWhileOptions", fields: &[
    Field { name: "cond_subgraph_index", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "body_subgraph_index", id: 1, kind: Kind::Int, default: 0.0 },
] };
pub static StablehloGatherOptions: Table = Table { name: "StablehloGatherOptions", fields: &[
    Field { name: "offset_dims", id: 0, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "collapsed_slice_dims", id: 1, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "start_index_map", id: 2, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "index_vector_dim", id: 3, kind: Kind::Long, default: 0.0 },
    Field { name: "slice_sizes", id: 4, kind: Kind::Vector(&Kind::Long), default: 0.0 },
    Field { name: "indices_are_sorted", id: 5, kind: Kind::Bool, default: 0.0 },
] };
pub static StablehloTransposeOptions: Table = Table { name: "StablehloTransposeOptions", fields: &[
    Field { name: "permutation", id: 0, kind: Kind::Vector(&Kind::Long), default: 0.0 },
] };
pub static DilateOptions: Table = Table { name: "DilateOptions", fields: &[
] };
pub static StablehloRngBitGeneratorOptions: Table = Table { name: "StablehloRngBitGeneratorOptions", fields: &[
    Field { name: "algorithm", id: 0, kind: Kind::Enum(&RngAlgorithm), default: 0.0 },
] };
pub static ReduceWindowOptions: Table = Table { name: "ReduceWindowOptions", fields: &[
    Field { name: "reduce_function", id: 0, kind: Kind::Enum(&ReduceWindowFunction), default: 0.0 },
] };
pub static StableHLOCompositeOptions: Table = Table { name: "StableHLOCompositeOptions", fields: &[
    Field { name: "name", id: 0, kind: Kind::String, default: 0.0 },
    Field { name: "decomposition_subgraph_index", id: 1, kind: Kind::Int, default: 0.0 },
    Field { name: "composite_attributes", id: 2, kind: Kind::Vector(&Kind::Ubyte), default: 0.0 },
    Field { name: "composite_attributes_format", id: 3, kind: Kind::Enum(&CustomOptionsFormat), default: 0.0 },
    Field { name: "version", id: 4, kind: Kind::Int, default: 0.0 },
] };
pub static StablehloShiftLeftOptions: Table = Table { name: "StablehloShiftLeftOptions", fields: &[
] };
pub static StablehloCaseOptions: Table = Table { name: "StablehloCaseOptions", fields: &[
    Field { name: "branch_subgraph_indices", id: 0, kind: Kind::Vector(&Kind::Int), default: 0.0 },
] };
pub static BuiltinOptions: Union = Union { name: "BuiltinOptions", members: &[&Conv2DOptions, &DepthwiseConv2DOptions, &ConcatEmbeddingsOptions, &LSHProjectionOptions, &Pool2DOptions, &SVDFOptions, &RNNOptions, &FullyConnectedOptions, &SoftmaxOptions, &ConcatenationOptions, &AddOptions, &L2NormOptions, &LocalResponseNormalizationOptions, &LSTMOptions, &ResizeBilinearOptions, &CallOptions, &ReshapeOptions, &SkipGramOptions, &SpaceToDepthOptions, &EmbeddingLookupSparseOptions, &MulOptions, &PadOptions, &GatherOptions, &BatchToSpaceNDOptions, &SpaceToBatchNDOptions, &TransposeOptions, &ReducerOptions, &SubOptions, &DivOptions, &SqueezeOptions, &SequenceRNNOptions, &StridedSliceOptions, &ExpOptions, &TopKV2Options, &SplitOptions, &LogSoftmaxOptions, &CastOptions, &DequantizeOptions, &MaximumMinimumOptions, &ArgMaxOptions, &LessOptions, &NegOptions, &PadV2Options, &GreaterOptions, &GreaterEqualOptions, &LessEqualOptions, &SelectOptions, &SliceOptions, &TransposeConvOptions, &SparseToDenseOptions, &TileOptions, &ExpandDimsOptions, &EqualOptions, &NotEqualOptions, &ShapeOptions, &PowOptions, &ArgMinOptions, &FakeQuantOptions, &PackOptions, &LogicalOrOptions, &OneHotOptions, &LogicalAndOptions, &LogicalNotOptions, &UnpackOptions, &FloorDivOptions, &SquareOptions, &ZerosLikeOptions, &FillOptions, &BidirectionalSequenceLSTMOptions, &BidirectionalSequenceRNNOptions, &UnidirectionalSequenceLSTMOptions, &FloorModOptions, &RangeOptions, &ResizeNearestNeighborOptions, &LeakyReluOptions, &SquaredDifferenceOptions, &MirrorPadOptions, &AbsOptions, &SplitVOptions, &UniqueOptions, &ReverseV2Options, &AddNOptions, &GatherNdOptions, &CosOptions, &WhereOptions, &RankOptions, &ReverseSequenceOptions, &MatrixDiagOptions, &QuantizeOptions, &MatrixSetDiagOptions, &HardSwishOptions, &IfOptions, &WhileOptions, &DepthToSpaceOptions, &NonMaxSuppressionV4Options, &NonMaxSuppressionV5Options, &ScatterNdOptions, &SelectV2Options, &DensifyOptions, &SegmentSumOptions, &BatchMatMulOptions, &CumsumOptions, &CallOnceOptions, &BroadcastToOptions, &Rfft2dOptions, &Conv3DOptions, &HashtableOptions, &HashtableFindOptions, &HashtableImportOptions, &HashtableSizeOptions, &VarHandleOptions, &ReadVariableOptions, &AssignVariableOptions, &RandomOptions, &BucketizeOptions, &GeluOptions, &DynamicUpdateSliceOptions, &UnsortedSegmentProdOptions, &UnsortedSegmentMaxOptions, &UnsortedSegmentMinOptions, &UnsortedSegmentSumOptions, &ATan2Options, &SignOptions, &BitcastOptions, &BitwiseXorOptions, &RightShiftOptions, ] };
pub static BuiltinOptions2: Union = Union { name: "BuiltinOptions2", members: &[&StablehloConcatenateOptions, &StablehloBroadcastInDimOptions, &StablehloSliceOptions, &StablehloConvolutionOptions, &StablehloCustomCallOptions, &StablehloReduceOptions, &StablehloScatterOptions, &StablehloCompareOptions, &StablehloDynamicSliceOptions, &StablehloPadOptions, &StablehloIotaOptions, &StablehloDotGeneralOptions, &StablehloReduceWindowOptions, &StablehloSortOptions, &StablehloWhileOptions, &StablehloGatherOptions, &StablehloTransposeOptions, &DilateOptions, &StablehloRngBitGeneratorOptions, &ReduceWindowOptions, &StableHLOCompositeOptions, &StablehloShiftLeftOptions, &StablehloCaseOptions, ] };
pub static AssociatedFileType: Enum = Enum { base: Kind::Byte, members: &[(0, "UNKNOWN"), (1, "DESCRIPTIONS"), (2, "TENSOR_AXIS_LABELS"), (3, "TENSOR_VALUE_LABELS"), (4, "TENSOR_AXIS_SCORE_CALIBRATION"), (5, "VOCABULARY"), (6, "SCANN_INDEX_FILE"), ] };
pub static ColorSpaceType: Enum = Enum { base: Kind::Byte, members: &[(0, "UNKNOWN"), (1, "RGB"), (2, "GRAYSCALE"), ] };
pub static BoundingBoxType: Enum = Enum { base: Kind::Byte, members: &[(0, "UNKNOWN"), (1, "BOUNDARIES"), (2, "UPPER_LEFT"), (3, "CENTER"), ] };
pub static CoordinateType: Enum = Enum { base: Kind::Byte, members: &[(0, "RATIO"), (1, "PIXEL"), ] };
pub static ScoreTransformationType: Enum = Enum { base: Kind::Byte, members: &[(0, "IDENTITY"), (1, "LOG"), (2, "INVERSE_LOGISTIC"), ] };
pub static ProcessUnitOptions: Union = Union { name: "ProcessUnitOptions", members: &[&NormalizationOptions, &ScoreCalibrationOptions, &ScoreThresholdingOptions, &BertTokenizerOptions, &SentencePieceTokenizerOptions, &RegexTokenizerOptions, ] };
pub static FeatureProperties: Table = Table { name: "FeatureProperties", fields: &[
] };
pub static ContentProperties: Union = Union { name: "ContentProperties", members: &[&FeatureProperties, &ImageProperties, &BoundingBoxProperties, &AudioProperties, ] };
pub static ModelMetadata: Table = Table { name: "ModelMetadata", fields: &[
    Field { name: "name", id: 0, kind: Kind::String, default: 0.0 },
    Field { name: "description", id: 1, kind: Kind::String, default: 0.0 },
    Field { name: "version", id: 2, kind: Kind::String, default: 0.0 },
    Field { name: "subgraph_metadata", id: 3, kind: Kind::Vector(&Kind::Table(&SubGraphMetadata)), default: 0.0 },
    Field { name: "author", id: 4, kind: Kind::String, default: 0.0 },
    Field { name: "license", id: 5, kind: Kind::String, default: 0.0 },
    Field { name: "associated_files", id: 6, kind: Kind::Vector(&Kind::Table(&AssociatedFile)), default: 0.0 },
    Field { name: "min_parser_version", id: 7, kind: Kind::String, default: 0.0 },
] };
pub static SubGraphMetadata: Table = Table { name: "SubGraphMetadata", fields: &[
    Field { name: "name", id: 0, kind: Kind::String, default: 0.0 },
    Field { name: "description", id: 1, kind: Kind::String, default: 0.0 },
    Field { name: "input_tensor_metadata", id: 2, kind: Kind::Vector(&Kind::Table(&TensorMetadata)), default: 0.0 },
    Field { name: "output_tensor_metadata", id: 3, kind: Kind::Vector(&Kind::Table(&TensorMetadata)), default: 0.0 },
    Field { name: "associated_files", id: 4, kind: Kind::Vector(&Kind::Table(&AssociatedFile)), default: 0.0 },
    Field { name: "input_process_units", id: 5, kind: Kind::Vector(&Kind::Table(&ProcessUnit)), default: 0.0 },
    Field { name: "output_process_units", id: 6, kind: Kind::Vector(&Kind::Table(&ProcessUnit)), default: 0.0 },
    Field { name: "input_tensor_groups", id: 7, kind: Kind::Vector(&Kind::Table(&TensorGroup)), default: 0.0 },
    Field { name: "output_tensor_groups", id: 8, kind: Kind::Vector(&Kind::Table(&TensorGroup)), default: 0.0 },
    Field { name: "custom_metadata", id: 9, kind: Kind::Vector(&Kind::Table(&CustomMetadata)), default: 0.0 },
] };
pub static TensorMetadata: Table = Table { name: "TensorMetadata", fields: &[
    Field { name: "name", id: 0, kind: Kind::String, default: 0.0 },
    Field { name: "description", id: 1, kind: Kind::String, default: 0.0 },
    Field { name: "dimension_names", id: 2, kind: Kind::Vector(&Kind::String), default: 0.0 },
    Field { name: "content", id: 3, kind: Kind::Table(&Content), default: 0.0 },
    Field { name: "process_units", id: 4, kind: Kind::Vector(&Kind::Table(&ProcessUnit)), default: 0.0 },
    Field { name: "stats", id: 5, kind: Kind::Table(&Stats), default: 0.0 },
    Field { name: "associated_files", id: 6, kind: Kind::Vector(&Kind::Table(&AssociatedFile)), default: 0.0 },
] };
pub static Stats: Table = Table { name: "Stats", fields: &[
    Field { name: "max", id: 0, kind: Kind::Vector(&Kind::Float), default: 0.0 },
    Field { name: "min", id: 1, kind: Kind::Vector(&Kind::Float), default: 0.0 },
] };
pub static ProcessUnit: Table = Table { name: "ProcessUnit", fields: &[
    Field { name: "options", id: 1, kind: Kind::Union(&ProcessUnitOptions), default: 0.0 },
] };
pub static NormalizationOptions: Table = Table { name: "NormalizationOptions", fields: &[
    Field { name: "mean", id: 0, kind: Kind::Vector(&Kind::Float), default: 0.0 },
    Field { name: "std", id: 1, kind: Kind::Vector(&Kind::Float), default: 0.0 },
] };
pub static ScoreCalibrationOptions: Table = Table { name: "ScoreCalibrationOptions", fields: &[
    Field { name: "score_transformation", id: 0, kind: Kind::Enum(&ScoreTransformationType), default: 0.0 },
    Field { name: "default_score", id: 1, kind: Kind::Float, default: 0.0 },
] };
pub static ScoreThresholdingOptions: Table = Table { name: "ScoreThresholdingOptions", fields: &[
    Field { name: "global_score_threshold", id: 0, kind: Kind::Float, default: 0.0 },
] };
pub static BertTokenizerOptions: Table = Table { name: "BertTokenizerOptions", fields: &[
    Field { name: "vocab_file", id: 0, kind: Kind::Vector(&Kind::Table(&AssociatedFile)), default: 0.0 },
] };
pub static SentencePieceTokenizerOptions: Table = Table { name: "SentencePieceTokenizerOptions", fields: &[
    Field { name: "sentencePiece_model", id: 0, kind: Kind::Vector(&Kind::Table(&AssociatedFile)), default: 0.0 },
    Field { name: "vocab_file", id: 1, kind: Kind::Vector(&Kind::Table(&AssociatedFile)), default: 0.0 },
] };
pub static Content: Table = Table { name: "Content", fields: &[
    Field { name: "content_properties", id: 1, kind: Kind::Union(&ContentProperties), default: 0.0 },
    Field { name: "range", id: 2, kind: Kind::Table(&ValueRange), default: 0.0 },
] };
pub static ValueRange: Table = Table { name: "ValueRange", fields: &[
    Field { name: "min", id: 0, kind: Kind::Int, default: 0.0 },
    Field { name: "max", id: 1, kind: Kind::Int, default: 0.0 },
] };
pub static ImageProperties: Table = Table { name: "ImageProperties", fields: &[
    Field { name: "color_space", id: 0, kind: Kind::Enum(&ColorSpaceType), default: 0.0 },
    Field { name: "default_size", id: 1, kind: Kind::Table(&ImageSize), default: 0.0 },
] };
pub static ImageSize: Table = Table { name: "ImageSize", fields: &[
    Field { name: "width", id: 0, kind: Kind::Uint, default: 0.0 },
    Field { name: "height", id: 1, kind: Kind::Uint, default: 0.0 },
] };
pub static BoundingBoxProperties: Table = Table { name: "BoundingBoxProperties", fields: &[
    Field { name: "index", id: 0, kind: Kind::Vector(&Kind::Uint), default: 0.0 },
    Field { name: "type", id: 1, kind: Kind::Enum(&BoundingBoxType), default: 0.0 },
    Field { name: "coordinate_type", id: 2, kind: Kind::Enum(&CoordinateType), default: 0.0 },
] };
pub static AssociatedFile: Table = Table { name: "AssociatedFile", fields: &[
    Field { name: "name", id: 0, kind: Kind::String, default: 0.0 },
    Field { name: "description", id: 1, kind: Kind::String, default: 0.0 },
    Field { name: "type", id: 2, kind: Kind::Enum(&AssociatedFileType), default: 0.0 },
    Field { name: "locale", id: 3, kind: Kind::String, default: 0.0 },
    Field { name: "version", id: 4, kind: Kind::String, default: 0.0 },
] };
pub static RegexTokenizerOptions: Table = Table { name: "RegexTokenizerOptions", fields: &[
    Field { name: "delim_regex_pattern", id: 0, kind: Kind::String, default: 0.0 },
    Field { name: "vocab_file", id: 1, kind: Kind::Vector(&Kind::Table(&AssociatedFile)), default: 0.0 },
] };
pub static TensorGroup: Table = Table { name: "TensorGroup", fields: &[
    Field { name: "name", id: 0, kind: Kind::String, default: 0.0 },
    Field { name: "tensor_names", id: 1, kind: Kind::Vector(&Kind::String), default: 0.0 },
] };
pub static CustomMetadata: Table = Table { name: "CustomMetadata", fields: &[
    Field { name: "name", id: 0, kind: Kind::String, default: 0.0 },
    Field { name: "data", id: 1, kind: Kind::Vector(&Kind::Ubyte), default: 0.0 },
] };
pub static AudioProperties: Table = Table { name: "AudioProperties", fields: &[
    Field { name: "sample_rate", id: 0, kind: Kind::Uint, default: 0.0 },
    Field { name: "channels", id: 1, kind: Kind::Uint, default: 0.0 },
] };
pub static ModelType: Enum = Enum { base: Kind::Int, members: &[(0, "NONE"), (1, "TF_SAVED_MODEL"), (2, "KERAS_MODEL"), (3, "TF_CONCRETE_FUNCTIONS"), (4, "TF_GRAPH_DEF"), (5, "TF_SESSION"), (6, "JAX"), (7, "PYTORCH"), ] };
pub static ModelOptimizationMode: Enum = Enum { base: Kind::Int, members: &[(1001, "PTQ_FLOAT16"), (1002, "PTQ_DYNAMIC_RANGE"), (1003, "PTQ_FULL_INTEGER"), (1004, "PTQ_INT16"), (2000, "QUANTIZATION_AWARE_TRAINING"), (3001, "RANDOM_SPARSITY"), (3002, "BLOCK_SPARSITY"), (3003, "STRUCTURED_SPARSITY"), ] };
pub static ConversionMetadata: Table = Table { name: "ConversionMetadata", fields: &[
    Field { name: "environment", id: 0, kind: Kind::Table(&Environment), default: 0.0 },
    Field { name: "options", id: 1, kind: Kind::Table(&ConversionOptions), default: 0.0 },
] };
pub static Environment: Table = Table { name: "Environment", fields: &[
    Field { name: "tensorflow_version", id: 0, kind: Kind::String, default: 0.0 },
    Field { name: "api_version", id: 1, kind: Kind::Uint, default: 0.0 },
    Field { name: "model_type", id: 2, kind: Kind::Enum(&ModelType), default: 0.0 },
    Field { name: "model_hash", id: 3, kind: Kind::Ulong, default: 0.0 },
] };
pub static ConversionOptions: Table = Table { name: "ConversionOptions", fields: &[
    Field { name: "model_optimization_modes", id: 0, kind: Kind::Vector(&Kind::Enum(&ModelOptimizationMode)), default: 0.0 },
    Field { name: "allow_custom_ops", id: 1, kind: Kind::Bool, default: 0.0 },
    Field { name: "enable_select_tf_ops", id: 2, kind: Kind::Bool, default: 0.0 },
    Field { name: "force_select_tf_ops", id: 3, kind: Kind::Bool, default: 0.0 },
    Field { name: "sparsity_block_sizes", id: 4, kind: Kind::Vector(&Kind::Table(&SparsityBlockSize)), default: 0.0 },
] };
pub static SparsityBlockSize: Table = Table { name: "SparsityBlockSize", fields: &[
    Field { name: "values", id: 0, kind: Kind::Vector(&Kind::Uint), default: 0.0 },
] };
pub static OPERATORS: &[Operator] = &[
    Operator { name: "ADD", number: 0, options: Some(&AddOptions), second: false, tag: 11, omit: false },
    Operator { name: "AVERAGE_POOL_2D", number: 1, options: Some(&Pool2DOptions), second: false, tag: 5, omit: false },
    Operator { name: "CONCATENATION", number: 2, options: Some(&ConcatenationOptions), second: false, tag: 10, omit: false },
    Operator { name: "CONV_2D", number: 3, options: Some(&Conv2DOptions), second: false, tag: 1, omit: false },
    Operator { name: "DEPTHWISE_CONV_2D", number: 4, options: Some(&DepthwiseConv2DOptions), second: false, tag: 2, omit: false },
    Operator { name: "DEPTH_TO_SPACE", number: 5, options: Some(&DepthToSpaceOptions), second: false, tag: 94, omit: false },
    Operator { name: "DEQUANTIZE", number: 6, options: Some(&DequantizeOptions), second: false, tag: 38, omit: true },
    Operator { name: "EMBEDDING_LOOKUP", number: 7, options: None, second: false, tag: 0, omit: false },
    Operator { name: "FLOOR", number: 8, options: None, second: false, tag: 0, omit: false },
    Operator { name: "FULLY_CONNECTED", number: 9, options: Some(&FullyConnectedOptions), second: false, tag: 8, omit: false },
    Operator { name: "HASHTABLE_LOOKUP", number: 10, options: None, second: false, tag: 0, omit: false },
    Operator { name: "L2_NORMALIZATION", number: 11, options: Some(&L2NormOptions), second: false, tag: 12, omit: false },
    Operator { name: "L2_POOL_2D", number: 12, options: Some(&Pool2DOptions), second: false, tag: 5, omit: false },
    Operator { name: "LOCAL_RESPONSE_NORMALIZATION", number: 13, options: Some(&LocalResponseNormalizationOptions), second: false, tag: 13, omit: false },
    Operator { name: "LOGISTIC", number: 14, options: None, second: false, tag: 0, omit: false },
    Operator { name: "LSH_PROJECTION", number: 15, options: Some(&LSHProjectionOptions), second: false, tag: 4, omit: false },
    Operator { name: "LSTM", number: 16, options: Some(&LSTMOptions), second: false, tag: 14, omit: false },
    Operator { name: "MAX_POOL_2D", number: 17, options: Some(&Pool2DOptions), second: false, tag: 5, omit: false },
    Operator { name: "MUL", number: 18, options: Some(&MulOptions), second: false, tag: 21, omit: false },
    Operator { name: "RELU", number: 19, options: None, second: false, tag: 0, omit: false },
    Operator { name: "RELU_N1_TO_1", number: 20, options: None, second: false, tag: 0, omit: false },
    Operator { name: "RELU6", number: 21, options: None, second: false, tag: 0, omit: false },
    Operator { name: "RESHAPE", number: 22, options: Some(&ReshapeOptions), second: false, tag: 17, omit: true },
    Operator { name: "RESIZE_BILINEAR", number: 23, options: Some(&ResizeBilinearOptions), second: false, tag: 15, omit: false },
    Operator { name: "RNN", number: 24, options: Some(&RNNOptions), second: false, tag: 7, omit: false },
    Operator { name: "SOFTMAX", number: 25, options: Some(&SoftmaxOptions), second: false, tag: 9, omit: false },
    Operator { name: "SPACE_TO_DEPTH", number: 26, options: Some(&SpaceToDepthOptions), second: false, tag: 19, omit: false },
    Operator { name: "SVDF", number: 27, options: Some(&SVDFOptions), second: false, tag: 6, omit: false },
    Operator { name: "TANH", number: 28, options: None, second: false, tag: 0, omit: false },
    Operator { name: "CONCAT_EMBEDDINGS", number: 29, options: Some(&ConcatEmbeddingsOptions), second: false, tag: 3, omit: false },
    Operator { name: "SKIP_GRAM", number: 30, options: Some(&SkipGramOptions), second: false, tag: 18, omit: false },
    Operator { name: "CALL", number: 31, options: Some(&CallOptions), second: false, tag: 16, omit: false },
    Operator { name: "CUSTOM", number: 32, options: None, second: false, tag: 0, omit: false },
    Operator { name: "EMBEDDING_LOOKUP_SPARSE", number: 33, options: Some(&EmbeddingLookupSparseOptions), second: false, tag: 20, omit: false },
    Operator { name: "PAD", number: 34, options: Some(&PadOptions), second: false, tag: 22, omit: false },
    Operator { name: "UNIDIRECTIONAL_SEQUENCE_RNN", number: 35, options: Some(&SequenceRNNOptions), second: false, tag: 31, omit: false },
    Operator { name: "GATHER", number: 36, options: Some(&GatherOptions), second: false, tag: 23, omit: false },
    Operator { name: "BATCH_TO_SPACE_ND", number: 37, options: Some(&BatchToSpaceNDOptions), second: false, tag: 24, omit: true },
    Operator { name: "SPACE_TO_BATCH_ND", number: 38, options: Some(&SpaceToBatchNDOptions), second: false, tag: 25, omit: true },
    Operator { name: "TRANSPOSE", number: 39, options: Some(&TransposeOptions), second: false, tag: 26, omit: true },
    Operator { name: "MEAN", number: 40, options: Some(&ReducerOptions), second: false, tag: 27, omit: false },
    Operator { name: "SUB", number: 41, options: Some(&SubOptions), second: false, tag: 28, omit: false },
    Operator { name: "DIV", number: 42, options: Some(&DivOptions), second: false, tag: 29, omit: false },
    Operator { name: "SQUEEZE", number: 43, options: Some(&SqueezeOptions), second: false, tag: 30, omit: false },
    Operator { name: "UNIDIRECTIONAL_SEQUENCE_LSTM", number: 44, options: Some(&UnidirectionalSequenceLSTMOptions), second: false, tag: 71, omit: false },
    Operator { name: "STRIDED_SLICE", number: 45, options: Some(&StridedSliceOptions), second: false, tag: 32, omit: false },
    Operator { name: "BIDIRECTIONAL_SEQUENCE_RNN", number: 46, options: Some(&BidirectionalSequenceRNNOptions), second: false, tag: 70, omit: false },
    Operator { name: "EXP", number: 47, options: Some(&ExpOptions), second: false, tag: 33, omit: false },
    Operator { name: "TOPK_V2", number: 48, options: Some(&TopKV2Options), second: false, tag: 34, omit: false },
    Operator { name: "SPLIT", number: 49, options: Some(&SplitOptions), second: false, tag: 35, omit: false },
    Operator { name: "LOG_SOFTMAX", number: 50, options: Some(&LogSoftmaxOptions), second: false, tag: 36, omit: false },
    Operator { name: "DELEGATE", number: 51, options: None, second: false, tag: 0, omit: false },
    Operator { name: "BIDIRECTIONAL_SEQUENCE_LSTM", number: 52, options: Some(&BidirectionalSequenceLSTMOptions), second: false, tag: 69, omit: false },
    Operator { name: "CAST", number: 53, options: Some(&CastOptions), second: false, tag: 37, omit: true },
    Operator { name: "PRELU", number: 54, options: None, second: false, tag: 0, omit: false },
    Operator { name: "MAXIMUM", number: 55, options: Some(&MaximumMinimumOptions), second: false, tag: 39, omit: true },
    Operator { name: "ARG_MAX", number: 56, options: Some(&ArgMaxOptions), second: false, tag: 40, omit: false },
    Operator { name: "MINIMUM", number: 57, options: Some(&MaximumMinimumOptions), second: false, tag: 39, omit: true },
    Operator { name: "LESS", number: 58, options: Some(&LessOptions), second: false, tag: 41, omit: true },
    Operator { name: "NEG", number: 59, options: Some(&NegOptions), second: false, tag: 42, omit: false },
    Operator { name: "PADV2", number: 60, options: Some(&PadV2Options), second: false, tag: 43, omit: false },
    Operator { name: "GREATER", number: 61, options: Some(&GreaterOptions), second: false, tag: 44, omit: true },
    Operator { name: "GREATER_EQUAL", number: 62, options: Some(&GreaterEqualOptions), second: false, tag: 45, omit: true },
    Operator { name: "LESS_EQUAL", number: 63, options: Some(&LessEqualOptions), second: false, tag: 46, omit: true },
    Operator { name: "SELECT", number: 64, options: Some(&SelectOptions), second: false, tag: 47, omit: false },
    Operator { name: "SLICE", number: 65, options: Some(&SliceOptions), second: false, tag: 48, omit: true },
    Operator { name: "SIN", number: 66, options: None, second: false, tag: 0, omit: false },
    Operator { name: "TRANSPOSE_CONV", number: 67, options: Some(&TransposeConvOptions), second: false, tag: 49, omit: false },
    Operator { name: "SPARSE_TO_DENSE", number: 68, options: Some(&SparseToDenseOptions), second: false, tag: 50, omit: true },
    Operator { name: "TILE", number: 69, options: Some(&TileOptions), second: false, tag: 51, omit: true },
    Operator { name: "EXPAND_DIMS", number: 70, options: Some(&ExpandDimsOptions), second: false, tag: 52, omit: false },
    Operator { name: "EQUAL", number: 71, options: Some(&EqualOptions), second: false, tag: 53, omit: true },
    Operator { name: "NOT_EQUAL", number: 72, options: Some(&NotEqualOptions), second: false, tag: 54, omit: true },
    Operator { name: "LOG", number: 73, options: None, second: false, tag: 0, omit: false },
    Operator { name: "SUM", number: 74, options: Some(&ReducerOptions), second: false, tag: 27, omit: false },
    Operator { name: "SQRT", number: 75, options: None, second: false, tag: 0, omit: false },
    Operator { name: "RSQRT", number: 76, options: None, second: false, tag: 0, omit: false },
    Operator { name: "SHAPE", number: 77, options: Some(&ShapeOptions), second: false, tag: 55, omit: false },
    Operator { name: "POW", number: 78, options: Some(&PowOptions), second: false, tag: 56, omit: true },
    Operator { name: "ARG_MIN", number: 79, options: Some(&ArgMinOptions), second: false, tag: 57, omit: false },
    Operator { name: "FAKE_QUANT", number: 80, options: Some(&FakeQuantOptions), second: false, tag: 58, omit: false },
    Operator { name: "REDUCE_PROD", number: 81, options: Some(&ReducerOptions), second: false, tag: 27, omit: false },
    Operator { name: "REDUCE_MAX", number: 82, options: Some(&ReducerOptions), second: false, tag: 27, omit: false },
    Operator { name: "PACK", number: 83, options: Some(&PackOptions), second: false, tag: 59, omit: false },
    Operator { name: "LOGICAL_OR", number: 84, options: Some(&LogicalOrOptions), second: false, tag: 60, omit: true },
    Operator { name: "ONE_HOT", number: 85, options: Some(&OneHotOptions), second: false, tag: 61, omit: false },
    Operator { name: "LOGICAL_AND", number: 86, options: Some(&LogicalAndOptions), second: false, tag: 62, omit: true },
    Operator { name: "LOGICAL_NOT", number: 87, options: Some(&LogicalNotOptions), second: false, tag: 63, omit: true },
    Operator { name: "UNPACK", number: 88, options: Some(&UnpackOptions), second: false, tag: 64, omit: false },
    Operator { name: "REDUCE_MIN", number: 89, options: Some(&ReducerOptions), second: false, tag: 27, omit: false },
    Operator { name: "FLOOR_DIV", number: 90, options: Some(&FloorDivOptions), second: false, tag: 65, omit: true },
    Operator { name: "REDUCE_ANY", number: 91, options: Some(&ReducerOptions), second: false, tag: 27, omit: false },
    Operator { name: "SQUARE", number: 92, options: Some(&SquareOptions), second: false, tag: 66, omit: false },
    Operator { name: "ZEROS_LIKE", number: 93, options: Some(&ZerosLikeOptions), second: false, tag: 67, omit: false },
    Operator { name: "FILL", number: 94, options: Some(&FillOptions), second: false, tag: 68, omit: true },
    Operator { name: "FLOOR_MOD", number: 95, options: Some(&FloorModOptions), second: false, tag: 72, omit: true },
    Operator { name: "RANGE", number: 96, options: Some(&RangeOptions), second: false, tag: 73, omit: true },
    Operator { name: "RESIZE_NEAREST_NEIGHBOR", number: 97, options: Some(&ResizeNearestNeighborOptions), second: false, tag: 74, omit: false },
    Operator { name: "LEAKY_RELU", number: 98, options: Some(&LeakyReluOptions), second: false, tag: 75, omit: false },
    Operator { name: "SQUARED_DIFFERENCE", number: 99, options: Some(&SquaredDifferenceOptions), second: false, tag: 76, omit: true },
    Operator { name: "MIRROR_PAD", number: 100, options: Some(&MirrorPadOptions), second: false, tag: 77, omit: false },
    Operator { name: "ABS", number: 101, options: Some(&AbsOptions), second: false, tag: 78, omit: true },
    Operator { name: "SPLIT_V", number: 102, options: Some(&SplitVOptions), second: false, tag: 79, omit: false },
    Operator { name: "UNIQUE", number: 103, options: Some(&UniqueOptions), second: false, tag: 80, omit: false },
    Operator { name: "CEIL", number: 104, options: None, second: false, tag: 0, omit: false },
    Operator { name: "REVERSE_V2", number: 105, options: Some(&ReverseV2Options), second: false, tag: 81, omit: true },
    Operator { name: "ADD_N", number: 106, options: Some(&AddNOptions), second: false, tag: 82, omit: true },
    Operator { name: "GATHER_ND", number: 107, options: Some(&GatherNdOptions), second: false, tag: 83, omit: true },
    Operator { name: "COS", number: 108, options: Some(&CosOptions), second: false, tag: 84, omit: true },
    Operator { name: "WHERE", number: 109, options: Some(&WhereOptions), second: false, tag: 85, omit: true },
    Operator { name: "RANK", number: 110, options: Some(&RankOptions), second: false, tag: 86, omit: true },
    Operator { name: "ELU", number: 111, options: None, second: false, tag: 0, omit: false },
    Operator { name: "REVERSE_SEQUENCE", number: 112, options: Some(&ReverseSequenceOptions), second: false, tag: 87, omit: false },
    Operator { name: "MATRIX_DIAG", number: 113, options: Some(&MatrixDiagOptions), second: false, tag: 88, omit: true },
    Operator { name: "QUANTIZE", number: 114, options: Some(&QuantizeOptions), second: false, tag: 89, omit: true },
    Operator { name: "MATRIX_SET_DIAG", number: 115, options: Some(&MatrixSetDiagOptions), second: false, tag: 90, omit: true },
    Operator { name: "ROUND", number: 116, options: None, second: false, tag: 0, omit: false },
    Operator { name: "HARD_SWISH", number: 117, options: Some(&HardSwishOptions), second: false, tag: 91, omit: true },
    Operator { name: "IF", number: 118, options: Some(&IfOptions), second: false, tag: 92, omit: false },
    Operator { name: "WHILE", number: 119, options: Some(&WhileOptions), second: false, tag: 93, omit: false },
    Operator { name: "NON_MAX_SUPPRESSION_V4", number: 120, options: Some(&NonMaxSuppressionV4Options), second: false, tag: 95, omit: true },
    Operator { name: "NON_MAX_SUPPRESSION_V5", number: 121, options: Some(&NonMaxSuppressionV5Options), second: false, tag: 96, omit: true },
    Operator { name: "SCATTER_ND", number: 122, options: Some(&ScatterNdOptions), second: false, tag: 97, omit: false },
    Operator { name: "SELECT_V2", number: 123, options: Some(&SelectV2Options), second: false, tag: 98, omit: false },
    Operator { name: "DENSIFY", number: 124, options: Some(&DensifyOptions), second: false, tag: 99, omit: true },
    Operator { name: "SEGMENT_SUM", number: 125, options: Some(&SegmentSumOptions), second: false, tag: 100, omit: true },
    Operator { name: "BATCH_MATMUL", number: 126, options: Some(&BatchMatMulOptions), second: false, tag: 101, omit: false },
    Operator { name: "PLACEHOLDER_FOR_GREATER_OP_CODES", number: 127, options: None, second: false, tag: 0, omit: false },
    Operator { name: "CUMSUM", number: 128, options: Some(&CumsumOptions), second: false, tag: 102, omit: false },
    Operator { name: "CALL_ONCE", number: 129, options: Some(&CallOnceOptions), second: false, tag: 103, omit: false },
    Operator { name: "BROADCAST_TO", number: 130, options: Some(&BroadcastToOptions), second: false, tag: 104, omit: true },
    Operator { name: "RFFT2D", number: 131, options: Some(&Rfft2dOptions), second: false, tag: 105, omit: true },
    Operator { name: "CONV_3D", number: 132, options: Some(&Conv3DOptions), second: false, tag: 106, omit: false },
    Operator { name: "IMAG", number: 133, options: None, second: false, tag: 0, omit: false },
    Operator { name: "REAL", number: 134, options: None, second: false, tag: 0, omit: false },
    Operator { name: "COMPLEX_ABS", number: 135, options: None, second: false, tag: 0, omit: false },
    Operator { name: "HASHTABLE", number: 136, options: Some(&HashtableOptions), second: false, tag: 107, omit: false },
    Operator { name: "HASHTABLE_FIND", number: 137, options: Some(&HashtableFindOptions), second: false, tag: 108, omit: true },
    Operator { name: "HASHTABLE_IMPORT", number: 138, options: Some(&HashtableImportOptions), second: false, tag: 109, omit: true },
    Operator { name: "HASHTABLE_SIZE", number: 139, options: Some(&HashtableSizeOptions), second: false, tag: 110, omit: true },
    Operator { name: "REDUCE_ALL", number: 140, options: Some(&ReducerOptions), second: false, tag: 27, omit: false },
    Operator { name: "CONV_3D_TRANSPOSE", number: 141, options: Some(&Conv3DOptions), second: false, tag: 106, omit: false },
    Operator { name: "VAR_HANDLE", number: 142, options: Some(&VarHandleOptions), second: false, tag: 111, omit: false },
    Operator { name: "READ_VARIABLE", number: 143, options: Some(&ReadVariableOptions), second: false, tag: 112, omit: true },
    Operator { name: "ASSIGN_VARIABLE", number: 144, options: Some(&AssignVariableOptions), second: false, tag: 113, omit: true },
    Operator { name: "BROADCAST_ARGS", number: 145, options: None, second: false, tag: 0, omit: false },
    Operator { name: "RANDOM_STANDARD_NORMAL", number: 146, options: Some(&RandomOptions), second: false, tag: 114, omit: false },
    Operator { name: "BUCKETIZE", number: 147, options: Some(&BucketizeOptions), second: false, tag: 115, omit: false },
    Operator { name: "RANDOM_UNIFORM", number: 148, options: Some(&RandomOptions), second: false, tag: 114, omit: false },
    Operator { name: "MULTINOMIAL", number: 149, options: Some(&RandomOptions), second: false, tag: 114, omit: false },
    Operator { name: "GELU", number: 150, options: Some(&GeluOptions), second: false, tag: 116, omit: false },
    Operator { name: "DYNAMIC_UPDATE_SLICE", number: 151, options: Some(&DynamicUpdateSliceOptions), second: false, tag: 117, omit: true },
    Operator { name: "RELU_0_TO_1", number: 152, options: None, second: false, tag: 0, omit: false },
    Operator { name: "UNSORTED_SEGMENT_PROD", number: 153, options: Some(&UnsortedSegmentProdOptions), second: false, tag: 118, omit: true },
    Operator { name: "UNSORTED_SEGMENT_MAX", number: 154, options: Some(&UnsortedSegmentMaxOptions), second: false, tag: 119, omit: true },
    Operator { name: "UNSORTED_SEGMENT_SUM", number: 155, options: Some(&UnsortedSegmentSumOptions), second: false, tag: 121, omit: true },
    Operator { name: "ATAN2", number: 156, options: Some(&ATan2Options), second: false, tag: 122, omit: true },
    Operator { name: "UNSORTED_SEGMENT_MIN", number: 157, options: Some(&UnsortedSegmentMinOptions), second: false, tag: 120, omit: true },
    Operator { name: "SIGN", number: 158, options: Some(&SignOptions), second: false, tag: 123, omit: true },
    Operator { name: "BITCAST", number: 159, options: Some(&BitcastOptions), second: false, tag: 124, omit: true },
    Operator { name: "BITWISE_XOR", number: 160, options: Some(&BitwiseXorOptions), second: false, tag: 125, omit: true },
    Operator { name: "RIGHT_SHIFT", number: 161, options: Some(&RightShiftOptions), second: false, tag: 126, omit: true },
    Operator { name: "STABLEHLO_LOGISTIC", number: 162, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_ADD", number: 163, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_DIVIDE", number: 164, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_MULTIPLY", number: 165, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_MAXIMUM", number: 166, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_RESHAPE", number: 167, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_CLAMP", number: 168, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_CONCATENATE", number: 169, options: Some(&StablehloConcatenateOptions), second: true, tag: 1, omit: false },
    Operator { name: "STABLEHLO_BROADCAST_IN_DIM", number: 170, options: Some(&StablehloBroadcastInDimOptions), second: true, tag: 2, omit: false },
    Operator { name: "STABLEHLO_CONVOLUTION", number: 171, options: Some(&StablehloConvolutionOptions), second: true, tag: 4, omit: false },
    Operator { name: "STABLEHLO_SLICE", number: 172, options: Some(&StablehloSliceOptions), second: true, tag: 3, omit: false },
    Operator { name: "STABLEHLO_CUSTOM_CALL", number: 173, options: Some(&StablehloCustomCallOptions), second: true, tag: 5, omit: false },
    Operator { name: "STABLEHLO_REDUCE", number: 174, options: Some(&StablehloReduceOptions), second: true, tag: 6, omit: false },
    Operator { name: "STABLEHLO_ABS", number: 175, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_AND", number: 176, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_COSINE", number: 177, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_EXPONENTIAL", number: 178, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_FLOOR", number: 179, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_LOG", number: 180, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_MINIMUM", number: 181, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_NEGATE", number: 182, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_OR", number: 183, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_POWER", number: 184, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_REMAINDER", number: 185, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_RSQRT", number: 186, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_SELECT", number: 187, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_SUBTRACT", number: 188, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_TANH", number: 189, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_SCATTER", number: 190, options: Some(&StablehloScatterOptions), second: true, tag: 7, omit: false },
    Operator { name: "STABLEHLO_COMPARE", number: 191, options: Some(&StablehloCompareOptions), second: true, tag: 8, omit: false },
    Operator { name: "STABLEHLO_CONVERT", number: 192, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_DYNAMIC_SLICE", number: 193, options: Some(&StablehloDynamicSliceOptions), second: true, tag: 9, omit: false },
    Operator { name: "STABLEHLO_DYNAMIC_UPDATE_SLICE", number: 194, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_PAD", number: 195, options: Some(&StablehloPadOptions), second: true, tag: 10, omit: false },
    Operator { name: "STABLEHLO_IOTA", number: 196, options: Some(&StablehloIotaOptions), second: true, tag: 11, omit: false },
    Operator { name: "STABLEHLO_DOT_GENERAL", number: 197, options: Some(&StablehloDotGeneralOptions), second: true, tag: 12, omit: false },
    Operator { name: "STABLEHLO_REDUCE_WINDOW", number: 198, options: Some(&StablehloReduceWindowOptions), second: true, tag: 13, omit: false },
    Operator { name: "STABLEHLO_SORT", number: 199, options: Some(&StablehloSortOptions), second: true, tag: 14, omit: false },
    Operator { name: "STABLEHLO_WHILE", number: 200, options: Some(&StablehloWhileOptions), second: true, tag: 15, omit: false },
    Operator { name: "STABLEHLO_GATHER", number: 201, options: Some(&StablehloGatherOptions), second: true, tag: 16, omit: false },
    Operator { name: "STABLEHLO_TRANSPOSE", number: 202, options: Some(&StablehloTransposeOptions), second: true, tag: 17, omit: false },
    Operator { name: "DILATE", number: 203, options: Some(&DilateOptions), second: true, tag: 18, omit: true },
    Operator { name: "STABLEHLO_RNG_BIT_GENERATOR", number: 204, options: Some(&StablehloRngBitGeneratorOptions), second: true, tag: 19, omit: false },
    Operator { name: "REDUCE_WINDOW", number: 205, options: Some(&ReduceWindowOptions), second: true, tag: 20, omit: false },
    Operator { name: "STABLEHLO_COMPOSITE", number: 206, options: Some(&StableHLOCompositeOptions), second: true, tag: 21, omit: false },
    Operator { name: "STABLEHLO_SHIFT_LEFT", number: 207, options: Some(&StablehloShiftLeftOptions), second: true, tag: 22, omit: false },
    Operator { name: "STABLEHLO_CBRT", number: 208, options: None, second: false, tag: 0, omit: false },
    Operator { name: "STABLEHLO_CASE", number: 209, options: Some(&StablehloCaseOptions), second: true, tag: 23, omit: false },
];
