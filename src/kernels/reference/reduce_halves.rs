//! Sums, means and products of half types whose every step is rounded, in the order in which TensorFlow's kernels take
//! the elements: eight lanes at a time.

use crate::kernels::elementwise::halves::{LANES, Steps};

use super::reduce::Reduction;

/// The sum of one row.
pub fn sum<T: Steps>(row: &[T]) -> T {
    let fold = Fold {
        one: T::ZERO,
        f: T::add,
        tree: true,
    };
    fold.row(row)
}

/// Sum, mean or product of `input` over the axes where `reduced` is true.
pub fn reduce_steps<T: Steps>(
    op: Reduction,
    input: &[T],
    shape: &[usize],
    reduced: &[bool],
    output: &mut [T],
) {
    let (one, f): (T, fn(T, T) -> T) = match op {
        Reduction::Prod => (T::narrow(1.0), T::mul),
        _ => (T::ZERO, T::add),
    };
    let fold = Fold {
        one,
        f,
        tree: op != Reduction::Prod,
    };
    let (sizes, gone) = runs(shape, reduced);
    match (&sizes[..], &gone[..]) {
        (&[], _) => output.copy_from_slice(input),
        (&[.., length], &[.., true]) if gone.len() <= 2 => {
            for (out, row) in output.iter_mut().zip(input.chunks_exact(length.max(1))) {
                *out = fold.row(row);
            }
        }
        (&[_, _] | &[_, _, _], &[.., true, false]) => {
            let [length, inner] = [sizes[sizes.len() - 2], sizes[sizes.len() - 1]];
            fold.columns(input, length, inner, output);
        }
        (&[length, kept, inner], &[true, false, true]) => {
            for (at, out) in output.iter_mut().enumerate() {
                let lines = (0..inner).flat_map(|i| (0..length).map(move |a| (a, i)));
                *out = lines
                    .map(|(a, i)| input[(a * kept + at) * inner + i])
                    .fold(one, f);
            }
        }
        _ => fold.gathered(input, &sizes, &gone, output),
    }
    if op == Reduction::Mean {
        let count = input.len().checked_div(output.len()).unwrap_or(0);
        let count = T::narrow(count as f32);
        output.iter_mut().for_each(|out| *out = out.div(count));
    }
}

/// Neighbouring axes that go or stay together, as one; an axis of size 1 goes with the one before it.
fn runs(shape: &[usize], reduced: &[bool]) -> (Vec<usize>, Vec<bool>) {
    let (mut sizes, mut gone): (Vec<usize>, Vec<bool>) = (Vec::new(), Vec::new());
    for (&size, &goes) in shape.iter().zip(reduced) {
        match (sizes.last_mut(), gone.last()) {
            (None, _) if size == 1 => {}
            (Some(last), Some(&before)) if size == 1 || before == goes => *last *= size,
            _ => {
                sizes.push(size);
                gone.push(goes);
            }
        }
    }
    (sizes, gone)
}

struct Fold<T> {
    one: T,
    f: fn(T, T) -> T,
    tree: bool,
}

impl<T: Steps> Fold<T> {
    /// Four packets take turns while there are four; what is left of the lanes comes last.
    fn row(&self, row: &[T]) -> T {
        if self.tree && row.len() > LANES * T::LEAF {
            let (left, right) = row.split_at(row.len().div_ceil(2).next_multiple_of(LANES));
            let left = (self.f)(self.one, self.row(left));
            return (self.f)(left, self.row(right));
        }
        let (packets, rest) = row.as_chunks::<LANES>();
        let mut turns = [[self.one; LANES]; 4];
        let (fours, last) = packets.as_chunks::<4>();
        for four in fours {
            for (sums, packet) in turns.iter_mut().zip(four) {
                self.add(sums, packet);
            }
        }
        let [mut sums, others @ ..] = turns;
        for packet in others.iter().filter(|_| !fours.is_empty()).chain(last) {
            self.add(&mut sums, packet);
        }
        let rest = rest.iter().fold(self.one, |sum, &v| (self.f)(sum, v));
        (self.f)(rest, self.lanes(sums.map(T::wide)))
    }

    fn add(&self, sums: &mut [T; LANES], packet: &[T; LANES]) {
        for (sum, &v) in sums.iter_mut().zip(packet) {
            *sum = (self.f)(*sum, v);
        }
    }

    /// The lanes of a packet come together in float32, halves on halves.
    fn lanes(&self, v: [f32; LANES]) -> T {
        let f = |a: f32, b: f32| if self.tree { a + b } else { a * b };
        let four: [f32; 4] = std::array::from_fn(|at| f(v[at], v[at + 4]));
        T::narrow(f(f(four[0], four[2]), f(four[1], four[3])))
    }

    /// Over the middle of `[outer, length, inner]`. Where a whole packet of outputs lies within a row, four lines take
    /// turns; elsewhere they come in order.
    fn columns(&self, input: &[T], length: usize, inner: usize, output: &mut [T]) {
        const TURNS: usize = 4;
        let total = output.len();
        for (at, out) in output.iter_mut().enumerate() {
            let first = at / inner * length * inner + at % inner;
            let line = |step: usize| input[first + step * inner];
            let packet = at / LANES * LANES;
            let whole = packet + LANES <= total && packet % inner + LANES <= inner;
            if !whole || length < 4 * TURNS {
                *out = (0..length).map(line).fold(self.one, self.f);
                continue;
            }
            let most = length / TURNS * TURNS;
            let turn = |from: usize| (from..most).step_by(TURNS).map(line).fold(self.one, self.f);
            let sums = (1..TURNS).map(turn).fold(turn(0), self.f);
            *out = (most..length).map(line).fold(sums, self.f);
        }
    }

    /// Any other set of axes: the elements of each output are laid in a row.
    fn gathered(&self, input: &[T], sizes: &[usize], gone: &[bool], output: &mut [T]) {
        let strides = |which: bool| {
            let mut picked = (Vec::new(), Vec::new());
            for axis in (0..sizes.len()).filter(|&axis| gone[axis] == which) {
                picked.0.push(sizes[axis]);
                let stride: usize = sizes[axis + 1..].iter().product();
                picked.1.push(stride);
            }
            picked
        };
        let ((kept, kept_strides), (folded, folded_strides)) = (strides(false), strides(true));
        let place = |mut at: usize, sizes: &[usize], strides: &[usize]| {
            let mut place = 0;
            for (size, stride) in sizes.iter().zip(strides).rev() {
                place += at % size * stride;
                at /= size;
            }
            place
        };
        let count: usize = folded.iter().product();
        let mut row = Vec::with_capacity(count);
        for (at, out) in output.iter_mut().enumerate() {
            let first = place(at, &kept, &kept_strides);
            row.clear();
            row.extend((0..count).map(|at| input[first + place(at, &folded, &folded_strides)]));
            *out = self.row(&row);
        }
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    #[test]
    fn every_set_of_axes_sums_what_belongs_together() {
        let shape = [3, 1, 4, 2, 5];
        let input: Vec<f16> = (0..120).map(|at| f16::from_f32((at % 7) as f32)).collect();
        for set in 0..32 {
            let reduced: Vec<bool> = (0..5).map(|axis| set >> axis & 1 == 1).collect();
            let kept = (0..5)
                .filter(|&axis| !reduced[axis])
                .map(|axis| shape[axis]);
            let count: usize = kept.product();
            let (mut found, mut wanted) = (vec![f16::ZERO; count], vec![f16::ZERO; count]);
            reduce_steps(Reduction::Sum, &input, &shape, &reduced, &mut found);
            super::super::reduce::reduce_numbers(
                Reduction::Sum,
                crate::kernels::Rules::TensorFlow,
                &input,
                &shape,
                &reduced,
                &mut wanted,
            );
            // Small whole numbers are exact in any order.
            assert_eq!(found, wanted, "{reduced:?}");
        }
    }
}
