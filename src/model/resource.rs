//! What a `resource` value stands for.

use super::Name;
use super::variable::VariableId;

/// Something that outlives a run and that operators reach through a handle: a variable, a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// A variable whose first value is stored with the model.
    Stored(VariableId),
    /// All else, under the name that the graph shares it by.
    Named(Name),
}
