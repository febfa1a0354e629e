//! Hash tables never give memory back by themselves: after a burst of calls they would keep the memory of its peak.

use rustc_hash::FxHashMap;

const SMALLEST_CAPACITY: usize = 1_024;

/// Call this after a removal. It halves a table that is less than a quarter full, which costs each removal little.
pub fn after_removal<V>(table: &mut FxHashMap<u32, V>) {
    let (len, capacity) = (table.len(), table.capacity());
    if capacity > SMALLEST_CAPACITY && len < capacity / 4 {
        table.shrink_to(2 * len);
    }
}
