/// How the elements of a stored weight are written, in the weights file and in memory.
public enum Encoding: Sendable, Hashable, Codable {
    /// Each element by itself.
    case plain(Scalar)
    /// Integers of few bits in groups of columns.
    case grouped(Grouping)

    /// IEEE 754 binary32.
    public static let f32 = Encoding.plain(.f32)
    /// The upper half of a binary32.
    public static let bf16 = Encoding.plain(.bf16)
    /// IEEE 754 binary16.
    public static let f16 = Encoding.plain(.f16)

    /// Those whose elements stand each by itself.
    public static let allPlain = Scalar.allCases.map(Encoding.plain)

    /// A short name, unlike that of any other encoding.
    public var name: String {
        switch self {
        case .plain(let scalar): scalar.rawValue
        case .grouped(let grouping): grouping.name
        }
    }

    /// Whether elements are integers in groups.
    public var isGrouped: Bool {
        switch self {
        case .plain: false
        case .grouped: true
        }
    }

    /// In memory, rows and panels begin at multiples of so many bytes: the length of a cache line and of the longest
    /// vector load, so that no load of a kernel touches two lines.
    public static let rowAlignment = 64

    /// The next multiple of ``rowAlignment``.
    public static func aligned(_ byteCount: Int) -> Int { (byteCount + rowAlignment - 1) / rowAlignment * rowAlignment }

    /// Bytes in a weights file of so many rows of these columns.
    public func fileByteCount(rows: Int, columns: Range<Int>) -> Int {
        switch self {
        case .plain(let scalar): scalar.byteCount(rows * columns.count)
        case .grouped(let grouping): rows * grouping.fileByteCount(columns: columns)
        }
    }

    /// Bytes in memory of so many rows of these columns, with the padding of rows and panels.
    ///
    /// - Parameter columns: where they lie in the whole weight; it matters to groups.
    public func memoryByteCount(rows: Int, columns: Range<Int>) -> Int {
        switch self {
        case .plain(let scalar): rows * scalar.rowByteCount(columns.count)
        case .grouped(let grouping):
            (rows + Grouping.panelRows - 1) / Grouping.panelRows * grouping.panelByteCount(columns: columns)
        }
    }

    /// Columns between the borders on which a weight may be cut at no cost.
    public var cutColumns: Int {
        switch self {
        case .plain: 1
        case .grouped(let grouping): grouping.size
        }
    }
}
