//! StableHLO's scatter and reduce_window name a graph that makes one value of two. TensorFlow Lite runs none such but
//! those of one operator, or of none; the operator's name becomes an attribute of the node that names the graph.

use crate::model::{Attr, Dialect, Graph, MetaGraph};
use crate::ops::REGION;

/// Sets [`REGION`] on every node of `graph` that names such a graph.
pub fn name(graph: &mut Graph, meta_graph: &MetaGraph) {
    if graph.dialect != Dialect::Tflite {
        return;
    }
    for node in &mut graph.nodes {
        let attr = match &*node.op {
            "STABLEHLO_SCATTER" => "update_computation_subgraph_index",
            "STABLEHLO_REDUCE_WINDOW" => "body_subgraph_index",
            _ => continue,
        };
        let number = node.attrs.int(attr).and_then(|n| usize::try_from(n).ok());
        let region = number.and_then(|number| meta_graph.graphs.get(number));
        let op = match region.map(|region| &region.nodes[..]) {
            Some([]) => "".into(),
            Some([only]) => only.op.clone(),
            // What is there can't run, and the operator says so.
            _ => continue,
        };
        let name = Attr::Bytes(op.as_bytes().to_vec().into());
        node.attrs.set(REGION, name);
    }
}
