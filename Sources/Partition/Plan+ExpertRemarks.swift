import Blueprint

extension Plan {
    /// How experts are shared out, and what that means.
    var expertRemarks: [String] {
        var places: [(cut: ExpertCut, split: Split?, mixtures: [Experts])] = []
        for experts in mixtures {
            let cut = cut(of: experts)
            // Which experts are cut is said of every division, of the others how many layers there are.
            let split = cut == .mixed ? self.split(of: experts.channelAxis) : nil
            let place = places.firstIndex { $0.cut == cut && $0.split == split } ?? places.count
            if place == places.count { places.append((cut, split, [])) }
            places[place].mixtures.append(experts)
        }
        return ExpertCut.allCases.flatMap { cut in
            places.filter { $0.cut == cut }.map { expertRemark(cut, $0.mixtures) }
        }
    }

    private func expertRemark(_ cut: ExpertCut, _ mixtures: [Experts]) -> String {
        let experts = mixtures[0]
        let what =
            "\(experts.memberAxis.count) of \(experts.axis.count) channels, \(experts.router.chosenCount) for a token, "
        let averages = "figures are averages, a token's choice may fall on one rank"
        switch cut {
        case .inside:
            return "experts (\(Figure.layers(mixtures.count))): \(what)cut inside every expert: "
                + "all ranks work on every choice"
        case .whole:
            return "experts (\(Figure.layers(mixtures.count))): \(what)whole on a rank: \(averages)"
        case .mixed:
            let layers = Self.list(runsOf: mixtures.compactMap(\.axis.layer))
            let place = mixtures.count == 1 ? "layer \(layers)" : "layers \(layers)"
            return "experts (\(place)): \(what)end to end over the ranks: \(division(experts)): \(averages)"
        }
    }

    /// How many experts are whole, and how many channels of each of the others which ranks hold.
    private func division(_ experts: Experts) -> String {
        let cut = cutExperts(of: experts)
        let texts = cut.map { expert, parts in
            let ranks = parts.map { "\($0.channels.count) channels on rank \($0.rank)" }
            return "expert \(expert) cut (\(ranks.joined(separator: ", ")))"
        }
        return (["\(experts.memberAxis.count - cut.count) whole"] + texts).joined(separator: ", ")
    }

    /// Numbers in rising order, those that follow one another as a range: `0-3, 5`.
    private static func list(runsOf numbers: [Int]) -> String {
        var ranges: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = ranges.last, last.upperBound + 1 == number {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ", ")
    }

    /// The channels of a mixture that ranks share out, where they do not share out whole experts.
    func cutWidth(_ experts: Experts) -> CutWidth {
        cut(of: experts) == .mixed ? CutWidth(endToEnd: experts) : CutWidth(experts)
    }
}
