public import Blueprint

/// What a weights file says about one of its tensors.
public struct TensorInfo: Sendable, Hashable {
    /// The name in the checkpoint.
    public let name: String
    /// `[rows, columns]`, or `[count]` for a vector.
    public let shape: [Int]
    /// How the elements are stored.
    public let encoding: Scalar
    /// How it is divided for reading and checking.
    public let panels: PanelGrid

    /// The length of the first dimension.
    public var rows: Int { panels.rows }
    /// The length of the second dimension; 1 for a vector.
    public var columns: Int { panels.columns }
    /// The number of elements.
    public var elementCount: Int { rows * columns }
    /// Bytes of all elements.
    public var byteCount: Int { encoding.byteCount(elementCount) }
    /// Bytes that the file holds for it.
    public var storedByteCount: Int { encoding.byteCount(panels.storedElementCount) }
    /// Bytes of the largest panel.
    var panelByteCount: Int { encoding.byteCount(panels.rowsPerPanel * panels.columnsPerPanel) }
}
