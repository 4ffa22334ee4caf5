package import Blueprint

/// Conversions between the encodings of weights, rounding to the nearest, ties to even.
package enum ElementConversion {
    /// What a conversion met on its way.
    package struct Findings: Sendable, Hashable {
        /// Elements that were infinite or no number before.
        package var nonFiniteCount = 0
        /// Finite elements that became infinite, or the greatest that there is.
        package var overflowCount = 0

        /// These counts.
        package init(nonFiniteCount: Int = 0, overflowCount: Int = 0) {
            self.nonFiniteCount = nonFiniteCount
            self.overflowCount = overflowCount
        }

        /// Adds the counts of another part.
        package static func += (total: inout Findings, part: Findings) {
            total.nonFiniteCount += part.nonFiniteCount
            total.overflowCount += part.overflowCount
        }
    }

    /// The nearest bf16 bits; no number stays no number.
    package static func bfloat16(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        // Rounding could carry a payload over into infinity: quieten it instead.
        if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ ((bits >> 16) & 1)) >> 16)
    }

    /// The number that bf16 bits stand for.
    package static func float(bfloat16 bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

    /// The nearest f16 bits.
    package static func float16(_ value: Float) -> UInt16 { Float16(value).bitPattern }

    /// The number that f16 bits stand for.
    package static func float(float16 bits: UInt16) -> Float { Float(Float16(bitPattern: bits)) }

    /// Converts all elements of `source` to `target`, which has room for exactly as many; the two must not overlap.
    package static func convert(
        _ source: UnsafeRawBufferPointer, _ from: Scalar, to target: UnsafeMutableRawBufferPointer, _ to: Scalar
    ) -> Findings {
        precondition(
            source.count / from.bytesPerElement == target.count / to.bytesPerElement, "Element counts must agree.")
        switch (from, to) {
        case (.f32, .f32):
            unsafe target.copyMemory(from: source)
            return unsafe count(source) { (bits: UInt32) in bits & 0x7f80_0000 == 0x7f80_0000 }
        case (.bf16, .bf16):
            unsafe target.copyMemory(from: source)
            return unsafe count(source) { (bits: UInt16) in bits & 0x7f80 == 0x7f80 }
        case (.f16, .f16):
            unsafe target.copyMemory(from: source)
            return unsafe count(source) { (bits: UInt16) in bits & 0x7c00 == 0x7c00 }
        case (.f32, .bf16): return unsafe map(source, target, { (value: Float) in value }, bfloat16, isInfinite8)
        case (.f32, .f16): return unsafe map(source, target, { (value: Float) in value }, float16, isInfinite5)
        case (.bf16, .f32): return unsafe map(source, target, float(bfloat16:), { $0 }, \Float.isInfinite)
        case (.f16, .f32): return unsafe map(source, target, float(float16:), { $0 }, \Float.isInfinite)
        case (.bf16, .f16): return unsafe map(source, target, float(bfloat16:), float16, isInfinite5)
        case (.f16, .bf16): return unsafe map(source, target, float(float16:), bfloat16, isInfinite8)
        }
    }

    private static func isInfinite8(_ bits: UInt16) -> Bool { bits & 0x7fff == 0x7f80 }
    private static func isInfinite5(_ bits: UInt16) -> Bool { bits & 0x7fff == 0x7c00 }

    @inline(__always)
    private static func count<Bits: BitwiseCopyable>(
        _ source: UnsafeRawBufferPointer, _ isNonFinite: (Bits) -> Bool
    ) -> Findings {
        var nonFiniteCount = 0
        for offset in stride(from: 0, to: source.count, by: MemoryLayout<Bits>.size) {
            nonFiniteCount += isNonFinite(unsafe source.loadUnaligned(fromByteOffset: offset, as: Bits.self)) ? 1 : 0
        }
        return Findings(nonFiniteCount: nonFiniteCount)
    }

    @inline(__always)
    private static func map<From: BitwiseCopyable, To: BitwiseCopyable>(
        _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer,
        _ decode: (From) -> Float, _ encode: (Float) -> To, _ isInfinite: (To) -> Bool
    ) -> Findings {
        var findings = Findings()
        for index in 0..<source.count / MemoryLayout<From>.size {
            let value = decode(
                unsafe source.loadUnaligned(fromByteOffset: index * MemoryLayout<From>.size, as: From.self))
            let encoded = encode(value)
            unsafe target.storeBytes(of: encoded, toByteOffset: index * MemoryLayout<To>.size, as: To.self)
            findings.nonFiniteCount += value.isFinite ? 0 : 1
            findings.overflowCount += value.isFinite && isInfinite(encoded) ? 1 : 0
        }
        return findings
    }
}
