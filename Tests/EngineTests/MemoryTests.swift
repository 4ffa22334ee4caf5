import Blueprint
import Foundation
import Launching
import Testing
import Weights

/// A model of 100 million parameters: what ranks hold, and what they read.
@Suite(.serialized, .enabled(if: Launch.isPossible, "\(Launch.reasonToSkip)"))
struct MemoryTests {
    private struct Outcome: Decodable {
        struct Rank: Decodable {
            var weights: Int
            var cache: Int
            var peak: Int
        }

        var ranks: [Rank]
        var read: Int
        var planned: Int
    }

    @Test func ranksHoldTheirShardAndCacheAndReadLittleMoreThanTheirPart() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("memory-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let blueprint = try Blueprint(configuration: Self.configuration)
        #expect(blueprint.parameterCount >= 100_000_000)
        try writeCheckpoint(blueprint, to: folder)
        for (encoding, cases) in [
            (.keep, [("1", "sum"), ("5:3:2", "sum"), ("5:3:2", "gather"), ("8:5:4:2:1", "sum")]),
            (try grouped(bits: 4, size: 32), [("1", "sum"), ("5:3:2", "sum"), ("5:3:2", "gather")]),
            (try grouped(bits: 8, size: 64), [("8:5:4:2:1", "sum"), ("1:1", "gather")]),
        ] as [(ImportEncoding, [(String, String)])] {
            let model = folder.appendingPathComponent("model.h5").path
            _ = try Importer.run(
                source: folder.path, destination: model, encoding: encoding, programVersion: "test", threads: 2)
            let modelByteCount = try WeightsFile(path: model).tensors.reduce(0) { $0 + $1.byteCount }
            for (shares, way) in cases { try check(model, modelByteCount, shares, way) }
        }
    }

    private func check(_ model: String, _ modelByteCount: Int, _ shares: String, _ way: String) throws {
        let count = shares.split(separator: ":").count
        let launch = try Launch.mpirun(ranks: count, "EngineProbe", [model, shares, way], limit: 120)
        try #require(launch.status == 0, "\(launch.errors)")
        let outcome = try JSONDecoder().decode(Outcome.self, from: Data(launch.output.utf8))
        #expect(outcome.ranks.count == count)
        for rank in outcome.ranks {
            #expect(rank.peak > rank.weights)
            #expect(Double(rank.peak) <= 1.05 * Double(rank.weights + rank.cache) + 64e6, "\(shares) \(way): \(rank)")
        }
        #expect(outcome.read >= modelByteCount)
        #expect(Double(outcome.read - outcome.planned) <= 0.02 * Double(modelByteCount), "\(shares) \(way)")
    }

    private func grouped(bits: Int, size: Int) throws -> ImportEncoding {
        ImportEncoding(
            .stored(.grouped(try #require(Grouping(bits: bits, size: size, scale: .f16, hasOffsets: false)))))
    }

    private static let configuration = """
        {"architectures": ["LlamaForCausalLM"], "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
        "num_key_value_heads": 4, "intermediate_size": 2048, "vocab_size": 32000, "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "hidden_act": "silu"}
        """

    /// Small numbers of a linear congruential generator, in bf16.
    private func writeCheckpoint(_ blueprint: Blueprint, to folder: URL) throws {
        var offset = 0
        var entries: [String] = []
        for weight in blueprint.weights {
            let end = offset + 2 * weight.elementCount
            entries.append(
                "\"\(weight.name)\":{\"dtype\":\"BF16\",\"shape\":\(weight.shape),\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        let header = Data("{\(entries.joined(separator: ","))}".utf8)
        let path = folder.appendingPathComponent("model.safetensors")
        var start = Data()
        withUnsafeBytes(of: UInt64(header.count).littleEndian) { start.append(contentsOf: $0) }
        try (start + header).write(to: path)
        let file = try FileHandle(forWritingTo: path)
        try file.seekToEnd()
        var state: UInt32 = 1
        for weight in blueprint.weights {
            let values = (0..<weight.elementCount).map { _ -> UInt16 in
                state = state &* 1_664_525 &+ 1_013_904_223
                // Between 2^-7 and 2^-5, of either sign.
                return UInt16(truncatingIfNeeded: state >> 16) & 0x80FF | 0x3C00
            }
            try values.withUnsafeBytes { try file.write(contentsOf: Data($0)) }
        }
        try file.close()
        try Data(Self.configuration.utf8).write(to: folder.appendingPathComponent("config.json"))
    }
}
