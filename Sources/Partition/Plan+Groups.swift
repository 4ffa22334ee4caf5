public import Blueprint

extension Plan {
    /// The scales and offsets of a weight that an earlier rank holds too, since a cut lies inside their group, and
    /// their bytes.
    public func scalesHeldTwice(of weight: Weight) -> (count: Int, byteCount: Int) {
        guard case .columns = weight.distribution, let grouping = policy.grouping(cutByColumns: weight, encodings)
        else { return (0, 0) }
        let slices = (0..<rankCount).flatMap { self.slices(of: weight, rank: $0) }
        return grouping.parts.filter { $0 != .values && $0 != .highBits }.reduce((0, 0)) { total, part in
            let held = slices.reduce(0) { $0 + $1.members.count * grouping.columns(of: part, in: $1.columns).count }
            let all = weight.memberCount * grouping.columns(of: part, in: 0..<weight.columns).count
            let twice = weight.rows * (held - all)
            return (total.0 + twice, total.1 + twice * grouping.bytesPerElement(of: part))
        }
    }

    /// Where the weights that are split by columns are cut, and what a cut inside their groups costs.
    var borderRemarks: [String] {
        let heads = headDealings.compactMap { dealing, heads in
            dealing.shape.grouping.map {
                borderRemark(
                    "\(name(heads[0].axis)) (\(Figure.layers(heads.count)))", dealing.chosen, $0,
                    perUnit: dealing.shape.headSize, heads.map(\.last))
            }
        }
        let widths = widthDealings.compactMap { dealing, widths in
            dealing.shape.grouping.map {
                borderRemark(
                    "\(name(widths[0].axis)) (\(Figure.layers(widths.count)))", dealing.dealing, $0, perUnit: 1,
                    widths.map(\.down))
            }
        }
        return heads + widths + widthDealings.compactMap(rotationRemark)
    }

    private func borderRemark(
        _ place: String, _ dealing: StepDealing, _ grouping: Grouping, perUnit: Int, _ weights: [Weight]
    ) -> String {
        let size = grouping.scale == .nested ? Grouping.superSize : grouping.size
        let twice = weights.map(scalesHeldTwice).reduce((0, 0)) { ($0.0 + $1.count, $0.1 + $1.byteCount) }
        guard twice.0 > 0 else { return "\(place): cut on the borders of groups of \(size) columns" }
        let miss = WholeShares(policy.shares).largestMiss(dealing.largestCounts, of: dealing.units)
        let unit = perUnit == 1 ? "channels" : "heads"
        return "\(place): cut inside groups of \(size) columns, in multiples of \(dealing.step * perUnit), because "
            + "cuts on their borders (\(Figure.list(dealing.largestCounts)) \(unit)) miss a share by "
            + "\(Figure.percent(miss)); \(Figure.grouped(twice.0)) scales and offsets are held twice "
            + "(\(Figure.bytes(twice.1)) more)"
    }

    private func rotationRemark(_ dealing: WidthDealing, _ widths: [CutWidth]) -> String? {
        guard dealing.rotates else { return nil }
        let total = dealing.shape.width * widths.count
        let counts = (0..<rankCount).map { rank in widths.reduce(0) { $0 + split(of: $1.axis)[rank].count } }
        return
            "\(name(widths[0].axis)) (\(Figure.layers(widths.count))): \(dealing.shape.width) channels cannot meet the "
            + "shares in a layer, so the remainder goes round the layers; of all \(Figure.grouped(total)) the ranks "
            + "get " + counts.map { Figure.percent(Double($0) / Double(total)) }.joined(separator: ", ")
    }
}
