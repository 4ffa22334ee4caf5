import Compute
import Partition

/// Reads some megabytes after the other, by each thread more than a core's own cache holds, of memory that few last
/// caches hold: what a model does between two collectives.
final class StageReading {
    private let operations: Operations
    private let arena: Arena
    private let byteCount: Int
    private var next = 0
    private var variations: [Double] = []

    private static let byteCountOfThread = 3 << 20
    // A normal distribution's standard deviation, of the distance from the median that half of it keeps within.
    private static let deviationPerSpread = 1.4826
    private static let fewestStages = 20

    /// - Parameter byteCount: bytes of the memory; it is read from the start again when all is read.
    ///
    /// Throws `ComputeError.noMemory` when the memory is not there.
    init(_ operations: Operations, byteCount: Int) throws(ComputeError) {
        self.operations = operations
        arena = try operations.writtenArena(byteCount: byteCount)
        self.byteCount = min(operations.pool.threads * Self.byteCountOfThread, arena.usedByteCount)
    }

    /// A stage's reading, by all threads.
    func read() {
        if next + byteCount > arena.usedByteCount { next = 0 }
        operations.read(arena, next..<next + byteCount)
        next += byteCount
    }

    /// Finds how much stages vary that follow each other for so many seconds.
    func measureVariation(seconds: Double) {
        var times: [Double] = []
        let start = ContinuousClock.now
        repeat {
            times.append(ContinuousClock().measure { read() } / .seconds(1))
        } while times.count < Self.fewestStages || (ContinuousClock.now - start) / .seconds(1) < seconds
        variations.append(
            min(RankProfile.greatestStageVariation, Self.deviationPerSpread * Windows.spread(of: times)))
    }

    /// The coefficient of variation of a stage's time, the median of what was found; nil where nothing was.
    var variation: Double? { variations.isEmpty ? nil : BenchmarkReport.Spread(variations).median }
}
