import Compute
import Partition
import Weights

/// Where a session's weights come from.
enum WeightsSource {
    /// A weights file.
    case file(Model)
    /// A generator of random numbers.
    case random(seed: UInt64)

    /// Bytes of an arena that holds a rank's slices.
    func byteCount(plan: Plan, rank: Int) throws(WeightsError) -> Int {
        switch self {
        case .file(let model): try Shard.byteCount(plan: plan, rank: rank, file: model.file)
        case .random: RandomShard.byteCount(plan: plan, rank: rank)
        }
    }

    /// A rank's slices.
    ///
    /// - Parameter progress: is told how many bytes have been read, and of how many.
    func slices(
        plan: Plan, rank: Int, arena: Arena, pool: Pool, progress: (_ byteCount: Int, _ totalByteCount: Int) -> Void
    ) throws -> any Slices {
        switch self {
        case .file(let model):
            try Shard(file: model.file, plan: plan, rank: rank, arena: arena, pool: pool, progress: progress)
        case .random(let seed): try RandomShard(plan: plan, rank: rank, arena: arena, pool: pool, seed: seed)
        }
    }
}
