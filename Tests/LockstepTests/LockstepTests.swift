import Foundation
import Launching
import Testing

/// Tests that start the program as its users do. One after the other: a launch has the machine to itself.
@Suite(.serialized, .enabled(if: Launch.isPossible, "\(Launch.reasonToSkip)")) struct LockstepTests {}

/// Runs the program on `ranks` ranks, on one without `mpirun`.
func lockstep(ranks: Int = 1, _ arguments: [String], limit: Int = 60) throws -> Launch {
    ranks == 1
        ? try Launch.alone("lockstep", arguments, limit: limit)
        : try Launch.mpirun(ranks: ranks, "lockstep", arguments, limit: limit)
}

/// Runs the program, which must succeed, and decodes the object that it prints.
func decoded<Value: Decodable>(
    ranks: Int = 1, _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation
) throws -> Value {
    let launch = try lockstep(ranks: ranks, arguments)
    try #require(launch.status == 0, "\(launch.errors)", sourceLocation: sourceLocation)
    return try JSONDecoder().decode(Value.self, from: Data(launch.output.utf8))
}

/// Expects that a job has failed as it should: with this status, this message once and no other, and no process left.
func expectFailure(
    _ launch: Launch, status: Int32 = 1, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(launch.status == status, "\(launch.errors)", sourceLocation: sourceLocation)
    #expect(launch.errors.occurrences(of: message) == 1, "\(launch.errors)", sourceLocation: sourceLocation)
    let voices = launch.errors.split(separator: "\n").count { $0.hasPrefix("lockstep: ") || $0.hasPrefix("Error: ") }
    #expect(voices == 1, "\(launch.errors)", sourceLocation: sourceLocation)
    #expect(launch.output.isEmpty, sourceLocation: sourceLocation)
    #expect(launch.allProcessesAreGone(), sourceLocation: sourceLocation)
}

extension String {
    /// How often `text` stands in this text.
    func occurrences(of text: String) -> Int { components(separatedBy: text).count - 1 }
}
