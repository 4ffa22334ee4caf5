import Blueprint
import Foundation
import Launching
import Testing
import Weights

/// Files whose bytes are read where the system's cache has them.
@Suite struct FileMappingTests {
    private let folder: TemporaryFolder
    private let model = SampleModel.large

    init() throws {
        folder = try TemporaryFolder()
        let source = try TemporaryFolder()
        try model.write(to: source)
        _ = try Importer.run(source: source.path(""), destination: path, encoding: .keep, programVersion: "0.0.1")
    }

    private var path: String { folder.path("model.h5") }

    /// Bytes of the file that are in this process's memory; nil where it is not mapped, as where a process's addresses
    /// are limited.
    private func residentByteCount() throws -> Int? {
        let data = try #require(try FileHandle(forReadingAtPath: "/proc/self/smaps")?.readToEnd())
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
        guard let first = lines.firstIndex(where: { $0.hasSuffix(" \(path)") }) else { return nil }
        let size = try #require(lines[first...].first { $0.hasPrefix("Rss:") })
        return try 1024 * #require(Int(size.split(separator: " ")[1]))
    }

    @Test func whatWasReadDoesNotStayInMemory() throws {
        let file = try WeightsFile(path: path)
        for tensor in try model.tensors() {
            let (rows, columns) = (0..<tensor.weight.rows, 0..<tensor.weight.columns)
            #expect(try file.bytes(tensor.weight.name, rows: rows, columns: columns) == tensor.bytes)
        }
        let resident = try residentByteCount()
        #expect(resident == 0)
        withExtendedLifetime(file) {}
    }

    /// Touching a mapped byte that a file no longer has would end the process.
    @Test func aFileThatBecameShorterIsAnError() throws {
        let file = try WeightsFile(path: path)
        let half = UInt64(try folder.bytes("model.h5").count / 2)
        let handle = try FileHandle(forUpdating: URL(filePath: path))
        try handle.truncate(atOffset: half)
        try handle.close()
        let errors = try model.tensors().compactMap { tensor -> String? in
            do throws(WeightsError) {
                _ = try file.bytes(
                    tensor.weight.name, rows: 0..<tensor.weight.rows, columns: 0..<tensor.weight.columns)
                return nil
            } catch {
                return error.description
            }
        }
        #expect(errors.count > 1)
        #expect(errors.allSatisfy { $0.contains(path) && $0.contains("it became shorter") })
    }
}
