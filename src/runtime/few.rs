//! Lists as short as a step's operands: on the stack where they are few, else in memory that is kept between steps.

/// Elements that are listed on the stack.
const FEW: usize = 8;

/// A list of places to be filled in.
pub enum Few<T> {
    Stack([Option<T>; FEW], usize),
    Kept(Vec<Option<T>>),
}

/// The memory of a longer list between its uses; `T` is laid out as the elements are.
#[derive(Default)]
pub struct Spare<T>(Vec<T>);

impl<T> Spare<T> {
    pub fn with_room(count: usize) -> Self {
        Spare(Vec::with_capacity(if count > FEW { count } else { 0 }))
    }
}

impl<T> Few<T> {
    /// `count` empty places, many of them in the memory of `spare`.
    #[inline(always)]
    pub fn new<S>(count: usize, spare: &mut Spare<S>) -> Self {
        if count <= FEW {
            // A constant is laid down at once; places made one after the other are copied to the list.
            return Few::Stack([const { None }; FEW], count);
        }
        let mut list: Vec<Option<T>> = emptied(std::mem::take(&mut spare.0));
        list.resize_with(count, || None);
        Few::Kept(list)
    }

    #[inline(always)]
    pub fn places(&mut self) -> &mut [Option<T>] {
        match self {
            Few::Stack(places, count) => &mut places[..*count],
            Few::Kept(places) => places,
        }
    }

    /// Keeps the memory for the next list.
    pub fn give_back<S>(self, spare: &mut Spare<S>) {
        if let Few::Kept(list) = self {
            spare.0 = emptied(list);
        }
    }
}

/// An empty list in the memory of `list`, for elements of the same layout: collecting in place keeps the allocation.
fn emptied<A, B>(mut list: Vec<A>) -> Vec<B> {
    const { assert!(size_of::<A>() == size_of::<B>() && align_of::<A>() == align_of::<B>()) };
    list.clear();
    list.into_iter().filter_map(|_| None).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_lie_in_the_same_memory_again() {
        let mut spare: Spare<Option<&'static u64>> = Spare::with_room(20);
        let place = spare.0.as_ptr().addr();
        let value = 7;
        for count in [0, 3, 8, 9, 20, 12] {
            let mut list: Few<&u64> = Few::new(count, &mut spare);
            assert!(list.places().iter().all(Option::is_none));
            list.places().fill(Some(&value));
            assert_eq!(list.places().len(), count);
            assert_eq!(count > FEW, list.places().as_ptr().addr() == place);
            list.give_back(&mut spare);
        }
    }
}
