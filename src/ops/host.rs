//! What a graph wants of the machine around it: to say something, and to know the time.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Context, Operator, Prepared, state};
use crate::error::Result;
use crate::model::{DType, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["PrintV2"], &[], |_| Ok(Vec::new()), prepare_line).effect(),
    Operator::new(
        &["Print"],
        &[],
        |cx| cx.one(cx.dtype(0)?, cx.shape(0)?.clone()),
        prepare_values,
    )
    .effect(),
    Operator::new(
        &["Timestamp"],
        &[],
        |cx| cx.one(DType::Float64, crate::model::Shape::scalar()),
        |_| Prepared::effect(|_, _| Ok(vec![Tensor::from_values(&[], &[now()]).into()])),
    )
    .effect(),
];

/// Seconds since 1970.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// A line that the graph has put together.
fn prepare_line(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let line = state::tensor(&inputs, 0)?;
        let text = line
            .strings()
            .and_then(|s| s.first())
            .cloned()
            .unwrap_or_default();
        state.say(String::from_utf8_lossy(&text).into_owned());
        Ok(Vec::new())
    })
}

/// TensorFlow 1's: the first input handed on, a message and the first values of the others said.
fn prepare_values(cx: &Context) -> Result<Prepared> {
    let message = cx.node.attrs.text("message").unwrap_or_default().to_owned();
    let most = usize::try_from(cx.attr_int("summarize", 3)).unwrap_or(usize::MAX);
    Prepared::effect(move |mut inputs, state| {
        let value = state::take(&mut inputs, 0)?;
        let listed = inputs.iter().skip(1).flatten().map(|tensor| {
            let first = (0..tensor.len().min(most)).map(|at| tensor.element_text(at));
            let more = if tensor.len() > most { "..." } else { "" };
            format!("[{}{more}]", first.collect::<Vec<_>>().join(" "))
        });
        let said = format!("{message}{}", listed.collect::<String>());
        state.say(said);
        Ok(vec![value])
    })
}
