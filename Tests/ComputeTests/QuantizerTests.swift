import Blueprint
import Compute
import Foundation
import Testing

@Suite struct QuantizerTests {
    static let forms = [4, 8].flatMap { bits in
        [Grouping.Scale.f16, .bf16].flatMap { scale in
            [false, true].compactMap { Grouping(bits: bits, size: 32, scale: scale, hasOffsets: $0) }
        }
    }

    @Test(arguments: forms.filter { !$0.hasOffsets })
    func noStoredScaleIsBetterByAHundredth(form: Grouping) {
        for columns in [5, 32, 64, 128] {
            for kind in Numbers.Kind.allCases {
                let rows = Numbers(seed: 1).rows(8, columns, kind)
                let found = Rounded(rows, form.sized(columns))
                for row in rows.indices {
                    let least = Exhaustive.error(rows[row], form)
                    #expect(found.error(row, rows[row]) <= 1.01 * least + 1e-14, "\(kind), \(columns) columns")
                }
            }
        }
    }

    @Test(arguments: forms.filter(\.hasOffsets))
    func noPairOfAFineGridIsMuchBetter(form: Grouping) {
        for columns in [16, 32, 64] {
            for kind in [Numbers.Kind.normal, .uniform, .longTailed] {
                let rows = Numbers(seed: 2).rows(12, columns, kind)
                let found = Rounded(rows, form.sized(columns))
                var (sum, least) = (0.0, 0.0)
                for row in rows.indices {
                    let error = Exhaustive.pairError(rows[row], form)
                    #expect(found.error(row, rows[row]) <= 1.25 * error, "\(kind), \(columns) columns")
                    sum += found.error(row, rows[row])
                    least += error
                }
                #expect(sum <= 1.01 * least, "\(kind), \(columns) columns")
            }
        }
    }

    @Test(arguments: forms)
    func roundingByTheGreatestMagnitudeIsNeverBetter(form: Grouping) {
        for columns in [1, 2, 7, 31, 32, 100, 128] {
            for kind in Numbers.Kind.allCases {
                let rows = Numbers(seed: 3).rows(40, columns, kind)
                let found = Rounded(rows, form.sized(columns))
                for row in rows.indices {
                    let plain = Exhaustive.plainError(rows[row], form)
                    #expect(found.error(row, rows[row]) <= plain * 1.00001 + 1e-18, "\(kind), \(columns) columns")
                }
            }
        }
    }

    @Test(arguments: forms)
    func numbersThatHaveTheFormAlreadyComeBackUnchanged(form: Grouping) {
        var numbers = Numbers(seed: 4)
        let rows = (0..<64).map { row in
            let scale = Stored.value(Stored.word(0.01 + 0.0003 * Double(row), form.scale), form.scale)
            let offset = form.hasOffsets ? Stored.value(Stored.word(-0.07, form.scale), form.scale) : 0
            return (0..<32).map { column in
                let integer = column < 2 ? column * ((1 << form.bits) - 1) : Int(numbers.next(below: 1 << form.bits))
                return Float(scale) * Float(integer - form.zero) + Float(offset)
            }
        }
        let found = Rounded(rows, form)
        // With offsets, the sum that makes an element is rounded, and a pair nearby may give the same elements.
        let bound = form.hasOffsets ? 1e-9 : 0
        for row in rows.indices { #expect(found.error(row, rows[row]) <= bound) }
    }

    @Test(arguments: forms)
    func theBitsDependNeitherOnTheInstructionSetNorOnTheCutOfRows(form: Grouping) {
        for columns in [1, 33, 100, 256] {
            let rows = Numbers(seed: 5).rows(37, columns, .longTailed)
            let whole = Rounded(rows, form, by: .portable)
            for set in InstructionSet.supported {
                #expect(Rounded(rows, form, by: set).parts == whole.parts, "\(set), \(columns) columns")
            }
            for (index, part) in form.parts.enumerated() {
                let length = form.columns(of: part, in: 0..<columns).count * form.bytesPerElement(of: part)
                for (first, last) in [(0, 1), (3, 20), (36, 37)] {
                    let piece = Rounded(Array(rows[first..<last]), form).parts[index]
                    #expect(piece == Array(whole.parts[index][first * length..<last * length]), "\(first)..<\(last)")
                }
            }
        }
    }

    @Test(arguments: forms)
    func shortTypesAreRoundedAsTheirWidening(form: Grouping) {
        let rows = Numbers(seed: 6).rows(5, 50, .normal)
        for scalar in [Scalar.f16, .bf16] {
            let words = rows.map { $0.map { Stored.word(Double($0), scalar == .f16 ? .f16 : .bf16) } }
            let widened = words.map { $0.map { Float(Stored.value($0, scalar == .f16 ? .f16 : .bf16)) } }
            let found = Rounded(bytes: words.flatMap { $0.flatMap(\.bytes) }, scalar, rows: 5, columns: 50, form)
            #expect(found.parts == Rounded(widened, form).parts)
        }
    }

    @Test(arguments: forms)
    func groupsOfOneNumberKeepIt(form: Grouping) {
        for value in [Float(0), -0.0, 1, -1, 0.37, -0.01, 100] {
            let row = Array(repeating: value, count: 32)
            // Half a unit in the last place of a bf16 scale.
            let bound = Double(value) * Double(value) * 32 * pow(2, -18)
            #expect(Rounded([row], form).error(0, row) <= bound, "\(value)")
        }
    }

    @Test(arguments: forms)
    func theSmallestAndTheLargestNumbersAreRoundedAsWellAsTheFormAllows(form: Grouping) {
        let numbers = Numbers(seed: 7).rows(1, 32, .uniform)[0]
        let integers = Float(1 << form.bits)
        for exponent in stride(from: -149, through: 127, by: 6) {
            let row = numbers.map { $0 / 2 * Float(sign: .plus, exponent: exponent, significand: 1) }
            let found = Rounded([row], form)
            let largest = Stored.greatest(form.scale) * Double(integers / (form.hasOffsets ? 1 : 2))
            #expect(found.tooLargeCount == row.count { Double(abs($0)) > largest })
            let greatest = Double(row.map(abs).max() ?? 0)
            // A step of the integers, or of stored scales where these are subnormal.
            let step = max(2 * greatest / Double(integers), Stored.least(form.scale) * Double(integers))
            guard greatest < Stored.greatest(form.scale) else { continue }
            #expect(found.error(0, row) <= 32 * step * step / 4, "2^\(exponent)")
        }
    }

    @Test(arguments: forms)
    func whatIsNoNumberIsCountedAndTakenForZero(form: Grouping) {
        var rows = Numbers(seed: 8).rows(20, 70, .normal)
        var zeros = rows
        for (row, column, value) in [(0, 0, Float.nan), (3, 69, .infinity), (3, 33, -.infinity), (19, 5, .nan)] {
            rows[row][column] = value
            zeros[row][column] = 0
        }
        let found = Rounded(rows, form)
        #expect(found.notFiniteCount == 4)
        #expect(found.tooLargeCount == 0)
        #expect(found.parts == Rounded(zeros, form).parts)
    }

    @Test(arguments: forms.flatMap { form in [7, 32, 150].map { (form, $0) } })
    func wideningGivesWhatThePartsSay(form: Grouping, columns: Int) {
        let rows = Numbers(seed: 9).rows(35, columns, .normal)
        let found = Rounded(rows, form)
        for set in InstructionSet.supported {
            let widened = found.widened(by: set)
            for row in rows.indices {
                for column in 0..<columns {
                    #expect(widened[row * columns + column] == Float(found.element(row, column)))
                }
            }
        }
    }

    @Test func otherFormsHaveNoQuantizer() {
        for (bits, scale) in [(5, Grouping.Scale.f16), (6, .f16), (4, .f32), (8, .nested)] {
            let form = Grouping(bits: bits, size: 32, scale: scale, hasOffsets: false)
            #expect(form.flatMap { Quantizer($0, instructionSet: .portable) } == nil)
        }
    }
}

extension Grouping {
    /// The same with the shortest groups that hold so many columns.
    fileprivate func sized(_ columns: Int) -> Grouping {
        var form = self
        form.size = [16, 32, 64, 128].first { $0 >= columns } ?? 128
        return form
    }
}
