internal import CMPI

extension Communicator {
    /// Gives every rank the texts of all ranks, in rank order.
    public func gatherStrings(_ text: String) throws(MPIError) -> [String] {
        watchdog.arrive()
        defer { watchdog.leave() }
        return try unsafe exchangeStrings(text, handle, size: size)
    }

    /// Throws the same error on every rank unless all ranks pass the same `value`.
    ///
    /// `what` names the value, such as "model hash"; `remedy` says what to do. The error names who differs from rank 0,
    /// their hosts, and the values.
    public func requireSame(_ what: String, _ value: String, remedy: String) throws(MPIError) {
        let values = try gatherStrings(value)
        guard values.contains(where: { $0 != values[0] }) else { return }
        let found = byText(values.map { .some($0) }).map { text, ranks in
            "\(ranks) \(ranks.verb("has", "have")) '\(text)'"
        }
        throw .agreed(
            message: "\(what): expected the same on all ranks, found that \(found.joined(separator: ", ")); \(remedy)",
            reporter: reporter)
    }

    /// Runs `body` on every rank, and throws on every rank if it threw on any.
    ///
    /// For what can fail on one rank only, such as opening a file: nobody goes on alone into a collective. The error
    /// lists each distinct message once, with its ranks and hosts. `body` calls no collective that the other ranks
    /// could miss.
    public func together<R: ~Copyable>(_ body: () throws -> R) throws(MPIError) -> R {
        let outcome: Result<R, any Error>
        do {
            outcome = .success(try body())
        } catch {
            outcome = .failure(error)
        }
        switch consume outcome {
        case .success(let value):
            try agree(failure: nil)
            return value
        case .failure(let error):
            try agree(failure: error)
            preconditionFailure("a failure that every rank knows of is thrown")
        }
    }

    private func agree(failure: (any Error)?) throws(MPIError) {
        var failures = Int32(failure == nil ? 0 : 1)
        try collective("MPI_Allreduce") {
            unsafe MPI_Allreduce(cmpi_in_place(), &failures, 1, Int32.datatype, Reduction.sum.operation, handle)
        }
        guard failures > 0 else { return }
        // The exclamation mark tells an empty message from none.
        let texts = try gatherStrings(failure.map { "!\($0)" } ?? "")
        let messages = texts.map { $0.isEmpty ? nil : String($0.unicodeScalars.dropFirst()) }
        if case .agreed(let message, let reporter)? = failure as? MPIError, messages.allSatisfy({ $0 == message }) {
            throw .agreed(message: message, reporter: reporter)
        }
        let lines = byText(messages).map { text, ranks in size == 1 ? text : "\(ranks): \(text)" }
        throw .agreed(message: lines.joined(separator: "\n"), reporter: reporter)
    }

    /// Each distinct text once, with the ranks that gave it, in the order of their first ranks.
    private func byText(_ texts: [String?]) -> [(text: String, ranks: RankList)] {
        var groups: [(text: String, ranks: [Int])] = []
        for (rank, text) in texts.enumerated() {
            guard let text else { continue }
            if let index = groups.firstIndex(where: { $0.text == text }) {
                groups[index].ranks.append(rank)
            } else {
                groups.append((text, [rank]))
            }
        }
        return groups.map { ($0.text, RankList($0.ranks, hosts: hosts)) }
    }
}
