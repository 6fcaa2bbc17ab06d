//! Outputs of a last run, in the memory that they were computed in.

use std::sync::Arc;

use super::memory::Memory;
use super::plan::{Place, Plan};
use super::program::Setup;
use super::values::Values;
use crate::error::{Error, Result};
use crate::memory::{self, AlignedBytes};
use crate::model::{Tensor, ValueId};

/// Part of the arena: offset and bytes.
type Piece = (usize, usize);

/// The outputs of the last run, in order. The arena and copies of what lies in it are never there together, apart from
/// the largest piece but the first.
pub fn outputs(
    setup: Setup<'_>,
    plan: &Plan,
    mut memory: Memory,
    inputs: &[&Tensor],
) -> Result<Vec<Tensor>> {
    let pieces: Vec<Option<Piece>> = (setup.body().outputs.iter())
        .map(|value| match plan.places[value.index()] {
            Place::Arena { offset, bytes } if bytes > 0 => Some((offset, bytes)),
            _ => None,
        })
        .collect();
    let mut whole = Vec::with_capacity(pieces.len());
    for (&value, piece) in setup.body().outputs.iter().zip(&pieces) {
        let values = Values {
            setup,
            plan,
            inputs,
            memory: &memory,
        };
        whole.push(match piece {
            Some(_) => None,
            None => Some(values.whole(value)?),
        });
    }
    let arena = memory.take_arena();
    drop(memory);
    let mut cut = cut(arena, pieces.iter().flatten().copied().collect())?;
    let mut outputs = Vec::with_capacity(pieces.len());
    for (at, (&value, tensor)) in setup.body().outputs.iter().zip(whole).enumerate() {
        outputs.push(match (tensor, pieces[at]) {
            (Some(tensor), _) => Arc::unwrap_or_clone(tensor),
            (None, piece) => {
                let again = pieces[at + 1..].contains(&piece);
                take(plan, value, piece, &mut cut, again)?
            }
        });
    }
    Ok(outputs)
}

/// The piece as a tensor, copied where another output needs it `again`.
fn take(
    plan: &Plan,
    value: ValueId,
    piece: Option<Piece>,
    cut: &mut [(Piece, AlignedBytes)],
    again: bool,
) -> Result<Tensor> {
    let missing = || Error::unsupported("an output was not computed");
    let (dtype, sizes) = plan.known(value).ok_or_else(missing)?;
    let found = cut.iter_mut().find(|(known, _)| Some(*known) == piece);
    let (_, bytes) = found.ok_or_else(missing)?;
    match again {
        true => Tensor::from_bytes(dtype, sizes, bytes.as_slice()),
        false => Tensor::from_memory(dtype, sizes, std::mem::take(bytes)),
    }
}

/// Cuts the arena into these pieces, which are apart or the same: they are moved to its beginning, the rest is given
/// back, and from its end one after the other gets memory of its own, until the first has all that is left.
fn cut(mut arena: AlignedBytes, mut pieces: Vec<Piece>) -> Result<Vec<(Piece, AlignedBytes)>> {
    pieces.sort_unstable();
    pieces.dedup();
    let mut starts = Vec::with_capacity(pieces.len());
    let mut end = 0;
    for &(offset, bytes) in &pieces {
        let memory = arena.as_mut_slice();
        memory.copy_within(offset..offset + bytes, end);
        starts.push(end);
        end += bytes;
    }
    arena.truncate(end);
    let mut cut = Vec::with_capacity(pieces.len());
    for (&piece, &start) in pieces.iter().zip(&starts).skip(1).rev() {
        let mut own = memory::zeroed("an output", piece.1)?;
        own.as_mut_slice()
            .copy_from_slice(&arena.as_slice()[start..]);
        arena.truncate(start);
        cut.push((piece, own));
    }
    cut.extend(pieces.first().map(|&piece| (piece, arena)));
    Ok(cut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attrs, DType, Dialect};
    use crate::progress::Progress;
    use crate::runtime::RunOptions;
    use crate::runtime::tests::{Net, open_with};
    use proptest::prelude::*;

    #[test]
    fn the_last_run_answers_as_the_others_do() {
        let mut net = Net::new(Dialect::Tflite);
        let x = net.input("x", DType::Float32, &[-1, 3]);
        let shape = net.constant(&Tensor::from_values(&[1], &[-1i32]));
        let negative = net.op("NEG", &[x], DType::Float32, Attrs::new());
        let root = net.op("ABS", &[negative], DType::Float32, Attrs::new());
        let flat = net.op("RESHAPE", &[negative, shape], DType::Float32, Attrs::new());
        // Its sizes are the value of an input: a tensor of its own.
        let sizes = net.input("sizes", DType::Int32, &[2]);
        let dynamic = net.op("RESHAPE", &[root, sizes], DType::Float32, Attrs::new());
        let model = net.finish(&[flat, root, x, shape, dynamic, negative, root, dynamic]);
        let mut session = open_with(&model, &RunOptions::default()).unwrap();
        let x = Tensor::from_values(&[2, 3], &[1.0f32, 0.0, 3.0, -4.0, 5.0, 6.0]);
        let sizes = Tensor::from_values(&[2], &[3i32, 2]);
        let given = [("#0".to_owned(), x), ("#1".to_owned(), sizes)];
        let first = session.run(&given, &Progress::new()).unwrap();
        for _ in 0..2 {
            let last = session.run_last(&given, &Progress::new()).unwrap();
            assert_eq!(last, first);
            assert_eq!(session.arena().bytes, 0);
        }
        assert_eq!(session.run(&given, &Progress::new()).unwrap(), first);
    }

    proptest! {
        #[test]
        fn pieces_keep_their_bytes(gaps in prop::collection::vec((0usize..40, 1usize..70), 0..6), again in 0usize..6) {
            let (mut pieces, mut end) = (Vec::new(), 0);
            for (gap, bytes) in gaps {
                pieces.push((end + gap, bytes));
                end += gap + bytes;
            }
            let all: Vec<u8> = (0..end + 9).map(|i| (i * 7 % 251) as u8).collect();
            let mut wanted = pieces.clone();
            wanted.extend(pieces.get(again));
            let mut cut = cut(AlignedBytes::copy_of(&all), wanted).unwrap();
            cut.sort_by_key(|(piece, _)| *piece);
            let found: Vec<_> = cut.iter().map(|(piece, _)| *piece).collect();
            prop_assert_eq!(found, pieces);
            for ((offset, bytes), own) in cut {
                prop_assert_eq!(own.as_slice(), &all[offset..offset + bytes]);
            }
        }
    }
}
