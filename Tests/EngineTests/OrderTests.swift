import Engine
import Testing

struct OrderTests {
    @Test(arguments: [
        Order.stop, .gatherLogits, .begin(.greedy, tokenCount: 900), .measure(begins: true), .measure(begins: false),
        .keep(isTakenBack: true), .keep(isTakenBack: false),
        .forward(.init(tokens: [5], purpose: .choose, samplesProcessor: true)),
        .begin(
            Sampling(
                temperature: 0.7, topK: 40, topP: 0.9, minP: 0.05, repetitionPenalty: 1.1,
                seed: 0xFEDC_BA98_7654_3210), tokenCount: 1),
        .forward(.init(tokens: [5], purpose: .choose)), .forward(.init(tokens: [1, 2, 3])),
        .forward(.init(tokens: [7], purpose: .score, following: 9, topCount: 3)),
        .forward(.init(tokens: [7, 8], purpose: .logits)),
    ])
    func anOrderArrivesAsItWasSent(order: Order) {
        #expect(order.header.count == Order.headerCount)
        #expect(Order.remainderCount(header: order.header) == order.remainder.count)
        #expect(Order(header: order.header, remainder: order.remainder) == order)
    }
}
