//! Bytes from place to place. Elements are `size` bytes each, shapes count elements.
//!
//! To move values that are not plain bytes (strings), move a tensor of element numbers the same way and look the
//! elements up afterwards.

pub mod blocks;
pub mod concat;
pub mod copy;
pub mod gather;
pub mod pad;
pub mod region;
pub mod slice;
pub mod spread;
pub mod turn;

pub use blocks::{batch_to_space, depth_to_space, space_to_batch, space_to_depth};
pub use concat::Joint;
pub use copy::{
    broadcast_to, copy_strided, repeat_each, reverse, reverse_sequence, roll, tile, transpose,
    transpose_part,
};
pub use gather::{
    Named, Places, by_element, gather, gather_nd, one_hot, scatter_nd_update, scatter_nd_with,
};
pub use pad::{Mirror, mirror_pad, pad};
pub use slice::{StridedSlice, dynamic_update_slice, slice, strided_slice};
