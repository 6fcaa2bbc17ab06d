//! A graph to boxes and edges with coordinates on character cells; knows nothing of terminals.
//!
//! [`scope`] makes a hierarchy of name scopes of a graph and takes weights out of the flow; [`scene`] lays out what is
//! open of it with [`layered`]; [`paint`] turns a part of that into characters. [`rails`] is the other view: one row
//! each, over the [`net`] of what is shown. [`export`] has the same for other programs.

pub mod export;
pub mod label;
pub mod layered;
pub mod net;
pub mod paint;
pub mod rails;
pub mod scene;
pub mod scope;
pub mod svg;
pub mod text;
pub mod weights;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
