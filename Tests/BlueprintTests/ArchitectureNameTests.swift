import Blueprint
import Foundation
import Testing

/// A new model must not need a change anywhere but in its family's file and in the list of families.
@Suite struct ArchitectureNameTests {
    @Test func noArchitectureIsNamedOutsideItsFolder() throws {
        let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources")
        let names = try Self.knownNames().flatMap { [$0, $0.replacing("ForCausalLM", with: "")] }
        #expect(names.contains("Llama"))
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        var read = 0
        for case let file as URL in files
        where file.pathExtension == "swift" && !file.path().contains("/Blueprint/Architectures/") {
            read += 1
            let words = Self.words(try String(contentsOf: file, encoding: .utf8))
            for name in names {
                #expect(!words.contains(name.lowercased()), "\(file.lastPathComponent) names \(name)")
            }
        }
        #expect(read > 20)
    }

    private static func knownNames() throws -> [String] {
        do throws(BlueprintError) {
            _ = try Blueprint(configuration: "{}")
        } catch {
            guard case .unknownArchitecture(_, let known) = error else { throw error }
            return known
        }
        return []
    }

    /// The words of a file outside its comments, in lower case.
    private static func words(_ text: String) -> Set<String> {
        var words: Set<String> = []
        for line in text.split(separator: "\n") where !line.drop(while: { $0 == " " }).hasPrefix("//") {
            for word in line.split(whereSeparator: { !($0.isLetter || $0.isNumber) }) {
                words.insert(word.lowercased())
            }
        }
        return words
    }
}
