internal import CMPI
internal import Glibc

/// The life of a rank from the start of MPI to the end of the process.
public enum Job {
    /// Starts MPI, runs `body` with all ranks of the job, ends MPI and the process with status 0.
    ///
    /// If `body` throws on one rank, the message is printed once on standard error with rank and host, and the whole
    /// job ends with status 1. `deadline` is the watchdog's, in seconds. Without `mpirun` it is a job of one rank.
    /// Corresponds to `MPI_Init_thread`, `MPI_Finalize` and `MPI_Abort`.
    public static func run(deadline seconds: Double = 60, _ body: (Communicator) throws -> Void) -> Never {
        runForStatus(deadline: seconds) { world in
            try body(world)
            return 0
        }
    }

    /// Does the same as `run`, and ends the process with the greatest status that `body` returned on any rank.
    public static func runForStatus(deadline seconds: Double = 60, _ body: (Communicator) throws -> Int32) -> Never {
        var whereabouts = ""
        var worldRank = 0
        do {
            let (world, end) = try start(deadline: seconds)
            worldRank = world.rank
            if world.size > 1 { whereabouts = "rank \(world.rank) on \(world.host): " }
            try finish(end, try body(world))
        } catch {
            abort(error, whereabouts, worldRank: worldRank)
        }
    }

    /// Gives all ranks for the program, and once more for what the job itself exchanges.
    private static func start(deadline: Double) throws(MPIError) -> (world: Communicator, own: Communicator) {
        var provided: Int32 = 0
        try check("MPI_Init_thread", unsafe MPI_Init_thread(nil, nil, Int32(MPI_THREAD_MULTIPLE), &provided))
        guard provided >= MPI_THREAD_MULTIPLE else { throw .threadsUnsupported }
        var rank: Int32 = 0
        try check("MPI_Comm_rank", unsafe MPI_Comm_rank(cmpi_comm_world(), &rank))
        let watchdog = try Watchdog(deadline: deadline)
        let world = try unsafe Communicator(cmpi_comm_world(), worldRank: Int(rank), watchdog: watchdog)
        let own = try world.split(color: 0, key: world.rank)
        if world.size > 1 {
            try watchdog.start(
                unsafe RollCall(watchdog: watchdog, handle: unsafe own.handle, rank: world.rank, hosts: world.hosts))
        }
        return (world, own)
    }

    /// Waits for all ranks before MPI ends: who finalises early leaves the others waiting in a collective for ever.
    ///
    /// `end` is not the program's communicator: there, this wait could be taken for a collective that a rank has left
    /// out. One rank may work alone for long while the others wait here.
    private static func finish(_ end: Communicator, _ status: Int32) throws(MPIError) -> Never {
        end.watchdog.finish()
        try end.barrierPatiently()
        var statuses: [Int32] = [status]
        var span = statuses.mutableSpan
        try end.allReduce(&span, .maximum)
        end.watchdog.close()
        try check("MPI_Finalize", MPI_Finalize())
        exit(statuses[0])
    }

    private static func abort(_ error: any Error, _ whereabouts: String, worldRank: Int) -> Never {
        LastResort.arm()
        if case .agreed(let message, let reporter)? = error as? MPIError {
            if reporter == worldRank {
                let lines = message.split(separator: "\n").map { "lockstep: \($0)" }
                StandardError.write(lines.joined(separator: "\n"))
            } else {
                // The reporter ends the job; only where it cannot, this rank does.
                LastResort.sleep(seconds: 3)
            }
        } else {
            StandardError.write("lockstep: \(whereabouts)\(error)")
        }
        fflush(nil)
        LastResort.abort("")
    }
}
