internal import Glibc

/// A small file in which the kernel tells something.
enum SystemFile {
    /// The text of a file of at most 16 KiB; nil if it cannot be read.
    static func text(of path: String) -> String? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 16384)
        let count = unsafe read(file, &bytes, bytes.count)
        return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// The value of a line `key: 12 kB`, in bytes; nil without such a line.
    static func byteCount(of key: String, in text: String) -> Int? {
        let line = text.split(separator: "\n").first { $0.hasPrefix(key + ":") }
        let kibibytes = line?.dropFirst(key.count + 1).split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) }
        return kibibytes.flatMap { $0 >= 0 && $0 <= Int.max / 1024 ? $0 * 1024 : nil }
    }
}
