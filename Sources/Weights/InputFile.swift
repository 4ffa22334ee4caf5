import Glibc

/// A file that is open for reading at any offset, by several threads at once; it is closed at the end of its life.
final class InputFile: Sendable {
    let path: String
    let byteCount: Int
    private let descriptor: CInt

    init(_ path: String) throws(WeightsError) {
        // Of a pipe it would else wait for a writer.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .unreadable(path: path, reason: SystemMessage.latest) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            let reason = SystemMessage.latest
            close(descriptor)
            throw .unreadable(path: path, reason: reason)
        }
        guard PathKind(status) == .file else {
            close(descriptor)
            throw .unreadable(path: path, reason: "not a regular file")
        }
        self.path = path
        self.descriptor = descriptor
        byteCount = Int(status.st_size)
    }

    /// Refuses devices and pipes, which a library might wait for; what can't be asked about is for others to refuse.
    static func refuseSpecial(_ path: String) throws(WeightsError) {
        if PathKind(of: path) == .special { throw .unreadable(path: path, reason: "not a regular file") }
    }

    /// Whether what is at a path is a file that begins with these bytes.
    static func isFile(_ path: String, beginningWith bytes: [UInt8]) -> Bool {
        let file = try? InputFile(path)
        return (try? file?.begins(with: bytes)) ?? false
    }

    /// Whether these are the first bytes.
    func begins(with bytes: [UInt8]) throws(WeightsError) -> Bool {
        guard byteCount >= bytes.count else { return false }
        return try self.bytes(0..<bytes.count) == bytes
    }

    /// Whether there is a file that begins as those of HDF5.
    static func isHDF5(_ path: String) -> Bool {
        isFile(path, beginningWith: [0x89] + Array("HDF\r\n\u{1a}\n".utf8))
    }

    /// Fills `buffer` with the bytes from `offset` on.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(WeightsError) {
        var done = 0
        while done < buffer.count {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = unsafe pread(descriptor, rest.baseAddress, rest.count, offset + done)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(path: path, reason: SystemMessage.latest) }
            guard count > 0 else {
                throw .unreadable(path: path, reason: "the file ends at byte \(offset + done), it became shorter")
            }
            done += count
        }
    }

    /// The bytes of a range.
    func bytes(_ range: Range<Int>) throws(WeightsError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        var span = bytes.mutableSpan
        try unsafe span.withUnsafeMutableBytes { (buffer) throws(WeightsError) in
            try unsafe read(at: range.lowerBound, into: buffer)
        }
        return bytes
    }

    /// The whole file as text.
    static func text(_ path: String) throws(WeightsError) -> String {
        let file = try InputFile(path)
        guard let text = String(validating: try file.bytes(0..<file.byteCount), as: UTF8.self) else {
            throw .malformed(location: path, expected: "a text in UTF-8", found: "other bytes")
        }
        return text
    }

    deinit { close(descriptor) }
}

/// What the operating system said last.
enum SystemMessage {
    static var latest: String { unsafe String(cString: strerror(errno)) }
}
