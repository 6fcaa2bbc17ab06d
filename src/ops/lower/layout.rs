//! NCHW operators: TFLite has channels last only, so transposes go around; a pass cancels neighbours.

use super::Lowering;
use crate::error::Result;
use crate::model::ValueId;

pub const TO_CHANNELS_LAST: [i64; 4] = [0, 2, 3, 1];
pub const TO_CHANNELS_FIRST: [i64; 4] = [0, 3, 1, 2];

pub fn to_channels_last(cx: &mut Lowering, x: ValueId, first: bool) -> Result<ValueId> {
    if first {
        cx.transpose(x, &TO_CHANNELS_LAST)
    } else {
        Ok(x)
    }
}

pub fn from_channels_last(cx: &mut Lowering, x: ValueId, first: bool) -> Result<ValueId> {
    if first {
        cx.transpose(x, &TO_CHANNELS_FIRST)
    } else {
        Ok(x)
    }
}
