public import Blueprint
internal import CKernels

/// Rounds rows of numbers to grouped integers.
///
/// Each group gets the scale, and offset, that leave the least squared error as far as a search finds them; the error
/// is that of the scale and offset as they are stored. The same bits on every instruction set and for any cut of the
/// rows.
public struct Quantizer: Sendable {
    /// What the numbers become.
    public let grouping: Grouping
    private let instructionSet: InstructionSet

    /// A quantizer to 4 or 8 bits with scales in f16 or bf16; nil for any other form.
    public init?(_ grouping: Grouping, instructionSet: InstructionSet) {
        guard grouping.bits == 4 || grouping.bits == 8, grouping.scale == .f16 || grouping.scale == .bf16 else {
            return nil
        }
        self.grouping = grouping
        self.instructionSet = instructionSet
    }

    /// Rounds whole rows; sixteen together cost as much as one.
    ///
    /// - Parameters:
    ///   - source: `[rows, columns]` of type `scalar`, aligned for it.
    ///   - parts: a buffer for each of `Grouping.parts`, in their order, the rows of each next to each other.
    /// - Returns: how many numbers were not finite, and count as zero, and how many finite ones were too large.
    public func quantize(
        _ source: UnsafeRawBufferPointer, _ scalar: Scalar, rows: Int, columns: Int,
        into parts: [UnsafeMutableRawBufferPointer]
    ) -> (notFiniteCount: Int, tooLargeCount: Int) {
        precondition(source.count == scalar.byteCount(rows * columns), "The numbers must be rows times columns.")
        unsafe grouping.check(parts.map { UnsafeRawBufferPointer($0) }, rows: rows, columns: columns)
        var work = unsafe lockstep_quantize_work()
        unsafe work.instruction_set = instructionSet.code
        unsafe work.encoding = grouping.code
        unsafe work.grouping.scale = grouping.scale.code
        unsafe work.grouping.has_offsets = grouping.hasOffsets ? 1 : 0
        unsafe work.grouping.size = grouping.size
        unsafe work.x = source.baseAddress
        unsafe work.x_encoding = scalar.code
        unsafe work.x_stride = columns
        unsafe work.rows = rows
        unsafe work.columns = columns
        unsafe work.values = parts[0].baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe work.scales = parts[1].baseAddress
        unsafe work.offsets = grouping.hasOffsets ? parts[2].baseAddress : nil
        unsafe work.values_stride = grouping.columns(of: .values, in: 0..<columns).count
        unsafe work.groups_stride = grouping.columns(of: .scales, in: 0..<columns).count
        var (notFiniteCount, tooLargeCount) = (0, 0)
        unsafe lockstep_quantize(&work, &notFiniteCount, &tooLargeCount)
        return (notFiniteCount, tooLargeCount)
    }
}
