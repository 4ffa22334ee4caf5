import Foundation
import Launching
import Testing
import Weights

@Suite struct SafetensorsFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func open(_ text: SafetensorsText) throws -> SafetensorsFile {
        try folder.write("model.safetensors", text.bytes)
        return try SafetensorsFile(folder.path("model.safetensors"))
    }

    private func entry(_ name: String, _ type: String, _ shape: String, _ offsets: String) -> String {
        "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
    }

    /// The message that a header gives above 16 bytes of data.
    private func message(_ header: String) throws -> String {
        let error = try #require(throws: WeightsError.self) {
            _ = try open(SafetensorsText(header: header, data: Array(0..<16)))
        }
        #expect(error.description.hasPrefix(folder.path("model.safetensors")))
        return error.description
    }

    @Test func aSoundFileGivesItsTensorsInTheOrderOfTheData() throws {
        let header =
            "{" + entry("b", "F32", "[1,2]", "[8,16]") + "," + entry("a", "I64", "[1]", "[0,8]") + ","
            + entry("empty", "U8", "[0,3]", "[8,8]") + "}   "
        let file = try open(SafetensorsText(header: header, data: Array(0..<16)))
        #expect(file.tensors.map(\.name) == ["a", "empty", "b"])
        #expect(file.tensors.map(\.shape) == [[1], [0, 3], [1, 2]])
        #expect(try file.bytes(file.tensors[2].byteRange) == Array(8..<16))
    }

    @Test func aScalarHasOneElement() throws {
        let file = try open(SafetensorsText(header: "{" + entry("a", "F64", "[]", "[0,8]") + "}", data: Array(0..<8)))
        #expect(file.tensors[0].shape == [])
    }

    @Test func escapedNamesAreRead() throws {
        let header = "{" + entry("\\u00e9\\ud83c\\udf0d\\n\\\"", "F64", "[2]", "[0,16]") + "}"
        let file = try open(SafetensorsText(header: header, data: Array(0..<16)))
        #expect(file.tensors[0].name == "é🌍\n\"")
    }

    @Test(arguments: [0, 7])
    func aFileShorterThanItsLengthFieldIsRefused(byteCount: Int) throws {
        try folder.write("model.safetensors", [UInt8](repeating: 0, count: byteCount))
        let error = #expect(throws: WeightsError.self) {
            _ = try SafetensorsFile(folder.path("model.safetensors"))
        }
        #expect(error?.description.contains("found \(byteCount) bytes in all") == true)
    }

    @Test(arguments: [3, 1 << 20, 1 << 63, .max] as [UInt64])
    func aHeaderLengthThatDoesNotFitIsRefused(length: UInt64) throws {
        #expect(throws: WeightsError.self) {
            _ = try open(SafetensorsText(header: "{}", data: [], statedLength: length))
        }
    }

    @Test(arguments: [
        "", "{", "[]", "null", " {}", "{}x", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{'a':1}", "{\"a\":01}", "{\"a\":1.}",
        "{\"a\":\"\\x\"}", "{\"a\":\"\\ud800\"}", "{\"a\":tru}", "{\"a\":\"\n\"}", "{\"a\":-}", "{\"a\":[1 2]}",
        String(repeating: "{\"a\":", count: 200) + "1" + String(repeating: "}", count: 200),
    ])
    func aHeaderThatIsNoJSONObjectIsRefused(header: String) throws {
        #expect(try message(header).contains("expected a header"))
    }

    @Test func aHeaderThatIsNotUTF8IsRefused() throws {
        var bytes = SafetensorsText(header: "{\"ab\":1}", data: []).bytes
        bytes[10] = 0xff
        try folder.write("model.safetensors", bytes)
        let error = #expect(throws: WeightsError.self) {
            _ = try SafetensorsFile(folder.path("model.safetensors"))
        }
        #expect(error?.description.contains("UTF-8") == true)
    }

    @Test func aNameThatStandsTwiceIsRefused() throws {
        let twice = entry("a", "U8", "[8]", "[0,8]") + "," + entry("a", "U8", "[8]", "[8,16]")
        #expect(try message("{\(twice)}").contains("'a' twice"))
        #expect(
            try message("{\(twice.replacing("\"a\":{", with: "\"\\u0061\":{", maxReplacements: 1))}").contains(
                "'a' twice"))
    }

    @Test func aFieldThatStandsTwiceIsRefused() throws {
        let header = "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"I8\",\"shape\":[16],\"data_offsets\":[0,16]}}"
        #expect(try message(header).contains("'dtype' twice"))
    }

    @Test func anUnknownTypeIsNamedWithItsTensor() throws {
        let message = try message("{" + entry("some.weight", "F7", "[16]", "[0,16]") + "}")
        #expect(message.contains("tensor 'some.weight'"))
        #expect(message.contains("found 'F7'"))
    }

    @Test(arguments: [
        ("[0,17]", "within 16 bytes"), ("[8,0]", "within 16 bytes"), ("[0]", "within 16 bytes"),
        ("[0,8,16]", "within 16 bytes"), ("[-1,16]", "whole numbers"), ("[0,16.0]", "whole numbers"),
        ("[0,1e1]", "whole numbers"), ("[0,99999999999999999999]", "whole numbers"), ("{}", "an array"),
        ("[0,15]", "16 bytes for U8"), ("[16,16]", "16 bytes for U8"),
    ])
    func offsetsThatDoNotFitAreRefused(offsets: String, expected: String) throws {
        #expect(try message("{" + entry("a", "U8", "[16]", offsets) + "}").contains(expected))
    }

    @Test(arguments: [
        "[15]", "[17]", "[4,5]", "[-16]", "[0]", "[4294967296,4294967296]", "[9223372036854775807,2]", "\"16\"",
    ])
    func aShapeOfAnotherLengthIsRefused(shape: String) throws {
        #expect(try message("{" + entry("a", "U8", shape, "[0,16]") + "}").contains("tensor 'a'"))
    }

    @Test func missingAndUnknownFieldsAreRefused() throws {
        #expect(try message("{\"a\":{\"shape\":[16],\"data_offsets\":[0,16]}}").contains("a dtype"))
        #expect(try message("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,16]}}").contains("'shape'"))
        #expect(try message("{\"a\":{\"dtype\":\"U8\",\"shape\":[16]}}").contains("'data_offsets'"))
        #expect(
            try message("{\"a\":{\"dtype\":\"U8\",\"shape\":[16],\"data_offsets\":[0,16],\"scale\":2}}").contains(
                "'scale'"))
        #expect(try message("{\"a\":1}").contains("tensor 'a'"))
        #expect(try message("{\"__metadata__\":{\"a\":1}}").contains("__metadata__"))
    }

    @Test func overlapsAndHolesAreRefused() throws {
        let overlap = entry("a", "U8", "[9]", "[0,9]") + "," + entry("b", "U8", "[8]", "[8,16]")
        #expect(try message("{\(overlap)}").contains("an overlap"))
        let hole = entry("a", "U8", "[7]", "[0,7]") + "," + entry("b", "U8", "[8]", "[8,16]")
        #expect(try message("{\(hole)}").contains("a hole"))
        let start = entry("a", "U8", "[15]", "[1,16]")
        #expect(try message("{\(start)}").contains("a hole"))
    }

    @Test func dataThatNoTensorOwnsIsRefused() throws {
        #expect(try message("{" + entry("a", "U8", "[15]", "[0,15]") + "}").contains("expected the data to end"))
    }

    @Test func aFileThatIsCutAnywhereIsRefused() throws {
        let whole = SafetensorsText([("a", "F32", [2, 3], Array(0..<24)), ("b", "BF16", [4], Array(0..<8))]).bytes
        for length in 0..<whole.count {
            try folder.write("model.safetensors", Array(whole.prefix(length)))
            #expect(throws: WeightsError.self) { _ = try SafetensorsFile(folder.path("model.safetensors")) }
        }
    }

    @Test func anAbsentFileAndAFolderAreNamed() {
        for path in [folder.path("absent.safetensors"), folder.path("")] {
            let error = #expect(throws: WeightsError.self) { _ = try SafetensorsFile(path) }
            #expect(error?.description.hasPrefix(path) == true)
        }
    }
}
