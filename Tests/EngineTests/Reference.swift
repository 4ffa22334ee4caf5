import Foundation
import Weights

/// The reference checkpoints that travel with these tests.
enum Reference {
    private static let folder = Bundle.module.bundleURL.appendingPathComponent("Resources/reference")

    /// The names of the checkpoints: one that is missing is a failure.
    static let names = [
        "deepseek_v3-a-h72-i82-q7kv7-e10-bf16", "deepseek_v3-b-h96-i410-q12kv12-e8-bf16", "gemma2-a-h72-i82-q6kv3-bf16",
        "gemma3-a-h72-i82-q6kv1-bf16", "gemma3-b-h96-i410-q12kv2-bf16", "gemma3-c-h72-i82-q8kv4-bf16",
        "gguf-deepseek_v2-c-e5-q8_0", "gguf-deepseek_v2-d-e8-q8_0", "gguf-deepseek_v3-c-e8-q8_0", "gguf-gemma2-a-bf16",
        "gguf-gemma3-a-bf16", "gguf-glm4_moe-a-e5-bf16", "gguf-glm4_moe-c-e6-q8_0", "gguf-gpt_oss-c-e6-mxfp4",
        "gguf-granite-a-bf16", "gguf-llama-a-q8_0", "gguf-llama-b-q4_0", "gguf-llama-c-k", "gguf-llama-d-low",
        "gguf-mixtral-a-e5-bf16", "gguf-nemotron_h-a-bf16", "gguf-nemotron_h-b-e10-bf16", "gguf-nemotron_h-c-e4-q8_0",
        "gguf-olmo2-a-bf16",
        "gguf-phi3-b-bf16", "gguf-qwen2-b-q4_1", "gguf-qwen2_moe-a-e5-q8_0", "gguf-qwen3-b-q4_0", "gguf-qwen3_5-a-bf16",
        "gguf-qwen3_5-b-k", "gguf-qwen3_5_moe-a-e5-bf16", "gguf-qwen3_5_moe-b-e4-q8_0", "gguf-qwen3_moe-a-e5-bf16",
        "gguf-qwen3_moe-b-e3-k", "gguf-qwen3_next-a-e5-bf16", "gguf-qwen3_next-b-e4-q8_0", "gguf-starcoder2-a-bf16",
        "glm4_moe-a-h72-i82-q12kv2-e5-bf16", "glm4_moe-b-h96-i410-q6kv3-e10-bf16", "gpt_oss-a-h72-i82-q6kv3-e5-bf16",
        "gpt_oss-b-h96-i160-q12kv2-e10-bf16", "granite-a-h72-i82-q6kv3-bf16", "llama-a-h84-i82-q7kv1-f32",
        "llama-b-h96-i410-q12kv2-bf16", "mistral-a-h72-i82-q6kv3-bf16", "mistral3-c-h72-i82-q6kv3-bf16",
        "mixtral-a-h72-i82-q6kv3-e5-bf16", "mlx-deepseek_v3-c-e8-q8g32", "mlx-gpt_oss-c-e6-mxfp4-q8g64",
        "mlx-llama-a-q4g32", "mlx-llama-b-q8g64-tied", "mlx-llama-c-q3q6g64", "mlx-nemotron_h-c-e6-q4g64",
        "mlx-qwen3-a-q4g64", "mlx-qwen3-b-q4g128-mixed", "mlx-qwen3_5_moe-c-e6-q8g64", "mlx-qwen3_moe-a-q4g32",
        "mlx-qwen3_moe-c-e6-q2q6g64", "mlx-qwen3_next-c-e6-q4g32",
        "nemotron_h-a-h72-i82-q6kv3-bf16", "nemotron_h-b-h96-i410-q12kv2-e10-bf16", "olmo2-a-h72-i82-q6kv3-bf16",
        "phi3-a-h72-i82-q6kv3-bf16", "phi3-b-h96-i410-q6kv2-bf16", "qwen2-a-h84-i82-q7kv1-bf16",
        "qwen2-b-h96-i410-q12kv2-f32", "qwen2_moe-a-h72-i82-q6kv3-e5-bf16", "qwen3-a-h72-i82-q7kv1-bf16",
        "qwen3-b-h96-i410-q12kv2-f32", "qwen3_5-a-h72-i82-q6kv3-bf16", "qwen3_5-b-h96-i410-q12kv2-bf16",
        "qwen3_5_moe-a-h72-i41-q6kv3-e5-bf16", "qwen3_5_moe-b-h96-i50-q12kv2-e10-bf16",
        "qwen3_moe-a-h72-i82-q7kv1-e5-bf16", "qwen3_moe-b-h96-i410-q12kv2-e10-f32",
        "qwen3_next-a-h72-i82-q6kv3-e5-bf16", "qwen3_next-b-h96-i410-q12kv2-e10-bf16",
        "starcoder2-a-h72-i82-q6kv3-bf16",
    ]

    /// Checkpoints of every mixer, encoding and source of weights that there is, where all would take too long.
    static let representative = [
        "deepseek_v3-a-h72-i82-q7kv7-e10-bf16", "gemma3-a-h72-i82-q6kv1-bf16", "gguf-llama-c-k",
        "gguf-llama-d-low", "gguf-qwen3_5-b-k",
        "gguf-qwen3_moe-b-e3-k", "glm4_moe-a-h72-i82-q12kv2-e5-bf16", "gpt_oss-b-h96-i160-q12kv2-e10-bf16",
        "llama-b-h96-i410-q12kv2-bf16", "mlx-llama-c-q3q6g64", "mlx-qwen3_moe-a-q4g32", "mlx-qwen3_next-c-e6-q4g32",
        "nemotron_h-b-h96-i410-q12kv2-e10-bf16", "olmo2-a-h72-i82-q6kv3-bf16", "phi3-b-h96-i410-q6kv2-bf16",
        "qwen2-b-h96-i410-q12kv2-f32", "qwen3_next-a-h72-i82-q6kv3-e5-bf16",
    ]

    /// The folder of a checkpoint.
    static func source(_ name: String) -> URL { folder.appendingPathComponent(name) }

    /// The names of the folders that there are.
    static func folders() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    /// A folder with a weights file and the reference's outputs for each checkpoint, made once.
    static func importedFolder() throws -> String { try imported.get() }

    /// The same for the representative ones.
    static func representativeFolder() throws -> String { try importedRepresentatives.get() }

    private static let imported = Result { () throws -> String in try importing(names) }
    private static let importedRepresentatives = Result { () throws -> String in try importing(representative) }

    private static func importing(_ names: [String]) throws -> String {
        let target = FileManager.default.temporaryDirectory.appendingPathComponent("reference-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        atexitRemove(target)
        for name in names {
            let source = folder.appendingPathComponent(name)
            _ = try Importer.run(
                source: source.path, destination: "\(target.path)/\(name).h5", encoding: .keep, programVersion: "test")
            try FileManager.default.copyItem(
                at: source.appendingPathComponent("golden.safetensors"),
                to: target.appendingPathComponent("\(name).safetensors"))
        }
        return target.path
    }

    nonisolated(unsafe) private static var toRemove: [URL] = []

    private static func atexitRemove(_ url: URL) {
        toRemove.append(url)
        atexit { for url in Reference.toRemove { try? FileManager.default.removeItem(at: url) } }
    }
}
