import Blueprint

/// What one rank has of every axis: what a plan says, but for the axes whose range is another here.
///
/// With other ranges a part of the work can be costed without a plan for every one of them.
struct Extents {
    let plan: Plan
    let rank: Int
    private var others: [Axis: (range: Range<Int>, heldCount: Int)] = [:]
    private var isFilled = false

    /// What the plan says of a rank.
    init(_ plan: Plan, rank: Int) {
        self.plan = plan
        self.rank = rank
    }

    /// The same with another range of an axis, of which no more is held.
    func changing(_ axis: Axis, to range: Range<Int>) -> Extents {
        var changed = self
        changed.others[axis] = (range, range.count)
        return changed
    }

    /// The same with a run's channels on the axis of every expert's.
    func changing(_ axis: Axis, to run: ExpertRun) -> Extents {
        var changed = self
        changed.others[axis] = (run.channels, run.heldChannels)
        return changed
    }

    /// What is held of experts, in their order.
    ///
    /// - Parameters:
    ///   - members: the axis of experts.
    ///   - axis: the axis of every expert's channels.
    func runs(_ members: Axis, _ axis: Axis) -> [ExpertRun] {
        let endToEnd = Axis(endToEnd: axis, of: members)
        guard plan.isShared(endToEnd) else {
            return [ExpertRun(members: range(members), channels: range(axis), heldChannels: heldCount(axis))]
        }
        return ExpertRun.runs(of: range(endToEnd), width: axis.count)
    }

    /// The same where zeros count as units: what a rank computes rather than what is its own.
    var filled: Extents {
        var filled = self
        filled.isFilled = true
        return filled
    }

    /// The units of an axis.
    func range(_ axis: Axis) -> Range<Int> {
        if let other = others[axis] { return other.range }
        let range = plan.split(of: axis)[rank]
        return isFilled ? range.lowerBound..<range.lowerBound + plan.heldCount(axis, rank: rank) : range
    }

    /// The units of an axis in memory.
    func heldCount(_ axis: Axis) -> Int { others[axis]?.heldCount ?? plan.heldCount(axis, rank: rank) }
}
