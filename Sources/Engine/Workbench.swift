import Compute

/// What every layer of one rank works with: operations on its threads, its activations, and its group.
struct Workbench {
    let operations: Operations
    let buffers: Buffers
    let group: Group
    let clock: PhaseClock
    /// Which experts a chunk chooses.
    let routing: Routing
}
