/// The bytes of a GGUF file, put together piece by piece, so that any piece can be wrong.
struct GGUFText {
    /// A value with its kind in front.
    enum Value {
        case unsigned32(UInt32)
        case float(Float)
        case boolean(UInt8)
        case text(String)
        case texts([String])
        case signed32s([Int32])
        case floats([Float])
        /// Anything else: a kind, and bytes.
        case other(UInt32, [UInt8])

        var bytes: [UInt8] {
            switch self {
            case .unsigned32(let number): little(UInt32(4)) + little(number)
            case .float(let number): little(UInt32(6)) + little(number.bitPattern)
            case .boolean(let byte): little(UInt32(7)) + [byte]
            case .text(let text): little(UInt32(8)) + GGUFText.text(text)
            case .texts(let texts): Self.array(8, texts.map { GGUFText.text($0) })
            case .signed32s(let numbers): Self.array(5, numbers.map { little(UInt32(bitPattern: $0)) })
            case .floats(let numbers): Self.array(6, numbers.map { little($0.bitPattern) })
            case .other(let kind, let bytes): little(kind) + bytes
            }
        }

        private static func array(_ kind: UInt32, _ elements: [[UInt8]]) -> [UInt8] {
            little(UInt32(9)) + little(kind) + little(UInt64(elements.count)) + elements.flatMap { $0 }
        }
    }

    struct Tensor {
        var name: String
        /// Innermost first, as the format has it.
        var extents: [UInt64]
        var type: UInt32
        /// Nil for the place behind the tensor before.
        var offset: UInt64?
        var bytes: [UInt8]
    }

    var version: UInt32 = 3
    var metadata: [(String, Value)] = []
    var tensors: [Tensor] = []
    var tensorCount: UInt64?
    var valueCount: UInt64?
    var alignment = 32

    /// A model of one layer of zeros that can be imported.
    static var smallModel: GGUFText {
        var text = GGUFText()
        text.metadata = [
            ("general.architecture", .text("llama")), ("llama.context_length", .unsigned32(128)),
            ("llama.embedding_length", .unsigned32(32)), ("llama.block_count", .unsigned32(1)),
            ("llama.feed_forward_length", .unsigned32(32)), ("llama.attention.head_count", .unsigned32(2)),
            ("llama.attention.layer_norm_rms_epsilon", .float(1e-5)),
        ]
        text.tensors = [
            ("token_embd", [32, 5]), ("blk.0.attn_norm", [32]), ("blk.0.attn_q", [32, 32]), ("blk.0.attn_k", [32, 32]),
            ("blk.0.attn_v", [32, 32]), ("blk.0.attn_output", [32, 32]), ("blk.0.ffn_norm", [32]),
            ("blk.0.ffn_gate", [32, 32]), ("blk.0.ffn_up", [32, 32]), ("blk.0.ffn_down", [32, 32]),
            ("output_norm", [32]),
        ].map { Tensor.zeros("\($0).weight", $1) }
        return text
    }

    /// Replaces or adds a value.
    mutating func set(_ key: String, _ value: Value) {
        remove(key)
        metadata.append((key, value))
    }

    mutating func remove(_ key: String) { metadata.removeAll { $0.0 == key } }

    var bytes: [UInt8] {
        var bytes = Array("GGUF".utf8) + little(version)
        bytes += little(tensorCount ?? UInt64(tensors.count)) + little(valueCount ?? UInt64(metadata.count))
        for (key, value) in metadata { bytes += Self.text(key) + value.bytes }
        var data: [UInt8] = []
        for tensor in tensors {
            bytes +=
                Self.text(tensor.name) + little(UInt32(tensor.extents.count)) + tensor.extents.flatMap { little($0) }
            bytes += little(tensor.type) + little(tensor.offset ?? UInt64(data.count))
            data += tensor.bytes
            Self.pad(&data, to: alignment)
        }
        Self.pad(&bytes, to: alignment)
        return bytes + data
    }

    private static func pad(_ bytes: inout [UInt8], to alignment: Int) {
        while bytes.count % alignment != 0 { bytes.append(0) }
    }

    fileprivate static func text(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }
}

extension GGUFText.Tensor {
    /// A tensor of F32.
    static func zeros(_ name: String, _ extents: [UInt64]) -> GGUFText.Tensor {
        GGUFText.Tensor(
            name: name, extents: extents, type: 0, offset: nil,
            bytes: Array(repeating: 0, count: 4 * Int(extents.reduce(1, *))))
    }
}

func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
}
