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
    /// - Throws: ``WeightsError`` for a file that is not whole, ``BlueprintError`` for a model that is not implemented.
    public init(path: String) throws {
        file = try WeightsFile(path: path)
        blueprint = try Blueprint(configuration: file.config)
        endTokens = try Self.endTokens(file, blueprint)
    }

    /// The path of the model that travels with the program.
    public static var embeddedPath: String {
        get throws(EngineError) {
            guard let url = Bundle.module.url(forResource: "alice/model", withExtension: "h5") else {
                throw .missingPart(
                    "embedded model: expected alice/model.h5 among the program's resources, found none; "
                        + "keep the folder lockstep_Engine.resources beside the program, or give --model")
            }
            return url.path
        }
    }

    /// Whether the file has a tokenizer.
    public var hasTokenizer: Bool { file.tokenizer != nil }

    /// The tokenizer of the file.
    public func tokenizer() throws -> Tokenizer {
        guard let json = file.tokenizer else {
            throw EngineError.missingPart(
                "\(file.path): expected a tokenizer.json inside, found none; "
                    + "import a checkpoint that has one, or give token ids with --tokens")
        }
        return try Tokenizer(json: json)
    }

    private static func endTokens(_ file: WeightsFile, _ blueprint: Blueprint) throws -> Set<Int> {
        guard let text = file.generationConfig else { return Set(blueprint.endTokens) }
        let settings = try JSONDecoder().decode(GenerationSettings.self, from: Data(text.utf8))
        return Set(settings.endTokens?.ids ?? blueprint.endTokens)
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
