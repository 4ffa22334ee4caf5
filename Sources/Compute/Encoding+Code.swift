internal import Blueprint
internal import CKernels

extension Scalar {
    /// The kernels' name of the type.
    var code: Int32 {
        switch self {
        case .f32: Int32(LOCKSTEP_F32.rawValue)
        case .bf16: Int32(LOCKSTEP_BF16.rawValue)
        case .f16: Int32(LOCKSTEP_F16.rawValue)
        }
    }
}

extension Grouping {
    /// The kernels' name of the integers.
    var code: Int32 {
        switch bits {
        case 4: Int32(LOCKSTEP_Q4.rawValue)
        case 5: Int32(LOCKSTEP_Q5.rawValue)
        case 6: Int32(LOCKSTEP_Q6.rawValue)
        case 8: Int32(LOCKSTEP_Q8.rawValue)
        default: preconditionFailure("Integers have 4, 5, 6 or 8 bits.")
        }
    }
}

extension Grouping.Scale {
    /// The kernels' name of the scales' type.
    var code: Int32 {
        switch self {
        case .f16: Int32(LOCKSTEP_SCALE_F16.rawValue)
        case .bf16: Int32(LOCKSTEP_SCALE_BF16.rawValue)
        case .f32: Int32(LOCKSTEP_SCALE_F32.rawValue)
        case .nested: Int32(LOCKSTEP_SCALE_NESTED.rawValue)
        }
    }
}

extension Encoding {
    /// The kernels' name of the elements' type.
    var code: Int32 {
        switch self {
        case .plain(let scalar): scalar.code
        case .grouped(let grouping): grouping.code
        }
    }
}
