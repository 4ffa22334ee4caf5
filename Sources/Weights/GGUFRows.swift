import Blueprint

/// Puts rows of a GGUF tensor where those of a checkpoint belong, part by part.
@safe struct GGUFRows {
    private let parts: [UnsafeMutableRawBufferPointer]
    private let blocks: GGUFBlocks?
    private let dealer: GGUFColumnDealer?

    /// - Parameters:
    ///   - columnOrder: the order of the file's columns; nil for that of a checkpoint.
    ///   - parts: room for each of the encoding's parts, in their order.
    init(
        _ elementType: GGUFElementType, _ encoding: Encoding, columns: Int, _ columnOrder: GGUFHeadOrder?,
        into parts: [UnsafeMutableRawBufferPointer]
    ) {
        unsafe self.parts = parts
        dealer = columnOrder.map { GGUFColumnDealer($0, from: elementType.encoding, to: encoding, columns: columns) }
        blocks =
            switch elementType.encoding {
            case .plain: nil
            case .grouped(let grouping):
                unsafe GGUFBlocks(elementType, grouping, columns: columns, into: dealer?.row ?? parts)
            }
    }

    /// Puts a row into place.
    func put(_ bytes: UnsafeRawBufferPointer, row: Int) {
        switch (blocks, dealer) {
        case (nil, nil):
            unsafe UnsafeMutableRawBufferPointer(rebasing: parts[0][(row * bytes.count)...]).copyMemory(from: bytes)
        case (let blocks?, nil):
            unsafe blocks.unpack(bytes, row: row)
        case (nil, let dealer?):
            unsafe dealer.row[0].copyMemory(from: bytes)
            unsafe dealer.deal(to: parts, row: row)
        case (let blocks?, let dealer?):
            unsafe blocks.unpack(bytes, row: 0)
            unsafe dealer.deal(to: parts, row: row)
        }
    }
}
