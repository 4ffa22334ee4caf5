public import Foundation

/// A folder of its own for one test, removed with everything in it at the end.
public final class TemporaryFolder {
    public let url: URL

    public init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "lockstep-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    public func path(_ name: String) -> String { url.appending(path: name).path(percentEncoded: false) }

    /// Writes a file and returns its path.
    @discardableResult
    public func write(_ name: String, _ text: String) throws -> String { try write(name, Data(text.utf8)) }

    @discardableResult
    public func write(_ name: String, _ bytes: [UInt8]) throws -> String { try write(name, Data(bytes)) }

    @discardableResult
    public func write(_ name: String, _ bytes: Data) throws -> String {
        try bytes.write(to: url.appending(path: name))
        return path(name)
    }

    public func bytes(_ name: String) throws -> [UInt8] { try Array(Data(contentsOf: url.appending(path: name))) }

    public func remove(_ name: String) throws { try FileManager.default.removeItem(at: url.appending(path: name)) }

    public func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: url.path(percentEncoded: false)).sorted()
    }
}
