public import Blueprint
import Foundation
public import Text
public import Weights

/// A weights file that is open, with what it says besides tensors.
public struct Model {
    /// The file.
    public let file: WeightsFile
    /// What it computes.
    public let blueprint: Blueprint
    /// The tokens that end a text: generation_config.json's, or else config.json's.
    public let endTokens: Set<Int>

    /// Opens a weights file.
    ///
    /// - Throws: ``WeightsError`` for a file that is not whole, or a model that is not implemented.
    public init(path: String) throws(WeightsError) {
        file = try WeightsFile(path: path)
        do throws(BlueprintError) {
            blueprint = try Blueprint(configuration: file.config)
        } catch {
            throw .unsupportedModel(path: path, reason: error.description)
        }
        endTokens = try Self.endTokens(file, blueprint)
    }

    /// The path of the model that travels with the program.
    public static var embeddedPath: String {
        get throws(EngineError) {
            let folder = Bundle.main.bundleURL.appendingPathComponent("lockstep_Engine.resources")
            let path = folder.appendingPathComponent("alice/model.h5").path
            guard FileManager.default.isReadableFile(atPath: path) else {
                throw .missingPart(
                    "\(path): expected the embedded model, found no file; "
                        + "keep lockstep_Engine.resources beside the program, or give --model")
            }
            return path
        }
    }

    /// Whether the file has a tokenizer.
    public var hasTokenizer: Bool { file.tokenizer != nil }

    /// The tokenizer of the file.
    ///
    /// - Throws: ``EngineError`` where the file has none, or one that is not implemented.
    public func tokenizer() throws(EngineError) -> Tokenizer {
        guard let json = file.tokenizer else {
            throw .missingPart(
                "\(file.path): expected a tokenizer.json inside, found none; "
                    + "import a checkpoint that has one, or give token ids with --tokens")
        }
        do throws(TextError) {
            return try Tokenizer(json: json)
        } catch {
            throw .unsupportedTokenizer(path: file.path, reason: error.description)
        }
    }

    /// Checks tokens before anything is computed from them.
    ///
    /// - Throws: ``EngineError`` for too few of them, for more than the context, or for an id that the vocabulary has
    ///   not.
    public func check(_ tokens: [Int], what: String, atLeast least: Int, context: Int) throws(EngineError) {
        try blueprint.check(tokens, what: what, atLeast: least, context: context)
    }

    private static func endTokens(_ file: WeightsFile, _ blueprint: Blueprint) throws(WeightsError) -> Set<Int> {
        let generation = try file.generationConfig.flatMap { (text) throws(WeightsError) in
            try endTokens(text, path: file.path)
        }
        return Set(generation ?? blueprint.endTokens)
    }

    /// The tokens that end a text as a generation_config.json says; nil where it doesn't.
    static func endTokens(_ text: String, path: String) throws(WeightsError) -> [Int]? {
        guard let settings = try? JSONDecoder().decode(GenerationSettings.self, from: Data(text.utf8)) else {
            throw .malformed(
                location: "\(path)/generation_config.json",
                expected: "an object whose 'eos_token_id' is a token id or a list of them", found: "something else")
        }
        return settings.endTokens?.ids
    }
}

/// The part of generation_config.json that is read.
private struct GenerationSettings: Decodable {
    var endTokens: OneOrMore?

    enum CodingKeys: String, CodingKey {
        case endTokens = "eos_token_id"
    }

    /// A token id or a list of them.
    struct OneOrMore: Decodable {
        var ids: [Int]

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let id = try? container.decode(Int.self) { ids = [id] } else { ids = try container.decode([Int].self) }
        }
    }
}
