//! Layer normalizations that were taken apart into MEAN, SQUARED_DIFFERENCE, RSQRT, products and sums, as one step.

use super::neighbours::Readers;
use crate::error::Result;
use crate::model::{DType, Dialect, Node, NodeId, ValueId};
use crate::ops::{self, Prepared};
use crate::runtime::plan::{Builder, Work};

/// `x g + (offset - m g)`, where `m` is the mean of a row, `v` that of `(x - m)²`, and `g = scale / √(v + epsilon)`.
#[derive(Debug, Clone, Copy, Default)]
struct Parts {
    mean: Option<ValueId>,
    epsilon: Option<ValueId>,
    scale: Option<ValueId>,
    offset: Option<ValueId>,
}

impl Builder<'_> {
    /// Lets the last step of a layer normalization do all of it, where nobody sees what passes between.
    pub(in crate::runtime) fn normalize(&mut self) -> Result<()> {
        let tflite = self.setup.graph().dialect == Dialect::Tflite;
        if !tflite || !self.setup.program.options.fusion {
            return Ok(());
        }
        let readers = self.readers();
        for at in 0..self.steps.len() {
            let id = self.steps[at].node;
            let node = self.setup.graph().node(id);
            let ends = matches!(self.steps[at].work, Work::Kernel(_)) && &*node.op == "ADD";
            if !ends || self.steps[at].outputs != node.outputs {
                continue;
            }
            let Some((x, parts)) = self.layer_norm(node, &readers) else {
                continue;
            };
            if let Some(work) = self.normalizing(id, x, parts)? {
                let step = &mut self.steps[at];
                (step.work, step.inputs) = (work, vec![Some(x)]);
                self.fused = true;
            }
        }
        Ok(())
    }

    fn normalizing(&self, id: NodeId, x: ValueId, parts: Parts) -> Result<Option<Work>> {
        let read = [Some(x), parts.epsilon, parts.scale, parts.offset];
        let inputs = read.map(|value| value.and_then(|v| self.facts[v.index()].clone()));
        Ok(match ops::layer_norm(&self.setup.context(id, &inputs))? {
            Some(Prepared::Kernel(kernel)) => Some(Work::Kernel(kernel)),
            _ => None,
        })
    }

    /// What `node` is the last sum of.
    fn layer_norm(&self, node: &Node, readers: &Readers) -> Option<(ValueId, Parts)> {
        let seen =
            |value: ValueId, times: usize| readers.listed[self.same_as[value.index()]] == times;
        for [product, term] in self.sides(node, "ADD")? {
            let found = self.made(product, "MUL").into_iter().flatten();
            for [x, factor] in found {
                let Some(parts) = self.factor(x, factor, &seen) else {
                    continue;
                };
                let Some(parts) = self.term(term, factor, parts, &seen) else {
                    continue;
                };
                let mean = parts.mean?;
                if seen(product, 1) && seen(term, 1) && seen(factor, 2) && seen(mean, 2) {
                    return Some((x, parts));
                }
            }
        }
        None
    }

    /// `scale / √(v + epsilon)`, or without a scale.
    fn factor(
        &self,
        x: ValueId,
        factor: ValueId,
        seen: &impl Fn(ValueId, usize) -> bool,
    ) -> Option<Parts> {
        let scaled = self.made(factor, "MUL").into_iter().flatten();
        let scaled = scaled.filter(|&[_, scale]| self.is_constant(scale));
        let scaled = scaled.map(|[root, scale]| (root, Some(scale)));
        for (root, scale) in scaled.chain([(factor, None)]) {
            let Some(sum) = self.only(root, "RSQRT") else {
                continue;
            };
            for [variance, epsilon] in self.made(sum, "ADD").into_iter().flatten() {
                let Some(squares) = self.only(variance, "MEAN") else {
                    continue;
                };
                let sides = self.made(squares, "SQUARED_DIFFERENCE");
                let mut sides = sides.into_iter().flatten();
                let Some([_, mean]) = sides.find(|&[side, _]| side == x) else {
                    continue;
                };
                let alone = [sum, variance, squares].iter().all(|&value| seen(value, 1));
                let alone = alone && (scale.is_none() || seen(root, 1));
                let means = self.is_mean(mean, x) && self.is_mean(variance, squares);
                if alone && means && self.is_constant(epsilon) {
                    return Some(Parts {
                        mean: Some(mean),
                        epsilon: Some(epsilon),
                        scale,
                        offset: None,
                    });
                }
            }
        }
        None
    }

    /// `offset - m g`, which is `-m g` with an offset or without one too.
    fn term(
        &self,
        term: ValueId,
        factor: ValueId,
        parts: Parts,
        seen: &impl Fn(ValueId, usize) -> bool,
    ) -> Option<Parts> {
        let mean = parts.mean?;
        let times = |value: ValueId| {
            let sides = self.made(value, "MUL").into_iter().flatten();
            sides
                .map(|[of, by]| (by == factor).then_some(of))
                .find_map(|of| of)
        };
        let negative = |value: ValueId| {
            times(value).is_some_and(|of| self.only(of, "NEG") == Some(mean) && seen(of, 1))
        };
        if negative(term) {
            return Some(parts);
        }
        let moved = self.made(term, "ADD").into_iter().flatten();
        for [product, offset] in moved {
            if negative(product) && seen(product, 1) && self.is_constant(offset) {
                let offset = Some(offset);
                return Some(Parts { offset, ..parts });
            }
        }
        let [offset, product] = self.made(term, "SUB")?[0];
        let fits = times(product) == Some(mean) && seen(product, 1) && self.is_constant(offset);
        fits.then_some(Parts {
            offset: Some(offset),
            ..parts
        })
    }

    /// The operands of the operator `op` that makes a value, in both orders, of numbers and without an activation.
    fn made(&self, value: ValueId, op: &str) -> Option<[[ValueId; 2]; 2]> {
        self.sides(self.setup.graph().producer(value)?, op)
    }

    fn sides(&self, node: &Node, op: &str) -> Option<[[ValueId; 2]; 2]> {
        let activates = node.attrs.int("fused_activation_function").unwrap_or(0) != 0;
        let (a, b) = (node.input(0)?, node.input(1)?);
        (&*node.op == op && !activates).then_some([[a, b], [b, a]])
    }

    /// What the operator `op` makes a value of.
    fn only(&self, value: ValueId, op: &str) -> Option<ValueId> {
        let node = self.setup.graph().producer(value)?;
        (&*node.op == op).then(|| node.input(0)).flatten()
    }

    fn is_constant(&self, value: ValueId) -> bool {
        let fact = self.facts[value.index()].as_ref();
        fact.is_some_and(|fact| fact.constant.is_some())
    }

    /// Whether `mean` is the MEAN of `x` along its last axis, which stays.
    fn is_mean(&self, mean: ValueId, x: ValueId) -> bool {
        let fact = |value: ValueId| {
            let fact = self.facts[value.index()].as_ref()?;
            let sizes = fact.shape.fixed().filter(|_| fact.dtype == DType::Float32);
            sizes.filter(|_| fact.constant.is_none())
        };
        let (Some(of), Some(whole)) = (fact(mean), fact(x)) else {
            return false;
        };
        let along_the_last = match (&of[..], &whole[..]) {
            ([kept @ .., 1], [sizes @ .., _]) => kept == sizes,
            _ => false,
        };
        along_the_last && self.only(mean, "MEAN") == Some(x)
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Attr, Attrs, DType, Dialect, Model, Quantization, Tensor, ValueId};
    use crate::progress::Progress;
    use crate::runtime::tests::{Net, open_with};
    use crate::runtime::{KernelChoice, RunOptions, Session};

    const ROWS: usize = 37;
    const DEPTH: usize = 50;

    /// How a normalization is written down.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Form {
        /// `x g + (-m g + offset)`.
        Negated,
        /// `x g + (offset - m g)`.
        Subtracted,
        /// `-m g + x g`.
        WithoutOffset,
        /// `x / √(v + epsilon) + …`
        WithoutScale,
    }

    /// What keeps it from being one step.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Odd {
        None,
        /// The factor is an output.
        Seen,
        /// The variance is that of another input.
        OtherVariance,
        /// The offset is an input.
        Given,
        /// A sum is cut off at 0.
        Activated,
    }

    fn floats(shape: &[usize], seed: usize) -> Tensor {
        let count: usize = shape.iter().product();
        let value = |i: usize| ((i * 7919 + seed * 31) % 1009) as f32 / 250.0 - 2.0;
        Tensor::from_values(shape, &(0..count).map(value).collect::<Vec<f32>>())
    }

    fn model(form: Form, odd: Odd, hybrid: bool) -> Model {
        let mut net = Net::new(Dialect::Tflite);
        let real = DType::Float32;
        let [rows, depth] = [ROWS as i64, DEPTH as i64];
        let x = net.input("x", real, &[1, rows, depth]);
        let other = net.input("other", real, &[1, rows, depth]);
        let given = net.input("given", real, &[depth]);
        let axis = net.constant(&Tensor::from_values(&[1], &[2i32]));
        let epsilon = net.constant(&Tensor::from_values(&[], &[1e-3f32]));
        let scale = net.constant(&floats(&[1, 1, DEPTH], 3));
        let offset = match odd {
            Odd::Given => given,
            _ => net.constant(&floats(&[DEPTH], 5)),
        };
        let attrs = |odd: bool| match odd {
            true => Attrs::new().with("fused_activation_function", Attr::Int(1)),
            false => Attrs::new(),
        };
        let mean = |net: &mut Net, x: ValueId| {
            let keep = Attrs::new().with("keep_dims", Attr::Bool(true));
            net.op("MEAN", &[x, axis], real, keep)
        };
        let m = mean(&mut net, x);
        let of = if odd == Odd::OtherVariance { other } else { x };
        let squares = net.op("SQUARED_DIFFERENCE", &[of, m], real, Attrs::new());
        let v = mean(&mut net, squares);
        let sum = net.op("ADD", &[v, epsilon], real, Attrs::new());
        let mut factor = net.op("RSQRT", &[sum], real, Attrs::new());
        if form != Form::WithoutScale {
            factor = net.op("MUL", &[factor, scale], real, Attrs::new());
        }
        let product = net.op("MUL", &[x, factor], real, Attrs::new());
        let term = match form {
            Form::Subtracted => {
                let term = net.op("MUL", &[m, factor], real, Attrs::new());
                net.op("SUB", &[offset, term], real, attrs(odd == Odd::Activated))
            }
            _ => {
                let negative = net.op("NEG", &[m], real, Attrs::new());
                let term = net.op("MUL", &[negative, factor], real, Attrs::new());
                match form {
                    Form::WithoutOffset => term,
                    _ => net.op("ADD", &[term, offset], real, attrs(odd == Odd::Activated)),
                }
            }
        };
        let mut out = match form {
            Form::WithoutOffset => net.op("ADD", &[term, product], real, Attrs::new()),
            _ => net.op("ADD", &[product, term], real, Attrs::new()),
        };
        if hybrid {
            let bytes: Vec<i8> = (0..9 * DEPTH).map(|i| (i * 37 % 251) as u8 as i8).collect();
            let w = net.constant(&Tensor::from_values(&[9, DEPTH], &bytes));
            net.0.value_mut(w).quantization = Some(Quantization::per_tensor(0.01, 0).into());
            out = net.op("FULLY_CONNECTED", &[out, w], real, Attrs::new());
        }
        match odd {
            Odd::Seen => net.finish(&[out, factor]),
            _ => net.finish(&[out]),
        }
    }

    fn run(session: &mut Session, x: &Tensor) -> Vec<Tensor> {
        session.set_profiling(true);
        let others = [floats(&[1, ROWS, DEPTH], 2), floats(&[DEPTH], 9)];
        let given = [x.clone()].into_iter().chain(others).enumerate();
        let given: Vec<_> = given.map(|(i, t)| (format!("#{i}"), t)).collect();
        let outputs = session.run(&given, &Progress::new()).unwrap();
        outputs.into_iter().map(|(_, tensor)| tensor).collect()
    }

    fn session(model: &Model, kernels: KernelChoice) -> Session {
        let options = RunOptions {
            kernels,
            threads: 2,
            ..RunOptions::default()
        };
        open_with(model, &options).unwrap()
    }

    #[test]
    fn a_normalization_in_pieces_is_one_step_with_the_same_answer() {
        use Form::*;
        let all = [Negated, Subtracted, WithoutOffset, WithoutScale].map(|form| (form, Odd::None));
        let odd = [Odd::Seen, Odd::OtherVariance, Odd::Given, Odd::Activated];
        let odd = odd.map(|odd| [(Negated, odd), (Subtracted, odd)]);
        let mut wild = floats(&[1, ROWS, DEPTH], 1).numbers();
        wild[70] = 3e38;
        wild[170] = f64::INFINITY;
        wild[270] = f64::NAN;
        let wild: Vec<f32> = wild.into_iter().map(|x| x as f32).collect();
        let wild = Tensor::from_values(&[1, ROWS, DEPTH], &wild);
        for (form, odd) in all.into_iter().chain(odd.into_iter().flatten()) {
            // Beside hybrid operators the sums are the reference's to the bit.
            for hybrid in [false, true] {
                let model = model(form, odd, hybrid);
                let mut fast = session(&model, KernelChoice::Auto);
                let mut plain = session(&model, KernelChoice::Reference);
                for x in [floats(&[1, ROWS, DEPTH], 1), wild.clone()] {
                    let (found, wanted) = (run(&mut fast, &x), run(&mut plain, &x));
                    let close = |(a, b): (f64, f64)| match hybrid {
                        true => a == b || a.is_nan() && b.is_nan(),
                        false => {
                            (a - b).abs() <= 1e-4 * (1.0 + b.abs()) || a.is_nan() && b.is_nan()
                        }
                    };
                    let pairs = found.iter().zip(&wanted);
                    for (found, wanted) in pairs {
                        let both = found.numbers().into_iter().zip(wanted.numbers());
                        assert!(both.into_iter().all(close), "{form:?} {odd:?} {hybrid}");
                    }
                }
                let ran: Vec<_> = fast.profile().iter().map(|t| t.op.to_string()).collect();
                let one = !ran.iter().any(|op| op == "RSQRT");
                assert_eq!(one, odd == Odd::None, "{form:?} {odd:?} {ran:?}");
                fast.set_keep_intermediates(true);
                let kept = run(&mut fast, &floats(&[1, ROWS, DEPTH], 1));
                assert_eq!(kept.len(), wanted_outputs(odd));
                assert!(fast.intermediates().len() >= 8);
            }
        }
    }

    fn wanted_outputs(odd: Odd) -> usize {
        if odd == Odd::Seen { 2 } else { 1 }
    }
}
