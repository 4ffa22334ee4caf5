import ArgumentParser
import Foundation
import Text

/// A list of token ids as it is written on the command line, `1,2,3`.
struct TokenList: ExpressibleByArgument {
    var ids: [Int]

    init(_ ids: Int...) { self.ids = ids }

    var defaultValueDescription: String { ids.map(String.init).joined(separator: ",") }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
        guard numbers.count == parts.count else { return nil }
        ids = numbers
    }

    /// A file with a JSON array of ids, or with an object that has one under `tokens`.
    init(file path: String) throws {
        struct Holder: Decodable { var tokens: [Int] }
        let bytes = try TextFile.bytes(path)
        if let ids = try? JSONDecoder().decode([Int].self, from: bytes) {
            self.ids = ids
        } else if let holder = try? JSONDecoder().decode(Holder.self, from: bytes) {
            ids = holder.tokens
        } else {
            throw InputError("\(path): expected a JSON array of token ids, found something else; correct the file")
        }
    }
}

/// Files of text named on the command line.
enum TextFile {
    /// The bytes of a file.
    static func bytes(_ path: String) throws -> Data {
        do {
            return try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw InputError("\(path): expected a readable file, found \(reason(error)); give another path")
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch (error as? CocoaError)?.code {
        case .fileReadNoSuchFile?: "none"
        case .fileReadNoPermission?: "one that this user may not read"
        default: "\(error.localizedDescription)"
        }
    }
}
