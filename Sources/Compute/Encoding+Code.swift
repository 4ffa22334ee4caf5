internal import Blueprint
internal import CKernels

extension Encoding {
    /// The kernels' name of the encoding.
    var code: Int32 {
        switch self {
        case .f32: Int32(LOCKSTEP_F32.rawValue)
        case .bf16: Int32(LOCKSTEP_BF16.rawValue)
        case .f16: Int32(LOCKSTEP_F16.rawValue)
        }
    }
}
