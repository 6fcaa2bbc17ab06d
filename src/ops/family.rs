//! Which family an operator belongs to: decides its colour in drawings and where its file is.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::model::Dialect;

/// A kind of work that operators do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    Conv,
    MatMul,
    Pool,
    Activation,
    Elementwise,
    Reduce,
    /// Moves or re-reads data without arithmetic: reshapes, slices, gathers, constants.
    Shape,
    Quantize,
    /// Conditions, loops and calls.
    Control,
    /// Variables, tables, queues, random generators, recurrent state.
    State,
    Custom,
    Other,
}

/// The family of operator `op` (`Conv2D`, `CONV_2D`); [`Family::Other`] for names that are in no list.
pub fn family(dialect: Dialect, op: &str) -> Family {
    if dialect == Dialect::Tflite && (op == "CUSTOM" || op.starts_with("Flex")) {
        return Family::Custom;
    }
    // Both dialects name most operators alike but for case and underscores.
    let plain: String = op
        .chars()
        .filter(|c| *c != '_')
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let name = plain.strip_prefix("stablehlo").unwrap_or(&plain);
    let known = BY_NAME.get(name).copied();
    known.unwrap_or_else(|| by_prefix(name))
}

static BY_NAME: LazyLock<HashMap<&str, Family>> = LazyLock::new(|| {
    let names = |(family, names): &(Family, &'static str)| {
        let family = *family;
        names
            .split_ascii_whitespace()
            .map(move |name| (name, family))
    };
    LISTS.iter().flat_map(names).collect()
});

const LISTS: &[(Family, &str)] = &[
    (
        Family::Conv,
        "conv2d conv3d conv depthwiseconv2d depthwiseconv2dnative conv2dbackpropinput conv3dbackpropinputv2 \
         conv3dtranspose transposeconv convolution dilation2d conv2dbackpropfilter fusedconv2dbiasactivation \
         fusedpadconv2d dynamicconvolution",
    ),
    (
        Family::MatMul,
        "matmul batchmatmul batchmatmulv2 batchmatmulv3 fullyconnected einsum xlaeinsum dotgeneral dot \
         sparsetensordensematmul sparsematmul fusedmatmul",
    ),
    (
        Family::Pool,
        "maxpool maxpoolv2 maxpool2d avgpool averagepool2d l2pool2d maxpool3d avgpool3d maxpoolwithargmax \
         fractionalmaxpool fractionalavgpool reducewindow",
    ),
    (
        Family::Activation,
        "relu relu6 relun1to1 relu0to1 leakyrelu elu selu gelu softplus softsign softmax logsoftmax sigmoid logistic \
         tanh hardswish prelu swish crelu",
    ),
    (
        Family::Elementwise,
        "add addv2 addn sub subtract mul multiply div realdiv divide divnonan floordiv floormod mod truncatediv \
         truncatemod remainder biasadd biasaddv1 neg negate abs sign square squareddifference sqrt rsqrt reciprocal inv pow \
         power exp exponential expm1 log log1p logplusone exponentialminusone sin cos tan asin acos atan atan2 sinh cosh asinh acosh atanh sine cosine \
         erf erfc erfinv ndtri lgamma digamma igamma igammac zeta polygamma betainc floor ceil round rint \
         roundneareseven roundnearestafz maximum minimum equal notequal less lessequal greater greaterequal \
         approximateequal compare logicaland logicalor logicalnot and or not xor bitwiseand bitwiseor bitwisexor invert leftshift \
         rightshift shiftleft shiftrightarithmetic shiftrightlogical populationcount select selectv2 cast convert \
         isnan isinf isfinite clipbyvalue clamp mulnonan xlogy xlog1py xdivy nextafter complex real imag conj angle \
         complexabs complexpow lrn localresponsenormalization l2normalization fusedbatchnorm fusedbatchnormv2 \
         fusedbatchnormv3 batchnormwithglobalnormalization batchnorminference bucketize tanhgrad sigmoidgrad relugrad \
         rsqrtgrad sqrtgrad elugrad cbrt map besseli0e besseli1e",
    ),
    (
        Family::Reduce,
        "sum mean max min prod all any reducemax reducemin reduceprod reduceall reduceany reduce euclideannorm argmax \
         argmin cumsum cumprod cumulativelogsumexp l2loss segmentsum segmentmean segmentmax segmentmin segmentprod \
         unsortedsegmentsum unsortedsegmentmax unsortedsegmentmin unsortedsegmentprod sparsesegmentsum \
         sparsesegmentmean sparsesegmentsqrtn bincount densebincount topk topkv2 nthelement histogramfixedwidth sort",
    ),
    (
        Family::Shape,
        "reshape dynamicreshape shape shapen size rank squeeze expanddims transpose conjugatetranspose pack unpack concat concatenation \
         concatv2 concatenate split splitv slice stridedslice dynamicslice dynamicupdateslice gather gathernd gatherv2 dynamicgather resourcegather \
         resourcegathernd scatter scatternd tensorscatterupdate tensorscatteradd tensorscattersub tensorscattermax \
         tensorscattermin pad padv2 mirrorpad tile broadcastto broadcastargs broadcastindim dynamicbroadcastindim fill range zeroslike oneslike \
         onehot reverse reversev2 reversesequence roll spacetobatch spacetobatchnd batchtospace batchtospacend \
         spacetodepth depthtospace matrixdiag matrixdiagv2 matrixdiagv3 matrixdiagpart matrixdiagpartv3 matrixsetdiag \
         matrixsetdiagv3 matrixbandpart diag diagpart where unique uniquev2 dynamicpartition dynamicstitch \
         paralleldynamicstitch invertpermutation identity identityn snapshot stopgradient preventgradient const \
         constant placeholder placeholderwithdefault iota linspace bitcast bitcastconvert ensureshape resizebilinear \
         resizenearestneighbor resizebicubic resizearea resizebilineargrad scaleandtranslate cropandresize extractimagepatches embeddinglookup \
         embeddinglookupsparse sparsetodense densify skipgram noop stridedslicegrad deepcopy arg retval dilate",
    ),
    (
        Family::Quantize,
        "quantize dequantize quantizev2 quantizeanddequantize quantizeanddequantizev2 quantizeanddequantizev3 \
         quantizeanddequantizev4 fakequant fakequantwithminmaxargs fakequantwithminmaxvars \
         fakequantwithminmaxvarsperchannel uniformquantize uniformdequantize requantize",
    ),
    (
        Family::Control,
        "if while case statelessif statelesswhile statelesscase switch merge enter exit nextiteration loopcond refswitch \
         refmerge refenter refexit refnextiteration partitionedcall statefulpartitionedcall call callonce composite \
         customcall assert print printv2 symbolicgradient remotecall controltrigger xlalaunch return optimizationbarrier",
    ),
    (
        Family::State,
        "varhandleop varhandle variablev2 variable readvariable readvariableop assignvariable assignvariableop \
         assignaddvariableop assignsubvariableop assign assignadd assignsub varisinitializedop destroyresourceop isvariableinitialized \
         hashtable hashtablev2 hashtablefind hashtableimport hashtablesize hashtablelookup mutablehashtablev2 \
         anonymousmutablehashtable anonymoushashtable lstm unidirectionalsequencelstm bidirectionalsequencelstm \
         unidirectionalsequencernn bidirectionalsequencernn rnn svdf savev2 restorev2 mergev2checkpoints \
         shardedfilename multinomial blocklstm blocklstmv2 lstmblockcell grublockcell rngbitgenerator",
    ),
];

fn by_prefix(name: &str) -> Family {
    const PREFIXES: &[(&str, Family)] = &[
        ("lookuptable", Family::State),
        ("initializetable", Family::State),
        ("resourcescatter", Family::State),
        ("resourceapply", Family::State),
        ("resourcesparseapply", Family::State),
        ("apply", Family::State),
        ("tensorlist", Family::State),
        ("emptytensorlist", Family::State),
        ("tensorarray", Family::State),
        ("stack", Family::State),
        ("random", Family::State),
        ("stateless", Family::State),
        ("stateful", Family::State),
        ("iterator", Family::State),
    ];
    PREFIXES
        .iter()
        .find(|(prefix, _)| name.starts_with(prefix))
        .map_or(Family::Other, |(_, family)| *family)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_dialects_name_the_same_family() {
        for (tf, tflite, expected) in [
            ("Conv2D", "CONV_2D", Family::Conv),
            ("MatMul", "FULLY_CONNECTED", Family::MatMul),
            ("MaxPool", "MAX_POOL_2D", Family::Pool),
            ("Relu6", "RELU6", Family::Activation),
            ("AddV2", "ADD", Family::Elementwise),
            ("Mean", "MEAN", Family::Reduce),
            ("Reshape", "RESHAPE", Family::Shape),
            ("StatelessWhile", "WHILE", Family::Control),
            ("VarHandleOp", "VAR_HANDLE", Family::State),
            ("QuantizeV2", "QUANTIZE", Family::Quantize),
            ("Nothing", "SKIPPED", Family::Other),
        ] {
            assert_eq!(family(Dialect::Tf, tf), expected, "{tf}");
            assert_eq!(family(Dialect::Tflite, tflite), expected, "{tflite}");
        }
        assert_eq!(family(Dialect::Tflite, "CUSTOM"), Family::Custom);
    }

    #[test]
    fn no_name_is_in_two_lists() {
        let mut seen = std::collections::HashMap::new();
        for (family, names) in LISTS {
            for name in names.split_ascii_whitespace() {
                let before = seen.insert(name, *family);
                assert!(before.is_none_or(|b| b == *family), "{name}");
            }
        }
    }
}
