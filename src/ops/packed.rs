//! Packed weights, shared by every session, plan and batch size that packs the same stored values alike.
//!
//! One table for the process that keeps nothing alive: an entry goes with the last kernel that holds its weights.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use super::fact::Identity;
use super::{Constant, Context};
use crate::error::Result;
use crate::kernels::fast::Aligned;

/// How weights are packed, besides the type that they are packed into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Order in which the filter's axes are read; further ones stay 0.
    pub order: [usize; 4],
    pub groups: usize,
    /// Output channels.
    pub channels: usize,
    /// Height, width and input channels.
    pub window: [usize; 3],
    /// Along the width, so that a row of the window is no run.
    pub dilated: bool,
    /// For sums in the order of the plain kernels.
    pub in_order: bool,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    sources: Vec<Option<Identity>>,
    layout: Layout,
    kind: TypeId,
}

type Entry = Arc<dyn Any + Send + Sync>;
type Table = HashMap<Key, Weak<dyn Any + Send + Sync>>;

static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Packed weights; the values that they were made of stay where they are as long as these live.
pub struct Shared<W> {
    weights: W,
    key: Option<Key>,
}

impl<W> Deref for Shared<W> {
    type Target = W;

    fn deref(&self) -> &W {
        &self.weights
    }
}

impl<W> Drop for Shared<W> {
    fn drop(&mut self) {
        let Some(key) = &self.key else { return };
        let mut table = table();
        // Somebody may have packed them again meanwhile.
        if table
            .get(key)
            .is_some_and(|entry| entry.strong_count() == 0)
        {
            table.remove(key);
        }
    }
}

/// Memory that one operator after the other packs weights into which it does not keep.
#[derive(Default)]
pub struct Room(Mutex<Option<Aligned>>);

impl Room {
    fn held(&self) -> MutexGuard<'_, Option<Aligned>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The memory, unless another operator has it.
    pub fn take(&self) -> Aligned {
        self.held().take().unwrap_or_else(Aligned::empty)
    }

    pub fn give(&self, memory: Aligned) {
        let len = |memory: &Aligned| memory.values::<u8>().len();
        let mut held = self.held();
        if held.as_ref().is_none_or(|held| len(held) < len(&memory)) {
            *held = Some(memory);
        }
    }
}

/// What `pack` makes of the constants at `inputs`, or what it made of them before. `None` where an input that is there
/// is no constant, and where `pack` says so.
pub fn shared<W: Send + Sync + 'static>(
    cx: &Context,
    inputs: &[usize],
    layout: Layout,
    pack: impl FnOnce() -> Result<Option<W>>,
) -> Result<Option<Arc<Shared<W>>>> {
    let Some(key) = key(cx, inputs, layout, TypeId::of::<W>()) else {
        return Ok(None);
    };
    let found = key.as_ref().and_then(found);
    if let Some(Ok(weights)) = found.map(Arc::downcast::<Shared<W>>) {
        return Ok(Some(weights));
    }
    let Some(weights) = pack()? else {
        return Ok(None);
    };
    for &input in inputs {
        let fact = cx.inputs.get(input).and_then(Option::as_ref);
        if let Some(constant) = fact.and_then(|fact| fact.constant.as_ref()) {
            constant.let_go();
        }
    }
    let weights = Arc::new(Shared {
        weights,
        key: key.clone(),
    });
    if let Some(key) = key {
        enter(key, weights.clone());
    }
    Ok(Some(weights))
}

/// What these constants are found by, if there is something; `None` where one is no constant.
fn key(cx: &Context, inputs: &[usize], layout: Layout, kind: TypeId) -> Option<Option<Key>> {
    let mut sources = Vec::with_capacity(inputs.len());
    let mut known = true;
    for &input in inputs {
        let fact = cx.inputs.get(input).and_then(Option::as_ref);
        let Some(fact) = fact else {
            sources.push(None);
            continue;
        };
        let identity = Constant::identity(fact.constant.as_ref()?);
        known &= identity.is_some();
        sources.push(identity);
    }
    Some(known.then_some(Key {
        sources,
        layout,
        kind,
    }))
}

fn found(key: &Key) -> Option<Entry> {
    table().get(key).and_then(Weak::upgrade)
}

fn enter(key: Key, entry: Entry) {
    let old = table().insert(key, Arc::downgrade(&entry));
    drop(old);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DType, Dialect, Graph, GraphKind, Node, TensorData};
    use crate::ops::Fact;

    const LAYOUT: Layout = Layout {
        order: [0, 1, 2, 3],
        groups: 1,
        channels: 2,
        window: [1, 1, 1],
        dilated: false,
        in_order: false,
    };

    /// Packs two weights of `data` and says whether it had to.
    fn pack(data: &TensorData, layout: Layout) -> (Arc<Shared<Vec<f32>>>, bool) {
        let graph = Graph::new("", GraphKind::Subgraph, Dialect::Tflite);
        let constant = Constant::stored(DType::Float32, &[2], data.clone());
        let inputs = [None, Some(Fact::constant(constant))];
        let node = Node::new("", "");
        let cx = Context::new(&graph, &node, &inputs);
        let mut called = false;
        let values = || {
            called = true;
            Ok(cx
                .constant(1)?
                .and_then(|t| t.values().map(<[f32]>::to_vec)))
        };
        let weights = shared(&cx, &[1, 2], layout, values).unwrap().unwrap();
        (weights, called)
    }

    #[test]
    fn stored_values_are_packed_once_for_each_layout() {
        let data = TensorData::plain(bytemuck::cast_slice(&[1.0f32, 2.0]).to_vec());
        let (first, called) = pack(&data, LAYOUT);
        assert!(called && **first == [1.0, 2.0]);
        let (second, called) = pack(&data, LAYOUT);
        assert!(!called && Arc::ptr_eq(&first, &second));
        let other = Layout {
            groups: 2,
            ..LAYOUT
        };
        assert!(pack(&data, other).1, "another layout");
        let equal = TensorData::plain(bytemuck::cast_slice(&[1.0f32, 2.0]).to_vec());
        assert!(pack(&equal, LAYOUT).1, "values of another place");
    }

    #[test]
    fn the_table_keeps_nothing_alive() {
        let data = TensorData::plain(bytemuck::cast_slice(&[3.0f32, 4.0]).to_vec());
        let (weights, _) = pack(&data, LAYOUT);
        let key = weights.key.clone().unwrap();
        drop(weights);
        assert!(!table().contains_key(&key));
        assert!(pack(&data, LAYOUT).1);
    }
}
