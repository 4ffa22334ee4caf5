/// Writes Unicode scalars as UTF-8 and as strings.
enum UTF8Writer {
    static func bytes(_ scalars: ArraySlice<UInt32>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(2 * scalars.count)
        for scalar in scalars {
            if scalar < 0x80 {
                bytes.append(UInt8(scalar))
            } else if let scalar = Unicode.Scalar(scalar), let encoded = UTF8.encode(scalar) {
                bytes.append(contentsOf: encoded)
            }
        }
        return bytes
    }

    static func string(_ scalars: [UInt32]) -> String {
        String(decoding: bytes(scalars[...]), as: UTF8.self)
    }
}
