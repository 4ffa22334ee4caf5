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
        try communicator.barrier()
        let bandwidth = try communicator.together { try readBandwidths().last ?? 0 }
        let bandwidths = try gather([bandwidth])
        let peaks = try measurePeaks()
        return try machines().enumerated().map { rank, machine in
            var machine = machine
            machine.readBandwidth = bandwidths[rank]
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
    /// - Returns: bytes per second of each rank, in rank order, on every rank: the median of several readings, to hold
    ///   medians against, where ``measureMachines()`` has the best of the manner with the fastest median.
    public func measureReading() throws(MPIError) -> [Double] {
        try communicator.barrier()
        let readings = try communicator.together { try readBandwidths() }
        return try gather([readings[readings.count / 2]])
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

    /// Bytes per second of some readings, the slowest first.
    private func readBandwidths() throws(ComputeError) -> [Double] {
        let operations = bench.operations
        guard weightBytes.count < Self.cachedByteCount else {
            return operations.readBandwidths(of: arena, weightBytes)
        }
        return try operations.readBandwidths(byteCount: Self.cachedByteCount)
    }
}
