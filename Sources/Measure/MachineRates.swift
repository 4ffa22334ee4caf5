package import Compute

/// What the machines of all ranks could do around a repetition of a test.
package struct MachineRates: Sendable, Hashable {
    /// Bytes per second that were read; nil where they were not measured.
    package var readBandwidths: [Double]?  // [ranks]
    /// Multiplications and additions per second in registers, at best; nil where they were not measured.
    package var peaks: [[Factors: Double]]?  // [ranks]

    /// These rates, of every rank.
    package init(readBandwidths: [Double]?, peaks: [[Factors: Double]]?) {
        (self.readBandwidths, self.peaks) = (readBandwidths, peaks)
    }

    /// The mean of both, of which the same was measured.
    package func mean(with other: MachineRates) -> MachineRates {
        precondition(
            readBandwidths?.count == other.readBandwidths?.count && peaks?.count == other.peaks?.count,
            "Both measured the same.")
        return MachineRates(
            readBandwidths: readBandwidths.map { zip($0, other.readBandwidths ?? []).map { ($0 + $1) / 2 } },
            peaks: peaks.map { zip($0, other.peaks ?? []).map { $0.merging($1) { ($0 + $1) / 2 } } })
    }
}
