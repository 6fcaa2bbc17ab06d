//! Images as `[batch, height, width, channels]` in float32: scaled, warped, coloured, drawn on. The order of the
//! float32 steps is TensorFlow's.

pub mod colour;
pub mod scale;
pub mod warp;

/// Batch, height, width and channels.
pub type Sizes = [usize; 4];
