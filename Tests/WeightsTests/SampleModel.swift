import Blueprint
import Foundation
import Launching

/// A small Llama checkpoint with numbers that name their own place.
struct SampleModel {
    var width = 48
    var mlpWidth = 82
    var vocabulary = 101
    var layers = 2
    var types: [String] = ["BF16"]

    /// Large enough for several panels in every direction.
    static let large = SampleModel(width: 1104, mlpWidth: 330, vocabulary: 1009, layers: 1)

    var config: String {
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": \(width),
         "intermediate_size": \(mlpWidth), "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu",
         "num_hidden_layers": \(layers), "vocab_size": \(vocabulary), "rms_norm_eps": 1e-05,
         "max_position_embeddings": 256, "tie_word_embeddings": false, "rope_theta": 10000.0}
        """
    }

    struct Tensor {
        var weight: Weight
        var type: String
        var bytes: [UInt8]

        var encoding: Scalar {
            switch type {
            case "F32": .f32
            case "F16": .f16
            default: .bf16
            }
        }
    }

    /// Every tensor that config.json asks for, with bits that differ from element to element and from tensor to tensor.
    func tensors() throws -> [Tensor] {
        try Blueprint(configuration: config).weights.enumerated().map { index, weight in
            let type = types[index % types.count]
            return Tensor(
                weight: weight, type: type, bytes: Self.bytes(type, count: weight.elementCount, seed: index))
        }
    }

    /// Writes the folder, with the tensors dealt to `parts` files.
    func write(to folder: TemporaryFolder, parts: Int = 1, change: (inout [Tensor]) -> Void = { _ in }) throws {
        var tensors = try tensors()
        change(&tensors)
        try folder.write("config.json", config)
        try folder.write("tokenizer.json", "{\"version\": \"1.0\"}")
        for part in 0..<parts {
            let chosen = tensors.enumerated().filter { $0.offset % parts == part }.map(\.element)
            let name = parts == 1 ? "model.safetensors" : "model-0000\(part + 1)-of-0000\(parts).safetensors"
            let text = SafetensorsText(chosen.map { ($0.weight.name, $0.type, $0.weight.shape, $0.bytes) })
            try folder.write(name, text.bytes)
        }
    }

    /// Finite numbers of either sign, small enough for f16.
    private static func bytes(_ type: String, count: Int, seed: Int) -> [UInt8] {
        var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 &+ 1
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * (type == "F32" ? 4 : 2))
        for _ in 0..<count {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = Float(Int64(bitPattern: state) >> 20) / Float(1 << 42)
            switch type {
            case "F32": append(value.bitPattern, to: &bytes)
            case "F16": append(Float16(value).bitPattern, to: &bytes)
            default: append(UInt16(value.bitPattern >> 16), to: &bytes)
            }
        }
        return bytes
    }

    private static func append<Bits: FixedWidthInteger>(_ bits: Bits, to bytes: inout [UInt8]) {
        for shift in stride(from: 0, to: Bits.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: bits >> shift))
        }
    }
}

/// A part of a matrix of bytes, cut out the slow and plain way.
func slice(_ bytes: [UInt8], columns total: Int, size: Int, rows: Range<Int>, columns: Range<Int>) -> [UInt8] {
    rows.flatMap { row in
        Array(bytes[((row * total + columns.lowerBound) * size)..<((row * total + columns.upperBound) * size)])
    }
}
