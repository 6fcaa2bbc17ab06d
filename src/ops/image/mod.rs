//! Operators on images: decoded, resized, cropped, turned, coloured, drawn on. One file per kind.

mod colour;
mod decode;
mod draw;
mod encode;
mod glimpse;
mod patches;
mod scale;
#[cfg(test)]
mod tests;
mod volumes;
mod warp;

pub(super) use colour::OPERATORS as COLOUR;
pub(super) use decode::OPERATORS as DECODE;
pub(super) use draw::OPERATORS as DRAW;
pub(super) use encode::OPERATORS as ENCODE;
pub(super) use glimpse::OPERATORS as GLIMPSE;
pub(super) use patches::OPERATORS as PATCHES;
pub(super) use scale::OPERATORS as SCALE;
pub(super) use volumes::OPERATORS as VOLUMES;
pub(super) use warp::OPERATORS as WARP;

use super::View;
use crate::error::{Error, Result};

/// Batch, height, width and channels of images; further axes in front count as batch.
fn sizes(view: &View<'_>) -> Result<[usize; 4]> {
    match view.shape {
        &[ref batch @ .., height, width, channels] => {
            Ok([batch.iter().product(), height, width, channels])
        }
        other => Err(Error::usage(format!("images of {other:?}"))),
    }
}
