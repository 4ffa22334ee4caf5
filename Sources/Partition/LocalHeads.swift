/// The heads of an attention, or with states, that a rank computes; of the latter key-value heads are the covered ones.
public struct LocalHeads: Sendable, Hashable {
    /// Its query heads, by their numbers in the complete model.
    public var queries: Range<Int>
    /// The key-value heads that those read, by their numbers in the complete model.
    public var keyValues: Range<Int>
    /// Query heads in memory, padding included.
    public var heldQueries: Int
    /// Key-value heads in memory, padding included.
    public var heldKeyValues: Int
    /// For each held query head, which of the held key-value heads it reads.
    public var keyValueHead: [Int]

    /// The heads of a rank with these ranges.
    ///
    /// - Parameter groupSize: query heads that read one key-value head.
    init(queries: Range<Int>, keyValues: Range<Int>, heldQueries: Int, heldKeyValues: Int, groupSize: Int) {
        self.queries = queries
        self.keyValues = keyValues
        self.heldQueries = heldQueries
        self.heldKeyValues = heldKeyValues
        // From the global number: a rank's range may begin inside a group. Padding reads whatever is there.
        keyValueHead = (0..<heldQueries).map { local in
            let global = queries.lowerBound + local
            return max(0, min(global / groupSize - keyValues.lowerBound, heldKeyValues - 1))
        }
    }
}
