@main struct Lockstep { static func main() { print("lockstep") } }
