//! Operators that run as part of the one beside them: a bias that an ADD adds to the product of a FULLY_CONNECTED, a
//! TRANSPOSE before or behind a BATCH_MATMUL.

use crate::error::Result;
use crate::model::{Node, ValueId};
use crate::ops::{self, Context, Fact, Prepared};
use crate::runtime::plan::{Builder, Work};

/// What a step does, and the values it reads.
type Reads = (Work, Vec<Option<ValueId>>);

impl Builder<'_> {
    /// Where the node is an ADD or a TRANSPOSE whose work the product before it can do as well: the product does it from
    /// now on, and the input that the node's output is then the same as. Not where somebody else sees the bare product.
    pub(in crate::runtime) fn join(&mut self, context: &Context) -> Result<Option<usize>> {
        match ops::transposes(context) {
            Some(order) => self.fuse_transpose(context, &order),
            None => self.fuse_bias(context),
        }
    }

    fn fuse_bias(&mut self, context: &Context) -> Result<Option<usize>> {
        let Some([product, bias]) = ops::adds_a_bias(context).filter(|_| context.options.fusion)
        else {
            return Ok(None);
        };
        let (node, setup) = (context.node, self.setup);
        let (Some(product_id), Some(bias_id)) = (node.input(product), node.input(bias)) else {
            return Ok(None);
        };
        let Some(at) = self.only_maker(product_id) else {
            return Ok(None);
        };
        let maker = setup.graph().node(self.steps[at].node);
        let Some(fact) = &self.facts[bias_id.index()] else {
            return Ok(None);
        };
        let Some(units) = fact.shape.elements() else {
            return Ok(None);
        };
        let flat = fact.constant.as_ref().and_then(|c| c.reshaped(&[units]));
        let Some(flat) = flat.map(Fact::constant) else {
            return Ok(None);
        };
        let fact = |value: &Option<ValueId>| value.and_then(|v| self.facts[v.index()].clone());
        let mut inputs: Vec<_> = maker.inputs.iter().map(fact).collect();
        if !ops::takes_a_bias(&setup.context(self.steps[at].node, &inputs), units) {
            return Ok(None);
        }
        let mut fused: Node = maker.clone();
        fused.inputs.truncate(2);
        fused.inputs.push(Some(bias_id));
        inputs.truncate(2);
        inputs.push(Some(flat));
        let context = Context {
            node: &fused,
            ..setup.context(self.steps[at].node, &inputs)
        };
        let Some(operator) = ops::find_for(setup.graph(), &fused) else {
            return Ok(None);
        };
        let Prepared::Kernel(kernel) = operator.ready(&context)? else {
            return Ok(None);
        };
        let step = &mut self.steps[at];
        step.work = Work::Kernel(kernel);
        step.inputs = fused.inputs;
        self.fused = true;
        Ok(Some(product))
    }

    /// A product whose output a TRANSPOSE alone reads writes it in that order.
    fn fuse_transpose(&mut self, context: &Context, order: &[usize]) -> Result<Option<usize>> {
        let (Some(value), setup) = (context.node.input(0), self.setup) else {
            return Ok(None);
        };
        let Some(at) = self.only_maker(value) else {
            return Ok(None);
        };
        let (id, output) = (self.steps[at].node, self.steps[at].outputs.first());
        let shape = output.and_then(|output| self.facts[output.index()].as_ref());
        if shape.is_none_or(|fact| fact.shape != context.inputs[0].as_ref().unwrap().shape) {
            return Ok(None);
        }
        let facts = self.facts_of(id);
        let Some((work, inputs)) = self.product(&setup.context(id, &facts), Some(order))? else {
            return Ok(None);
        };
        let step = &mut self.steps[at];
        (step.work, step.inputs) = (work, inputs);
        self.fused = true;
        Ok(Some(0))
    }

    /// A product of what TRANSPOSEs make, by what they make it of: what it does then, and the values it reads.
    pub(in crate::runtime) fn across(&self, context: &Context) -> Result<Option<Reads>> {
        match ops::may_be_turned(context) {
            true => self.product(context, None),
            false => Ok(None),
        }
    }

    fn product(&self, context: &Context, out: Option<&[usize]>) -> Result<Option<Reads>> {
        if !ops::may_be_turned(context) {
            return Ok(None);
        }
        let sides = [0, 1].map(|slot| self.transposed(context, slot));
        // Where both sides can't be, one may.
        for taken in [[true, true], [true, false], [false, true], [false, false]] {
            let taken = [0, 1].map(|slot| sides[slot].as_ref().filter(|_| taken[slot]));
            let orders = taken.map(|side| side.map(|(_, order)| &order[..]));
            if orders == [None; 2] && out.is_none() {
                break;
            }
            let Some(Prepared::Kernel(kernel)) = ops::turned_product(context, orders, out)? else {
                continue;
            };
            let mut inputs = context.node.inputs.clone();
            for (input, side) in inputs.iter_mut().zip(taken) {
                *input = side.map_or(*input, |(source, _)| Some(*source));
            }
            return Ok(Some((Work::Kernel(kernel), inputs)));
        }
        Ok(None)
    }

    /// What the TRANSPOSE that makes an input reads, and the order of axes that it gives.
    fn transposed(&self, context: &Context, slot: usize) -> Option<(ValueId, Vec<usize>)> {
        let graph = context.graph;
        let (value, fact) = (context.node.input(slot)?, context.input(slot).ok()?);
        let (id, _) = graph.value(value).producer?;
        let source = graph.node(id).input(0)?;
        // What is given from outside, or stored, is not what the operator would make; what changes may have changed.
        let given = self.setup.body().inputs.contains(&value) || fact.constant.is_some();
        let root = &graph.values[self.same_as[source.index()]];
        if given || root.is_variable || graph.value(source).is_variable {
            return None;
        }
        let facts = self.facts_of(id);
        let order = ops::transposes(&self.setup.context(id, &facts))?;
        Some((source, order))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::model::{Attr, Attrs, DType, Dialect, Model, Quantization, Tensor, ValueId};
    use crate::progress::Progress;
    use crate::runtime::tests::{Net, open_with};
    use crate::runtime::{KernelChoice, RunOptions, Session};

    fn floats(shape: &[usize]) -> Tensor {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|i| (i as f32 * 0.7).sin()).collect();
        Tensor::from_values(shape, &values)
    }

    /// A product of 32 units, seen as `[4, 8]` each, and what is added to it, on this side; both are used where it says so.
    fn net(hybrid: bool, bias: &[usize], left: bool, twice: bool) -> Model {
        let mut net = Net::new(Dialect::Tflite);
        let x = net.input("x", DType::Float32, &[6, 48]);
        let w = match hybrid {
            true => {
                let bytes: Vec<i8> = (0..32 * 48).map(|i| (i * 37 % 251) as u8 as i8).collect();
                let w = net.constant(&Tensor::from_values(&[32, 48], &bytes));
                net.0.value_mut(w).quantization = Some(Quantization::per_tensor(0.01, 0).into());
                w
            }
            false => net.constant(&floats(&[32, 48])),
        };
        let product = net.op("FULLY_CONNECTED", &[x, w], DType::Float32, Attrs::new());
        let sizes = net.constant(&Tensor::from_values(&[3], &[6i32, 4, 8]));
        let seen = net.op("RESHAPE", &[product, sizes], DType::Float32, Attrs::new());
        let bias = net.constant(&floats(bias));
        let sides = if left { [bias, seen] } else { [seen, bias] };
        let sum = net.op("ADD", &sides, DType::Float32, Attrs::new());
        let out = match twice {
            true => net.op("MUL", &[sum, seen], DType::Float32, Attrs::new()),
            false => net.op("NEG", &[sum], DType::Float32, Attrs::new()),
        };
        net.finish(&[out])
    }

    fn session(model: &Model, kernels: KernelChoice) -> Session {
        let options = RunOptions {
            threads: 1,
            kernels,
            ..RunOptions::default()
        };
        let mut session = open_with(model, &options).unwrap();
        session.set_profiling(true);
        session
    }

    fn run(session: &mut Session) -> Vec<f64> {
        let given = [("#0".to_owned(), floats(&[6, 48]))];
        let out = session.run(&given, &Progress::new()).unwrap().remove(0).1;
        out.numbers()
    }

    fn ran(session: &Session) -> Vec<String> {
        session.profile().iter().map(|t| t.op.to_string()).collect()
    }

    #[test]
    fn a_product_adds_the_bias_that_an_operator_behind_it_has() {
        let cases: [(&[usize], bool, bool); 7] = [
            (&[4, 8], false, true),
            (&[1, 4, 8], false, true),
            // Less than a row, or more.
            (&[8], false, false),
            (&[4, 1], false, false),
            (&[6, 4, 8], false, false),
            (&[1, 1, 4, 8], false, false),
            // The bare product is needed too.
            (&[4, 8], true, false),
        ];
        for hybrid in [false, true] {
            for (bias, twice, fuses) in cases {
                for left in [false, true] {
                    let model = net(hybrid, bias, left, twice);
                    let mut fast = session(&model, KernelChoice::Auto);
                    let mut plain = session(&model, KernelChoice::Reference);
                    let (got, want) = (run(&mut fast), run(&mut plain));
                    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-5 * (1.0 + b.abs());
                    assert!(
                        got.iter().zip(&want).all(close),
                        "{hybrid} {bias:?} {twice} {left}"
                    );
                    assert_eq!(ran(&fast).iter().any(|op| op == "ADD"), !fuses, "{bias:?}");
                    assert!(ran(&plain).iter().any(|op| op == "ADD"));
                }
            }
        }
    }

    #[test]
    fn whoever_looks_at_all_values_sees_the_bare_product() {
        let model = net(false, &[4, 8], false, false);
        let mut session = session(&model, KernelChoice::Auto);
        let fused = run(&mut session);
        session.set_keep_intermediates(true);
        let apart = run(&mut session);
        assert!(ran(&session).iter().any(|op| op == "ADD"));
        assert!(fused.iter().zip(&apart).all(|(a, b)| (a - b).abs() < 1e-6));
        let kept = session.intermediates();
        assert!(kept.len() >= 3);
        let product = kept[0].tensor.numbers();
        assert!(product.iter().zip(&apart).any(|(a, b)| (a + b).abs() > 0.1));
    }

    #[test]
    fn a_swish_needs_no_logistic_of_its_own() {
        for (dtype, scale) in [(DType::Float32, None), (DType::Int8, Some(0.05))] {
            let mut net = Net::new(Dialect::Tflite);
            let x = net.input("x", dtype, &[6, 48]);
            let gate = net.op("LOGISTIC", &[x], dtype, Attrs::new());
            let swish = net.op("MUL", &[gate, x], dtype, Attrs::new());
            if let Some(scale) = scale {
                for (value, scale, zero) in
                    [(x, scale, 3), (gate, 1.0 / 256.0, -128), (swish, scale, 3)]
                {
                    let quantization = Quantization::per_tensor(scale, zero);
                    net.0.value_mut(value).quantization = Some(quantization.into());
                }
            }
            let model = net.finish(&[swish]);
            let mut plain = session(&model, KernelChoice::Reference);
            let mut fast = session(&model, KernelChoice::Auto);
            let (want, got) = (run(&mut plain), run(&mut fast));
            let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-6 * (1.0 + b.abs());
            assert!(got.iter().zip(&want).all(close), "{dtype}");
            assert_eq!(ran(&fast), ["MUL"]);
            assert_eq!(ran(&plain), ["LOGISTIC", "MUL"]);
            fast.set_keep_intermediates(true);
            assert_eq!(run(&mut fast), got);
            assert_eq!(fast.intermediates().len(), 2);
        }
    }

    /// The values of `sizes` that a TRANSPOSE by this order makes, which is an input's of the graph.
    fn turned(net: &mut Net, sizes: &[usize], order: &[usize]) -> ValueId {
        let mut source = vec![0; sizes.len()];
        for (&from, &size) in order.iter().zip(sizes) {
            source[from] = size as i64;
        }
        let x = net.input("x", DType::Float32, &source);
        transpose(net, x, order)
    }

    fn transpose(net: &mut Net, x: ValueId, order: &[usize]) -> ValueId {
        let list: Vec<i32> = order.iter().map(|&axis| axis as i32).collect();
        let order = net.constant(&Tensor::from_values(&[order.len()], &list));
        net.op("TRANSPOSE", &[x, order], DType::Float32, Attrs::new())
    }

    /// The output and the operators that ran.
    fn answer(model: &Model, kernels: KernelChoice, threads: usize) -> (Tensor, Vec<String>) {
        let options = RunOptions {
            threads,
            kernels,
            ..RunOptions::default()
        };
        let mut session = open_with(model, &options).unwrap();
        session.set_profiling(true);
        let ports = session.inputs().to_vec();
        let given: Vec<_> = (ports.iter().enumerate())
            .map(|(at, port)| (format!("#{at}"), floats(&port.shape.fixed().unwrap())))
            .collect();
        let out = session.run(&given, &Progress::new()).unwrap().remove(0).1;
        (out, ran(&session))
    }

    fn same(model: &Model, threads: usize) -> Result<Vec<String>, TestCaseError> {
        let (want, _) = answer(model, KernelChoice::Reference, 1);
        let (got, ops) = answer(model, KernelChoice::Auto, threads);
        prop_assert_eq!(got.shape(), want.shape());
        let close = |(a, b): (f64, f64)| (a - b).abs() <= 1e-5 * (1.0 + b.abs());
        prop_assert!(got.numbers().into_iter().zip(want.numbers()).all(close));
        Ok(ops)
    }

    proptest! {
        #[test]
        fn a_product_reads_and_writes_across_transposes(
            (batch, m, k, n) in (prop::collection::vec(1usize..4, 0..3), 1usize..40, 1usize..20, 1usize..40),
            (adj_x, adj_y, alone) in any::<(bool, bool, bool)>(),
            seeds in prop::array::uniform3(any::<u16>()), threads in 1usize..3,
        ) {
            let rank = batch.len() + 2;
            let orders = seeds.map(|seed| {
                let mut order: Vec<usize> = (0..rank).collect();
                order.sort_by_key(|&axis| u32::from(seed).wrapping_mul(2_654_435_761) >> (5 * axis + 3) & 31);
                order
            });
            let ends = |a: usize, b: usize, adjoint: bool| if adjoint { [b, a] } else { [a, b] };
            let mut net = Net::new(Dialect::Tflite);
            // The second side has no batch axes, or those of the first.
            let y_batch = if alone { &[][..] } else { &batch[..] };
            let y_order: Vec<usize> = match alone {
                true => vec![1, 0],
                false => orders[1].clone(),
            };
            let x = turned(&mut net, &[&batch[..], &ends(m, k, adj_x)].concat(), &orders[0]);
            let y = turned(&mut net, &[y_batch, &ends(k, n, adj_y)].concat(), &y_order);
            let attrs = Attrs::new()
                .with("adj_x", Attr::Bool(adj_x))
                .with("adj_y", Attr::Bool(adj_y));
            let product = net.op("BATCH_MATMUL", &[x, y], DType::Float32, attrs);
            let out = transpose(&mut net, product, &orders[2]);
            same(&net.finish(&[out]), threads)?;
        }
    }

    /// `[1, 4, 12, 8]` times `[1, 4, 8, 12]`, heads that lie side by side.
    fn attention(net: &mut Net) -> [ValueId; 3] {
        let queries = turned(net, &[1, 4, 12, 8], &[0, 2, 1, 3]);
        let keys = turned(net, &[1, 4, 8, 12], &[0, 2, 3, 1]);
        let scores = net.op(
            "BATCH_MATMUL",
            &[queries, keys],
            DType::Float32,
            Attrs::new(),
        );
        [queries, scores, transpose(net, scores, &[0, 2, 1, 3])]
    }

    #[test]
    fn heads_of_attention_are_not_moved() {
        let mut net = Net::new(Dialect::Tflite);
        let [_, _, out] = attention(&mut net);
        assert_eq!(same(&net.finish(&[out]), 1).unwrap(), ["BATCH_MATMUL"]);
        // Somebody else sees what the product makes, or reads.
        for seen in [0, 1] {
            let mut net = Net::new(Dialect::Tflite);
            let values = attention(&mut net);
            let also = net.op("NEG", &[values[seen]], DType::Float32, Attrs::new());
            let ops = same(&net.finish(&[values[2], also]), 1).unwrap();
            assert_eq!(ops.iter().filter(|op| *op == "TRANSPOSE").count(), 1);
            let mut net = Net::new(Dialect::Tflite);
            let values = attention(&mut net);
            let also = net.op("NEG", &[values[seen]], DType::Float32, Attrs::new());
            same(&net.finish(&[also, values[2]]), 1).unwrap();
        }
    }
}
