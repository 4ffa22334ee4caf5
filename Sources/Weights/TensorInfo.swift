public import Blueprint

/// What a weights file says about one of its tensors.
public struct TensorInfo: Sendable, Hashable {
    /// The name in the checkpoint.
    public let name: String
    /// `[rows, columns]`, or `[count]` for a vector.
    public let shape: [Int]
    /// How the elements are stored.
    public let encoding: Encoding
    /// How it is divided for reading and checking.
    public let panels: PanelGrid

    init(name: String, shape: [Int], encoding: Encoding, panels: PanelGrid) {
        self.name = name
        self.shape = shape
        self.encoding = encoding
        self.panels = panels
    }

    /// A weight as an import stores it.
    init(_ weight: Weight, _ encoding: Encoding) {
        self.init(name: weight.name, shape: weight.shape, encoding: encoding, panels: PanelGrid(weight, .bf16))
    }

    var scalar: Scalar {
        switch encoding {
        case .plain(let scalar): scalar
        case .grouped: .bf16
        }
    }

    /// The length of the first dimension.
    public var rows: Int { panels.rows }
    /// The length of the second dimension; 1 for a vector.
    public var columns: Int { panels.columns }
    /// The number of elements.
    public var elementCount: Int { rows * columns }
    /// Bytes of all elements.
    public var byteCount: Int { encoding.fileByteCount(rows: rows, columns: 0..<columns) }
    /// Bytes that the file holds for it.
    public var storedByteCount: Int { scalar.byteCount(panels.storedElementCount) }
    /// Bytes of the largest panel.
    var panelByteCount: Int { scalar.byteCount(panels.rowsPerPanel * panels.columnsPerPanel) }
}
