internal import CMPI
internal import Glibc

/// Where ranks of one host add vectors up: in memory that they share, each reads the others' where they lie.
///
/// A rank copies its vector into its slot, gives the slot the number of the round, and adds up all slots, in rank
/// order, as soon as they have that number; so all ranks hold the same bits. A slot has two places, used in turn. A
/// rank that begins round r has seen every other in r - 1, and they had finished reading r - 2, whose place it
/// overwrites, before they began r - 1. Of a long vector each piece is a round.
@safe final class SharedBoard {
    /// A rank reads no more than so many bytes of others at a time: they stay in the second caches. Beyond, MPI's own
    /// sums of three ranks and more are as fast: each reads a part of the others' vectors only.
    private static let mostBytesRead = 64 << 10
    /// Places and round numbers begin on lines of their own, also where processors fetch two at a time.
    private static let alignmentBytes = 128
    /// Messages with this tag are never sent.
    private static let unusedTag: Int32 = 1

    @unsafe private struct Slot {
        let round: UnsafeMutablePointer<UInt32>
        let counts: UnsafeMutablePointer<Int>  // [2]: elements of the vectors whose pieces are in the places
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
    static func longestSum(ranks: Int) -> Int { ranks == 2 ? .max : capacity(ranks: ranks) }

    /// The longest piece that so many ranks add up at once, in elements.
    private static func capacity(ranks: Int) -> Int {
        guard ranks > 1 else { return 0 }
        return mostBytesRead / (ranks - 1) / alignmentBytes * alignmentBytes / MemoryLayout<Float>.size
    }

    /// The board of a communicator's ranks; nil where they are not all on one host, or it has no memory to share. To be
    /// called on every rank, and the same on all. It lives as long as the job.
    init?(_ handle: MPI_Comm, rank: Int, ranks: Int) {
        self.rank = rank
        unsafe self.handle = unsafe handle
        capacity = Self.capacity(ranks: ranks)
        let byteCount = 2 * Self.alignmentBytes + 2 * capacity * MemoryLayout<Float>.size
        // Asked before: a rank whose window could not be made would leave the others waiting for theirs.
        let canShare = unsafe Self.areOnOneHost(handle, ranks: ranks) && Self.hasRoom(byteCount: ranks * byteCount)
        guard unsafe Self.isTrueOnAll(canShare, handle) else { return nil }
        var start: UnsafeMutableRawPointer?
        var window: MPI_Win?
        var slots: [Slot] = unsafe []
        if unsafe MPI_Win_allocate_shared(byteCount, 1, cmpi_info_null(), handle, &start, &window) == MPI_SUCCESS,
            let window = unsafe window
        {
            unsafe slots = unsafe (0..<ranks).compactMap { unsafe Self.slot(of: $0, in: window) }
        }
        unsafe self.slots = unsafe slots
        let isThere = unsafe slots.count == ranks
        // Each rank touches its own first, so that they lie near it.
        if isThere { unsafe slots[rank].clear(capacity: capacity) }
        guard unsafe Self.isTrueOnAll(isThere, handle) else { return nil }
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

    /// Whether as much and a megabyte more can be written where Open MPI keeps what processes share.
    private static func hasRoom(byteCount: Int) -> Bool {
        var status = statvfs()
        guard unsafe statvfs("/dev/shm", &status) == 0 else { return true }
        return Int(status.f_bavail) * Int(status.f_frsize) >= byteCount + (1 << 20)
    }

    private static func isTrueOnAll(_ condition: Bool, _ handle: MPI_Comm) -> Bool {
        var least: Int32 = condition ? 1 : 0
        let code = unsafe MPI_Allreduce(cmpi_in_place(), &least, 1, Int32.datatype, cmpi_minimum(), handle)
        return code == MPI_SUCCESS && least == 1
    }

    private static func slot(of rank: Int, in window: MPI_Win) -> Slot? {
        var (byteCount, unit) = (MPI_Aint(), Int32())
        var start: UnsafeMutableRawPointer?
        let code = unsafe MPI_Win_shared_query(window, Int32(clamping: rank), &byteCount, &unit, &start)
        // All processes find the same place: what they map begins with a page in each.
        guard code == MPI_SUCCESS, let start = unsafe start?.alignedUp(toMultipleOf: alignmentBytes) else { return nil }
        return unsafe Slot(
            round: start.assumingMemoryBound(to: UInt32.self),
            counts: (start + MemoryLayout<Int>.size).assumingMemoryBound(to: Int.self),
            places: (start + alignmentBytes).assumingMemoryBound(to: Float.self))
    }

    /// Replaces each of `count` elements by the sum of all ranks' at that place; to be called on every rank.
    ///
    /// - Returns: MPI's code; `MPI_ERR_TRUNCATE` where another rank's vector is not as long.
    func sum(_ values: UnsafeMutablePointer<Float>, count: Int) -> Int32 {
        var code = MPI_SUCCESS
        for start in stride(from: 0, to: count, by: capacity) where code == MPI_SUCCESS {
            code = unsafe sum(values + start, count: min(capacity, count - start), of: count)
        }
        return code
    }

    /// The same of a piece of vectors of `total` elements.
    private func sum(_ values: UnsafeMutablePointer<Float>, count: Int, of total: Int) -> Int32 {
        round &+= 1
        let turn = Int(round % 2)
        let place = turn * capacity
        unsafe (slots[rank].places + place).update(from: values, count: count)
        unsafe slots[rank].counts[turn] = total
        unsafe cmpi_store(slots[rank].round, round)
        var looks = 0
        for index in unsafe slots.indices {
            let code = awaitRound(of: index, &looks)
            guard code == MPI_SUCCESS else { return code }
            guard unsafe slots[index].counts[turn] == total else { return MPI_ERR_TRUNCATE }
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
    /// MPI may hold messages of this rank that another one waits for before it comes here: now and then it is given
    /// time to send them, and to offer the core to others as it always does. A probe that finds a message gives none.
    private func awaitRound(of other: Int, _ looks: inout Int) -> Int32 {
        while unsafe Int32(bitPattern: cmpi_load(slots[other].round) &- round) < 0 {
            looks += 1
            guard looks.isMultiple(of: 64) else {
                cmpi_pause()
                continue
            }
            var isFound: Int32 = 0
            let code = unsafe MPI_Iprobe(Int32(clamping: rank), Self.unusedTag, handle, &isFound, nil)
            guard code == MPI_SUCCESS else { return code }
        }
        return MPI_SUCCESS
    }
}
