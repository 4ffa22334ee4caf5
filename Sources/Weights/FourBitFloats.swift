/// Four-bit floats in groups with a power of two for each (MXFP4), as integers of five bits with bf16 scales.
///
/// Twice a four-bit float is a whole number from -12 to 12, so that integers of five bits with half the power of two as
/// their scale are the same numbers.
///
/// Open Compute Project, OCP Microscaling Formats (MX) Specification, 2023.
enum FourBitFloats {
    /// Columns of a group.
    static let groupSize = 32

    private static let exponentBias = 127
    /// The exponent of what is no number.
    private static let notANumber = 255
    /// Twice the values of the eight codes without a sign.
    private static let doubled: [UInt8] = [0, 1, 2, 3, 4, 6, 8, 12]
    private static let zero: UInt8 = 16

    /// The integer of a code: sign, two bits of exponent, one of fraction.
    static func integer(_ code: UInt8) -> UInt8 {
        let magnitude = doubled[Int(code & 7)]
        return code & 8 == 0 ? zero + magnitude : zero - magnitude
    }

    /// Half of a power of two, in bf16.
    static func scale(exponent: UInt8) -> UInt16 {
        guard exponent < notANumber else { return UInt16(Float.nan.bitPattern >> 16) }
        let power = Float(sign: .plus, exponent: Int(exponent) - exponentBias - 1, significand: 1)
        return UInt16(power.bitPattern >> 16)
    }
}
