import Blueprint
import Testing
import Weights

@Suite struct ElementConversionTests {
    @Test func everyF16IsTheNumberThatItsBitsSay() {
        for bits in UInt16.min ... .max {
            let found = ElementConversion.float(float16: bits)
            #expect(isSame(found, Self.value(bits, exponentBits: 5)))
        }
    }

    @Test func everyBF16IsTheNumberThatItsBitsSay() {
        for bits in UInt16.min ... .max {
            let found = ElementConversion.float(bfloat16: bits)
            #expect(isSame(found, Self.value(bits, exponentBits: 8)))
        }
    }

    @Test func everyHalfWidthNumberSurvivesTheWayThroughF32() {
        for bits in UInt16.min ... .max {
            let (half, brain) = (ElementConversion.float(float16: bits), ElementConversion.float(bfloat16: bits))
            #expect(half.isNaN ? isNaN(ElementConversion.float16(half), 5) : ElementConversion.float16(half) == bits)
            #expect(
                brain.isNaN ? isNaN(ElementConversion.bfloat16(brain), 8) : ElementConversion.bfloat16(brain) == bits)
        }
    }

    /// Between each pair of neighbours: the midpoint goes to the even one, all below it down, all above it up.
    @Test(arguments: [5, 8])
    func roundingGoesToTheNearestAndTiesToEven(exponentBits: Int) {
        let largest = UInt16((1 << exponentBits) - 1) << UInt16(15 - exponentBits)
        for bits in 0..<largest {
            let low = Self.value(bits, exponentBits: exponentBits)
            // Past the largest finite number its distance to the one before goes on.
            let high =
                bits + 1 == largest
                ? 2 * low - Self.value(bits - 1, exponentBits: exponentBits)
                : Self.value(bits + 1, exponentBits: exponentBits)
            let middle = Float((low + high) / 2)
            guard Double(middle) == (low + high) / 2 else { continue }
            let even = bits % 2 == 0 ? bits : bits + 1
            for (value, expected) in [(middle.nextDown, bits), (middle, even), (middle.nextUp, bits + 1)] {
                let found = exponentBits == 5 ? ElementConversion.float16(value) : ElementConversion.bfloat16(value)
                let negative =
                    exponentBits == 5 ? ElementConversion.float16(-value) : ElementConversion.bfloat16(-value)
                #expect(found == expected)
                #expect(negative == expected | 0x8000)
            }
        }
    }

    @Test func noNumberNeverBecomesInfinity() {
        for bits: UInt32 in [0x7f80_0001, 0x7fff_ffff, 0x7fc0_0000, 0xff80_0001, 0xffff_ffff] {
            let value = Float(bitPattern: bits)
            #expect(isNaN(ElementConversion.bfloat16(value), 8))
            #expect(isNaN(ElementConversion.float16(value), 5))
        }
    }

    @Test(arguments: Scalar.allCases, Scalar.allCases)
    func wholeBuffersAreConvertedElementByElement(from: Scalar, to: Scalar) {
        // 70000 and its negative overflow in f16 only; the largest f32 overflows in bf16 too.
        let values: [Float] = [0, -0.0, 1, -1.0001, 65504, 70000, -70000, .greatestFiniteMagnitude, 1e-30, 3.14159]
        let source = values.flatMap { bytes($0, from) }
        var target = [UInt8](repeating: 0, count: to.byteCount(values.count))
        let findings = unsafe source.withUnsafeBytes { source in
            unsafe target.withUnsafeMutableBytes { target in
                unsafe ElementConversion.convert(source, from, to: target, to)
            }
        }
        let decoded = values.map { number(bytes($0, from), from) }
        let expected = from == to ? source : decoded.flatMap { bytes($0, to) }
        #expect(target == expected)
        #expect(findings.nonFiniteCount == decoded.count { !$0.isFinite })
        let overflows = decoded.count { $0.isFinite && !number(bytes($0, to), to).isFinite }
        #expect(findings.overflowCount == overflows)
    }

    /// The value of 16 bits, from the definition of the format.
    private static func value(_ bits: UInt16, exponentBits: Int) -> Double {
        let fractionBits = 15 - exponentBits
        let bias = (1 << (exponentBits - 1)) - 1
        let exponent = Int(bits & 0x7fff) >> fractionBits
        let fraction = Int(bits) & ((1 << fractionBits) - 1)
        let sign = bits & 0x8000 == 0 ? 1.0 : -1.0
        if exponent == (1 << exponentBits) - 1 { return fraction == 0 ? sign * .infinity : .nan }
        let significand = Double(fraction) + (exponent == 0 ? 0 : Double(1 << fractionBits))
        return sign * significand * power(of: max(exponent, 1) - bias - fractionBits)
    }

    private static func power(of exponent: Int) -> Double {
        Double(sign: .plus, exponent: exponent, significand: 1)
    }

    private func isSame(_ found: Float, _ expected: Double) -> Bool {
        expected.isNaN ? found.isNaN : Double(found) == expected && (found.sign == expected.sign)
    }

    private func isNaN(_ bits: UInt16, _ exponentBits: Int) -> Bool {
        let infinity = UInt16((1 << exponentBits) - 1) << UInt16(15 - exponentBits)
        return bits & 0x7fff > infinity
    }

    private func bytes(_ value: Float, _ encoding: Scalar) -> [UInt8] {
        switch encoding {
        case .f32: (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> ($0 * 8)) }
        case .f16: low(ElementConversion.float16(value))
        case .bf16: low(ElementConversion.bfloat16(value))
        }
    }

    private func low(_ bits: UInt16) -> [UInt8] { [UInt8(bits & 0xff), UInt8(bits >> 8)] }

    private func number(_ bytes: [UInt8], _ encoding: Scalar) -> Float {
        let bits = bytes.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return switch encoding {
        case .f32: Float(bitPattern: bits)
        case .f16: ElementConversion.float(float16: UInt16(bits))
        case .bf16: ElementConversion.float(bfloat16: UInt16(bits))
        }
    }
}
