import Blueprint

/// What one rank has of every axis.
struct Extents {
    let plan: Plan
    let rank: Int
    private var isFilled = false

    /// What the plan says of a rank.
    init(_ plan: Plan, rank: Int) {
        self.plan = plan
        self.rank = rank
    }

    /// The same where zeros count as units: what a rank computes rather than what is its own.
    var filled: Extents {
        var filled = self
        filled.isFilled = true
        return filled
    }

    /// The units of an axis.
    func range(_ axis: Axis) -> Range<Int> {
        let range = plan.split(of: axis)[rank]
        return isFilled ? range.lowerBound..<range.lowerBound + plan.heldCount(axis, rank: rank) : range
    }

    /// The units of an axis in memory.
    func heldCount(_ axis: Axis) -> Int { plan.heldCount(axis, rank: rank) }
}
