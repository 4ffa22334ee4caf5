import Blueprint

/// An element type of GGUF that is read.
///
/// The layouts of blocks: ggml's `ggml-common.h`.
enum GGUFElementType: String, Sendable, CaseIterable {
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case q8x0 = "Q8_0"
    case q4x0 = "Q4_0"
    case q4x1 = "Q4_1"
    case q5x0 = "Q5_0"
    case q5x1 = "Q5_1"
    case q2k = "Q2_K"
    case q3k = "Q3_K"
    case q4k = "Q4_K"
    case q5k = "Q5_K"
    case q6k = "Q6_K"
    case iq4nl = "IQ4_NL"
    case iq4xs = "IQ4_XS"
    case mxfp4 = "MXFP4"

    /// The names of all types by their numbers in the file, those that are not read too.
    private static let names: [UInt32: String] = [
        0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 4: "Q4_2", 5: "Q4_3", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1",
        10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS",
        18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16",
        26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 30: "BF16", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8",
        34: "TQ1_0", 35: "TQ2_0", 36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8", 39: "MXFP4", 40: "NVFP4",
        41: "Q1_0",
    ]

    /// The name of a type by its number in the file.
    static func name(_ code: UInt32) -> String { names[code] ?? "type \(code)" }

    /// The names of those that are read.
    static var list: String { allCases.map(\.rawValue).joined(separator: ", ") }

    /// Columns of a block.
    var blockColumns: Int {
        switch self {
        case .float32, .float16, .bfloat16: 1
        case .q8x0, .q4x0, .q4x1, .q5x0, .q5x1, .iq4nl, .mxfp4: 32
        case .q2k, .q3k, .q4k, .q5k, .q6k, .iq4xs: 256
        }
    }

    /// Bytes of a block.
    var blockByteCount: Int {
        switch self {
        case .float32: 4
        case .float16, .bfloat16: 2
        case .q8x0: 34
        case .q4x0: 18
        case .q4x1: 20
        case .q5x0: 22
        case .q5x1: 24
        case .q2k: 84
        case .q3k: 110
        case .q4k: 144
        case .q5k: 176
        case .q6k: 210
        case .iq4nl: 18
        case .iq4xs: 136
        case .mxfp4: 17
        }
    }

    /// The same numbers in a weights file, which has no integers of fewer than 4 bits: they take 4. Those of the IQ4
    /// types' codebook, 16 at uneven distances from -127 to 113, take 8.
    var encoding: Encoding {
        switch self {
        case .float32: .f32
        case .float16: .f16
        case .bfloat16: .bf16
        case .q8x0: grouped(bits: 8)
        case .q4x0: grouped(bits: 4)
        case .q4x1: grouped(bits: 4, hasOffsets: true)
        case .q5x0: grouped(bits: 5)
        case .q5x1: grouped(bits: 5, hasOffsets: true)
        case .q2k: grouped(bits: 4, size: 16, scale: .nested, hasOffsets: true)
        case .q3k: grouped(bits: 4, size: 16, scale: .nested)
        case .q4k: grouped(bits: 4, scale: .nested, hasOffsets: true)
        case .q5k: grouped(bits: 5, scale: .nested, hasOffsets: true)
        case .q6k: grouped(bits: 6, size: 16, scale: .nested)
        case .iq4nl: grouped(bits: 8)
        case .iq4xs: grouped(bits: 8, scale: .nested)
        case .mxfp4: grouped(.microscaled)
        }
    }

    private func grouped(
        bits: Int, size: Int = 32, scale: Grouping.Scale = .f16, hasOffsets: Bool = false
    ) -> Encoding {
        grouped(Grouping(bits: bits, size: size, scale: scale, hasOffsets: hasOffsets))
    }

    private func grouped(_ grouping: Grouping?) -> Encoding {
        guard let grouping else { preconditionFailure("Every grouping of the format must exist.") }
        return .grouped(grouping)
    }
}
