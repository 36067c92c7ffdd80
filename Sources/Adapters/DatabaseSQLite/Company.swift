import Core
import Foundation
import Glibc

/// Who else has a database open, so that a file is left free where somebody may want it, and not where nobody can.
///
/// SQLite holds a shared lock on one byte of the `-shm` file for as long as a program has a database in WAL mode open, and
/// Millrace's processes hold one on the file of the turn; the kernel lists both, with their processes, in `/proc/locks`.
/// That is the whole list only where processes of every namespace are seen. Used by the writer's thread alone.
struct Company {
    enum Answer: Equatable {
        case nobody
        /// Other processes of Millrace's, and nobody else.
        case ownProcesses
        /// Another program, or it cannot be told.
        case others
    }

    private let sharedMemory: String
    /// The turn's file, which stays open.
    private let turn: Int32

    /// Whether this process is in the first namespace of processes, whose number is the same in every kernel.
    static let seesEveryProcess =
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) == "pid:[4026531836]"

    /// The byte of the `-shm` file that every connection holds (the "deadman switch" of SQLite's file format).
    private static let openByte = 128
    /// The byte of the turn's file that every process of Millrace's holds; behind all that is written there.
    private static let ownByte = 64

    init(of database: String, turn: Int32) {
        sharedMemory = database + "-shm"
        self.turn = turn
        announce()
    }

    /// Marks this process as one of Millrace's. Again before each look, since closing the same file elsewhere in the
    /// process takes the mark away.
    private func announce() {
        var lock = flock()
        lock.l_type = Int16(F_RDLCK)
        lock.l_whence = Int16(SEEK_SET)
        lock.l_start = Self.ownByte
        lock.l_len = 1
        _ = fcntl(turn, F_SETLK, &lock)
    }

    func look() -> Answer {
        guard Self.seesEveryProcess, let memory = FileName(path: sharedMemory), let turn = FileName(descriptor: turn)
        else {
            return .others
        }
        announce()
        guard let list = try? String(contentsOfFile: "/proc/locks", encoding: .utf8) else { return .others }
        return Self.answer(list, memory: memory, turn: turn, process: getpid())
    }

    /// - Parameter list: what `/proc/locks` says.
    static func answer(_ list: String, memory: FileName, turn: FileName, process: Int32) -> Answer {
        let locks = list.split(separator: "\n").compactMap { HeldLock($0) }
        let open = Set(locks.filter { $0.file == memory && $0.bytes.contains(openByte) }.map(\.process))
        let own = Set(locks.filter { $0.file == turn && $0.bytes.contains(ownByte) }.map(\.process))
        // Who does not find itself reads the list wrongly: another form, another number for the device.
        guard open.contains(process), own.contains(process), open.isSubset(of: own) else { return .others }
        return own == [process] ? .nobody : .ownProcesses
    }
}

/// A file as the kernel's list of locks names it: device and inode.
struct FileName: Equatable {
    let text: String

    init(text: String) {
        self.text = text
    }

    init?(path: String) {
        var attributes = stat()
        guard stat(path, &attributes) == 0 else { return nil }
        self.init(attributes)
    }

    init?(descriptor: Int32) {
        var attributes = stat()
        guard fstat(descriptor, &attributes) == 0 else { return nil }
        self.init(attributes)
    }

    private init(_ attributes: stat) {
        let device = UInt64(attributes.st_dev)
        let major = (device >> 8) & 0xfff | (device >> 32) & ~0xfff
        let minor = device & 0xff | (device >> 12) & ~0xff
        func hexadecimal(_ number: UInt64) -> String {
            let text = String(number, radix: 16)
            return text.count < 2 ? "0" + text : text
        }
        text = "\(hexadecimal(major)):\(hexadecimal(minor)):\(attributes.st_ino)"
    }
}

/// A line of `/proc/locks`: `7: POSIX  ADVISORY  READ 812 fe:00:1234 128 128`.
private struct HeldLock {
    let process: Int32
    let file: FileName
    let bytes: ClosedRange<Int>

    init?(_ line: Substring) {
        let words = line.split(separator: " ")
        // Who waits for a lock has an arrow in front and one word more.
        guard words.count == 8, words[1] == "POSIX", let process = Int32(words[4]), let first = Int(words[6]),
            let last = words[7] == "EOF" ? Int.max : Int(words[7]), first <= last
        else { return nil }
        self.process = process
        file = FileName(text: String(words[5]))
        bytes = first...last
    }
}
