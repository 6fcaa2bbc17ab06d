//! What stays bright while the rest of a drawing fades.

use std::sync::Arc;

use crate::layout::net::Net;
use crate::layout::scope::Item;

/// Some of the items of a net.
#[derive(Clone)]
pub struct Lit {
    net: Arc<Net>,
    places: Arc<Vec<bool>>,
}

impl Lit {
    /// Everything before and after an item, itself included; and how many there are.
    pub fn reach(net: &Arc<Net>, item: Item) -> (Lit, usize) {
        let (places, count) = net.reach(item);
        let lit = Lit {
            net: net.clone(),
            places: Arc::new(places),
        };
        (lit, count)
    }

    /// A shortest way between two items, and how many steps it has.
    pub fn path(net: &Arc<Net>, from: Item, to: Item) -> Option<(Lit, usize)> {
        let path = net.path(from, to)?;
        let mut places = vec![false; net.len()];
        path.iter()
            .filter_map(|item| net.place(*item))
            .for_each(|at| places[at] = true);
        let lit = Lit {
            net: net.clone(),
            places: Arc::new(places),
        };
        Some((lit, path.len() - 1))
    }

    pub fn contains(&self, item: Item) -> bool {
        let place = self.net.place(item).and_then(|at| self.places.get(at));
        place.copied().unwrap_or(false)
    }
}
