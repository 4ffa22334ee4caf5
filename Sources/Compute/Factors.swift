internal import CKernels

/// The numbers that a processor multiplies.
public enum Factors: String, Sendable, Codable, CodingKeyRepresentable, CaseIterable {
    /// 32-bit floating-point numbers.
    case f32
    /// 16-bit floating-point numbers, whose products are added up in 32 bits.
    case bf16
    /// 8-bit integers, whose products are added up in 32 bits.
    case int8

    /// The fastest way in which an instruction set multiplies them.
    func code(_ instructionSet: InstructionSet) -> Int32 {
        switch self {
        case .f32: Int32(LOCKSTEP_PEAK_F32.rawValue)
        case .bf16:
            Int32(instructionSet == .amx ? LOCKSTEP_PEAK_AMX.rawValue : LOCKSTEP_PEAK_BF16.rawValue)
        case .int8: Int32(LOCKSTEP_PEAK_INT8.rawValue)
        }
    }
}
