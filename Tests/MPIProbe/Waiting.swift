import Glibc
import MPI

/// Scenarios in which ranks wait for long and leave the processor alone.
struct Waiting {
    let world: Communicator
    private var rank: Int { world.rank }
    private var size: Int { world.size }

    /// The other ranks come to the end while rank 0 goes on for two seconds, and leave the processor to it.
    func finishLate() throws -> Int32 {
        let processes = try world.gatherStrings("\(getpid())").compactMap { pid_t($0) }
        guard rank == 0 else { return 0 }
        let before = processes.reduce(0) { $0 + processorSeconds(of: $1) }
        usleep(2_000_000)
        let seconds = processes.reduce(0) { $0 + processorSeconds(of: $1) } - before
        guard seconds < 0.75 else {
            throw Wrong(description: "\(size) ranks took \(seconds) s of processor time to wait for 2 s")
        }
        return 0
    }

    private func processorSeconds(of process: pid_t) -> Double {
        var clock = clockid_t()
        var time = timespec()
        // A process that is gone has used up all time: the test fails.
        guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0 else { return .infinity }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// No rank leaves before the last has come.
    func barrierPatiently() throws -> Int32 {
        for last in 0..<size {
            if rank == last { usleep(100_000) }
            let arrival = hostNanoseconds()
            try world.barrierPatiently()
            let departure = hostNanoseconds()
            var latest = [arrival]
            var span = latest.mutableSpan
            try world.allReduce(&span, .maximum)
            guard departure >= latest[0] else { throw Wrong(description: "left before rank \(last) had come") }
        }
        try expect("traffic", world.traffic, Traffic(collectives: 2 * size, byteCount: 8 * size))
        return 0
    }

    /// The same clock for all processes of the host.
    private func hostNanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
