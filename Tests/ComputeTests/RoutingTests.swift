import Blueprint
import Compute
import Testing

@Suite struct RoutingTests {
    private static func router(
        _ scoring: Router.Scoring, experts: Int, chosen: Int, groups: Int = 1, chosenGroups: Int = 1,
        groupScores: Int = 2
    ) -> Router {
        var router = Router(weight: Weight("gate", [experts, 8]), scoring: scoring, chosenCount: chosen)
        router.groupCount = groups
        router.chosenGroupCount = chosenGroups
        router.groupScoreCount = groupScores
        router.isNormalized = scoring == .sigmoid
        router.factor = scoring == .sigmoid ? 2.5 : 1
        return router
    }

    /// The choice by its definition, in double precision, sorted by score.
    private static func expected(_ router: Router, _ logits: [Float], _ correction: [Float]?) -> [(Int, Double)] {
        let x = logits.map { Double($0) }
        let greatest = x.max() ?? 0
        let total = x.reduce(0) { $0 + exponential($1 - greatest) }
        let scores: [Double] =
            switch router.scoring {
            case .softmax: x.map { exponential($0 - greatest) / total }
            case .softmaxOfChosen: x
            case .sigmoid: x.map { 1 / (1 + exponential(-$0)) }
            }
        let values = scores.enumerated().map { $1 + Double(correction?[$0] ?? 0) }
        let size = x.count / router.groupCount
        let groups = (0..<router.groupCount).map { group in
            values[group * size..<(group + 1) * size].sorted(by: >)
                .prefix(router.groupScoreCount).reduce(0, +)
        }
        let best = groups.indices.sorted { groups[$0] > groups[$1] }.prefix(router.chosenGroupCount)
        let allowed = x.indices.filter { best.contains($0 / size) }
        let chosen = allowed.sorted { values[$0] > values[$1] }.prefix(router.chosenCount)
        let sum = chosen.reduce(0) { $0 + scores[$1] }
        let exponentials = chosen.reduce(0) { $0 + exponential(scores[$1] - scores[chosen[0]]) }
        return chosen.map { expert in
            switch router.scoring {
            case .softmaxOfChosen: (expert, exponential(scores[expert] - scores[chosen[0]]) / exponentials)
            case .softmax, .sigmoid:
                (expert, (router.isNormalized ? scores[expert] / sum : scores[expert]) * Double(router.factor))
            }
        }
    }

    @Test(arguments: [
        (Router.Scoring.softmax, 5, 2, 1, 1, 2), (.softmax, 128, 8, 1, 1, 2), (.softmaxOfChosen, 32, 4, 1, 1, 2),
        (.sigmoid, 10, 3, 5, 2, 2), (.sigmoid, 256, 8, 8, 4, 2), (.sigmoid, 7, 7, 1, 1, 2), (.softmax, 160, 6, 8, 3, 1),
        (.softmax, 12, 4, 4, 3, 1),
    ])
    func choicesAreThoseOfTheDefinition(
        scoring: Router.Scoring, experts: Int, chosen: Int, groups: Int, chosenGroups: Int, groupScores: Int
    ) throws {
        let router = Self.router(
            scoring, experts: experts, chosen: chosen, groups: groups, chosenGroups: chosenGroups,
            groupScores: groupScores)
        let tokens = 50
        var bits: Set<[String]> = []
        for operations in everyOperations(threads: [1, 3]) {
            let bench = try Workbench(seed: 9)
            let logits = try bench.buffer(tokens, experts, scale: 6)
            let correction = scoring == .sigmoid ? try bench.vector(experts) : nil
            let before = (0..<tokens).map(logits.row)
            let routing = Routing(tokens: tokens, chosenCount: chosen, experts: experts)
            operations.choose(router, logits: logits, tokens: tokens, correction: correction, into: routing)
            var found: [String] = []
            for token in 0..<tokens {
                let choices = routing.choices(of: token, chosen: chosen)
                let corrections = correction.map { vector in (0..<experts).map { vector[$0] } }
                let expected = Self.expected(router, before[token], corrections)
                #expect(choices.map(\.expert) == expected.map(\.0))
                for (choice, exact) in zip(choices, expected) {
                    #expect(abs(Double(choice.factor) - exact.1) <= 3e-6 * exact.1 + 1e-9)
                }
                found += choices.map { "\($0.expert) \($0.factor.bitPattern)" }
            }
            bits.insert(found)
        }
        #expect(bits.count == 1, "Every machine must choose alike.")
    }

    @Test func ofEqualScoresTheFirstAreChosen() throws {
        let bench = try Workbench()
        let logits = try bench.buffer(1, 6, filledWith: 0.25)
        let routing = Routing(tokens: 1, chosenCount: 3, experts: 6)
        reference().choose(
            Self.router(.softmax, experts: 6, chosen: 3), logits: logits, tokens: 1, correction: nil, into: routing)
        #expect(routing.choices(of: 0, chosen: 3).map(\.expert) == [0, 1, 2])
    }

    @Test func logitsThatAreNoNumbersStillGiveChoices() throws {
        let bench = try Workbench()
        let logits = try bench.buffer(2, 5, filledWith: .nan)
        let routing = Routing(tokens: 2, chosenCount: 2, experts: 5)
        reference().choose(
            Self.router(.softmax, experts: 5, chosen: 2), logits: logits, tokens: 2, correction: nil, into: routing)
        for token in 0..<2 {
            let choices = routing.choices(of: token, chosen: 2)
            #expect(Set(choices.map(\.expert)).count == 2 && choices.allSatisfy { (0..<5).contains($0.expert) })
            #expect(choices.allSatisfy { $0.factor.isNaN })
        }
    }

    /// Rows go to every expert in the order of tokens, and come back to their tokens with their factors.
    @Test func rowsGoToTheirExpertsAndComeBack() throws {
        let (tokens, experts, chosen, width) = (37, 6, 2, 21)
        for operations in everyOperations(threads: [1, 3]) {
            let bench = try Workbench(seed: 4)
            let (x, logits) = (try bench.buffer(tokens, width), try bench.buffer(tokens, experts, scale: 3))
            let routing = Routing(tokens: tokens, chosenCount: chosen, experts: experts)
            let router = Self.router(.softmax, experts: experts, chosen: chosen)
            operations.choose(router, logits: logits, tokens: tokens, correction: nil, into: routing)
            let (taken, sum) = (try bench.buffer(tokens, width), try bench.buffer(tokens, width, filledWith: 0))
            var count = 0
            for expert in 0..<experts {
                let rows = routing.rows(of: expert)
                count += rows.count
                operations.take(rows, of: routing, from: x, into: taken)
                let own = (0..<tokens).filter { token in
                    routing.choices(of: token, chosen: chosen).contains { $0.expert == expert }
                }
                #expect(own.count == rows.count)
                for (row, token) in own.enumerated() { #expect(taken.row(row) == x.row(token)) }
                operations.add(taken, rows, of: routing, to: sum)
            }
            #expect(count == tokens * chosen && routing.rows(of: 0..<experts) == 0..<count)
            for token in 0..<tokens {
                let factor = routing.choices(of: token, chosen: chosen).reduce(0) { $0 + $1.factor }
                for column in 0..<width {
                    #expect(abs(sum[token, column] - factor * x[token, column]) <= 1e-6)
                }
            }
        }
    }
}
