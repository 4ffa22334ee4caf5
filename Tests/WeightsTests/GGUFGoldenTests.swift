import Blueprint
import Foundation
import Testing
import Text
import Weights

/// The reference's GGUF files, against what the reference has beside them.
@Suite struct GGUFGoldenTests {
    private static let names = [
        "gguf-deepseek_v2-c-e5-q8_0", "gguf-deepseek_v2-d-e8-q8_0", "gguf-deepseek_v3-c-e8-q8_0", "gguf-gemma2-a-bf16",
        "gguf-gemma3-a-bf16", "gguf-glm4_moe-a-e5-bf16", "gguf-glm4_moe-c-e6-q8_0", "gguf-gpt_oss-c-e6-mxfp4",
        "gguf-granite-a-bf16", "gguf-llama-a-q8_0", "gguf-llama-b-q4_0", "gguf-llama-c-k", "gguf-llama-d-low",
        "gguf-mixtral-a-e5-bf16",
        "gguf-nemotron_h-a-bf16", "gguf-nemotron_h-b-e10-bf16", "gguf-olmo2-a-bf16", "gguf-phi3-b-bf16",
        "gguf-qwen2-b-q4_1", "gguf-qwen3-b-q4_0", "gguf-qwen3_5-a-bf16", "gguf-qwen3_5_moe-a-e5-bf16",
        "gguf-qwen3_moe-a-e5-bf16", "gguf-qwen3_next-a-e5-bf16", "gguf-starcoder2-a-bf16",
    ]
    private static let allNames =
        names + [
            "gguf-qwen2_moe-a-e5-q8_0", "gguf-qwen3_moe-b-e3-k", "gguf-qwen3_5-b-k", "gguf-qwen3_5_moe-b-e4-q8_0",
            "gguf-qwen3_next-b-e4-q8_0", "gguf-nemotron_h-c-e4-q8_0",
        ]

    /// They are kept with the tests that compute with them.
    private static func folder(_ name: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "EngineTests/Resources/reference/\(name)")
    }

    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }

    private static func checkpoint(_ name: String) throws -> Checkpoint {
        try Checkpoint(folder(name).path(percentEncoded: false))
    }

    @Test(arguments: allNames) func theBlueprintIsThatOfTheReferencesConfig(name: String) throws {
        let expected = try String(contentsOf: Self.folder(name).appending(path: "config.json"), encoding: .utf8)
        let found = try Self.checkpoint(name).configuration
        #expect(found != expected)
        #expect(try Blueprint(configuration: found) == Blueprint(configuration: expected))
    }

    private struct Cases: Decodable {
        struct Encoding: Decodable {
            var text: String
            var ids: [Int]
            var idsWithSpecial: [Int]
            var decoded: String
            var decodedSkipSpecial: String
        }

        var encode: [Encoding]
    }

    @Test(arguments: names) func tokensAreThoseOfTheReferencesTokenizer(name: String) throws {
        let tokenizer = try Tokenizer(json: try #require(try Self.checkpoint(name).texts[.tokenizer]))
        let data = try Data(contentsOf: Self.folder(name).appending(path: "tokenizer_cases.json"))
        let cases = try Self.decoder.decode(Cases.self, from: data).encode
        #expect(cases.count >= 25)
        for one in cases {
            #expect(try tokenizer.encode(one.text, addSpecialTokens: false) == one.ids, "\(one.text)")
            #expect(try tokenizer.encode(one.text) == one.idsWithSpecial, "\(one.text)")
            #expect(try tokenizer.decode(one.ids, skipSpecialTokens: false) == one.decoded)
            #expect(try tokenizer.decode(one.idsWithSpecial, skipSpecialTokens: true) == one.decodedSkipSpecial)
        }
    }

    private struct TokenizerConfiguration: Decodable {
        var bosToken: String?
        var eosToken: String
        var chatTemplate: String?
    }

    @Test(arguments: names) func theChatTemplateAndItsTokensAreTheReferences(name: String) throws {
        let data = try Data(contentsOf: Self.folder(name).appending(path: "tokenizer_config.json"))
        let expected = try Self.decoder.decode(TokenizerConfiguration.self, from: data)
        let texts = try Self.checkpoint(name).texts
        #expect(texts[.chatTemplate] == expected.chatTemplate)
        let found = try Self.decoder.decode(
            TokenizerConfiguration.self, from: Data(try #require(texts[.tokenizerConfiguration]).utf8))
        #expect(found.bosToken == expected.bosToken && found.eosToken == expected.eosToken)
    }

    /// What the reference has in bf16 the file has in another order, and some of it otherwise: of a norm one more, of
    /// the logarithm of a rate the rate.
    @Test(arguments: [
        ("gguf-qwen3_5-a-bf16", "qwen3_5-a-h72-i82-q6kv3-bf16"),
        ("gguf-qwen3_5_moe-a-e5-bf16", "qwen3_5_moe-a-h72-i41-q6kv3-e5-bf16"),
        ("gguf-qwen3_next-a-e5-bf16", "qwen3_next-a-h72-i82-q6kv3-e5-bf16"),
        ("gguf-nemotron_h-a-bf16", "nemotron_h-a-h72-i82-q6kv3-bf16"),
        ("gguf-nemotron_h-b-e10-bf16", "nemotron_h-b-h96-i410-q12kv2-e10-bf16"),
    ])
    func numbersAreThoseOfTheReference(name: String, reference: String) throws {
        let expected = try Self.checkpoint(reference).tensors()
        var (same, changed) = (0, 0)
        for (name, tensor) in try Self.checkpoint(name).tensors() {
            guard let other = expected[name] else { continue }
            #expect(tensor.shape == other.shape, "\(name)")
            let rows = 0..<tensor.shape.dropLast(tensor.shape.count > 1 ? 1 : 0).reduce(1, *)
            let (found, wanted) = (
                try StoredRows(tensor, rows: rows).elements(), try StoredRows(other, rows: rows).elements()
            )
            if found == wanted { same += 1 } else { changed += 1 }
            let isChanged = name.hasSuffix("norm.weight") || name.hasSuffix("A_log")
            #expect(zip(found, wanted).allSatisfy { abs($0 - $1) <= (isChanged ? 1e-6 : 0) }, "\(name)")
        }
        #expect(same > 15 && changed < same, "\(same), \(changed)")
    }

    /// The residual stream before the first layer is the embedding's rows, times a factor where the model has one.
    @Test(arguments: allNames) func embeddingsHaveTheReferencesBits(name: String) throws {
        let golden = try SafetensorsFile(
            Self.folder(name).appending(path: "golden.safetensors").path(percentEncoded: false))
        func bits(_ name: String) throws -> [UInt32] {
            let tensor = try #require(golden.tensors.first { $0.name == name })
            let bytes = try golden.bytes(tensor.byteRange)
            return stride(from: 0, to: bytes.count, by: 4).map { start in
                (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * $1) }
            }
        }
        let checkpoint = try Self.checkpoint(name)
        let blueprint = try Blueprint(configuration: checkpoint.configuration)
        let factor = blueprint.embeddingFactor
        let embedding = try #require(try checkpoint.tensors()[blueprint.embedding.name])
        let (ids, hidden) = (try bits("prompt.input_ids"), try bits("prompt.hidden"))
        let width = embedding.shape[1]
        for (position, id) in ids.enumerated() {
            let row = try StoredRows(embedding, rows: Int(id)..<Int(id) + 1).elements()
            #expect(row.map { ($0 * factor).bitPattern } == Array(hidden[position * width..<(position + 1) * width]))
        }
    }
}
