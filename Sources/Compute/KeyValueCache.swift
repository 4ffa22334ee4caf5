public import Blueprint
internal import CKernels

/// Keys and values of earlier positions of some key-value heads, in an arena, laid out as `CKernels.h` says.
///
/// Zero heads are legal: a rank may own none.
@safe public final class KeyValueCache: @unchecked Sendable {
    /// Key-value heads that this rank holds.
    public let heads: Int
    /// The most positions of a sequence.
    public let positions: Int
    /// The last of them that it can hold; a multiple of ``CacheEncoding/attentionBlock`` where these are not all.
    public let heldPositions: Int
    /// Elements of one head.
    public let headSize: Int
    /// How they are stored.
    public let encoding: CacheEncoding

    let layout: lockstep_cache
    private let memory: Buffer

    /// Cuts a cache off an arena.
    ///
    /// Throws `ComputeError.arenaFull` when the arena has less than `byteCount` of what it holds left.
    ///
    /// - Parameter heldPositions: the last positions that it keeps, at least those that a chunk of tokens sees; nil for
    ///   all.
    public init(
        heads: Int, positions: Int, heldPositions: Int? = nil, headSize: Int, encoding: CacheEncoding = .f32,
        in arena: Arena
    ) throws(ComputeError) {
        let held = heldPositions ?? positions
        precondition(
            held >= positions || held.isMultiple(of: CacheEncoding.attentionBlock), "Blocks of keys lie together.")
        guard heads >= 0, positions >= 0, headSize >= 0, !heads.multipliedReportingOverflow(by: positions).overflow
        else { throw .badShape("a cache of \(heads) heads x \(positions) positions x \(headSize)") }
        self.heads = heads
        self.positions = positions
        self.heldPositions = held
        self.headSize = headSize
        self.encoding = encoding
        let byteCount = Self.byteCount(heads: heads, positions: held, headSize: headSize, encoding: encoding)
        memory = try arena.buffer(rows: 1, columns: byteCount / MemoryLayout<Float>.size)
        let rounded = CacheEncoding.rounded(positions: held)
        let keys = unsafe UnsafeMutableRawPointer(memory.start)
        let values = unsafe keys + Encoding.aligned(heads * rounded * headSize * encoding.bytesPerElement)
        let scales =
            unsafe values
            + Encoding.aligned(
                heads * rounded * CacheEncoding.paddedHeadSize(headSize) * encoding.bytesPerElement)
        let scaleCount = heads * rounded * encoding.scaleCount(headSize: headSize)
        let secondScales = unsafe scales + Encoding.aligned(Scalar.f16.byteCount(scaleCount))
        unsafe layout = lockstep_cache(
            encoding: encoding.code, heads: heads, positions: rounded, head_size: headSize, keys: keys, values: values,
            key_scales: encoding == .q8 ? scales.assumingMemoryBound(to: UInt16.self) : nil,
            value_scales: encoding == .q8 ? secondScales.assumingMemoryBound(to: UInt16.self) : nil)
    }

    /// The bytes that a cache takes from its arena.
    public static func byteCount(
        heads: Int, positions: Int, headSize: Int, encoding: CacheEncoding = .f32
    ) -> Int {
        encoding.memoryByteCount(heads: heads, positions: positions, headSize: headSize)
    }

    /// A key as it was stored.
    public func key(head: Int, position: Int) -> [Float] { elements(head, position, ofKey: true) }

    /// A value as it was stored.
    public func value(head: Int, position: Int) -> [Float] { elements(head, position, ofKey: false) }

    private func elements(_ head: Int, _ position: Int, ofKey isKey: Bool) -> [Float] {
        // Of the positions that lie in one place the last one that was stored is there.
        precondition((0..<heads).contains(head) && (0..<positions).contains(position), "The cache must hold the place.")
        return unsafe [Float](unsafeUninitializedCapacity: headSize) { floats, count in
            if let base = floats.baseAddress {
                unsafe withUnsafePointer(to: layout) { layout in
                    unsafe lockstep_recall(layout, isKey ? 1 : 0, head, position, base)
                }
            }
            count = headSize
        }
    }
}

extension CacheEncoding {
    /// The kernels' name of the elements' type.
    var code: Int32 {
        switch self {
        case .f32: Int32(LOCKSTEP_F32.rawValue)
        case .bf16: Int32(LOCKSTEP_BF16.rawValue)
        case .f16: Int32(LOCKSTEP_F16.rawValue)
        case .q8: Int32(LOCKSTEP_Q8.rawValue)
        }
    }
}
