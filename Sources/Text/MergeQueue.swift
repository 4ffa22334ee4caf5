/// A heap of places where a merge may be done, the lowest rank first and within a rank the leftmost.
struct MergeQueue {
    // Rank in the upper half and position in the lower: one comparison orders both. Every parent has four children.
    private var heap: [UInt64] = []

    mutating func insert(rank: Int32, position: Int) {
        let entry = UInt64(UInt32(bitPattern: rank)) << 32 | UInt64(truncatingIfNeeded: position)
        var child = heap.count
        heap.append(entry)
        while child > 0 {
            let parent = (child - 1) / 4
            guard entry < heap[parent] else { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = entry
    }

    mutating func popFirst() -> (rank: Int32, position: Int)? {
        guard let last = heap.popLast() else { return nil }
        guard let first = heap.first else { return Self.unpacked(last) }
        var parent = 0
        while 4 * parent + 1 < heap.count {
            var child = 4 * parent + 1
            for sibling in child + 1..<max(child + 1, min(child + 4, heap.count)) where heap[sibling] < heap[child] {
                child = sibling
            }
            guard heap[child] < last else { break }
            heap[parent] = heap[child]
            parent = child
        }
        heap[parent] = last
        return Self.unpacked(first)
    }

    private static func unpacked(_ entry: UInt64) -> (rank: Int32, position: Int) {
        (Int32(truncatingIfNeeded: entry >> 32), Int(entry & 0xFFFF_FFFF))
    }
}
