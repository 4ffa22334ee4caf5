internal import CKernels

/// The instructions that multiply rounded activations. All give the same bits where weights are grouped.
package enum DotProduct: CaseIterable, Sendable {
    /// Plain C: the reference, and slow.
    case portable
    /// Pairs of products in 16 bits.
    case avx2
    /// Fours of products, in 256-bit vectors.
    case avxVNNI
    /// Fours of products, in 512-bit vectors; pairs of bf16 where the processor has that.
    case avx512
    /// Fours of products, in Arm's 128-bit vectors; pairs of bf16 where the processor has that.
    case neon

    /// Those that this machine has, slowest first.
    package static var supported: [DotProduct] { allCases.filter { lockstep_multiplies_integers($0.code) != 0 } }

    /// The fastest beside an instruction set; nil where precise products are as fast.
    package static func best(for instructionSet: InstructionSet) -> DotProduct? {
        let wanted: [DotProduct] =
            switch instructionSet {
            case .portable: []
            case .avx2: [.avxVNNI, .avx2]
            case .avx512, .amx: [.avx512, .avxVNNI, .avx2]
            case .neon: [.neon]
            }
        return wanted.first { supported.contains($0) }
    }

    /// Whether it multiplies bf16 weights.
    package var takesBFloats: Bool { lockstep_multiplies_bfloats(code) != 0 }

    var code: Int32 {
        switch self {
        case .portable: Int32(LOCKSTEP_DOT_PORTABLE.rawValue)
        case .avx2: Int32(LOCKSTEP_DOT_AVX2.rawValue)
        case .avxVNNI: Int32(LOCKSTEP_DOT_AVX_VNNI.rawValue)
        case .avx512: Int32(LOCKSTEP_DOT_AVX512.rawValue)
        case .neon: Int32(LOCKSTEP_DOT_NEON.rawValue)
        }
    }
}
