#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Zeroed memory straight from the kernel: nothing is used until it is touched, and freeing gives it back at once.
///
/// `malloc` does neither for blocks of this size once a few have been freed: it raises its threshold and keeps them.
struct PageMemory {
    let base: UnsafeMutableRawPointer
    let byteCount: Int

    static let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
    private static let hugePageBytes = 2 << 20

    /// - Parameter prefersHugePages: a scan over huge pages is faster by the page-table misses it saves, but the first
    ///   byte touched costs 2 MiB.
    init(byteCount wanted: Int, prefersHugePages: Bool) {
        byteCount = (wanted + Self.pageBytes - 1) / Self.pageBytes * Self.pageBytes
        let aligned = prefersHugePages && byteCount >= Self.hugePageBytes
        let slack = aligned ? Self.hugePageBytes : 0
        guard
            let mapped = mmap(
                nil, byteCount + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            Int(bitPattern: mapped) != -1
        else { preconditionFailure("The machine has no \(byteCount) bytes left for an index block.") }
        guard aligned else {
            base = mapped
            return
        }
        let lead = -Int(bitPattern: mapped) & (Self.hugePageBytes - 1)
        base = mapped + lead
        if lead > 0 { munmap(mapped, lead) }
        if slack > lead { munmap(base + byteCount, slack - lead) }
        #if os(Linux)
        // MADV_HUGEPAGE. Only advice: where huge pages are switched off the block works all the same.
        _ = madvise(base, byteCount, 14)
        #endif
    }

    func unmap() {
        munmap(base, byteCount)
    }
}
