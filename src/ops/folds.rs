//! How two values become one, for operators that are told so by a name or by a graph of one operator.

use super::Context;
use crate::error::Result;
use crate::kernels::elementwise::number::Number;
use crate::model::DType;

/// The attribute that names the one operator of the graph that a StableHLO operator applies to pairs of values; empty
/// for a graph that gives back its second input. Set where the graphs of a model are known.
pub const REGION: &str = "region_op";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// The second value.
    Replace,
    Add,
    Multiply,
    Maximum,
    Minimum,
    /// 1 where both are not 0, else 0.
    All,
    /// 1 where any is not 0, else 0.
    Any,
}

impl Fold {
    /// Of the graph that the node names.
    pub fn of_region(cx: &Context) -> Result<Self> {
        let name = cx.node.attrs.text(REGION);
        let name =
            name.ok_or_else(|| cx.unsupported("the graph it applies to pairs is not there"))?;
        Ok(match name.trim_start_matches("STABLEHLO_") {
            "" => Fold::Replace,
            "ADD" => Fold::Add,
            "MUL" | "MULTIPLY" => Fold::Multiply,
            "MAXIMUM" => Fold::Maximum,
            "MINIMUM" => Fold::Minimum,
            "LOGICAL_AND" | "AND" => Fold::All,
            "LOGICAL_OR" | "OR" => Fold::Any,
            other => return Err(cx.unsupported(format!("pairs made one by {other}"))),
        })
    }

    /// What it is for values of this type: bools add up and multiply as logic does.
    pub fn on(self, dtype: DType) -> Self {
        match (dtype, self) {
            (DType::Bool, Fold::Add | Fold::Maximum) => Fold::Any,
            (DType::Bool, Fold::Multiply | Fold::Minimum) => Fold::All,
            _ => self,
        }
    }

    #[inline(always)]
    pub fn apply<T: Number>(self, a: T, b: T) -> T {
        let truth = |holds: bool| T::from_f64(f64::from(u8::from(holds)));
        match self {
            Fold::Replace => b,
            Fold::Add => a.add(b),
            Fold::Multiply => a.mul(b),
            Fold::Maximum => {
                if a < b {
                    b
                } else {
                    a
                }
            }
            Fold::Minimum => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Fold::All => truth(a != T::ZERO && b != T::ZERO),
            Fold::Any => truth(a != T::ZERO || b != T::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bools_fold_as_logic_does() {
        let folded = |fold: Fold, a: u8, b: u8| fold.on(DType::Bool).apply(a, b);
        assert_eq!(folded(Fold::Add, 1, 1), 1);
        assert_eq!(folded(Fold::Multiply, 1, 0), 0);
        assert_eq!(folded(Fold::Maximum, 0, 1), 1);
        assert_eq!(Fold::Add.on(DType::Int8).apply(100i8, 100), -56);
        assert_eq!(Fold::Replace.apply(1.0, 2.0), 2.0);
        assert_eq!(Fold::All.apply(3, 5), 1);
    }
}
