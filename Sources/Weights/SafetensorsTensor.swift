public import Blueprint

/// One tensor of a `.safetensors` file.
public struct SafetensorsTensor: Sendable, Hashable {
    /// The element types of the format.
    public enum ElementType: String, Sendable, Hashable, CaseIterable {
        /// One byte, zero or one.
        case boolean = "BOOL"
        /// Sign, 2 exponent bits, 1 fraction bit.
        case float4 = "F4"
        /// Sign, 2 exponent bits, 3 fraction bits.
        case float6Exponent2 = "F6_E2M3"
        /// Sign, 3 exponent bits, 2 fraction bits.
        case float6Exponent3 = "F6_E3M2"
        /// 8 bits without a sign.
        case unsigned8 = "U8"
        /// 8 bits with a sign.
        case signed8 = "I8"
        /// Sign, 5 exponent bits, 2 fraction bits.
        case float8Exponent5 = "F8_E5M2"
        /// Sign, 4 exponent bits, 3 fraction bits.
        case float8Exponent4 = "F8_E4M3"
        /// 8 exponent bits only.
        case float8Exponent8 = "F8_E8M0"
        /// 16 bits with a sign.
        case signed16 = "I16"
        /// 16 bits without a sign.
        case unsigned16 = "U16"
        /// IEEE 754 binary16.
        case float16 = "F16"
        /// The upper half of a binary32.
        case bfloat16 = "BF16"
        /// 32 bits with a sign.
        case signed32 = "I32"
        /// 32 bits without a sign.
        case unsigned32 = "U32"
        /// IEEE 754 binary32.
        case float32 = "F32"
        /// Two binary32.
        case complex64 = "C64"
        /// IEEE 754 binary64.
        case float64 = "F64"
        /// 64 bits with a sign.
        case signed64 = "I64"
        /// 64 bits without a sign.
        case unsigned64 = "U64"

        /// Bits of one element.
        public var bitCount: Int {
            switch self {
            case .float4: 4
            case .float6Exponent2, .float6Exponent3: 6
            case .boolean, .unsigned8, .signed8, .float8Exponent5, .float8Exponent4, .float8Exponent8: 8
            case .signed16, .unsigned16, .float16, .bfloat16: 16
            case .signed32, .unsigned32, .float32: 32
            case .complex64, .float64, .signed64, .unsigned64: 64
            }
        }

        /// The encoding of a weight of this type, nil where it can't be one.
        public var encoding: Scalar? {
            switch self {
            case .float32: .f32
            case .float16: .f16
            case .bfloat16: .bf16
            case .boolean, .float4, .float6Exponent2, .float6Exponent3, .unsigned8, .signed8, .float8Exponent5,
                .float8Exponent4, .float8Exponent8, .signed16, .unsigned16, .signed32, .unsigned32, .complex64,
                .float64, .signed64, .unsigned64:
                nil
            }
        }
    }

    /// The name.
    public var name: String
    /// How elements are stored.
    public var elementType: ElementType
    /// The extents, outermost first; empty for a single number.
    public var shape: [Int]
    /// Where its bytes are in the file.
    public var byteRange: Range<Int>
}
