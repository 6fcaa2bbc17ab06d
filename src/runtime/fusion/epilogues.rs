//! Products of TensorFlow's that take over what comes behind them: factors and terms of the channels, a batch
//! normalization, an activation. Not where somebody else sees what passes between.

use std::collections::HashMap;

use super::neighbours::Readers;
use crate::error::{Kind, Result};
use crate::model::{NodeId, ValueId};
use crate::ops::{self, Context, Epilogue, Fact, Fused, Prepared};
use crate::progress::Progress;
use crate::runtime::plan::{Builder, Step, Work};

/// Steps whose work others do, and the values that are then the bytes of others.
#[derive(Default)]
struct Taken {
    steps: Vec<usize>,
    values: HashMap<usize, usize>,
}

impl Builder<'_> {
    /// Makes the products ready that have waited until all behind them was known.
    ///
    /// # Errors
    /// As [`Plan::new`](super::super::plan::Plan::new), and a run that is stopped.
    pub(in crate::runtime) fn fuse(&mut self, progress: &Progress) -> Result<()> {
        let awaiting = std::mem::take(&mut self.awaiting);
        if awaiting.is_empty() {
            return Ok(());
        }
        let readers = self.readers();
        let mut taken = Taken::default();
        for at in awaiting {
            progress.check()?;
            let id = self.steps[at].node;
            match self.make_ready(at, &readers, &mut taken) {
                Err(error) if error.kind() == Kind::Unsupported => {
                    self.problems.add(self.setup.number, id, error);
                }
                other => other.map_err(|error| self.setup.at_node(id, error))?,
            }
        }
        if taken.steps.is_empty() {
            return Ok(());
        }
        self.fused = true;
        for root in &mut self.same_as {
            // A chain of takers is a product at its beginning.
            if let Some(&product) = taken.values.get(root) {
                *root = product;
            }
        }
        let mut gone = vec![false; self.steps.len()];
        taken.steps.iter().for_each(|&step| gone[step] = true);
        let mut at = 0;
        self.steps.retain(|_| {
            at += 1;
            !gone[at - 1]
        });
        Ok(())
    }

    pub(in crate::runtime) fn facts_of(&self, id: NodeId) -> Vec<Option<Fact>> {
        let inputs = &self.setup.graph().node(id).inputs;
        let fact = |value: &Option<_>| value.and_then(|v: ValueId| self.facts[v.index()].clone());
        inputs.iter().map(fact).collect()
    }

    fn make_ready(&mut self, at: usize, readers: &Readers, taken: &mut Taken) -> Result<()> {
        let id = self.steps[at].node;
        let inputs = self.facts_of(id);
        let context = self.setup.context(id, &inputs);
        if let Some((work, fused)) = self.fused(at, &context, readers)? {
            let product = self.steps[at].outputs[0].index();
            for step in &fused {
                taken
                    .values
                    .insert(self.steps[*step].outputs[0].index(), product);
            }
            taken.steps.extend(fused);
            self.steps[at].work = work;
            return Ok(());
        }
        let Some(operator) = ops::find_for(self.setup.graph(), context.node) else {
            return Ok(());
        };
        self.steps[at].work = match operator.ready(&context)? {
            Prepared::Kernel(kernel) => Work::Kernel(kernel),
            Prepared::Compute(compute) => Work::Compute(compute),
            _ => Work::Dynamic,
        };
        Ok(())
    }

    /// The kernel of the product at step `at` with as much of what follows as it can take, and the steps that this is.
    fn fused(
        &self,
        at: usize,
        context: &Context,
        readers: &Readers,
    ) -> Result<Option<(Work, Vec<usize>)>> {
        let (graph, steps) = (self.setup.graph(), &self.steps);
        let Some(mut epilogue) = Epilogue::of_product(context) else {
            return Ok(None);
        };
        let (mut value, mut fused) = (steps[at].outputs[0], Vec::new());
        let shape = |value: ValueId| self.facts[value.index()].as_ref().map(|f| &f.shape);
        let own = shape(value);
        while let Some((next, slot)) = readers.only(value.index()) {
            let step: &Step = &steps[next];
            let seen = step.inputs[slot].and_then(shape);
            let [output, others @ ..] = &step.outputs[..] else {
                break;
            };
            let unseen = others.iter().all(|other| !readers.any(other.index()));
            let kernel = matches!(step.work, Work::Kernel(_));
            if !kernel || !unseen || seen != own || shape(*output) != own {
                break;
            }
            let inputs = self.facts_of(step.node);
            if !epilogue.take(&self.setup.context(step.node, &inputs), slot) {
                break;
            }
            fused.push(next);
            value = *output;
        }
        if fused.is_empty() {
            return Ok(None);
        }
        let Some(Fused {
            node,
            inputs,
            bounds,
        }) = epilogue.fuse(context)
        else {
            return Ok(None);
        };
        let whole = Context {
            node: &node,
            inputs: &inputs,
            bounds,
            ..self.setup.context(steps[at].node, &inputs)
        };
        let Some(operator) = ops::find_for(graph, &node) else {
            return Ok(None);
        };
        Ok(match operator.ready(&whole)? {
            // Any other would read the filter that is in the graph.
            Prepared::Kernel(kernel) if !kernel.reads(1) && !kernel.reads(2) => {
                Some((Work::Kernel(kernel), fused))
            }
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::model::{Attr, Attrs, DType, Dialect, Model, Tensor, ValueId};
    use crate::progress::Progress;
    use crate::runtime::blocks_tests::many;
    use crate::runtime::tests::{Net, open_with};
    use crate::runtime::{RunOptions, Session};

    const CHANNELS: usize = 24;

    /// From 0.5 to 1.5, so that sums don't cancel.
    fn numbers(shape: &[usize], seed: usize) -> Tensor {
        let count = shape.iter().product();
        let value = |i: usize| 0.5 + ((i + seed) * 7919 % 1009) as f32 / 1009.0;
        Tensor::from_values(shape, &(0..count).map(value).collect::<Vec<f32>>())
    }

    fn text(attrs: Attrs, name: &str, value: &str) -> Attrs {
        attrs.with(name, Attr::Bytes(value.as_bytes().to_vec().into()))
    }

    fn product(net: &mut Net, kind: usize) -> ValueId {
        let strides = Attr::List(vec![Attr::Int(1); 4]);
        let window = text(Attrs::new().with("strides", strides), "padding", "SAME");
        let (op, shape, filter, attrs): (_, &[i64], &[usize], _) = match kind {
            0 => ("Conv2D", &[2, 5, 6, 8], &[3, 3, 8, CHANNELS], window),
            1 => ("Conv2D", &[1, 4, 4, 16], &[1, 1, 16, CHANNELS], window),
            2 => (
                "DepthwiseConv2dNative",
                &[1, 7, 5, 12],
                &[3, 3, 12, 2],
                window,
            ),
            3 => ("MatMul", &[9, 40], &[40, CHANNELS], Attrs::new()),
            _ => ("BatchMatMulV2", &[2, 3, 40], &[40, CHANNELS], Attrs::new()),
        };
        let x = net.input("x", DType::Float32, shape);
        let filter = net.constant(&numbers(filter, 3));
        net.op(op, &[x, filter], DType::Float32, attrs)
    }

    fn epilogue(net: &mut Net, x: ValueId, kind: usize, seed: usize) -> ValueId {
        let mut constant = |shape: &[usize]| net.constant(&numbers(shape, seed));
        let float = DType::Float32;
        match kind {
            0 => {
                let factors = constant(&[CHANNELS]);
                net.op("Mul", &[x, factors], float, Attrs::new())
            }
            1 => {
                let terms = constant(&[1, CHANNELS]);
                net.op("AddV2", &[terms, x], float, Attrs::new())
            }
            2 => {
                let bias = constant(&[CHANNELS]);
                net.op("BiasAdd", &[x, bias], float, Attrs::new())
            }
            3 => {
                let one = constant(&[]);
                net.op("Mul", &[one, x], float, Attrs::new())
            }
            4 => net.op("Relu6", &[x], float, Attrs::new()),
            _ => net.op("Relu", &[x], float, Attrs::new()),
        }
    }

    fn session(model: &Model, fusion: bool) -> Session {
        let options = RunOptions {
            threads: 1,
            fusion,
            ..RunOptions::default()
        };
        open_with(model, &options).unwrap()
    }

    /// What comes out, and the operators that ran.
    fn ran(session: &mut Session) -> (Vec<f32>, Vec<String>) {
        session.set_profiling(true);
        let port = session.inputs()[0].clone();
        let x = numbers(&port.shape.fixed().unwrap(), 11);
        let inputs = [(port.name.to_string(), x)];
        let outputs = session.run(&inputs, &Progress::default()).unwrap();
        let ops = session.profile().iter().map(|op| op.op.to_string());
        let values = outputs
            .iter()
            .flat_map(|(_, t)| t.values::<f32>().unwrap().to_vec());
        (values.collect(), ops.collect())
    }

    fn near(a: &[f32], b: &[f32]) -> bool {
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= b.abs() * 1e-6;
        a.len() == b.len() && a.iter().zip(b).all(near)
    }

    proptest! {
        #[test]
        fn a_product_does_what_follows_within_a_millionth(
            kind in 0usize..5, epilogues in prop::collection::vec(0usize..6, 0..5), seen in 0usize..6,
        ) {
            let mut net = Net::new(Dialect::Tf);
            let mut values = vec![product(&mut net, kind)];
            for (seed, &kind) in epilogues.iter().enumerate() {
                let next = epilogue(&mut net, values[seed], kind, seed * 37);
                values.push(next);
            }
            let last = *values.last().unwrap();
            let mut outputs = vec![net.op("Neg", &[last], DType::Float32, Attrs::new())];
            // What is an output is not lost.
            let also = values[..values.len() - 1].get(seen).copied();
            outputs.extend(also);
            let model = net.finish(&outputs);
            let (whole, fused) = ran(&mut session(&model, true));
            let (apart, all) = ran(&mut session(&model, false));
            prop_assert!(near(&whole, &apart), "{epilogues:?}");
            prop_assert_eq!(all.len(), epilogues.len() + 2);
            let activation = epilogues.iter().position(|&t| t >= 4).map_or(epilogues.len(), |at| at + 1);
            let taken = activation.min(also.map_or(usize::MAX, |_| seen));
            prop_assert_eq!(fused.len(), epilogues.len() + 2 - taken, "{:?}", fused);
            // Where all values are kept, they are those of the parts.
            let mut kept = session(&model, true);
            kept.set_keep_intermediates(true);
            let (bare, ops) = ran(&mut kept);
            prop_assert_eq!((bare, ops), (apart, all));
        }
    }

    #[test]
    fn a_stored_one_that_is_given_otherwise_is_no_one() {
        let mut net = Net::new(Dialect::Tf);
        let x = net.input("x", DType::Float32, &[3]);
        let one = net.constant(&Tensor::from_values(&[], &[1f32]));
        net.0.value_mut(one).name = "one".into();
        net.0.inputs.push(Some(one));
        let out = net.op("Mul", &[x, one], DType::Float32, Attrs::new());
        let model = net.finish(&[out]);
        let mut session = session(&model, true);
        let inputs = [
            ("x".to_owned(), Tensor::from_values(&[3], &[1f32, 2.0, 3.0])),
            ("one".to_owned(), Tensor::from_values(&[], &[3f32])),
        ];
        let outputs = session.run(&inputs, &Progress::default()).unwrap();
        assert_eq!(outputs[0].1.numbers(), [3.0, 6.0, 9.0]);
    }

    #[test]
    fn a_batch_normalization_goes_into_the_filter() {
        for (training, fuses) in [(false, true), (true, false)] {
            let mut net = Net::new(Dialect::Tf);
            let x = product(&mut net, 0);
            let sides = [1, 2, 3, 4].map(|seed| net.constant(&numbers(&[CHANNELS], seed * 101)));
            let attrs = Attrs::new()
                .with("epsilon", Attr::Float(1e-3))
                .with("is_training", Attr::Bool(training));
            let attrs = text(attrs, "data_format", "NHWC");
            let [a, b, c, d] = match training {
                true => [
                    sides[0],
                    sides[1],
                    net.constant(&numbers(&[0], 0)),
                    net.constant(&numbers(&[0], 0)),
                ],
                false => sides,
            };
            let outputs = many(
                &mut net,
                "FusedBatchNormV3",
                &[x, a, b, c, d],
                &[DType::Float32; 6],
                attrs,
            );
            let out = net.op("Relu", &[outputs[0]], DType::Float32, Attrs::new());
            let model = net.finish(&[out]);
            let (whole, ops) = ran(&mut session(&model, true));
            let (apart, all) = ran(&mut session(&model, false));
            assert!(near(&whole, &apart));
            assert_eq!((ops.len() == 1, all.len()), (fuses, 3), "{ops:?}");
        }
    }
}
