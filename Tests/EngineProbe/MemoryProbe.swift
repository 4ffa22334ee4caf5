import Blueprint
import Engine
import Foundation
import MPI
import Partition

/// Runs a long prompt and some tokens, and prints per rank what the plan says and what the kernel counted.
enum MemoryProbe {
    /// What a rank held and read.
    struct Report: Codable {
        var weights: Int
        var cache: Int
        var peak: Int
    }

    /// Prints an array of reports and the bytes that all ranks read.
    static func run(model: String, shares: [Double], way: Way, on world: Communicator) throws {
        var request = Request(modelPath: model, shares: .perRank(shares), way: way, context: 1024)
        request.threads = 1
        let session = try Session.open(request, on: world, version: "probe")
        let prompt = (0..<900).map { $0 * 37 % session.plan.blueprint.vocabulary }
        _ = try session.run { session in
            try session.generate(prompt, limit: 8, sampling: .greedy, endTokens: []) { _ in true }
        }
        let holdings = session.plan.holdings(rank: world.rank)
        let report = Report(
            weights: holdings.weightByteCount, cache: holdings.cacheByteCount, peak: Communicator.peakMemory() ?? .max)
        let encoded = String(decoding: try JSONEncoder().encode(report), as: UTF8.self)
        let all = try world.gatherStrings(encoded)
        guard world.rank == 0 else { return }
        let planned = (0..<world.size).reduce(0) { $0 + session.plan.holdings(rank: $1).fileByteCount }
        print(
            "{\"ranks\":[\(all.joined(separator: ","))],\"read\":\(session.loading.byteCountOfAll),"
                + "\"planned\":\(planned)}"
        )
    }
}
