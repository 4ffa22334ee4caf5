import Partition

/// Reads a GGUF file from its beginning on, as little-endian numbers and texts, and never beyond its end.
struct GGUFCursor: ~Copyable {
    private let file: InputFile
    private var window: [UInt8] = []
    private var windowStart = 0
    /// Where the next byte is.
    private(set) var offset = 0
    private var elementCount = 0

    private static let windowByteCount = 1 << 20
    // Beyond all files, and little beside the memory of a machine that runs a model: a damaged length ends here.
    private static let maximumElementCount = 1 << 24
    private static let maximumTextByteCount = 1 << 26

    init(_ file: consuming InputFile) { self.file = file }

    var path: String { file.path }
    var fileByteCount: Int { file.byteCount }

    /// Ends the reading.
    consuming func release() -> InputFile { file }

    private var remainingByteCount: Int { file.byteCount - offset }

    mutating func integer<Number: FixedWidthInteger>(_ type: Number.Type, _ what: String) throws(WeightsError) -> Number
    {
        let size = Number.bitWidth / 8
        try load(size, what)
        var number: Number = 0
        for place in (0..<size).reversed() {
            number = (size > 1 ? number << 8 : 0) | Number(truncatingIfNeeded: window[offset - windowStart + place])
        }
        offset += size
        return number
    }

    /// A number of things of which each takes at least so many bytes: more than fit into the file are refused.
    mutating func count(_ what: String, minimumByteCount: Int) throws(WeightsError) -> Int {
        let count = try integer(UInt64.self, what)
        guard count <= UInt64(remainingByteCount / minimumByteCount) else {
            throw malformed("\(what) that the \(Figure.count(remainingByteCount, "byte")) left can hold", "\(count)")
        }
        return Int(count)
    }

    /// The number of elements of an array; all arrays of the file together have a limit.
    mutating func elementCount(_ what: String, minimumByteCount: Int) throws(WeightsError) -> Int {
        let count = try count("as many elements of \(what)", minimumByteCount: minimumByteCount)
        guard count <= Self.maximumElementCount - elementCount else {
            throw malformed(
                "\(Self.maximumElementCount) elements at most in all arrays together", "\(count) of \(what)")
        }
        elementCount += count
        return count
    }

    mutating func text(_ what: String, maximumByteCount: Int = maximumTextByteCount) throws(WeightsError) -> String {
        let start = offset
        let count = try count("a length of \(what)", minimumByteCount: 1)
        guard count <= maximumByteCount else {
            throw malformed("\(what) of \(maximumByteCount) bytes at most", "\(count)")
        }
        try load(count, what)
        let bytes = window[(offset - windowStart)..<(offset - windowStart + count)]
        offset += count
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .malformed(location: path, expected: "\(what) in UTF-8", found: "other bytes at byte \(start)")
        }
        return text
    }

    func malformed(_ expected: String, _ found: String) -> WeightsError {
        .malformed(location: path, expected: expected, found: "\(found) before byte \(offset)")
    }

    /// Sees to it that the next `count` bytes are in the window.
    private mutating func load(_ count: Int, _ what: String) throws(WeightsError) {
        guard offset + count > windowStart + window.count else { return }
        guard count <= remainingByteCount else {
            throw .malformed(
                location: path, expected: "\(what) of \(Figure.count(count, "byte")) at byte \(offset)",
                found: "the end of the file at byte \(file.byteCount)")
        }
        windowStart = offset
        window = try file.bytes(offset..<min(file.byteCount, offset + max(count, Self.windowByteCount)))
    }
}
