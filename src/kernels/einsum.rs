//! Sums of products over named axes, as one product of matrices for each element of the axes that both sides keep.

use bytemuck::Pod;

use super::movement::copy::{Side, copy_strided};
use super::reference::matmul::{MatMul, MulAdd};
use super::strides::{MAX_RANK, Walk, row_major};

/// An operand as its axes say: size and stride of every label, equal labels together.
#[derive(Debug, Clone)]
pub struct Operand {
    axes: Vec<Axis>,
}

#[derive(Debug, Clone, Copy)]
struct Axis {
    label: u32,
    size: usize,
    stride: isize,
}

impl Operand {
    /// `labels` of the axes of `shape`. An axis of size 1 stands for any size.
    pub fn new(labels: &[u32], shape: &[usize]) -> Self {
        let strides = row_major(shape);
        let mut axes: Vec<Axis> = Vec::new();
        for ((&label, &size), &stride) in labels.iter().zip(shape).zip(&strides) {
            let stride = if size == 1 { 0 } else { stride };
            match axes.iter_mut().find(|axis| axis.label == label) {
                Some(axis) => {
                    axis.stride += stride;
                    axis.size = axis.size.max(size);
                }
                None => axes.push(Axis {
                    label,
                    size,
                    stride,
                }),
            }
        }
        Operand { axes }
    }

    fn has(&self, label: u32) -> bool {
        self.axes.iter().any(|axis| axis.label == label)
    }

    fn stride(&self, label: u32) -> isize {
        let axis = self.axes.iter().find(|axis| axis.label == label);
        axis.map_or(0, |axis| axis.stride)
    }
}

/// Lays an operand out along some of its labels and sums over the rest.
#[derive(Debug, Clone)]
struct Layout {
    kept: Laid,
    /// Of the labels that are summed over; `None` without any.
    summed: Option<Walk<1>>,
}

/// Where the elements of a row-major array of `sizes` lie in another one.
#[derive(Debug, Clone)]
struct Laid {
    sizes: Vec<usize>,
    from: Side,
}

impl Laid {
    fn new(labels: &[u32], size: &impl Fn(u32) -> usize, operand: &Operand) -> Self {
        let mut strides = [0; MAX_RANK];
        for (stride, &label) in strides.iter_mut().zip(labels) {
            *stride = operand.stride(label);
        }
        Laid {
            sizes: labels.iter().map(|&label| size(label)).collect(),
            from: Side { start: 0, strides },
        }
    }

    fn len(&self) -> usize {
        self.sizes.iter().product()
    }

    fn walk(&self) -> Walk<1> {
        Walk::new(&self.sizes, [self.from.strides])
    }

    fn copy<T: Pod>(&self, source: &[T], out: &mut [T]) {
        let (source, out) = (bytemuck::cast_slice(source), bytemuck::cast_slice_mut(out));
        let whole = Side::whole(&self.sizes);
        copy_strided(
            size_of::<T>(),
            &self.sizes,
            (source, self.from),
            (out, whole),
        );
    }
}

impl Layout {
    fn new(operand: &Operand, kept: &[u32], size: &impl Fn(u32) -> usize) -> Self {
        let rest: Vec<u32> = (operand.axes.iter().map(|axis| axis.label))
            .filter(|label| !kept.contains(label))
            .collect();
        let summed = || Laid::new(&rest, size, operand).walk();
        Layout {
            kept: Laid::new(kept, size, operand),
            summed: (!rest.is_empty()).then(summed),
        }
    }

    fn fill<T: MulAdd + Pod>(&self, one: T, source: &[T], out: &mut [T]) {
        let Some(summed) = &self.summed else {
            return self.kept.copy(source, out);
        };
        let mut next = 0;
        for run in self.kept.walk().runs([0]) {
            let mut at = run.at[0];
            for _ in 0..run.len {
                let mut sum = None;
                for run in summed.runs([at]) {
                    let mut at = run.at[0];
                    for _ in 0..run.len {
                        sum = Some(match sum {
                            None => source[at],
                            Some(sum) => T::mul_add(sum, source[at], one),
                        });
                        at = at.wrapping_add_signed(run.step[0]);
                    }
                }
                out[next] = sum.unwrap_or_default();
                next += 1;
                at = at.wrapping_add_signed(run.step[0]);
            }
        }
    }
}

/// One operand: axes put in another order, diagonals, sums.
#[derive(Debug, Clone)]
pub struct Single(Layout);

impl Single {
    pub fn new(operand: &Operand, result: &[u32]) -> Self {
        let size = |label: u32| size_of_label(&[operand], label);
        Single(Layout::new(operand, result, &size))
    }

    /// `one` is the number 1.
    pub fn run<T: MulAdd + Pod>(&self, one: T, source: &[T], out: &mut [T]) {
        self.0.fill(one, source, out);
    }
}

fn size_of_label(operands: &[&Operand], label: u32) -> usize {
    let axes = operands.iter().flat_map(|operand| &operand.axes);
    let sizes = axes
        .filter(|axis| axis.label == label)
        .map(|axis| axis.size);
    sizes.fold(1, |all, size| if size == 1 { all } else { size })
}

/// Two operands.
#[derive(Debug, Clone)]
pub struct Pair {
    sides: [Layout; 2],
    /// The product of each pair of matrices.
    pub product: MatMul,
    pub batch: Vec<usize>,
    /// The result's elements in `[batch, m, n]`.
    result: Laid,
}

impl Pair {
    pub fn new(operands: [&Operand; 2], result: &[u32]) -> Self {
        let [a, b] = operands;
        let size = |label: u32| size_of_label(&operands, label);
        let among = |wanted: &dyn Fn(u32) -> bool, labels: &mut dyn Iterator<Item = u32>| {
            labels.filter(|&label| wanted(label)).collect::<Vec<u32>>()
        };
        let both = among(&|l| a.has(l) && b.has(l), &mut result.iter().copied());
        let rows = among(&|l| a.has(l) && !b.has(l), &mut result.iter().copied());
        let columns = among(&|l| !a.has(l) && b.has(l), &mut result.iter().copied());
        let of_a = &mut a.axes.iter().map(|axis| axis.label);
        let depth = among(&|l| b.has(l) && !result.contains(&l), of_a);
        let count = |labels: &[u32]| labels.iter().map(|&l| size(l)).product::<usize>();
        let product = MatMul {
            m: count(&rows),
            k: count(&depth),
            n: count(&columns),
            adj_x: false,
            adj_y: false,
        };
        let sides = [
            Layout::new(a, &[&*both, &rows, &depth].concat(), &size),
            Layout::new(b, &[&*both, &depth, &columns].concat(), &size),
        ];
        let order = [&*both, &rows, &columns].concat();
        let sizes: Vec<usize> = order.iter().map(|&label| size(label)).collect();
        let products = Operand::new(&order, &sizes);
        Pair {
            sides,
            product,
            batch: vec![count(&both)],
            result: Laid::new(result, &size, &products),
        }
    }

    /// Elements of both sides and of their product as they are laid out.
    pub fn lens(&self) -> [usize; 3] {
        let [a, b] = &self.sides;
        let product = self.batch[0] * self.product.m * self.product.n;
        [a.kept.len(), b.kept.len(), product]
    }

    /// Lays side 0 or 1 out as matrices.
    pub fn lay<T: MulAdd + Pod>(&self, side: usize, one: T, source: &[T], out: &mut [T]) {
        self.sides[side].fill(one, source, out);
    }

    /// Puts the products in the order of the result.
    pub fn finish<T: Pod>(&self, products: &[T], out: &mut [T]) {
        self.result.copy(products, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::reference::matmul::batch_matmul;
    use proptest::prelude::*;

    const SIZES: [usize; 6] = [2, 3, 1, 4, 2, 3];

    /// The definition: every combination of label values adds its product.
    fn plain(terms: [&[u32]; 2], sources: [&[f64]; 2], result: &[u32]) -> Vec<f64> {
        let at = |labels: &[u32], index: &[usize]| {
            labels
                .iter()
                .fold(0, |at, &l| at * SIZES[l as usize] + index[l as usize])
        };
        let count = result.iter().map(|&l| SIZES[l as usize]).product();
        let mut out = vec![0.0; count];
        let used = |l: usize| terms.iter().any(|t| t.contains(&(l as u32)));
        let limits: Vec<usize> = (0..SIZES.len())
            .map(|l| if used(l) { SIZES[l] } else { 1 })
            .collect();
        for flat in 0..limits.iter().product::<usize>() {
            let mut rest = flat;
            let index: Vec<usize> = (limits.iter())
                .map(|&limit| {
                    let i = rest % limit;
                    rest /= limit;
                    i
                })
                .collect();
            let product = sources[0][at(terms[0], &index)] * sources[1][at(terms[1], &index)];
            out[at(result, &index)] += product;
        }
        out
    }

    proptest! {
        #[test]
        fn a_pair_is_the_sum_over_all_labels(
            a in prop::collection::vec(0u32..6, 0..4),
            b in prop::collection::vec(0u32..6, 0..4),
            keep in prop::collection::vec(any::<bool>(), 6),
        ) {
            let shape = |labels: &[u32]| labels.iter().map(|&l| SIZES[l as usize]).collect::<Vec<_>>();
            let values = |labels: &[u32]| -> Vec<f64> {
                (0..shape(labels).iter().product::<usize>()).map(|i| (i % 7) as f64 - 2.0).collect()
            };
            let mut result: Vec<u32> = a.iter().chain(&b).copied().filter(|&l| keep[l as usize]).collect();
            result.sort_unstable();
            result.dedup();
            result.reverse();
            let (x, y) = (values(&a), values(&b));
            let pair = Pair::new([&Operand::new(&a, &shape(&a)), &Operand::new(&b, &shape(&b))], &result);
            let mut laid = pair.lens().map(|len| vec![0.0; len]);
            pair.lay(0, 1.0, &x, &mut laid[0]);
            pair.lay(1, 1.0, &y, &mut laid[1]);
            let [left, right, products] = &mut laid;
            batch_matmul(&pair.product, (left, &pair.batch), (right, &pair.batch), (products, &pair.batch));
            let mut out = vec![0.0; shape(&result).iter().product()];
            pair.finish(products, &mut out);
            prop_assert_eq!(out, plain([&a, &b], [&x, &y], &result));
        }
    }
}
