//! A set of graph positions, as bits: selections of thousands of nodes are combined in microseconds.

/// Positions of [`Graph`](crate::Graph) ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NodeSet(Vec<u64>);

impl NodeSet {
    /// An empty set that can hold the positions below `length`.
    pub(super) fn empty(length: usize) -> Self {
        Self(vec![0; length.div_ceil(64)])
    }

    /// All positions below `length`.
    pub(super) fn full(length: usize) -> Self {
        let mut set = Self::empty(length);
        (0..length).for_each(|position| {
            set.insert(position);
        });
        set
    }

    /// Whether the position is new to the set.
    pub(super) fn insert(&mut self, position: usize) -> bool {
        let Some(word) = self.0.get_mut(position / 64) else { return false };
        let bit = 1u64 << (position % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    pub(super) fn contains(&self, position: usize) -> bool {
        self.0.get(position / 64).is_some_and(|word| word & (1u64 << (position % 64)) != 0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(index, &word)| {
            (0..64).filter(move |bit| word & (1u64 << bit) != 0).map(move |bit| index * 64 + bit)
        })
    }

    pub(super) fn union(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
        self
    }

    pub(super) fn intersection(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
        self
    }

    pub(super) fn difference(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= !other);
        self
    }
}
