import Blueprint
import Testing

@Suite struct RotaryTests {
    /// Frequencies computed by NumPy in float32, the powers in float64.
    struct Case: Decodable, Sendable {
        var size: Int
        var theta: Double
        var kind: String
        var factor: Float
        var low: Float
        var high: Float
        var original: Int
        var bits: [UInt32]

        var scaling: Rotary.Scaling {
            switch kind {
            case "linear": .linear(factor: factor)
            case "llama3":
                .byWavelength(factor: factor, lowFactor: low, highFactor: high, originalContext: original)
            default: .none
            }
        }
    }

    @Test func frequenciesHaveTheBitsOfAnIndependentComputation() throws {
        let cases = try Resource.decoded("rotary.json", as: [Case].self)
        #expect(Set(cases.map(\.kind)) == ["default", "linear", "llama3"])
        for expected in cases {
            let rotary = Rotary(size: expected.size, theta: expected.theta, scaling: expected.scaling)
            #expect(rotary.inverseFrequencies().map(\.bitPattern) == expected.bits, "\(rotary)")
        }
    }

    /// JSON may write numbers that Double does not hold.
    @Test(arguments: ["1e999", "-1e999", "true", "null", "\"1\""])
    func aFactorThatIsNoNumberIsRefused(text: String) throws {
        func blueprint(_ factor: String) throws -> Blueprint {
            let ones: [ConfigurationValue] = Array(repeating: .integer(1), count: 63)
            let scaling: ConfigurationValue = .object([
                "rope_type": .string("longrope"), "original_max_position_embeddings": .integer(4096),
                "short_factor": .array(ones + [.string("factor")]), "long_factor": .array(ones + [.integer(1)]),
            ])
            let configuration = try Resource.configuration(
                "published/Llama-3.1-8B.json", changing: ["rope_scaling": scaling])
            return try Blueprint(configuration: configuration.replacing("\"factor\"", with: factor))
        }
        _ = try blueprint("1.5")
        #expect(throws: BlueprintError.self) { _ = try blueprint(text) }
    }

    @Test func olderAndNewerSpellingsMeanTheSame() throws {
        let scaling: [String: ConfigurationValue] = [
            "rope_type": .string("linear"), "factor": .real(4), "rope_theta": .real(10_000),
        ]
        let newer = try Resource.blueprint(
            "published/Llama-2-7B.json",
            changing: ["rope_scaling": nil, "rope_parameters": .object(scaling)])
        let older = try Resource.blueprint(
            "published/Llama-2-7B.json",
            changing: [
                "rope_theta": .real(10_000),
                "rope_scaling": .object(["type": .string("linear"), "factor": .integer(4)]),
            ])
        #expect(newer == older)
        #expect(try newer != Resource.blueprint("published/Llama-2-7B.json"))
    }
}
