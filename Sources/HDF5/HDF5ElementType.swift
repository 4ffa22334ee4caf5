import CHDF5

/// How the elements of a dataset are stored: little-endian, and never converted by this module.
public enum HDF5ElementType: String, Sendable, Hashable, CaseIterable {
    /// IEEE 754 binary32.
    case float32
    /// IEEE 754 binary16.
    case float16
    /// The upper half of a binary32: sign, 8 exponent bits, 7 fraction bits.
    case bfloat16
    /// Bytes; also for texts, which may be longer than an attribute can hold.
    case unsigned8
    /// Bytes with a sign.
    case signed8
    /// 64-bit words without a sign.
    case unsigned64
    /// 64-bit words with a sign.
    case signed64

    /// Bytes of one element.
    public var byteCount: Int {
        switch self {
        case .unsigned8, .signed8: 1
        case .float16, .bfloat16: 2
        case .float32: 4
        case .unsigned64, .signed64: 8
        }
    }
}

extension HDF5ElementType {
    /// A datatype of the C library for this type. Corresponds to `H5Tcopy`, and for half widths `H5Tset_fields`.
    func makeDatatype(at location: String) throws(HDF5Error) -> Identifier {
        switch self {
        case .unsigned8: try copy(chdf5_unsigned8, at: location)
        case .signed8: try copy(chdf5_signed8, at: location)
        case .float32: try copy(chdf5_float32, at: location)
        case .unsigned64: try copy(chdf5_unsigned64, at: location)
        case .signed64: try copy(chdf5_signed64, at: location)
        case .float16: try makeHalfWidth(exponentBits: 5, fractionBits: 10, bias: 15, at: location)
        case .bfloat16: try makeHalfWidth(exponentBits: 8, fractionBits: 7, bias: 127, at: location)
        }
    }

    /// The type of an open dataset, or nil when it is none that this module stores. Corresponds to `H5Tequal`.
    static func matching(_ datatype: borrowing Identifier, at location: String) throws(HDF5Error) -> Self? {
        let stored = datatype.raw
        for candidate in allCases {
            let made = try candidate.makeDatatype(at: location)
            let known = made.raw
            if try Library.check("H5Tequal", at: location, { H5Tequal(known, stored) }) > 0 { return candidate }
        }
        return nil
    }

    private func copy(_ original: () -> hid_t, at location: String) throws(HDF5Error) -> Identifier {
        try Identifier("H5Tcopy", at: location) { H5Tcopy(original()) }
    }

    /// A 16-bit float with true field positions, so that other programs show the numbers and not the bits.
    private func makeHalfWidth(
        exponentBits: Int, fractionBits: Int, bias: Int, at location: String
    ) throws(HDF5Error) -> Identifier {
        let datatype = try copy(chdf5_float32, at: location)
        let raw = datatype.raw
        try Library.check("H5Tset_fields", at: location) {
            H5Tset_fields(raw, 15, fractionBits, exponentBits, 0, fractionBits)
        }
        // The fields must shrink before the width does: the library refuses a width that cuts a field off.
        try Library.check("H5Tset_size", at: location) { H5Tset_size(raw, 2) }
        try Library.check("H5Tset_ebias", at: location) { H5Tset_ebias(raw, bias) }
        return datatype
    }
}
