import Blueprint
import Testing

@Suite struct ShapeTests {
    @Test func shapesHaveTheParametersOfTheirNames() throws {
        #expect(try Blueprint(shape: "llama-1b").parameterCount == 1_235_814_400)
        #expect(try Blueprint(shape: "llama-8b").parameterCount == 8_030_261_248)
        let slice = try Blueprint(shape: "llama-8b-slice")
        #expect(slice.layers.count == 4 && slice.vocabulary * 8 == 128_256)
    }

    @Test func everyShapeHasABlueprint() throws {
        let counts = try Blueprint.shapeNames.map { try Blueprint(shape: $0).layers.count }
        #expect(counts.count >= 4 && counts.allSatisfy { $0 > 0 })
    }

    @Test func anUnknownShapeIsAnsweredWithTheKnownOnes() {
        #expect(throws: BlueprintError.unknownShape("llama-2b", known: Blueprint.shapeNames)) {
            try Blueprint(shape: "llama-2b")
        }
    }
}
