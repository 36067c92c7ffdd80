import Configuration
import FoundationEssentials
package import Logging
import SystemPackage

/// The program's settings, read once at the start: flags before the environment before the file `millrace.env` in the
/// data folder before the defaults.
package struct Settings: Sendable {
    /// A value and where it came from.
    package struct Found: Sendable {
        package let value: String
        package let origin: SettingOrigin
    }

    private let found: [Setting: Found]

    /// Reads the settings.
    ///
    /// - Parameters:
    ///   - flags: values that the command line gave.
    ///   - environment: the process's, unless a test gives another.
    package static func load(
        flags: [Setting: String] = [:], environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws(Failure) -> Settings {
        let variables = EnvironmentVariablesProvider(environmentVariables: environment)
        var providers: [(SettingOrigin, ConfigReader)] = [(.environment, ConfigReader(provider: variables))]
        let home = flags[.home] ?? text(.home, providers)?.value ?? defaultHome()
        let file = home + "/millrace.env"
        do {
            let provider = try await EnvironmentVariablesProvider(
                environmentFilePath: FilePath(file), allowMissing: true)
            providers.append((.file(file), ConfigReader(provider: provider)))
        } catch {
            throw Failure(.config, "the settings file \(file) cannot be read (\(error)): write one NAME=value per line")
        }
        var found: [Setting: Found] = [:]
        for setting in Setting.allCases {
            if let flag = flags[setting] {
                found[setting] = Found(value: flag, origin: .flag)
            } else if let value = text(setting, providers), !value.value.isEmpty {
                found[setting] = value
            }
        }
        let settings = Settings(found: found)
        try settings.check()
        return settings
    }

    private init(found: [Setting: Found]) {
        self.found = found
    }

    private static func text(_ setting: Setting, _ providers: [(SettingOrigin, ConfigReader)]) -> Found? {
        // The reader spells "database.url" as DATABASE_URL.
        let key = ConfigKey(setting.rawValue.lowercased().replacing("_", with: "."))
        for (origin, reader) in providers {
            if let value = reader.string(forKey: key) { return Found(value: value, origin: origin) }
        }
        return nil
    }

    private static func defaultHome() -> String {
        let home = ProcessInfo.processInfo.environment["HOME"] ?? "."
        return home + "/.millrace"
    }

    /// The value of a setting and where it came from, defaults included.
    package func value(_ setting: Setting) -> Found {
        found[setting] ?? Found(value: standard(setting), origin: .standard)
    }

    func standard(_ setting: Setting) -> String {
        switch setting {
        case .home: Self.defaultHome()
        case .database: "sqlite://\(home)/millrace.db"
        case .databaseListen: ""
        case .databasePrepared: "on"
        case .port: "8000"
        case .host: "127.0.0.1"
        case .allowedHosts: ""
        case .workers: "1"
        case .batchSize: "512"
        // SQLite's own mark of change cannot be missed; a notification of PostgreSQL's can.
        case .pollInterval: databaseURL.hasPrefix("postgres") ? "0.4" : "10"
        case .device: "auto"
        case .precision: ""
        case .threads: ""
        case .model: "all-minilm-l6-v2"
        case .deps: home + "/deps"
        case .models: deps + "/models"
        case .workerName: ""
        case .nice: "5"
        case .logLevel: "info"
        case .alertWebhook, .alertSecret, .adminToken, .adminTokenFile, .tlsCertificate, .tlsKey: ""
        case .allowPlaintext, .allowOpen: "0"
        case .serverURL: "http\(text(.tlsCertificate) == nil ? "" : "s")://127.0.0.1:\(port)"
        case .serverAuthorities, .inferenceListen, .inferenceAdvertise, .inferenceToken, .inferenceTokenFile: ""
        case .inferenceCertificate, .inferenceKey, .inferenceAuthorities: ""
        case .alertQueueAge: "600"
        }
    }

    // MARK: Typed

    package var home: String { value(.home).value.absolutePath }
    package var deps: String { value(.deps).value.absolutePath }
    package var models: String { value(.models).value.absolutePath }
    package var databaseURL: String { value(.database).value }
    package var databaseAddress: DatabaseAddress {
        get throws(Failure) { try DatabaseAddress(databaseURL) }
    }
    package var databaseListenURL: String? { text(.databaseListen) }
    package var databasePrepares: Bool { value(.databasePrepared).value == "on" }
    package var host: String { value(.host).value }
    package var model: String { value(.model).value }
    package var port: Int { whole(.port) }
    package var workers: Int { whole(.workers) }
    package var batchSize: Int { whole(.batchSize) }
    package var nice: Int { whole(.nice) }
    package var threads: Int? { value(.threads).value.isEmpty ? nil : whole(.threads) }
    package var pollSeconds: Double { Double(value(.pollInterval).value) ?? 10 }
    package var logLevel: Logger.Level { Logger.Level(rawValue: value(.logLevel).value.lowercased()) ?? .info }
    package var alertWebhook: String? { text(.alertWebhook) }
    package var alertSecret: String? { text(.alertSecret) }
    package var alertQueueAge: Duration { .seconds(whole(.alertQueueAge)) }
    package var workerName: String? { text(.workerName) }
    package var allowedHosts: [String] {
        value(.allowedHosts).value.split(separator: ",").map { $0.filter { $0 != " " } }
    }

    /// The value, nil where it is empty.
    func text(_ setting: Setting) -> String? {
        let text = value(setting).value
        return text.isEmpty ? nil : text
    }

    private func whole(_ setting: Setting) -> Int {
        Int(value(setting).value) ?? 0
    }

    private func check() throws(Failure) {
        let ranges: [(Setting, ClosedRange<Int>)] = [
            (.port, 0...65535), (.workers, 0...64), (.batchSize, 1...10000), (.nice, 0...19),
            (.alertQueueAge, 1...31_536_000),
        ]
        if let url = alertWebhook, !url.hasPrefix("http://"), !url.hasPrefix("https://") {
            throw Failure(.config, "MILLRACE_ALERT_WEBHOOK is not an http:// or https:// URL: correct it")
        }
        for (setting, range) in ranges { try checkWhole(setting, range) }
        if !value(.threads).value.isEmpty { try checkWhole(.threads, 1...1024) }
        guard let seconds = Double(value(.pollInterval).value), (0.01...3600).contains(seconds) else {
            throw bad(.pollInterval, "a number of seconds from 0.01 to 3600")
        }
        guard Logger.Level(rawValue: value(.logLevel).value.lowercased()) != nil else {
            throw bad(.logLevel, "one of trace, debug, info, notice, warning, error")
        }
        for setting in [Setting.allowPlaintext, .allowOpen] where !["0", "1"].contains(value(setting).value) {
            throw bad(setting, "0 or 1")
        }
        guard ["on", "off"].contains(value(.databasePrepared).value) else { throw bad(.databasePrepared, "on or off") }
        guard ["auto", "cpu", "cuda"].contains(value(.device).value) else { throw bad(.device, "auto, cpu or cuda") }
        guard ["", "bf16", "f32", "int8"].contains(value(.precision).value) else {
            throw bad(.precision, "bf16, f32 or int8")
        }
    }

    private func checkWhole(_ setting: Setting, _ range: ClosedRange<Int>) throws(Failure) {
        guard let number = Int(value(setting).value), range.contains(number) else {
            throw bad(setting, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func bad(_ setting: Setting, _ wanted: String) -> Failure {
        let found = value(setting)
        return Failure(.config, "\(setting.rawValue) is \"\(found.value)\" (from \(found.origin)): give \(wanted)")
    }
}

extension String {
    /// The path made absolute against the working folder.
    var absolutePath: String {
        hasPrefix("/") ? self : FileManager.default.currentDirectoryPath + "/" + self
    }
}
