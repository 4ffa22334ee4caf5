import Foundation
import Launching

/// A Llama checkpoint without tokenizer, of random numbers and any size.
struct TinyModel {
    var vocabulary = 11
    var mlpWidth = 7
    var width = 8
    var heads = 2
    var headSize = 4
    var layers = 1
    var context = 64

    var config: String {
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": \(width),
         "intermediate_size": \(mlpWidth), "num_attention_heads": \(heads), "num_key_value_heads": \(heads),
         "head_dim": \(headSize), "hidden_act": "silu", "num_hidden_layers": \(layers), "vocab_size": \(vocabulary),
         "rms_norm_eps": 1e-05, "max_position_embeddings": \(context), "tie_word_embeddings": true,
         "rope_theta": 10000.0, "torch_dtype": "bfloat16"}
        """
    }

    /// Every tensor with its shape.
    var shapes: [(name: String, shape: [Int])] {
        [("model.embed_tokens.weight", [vocabulary, width]), ("model.norm.weight", [width])]
            + (0..<layers).flatMap { shapes(layer: "model.layers.\($0).") }
    }

    private func shapes(layer: String) -> [(name: String, shape: [Int])] {
        [
            (layer + "input_layernorm.weight", [width]), (layer + "post_attention_layernorm.weight", [width]),
            (layer + "self_attn.q_proj.weight", [heads * headSize, width]),
            (layer + "self_attn.k_proj.weight", [heads * headSize, width]),
            (layer + "self_attn.v_proj.weight", [heads * headSize, width]),
            (layer + "self_attn.o_proj.weight", [width, heads * headSize]),
            (layer + "mlp.gate_proj.weight", [mlpWidth, width]), (layer + "mlp.up_proj.weight", [mlpWidth, width]),
            (layer + "mlp.down_proj.weight", [width, mlpWidth]),
        ]
    }

    /// Writes the checkpoint's folder and returns its path.
    func write(
        to folder: TemporaryFolder, type: String = "BF16",
        changing change: (inout [(name: String, shape: [Int])]) -> Void = { _ in }
    ) throws -> String {
        var tensors = shapes
        change(&tensors)
        var (entries, data) = ([String](), Data())
        for tensor in tensors {
            let start = data.count
            let count = tensor.shape.reduce(1, *) * (type == "I64" ? 8 : 2)
            // Two bytes from 3c00 to 3cff are a bfloat16 of about 0.01.
            for index in 0..<count { data.append(index % 2 == 0 ? UInt8((index * 37 + start) % 256) : 0x3c) }
            entries.append(
                "\"\(tensor.name)\":{\"dtype\":\"\(type)\",\"shape\":\(tensor.shape),"
                    + "\"data_offsets\":[\(start),\(data.count)]}")
        }
        let header = Data("{\(entries.joined(separator: ","))}".utf8)
        let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> ($0 * 8)) }
        let path = folder.path("tiny")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try folder.write("tiny/config.json", config)
        try folder.write("tiny/model.safetensors", Data(length) + header + data)
        return path
    }

    /// Writes the checkpoint and makes a weights file of it.
    func imported(in folder: TemporaryFolder) throws -> String {
        try Alice.imported(try write(to: folder), in: folder)
    }
}
