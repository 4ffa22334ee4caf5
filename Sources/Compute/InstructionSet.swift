internal import CKernels

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Darwin)
internal import Darwin
#endif

/// The instructions that kernels use. All give the same bits, but for fast math.
public enum InstructionSet: String, Sendable, CaseIterable {
    /// Plain C, for any processor: the reference, and slow.
    case portable
    /// 256-bit vectors with fused multiply-add and half-precision conversion.
    case avx2
    /// 512-bit vectors.
    case avx512
    /// 512-bit vectors, and tiles of bf16 for many tokens in fast math.
    case amx
    /// 128-bit vectors, of every 64-bit Arm processor.
    case neon

    /// Those that this machine has, slowest first.
    public static var supported: [InstructionSet] {
        allCases.filter { lockstep_supports($0.code) != 0 && ($0 != .amx || lockstep_has_amx() != 0) }
    }

    /// The fastest that this machine has.
    public static var fastest: InstructionSet { supported.last ?? .portable }

    /// The fastest that this machine has, or what the environment variable `LOCKSTEP_ISA` says.
    ///
    /// Throws `ComputeError.unsupportedInstructionSet` when the variable holds anything else than a supported name.
    public static var best: InstructionSet {
        get throws(ComputeError) {
            let forced = unsafe getenv("LOCKSTEP_ISA").map { unsafe String(cString: $0) }
            return try named(forced)
        }
    }

    /// The ``best``, or plain C where the environment names none that is supported; read once.
    public static let chosen = (try? best) ?? .portable

    /// The supported instruction set of this name; the fastest when there is no name.
    ///
    /// Throws `ComputeError.unsupportedInstructionSet`, which lists the supported names.
    public static func named(_ name: String?) throws(ComputeError) -> InstructionSet {
        let supported = supported
        guard let name else { return fastest }
        guard let found = supported.first(where: { $0.rawValue == name }) else {
            throw .unsupportedInstructionSet(name, supported: supported.map(\.rawValue))
        }
        return found
    }

    var code: Int32 {
        switch self {
        case .portable: Int32(LOCKSTEP_PORTABLE.rawValue)
        case .avx2: Int32(LOCKSTEP_AVX2.rawValue)
        case .avx512, .amx: Int32(LOCKSTEP_AVX512.rawValue)
        case .neon: Int32(LOCKSTEP_NEON.rawValue)
        }
    }
}
