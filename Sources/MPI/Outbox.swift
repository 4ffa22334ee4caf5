internal import CMPI

/// Sends short messages to one rank without ever waiting for it.
///
/// A message that the destination has not taken yet is not followed by another: whoever does not read gets no more
/// mail.
@safe final class Outbox {
    let destination: Int
    private let tag: Int32
    private let handle: MPI_Comm
    private let words: UnsafeMutablePointer<Int64>  // [capacity]
    private let capacity = 5
    private var request: MPI_Request?
    private var isUnderWay = false

    init(to destination: Int, tag: Int32, _ handle: MPI_Comm) {
        self.destination = destination
        self.tag = tag
        unsafe self.handle = unsafe handle
        unsafe words = UnsafeMutablePointer<Int64>.allocate(capacity: capacity)
        unsafe words.initialize(repeating: 0, count: capacity)
    }

    deinit {
        // MPI still reads the words of a message that is under way.
        if !isUnderWay { unsafe words.deallocate() }
    }

    func send(_ message: [Int64]) {
        precondition(message.count <= capacity, "a message to a watchdog is short")
        if isUnderWay {
            var isComplete: Int32 = 0
            guard unsafe MPI_Test(&request, &isComplete, nil) == MPI_SUCCESS, isComplete != 0 else { return }
        }
        for (index, word) in message.enumerated() { unsafe words[index] = word }
        let byteCount = Int32(message.count * MemoryLayout<Int64>.stride)
        let code = unsafe MPI_Isend(words, byteCount, UInt8.datatype, Int32(destination), tag, handle, &request)
        isUnderWay = code == MPI_SUCCESS
    }
}
