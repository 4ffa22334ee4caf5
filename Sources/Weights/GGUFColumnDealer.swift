import Blueprint

/// Puts the columns of a row, heads that a file has in another order, into that of a checkpoint.
///
/// Whole groups move. Where heads are shorter than what shares a number above the scales, scales and offsets become the
/// products that they stand for, which f32 has exactly.
@safe struct GGUFColumnDealer {
    /// The parts of one row in the file's order, to be filled.
    let row: [UnsafeMutableRawBufferPointer]
    private let memory: [StagingBuffer]
    private let order: GGUFHeadOrder
    private let stored: Encoding
    private let encoding: Encoding
    private let columns: Int

    init(_ order: GGUFHeadOrder, from stored: Encoding, to encoding: Encoding, columns: Int) {
        memory = stored.parts.map { StagingBuffer(byteCount: stored.rowByteCount(of: $0, columns: columns)) }
        unsafe row = memory.map { unsafe $0.prefix($0.byteCount) }
        self.order = order
        self.stored = stored
        self.encoding = encoding
        self.columns = columns
    }

    /// Puts the row into place.
    func deal(to parts: [UnsafeMutableRawBufferPointer], row number: Int) {
        for (index, part) in encoding.parts.enumerated() {
            let rowByteCount = encoding.rowByteCount(of: part, columns: columns)
            let place = unsafe UnsafeMutableRawBufferPointer(
                rebasing: parts[index][number * rowByteCount..<(number + 1) * rowByteCount])
            switch (part, encoding.isNested == stored.isNested) {
            case (.scales, false): unsafe multiply(part, by: .superScales, into: place)
            case (.offsets, false): unsafe multiply(part, by: .superOffsets, into: place)
            case (.values, _), (.highBits, _), (.scales, true), (.offsets, true), (.superScales, _), (.superOffsets, _):
                unsafe move(part, into: place)
            }
        }
    }

    private func move(_ part: Grouping.Part, into place: UnsafeMutableRawBufferPointer) {
        guard let from = unsafe row(of: part) else { return }
        let size = encoding.bytesPerElement(of: part)
        func byteOffset(_ column: Int) -> Int { column / encoding.columnsPerElement(of: part) * size }
        for head in stride(from: 0, to: columns, by: order.headSize) {
            let (first, end) = (byteOffset(order.place(of: head)), byteOffset(order.headSize))
            unsafe UnsafeMutableRawBufferPointer(rebasing: place[byteOffset(head)...]).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: from[first..<first + end]))
        }
    }

    private func multiply(
        _ part: Grouping.Part, by superPart: Grouping.Part, into place: UnsafeMutableRawBufferPointer
    ) {
        guard let factors = unsafe row(of: part), let superFactors = unsafe row(of: superPart) else { return }
        let size = encoding.columnsPerElement(of: part)
        for group in 0..<columns / size {
            let column = order.place(of: group * size)
            let factor = unsafe factors.load(fromByteOffset: column / size, as: Int8.self)
            let bits = unsafe superFactors.load(fromByteOffset: column / Grouping.superSize * 2, as: UInt16.self)
            let product = Float(factor) * ElementConversion.float(float16: UInt16(littleEndian: bits))
            unsafe place.storeBytes(of: product.bitPattern.littleEndian, toByteOffset: 4 * group, as: UInt32.self)
        }
    }

    private func row(of part: Grouping.Part) -> UnsafeMutableRawBufferPointer? {
        unsafe stored.parts.firstIndex(of: part).map { unsafe row[$0] }
    }
}

extension Grouping {
    /// The same numbers where heads of so many columns change places; nil where a group reaches over two.
    func dealing(_ order: GGUFHeadOrder) -> Grouping? {
        guard order.headSize.isMultiple(of: size) else { return nil }
        guard isNested, !order.headSize.isMultiple(of: Grouping.superSize) else { return self }
        return Grouping(bits: bits, size: size, scale: .f32, hasOffsets: hasOffsets)
    }

    fileprivate var isNested: Bool { scale == .nested }
}

extension Encoding {
    fileprivate var isNested: Bool {
        switch self {
        case .plain: false
        case .grouped(let grouping): grouping.isNested
        }
    }
}
