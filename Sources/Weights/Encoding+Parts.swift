package import Blueprint

extension Encoding {
    /// The arrays that make up a stored tensor; of a plain encoding one.
    package var parts: [Grouping.Part] {
        switch self {
        case .plain: [.values]
        case .grouped(let grouping): grouping.parts
        }
    }

    /// Columns of the tensor that share one element of a part.
    package func columnsPerElement(of part: Grouping.Part) -> Int {
        switch self {
        case .plain: 1
        case .grouped(let grouping): grouping.columnsPerElement(of: part)
        }
    }

    /// Bytes of one element of a part.
    package func bytesPerElement(of part: Grouping.Part) -> Int {
        switch self {
        case .plain(let scalar): scalar.bytesPerElement
        case .grouped(let grouping): grouping.bytesPerElement(of: part)
        }
    }

    /// The columns of a part that hold these columns of the tensor; at borders more than those.
    package func columns(of part: Grouping.Part, in columns: Range<Int>) -> Range<Int> {
        switch self {
        case .plain: columns
        case .grouped(let grouping): grouping.columns(of: part, in: columns)
        }
    }

    /// Bytes of a whole row of a part.
    package func rowByteCount(of part: Grouping.Part, columns: Int) -> Int {
        self.columns(of: part, in: 0..<columns).count * bytesPerElement(of: part)
    }
}
