/// A GGUF file: its header is read and checked in full, its data is read by byte range.
final class GGUFFile: Sendable {
    let path: String
    let header: GGUFHeader
    private let file: InputFile

    /// Opens a file and checks its header against the file's size: no tensor reaches outside, none overlap, every
    /// length is that of its shape.
    init(_ path: String) throws(WeightsError) {
        var cursor = GGUFCursor(try InputFile(path))
        header = try GGUFHeader(&cursor)
        file = cursor.release()
        self.path = path
    }

    /// Whether a file begins as one, whatever its name.
    static func isOne(_ path: String) -> Bool { InputFile.isFile(path, beginningWith: Array("GGUF".utf8)) }

    /// Fills `buffer` with bytes of the file from `offset` on.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(WeightsError) {
        try unsafe file.read(at: offset, into: buffer)
    }

    /// The bytes of a range of the file.
    func bytes(_ range: Range<Int>) throws(WeightsError) -> [UInt8] { try file.bytes(range) }

    /// The name, without the folder.
    var name: String { String(path.split(separator: "/").last ?? "") }
}
