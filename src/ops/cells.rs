//! TensorFlow's recurrent cells that are one operator. Computed in `f64` and rounded once a step.

use super::reals::{doubles, of_doubles};
use super::segment::{view, whole_numbers};
use super::{Context, Fact, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["LSTMBlockCell"], &[], infer_cell, prepare_cell),
    Operator::new(
        &["BlockLSTM", "BlockLSTMV2"],
        &[],
        infer_block,
        prepare_block,
    ),
    Operator::new(&["GRUBlockCell"], &[], infer_gru, prepare_gru),
];

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Rows of `x` beside rows of `h`, times a matrix, plus a bias.
fn mixed(x: &[f64], h: &[f64], rows: usize, weights: &[f64], bias: &[f64]) -> Vec<f64> {
    let width = bias.len();
    let (own, state) = (x.len() / rows.max(1), h.len() / rows.max(1));
    let mut out = bias.repeat(rows);
    for (row, out) in out.chunks_exact_mut(width.max(1)).enumerate() {
        let (x, h) = (&x[row * own..][..own], &h[row * state..][..state]);
        for (value, weights) in x.iter().chain(h).zip(weights.chunks_exact(width.max(1))) {
            out.iter_mut()
                .zip(weights)
                .for_each(|(sum, w)| *sum += value * w);
        }
    }
    out
}

/// What an LSTM carries and what it is made of.
struct Lstm {
    weights: Vec<f64>,
    bias: Vec<f64>,
    /// Of the input, the forget and the output gate; empty where the cell does not look at them.
    peepholes: [Vec<f64>; 3],
    forget_bias: f64,
    clip: f64,
    /// Whether the forget gate stands before the new values.
    forget_second: bool,
    batch: usize,
    cells: usize,
}

impl Lstm {
    /// Input 0 of `inputs` is at `first` of the operator's.
    fn new(inputs: &[Option<View<'_>>], first: usize, rule: &Rule) -> Result<Self> {
        let get = |at: usize| doubles(&view(inputs, first + at)?);
        let state = view(inputs, first + 1)?;
        let &[batch, cells] = state.shape else {
            return Err(Error::usage(format!("a state of {:?}", state.shape)));
        };
        let peepholes = match rule.peephole {
            true => [get(4)?, get(5)?, get(6)?],
            false => Default::default(),
        };
        let lstm = Lstm {
            weights: get(3)?,
            bias: get(7)?,
            peepholes,
            forget_bias: rule.forget_bias,
            clip: rule.clip,
            forget_second: rule.forget_second,
            batch,
            cells,
        };
        let depth = view(inputs, first)?.shape.last().copied().unwrap_or(0);
        let fits = lstm.bias.len() == 4 * cells
            && lstm.weights.len() == (depth + cells) * 4 * cells
            && view(inputs, first + 2)?.shape == [batch, cells]
            && lstm
                .peepholes
                .iter()
                .all(|p| p.is_empty() || p.len() == cells);
        match fits {
            true => Ok(lstm),
            false => Err(Error::usage(format!(
                "weights of {:?} for inputs of {depth} and {cells} cells",
                view(inputs, first + 3)?.shape
            ))),
        }
    }

    /// One step: gates, states and values as the operator's outputs i, cs, f, o, ci, co, h.
    fn step(&self, x: &[f64], cells_before: &[f64], h: &[f64]) -> [Vec<f64>; 7] {
        let gates = mixed(x, h, self.batch, &self.weights, &self.bias);
        let n = self.cells;
        let (new, forget) = if self.forget_second { (2, 1) } else { (1, 2) };
        let peep = |which: usize, at: usize, cell: f64| match self.peepholes[which].get(at) {
            Some(weight) => weight * cell,
            None => 0.0,
        };
        let mut out: [Vec<f64>; 7] = Default::default();
        for (row, gates) in gates.chunks_exact((4 * n).max(1)).enumerate() {
            for at in 0..n {
                let before = cells_before[row * n + at];
                let i = logistic(gates[at] + peep(0, at, before));
                let f = logistic(gates[forget * n + at] + self.forget_bias + peep(1, at, before));
                let ci = gates[new * n + at].tanh();
                let mut cs = ci * i + before * f;
                if self.clip > 0.0 {
                    cs = cs.clamp(-self.clip, self.clip);
                }
                let o = logistic(gates[3 * n + at] + peep(2, at, cs));
                let co = cs.tanh();
                for (list, value) in out.iter_mut().zip([i, cs, f, o, ci, co, o * co]) {
                    list.push(value);
                }
            }
        }
        out
    }
}

/// What the attributes say.
#[derive(Debug, Clone)]
struct Rule {
    peephole: bool,
    forget_bias: f64,
    clip: f64,
    forget_second: bool,
}

impl Rule {
    fn of(cx: &Context) -> Self {
        let second = &*cx.node.op == "BlockLSTMV2";
        let clip = if second { 0.0 } else { 3.0 };
        Rule {
            peephole: cx.attr_bool("use_peephole"),
            forget_bias: if second {
                0.0
            } else {
                cx.attr_float("forget_bias", 1.0)
            },
            clip: cx.attr_float("cell_clip", clip),
            forget_second: second,
        }
    }
}

fn infer_cell(cx: &Context) -> Result<Vec<Fact>> {
    Ok(vec![Fact::new(cx.dtype(0)?, cx.shape(1)?.clone()); 7])
}

fn prepare_cell(cx: &Context) -> Result<Prepared> {
    let (rule, dtype) = (Rule::of(cx), cx.dtype(0)?);
    Prepared::compute(move |inputs| {
        let lstm = Lstm::new(inputs, 0, &rule)?;
        let get = |at: usize| doubles(&view(inputs, at)?);
        let out = lstm.step(&get(0)?, &get(1)?, &get(2)?);
        tensors(dtype, &[lstm.batch, lstm.cells], &out)
    })
}

fn tensors(dtype: DType, shape: &[usize], values: &[Vec<f64>]) -> Result<Vec<Tensor>> {
    values.iter().map(|v| of_doubles(dtype, shape, v)).collect()
}

fn infer_block(cx: &Context) -> Result<Vec<Fact>> {
    let (x, state) = (cx.shape(1)?.dims(), cx.shape(2)?.dims());
    let dims = x.zip(state).map(|(x, state)| match (x, state) {
        (&[steps, ..], &[batch, cells]) => vec![steps, batch, cells],
        _ => vec![-1; 3],
    });
    Ok(vec![Fact::new(cx.dtype(1)?, Shape(dims)); 7])
}

/// Elements of a result at most.
const MOST: usize = 1 << 28;

/// Steps behind the longest sequence give zeros.
fn prepare_block(cx: &Context) -> Result<Prepared> {
    let (rule, dtype) = (Rule::of(cx), cx.dtype(1)?);
    Prepared::compute(move |inputs| {
        let longest = whole_numbers(&view(inputs, 0)?)?
            .first()
            .copied()
            .unwrap_or(0);
        let x = view(inputs, 1)?;
        let lstm = Lstm::new(inputs, 1, &rule)?;
        let &[steps, batch, depth] = x.shape else {
            return Err(Error::usage(format!("sequences of {:?}", x.shape)));
        };
        if batch != lstm.batch {
            return Err(Error::usage(format!(
                "sequences of {:?} for states of {}",
                x.shape, lstm.batch
            )));
        }
        let values = doubles(&x)?;
        let (mut cells, mut h) = (doubles(&view(inputs, 2)?)?, doubles(&view(inputs, 3)?)?);
        let count = steps.checked_mul(batch * lstm.cells).filter(|&n| n < MOST);
        let count = count.ok_or_else(|| Error::usage(format!("{steps} steps of {batch} rows")))?;
        let mut out: [Vec<f64>; 7] = Default::default();
        let run = usize::try_from(longest).unwrap_or(0).min(steps);
        for step in 0..run {
            let x = &values[step * batch * depth..][..batch * depth];
            let results = lstm.step(x, &cells, &h);
            for (all, new) in out.iter_mut().zip(&results) {
                all.extend(new);
            }
            let [_, new_cells, .., new_h] = results;
            (cells, h) = (new_cells, new_h);
        }
        out.iter_mut().for_each(|all| all.resize(count, 0.0));
        tensors(dtype, &[steps, batch, lstm.cells], &out)
    })
}

fn infer_gru(cx: &Context) -> Result<Vec<Fact>> {
    Ok(vec![Fact::new(cx.dtype(0)?, cx.shape(1)?.clone()); 4])
}

fn prepare_gru(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    Prepared::compute(move |inputs| {
        let get = |at: usize| doubles(&view(inputs, at)?);
        let (x, h, gate_weights, weights) = (get(0)?, get(1)?, get(2)?, get(3)?);
        let (gate_bias, bias) = (get(4)?, get(5)?);
        let (from, state) = (view(inputs, 0)?, view(inputs, 1)?);
        let (&[batch, depth], &[rows, cells]) = (from.shape, state.shape) else {
            return Err(Error::usage(format!("a state of {:?}", state.shape)));
        };
        let fits = batch == rows
            && gate_bias.len() == 2 * cells
            && bias.len() == cells
            && gate_weights.len() == (depth + cells) * 2 * cells
            && weights.len() == (depth + cells) * cells;
        if !fits {
            return Err(Error::usage(format!(
                "weights that don't fit inputs of {:?} and states of {:?}",
                from.shape, state.shape
            )));
        }
        let gates = mixed(&x, &h, batch, &gate_weights, &gate_bias);
        let (mut r, mut u) = (Vec::new(), Vec::new());
        for gates in gates.chunks_exact((2 * cells).max(1)) {
            r.extend(gates[..cells].iter().map(|&v| logistic(v)));
            u.extend(gates[cells..].iter().map(|&v| logistic(v)));
        }
        let kept: Vec<f64> = h.iter().zip(&r).map(|(h, r)| h * r).collect();
        let mut c = mixed(&x, &kept, batch, &weights, &bias);
        c.iter_mut().for_each(|v| *v = v.tanh());
        let new = |((&u, &h), &c): ((&f64, &f64), &f64)| u * h + (1.0 - u) * c;
        let h = u.iter().zip(&h).zip(&c).map(new).collect();
        tensors(dtype, &[batch, cells], &[r, u, c, h])
    })
}
