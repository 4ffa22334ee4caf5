import Testing
import Text

struct StopFilterTests {
    @Test(arguments: [1, 2, 3, 7, 100])
    func textEndsBeforeTheFirstStopHoweverItIsCut(pieceLength: Int) {
        let text = "one two three é two END. more"
        for (stops, expected) in [
            (["END"], "one two three é two "), (["é"], "one two three "), (["zzz"], text), ([], text),
            (["three x", "three é"], "one two "), (["more!", "END."], "one two three é two "), ([""], text),
        ] {
            var filter = StopFilter(stops)
            var passed = ""
            let characters = Array(text)
            for start in stride(from: 0, to: characters.count, by: pieceLength) {
                passed += filter.pass(String(characters[start..<min(start + pieceLength, characters.count)]))
                #expect(expected.hasPrefix(passed))
            }
            passed += filter.finish()
            #expect(passed == expected)
            #expect(filter.hasStopped == (expected != text))
        }
    }

    @Test func nothingIsHeldBackThatCannotBelongToAStop() {
        var filter = StopFilter(["stop"])
        #expect(filter.pass("abc") == "abc")
        #expect(filter.pass("s") == "")
        #expect(filter.pass("a") == "sa")
        #expect(filter.pass("ststo") == "st")
        #expect(filter.pass("p") == "")
        #expect(filter.hasStopped)
        #expect(filter.pass("more") == "")
    }
}
