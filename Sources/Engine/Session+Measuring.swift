import Compute
import MPI
import Partition

/// Measuring what every rank does in some steps.
extension Session {
    /// Obeys the order to begin or to end; what was measured in between, on rank 0.
    func measure(_ begins: Bool) throws(MPIError) -> Measurement? {
        let clock = bench.clock
        guard begins else {
            clock.stop()
            communicator.observer = nil
            return try gatherMeasurement()
        }
        trafficBefore = traffic
        expertBytesBefore = bench.routing.byteCountRead
        communicator.observer = clock
        clock.start()
        return nil
    }

    /// Settles the meetings so far where they have become many: after the same step on every rank.
    func makeRoomForMeetings() throws(MPIError) {
        guard bench.clock.isRunning, bench.clock.meetings.isHalfFull else { return }
        try bench.clock.pausing { () throws(MPIError) in
            communicator.observer = nil
            defer { communicator.observer = bench.clock }
            try uncounted { () throws(MPIError) in try bench.clock.meetings.settle(on: communicator) }
        }
    }

    private func gatherMeasurement() throws(MPIError) -> Measurement? {
        let (clock, counted) = (bench.clock, trafficOfSteps)
        return try uncounted { () throws(MPIError) in
            try clock.meetings.settle(on: communicator)
            let own = figures()
            var all = [Int64](repeating: 0, count: isLead ? own.count * rankCount : 0)
            var span = all.mutableSpan
            try communicator.gather(own.span, into: &span, root: 0)
            guard isLead else { return nil }
            return Measurement(
                ranks: (0..<rankCount).map { rank in
                    self.rank(rank, all[rank * own.count..<(rank + 1) * own.count])
                },
                forwards: clock.forwards, collectives: counted.collectives, byteCount: counted.byteCount,
                longestComputationSeconds: Self.seconds(clock.meetings.longestComputation) * scale)
        }
    }

    /// The traffic of finished steps: without the order that ended the measurement.
    private var trafficOfSteps: MPI.Traffic {
        guard rankCount > 1 else { return MPI.Traffic() }
        let order = MPI.Traffic(collectives: 1, byteCount: Plan.orderByteCount)
        return traffic - trafficBefore - order
    }

    /// All tokens over those in whose steps the processor's time was read.
    private var scale: Double { Double(bench.clock.tokens) / Double(max(1, bench.clock.sampledTokens)) }

    /// `[phases, waiting, processor, threads, shares cores, bytes of experts, most memory]`;
    /// times in nanoseconds, an unknown figure is -1.
    private func figures() -> [Int64] {
        let (clock, meetings) = (bench.clock, bench.clock.meetings)
        var times = clock.finished
        times[.communication] -= meetings.waited
        return Phase.allCases.map { times[$0] } + [
            meetings.waited, Int64(Double(clock.processorTime) * scale), Int64(threadCount), sharesCores ? 1 : 0,
            Int64(bench.routing.byteCountRead - expertBytesBefore), Int64(Communicator.peakMemory() ?? -1),
        ]
    }

    private func rank(_ rank: Int, _ figures: ArraySlice<Int64>) -> Measurement.Rank {
        let rest = Array(figures.dropFirst(Phase.allCases.count))
        return Measurement.Rank(
            host: communicator.hosts[rank], threads: Int(rest[2]), sharesCores: rest[3] == 1,
            seconds: Dictionary(uniqueKeysWithValues: zip(Phase.allCases, figures.lazy.map(Self.seconds))),
            waitSeconds: Self.seconds(rest[0]), processorSeconds: Self.seconds(rest[1]), expertByteCount: Int(rest[4]),
            peakByteCount: rest[5] < 0 ? nil : Int(rest[5]))
    }

    /// Runs `body`, whose collectives are no part of the traffic.
    private func uncounted<R>(_ body: () throws(MPIError) -> R) throws(MPIError) -> R {
        let before = traffic
        defer { communicator.traffic = before }
        return try body()
    }

    private static func seconds(_ nanoseconds: Int64) -> Double { Double(nanoseconds) * 1e-9 }
}
