internal import CKernels

/// A token that may come next.
public struct Candidate: Sendable, Hashable {
    /// Its logit.
    public var logit: Float
    /// Its id in the whole vocabulary.
    public var id: Int32

    /// A candidate of these values.
    public init(logit: Float, id: Int32) {
        self.logit = logit
        self.id = id
    }
}

extension Operations {
    /// The greatest logit of a row, NaN ignored; -infinity when the row is empty.
    public func maximum(of logits: Buffer, row: Int) -> Float {
        Self.check(logits, tokens: row + 1, columns: logits.columns)
        return alone {
            unsafe lockstep_maximum(instructionSet.code, logits.start + row * logits.columns, logits.columns)
        }
    }

    /// The sum of round(exp(logit - maximum) * 2^40) over a row: an integer, so that sums over any split of the
    /// vocabulary agree. `maximum` is at least every logit; the logits are not NaN.
    public func sumOfExponentials(of logits: Buffer, row: Int, maximum: Float) -> UInt64 {
        Self.check(logits, tokens: row + 1, columns: logits.columns)
        return alone {
            unsafe lockstep_sum_of_exponentials(
                instructionSet.code, logits.start + row * logits.columns, logits.columns, maximum)
        }
    }

    /// Fills `best` with the greatest logits of a row, greatest first, equal ones in increasing id, and returns how
    /// many there are: fewer than `best` holds when the row is shorter. Column c has the id firstIdentifier + c. NaN is
    /// left out.
    public func topCandidates(
        of logits: Buffer, row: Int, firstIdentifier: Int, into best: inout MutableSpan<Candidate>
    ) -> Int {
        Self.check(logits, tokens: row + 1, columns: logits.columns)
        precondition(Int32(exactly: firstIdentifier + logits.columns) != nil, "Ids have 31 bits.")
        return unsafe best.withUnsafeMutableBufferPointer { best in
            // Both structs are a float and a 32-bit integer, in this order.
            unsafe best.withMemoryRebound(to: lockstep_candidate.self) { best in
                guard let base = best.baseAddress else { return 0 }
                return alone {
                    unsafe lockstep_top_candidates(
                        instructionSet.code, logits.start + row * logits.columns, logits.columns,
                        Int32(truncatingIfNeeded: firstIdentifier), base, best.count)
                }
            }
        }
    }
}
