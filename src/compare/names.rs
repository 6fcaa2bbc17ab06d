//! Which value of one model is which of another, by name.
//!
//! A converter fuses operators and joins their names with `;`; inlining a SavedModel puts the names of the calls in front.

/// The node names behind the name of a value: `PartitionedCall/cnn/conv/Relu;cnn/conv/BiasAdd:0` gives
/// `cnn/conv/Relu` and `cnn/conv/BiasAdd`.
pub(super) fn origins(name: &str) -> impl Iterator<Item = &str> {
    name.split(';').map(bare).filter(|n| !n.is_empty())
}

/// Without calls in front and the output number behind.
fn bare(name: &str) -> &str {
    let mut rest = name.trim();
    if let Some((head, number)) = rest.rsplit_once(':')
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
    {
        rest = head;
    }
    while let Some((first, tail)) = rest.split_once('/') {
        if !is_call(first) {
            break;
        }
        rest = tail;
    }
    rest
}

/// `StatefulPartitionedCall_1`
fn is_call(segment: &str) -> bool {
    let stem = segment.trim_end_matches(|c: char| c.is_ascii_digit());
    let stem = if stem.len() < segment.len() {
        stem.trim_end_matches('_')
    } else {
        stem
    };
    matches!(stem, "StatefulPartitionedCall" | "PartitionedCall")
}

/// The layer that a node belongs to: its name without the last part.
pub(super) fn scope(node: &str) -> &str {
    node.rsplit_once('/').map_or(node, |(scope, _)| scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_numbers_go() {
        let of = |name: &'static str| origins(name).collect::<Vec<_>>();
        assert_eq!(
            of("StatefulPartitionedCall_1/PartitionedCall/cnn/conv/Relu;cnn/conv/BiasAdd:0"),
            ["cnn/conv/Relu", "cnn/conv/BiasAdd"]
        );
        assert_eq!(of("PartitionedCall:1"), ["PartitionedCall"]);
        assert_eq!(of("a:b"), ["a:b"]);
        assert_eq!(of(";;"), [""; 0]);
        assert_eq!(scope("cnn/conv/Relu"), "cnn/conv");
    }
}
