import Compute
import Testing

@Suite struct LimitTests {
    @Test(arguments: InstructionSet.supported) func everyProcessorMultipliesFloats(set: InstructionSet) throws {
        let operations = Operations(pool: Pool(threads: 2), instructionSet: set)
        #expect(try #require(operations.measurePeak(.f32, seconds: 0.004)) > 1e6)
    }

    @Test(.enabled(if: InstructionSet.supported.contains(.amx), "This processor has no AMX, or the system keeps it."))
    func tilesMultiplyBFloats() throws {
        let operations = Operations(pool: Pool(threads: 2), instructionSet: .amx)
        #expect(try #require(operations.measurePeak(.bf16, seconds: 0.004)) > 1e6)
    }

    @Test func plainInstructionsMultiplyNothingShorter() {
        let operations = Operations(pool: Pool(threads: 1), instructionSet: .portable)
        #expect(operations.measurePeak(.bf16, seconds: 0.004) == nil)
        #expect(operations.measurePeak(.int8, seconds: 0.004) == nil)
    }
}
