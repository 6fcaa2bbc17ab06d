//! Constants and operators that hand values on.

use super::{Constant, Context, Fact, HandsOn, Operator, Prepared};
use crate::error::{Error, Result};
use crate::model::Attr;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["Const"], &[], constant, nothing),
    Operator::new(&["Placeholder"], &[], placeholder, nothing),
    Operator::new(
        &[
            "Identity",
            "StopGradient",
            "PreventGradient",
            "Snapshot",
            "PlaceholderWithDefault",
            "EnsureShape",
            "CheckNumerics",
            "CheckNumericsV2",
            "DeepCopy",
            "RefIdentity",
            "GuaranteeConst",
            "CheckPinned",
        ],
        &[],
        forward,
        |_| Ok(Prepared::Alias(0)),
    )
    .handing_on(HandsOn::Inputs(&[0])),
    // Sparse constants are read dense, so that there is nothing left to do.
    Operator::new(&[], &["DENSIFY"], densify, |_| Ok(Prepared::Alias(0))),
    Operator::new(&["IdentityN"], &[], forward, |_| Ok(Prepared::Forward))
        .handing_on(HandsOn::EachToItsOwn),
    Operator::new(
        &["NoOp", "ControlTrigger"],
        &[],
        |_| Ok(Vec::new()),
        nothing,
    ),
];

fn nothing(_: &Context) -> Result<Prepared> {
    Ok(Prepared::Nothing)
}

fn constant(cx: &Context) -> Result<Vec<Fact>> {
    let Some(Attr::Tensor { dtype, shape, data }) = cx.attr("value") else {
        return Err(Error::unreadable("a constant without a value"));
    };
    let sizes = shape
        .fixed()
        .ok_or_else(|| Error::unreadable(format!("a constant of shape {shape}")))?;
    let constant = Constant::stored(*dtype, &sizes, data.clone());
    Ok(vec![Fact::constant(constant)])
}

fn placeholder(cx: &Context) -> Result<Vec<Fact>> {
    Err(cx.wrong("it is no input of the signature, so nothing feeds it"))
}

fn forward(cx: &Context) -> Result<Vec<Fact>> {
    (0..cx.node.outputs.len())
        .map(|i| cx.input(i).cloned())
        .collect()
}

fn densify(cx: &Context) -> Result<Vec<Fact>> {
    let input = cx.input(0)?;
    match input.constant {
        Some(_) => Ok(vec![input.clone()]),
        None => Err(cx.wrong("its input is no constant")),
    }
}
