import Blueprint
import MPI
import Partition

extension Policy {
    /// The same policy with what rank 0 plans from its profile of the machines, on every rank; nil where it has none.
    static func planned(
        _ policy: Policy, _ blueprint: Blueprint, _ profile: ClusterProfile?, _ encoding: (Weight) -> Encoding,
        on world: Communicator
    ) throws(MPIError) -> Policy? {
        let axes = blueprint.dealtAxes
        let planned = try world.together {
            try profile.map { try Planner(blueprint, policy: policy, profile: $0, encoding: encoding).plan().policy }
        }
        // Whether there is a plan, shares, and counts of each axis, below zero where it is dealt by shares.
        var numbers = [Double](repeating: 0, count: 1 + (1 + axes.count) * world.size)
        if let planned {
            let none = [Int](repeating: -1, count: world.size)
            numbers = [1] + planned.shares + axes.flatMap { planned.counts[$0] ?? none }.map(Double.init)
        }
        var span = numbers.mutableSpan
        try world.broadcast(&span, from: 0)
        guard numbers[0] == 1 else { return nil }
        var shared = policy
        shared.shares = Array(numbers[1...world.size])
        for (number, axis) in axes.enumerated() {
            let start = 1 + (1 + number) * world.size
            let counts = numbers[start..<start + world.size].map { Int($0) }
            if counts.allSatisfy({ $0 >= 0 }) { shared.counts[axis] = counts }
        }
        return shared
    }
}
