/// Integers of few bits; every group of neighbouring columns of a row has a scale of its own, and perhaps an offset:
/// element = scale * (integer - zero) + offset, each operation in float32.
///
/// In a weights file each ``Part`` is a dataset of its own, beside its siblings. In memory sixteen rows are a panel, as
/// `CKernels.h` describes.
public struct Grouping: Sendable, Hashable, Codable {
    /// How the scales and offsets of groups are stored.
    public enum Scale: String, Sendable, Hashable, Codable, CaseIterable {
        /// As binary16.
        case f16
        /// As bf16.
        case bf16
        /// As binary32.
        case f32
        /// As a signed byte for each group, times a binary16 for every 256 columns: the K types of GGUF, and IQ4_XS.
        case nested
    }

    /// One of the arrays that make up a weight, `[rows, columns(of:in:)]` each.
    public enum Part: String, Sendable, Hashable, CaseIterable {
        /// The lowest 4 bits of each integer, the first of two columns in the lower half of a byte; or, of 8 bits, a
        /// byte each.
        case values
        /// The bits above the lowest 4, those of the first column lowest: of 5 bits eight columns to a byte, of 6 bits
        /// four.
        case highBits
        /// A scale for each group.
        case scales
        /// An offset for each group.
        case offsets
        /// What the scales of 256 columns are multiplied by.
        case superScales
        /// What the offsets of 256 columns are multiplied by.
        case superOffsets
    }

    /// Bits of an integer: 4, 5, 6 or 8. Integers are unsigned.
    public var bits: Int
    /// Columns of a group: 16, 32, 64 or 128. The last group of a row may be shorter.
    public var size: Int
    /// How scales and offsets are stored.
    public var scale: Scale
    /// Whether groups have offsets. If not, an integer of half the range stands for zero.
    public var hasOffsets: Bool

    /// Columns that share a number above the scales, where scales are nested.
    public static let superSize = 256
    /// Rows that lie together in memory.
    public static let panelRows = 16
    /// Columns that lie together in memory.
    public static let blockColumns = 32
    /// Columns whose scales lie together in memory, before their values.
    static let spanColumns = 256

    /// A grouping; nil where there is no such form.
    public init?(bits: Int, size: Int, scale: Scale, hasOffsets: Bool) {
        guard [4, 5, 6, 8].contains(bits), [16, 32, 64, 128].contains(size) else { return nil }
        self.bits = bits
        self.size = size
        self.scale = scale
        self.hasOffsets = hasOffsets
    }

    /// Integers with the values of four-bit floats, in groups of 32.
    public static let microscaled = Grouping(bits: 5, size: 32, scale: .bf16, hasOffsets: false)

    /// The integer that stands for the offset alone.
    public var zero: Int { hasOffsets ? 0 : 1 << (bits - 1) }

    /// Columns after which all arrays begin anew.
    public var period: Int { scale == .nested ? Self.superSize : max(size, Self.blockColumns) }

    /// A short name, unlike that of any other grouping: `q4g32`, `q8g64-bf16-offset`.
    public var name: String {
        "q\(bits)g\(size)" + (scale == .f16 ? "" : "-\(scale.rawValue)") + (hasOffsets ? "-offset" : "")
    }

    /// The parts that there are.
    public var parts: [Part] {
        Part.allCases.filter { part in
            switch part {
            case .values, .scales: true
            case .highBits: bits == 5 || bits == 6
            case .offsets: hasOffsets
            case .superScales: scale == .nested
            case .superOffsets: scale == .nested && hasOffsets
            }
        }
    }

    /// Columns of the weight that share one element of a part; for `values` and `highBits` one byte.
    public func columnsPerElement(of part: Part) -> Int {
        switch part {
        case .values: bits == 8 ? 1 : 2
        case .highBits: 8 / (bits - 4)
        case .scales, .offsets: size
        case .superScales, .superOffsets: Self.superSize
        }
    }

    /// Bytes of one element of a part.
    public func bytesPerElement(of part: Part) -> Int {
        switch part {
        case .values, .highBits: 1
        case .scales, .offsets:
            switch scale {
            case .nested: 1
            case .f16, .bf16: 2
            case .f32: 4
            }
        case .superScales, .superOffsets: 2
        }
    }

    /// The columns of a part that hold these columns of the weight; at borders more than those.
    public func columns(of part: Part, in columns: Range<Int>) -> Range<Int> {
        let count = columnsPerElement(of: part)
        let first = columns.lowerBound / count
        return first..<(columns.isEmpty ? first : (columns.upperBound - 1) / count + 1)
    }

    /// Bytes of these columns of a row in a weights file.
    public func fileByteCount(columns: Range<Int>) -> Int {
        parts.reduce(0) { $0 + self.columns(of: $1, in: columns).count * bytesPerElement(of: $1) }
    }

    /// Bytes of a panel in memory that holds these columns of the weight: spans of 256 columns, each with room for the
    /// scales of as many behind which its blocks lie; the first and the last may have fewer blocks.
    public func panelByteCount(columns: Range<Int>) -> Int {
        guard !columns.isEmpty else { return 0 }
        let origin = columns.lowerBound / Self.blockColumns * Self.blockColumns
        let last = columns.upperBound - 1
        let blocks = (last - origin) / Self.blockColumns + 1
        let spans = (last - origin + origin % period) / Self.spanColumns + 1
        return blocks * Self.blockColumns * Self.panelRows * bits / 8 + spans * spanScalesByteCount
    }

    /// Bytes of a span's scales, offsets and what these are multiplied by.
    private var spanScalesByteCount: Int {
        Encoding.aligned(
            parts.filter { $0 != .values && $0 != .highBits }.reduce(0) {
                $0 + Self.panelRows * self.columns(of: $1, in: 0..<Self.spanColumns).count * bytesPerElement(of: $1)
            })
    }
}
