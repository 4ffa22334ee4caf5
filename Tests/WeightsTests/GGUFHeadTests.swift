import Blueprint
import Foundation
import Launching
import Testing
import Weights

/// Columns of a GGUF file whose heads lie in another order than in a checkpoint.
@Suite struct GGUFHeadTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// What reads the states of a model with eight value heads, of a type with blocks of random numbers.
    private func tensor(
        _ type: UInt32, blockColumns: Int, blockByteCount: Int, halves: [Int], keyHeads: Int, headSize: Int
    ) throws -> any CheckpointTensor {
        let (rows, columns) = (5, 8 * headSize)
        var random = SplitMix(seed: 3)
        var bytes = (0..<rows * columns / blockColumns * blockByteCount).map { _ in
            UInt8(truncatingIfNeeded: random.next())
        }
        // Where binary16 numbers stand, which are finite.
        for block in stride(from: 0, to: bytes.count, by: blockByteCount) {
            for place in halves { bytes[block + place + 1] = bytes[block + place + 1] & 0x83 | 0x30 }
        }
        var text = GGUFText()
        text.metadata = [("general.architecture", .text("qwen35"))]
        for (key, number) in [
            "context_length": 128, "embedding_length": rows, "block_count": 1, "feed_forward_length": 32,
            "attention.head_count": 1, "attention.key_length": 16, "attention.value_length": 16,
            "rope.dimension_count": 4, "ssm.conv_kernel": 4, "ssm.state_size": 16, "ssm.group_count": keyHeads,
            "ssm.time_step_rank": 8, "ssm.inner_size": columns,
        ] { text.set("qwen35.\(key)", .unsigned32(UInt32(number))) }
        text.set("qwen35.attention.layer_norm_rms_epsilon", .float(1e-6))
        text.tensors = [
            .zeros("token_embd.weight", [UInt64(rows), 7]),
            GGUFText.Tensor(
                name: "blk.0.ssm_out.weight", extents: [UInt64(columns), UInt64(rows)], type: type, offset: nil,
                bytes: bytes),
        ]
        try folder.write("model.gguf", text.bytes)
        let checkpoint = try Checkpoint(folder.path("model.gguf"))
        return try #require(try checkpoint.tensors()["model.layers.0.linear_attn.out_proj.weight"])
    }

    private typealias Kind = (type: UInt32, columns: Int, bytes: Int, halves: [Int], names: [String])

    /// F32, Q8_0, Q4_0, Q5_1, Q2_K to Q6_K, IQ4_NL and IQ4_XS; of heads of 64 and of 256 columns.
    private static let kinds: [Kind] = [
        (0, 1, 4, [2], ["f32", "f32"]), (8, 32, 34, [0], ["q8g32", "q8g32"]), (2, 32, 18, [0], ["q4g32", "q4g32"]),
        (7, 32, 24, [0, 2], ["q5g32-offset", "q5g32-offset"]),
        (12, 256, 144, [0, 2], ["q4g32-f32-offset", "q4g32-nested-offset"]),
        (13, 256, 176, [0, 2], ["q5g32-f32-offset", "q5g32-nested-offset"]),
        (10, 256, 84, [80, 82], ["q4g16-f32-offset", "q4g16-nested-offset"]),
        (11, 256, 110, [108], ["q4g16-f32", "q4g16-nested"]), (14, 256, 210, [208], ["q6g16-f32", "q6g16-nested"]),
        (20, 32, 18, [0], ["q8g32", "q8g32"]), (23, 256, 136, [0], ["q8g32-f32", "q8g32-nested"]),
    ]

    @Test(arguments: kinds.indices, [64, 256]) func headsOfColumnsMoveBitForBit(index: Int, headSize: Int) throws {
        let kind = Self.kinds[index]
        func elements(keyHeads: Int) throws -> (elements: [Float], encoding: String) {
            let tensor = try tensor(
                kind.type, blockColumns: kind.columns, blockByteCount: kind.bytes, halves: kind.halves,
                keyHeads: keyHeads, headSize: headSize)
            return (try StoredRows(tensor, rows: 0..<5).elements(), try tensor.encoding.name)
        }
        // With a key head for each value head nothing has another place.
        let (stored, _) = try elements(keyHeads: 8)
        for keyHeads in [1, 2, 4] {
            let (found, encoding) = try elements(keyHeads: keyHeads)
            let perKey = 8 / keyHeads
            let expected = (0..<5).flatMap { row in
                (0..<8 * headSize).map { column in
                    let (head, place) = column.quotientAndRemainder(dividingBy: headSize)
                    let inFile = head % perKey * keyHeads + head / perKey
                    return stored[row * 8 * headSize + inFile * headSize + place]
                }
            }
            #expect(found.map(\.bitPattern) == expected.map(\.bitPattern), "\(encoding) \(keyHeads)")
            #expect(encoding == kind.names[headSize == 64 ? 0 : 1])
        }
        let two = try tensor(
            kind.type, blockColumns: kind.columns, blockByteCount: kind.bytes, halves: kind.halves, keyHeads: 2,
            headSize: headSize)
        let all = try StoredRows(two, rows: 0..<5).elements()
        #expect(try StoredRows(two, rows: 2..<4).elements() == Array(all[16 * headSize..<32 * headSize]))
    }

    @Test func groupsThatReachOverTwoHeadsAreRefused() throws {
        let error = #expect(throws: WeightsError.self) {
            _ = try tensor(8, blockColumns: 32, blockByteCount: 34, halves: [0], keyHeads: 2, headSize: 16)
        }
        let message = try #require(error).description
        #expect(message.contains("model.gguf: 'blk.0.ssm_out.weight': expected"), "\(message)")
        #expect(message.contains("heads of 16 columns") && message.contains("Q8_0"), "\(message)")
    }
}
