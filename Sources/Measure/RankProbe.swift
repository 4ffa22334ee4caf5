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
        memoryByteCount = try world.freeMemoryByShare([Double](repeating: 1, count: world.size))?[world.rank] ?? 0
        instructionSet = try world.together { try InstructionSet.best }
    }

    /// Measures everything; to be called on every rank.
    func measure() throws(MPIError) -> RankProfile {
        let readBandwidth = try measureReading()
        let products = try measureProducts()
        let attention = try measureAttention()
        let others = try measureOthers()
        return RankProfile(
            host: world.host, cores: cores, threads: pool.threads, instructionSet: instructionSet.rawValue,
            memoryByteCount: memoryByteCount, readBandwidth: readBandwidth, products: products, attention: attention,
            secondsPerElement: others.perElement, secondsPerLayer: others.perLayer)
    }

    /// Bytes that no cache holds, less where the rank has little memory.
    var trialByteCount: Int {
        memoryByteCount > 0 ? min(stopwatch.uncachedByteCount, memoryByteCount / 4) : stopwatch.uncachedByteCount
    }

    /// Operations as the engine makes them.
    func operations(_ math: Math = .precise, rounded: Buffer? = nil) -> Operations {
        Operations(
            pool: pool, instructionSet: instructionSet, isExact: false, math: math, rounded: rounded,
            slowdown: settings.slowdown)
    }

    private func measureReading() throws(MPIError) -> Double {
        stopwatch.begin("reading")
        let (arena, byteCount) = try world.together {
            let arena = try Arena(byteCount: trialByteCount)
            let matrix = try arena.matrix(rows: trialByteCount / 4096, columns: 1024, encoding: .f32)
            matrix.occupy(on: pool)
            return (arena, trialByteCount / 4096 * 4096)
        }
        let operations = operations()
        var fastest = Double.infinity
        for streams in Operations.readingStreams {
            let seconds = try stopwatch.secondsPerCall("reading") { _ in
                operations.read(arena, 0..<byteCount, streams: streams)
            }
            fastest = min(fastest, seconds)
        }
        return Double(byteCount) / fastest
    }

    private static func grouped(bits: Int) -> Encoding {
        guard let grouping = Grouping(bits: bits, size: 32, scale: .f16, hasOffsets: false) else {
            preconditionFailure("There are integers of 4 and 8 bits in groups of 32.")
        }
        return .grouped(grouping)
    }
}
