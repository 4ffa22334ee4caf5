/// A set of code points, as a regular expression writes it: categories, ranges, nested sets, intersections, negation.
struct ScalarSet: Sendable {
    private(set) var categories: UInt32 = 0
    private(set) var ranges: [ClosedRange<UInt32>] = []
    private var includesHan = false
    private var unions: [ScalarSet] = []
    private var intersections: [ScalarSet] = []
    private var isNegated = false
    // Members below 128, ready made: most text is decided here.
    private var ascii: (UInt64, UInt64) = (0, 0)

    init() {}

    init(ranges: [ClosedRange<UInt32>], categories: UInt32 = 0) {
        self.ranges = ranges
        self.categories = categories
        seal()
    }

    static let han: ScalarSet = {
        var set = ScalarSet()
        set.includesHan = true
        return set
    }()

    var negated: ScalarSet {
        var set = self
        set.isNegated.toggle()
        set.seal()
        return set
    }

    mutating func formUnion(_ other: ScalarSet) {
        unions.append(other)
        seal()
    }

    mutating func insert(_ range: ClosedRange<UInt32>) {
        ranges.append(range)
        seal()
    }

    mutating func formIntersection(_ other: ScalarSet) {
        intersections.append(other)
        seal()
    }

    @inline(__always)
    func contains(_ scalar: UInt32) -> Bool {
        if scalar < 64 { return ascii.0 >> UInt64(scalar) & 1 == 1 }
        if scalar < 128 { return ascii.1 >> UInt64(scalar - 64) & 1 == 1 }
        return computed(scalar)
    }

    private mutating func seal() {
        // A plain set inside a set is merged, so that the common `[^\s\p{L}]` is one look-up and a few comparisons.
        let plain = unions.filter(\.isPlain)
        for set in plain {
            categories |= set.categories
            ranges.append(contentsOf: set.ranges)
        }
        unions.removeAll(where: \.isPlain)
        ascii = (0, 0)
        for scalar in UInt32(0)..<64 where computed(scalar) { ascii.0 |= 1 << UInt64(scalar) }
        for scalar in UInt32(64)..<128 where computed(scalar) { ascii.1 |= 1 << UInt64(scalar - 64) }
    }

    private var isPlain: Bool {
        !isNegated && !includesHan && unions.isEmpty && intersections.isEmpty
    }

    private func computed(_ scalar: UInt32) -> Bool {
        var isMember = categories != 0 && categories >> UInt32(ScalarClass.category[scalar]) & 1 == 1
        if !isMember {
            isMember =
                ranges.contains { $0.contains(scalar) } || includesHan && ScalarClass.han[scalar] == 1
                || unions.contains { $0.contains(scalar) }
        }
        if isMember, !intersections.isEmpty { isMember = intersections.allSatisfy { $0.contains(scalar) } }
        return isMember != isNegated
    }
}
