/// A family of models: how its config.json becomes a blueprint.
protocol Architecture: SendableMetatype {
    /// The names in config.json's `architectures` that it answers to.
    static var names: [String] { get }
    /// How GGUF files spell it; nil where none is read.
    static var gguf: GGUFFamily? { get }
    /// The same under each of the names that GGUF files have for it.
    static var ggufFamilies: [GGUFFamily] { get }
    /// Reads every key that matters.
    static func blueprint(_ reader: inout ConfigurationReader) throws(BlueprintError) -> Blueprint
}

extension Architecture {
    static var gguf: GGUFFamily? { nil }
    static var ggufFamilies: [GGUFFamily] { gguf.map { [$0] } ?? [] }
}

/// The list of implemented families.
enum Architectures {
    private static let all: [any Architecture.Type] = [
        Llama.self, Mistral.self, Qwen2.self, Qwen3.self, Granite.self, StarCoder2.self, Gemma2.self, Gemma3.self,
        Mixtral.self, Qwen2MoE.self, Qwen3MoE.self, GLM4MoE.self, Phi3.self, OLMo2.self,
        GptOss.self, DeepSeekV2.self, DeepSeekV3.self, Qwen3Next.self, Qwen35.self, NemotronH.self,
    ]

    /// Every name that is answered to.
    static var names: [String] { all.flatMap { $0.names } }

    /// The family of that name.
    static func named(_ name: String) -> (any Architecture.Type)? { all.first { $0.names.contains(name) } }

    /// Every `general.architecture` of a GGUF file that is answered to.
    static var ggufNames: [String] { all.flatMap { $0.ggufFamilies.map(\.name) } }

    /// How GGUF files of that `general.architecture` are spelled.
    static func gguf(named name: String) -> GGUFFamily? {
        all.lazy.flatMap { $0.ggufFamilies }.first { $0.name == name }
    }
}
