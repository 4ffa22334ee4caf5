/// A `.safetensors` file: its header is read and checked in full, its data is read by byte range.
///
/// The format: https://github.com/huggingface/safetensors#format.
public final class SafetensorsFile: Sendable {
    /// Where the file is.
    public let path: String
    /// The tensors, in the order of their data.
    public let tensors: [SafetensorsTensor]
    /// The JSON of the header, as it stands.
    let header: [UInt8]
    private let file: InputFile

    /// The reference library's own limit, in bytes.
    private static let maximumHeaderByteCount = 100_000_000

    /// Opens a file and checks its header against the file's size: no tensor reaches outside, none overlap, nothing is
    /// left over, every length is that of its shape.
    public init(_ path: String) throws(WeightsError) {
        let file = try InputFile(path)
        header = try Self.header(of: file)
        tensors = try SafetensorsHeader.tensors(
            header, path: path, data: (8 + header.count)..<file.byteCount)
        self.path = path
        self.file = file
    }

    /// Fills `buffer` with bytes of the file from `offset` on.
    public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(WeightsError) {
        try unsafe file.read(at: offset, into: buffer)
    }

    /// The bytes of a range of the file.
    public func bytes(_ range: Range<Int>) throws(WeightsError) -> [UInt8] { try file.bytes(range) }

    private static func header(of file: InputFile) throws(WeightsError) -> [UInt8] {
        guard file.byteCount >= 8 else {
            throw .malformed(
                location: file.path, expected: "8 bytes of header length", found: "\(file.byteCount) bytes in all")
        }
        if file.byteCount < 1024, try file.begins(with: Array("version https://git-lfs".utf8)) {
            throw .malformed(
                location: file.path, expected: "weights",
                found: "a pointer of Git LFS, in place of which 'git lfs pull' puts them")
        }
        let length = try file.bytes(0..<8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(file.byteCount - 8) else {
            throw .malformed(
                location: file.path, expected: "a header that ends within \(file.byteCount) bytes",
                found: "a length of \(length)")
        }
        guard length <= maximumHeaderByteCount else {
            throw .malformed(
                location: file.path, expected: "a header of at most \(maximumHeaderByteCount) bytes",
                found: "a length of \(length)")
        }
        return try file.bytes(8..<8 + Int(length))
    }
}
