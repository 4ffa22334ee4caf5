import Engine
import MPI

/// Has ranks meet that compute 3 and 1 by turns, so that in each step one is slow, and over two steps none.
enum MeetingsProbe {
    /// Prints per rank whether steps differ, what the slowest computed, and what the rank waited.
    static func run(on world: Communicator) throws {
        for stepsDiffer in [false, true] {
            let meetings = Meetings(stepsDiffer: stepsDiffer)
            meetings.clear()
            for step in 0..<4 {
                let isSlow = (step + world.rank) % 2 == 0
                meetings.append(inside: isSlow ? 2 : 4, computed: isSlow ? 3 : 1)
                // A step of two points now and then is of another kind.
                if step == 3 { meetings.append(inside: 0, computed: Int64(world.rank)) }
                meetings.commit()
                if step == 1 { try meetings.settle(on: world) }
            }
            meetings.append(inside: 9, computed: 9)  // of no finished step
            try meetings.settle(on: world)
            let lines = try world.gatherStrings("\(stepsDiffer) \(meetings.longestComputation) \(meetings.waited)")
            if world.rank == 0 { print(lines.joined(separator: "\n")) }
        }
    }
}
