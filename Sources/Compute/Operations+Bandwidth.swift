internal import CKernels

extension Operations {
    /// The bytes per second at which all threads together read memory that is in no cache: the median of `repeats`
    /// readings of `byteCount` bytes, after one that is not counted. `byteCount` should be several times the last cache.
    ///
    /// Throws `ComputeError.noMemory` when the memory is not there.
    public func measureReadBandwidth(byteCount: Int, repeats: Int) throws(ComputeError) -> Double {
        let lines = max(1, byteCount / 64)
        let arena = try Arena(byteCount: lines * 64)
        let memory = try arena.buffer(rows: lines, columns: 16)
        // Pages that were never written are all the same page of zeros.
        memory.withMutableSpan(rows: lines) { span in
            for index in span.indices { span[index] = Float(index % 1000) }
        }
        var digests = [UInt64](repeating: 0, count: pool.threads * 8)
        var seconds: [Double] = []
        for _ in 0...max(1, repeats) {
            let elapsed = ContinuousClock().measure {
                unsafe digests.withUnsafeMutableBufferPointer { digests in
                    let work = unsafe lockstep_read(
                        instruction_set: instructionSet.code, lines: memory.start, count: lines,
                        digests: digests.baseAddress)
                    unsafe run(lockstep_read_part, work, elements: .max)
                }
            }
            seconds.append(elapsed / .seconds(1))
        }
        seconds.removeFirst()
        seconds.sort()
        return Double(lines * 64) / seconds[seconds.count / 2]
    }
}
