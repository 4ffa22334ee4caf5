import Glibc
import MPI

/// What the tests run under mpirun: one scenario a job, named by the first argument; the second is the deadline in
/// seconds.
///
/// Every rank prints its process number, and that it passed when it did. A rank that finds a wrong value throws.
@main
struct Probe {
    static func main() {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let scenario = scenarios[arguments[1]], let deadline = Double(arguments[2]) else {
            print("usage: MPIProbe SCENARIO DEADLINE, where SCENARIO is one of", scenarios.keys.sorted())
            exit(2)
        }
        Job.runForStatus(deadline: deadline) { world in
            say("process \(getpid())")
            let status = try scenario(world)
            say("rank \(world.rank) of \(world.size) passed")
            return status
        }
    }

    private static let scenarios: [String: @Sendable (Communicator) throws -> Int32] = [
        "broadcast": { try Collectives(world: $0).broadcast() },
        "patience": { try Collectives(world: $0).broadcastPatiently() },
        "patient-barrier": { try Waiting(world: $0).barrierPatiently() },
        "late": { try Waiting(world: $0).finishLate() },
        "reduce": { try Collectives(world: $0).allReduce() },
        "shared-sums": { try Collectives(world: $0).sharedSums() },
        "unlike-sums": { try Collectives(world: $0).unlikeSums(of: 1) },
        "unlike-long-sums": { try Collectives(world: $0).unlikeSums(of: 60_000) },
        "gather": { try Collectives(world: $0).gather() },
        "exchange": { try Collectives(world: $0).exchange() },
        "scatter": { try Collectives(world: $0).reduceScatter() },
        "messages": { try Collectives(world: $0).messages() },
        "long-message": { try Collectives(world: $0).longMessage() },
        "groups": { try Collectives(world: $0).groups() },
        "memory": { try Memory(world: $0).freeMemoryByShare() },
        "bits": { try Collectives(world: $0).sameBits() },
        "traffic": { try Collectives(world: $0).traffic() },
        "types": { try Collectives(world: $0).types() },
        "too-long": { try Collectives(world: $0).tooLong() },
        "agreement": { try Failures(world: $0).agreement() },
        "mismatch": { try Failures(world: $0).mismatch() },
        "together-one": { try Failures(world: $0).togetherOne() },
        "together-all": { try Failures(world: $0).togetherAll() },
        "together-nested": { try Failures(world: $0).togetherNested() },
        "status": { Int32($0.rank + 3) },
        "cut-short": { try Failures(world: $0).cutShort() },
        "throw": { try Failures(world: $0).throwOnOne() },
        "kill": { try Failures(world: $0).steps { raise(SIGKILL) } },
        "exit": { try Failures(world: $0).steps { exit(7) } },
        "stop": { try Failures(world: $0).steps { raise(SIGSTOP) } },
        "loop": { try Failures(world: $0).steps { Failures.loopForEver() } },
        "messages-and-loop": { try Failures(world: $0).messagesAndLoop() },
        "return": { try Failures(world: $0).returnEarly() },
        "missing": { try Failures(world: $0).missCollective() },
        "idle": { try Failures(world: $0).idleForLong() },
        "stop-while-idle": { try Failures(world: $0).stopWhileIdle() },
    ]
}

/// Prints a line in one piece, so that the lines of several ranks do not mix.
func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    write(STDOUT_FILENO, bytes, bytes.count)
}

/// What a scenario finds wrong.
struct Wrong: Error, CustomStringConvertible {
    let description: String
}

/// Throws unless both are equal.
func expect<T: Equatable>(_ what: String, _ found: T, _ expected: T) throws {
    guard found != expected else { return }
    throw Wrong(description: "\(what): expected \(expected), found \(found)")
}
