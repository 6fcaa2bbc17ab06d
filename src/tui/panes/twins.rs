//! What tells tensors of the same name from each other, as the copies that Keras stores of its variables.

use std::collections::HashMap;
use std::hash::Hash;

use crate::analysis::Place;
use crate::model::{Format, Model, Variable};
use crate::tui::text;

/// Columns that a list of names gets for it where it can.
pub const ROOM: usize = 18;

/// How a name stands to the others of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// No other is the same.
    None,
    /// Another is; the last part of what tells them does.
    Last,
    /// The last parts are the same too: `_all_variables/0` and `variables/0`.
    Whole,
}

/// Of each name whether another is the same.
pub fn among<N: Hash + Eq>(names: impl Iterator<Item = N> + Clone) -> Vec<bool> {
    let mut counts: HashMap<N, usize> = HashMap::new();
    names
        .clone()
        .for_each(|name| *counts.entry(name).or_default() += 1);
    names
        .map(|name| counts.get(&name).is_some_and(|n| *n > 1))
        .collect()
}

/// As [`among`], and which part of `told(at)` tells the name at `at` from its twins.
pub fn kinds<'n>(
    names: impl Iterator<Item = &'n str> + Clone,
    told: impl Fn(usize) -> String,
) -> Vec<Twin> {
    let twins = among(names.clone());
    let told = |(at, is_twin): (usize, &bool)| is_twin.then(|| told(at)).unwrap_or_default();
    let told: Vec<String> = twins.iter().enumerate().map(told).collect();
    let last = told.iter().map(|told| told.rsplit('/').next());
    let alike = among(names.zip(last));
    let kind = |(is_twin, is_alike)| match (is_twin, is_alike) {
        (false, _) => Twin::None,
        (true, false) => Twin::Last,
        (true, true) => Twin::Whole,
    };
    twins.into_iter().zip(alike).map(kind).collect()
}

/// What [`told_by`] gives, in a word.
pub fn word(model: &Model, place: &Place) -> &'static str {
    match place {
        Place::Variable(_) => "key",
        _ if model.format == Format::Tflite => "tensor",
        _ => "graph",
    }
}

/// The key of a variable in the checkpoint, the function that a constant is in, the number of a tensor of a .tflite.
pub fn told_by(model: &Model, place: &Place) -> String {
    let told = match place {
        Place::Variable(id) => {
            return model
                .variables
                .get(id.0 as usize)
                .map_or(String::new(), key_of);
        }
        Place::Constant { value, .. } if model.format == Format::Tflite => {
            Some(format!("#{}", value.index()))
        }
        Place::Constant { .. } => place.graph(model).map(|g| g.name.to_string()),
        _ => None,
    };
    text::clean(&told.unwrap_or_default())
}

/// The key in the checkpoint, without what every key ends with.
pub fn key_of(variable: &Variable) -> String {
    let key = variable.key.split("/.ATTRIBUTES/").next();
    text::clean(key.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_stand_twice_are_twins() {
        let names = ["conv/kernel", "bias", "conv/kernel"];
        assert_eq!(among(names.into_iter()), [true, false, true]);
    }

    #[test]
    fn twins_are_told_by_the_last_part_where_that_tells() {
        let names = ["a", "a", "b", "c", "c"];
        let told = ["all/0", "kept/0", "all/1", "all/2", "kept/3"];
        assert_eq!(
            kinds(names.into_iter(), |at| told[at].to_owned()),
            [Twin::Whole, Twin::Whole, Twin::None, Twin::Last, Twin::Last]
        );
    }
}
