public import Blueprint

/// What a weights file says about one of its tensors.
public struct TensorInfo: Sendable, Hashable {
    /// The name in the checkpoint.
    public let name: String
    /// `[rows, columns]`, or `[count]` for a vector.
    public let shape: [Int]
    /// How the elements are stored.
    public let encoding: Encoding
    /// The arrays that they are stored in, in the order of the encoding's parts.
    public let parts: [StoredPart]

    init(name: String, shape: [Int], encoding: Encoding, parts: [StoredPart]) {
        self.name = name
        self.shape = shape
        self.encoding = encoding
        self.parts = parts
    }

    /// A weight as an import stores it.
    public init(_ weight: Weight, _ encoding: Encoding) {
        let layout = PanelLayout(weight, encoding)
        self.init(
            name: weight.name, shape: weight.storedShape, encoding: encoding,
            parts: encoding.parts.map { part in
                StoredPart(
                    part: part, grid: layout.grid(of: part), bytesPerElement: encoding.bytesPerElement(of: part))
            })
    }

    /// The length of the first dimension.
    public var rows: Int { shape[0] }
    /// The length of the second dimension; 1 for a vector.
    public var columns: Int { shape.count > 1 ? shape[1] : 1 }
    /// The number of elements.
    public var elementCount: Int { rows * columns }
    /// Bytes of all elements.
    public var byteCount: Int { encoding.fileByteCount(rows: rows, columns: 0..<columns) }
    /// Bytes that the file holds for it.
    public var storedByteCount: Int { parts.reduce(0) { $0 + $1.storedByteCount } }
    /// How the values are divided, as all parts are into rows.
    public var panels: PanelGrid { parts[0].grid }

    /// Bytes that are read for a slice: whole panels or, where it has only some rows of tiles, whole bands.
    public func byteCount(reading rows: Range<Int>, columns: Range<Int>) -> Int {
        parts.reduce(0) { total, part in
            let elements = encoding.columns(of: part.part, in: columns)
            return total + part.grid.elementCount(reading: rows, columns: elements) * part.bytesPerElement
        }
    }
}
