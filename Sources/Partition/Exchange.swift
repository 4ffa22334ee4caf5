import Blueprint

/// One collective of a pass.
struct Exchange: Hashable {
    var operation: CollectiveProfile.Operation
    /// Bytes of the complete vector.
    var byteCount: Int
}

extension Traffic {
    /// What these collectives exchange.
    init(_ exchanges: [Exchange]) {
        self.init(collectives: exchanges.count, byteCount: exchanges.reduce(0) { $0 + $1.byteCount })
    }
}
