import Blueprint
import Foundation
import Launching
import Testing
import Weights

@Suite struct CheckpointTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func part(_ names: String...) -> [UInt8] {
        SafetensorsText(names.map { ($0, "U8", [2], [1, 2]) }).bytes
    }

    private func write(_ files: [String: [UInt8]], index: [String: String]? = nil) throws {
        try folder.write("config.json", "{}")
        for (name, bytes) in files { try folder.write(name, bytes) }
        if let index {
            let entries = index.map { "\"\($0.key)\": \"\($0.value)\"" }.sorted().joined(separator: ", ")
            try folder.write("model.safetensors.index.json", "{\"metadata\": {}, \"weight_map\": {\(entries)}}")
        }
    }

    private func message() throws -> String {
        let error = try #require(throws: WeightsError.self) { _ = try Checkpoint(folder.path("")).tensors() }
        return error.description
    }

    @Test func partsAreFoundWithAndWithoutAnIndex() throws {
        let files = ["model-00001-of-00002.safetensors": part("a", "b"), "model-00002-of-00002.safetensors": part("c")]
        try write(files)
        #expect(Set(try Checkpoint(folder.path("")).tensors().keys) == ["a", "b", "c"])
        let (first, second) = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
        try write(files, index: ["a": first, "b": first, "c": second])
        #expect(Set(try Checkpoint(folder.path("")).tensors().keys) == ["a", "b", "c"])
    }

    @Test func aSingleFileNamedAsTheLibraryDoesIsTakenAlone() throws {
        try write(["model.safetensors": part("a"), "golden.safetensors": part("b")])
        #expect(Set(try Checkpoint(folder.path("")).tensors().keys) == ["a"])
    }

    @Test func missingPartsAreNamed() throws {
        try write(["model-00002-of-00003.safetensors": part("a")])
        let message = try message()
        #expect(message.contains("'model-00001-of-00003.safetensors', 'model-00003-of-00003.safetensors'"))
        try folder.remove("model-00002-of-00003.safetensors")
        try write(["2-of-2.safetensors": part("a")])
        #expect(try self.message().contains("expected the part '1-of-2.safetensors', found only '2-of-2.safetensors'"))
        try folder.remove("2-of-2.safetensors")
        for name in ["a-3-of-2", "a-0-of-2", "a-02-of-2", "a-+2-of-02", "a-2-of-", "a-1-of-0", "a-000001-of-000002"] {
            try write(["\(name).safetensors": part("a")])
            #expect(try Checkpoint(folder.path("")).tensors().count == 1, "\(name)")
            try folder.remove("\(name).safetensors")
        }
        try write(["model-00002-of-00003.safetensors": part("a")])
        try write([:], index: ["a": "model-00002-of-00003.safetensors", "b": "other.safetensors"])
        #expect(try self.message().contains("expected the part 'other.safetensors', found only 'model-00002"))
    }

    @Test func anIndexThatDisagreesWithThePartsIsRefused() throws {
        try write(["x.safetensors": part("a")], index: ["a": "x.safetensors", "b": "x.safetensors"])
        #expect(try message().contains("'b'"))
        try write(["x.safetensors": part("a", "c")], index: ["a": "x.safetensors"])
        #expect(try message().contains("'c'"))
        for path in ["../x.safetensors", "/etc/passwd", "..", ""] {
            try write([:], index: ["a": path])
            #expect(try message().contains("a file name for 'a'"))
        }
        try folder.write(
            "model.safetensors.index.json", "{\"weight_map\": {\"a\": \"x.safetensors\", \"a\": \"x.safetensors\"}}")
        #expect(try message().contains("'a' twice"))
        try folder.write("model.safetensors.index.json", "{}")
        #expect(try message().contains("weight_map"))
        try folder.write("model.safetensors.index.json", "{")
        #expect(try message().contains("expected JSON"))
    }

    @Test func aTensorInTwoPartsIsRefused() throws {
        try write(["x.safetensors": part("a", "b"), "y.safetensors": part("b")])
        let message = try message()
        #expect(message.contains("expected tensor 'b' in one part"))
        #expect(message.contains("x.safetensors") && message.contains("y.safetensors"))
    }

    @Test func missingPiecesAreNamed() throws {
        #expect(try message().contains("or a GGUF file, found a folder without config.json; give another path"))
        try folder.write("config.json", "{}")
        #expect(try message().contains("'model.safetensors'"))
    }

    @Test func aPathThatLeadsToNoCheckpointIsCalledWhatItIs() throws {
        for name in ["config.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json"] {
            try folder.write(name, "{}")
        }
        try folder.write("model.h5", [0x89] + Array("HDF\r\n\u{1a}\n".utf8) + [0])
        try folder.write("notes.txt", "")
        let own = folder.path("")
        for (name, found) in [
            ("absent", "nothing; check the path"), ("absent.gguf", "nothing; check the path"),
            ("notes.txt/config.json", "'Not a directory'; check the path"),
            ("config.json", "one file of such a folder; give the folder, \(own)"),
            ("model-00001-of-00002.safetensors", "one file of such a folder; give the folder, \(own)"),
            ("model.safetensors.index.json", "one file of such a folder; give the folder, \(own)"),
            ("model.h5", "an HDF5 file; if it is a weights file, it is imported already"),
            ("notes.txt", "another file; give another path"), ("/dev/null", "a device or a pipe; give another path"),
        ] {
            let path = name.hasPrefix("/") ? name : folder.path(name)
            let error = #expect(throws: WeightsError.self) { _ = try Checkpoint(path) }
            let expected = "\(path): expected a checkpoint folder with config.json, or a GGUF file, found \(found)"
            #expect(error?.description.hasPrefix(expected) == true, "\(String(describing: error))")
        }
    }

    @Test func aTextThatIsNotUTF8IsRefused() throws {
        try write(["model.safetensors": part("a")])
        try folder.write("tokenizer.json", [0x7b, 0xc3, 0x28, 0x7d])
        #expect(try message().contains("tokenizer.json: expected a text in UTF-8"))
    }

    @Test func theChatTemplateIsTakenFromEitherPlace() throws {
        try write(["model.safetensors": part("a")])
        #expect(try Checkpoint(folder.path("")).texts[.chatTemplate] == nil)
        try folder.write("tokenizer_config.json", "{\"chat_template\": \"from config \\u00e9\"}")
        #expect(try Checkpoint(folder.path("")).texts[.chatTemplate] == "from config é")
        try folder.write("tokenizer_config.json", "{\"chat_template\": [{\"name\": \"only\", \"template\": \"one\"}]}")
        #expect(try Checkpoint(folder.path("")).texts[.chatTemplate] == "one")
        try folder.write("chat_template.jinja", "from file")
        #expect(try Checkpoint(folder.path("")).texts[.chatTemplate] == "from file")
        try folder.remove("chat_template.jinja")
        let two = "[{\"name\": \"a\", \"template\": \"1\"}, {\"name\": \"b\", \"template\": \"2\"}]"
        try folder.write("tokenizer_config.json", "{\"chat_template\": \(two)}")
        #expect(try message().contains("named 'default'"))
    }

    @Test func theNameIsThatOfTheFolder() throws {
        try write(["model.safetensors": part("a")])
        let name = folder.url.lastPathComponent
        for path in ["", ".", "../\(name)/"] { #expect(try Checkpoint(folder.path(path)).name == name) }
    }

    @Test func theHashTellsCheckpointsApart() throws {
        try SampleModel().write(to: folder)
        let hash = try Checkpoint(folder.path("")).hash()
        #expect(try Checkpoint(folder.path("")).hash() == hash)
        try SampleModel().write(to: folder) { $0[4].bytes[0] ^= 1 }
        #expect(try Checkpoint(folder.path("")).hash() != hash)
    }
}
