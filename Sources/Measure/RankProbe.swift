import Blueprint
import Compute
import Engine
import MPI
import Partition

/// What one rank can do while all others do the same.
struct RankProbe {
    let stopwatch: Stopwatch
    let world: Communicator
    let settings: Probe
    let pool: Pool
    let instructionSet: InstructionSet
    private let cores: Int
    /// Whether its threads must take turns on cores.
    let sharesCores: Bool
    private let coreMates: [Int]
    private let memoryByteCount: Int

    /// The encodings that are measured, by name.
    static let encodings: [Encoding] = Encoding.allPlain + [grouped(bits: 8), grouped(bits: 4)]
    /// Measurements that ``measure()`` announces.
    static var measurementCount: Int {
        1 + encodings.count + encodings.count(where: \.isRounded) + CacheEncoding.allCases.count + 1
    }

    /// Finds what the rank runs on; to be called on every rank.
    init(_ settings: Probe, _ stopwatch: Stopwatch) throws(MPIError) {
        self.settings = settings
        self.stopwatch = stopwatch
        world = stopwatch.world
        cores = try world.fairCores()
        let threads = settings.threads ?? cores
        pool = Pool(threads: threads, cores: try world.distinctCores(threads: threads))
        sharesCores = try world.sharesCores(threads: threads)
        coreMates = try world.ranksSharingCores(threads: threads)
        memoryByteCount = try world.freeMemoryByShare([Double](repeating: 1, count: world.size))?[world.rank] ?? 0
        instructionSet = try world.together { try InstructionSet.best }
    }

    /// Whether any rank must take turns on cores; to be called on every rank.
    func anySharesCores() throws(MPIError) -> Bool {
        try world.gatherStrings(sharesCores ? "yes" : "no").contains("yes")
    }

    /// Measures everything in one window each; to be called on every rank, in every round.
    func measure() throws(MPIError) {
        try measurePeaks()
        try measureProducts()
        try measureAttention()
        try measureOthers()
    }

    /// Measures how much stages vary while all ranks have some; to be called on every rank, in every round.
    func measureStages(_ stage: StageReading) throws(MPIError) {
        stopwatch.begin("stages")
        try world.barrier()
        stage.measureVariation(seconds: stopwatch.stageSeconds)
    }

    /// What the windows of all rounds say.
    var profile: RankProfile {
        RankProfile(
            host: world.host, cores: cores, threads: pool.threads,
            coreShare: sharesCores ? stopwatch.coreShare : 1, coreMates: coreMates.isEmpty ? nil : coreMates,
            instructionSet: instructionSet.rawValue, memoryByteCount: memoryByteCount, readBandwidth: readBandwidth,
            readSpread: windows.spread(Self.reading), peaks: peakProfiles, products: productProfiles,
            attention: attentionProfiles, secondsPerElement: secondsPerElement, secondsPerLayer: secondsPerLayer)
    }

    /// Bytes per second.
    var readBandwidth: Double { windows.median(Self.reading) }

    /// What was measured so far.
    var windows: Windows { stopwatch.windows }

    /// Bytes that no cache holds, less where the rank has little memory.
    var trialByteCount: Int {
        memoryByteCount > 0 ? min(stopwatch.uncachedByteCount, memoryByteCount / 4) : stopwatch.uncachedByteCount
    }

    /// Operations as the engine makes them.
    func operations(_ math: Math = .precise, rounded: Buffer? = nil) -> Operations {
        operations(math, rounded: rounded, slowdown: settings.slowdown)
    }

    private func operations(
        _ math: Math = .precise, rounded: Buffer? = nil, slowdown: Slowdown?
    ) -> Operations {
        Operations(
            pool: pool, instructionSet: instructionSet, isExact: false, math: math, rounded: rounded,
            slowdown: slowdown)
    }

    /// What a model does between two collectives; a rank that is to look slow exchanges no slower.
    func stage() throws(ComputeError) -> StageReading {
        try StageReading(operations(slowdown: nil), byteCount: trialByteCount / 2)
    }

    private static let reading = "reading"

    /// Measures how fast all ranks read bytes of an arena, as a benchmark does, so that both can be compared.
    func measureReading(_ arena: Arena, _ range: Range<Int>) throws(MPIError) -> Double {
        let readings = try operations().readings(of: arena, range, by: world)
        let rate = readings[readings.count / 2][world.rank]
        stopwatch.windows.add(rate, to: Self.reading)
        return rate
    }

    /// As a benchmark does.
    private func measurePeaks() throws(MPIError) {
        stopwatch.begin("peaks")
        for factors in Factors.allCases {
            try world.barrier()
            guard let rate = operations().measurePeak(factors, seconds: stopwatch.peakSeconds) else { continue }
            stopwatch.windows.add(rate, to: Self.peak(factors))
        }
    }

    private static func peak(_ factors: Factors) -> String { "peak \(factors.rawValue)" }

    /// Operations per second of the fastest arithmetic here.
    var fastestPeak: Double {
        guard let fastest = peakProfiles.map(\.operationsPerSecond).max() else {
            preconditionFailure("Every processor has products of float32, and their peak is measured first.")
        }
        return fastest
    }

    private var peakProfiles: [PeakProfile] {
        Factors.allCases.filter { windows.has(Self.peak($0)) }.map { factors in
            PeakProfile(
                factors: factors.rawValue, operationsPerSecond: windows.median(Self.peak(factors)),
                spread: windows.spread(Self.peak(factors)))
        }
    }

    private static func grouped(bits: Int) -> Encoding {
        guard let grouping = Grouping(bits: bits, size: 32, scale: .f16, hasOffsets: false) else {
            preconditionFailure("There are integers of 4 and 8 bits in groups of 32.")
        }
        return .grouped(grouping)
    }
}
