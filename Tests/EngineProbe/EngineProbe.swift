@main struct EngineProbe { static func main() {} }
