import Foundation
import Launching
import Testing
import Weights

/// Every way in which a GGUF file can be wrong gives an error that says what and where.
@Suite struct GGUFRefusalTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func message(_ bytes: [UInt8]) throws -> String {
        try folder.write("bad.gguf", bytes)
        let error = #expect(throws: WeightsError.self) {
            let checkpoint = try Checkpoint(folder.path("bad.gguf"))
            _ = try checkpoint.tensors()
        }
        let message = try #require(error).description
        #expect(message.contains("bad.gguf"))
        #expect(!message.contains("\n"))
        return message
    }

    private func message(_ change: (inout GGUFText) -> Void) throws -> String {
        var text = GGUFText.smallModel
        change(&text)
        return try message(text.bytes)
    }

    @Test func theSmallModelIsRight() throws {
        try folder.write("good.gguf", GGUFText.smallModel.bytes)
        #expect(try Checkpoint(folder.path("good.gguf")).tensors().count == 11)
        var older = GGUFText.smallModel
        older.version = 2
        try folder.write("good.gguf", older.bytes)
        #expect(try Checkpoint(folder.path("good.gguf")).tensors().count == 11)
        var aligned = GGUFText.smallModel
        aligned.alignment = 128
        aligned.set("general.alignment", .unsigned32(128))
        try folder.write("good.gguf", aligned.bytes)
        #expect(try Checkpoint(folder.path("good.gguf")).tensors().count == 11)
    }

    @Test func aFileThatEndsAnywhereIsRefused() throws {
        let bytes = GGUFText.smallModel.bytes
        for count in Array(stride(from: 0, to: bytes.count - 1, by: 97)) + [4, 8, 16, 24, bytes.count - 1] {
            _ = try message(Array(bytes[..<count]))
        }
        #expect(try message([]).contains("expected the four letters GGUF of 4 bytes at byte 0"))
    }

    @Test func aLongerFileIsRefused() throws {
        #expect(try message(GGUFText.smallModel.bytes + [0]).contains("expected the file to end with the last tensor"))
    }

    @Test func otherFormatsAndVersionsAreRefused() throws {
        var bytes = GGUFText.smallModel.bytes
        bytes[0] = UInt8(ascii: "g")
        #expect(try message(bytes).contains("expected a file that begins with GGUF"))
        #expect(try message { $0.version = 1 }.contains("expected version 2 or 3 of the format, found 1"))
        #expect(try message { $0.version = 4 }.contains("found 4"))
        #expect(try message { $0.version = UInt32(3).byteSwapped }.contains("found a big-endian one"))
    }

    @Test func countsThatTheFileCannotHoldAreRefused() throws {
        #expect(try message { $0.tensorCount = .max }.contains("expected a number of tensors that the"))
        #expect(try message { $0.valueCount = 1 << 40 }.contains("expected a number of metadata values that the"))
        let huge = Array(repeating: UInt8(0xff), count: 8)
        #expect(try message { $0.set("a", .other(8, huge)) }.contains("a length of 'a'"))
        #expect(try message { $0.set("a", .other(9, [4, 0, 0, 0] + huge)) }.contains("as many elements of 'a'"))
        #expect(try message { $0.set("a", .other(10, huge)) }.contains("expected 'a' to be at most"))
        #expect(
            try message { $0.tensors[2].extents = [1 << 40, 1 << 40] }
                .contains("expected 'blk.0.attn_q.weight' to fit into the file"))
        #expect(try message { $0.tensors[2].extents = [.max, 1] }.contains("above zero"))
    }

    /// Lengths for which the file is large enough, but no such file is meant: it is full of holes.
    @Test func lengthsThatNoModelHasAreRefusedBeforeAnythingIsRead() throws {
        func message(_ change: (inout GGUFText) -> Void) throws -> String {
            var text = GGUFText.smallModel
            change(&text)
            try folder.write("bad.gguf", text.bytes)
            let file = try FileHandle(forUpdating: URL(filePath: folder.path("bad.gguf")))
            try file.truncate(atOffset: 1 << 40)
            try file.close()
            let error = #expect(throws: WeightsError.self) { _ = try Checkpoint(folder.path("bad.gguf")) }
            return try #require(error).description
        }
        let (many, length) = (little(UInt64(1 << 38)), little(UInt64(1 << 39)))
        #expect(
            try message { $0.set("a", .other(8, length)) }
                .contains("expected 'a' of 67108864 bytes at most, found \(1 << 39)"))
        for kind in 0..<UInt8(2) {
            #expect(
                try message { $0.set("a", .other(9, [kind, 0, 0, 0] + many)) }
                    .contains("16777216 elements at most in all arrays together, found \(1 << 38) of 'a'"))
        }
        // Each array is small enough, but not all of them.
        let half = [0, 0, 0, 0] + little(UInt64(1 << 23)) + [UInt8](repeating: 0, count: 1 << 23)
        let halves = try message {
            for key in ["a", "b", "c"] { $0.set(key, .other(9, half)) }
        }
        #expect(halves.contains("16777216 elements at most in all arrays together, found \(1 << 23) of 'c'"))
        let name = try message {
            $0.tensors = []
            $0.tensorCount = 1
            $0.metadata = [("k", .unsigned32(1)), ("l", .other(4, [0, 0, 0, 0] + length))]
        }
        #expect(name.contains("expected a tensor's name of 65536 bytes at most, found \(1 << 39)"))
    }

    @Test func valuesThatAreNoneAreRefused() throws {
        #expect(try message { $0.set("a", .other(13, [])) }.contains("expected a kind of value for 'a', found 13"))
        #expect(try message { $0.set("a", .boolean(2)) }.contains("expected 'a' to be 0 or 1, found 2"))
        #expect(try message { $0.set("", .unsigned32(1)) }.contains("a metadata key of 1 to"))
        #expect(
            try message { $0.set("a", .other(8, [1, 0, 0, 0, 0, 0, 0, 0, 0xff])) }.contains("expected 'a' in UTF-8"))
        let nested = Array(repeating: [UInt8](arrayLiteral: 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0), count: 9).flatMap {
            $0
        }
        #expect(try message { $0.set("a", .other(9, nested)) }.contains("expected 'a' in 4 levels"))
        #expect(try message { $0.set("general.alignment", .unsigned32(24)) }.contains("a power of two, found 24;"))
        #expect(try message { $0.set("general.alignment", .unsigned32(0)) }.contains("to be a power of two"))
    }

    @Test func whatIsThereTwiceIsRefused() throws {
        #expect(
            try message { $0.metadata.append($0.metadata[1]) }
                .contains("expected every metadata key once, found 'llama.context_length' twice"))
        #expect(
            try message { $0.tensors.append($0.tensors[1]) }
                .contains("expected every tensor once, found 'blk.0.attn_norm.weight' twice"))
    }

    @Test func dataThatOverlapsOrLeavesHolesIsRefused() throws {
        let overlap = try message { $0.tensors[2].offset = 640 }
        #expect(overlap.contains("'blk.0.attn_q.weight': expected its data at offset 768"))
        #expect(overlap.contains("an overlap"))
        #expect(try message { $0.tensors[10].offset = 1 << 20 }.contains("a hole"))
        #expect(try message { $0.tensors[10].offset = 7 }.contains("bad.gguf: '"))
    }

    @Test func shapesThatAreNoneAreRefused() throws {
        #expect(try message { $0.tensors[2].extents = [] }.contains("expected 1 to 4 dimensions"))
        #expect(try message { $0.tensors[2].extents = [1, 1, 1, 1, 1] }.contains("expected 1 to 4 dimensions"))
        #expect(try message { $0.tensors[2].extents = [0, 32] }.contains("above zero"))
    }

    @Test(arguments: [
        (16, "IQ2_XXS"), (21, "IQ3_S"), (29, "IQ1_M"), (34, "TQ1_0"), (40, "NVFP4"), (28, "F64"), (99, "type 99"),
    ])
    func typesThatAreNotReadAreNamed(code: UInt32, name: String) throws {
        let message = try message { $0.tensors[2].type = code }
        #expect(message.contains("'blk.0.attn_q.weight': expected elements in one of F32, F16, BF16, Q8_0"))
        #expect(message.contains("found \(name);"))
    }

    @Test func blocksMustBeWholeAndVectorsPlain() throws {
        #expect(
            try message { $0.tensors[2].type = 12 }
                .contains("expected rows of 'blk.0.attn_q.weight' in blocks of 256, as Q4_K has them, found 32 columns")
        )
        let message = try message {
            $0.tensors[1].type = 8
            $0.tensors[1].bytes = Array(repeating: 0, count: 34)
        }
        #expect(message.contains("'blk.0.attn_norm.weight': expected elements in one of F32, F16, BF16"))
    }

    @Test func modelsThatAreNotComputedAreRefused() throws {
        let other = try message { $0.set("general.architecture", .text("mamba")) }
        #expect(other.contains("bad.gguf/metadata: expected 'general.architecture' to be one of llama"))
        #expect(try message { $0.remove("general.architecture") }.contains("the key 'general.architecture'"))
        #expect(try message { $0.remove("llama.block_count") }.contains("the key 'llama.block_count'"))
        #expect(try message { $0.set("llama.new_key", .unsigned32(1)) }.contains("found 'llama.new_key'"))
        #expect(try message { $0.tensors.remove(at: 0) }.contains("a tensor 'token_embd.weight'"))
        let factors = try message { $0.tensors.append(.zeros("rope_freqs.weight", [8])) }
        #expect(factors.contains("'rope_freqs.weight' to be 8 factors"))
    }

    private func messageOfImport(_ text: GGUFText) throws -> String {
        try folder.write("bad.gguf", text.bytes)
        let error = #expect(throws: WeightsError.self) {
            _ = try Importer.run(
                source: folder.path("bad.gguf"), destination: folder.path("bad.h5"), encoding: .keep,
                programVersion: "test")
        }
        #expect(try folder.names() == ["bad.gguf"])
        return try #require(error).description
    }

    @Test func missingTensorsHaveTheNamesOfTheFile() throws {
        for name in ["blk.0.attn_q.weight", "blk.0.ffn_norm.weight", "output_norm.weight"] {
            var text = GGUFText.smallModel
            text.tensors.removeAll { $0.name == name }
            let message = try messageOfImport(text)
            #expect(message.contains("bad.gguf: expected the tensors that its metadata asks for: '\(name)', found"))
        }
        // A projection of all experts is one tensor in a file, and may be many in a checkpoint.
        var text = GGUFText.smallModel
        text.set("llama.expert_count", .unsigned32(4))
        text.set("llama.expert_used_count", .unsigned32(2))
        text.tensors.removeAll { $0.name.contains("ffn_gate") || $0.name.contains("ffn_up") }
        text.tensors.removeAll { $0.name.contains("ffn_down") }
        let experts = try messageOfImport(text)
        #expect(experts.contains("'blk.0.ffn_gate_inp.weight', 'blk.0.ffn_gate_exps.weight', "), "\(experts)")
        #expect(!experts.contains("model.layers"), "\(experts)")
    }

    @Test func tensorsThatNothingComputesWithAreNamed() throws {
        var text = GGUFText.smallModel
        text.tensors.append(.zeros("blk.0.extra.weight", [32]))
        #expect(try messageOfImport(text).contains("found also 'blk.0.extra.weight'"))
        // One that other models have, and a checkpoint by another name.
        text.tensors[text.tensors.count - 1] = .zeros("blk.0.attn_q_norm.weight", [16])
        let normed = try messageOfImport(text)
        #expect(normed.contains("found also 'blk.0.attn_q_norm.weight'"))
    }
}
