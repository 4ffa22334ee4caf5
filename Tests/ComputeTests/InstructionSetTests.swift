import Compute
import Testing

@Suite struct InstructionSetTests {
    @Test func portableIsAlwaysThere() {
        #expect(InstructionSet.supported.first == .portable)
    }

    @Test func aNameChoosesAndNoNameChoosesTheFastest() throws {
        for set in InstructionSet.supported { #expect(try InstructionSet.named(set.rawValue) == set) }
        #expect(try InstructionSet.named(nil) == InstructionSet.supported.last)
    }

    @Test func anUnknownNameIsRefusedWithTheSupportedOnes() {
        let error = #expect(throws: ComputeError.self) { try InstructionSet.named("avx9000") }
        let message = error?.description ?? ""
        #expect(message.contains("LOCKSTEP_ISA") && message.contains("'avx9000'"))
        for set in InstructionSet.supported { #expect(message.contains(set.rawValue)) }
    }
}
