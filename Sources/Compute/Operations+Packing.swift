internal import CKernels

/// A form in which vectors travel between ranks, in blocks of 32 elements.
public enum Packing: Sendable, Hashable, CaseIterable {
    /// As bf16, rounded to nearest, ties to even.
    case bf16
    /// As signed bytes, each block with a scale in float32.
    case q8

    /// Elements of a block.
    public static let blockSize = Int(LOCKSTEP_WIRE_BLOCK)

    /// Floats that a packed block takes.
    public var blockWords: Int {
        switch self {
        case .bf16: 16
        case .q8: 9
        }
    }

    fileprivate var code: Int32 {
        switch self {
        case .bf16: Int32(LOCKSTEP_WIRE_BF16.rawValue)
        case .q8: Int32(LOCKSTEP_WIRE_Q8.rawValue)
        }
    }
}

extension Operations {
    /// Packs x, all its elements in one run, into the blocks y [blocks, words], filled up with zeros.
    public func pack(_ x: Buffer, as packing: Packing, into y: Buffer) {
        precondition(y.columns == packing.blockWords, "A row of the output holds one block.")
        precondition(x.count <= y.rows * Packing.blockSize, "The output must have room for all elements.")
        let work = unsafe lockstep_packing(
            instruction_set: instructionSet.code, form: packing.code, from: x.start, to: y.start, count: x.count,
            blocks: y.rows, vectors: 1)
        unsafe run(lockstep_pack_wire_part, work, elements: x.count)
    }

    /// Adds packed vectors in their order: y[i] = x[0][i] + x[1][i] + …, in float32; x is [vectors, blocks * words].
    ///
    /// The same bits on every instruction set and for any number of threads.
    public func addPacked(_ x: Buffer, as packing: Packing, into y: Buffer) {
        precondition(x.columns.isMultiple(of: packing.blockWords), "A row of the input holds whole blocks.")
        let blocks = x.columns / packing.blockWords
        precondition(x.rows > 0 && y.count <= blocks * Packing.blockSize, "The input must have all elements.")
        let work = unsafe lockstep_packing(
            instruction_set: instructionSet.code, form: packing.code, from: x.start, to: y.start, count: y.count,
            blocks: blocks, vectors: x.rows)
        unsafe run(lockstep_add_packed_part, work, elements: y.count * x.rows)
    }
}
