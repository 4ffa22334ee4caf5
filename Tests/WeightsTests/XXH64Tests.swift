import Testing
import Weights

@Suite struct XXH64Tests {
    @Test(arguments: [
        ("", "ef46db3751d8e999"), ("a", "d24ec4f1a98c6e5b"), ("abc", "44bc2cf5ad770999"),
        ("Nobody inspects the spammish repetition", "fbcea83c8a378bf1"),
    ])
    func textsHaveTheirPublishedHashes(text: String, expected: String) {
        #expect(XXH64.text(XXH64.hash(Array(text.utf8))) == expected)
    }

    /// The vectors of the reference implementation's own self-test.
    @Test(
        arguments: [
            (0, 0, 0xef46_db37_51d8_e999), (0, 2_654_435_761, 0xac75_fda2_929b_17ef),
            (1, 0, 0xe934_a84a_db05_2768), (1, 2_654_435_761, 0x5014_6076_43a9_b4c3),
            (14, 0, 0x8282_dcc4_994e_35c8), (14, 2_654_435_761, 0xc3bd_6bf6_3deb_6df0),
            (222, 0, 0xb641_ae8c_b691_c174), (222, 2_654_435_761, 0x20cb_8ab7_ae10_c14a),
        ] as [(Int, UInt64, UInt64)])
    func theReferenceBufferHasItsPublishedHashes(length: Int, seed: UInt64, expected: UInt64) {
        var state: UInt64 = 2_654_435_761
        let buffer = (0..<length).map { _ in
            let byte = UInt8(state >> 56)
            state &*= 11_400_714_785_074_694_797
            return byte
        }
        #expect(XXH64.hash(buffer, seed: seed) == expected)
    }

    @Test func everyBitOfAPanelCounts() {
        var bytes = [UInt8](repeating: 0x5a, count: 77)
        var seen: Set<UInt64> = [XXH64.hash(bytes)]
        for bit in 0..<bytes.count * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8)
            #expect(seen.insert(XXH64.hash(bytes)).inserted)
            bytes[bit / 8] ^= 1 << (bit % 8)
        }
    }

    @Test func theHashDoesNotDependOnAlignment() {
        let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 * 7) }
        for offset in 0..<8 {
            let shifted = [UInt8](repeating: 0, count: offset) + bytes
            let hash = unsafe shifted.withUnsafeBytes {
                unsafe XXH64.hash(UnsafeRawBufferPointer(rebasing: $0[offset...]))
            }
            #expect(hash == XXH64.hash(bytes))
        }
    }
}
