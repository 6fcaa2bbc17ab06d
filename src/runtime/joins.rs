//! Operators that run as part of the one before them: a bias that an ADD adds to the product of a FULLY_CONNECTED.

use super::plan::{Builder, Step, Work};
use crate::error::Result;
use crate::model::{Node, ValueId};
use crate::ops::{self, Context, Fact, Prepared};

impl Builder<'_> {
    /// Where the node is an ADD whose work the product before it can do as well: the product does it from now on, and
    /// the input that the node's output is then the same as. Not where somebody else sees the bare product.
    pub(super) fn join(&mut self, context: &Context) -> Result<Option<usize>> {
        let Some([product, bias]) = ops::adds_a_bias(context).filter(|_| context.options.joins)
        else {
            return Ok(None);
        };
        let (node, setup) = (context.node, self.setup);
        let (Some(product_id), Some(bias_id)) = (node.input(product), node.input(bias)) else {
            return Ok(None);
        };
        let root = self.same_as[product_id.index()];
        let made = |step: &Step| step.outputs.iter().any(|value| value.index() == root);
        let Some(at) = self.steps.iter().rposition(made) else {
            return Ok(None);
        };
        let maker = setup.graph().node(self.steps[at].node);
        let (Some(fact), true) = (&self.facts[bias_id.index()], self.has_one_reader(root)) else {
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
        let mut joined: Node = maker.clone();
        joined.inputs.truncate(2);
        joined.inputs.push(Some(bias_id));
        inputs.truncate(2);
        inputs.push(Some(flat));
        let context = Context {
            node: &joined,
            ..setup.context(self.steps[at].node, &inputs)
        };
        let Some(operator) = ops::find_for(setup.graph(), &joined) else {
            return Ok(None);
        };
        let Prepared::Kernel(kernel) = operator.ready(&context)? else {
            return Ok(None);
        };
        let step = &mut self.steps[at];
        step.work = Work::Kernel(kernel);
        step.inputs = joined.inputs;
        self.joined = true;
        Ok(Some(product))
    }

    /// Whether the bytes of a value are read by one operator alone, besides those that hand them on under other sizes.
    fn has_one_reader(&self, root: usize) -> bool {
        let graph = self.setup.graph();
        let same = |value: &ValueId| self.same_as[value.index()] == root;
        if self.setup.body().outputs.iter().any(same) {
            return false;
        }
        let nodes = self.setup.body().order.iter().map(|&id| graph.node(id));
        let reads = nodes.flat_map(|node| node.inputs.iter().flatten());
        // Each of the values that are one is read once: by the next, the last by the reader.
        reads.filter(|value| same(value)).count()
            == self.same_as.iter().filter(|&&r| r == root).count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Net, open_with};
    use super::super::{KernelChoice, RunOptions, Session};
    use crate::model::{Attrs, DType, Dialect, Model, Quantization, Tensor};
    use crate::progress::Progress;

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
            for (bias, twice, joins) in cases {
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
                    assert_eq!(ran(&fast).iter().any(|op| op == "ADD"), !joins, "{bias:?}");
                    assert!(ran(&plain).iter().any(|op| op == "ADD"));
                }
            }
        }
    }

    #[test]
    fn whoever_looks_at_all_values_sees_the_bare_product() {
        let model = net(false, &[4, 8], false, false);
        let mut session = session(&model, KernelChoice::Auto);
        let joined = run(&mut session);
        session.set_keep_intermediates(true);
        let apart = run(&mut session);
        assert!(ran(&session).iter().any(|op| op == "ADD"));
        assert!(joined.iter().zip(&apart).all(|(a, b)| (a - b).abs() < 1e-6));
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
}
