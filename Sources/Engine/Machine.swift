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
        return try communicator.gather(figures).map {
            Dictionary(uniqueKeysWithValues: zip(Factors.allCases, $0))
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
    /// - Returns: bytes per second of each rank, in rank order, on every rank: in the median of several readings, to
    ///   hold medians against, where ``measureMachines()`` has those in the best.
    public func measureReading() throws(MPIError) -> [Double] {
        let readings = try readings()
        return readings[readings.count / 2]
    }

    /// Several times the last cache of any machine but the largest.
    private static let cachedByteCount = 256 << 20

    /// See ``Compute/Operations/readings(of:_:by:)``.
    private func readings() throws(MPIError) -> [[Double]] {
        let operations = bench.operations
        let written = try communicator.together {
            weightBytes.count < Self.cachedByteCount
                ? try operations.writtenArena(byteCount: Self.cachedByteCount) : nil
        }
        return try operations.readings(
            of: written ?? arena, written.map { 0..<$0.usedByteCount } ?? weightBytes, by: communicator)
    }
}

extension Operations {
    private static let readingCount = 3

    /// Bytes per second of each rank in several readings, every one of which all ranks begin at the same time, in the
    /// order of ``Machine/ordered(_:hosts:)``; to be called on every rank. Each rank's are of the time that it takes
    /// itself, in the manner that is the fastest there.
    ///
    /// - Returns: [readings, ranks], the same on every rank; the last is the best, the middle one the median.
    package func readings(
        of arena: Arena, _ range: Range<Int>, by communicator: Communicator
    ) throws(MPIError) -> [[Double]] {
        func meet() throws(MPIError) { try communicator.barrier() }
        let streams = try fastestStreams(of: arena, range, meet: meet)
        var own: [Double] = []
        for _ in 0..<Self.readingCount {
            try meet()
            own.append(readBandwidth(of: arena, range, streams: streams))
        }
        let all = try communicator.gather(own)
        return Machine.ordered(own.indices.map { reading in all.map { $0[reading] } }, hosts: communicator.hosts)
    }
}

extension Communicator {
    /// As many figures of each rank, in rank order, on every rank: [ranks, figures].
    fileprivate func gather(_ own: [Double]) throws(MPIError) -> [[Double]] {
        var all = [Double](repeating: 0, count: size * own.count)
        var span = all.mutableSpan
        try allGatherEqual(own.span, into: &span)
        return (0..<size).map { Array(all[$0 * own.count..<($0 + 1) * own.count]) }
    }
}

extension Machine {
    /// What ranks have read in several moments, each host's moments in the order of what its ranks read together, the
    /// least first: what one has of a host's memory, its neighbour may lack.
    ///
    /// - Parameters:
    ///   - readings: [moments, ranks].
    ///   - hosts: [ranks].
    package static func ordered(_ readings: [[Double]], hosts: [String]) -> [[Double]] {
        var ordered = readings
        for host in Set(hosts) {
            let ranks = hosts.indices.filter { hosts[$0] == host }
            func together(_ reading: [Double]) -> Double { ranks.reduce(0) { $0 + reading[$1] } }
            for (place, reading) in readings.sorted(by: { together($0) < together($1) }).enumerated() {
                for rank in ranks { ordered[place][rank] = reading[rank] }
            }
        }
        return ordered
    }
}
