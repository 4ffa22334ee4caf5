import Blueprint
import Testing

/// Which layers see a window, by the rules of the references' configuration classes.
@Suite struct WindowTests {
    static func windows(_ path: String, _ changes: [String: ConfigurationValue?]) throws -> [Int?] {
        try Resource.blueprint("published/\(path).json", changing: changes).attentions.map(\.window)
    }

    static let published = ["Qwen2.5-7B", "Qwen3-8B"]

    @Test(arguments: published)
    func noLayerHasAWindowThatIsNotSwitchedOn(model: String) throws {
        let windows = try Self.windows(
            model,
            [
                "use_sliding_window": .boolean(false), "sliding_window": .integer(99),
                "max_window_layers": .integer(0),
            ])
        #expect(windows.count >= 28 && windows.allSatisfy { $0 == nil })
    }

    @Test(arguments: published)
    func layersFromTheFirstWithAWindowOnHaveIt(model: String) throws {
        let windows = try Self.windows(
            model,
            [
                "use_sliding_window": .boolean(true), "sliding_window": .integer(99),
                "max_window_layers": .integer(20),
            ])
        #expect(windows[..<20].allSatisfy { $0 == nil } && windows[20...].allSatisfy { $0 == 99 })
    }

    @Test(arguments: published)
    func anAbsentWindowIsTheDefaultAndANullOneIsNone(model: String) throws {
        var changes: [String: ConfigurationValue?] = [
            "use_sliding_window": .boolean(true), "max_window_layers": .integer(3),
        ]
        changes.updateValue(nil, forKey: "sliding_window")
        let absent = try Self.windows(model, changes)
        #expect(absent[..<3].allSatisfy { $0 == nil } && absent[3...].allSatisfy { $0 == 4096 })
        changes["sliding_window"] = .null
        #expect(try Self.windows(model, changes).allSatisfy { $0 == nil })
    }

    @Test func anAbsentFirstLayerWithAWindowIsTheDefault() throws {
        var changes: [String: ConfigurationValue?] = [
            "use_sliding_window": .boolean(true), "sliding_window": .integer(7),
        ]
        changes.updateValue(nil, forKey: "max_window_layers")
        let windows = try Self.windows("Qwen3-8B", changes)
        #expect(windows.count == 36)
        #expect(windows[..<28].allSatisfy { $0 == nil } && windows[28...].allSatisfy { $0 == 7 })
        changes["max_window_layers"] = .null
        #expect(throws: BlueprintError.missingKey("max_window_layers")) { try Self.windows("Qwen3-8B", changes) }
    }

    @Test func aWindowOfNoPositionIsRefused() throws {
        let error = BlueprintError.unsupportedValue(
            key: "sliding_window", expected: "null or a number above zero", found: "0")
        #expect(throws: error) {
            try Self.windows("Qwen3-8B", ["use_sliding_window": .boolean(true), "sliding_window": .integer(0)])
        }
        #expect(throws: error) { try Self.windows("Mistral-7B-v0.1", ["sliding_window": .integer(0)]) }
    }

    @Test func aWindowOfEveryLayerIsTheDefaultWhereItIsAbsent() throws {
        #expect(try Self.windows("Mistral-7B-v0.1", ["sliding_window": nil]).allSatisfy { $0 == 4096 })
        #expect(try Self.windows("Mistral-7B-v0.1", ["sliding_window": .null]).allSatisfy { $0 == nil })
        #expect(try Self.windows("Mistral-7B-v0.1", ["sliding_window": .integer(9)]).allSatisfy { $0 == 9 })
    }
}
