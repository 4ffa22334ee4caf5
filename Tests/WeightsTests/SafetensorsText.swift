/// A `.safetensors` file put together by hand, so that every part of it can be wrong.
struct SafetensorsText {
    var header: String
    var data: [UInt8]
    /// What the first eight bytes say; nil for the truth.
    var statedLength: UInt64?

    init(header: String, data: [UInt8], statedLength: UInt64? = nil) {
        self.header = header
        self.data = data
        self.statedLength = statedLength
    }

    /// A sound file of the given tensors, one after the other.
    init(_ tensors: [(name: String, type: String, shape: [Int], bytes: [UInt8])]) {
        var (entries, data) = ([String](), [UInt8]())
        for tensor in tensors {
            let end = data.count + tensor.bytes.count
            entries.append(
                "\"\(tensor.name)\":{\"dtype\":\"\(tensor.type)\",\"shape\":\(tensor.shape),"
                    + "\"data_offsets\":[\(data.count),\(end)]}")
            data += tensor.bytes
        }
        self.init(header: "{\"__metadata__\":{\"format\":\"pt\"},\(entries.joined(separator: ","))}", data: data)
    }

    var bytes: [UInt8] {
        let length = statedLength ?? UInt64(header.utf8.count)
        return (0..<8).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) } + Array(header.utf8) + data
    }
}
