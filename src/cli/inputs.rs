//! Inputs of a run from `--input` and `--inputs`.

use std::path::Path;

use super::output;
use crate::error::{Error, Result};
use crate::feed;
use crate::format::npy;
use crate::model::{Port, Tensor};

/// Seed of inputs that nobody gave.
const SEED: u64 = 0;

/// One tensor per port, by the port's name. What is given under an unknown name is an error; what is not given has its default or is
/// random.
pub fn gather(
    ports: &[Port],
    specs: &[(String, String)],
    archive: Option<&Path>,
) -> Result<Vec<(String, Tensor)>> {
    let mut slots: Vec<Option<Tensor>> = vec![None; ports.len()];
    if let Some(path) = archive {
        for (key, tensor) in npy::read_npz(path)? {
            let index = port_index(ports, &key).map_err(|e| e.in_file(path))?;
            let port = &ports[index];
            slots[index] = Some(feed::fit(tensor, port).map_err(|e| e.at(&key).in_file(path))?);
        }
    }
    for (name, spec) in specs {
        let index = port_index(ports, name)?;
        let (tensor, said) = feed::parse_told(spec, &ports[index])
            .map_err(|e| e.at(format_args!("input {name:?}")))?;
        if let Some(said) = said {
            output::note(&format!("input {name:?}: {said}"));
        }
        slots[index] = Some(tensor);
    }
    ports
        .iter()
        .zip(slots)
        .map(|(port, slot)| {
            let tensor = match (slot, port.default_value()) {
                (Some(tensor), _) => tensor,
                (None, Some(default)) => default?,
                (None, None) => {
                    output::note(&format!(
                        "no value for input {:?} ({} {}): random values of seed {SEED}; give one with --input {}=…",
                        port.name, port.dtype, port.shape, port.name
                    ));
                    feed::random(port, SEED)?
                }
            };
            Ok((port.name.to_string(), tensor))
        })
        .collect()
}

/// A port by its name, or by `#N`.
fn port_index(ports: &[Port], name: &str) -> Result<usize> {
    let numbered = || {
        let index = name.strip_prefix('#')?.parse().ok()?;
        (index < ports.len()).then_some(index)
    };
    ports
        .iter()
        .position(|p| &*p.name == name)
        .or_else(numbered)
        .ok_or_else(|| {
            let known: Vec<_> = ports.iter().map(|p| &*p.name).collect();
            Error::usage(format!("no input {name:?}"))
                .hint(format!("there are: {}", known.join(", ")))
        })
}
