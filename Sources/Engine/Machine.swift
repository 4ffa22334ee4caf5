public import Compute
public import MPI

/// What one rank runs on, and what that can do at best with the rank's threads while all ranks are busy.
public struct Machine: Sendable, Hashable, Codable {
    /// Its host.
    public var host: String
    /// The rank's threads.
    public var threads: Int
    /// The instructions that kernels use.
    public var instructionSet: String
    /// Bytes per second that all threads together read from memory.
    public var readBandwidth: Double
    /// Multiplications and additions per second that all threads together do in registers; zero where the processor
    /// has no instruction for it.
    public var peaks: [Factors: Double]

    /// A machine of these figures.
    public init(
        host: String, threads: Int, instructionSet: String, readBandwidth: Double = 0, peaks: [Factors: Double] = [:]
    ) {
        self.host = host
        self.threads = threads
        self.instructionSet = instructionSet
        self.readBandwidth = readBandwidth
        self.peaks = peaks
    }
}

extension Session {
    /// Measures every rank's machine, all at the same time; to be called on every rank.
    ///
    /// Memory is read where the weights lie, unless they are so few that caches hold them.
    ///
    /// - Returns: in rank order, on every rank.
    public func measureMachines() throws(MPIError) -> [Machine] {
        let readings = try readings()
        let peaks = try measurePeaks()
        return try machines().enumerated().map { rank, machine in
            var machine = machine
            machine.readBandwidth = readings[readings.count - 1][rank]
            machine.peaks = peaks[rank]
            return machine
        }
    }

    /// Measures what all ranks compute in registers at the same time, at best; to be called on every rank.
    ///
    /// - Returns: multiplications and additions per second of each rank, in rank order, on every rank; zero where the
    ///   processor has no instruction for it.
    public func measurePeaks() throws(MPIError) -> [[Factors: Double]] {
        var figures: [Double] = []
        for factors in Factors.allCases {
            try communicator.barrier()
            figures.append(bench.operations.measurePeak(factors) ?? 0)
        }
        let all = try gather(figures)
        return (0..<rankCount).map { rank in
            let own = all[rank * figures.count..<(rank + 1) * figures.count]
            return Dictionary(uniqueKeysWithValues: zip(Factors.allCases, own))
        }
    }

    /// Every rank's machine without figures; to be called on every rank.
    ///
    /// - Returns: in rank order, on every rank.
    public func machines() throws(MPIError) -> [Machine] {
        let threads = try communicator.gatherStrings("\(threadCount)")
        let sets = try communicator.gatherStrings(bench.operations.instructionSet.rawValue)
        return (0..<rankCount).map { rank in
            Machine(host: communicator.hosts[rank], threads: Int(threads[rank]) ?? 1, instructionSet: sets[rank])
        }
    }

    /// Measures how fast all ranks read memory at the same time; to be called on every rank.
    ///
    /// - Returns: bytes per second of each rank, in rank order, on every rank: in the median of several readings, to hold
    ///   medians against, where ``measureMachines()`` has those in the best.
    public func measureReading() throws(MPIError) -> [Double] {
        let readings = try readings()
        return readings[readings.count / 2]
    }

    /// As many figures of each rank, in rank order, on every rank.
    private func gather(_ own: [Double]) throws(MPIError) -> [Double] {
        var all = [Double](repeating: 0, count: rankCount * own.count)
        var span = all.mutableSpan
        try communicator.allGatherEqual(own.span, into: &span)
        return all
    }

    /// Several times the last cache of any machine but the largest.
    private static let cachedByteCount = 256 << 20

    /// Bytes per second of each rank in several readings of all ranks at the same time; that in which they read least
    /// together comes first.
    private func readings() throws(MPIError) -> [[Double]] {
        let operations = bench.operations
        let written = try communicator.together {
            weightBytes.count < Self.cachedByteCount
                ? try operations.writtenArena(byteCount: Self.cachedByteCount) : nil
        }
        let own = try operations.readBandwidths(
            of: written ?? arena, written.map { 0..<$0.usedByteCount } ?? weightBytes
        ) { () throws(MPIError) in try communicator.barrier() }
        let all = try gather(own)
        let readings = own.indices.map { reading in
            (0..<rankCount).map { all[$0 * own.count + reading] }
        }
        return readings.sorted { $0.reduce(0, +) < $1.reduce(0, +) }
    }
}
