/// The merges of a model: for a pair of neighbouring tokens, the rank of their merge and the token that it makes.
///
/// Open addressing with a multiplicative hash: the table is asked several times per byte of text.
struct MergeTable: Sendable {
    struct Merge: Sendable {
        let rank: Int32
        let token: Int32
    }

    private var keys: [UInt64]
    private var merges: [Merge]
    private let shift: UInt64
    private static let empty = UInt64.max

    /// An empty table with room for so many merges.
    init(capacity: Int) {
        var bits: UInt64 = 4
        while 1 << bits < 2 * capacity { bits += 1 }
        keys = Array(repeating: Self.empty, count: 1 << bits)
        merges = Array(repeating: Merge(rank: 0, token: 0), count: 1 << bits)
        shift = 64 - bits
    }

    /// Adds a merge, or replaces the one of the same pair.
    mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
        let slot = slot(left, right)
        keys[slot] = Self.key(left, right)
        merges[slot] = merge
    }

    @inline(__always)
    subscript(left: Int32, right: Int32) -> Merge? {
        let slot = slot(left, right)
        return keys[slot] == Self.empty ? nil : merges[slot]
    }

    /// The slot that holds the pair, or the empty one where it belongs.
    @inline(__always)
    private func slot(_ left: Int32, _ right: Int32) -> Int {
        let key = Self.key(left, right)
        var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> shift)
        while keys[slot] != key, keys[slot] != Self.empty { slot = (slot + 1) & (keys.count - 1) }
        return slot
    }

    @inline(__always)
    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }
}
