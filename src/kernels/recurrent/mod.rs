//! Cells that remember: LSTM, RNN and SVDF, one row of one step at a time. Batches and time are the caller's loops.

pub mod basic;
pub mod integer;
pub mod lstm;
pub mod matrix;
pub mod rnn;
pub mod svdf;

/// What a gate does with its sum. Numbers of TensorFlow Lite's `ActivationFunctionType`, and the logistic function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    None,
    Relu,
    ReluN1To1,
    Relu6,
    Tanh,
    Sigmoid,
    /// 1 for what has a minus, 0 for all else.
    SignBit,
}

impl Activation {
    /// `None` where a file names one that recurrent cells do not have.
    pub fn of(code: i64) -> Option<Self> {
        Some(match code {
            0 => Activation::None,
            1 => Activation::Relu,
            2 => Activation::ReluN1To1,
            3 => Activation::Relu6,
            4 => Activation::Tanh,
            5 => Activation::SignBit,
            _ => return None,
        })
    }

    pub fn apply(self, x: f32) -> f32 {
        match self {
            Activation::None => x,
            Activation::Relu => x.max(0.0),
            Activation::ReluN1To1 => x.clamp(-1.0, 1.0),
            Activation::Relu6 => x.clamp(0.0, 6.0),
            Activation::Tanh => x.tanh(),
            Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Activation::SignBit => f32::from(u8::from(x.is_sign_negative())),
        }
    }
}
