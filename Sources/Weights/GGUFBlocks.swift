import Blueprint

/// Takes the blocks of a GGUF tensor apart: the same integers, scales and offsets bit for bit, in the order of a
/// weights file.
///
/// The layouts of blocks: ggml's `ggml-common.h` and `ggml-quants.c`.
@safe struct GGUFBlocks {
    /// Where a part of a tensor goes.
    @safe private struct Destination {
        private let base: UnsafeMutableRawPointer
        let rowByteCount: Int
        let blockByteCount: Int

        init(base: UnsafeMutableRawPointer, rowByteCount: Int, blockByteCount: Int) {
            unsafe self.base = base
            self.rowByteCount = rowByteCount
            self.blockByteCount = blockByteCount
        }

        func bytes(_ row: Int, _ block: Int) -> UnsafeMutableRawPointer {
            unsafe base + row * rowByteCount + block * blockByteCount
        }
    }

    private let elementType: GGUFElementType
    private let bits: Int
    // The integers of one block, a byte each.
    private let integers = StagingBuffer(byteCount: 256)
    private let values: Destination?
    private let highBits: Destination?
    private let scales: Destination?
    private let offsets: Destination?
    private let superScales: Destination?
    private let superOffsets: Destination?

    /// - Parameter parts: room for each of the grouping's parts, in their order; rows of `columns`, in whole blocks.
    init(
        _ elementType: GGUFElementType, _ grouping: Grouping, columns: Int, into parts: [UnsafeMutableRawBufferPointer]
    ) {
        func destination(_ part: Grouping.Part) -> Destination? {
            guard let index = grouping.parts.firstIndex(of: part), let base = unsafe parts[index].baseAddress else {
                return nil
            }
            func byteCount(_ columns: Int) -> Int {
                grouping.columns(of: part, in: 0..<columns).count * grouping.bytesPerElement(of: part)
            }
            return unsafe Destination(
                base: base, rowByteCount: byteCount(columns), blockByteCount: byteCount(elementType.blockColumns))
        }
        self.elementType = elementType
        bits = grouping.bits
        values = destination(.values)
        highBits = destination(.highBits)
        scales = destination(.scales)
        offsets = destination(.offsets)
        superScales = destination(.superScales)
        superOffsets = destination(.superOffsets)
    }

    /// Puts the blocks of a row into place.
    func unpack(_ blocks: UnsafeRawBufferPointer, row: Int) {
        for number in 0..<blocks.count / elementType.blockByteCount {
            guard let base = blocks.baseAddress else { return }
            let block = unsafe (base + number * elementType.blockByteCount).assumingMemoryBound(to: UInt8.self)
            unsafe takeIntegers(block)
            storeIntegers(row, number)
            unsafe storeScales(block, row, number)
        }
    }
}

// MARK: - Integers

extension GGUFBlocks {
    private func takeIntegers(_ block: UnsafePointer<UInt8>) {
        let to = unsafe integers.prefix(elementType.blockColumns).assumingMemoryBound(to: UInt8.self)
        switch elementType {
        case .float32, .float16, .bfloat16: return
        case .q8x0: for column in 0..<32 { unsafe to[column] = block[2 + column] ^ 0x80 }
        case .q4x0: unsafe takeHalves(block + 2, to)
        case .q4x1: unsafe takeHalves(block + 4, to)
        case .q5x0:
            unsafe takeHalves(block + 6, to)
            unsafe takeFifthBits(block + 2, to)
        case .q5x1:
            unsafe takeHalves(block + 8, to)
            unsafe takeFifthBits(block + 4, to)
        case .q2k: unsafe takeTwoBits(block + 16, to)
        case .q3k:
            unsafe takeTwoBits(block + 32, to)
            // Half the range stands for zero: 4 of 8 here, 8 of 16 in a weights file.
            for column in 0..<256 {
                unsafe to[column] = (to[column] | (block[column % 32] >> (column / 32) & 1) << 2) + 4
            }
        case .q4k: unsafe takeChunks(block + 16, to)
        case .q5k:
            unsafe takeChunks(block + 48, to)
            for column in 0..<256 {
                unsafe to[column] |= (block[16 + column % 32] >> (column / 32) & 1) << 4
            }
        case .q6k: unsafe takeSixBits(block, to)
        case .iq4nl:
            unsafe takeHalves(block + 2, to)
            unsafe lookUp(to)
        case .iq4xs:
            for group in 0..<8 {
                unsafe takeHalves(
                    block + 8 + 16 * group, UnsafeMutableBufferPointer(rebasing: to[32 * group..<32 * group + 32]))
            }
            unsafe lookUp(to)
        case .mxfp4:
            unsafe takeHalves(block + 1, to)
            for column in 0..<32 { unsafe to[column] = FourBitFloats.integer(to[column]) }
        }
    }

    /// 16 bytes: columns 0 to 15 in the lower halves, 16 to 31 in the upper.
    private func takeHalves(_ bytes: UnsafePointer<UInt8>, _ to: UnsafeMutableBufferPointer<UInt8>) {
        for column in 0..<16 {
            unsafe to[column] = bytes[column] & 15
            unsafe to[16 + column] = bytes[column] >> 4
        }
    }

    /// 4 bytes: a bit for each of 32 columns.
    private func takeFifthBits(_ bytes: UnsafePointer<UInt8>, _ to: UnsafeMutableBufferPointer<UInt8>) {
        for column in 0..<32 { unsafe to[column] |= (bytes[column / 8] >> (column % 8) & 1) << 4 }
    }

    /// The codebook of the IQ4 types.
    private static let codebook: [Int8] = [
        -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
    ]

    /// Puts the integers of the codebook, with zero at 128, in place of their indices.
    private func lookUp(_ indices: UnsafeMutableBufferPointer<UInt8>) {
        for column in indices.indices {
            unsafe indices[column] = UInt8(bitPattern: Self.codebook[Int(indices[column])]) ^ 0x80
        }
    }

    /// Twice 32 bytes, each with one of 4 times 32 columns in its lowest 2 bits, and so on.
    private func takeTwoBits(_ bytes: UnsafePointer<UInt8>, _ to: UnsafeMutableBufferPointer<UInt8>) {
        for column in 0..<256 {
            let (half, place) = column.quotientAndRemainder(dividingBy: 128)
            unsafe to[column] = bytes[32 * half + place % 32] >> (place / 32 * 2) & 3
        }
    }

    /// Four times 32 bytes: 32 columns in the lower halves, then 32 in the upper.
    private func takeChunks(_ bytes: UnsafePointer<UInt8>, _ to: UnsafeMutableBufferPointer<UInt8>) {
        for chunk in 0..<4 {
            for column in 0..<32 {
                let byte = unsafe bytes[32 * chunk + column]
                unsafe to[64 * chunk + column] = byte & 15
                unsafe to[64 * chunk + 32 + column] = byte >> 4
            }
        }
    }

    /// Twice 64 bytes with the lowest 4 bits of 128 columns, after all of them twice 32 bytes with the highest 2.
    private func takeSixBits(_ block: UnsafePointer<UInt8>, _ to: UnsafeMutableBufferPointer<UInt8>) {
        for half in 0..<2 {
            let (low, high) = unsafe (block + 64 * half, block + 128 + 32 * half)
            for column in 0..<32 {
                let bits = unsafe high[column]
                let (first, second) = unsafe (low[column], low[32 + column])
                unsafe to[128 * half + column] = first & 15 | (bits & 3) << 4
                unsafe to[128 * half + 32 + column] = second & 15 | (bits >> 2 & 3) << 4
                unsafe to[128 * half + 64 + column] = first >> 4 | (bits >> 4 & 3) << 4
                unsafe to[128 * half + 96 + column] = second >> 4 | (bits >> 6) << 4
            }
        }
    }

    private func storeIntegers(_ row: Int, _ number: Int) {
        guard let values = unsafe values?.bytes(row, number) else { return }
        let count = elementType.blockColumns
        let from = unsafe UnsafeRawBufferPointer(integers.prefix(count))
        if bits == 8 {
            return unsafe UnsafeMutableRawBufferPointer(start: values, count: count).copyMemory(from: from)
        }
        let nibbles = unsafe values.assumingMemoryBound(to: UInt8.self)
        for byte in 0..<count / 2 { unsafe nibbles[byte] = from[2 * byte] & 15 | from[2 * byte + 1] << 4 }
        guard let highBits = unsafe highBits?.bytes(row, number) else { return }
        let target = unsafe highBits.assumingMemoryBound(to: UInt8.self)
        let bitsEach = bits - 4
        let columnsPerByte = 8 / bitsEach
        for byte in 0..<count / columnsPerByte {
            var packed: UInt8 = 0
            for column in 0..<columnsPerByte {
                unsafe packed |= (from[byte * columnsPerByte + column] >> 4) << (column * bitsEach)
            }
            unsafe target[byte] = packed
        }
    }
}

// MARK: - Scales and offsets

extension GGUFBlocks {
    private func storeScales(_ block: UnsafePointer<UInt8>, _ row: Int, _ number: Int) {
        switch elementType {
        case .float32, .float16, .bfloat16: return
        case .q8x0, .q4x0, .q5x0, .iq4nl: unsafe store(block, 2, scales, row, number)
        case .q4x1, .q5x1:
            unsafe store(block, 2, scales, row, number)
            unsafe store(block + 2, 2, offsets, row, number)
        case .q2k:
            unsafe store(block + 80, 2, superScales, row, number)
            unsafe storeNegated(block + 82, row, number)
            unsafe storeHalfByteScales(block, row, number)
        case .q3k:
            unsafe store(block + 108, 2, superScales, row, number)
            unsafe storeSixteenScales(block + 96, row, number)
        case .iq4xs:
            unsafe store(block, 2, superScales, row, number)
            unsafe storeEightScales(block + 2, row, number)
        case .q4k, .q5k:
            unsafe store(block, 2, superScales, row, number)
            unsafe storeNegated(block + 2, row, number)
            unsafe storePackedScales(block + 4, row, number)
        case .q6k:
            unsafe store(block + 192, 16, scales, row, number)
            unsafe store(block + 208, 2, superScales, row, number)
        case .mxfp4:
            let scale = FourBitFloats.scale(exponent: unsafe block[0]).littleEndian
            unsafe withUnsafeBytes(of: scale) { bytes in
                guard let bytes = unsafe bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return }
                unsafe store(bytes, 2, scales, row, number)
            }
        }
    }

    private func store(
        _ bytes: UnsafePointer<UInt8>, _ byteCount: Int, _ destination: Destination?, _ row: Int, _ number: Int
    ) {
        unsafe destination?.bytes(row, number).copyMemory(from: bytes, byteCount: byteCount)
    }

    /// The format subtracts minima, a weights file adds offsets.
    private func storeNegated(_ bytes: UnsafePointer<UInt8>, _ row: Int, _ number: Int) {
        guard let target = unsafe superOffsets?.bytes(row, number).assumingMemoryBound(to: UInt8.self) else { return }
        unsafe target[0] = bytes[0]
        unsafe target[1] = bytes[1] ^ 0x80
    }

    /// Sixteen scales in the lower halves of 16 bytes, sixteen minima in the upper.
    private func storeHalfByteScales(_ packed: UnsafePointer<UInt8>, _ row: Int, _ number: Int) {
        guard let scales = unsafe scales?.bytes(row, number).assumingMemoryBound(to: UInt8.self),
            let offsets = unsafe offsets?.bytes(row, number).assumingMemoryBound(to: UInt8.self)
        else { return }
        for group in 0..<16 {
            unsafe scales[group] = packed[group] & 15
            unsafe offsets[group] = packed[group] >> 4
        }
    }

    /// Sixteen scales of 6 bits with zero at 32, in 12 bytes: the lowest 4 bits of the first eight in the lower halves
    /// of 8 bytes, of the last in the upper; the highest 2 of each fourth scale in one of the 4 bytes behind them.
    private func storeSixteenScales(_ packed: UnsafePointer<UInt8>, _ row: Int, _ number: Int) {
        guard let scales = unsafe scales?.bytes(row, number).assumingMemoryBound(to: Int8.self) else { return }
        for group in 0..<16 {
            let low = unsafe packed[group % 8] >> (group / 8 * 4) & 15
            let high = unsafe packed[8 + group % 4] >> (group / 4 * 2) & 3
            unsafe scales[group] = Int8(low | high << 4) - 32
        }
    }

    /// Eight scales of 6 bits with zero at 32, in 6 bytes: the highest 2 bits of each in the first two, the lowest 4 of
    /// two in each of the others.
    private func storeEightScales(_ packed: UnsafePointer<UInt8>, _ row: Int, _ number: Int) {
        guard let scales = unsafe scales?.bytes(row, number).assumingMemoryBound(to: Int8.self) else { return }
        for group in 0..<8 {
            let high = unsafe packed[group / 4] >> (group % 4 * 2) & 3
            let low = unsafe packed[2 + group / 2] >> (group % 2 * 4) & 15
            unsafe scales[group] = Int8(low | high << 4) - 32
        }
    }

    /// Eight scales and eight minima of 6 bits in 12 bytes: of the first four each, a byte's lowest 6 bits; of the
    /// last four, the lowest 4 bits in the last four bytes and the highest 2 above those of the first four.
    private func storePackedScales(_ packed: UnsafePointer<UInt8>, _ row: Int, _ number: Int) {
        guard let scales = unsafe scales?.bytes(row, number).assumingMemoryBound(to: UInt8.self),
            let offsets = unsafe offsets?.bytes(row, number).assumingMemoryBound(to: UInt8.self)
        else { return }
        for group in 0..<4 {
            unsafe scales[group] = packed[group] & 63
            unsafe offsets[group] = packed[4 + group] & 63
            unsafe scales[4 + group] = packed[8 + group] & 15 | packed[group] >> 2 & 0x30
            unsafe offsets[4 + group] = packed[8 + group] >> 4 | packed[4 + group] >> 2 & 0x30
        }
    }
}
