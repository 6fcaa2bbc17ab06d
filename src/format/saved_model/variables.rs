//! Ties stored variables to objects and nodes: role, owners, name, trainable.

use std::collections::HashSet;

use foldhash::{HashMap, HashMapExt};

use super::bundle::Bundle;
use super::restore::{self, Restored};
use super::{pb, signatures};
use crate::model::{
    Graph, MetaGraph, Name, NodeId, ObjectKind, StoredTable, VariableId, VariableRole,
};

/// A hash table has two entries, named by the table and these.
const KEYS: &str = "-keys";
const VALUES: &str = "-values";

/// Roles, owners and names as the checkpoint's own object graph says.
pub fn describe(bundle: &mut Bundle) {
    let Bundle {
        trackables,
        by_key,
        variables,
        ..
    } = bundle;
    for stored in trackables.stored() {
        for part in ["", KEYS, VALUES] {
            let Some(id) = by_key.get(format!("{}{part}", stored.key).as_str()) else {
                continue;
            };
            let Some(variable) = variables.get_mut(id.0 as usize) else {
                continue;
            };
            let first = stored.paths.first().map_or("", String::as_str);
            variable.role = match (stored.slot, part) {
                (true, _) => VariableRole::Optimizer,
                (false, "") => role_of(first),
                (false, _) => VariableRole::Table,
            };
            if !stored.full_name.is_empty() {
                variable.name = format!("{}{part}", stored.full_name).into();
            } else if !first.is_empty() {
                variable.name = format!("{first}{part}").into();
            }
            variable.owners = stored
                .paths
                .iter()
                .map(|p| Name::from(p.as_str()))
                .collect();
        }
    }
}

/// What TensorFlow calls a variable without a name; it says nothing.
const NAMELESS: &str = "Variable";

/// Variables without a name of their own by where they hang. Only after every graph is linked, which goes by names.
pub fn name_the_nameless(bundle: &mut Bundle) {
    for variable in bundle.variables.iter_mut().filter(|v| &*v.name == NAMELESS) {
        if let Some(owner) = variable.owners.first().filter(|o| !o.is_empty()) {
            variable.name = owner.clone();
        }
    }
}

/// What a variable is for, by where it hangs.
fn role_of(path: &str) -> VariableRole {
    let first = path.split('/').next().unwrap_or(path);
    match first {
        "optimizer" | "_optimizer" => VariableRole::Optimizer,
        "save_counter" | "keras_api" => VariableRole::Bookkeeping,
        _ => VariableRole::Weight,
    }
}

/// Ties one MetaGraph to the bundle; says which keys its saver restores that the bundle does not have.
pub fn link(meta_graph: &mut MetaGraph, bundle: &mut Bundle) -> Vec<Name> {
    objects(meta_graph, bundle);
    let restored = restore::restored(&meta_graph.graphs);
    restored_roles(&restored, bundle);
    let mut absent: Vec<Name> = restored.keys.clone();
    absent.retain(|key| !bundle.by_key.contains_key(key));
    absent.sort();
    absent.dedup();
    let by_name = unique_names(bundle);
    if let Some(main) = meta_graph.graphs.first_mut() {
        restore::link(
            main,
            restored,
            &meta_graph.objects,
            &bundle.by_key,
            &by_name,
        );
        for node in &main.nodes {
            let linked = node
                .variable
                .and_then(|id| bundle.variables.get_mut(id.0 as usize));
            if let Some(variable) = linked.filter(|v| v.role == VariableRole::Orphan) {
                variable.role = VariableRole::Weight;
            }
        }
        meta_graph.stored_tables = stored_tables(main, bundle);
    }
    absent
}

/// Tables whose keys are linked and have their values beside them.
fn stored_tables(main: &Graph, bundle: &Bundle) -> Vec<StoredTable> {
    let table = |node: NodeId| {
        let stored = main.node(node);
        let keys = stored
            .variable
            .filter(|_| stored.op.contains("HashTable"))?;
        let name = bundle
            .variables
            .get(keys.0 as usize)?
            .key
            .strip_suffix(KEYS)?;
        let values = *bundle.by_key.get(format!("{name}{VALUES}").as_str())?;
        Some(StoredTable { node, keys, values })
    };
    main.node_ids().filter_map(table).collect()
}

/// Objects get their variables, variables what the objects know of them.
fn objects(meta_graph: &mut MetaGraph, bundle: &mut Bundle) {
    let keys = bundle.trackables.keys_of(&meta_graph.objects);
    let mut own_names: Vec<(VariableId, Name)> = Vec::new();
    for (object, key) in keys {
        let Some(object) = meta_graph.objects.nodes.get_mut(object as usize) else {
            continue;
        };
        let Some(&id) = bundle.by_key.get(key) else {
            continue;
        };
        if let ObjectKind::Variable {
            variable,
            trainable,
            name,
            ..
        } = &mut object.kind
        {
            *variable = Some(id);
            if let Some(stored) = bundle.variables.get_mut(id.0 as usize) {
                stored.trainable = Some(*trainable);
            }
            own_names.push((id, name.clone()));
        }
    }
    for (id, name) in own_names {
        if !name.is_empty()
            && &*name != NAMELESS
            && let Some(stored) = bundle.variables.get_mut(id.0 as usize)
        {
            stored.name = name;
        }
    }
}

/// Keys of a TF1 checkpoint, which has no objects: weights, and what optimizers add to their names.
fn restored_roles(restored: &Restored, bundle: &mut Bundle) {
    const SLOTS: &[&str] = &[
        "Adam",
        "Adam_1",
        "Momentum",
        "RMSProp",
        "RMSProp_1",
        "Adagrad",
        "Adadelta",
        "Adadelta_1",
        "Ftrl",
        "Ftrl_1",
        "ExponentialMovingAverage",
    ];
    let known: HashSet<&str> = restored.keys.iter().map(|k| &**k).collect();
    for key in &restored.keys {
        let Some(id) = bundle.by_key.get(key) else {
            continue;
        };
        let Some(variable) = bundle.variables.get_mut(id.0 as usize) else {
            continue;
        };
        if variable.role != VariableRole::Orphan {
            continue;
        }
        let is_slot = key
            .rsplit_once('/')
            .is_some_and(|(owner, slot)| SLOTS.contains(&slot) && known.contains(owner));
        variable.role = match &**key {
            "beta1_power" | "beta2_power" => VariableRole::Optimizer,
            "global_step" => VariableRole::Bookkeeping,
            _ if is_slot => VariableRole::Optimizer,
            _ if of_table(key, &known) => VariableRole::Table,
            _ => VariableRole::Weight,
        };
    }
}

/// Whether this key and its twin hold a table of TF1.
fn of_table(key: &str, known: &HashSet<&str>) -> bool {
    let twin = |own: &str, other: &str| {
        let name = key.strip_suffix(own)?;
        Some(known.contains(format!("{name}{other}").as_str()))
    };
    twin(KEYS, VALUES)
        .or_else(|| twin(VALUES, KEYS))
        .unwrap_or(false)
}

/// Variables by name, where one name stands for one variable.
fn unique_names(bundle: &Bundle) -> HashMap<Name, VariableId> {
    let mut names: HashMap<Name, Option<VariableId>> = HashMap::new();
    for (id, variable) in (0u32..).zip(&bundle.variables) {
        names
            .entry(variable.name.clone())
            .and_modify(|known| *known = None)
            .or_insert(Some(VariableId(id)));
    }
    names
        .into_iter()
        .filter_map(|(name, id)| Some((name, id?)))
        .collect()
}

/// TF1 lists its trainable variables in a collection; the others it lists are not.
pub fn trainable_collections(
    collections: &std::collections::BTreeMap<String, pb::CollectionDef>,
    meta_graph: &MetaGraph,
    nodes: &HashMap<Name, NodeId>,
    bundle: &mut Bundle,
) {
    for (collection, trainable) in [("variables", false), ("trainable_variables", true)] {
        let Some(pb::collection_def::Kind::BytesList(list)) =
            collections.get(collection).and_then(|c| c.kind.as_ref())
        else {
            continue;
        };
        for bytes in &list.value {
            let Ok(def) = pb::decode::<pb::VariableDef>(bytes.clone(), collection) else {
                continue;
            };
            let node = nodes.get(signatures::split(&def.variable_name).0);
            let variable = node
                .zip(meta_graph.graphs.first())
                .and_then(|(&id, main)| main.node(id).variable)
                .and_then(|id| bundle.variables.get_mut(id.0 as usize));
            if let Some(variable) = variable {
                variable.trainable = Some(trainable);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_of_a_table_come_in_pairs() {
        let known = HashSet::from(["t-keys", "t-values", "public-keys"]);
        let found = known.iter().filter(|key| of_table(key, &known));
        let mut found: Vec<_> = found.collect();
        found.sort();
        assert_eq!(found, [&"t-keys", &"t-values"]);
    }
}
