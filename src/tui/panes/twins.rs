//! What tells tensors of the same name from each other, as the copies that Keras stores of its variables.

use std::collections::HashMap;

use crate::analysis::Place;
use crate::model::{Format, Model, Variable};
use crate::tui::text;

/// Columns that a list of names gets for it where it can.
pub const ROOM: usize = 18;

/// Of each name whether another is the same.
pub fn among<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Vec<bool> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    names
        .clone()
        .for_each(|name| *counts.entry(name).or_default() += 1);
    names
        .map(|name| counts.get(name).is_some_and(|n| *n > 1))
        .collect()
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
}
