internal import CMPI
internal import Glibc

/// Where ranks of one host add short vectors up: in memory that they share, each reads the others' where they lie.
///
/// A rank copies its vector into its slot, gives the slot the number of the round, and adds up all slots, in rank order,
/// as soon as they have that number; so all ranks hold the same bits. A slot has two places, used in turn: who begins a
/// round has seen all others in the one before, which they began after they had read that of two rounds ago.
@safe final class SharedBoard {
    /// A rank reads no more than so many bytes of others at a time: beyond, MPI's own sums are as fast.
    private static let mostBytesRead = 64 << 10
    /// Places and round numbers begin on lines of their own, also where processors fetch two at a time.
    private static let alignment = 128

    @unsafe private struct Slot {
        let round: UnsafeMutablePointer<UInt32>
        let places: UnsafeMutablePointer<Float>  // [2, capacity]

        func clear(capacity: Int) {
            unsafe places.update(repeating: 0, count: 2 * capacity)
            unsafe cmpi_store(round, 0)
        }
    }

    private let rank: Int
    private let handle: MPI_Comm
    private let capacity: Int
    private let slots: [Slot]  // [ranks]
    private var round: UInt32 = 0

    /// The longest vector that so many ranks add up here, in elements.
    static func capacity(ranks: Int) -> Int {
        guard ranks > 1 else { return 0 }
        let elements = mostBytesRead / (ranks - 1) / MemoryLayout<Float>.size
        return elements / alignment * alignment
    }

    /// The board of a communicator's ranks; nil where they are not all on one host, or it has no memory to share. To be
    /// called on every rank, and the same on all. It lives as long as the job.
    init?(_ handle: MPI_Comm, rank: Int, ranks: Int) {
        guard unsafe Self.areOnOneHost(handle, ranks: ranks) else { return nil }
        self.rank = rank
        unsafe self.handle = unsafe handle
        capacity = Self.capacity(ranks: ranks)
        let byteCount = 2 * Self.alignment + 2 * capacity * MemoryLayout<Float>.size
        var start: UnsafeMutableRawPointer?
        var window: MPI_Win?
        var slots: [Slot] = unsafe []
        if unsafe MPI_Win_allocate_shared(byteCount, 1, cmpi_info_null(), handle, &start, &window) == MPI_SUCCESS,
            let window = unsafe window
        {
            unsafe slots = unsafe (0..<ranks).compactMap { unsafe Self.slot(of: $0, in: window) }
        }
        unsafe self.slots = unsafe slots
        // Each rank touches its own first, so that they lie near it.
        if unsafe slots.count == ranks { unsafe slots[rank].clear(capacity: capacity) }
        var isThere: Int32 = unsafe slots.count == ranks ? 1 : 0
        let code = unsafe MPI_Allreduce(cmpi_in_place(), &isThere, 1, Int32.datatype, cmpi_minimum(), handle)
        guard code == MPI_SUCCESS, isThere == 1 else { return nil }
    }

    private static func areOnOneHost(_ handle: MPI_Comm, ranks: Int) -> Bool {
        var part: MPI_Comm?
        let code = unsafe MPI_Comm_split_type(handle, Int32(MPI_COMM_TYPE_SHARED), 0, cmpi_info_null(), &part)
        guard code == MPI_SUCCESS, let own = unsafe part else { return false }
        var size: Int32 = 0
        let sizeCode = unsafe MPI_Comm_size(own, &size)
        _ = unsafe MPI_Comm_free(&part)
        return sizeCode == MPI_SUCCESS && Int(size) == ranks
    }

    private static func slot(of rank: Int, in window: MPI_Win) -> Slot? {
        var (byteCount, unit) = (MPI_Aint(), Int32())
        var start: UnsafeMutableRawPointer?
        let code = unsafe MPI_Win_shared_query(window, Int32(clamping: rank), &byteCount, &unit, &start)
        guard code == MPI_SUCCESS, let start = unsafe start?.alignedUp(toMultipleOf: alignment) else { return nil }
        return unsafe Slot(
            round: start.assumingMemoryBound(to: UInt32.self),
            places: (start + alignment).assumingMemoryBound(to: Float.self))
    }

    /// Replaces each of `count` elements by the sum of all ranks' at that place; to be called on every rank.
    ///
    /// - Returns: MPI's code.
    func sum(_ values: UnsafeMutablePointer<Float>, count: Int) -> Int32 {
        round &+= 1
        let place = Int(round % 2) * capacity
        unsafe (slots[rank].places + place).update(from: values, count: count)
        unsafe cmpi_store(slots[rank].round, round)
        for other in unsafe slots.indices {
            let code = awaitRound(of: other)
            guard code == MPI_SUCCESS else { return code }
        }
        for index in unsafe slots.indices {
            let terms = unsafe slots[index].places + place
            if index == 0 {
                unsafe values.update(from: terms, count: count)
            } else {
                for element in 0..<count { unsafe values[element] += terms[element] }
            }
        }
        return MPI_SUCCESS
    }

    /// Waits until a rank has begun this round.
    ///
    /// MPI may hold messages of this rank that another one waits for before it comes here: it is given time to send
    /// them. So are programs and ranks that want this core.
    private func awaitRound(of other: Int) -> Int32 {
        var looks = 0
        while unsafe Int32(bitPattern: cmpi_load(slots[other].round) &- round) < 0 {
            looks += 1
            guard looks.isMultiple(of: 64) else {
                cmpi_pause()
                continue
            }
            var isThere: Int32 = 0
            let code = unsafe MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, handle, &isThere, nil)
            guard code == MPI_SUCCESS else { return code }
            sched_yield()
        }
        return MPI_SUCCESS
    }
}
