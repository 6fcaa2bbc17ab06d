//! The object graph of a TF2 SavedModel: Keras layers, tracked variables, functions.

use super::Name;
use super::dtype::DType;
use super::shape::Shape;
use super::variable::VariableId;

/// SavedObjectGraph; node 0 is the root.
#[derive(Debug, Clone, Default)]
pub struct ObjectGraph {
    pub nodes: Vec<Object>,
    /// Name of a concrete function and the objects bound to its captured arguments, in order.
    pub concrete_functions: Vec<(Name, Vec<u32>)>,
}

#[derive(Debug, Clone)]
pub struct Object {
    pub kind: ObjectKind,
    /// Local name and index of each child.
    pub children: Vec<(Name, u32)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ObjectKind {
    /// A Keras layer, a module, a list; the class as the file names it (`_tf_keras_layer`), and its JSON metadata.
    User {
        identifier: Name,
        metadata: Name,
    },
    Asset {
        index: u32,
    },
    Function {
        concrete: Vec<Name>,
    },
    BareFunction {
        concrete: Name,
    },
    Variable {
        name: Name,
        variable: Option<VariableId>,
        trainable: bool,
        dtype: DType,
        shape: Shape,
    },
    Constant {
        node: Name,
    },
    Resource,
    CapturedTensor {
        name: Name,
    },
    Other,
}
