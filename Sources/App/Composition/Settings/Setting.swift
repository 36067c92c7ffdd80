/// Every setting there is. One name serves the environment and the settings file; a flag, where there is one, comes first.
package enum Setting: String, CaseIterable, Sendable {
    case home = "MILLRACE_HOME"
    case database = "DATABASE_URL"
    case databaseListen = "DATABASE_LISTEN_URL"
    case databasePrepared = "DATABASE_PREPARED"
    case port = "PORT"
    case host = "MILLRACE_HOST"
    case allowedHosts = "MILLRACE_ALLOWED_HOSTS"
    case workers = "MILLRACE_WORKERS"
    case batchSize = "BATCH_SIZE"
    case pollInterval = "POLL_INTERVAL"
    case device = "DEVICE"
    case precision = "MILLRACE_PRECISION"
    case threads = "MILLRACE_THREADS"
    case model = "MILLRACE_MODEL"
    case deps = "MILLRACE_DEPS"
    case models = "MILLRACE_MODELS"
    case workerName = "WORKER_ID"
    case nice = "MILLRACE_NICE"
    case logLevel = "MILLRACE_LOG_LEVEL"
    case alertWebhook = "MILLRACE_ALERT_WEBHOOK"
    case alertSecret = "MILLRACE_ALERT_SECRET"
    case alertQueueAge = "MILLRACE_ALERT_QUEUE_AGE"
    case adminToken = "MILLRACE_ADMIN_TOKEN"
    case adminTokenFile = "MILLRACE_ADMIN_TOKEN_FILE"
    case tlsCertificate = "MILLRACE_TLS_CERT"
    case tlsKey = "MILLRACE_TLS_KEY"
    case allowPlaintext = "MILLRACE_ALLOW_PLAINTEXT"
    case allowOpen = "MILLRACE_ALLOW_OPEN"
    case serverURL = "MILLRACE_URL"
    case serverAuthorities = "MILLRACE_CA"
    case inferenceListen = "MILLRACE_INFERENCE_LISTEN"
    case inferenceAdvertise = "MILLRACE_INFERENCE_ADVERTISE"
    case inferenceToken = "MILLRACE_INFERENCE_TOKEN"
    case inferenceTokenFile = "MILLRACE_INFERENCE_TOKEN_FILE"
    case inferenceCertificate = "MILLRACE_INFERENCE_TLS_CERT"
    case inferenceKey = "MILLRACE_INFERENCE_TLS_KEY"
    case inferenceAuthorities = "MILLRACE_INFERENCE_TLS_CA"

    /// What the setting is for, in a line.
    package var explanation: String {
        switch self {
        case .home: "data folder"
        case .database: "the database that holds your tables and Millrace's: sqlite:///path/to/file or postgres://…"
        case .databaseListen: "PostgreSQL behind a pooler: the server itself, for LISTEN"
        case .databasePrepared: "PostgreSQL: off behind a pooler that keeps no prepared statements"
        case .port: "HTTP port of serve"
        case .host: "address that serve binds; loopback by default"
        case .allowedHosts: "further names by which browsers may call the server, with commas"
        case .workers: "worker processes that serve starts; 0 to run them elsewhere"
        case .batchSize: "rows per claim of a worker, at most"
        case .pollInterval: "seconds between looks where no change was noticed"
        case .device: "auto, cpu or cuda"
        case .precision: "bf16, f32 or int8; the best that the processor has by default"
        case .threads: "threads of the model; all cores by default"
        case .model: "model of a source that names none"
        case .deps: "folder of the inference runtime"
        case .models: "folder of the models"
        case .workerName: "a worker's name"
        case .nice: "how far a worker stands back for other programs, 0 to 19"
        case .logLevel: "trace, debug, info, notice, warning or error"
        case .alertWebhook: "URL that is called on repeated failure, a lost worker, jobs that wait too long"
        case .alertSecret: "key that signs those calls"
        case .alertQueueAge: "seconds that the next job may have waited before that is told"
        case .adminToken: "what every request must show, 16 characters at least"
        case .adminTokenFile: "a file that holds the admin token"
        case .tlsCertificate: "PEM file of the server's certificate and those above it: serve speaks HTTPS"
        case .tlsKey: "PEM file of the certificate's key"
        case .allowPlaintext: "1 lets tokens and texts travel between machines without TLS"
        case .allowOpen: "1 lets other machines in without a token"
        case .serverURL: "address of the server, for commands that ask it"
        case .serverAuthorities: "PEM file of the authorities that vouch for the server, in place of the system's"
        case .inferenceListen: "HOST:PORT on which a worker answers servers elsewhere; a unix socket by default"
        case .inferenceAdvertise: "HOST or HOST:PORT by which servers reach that worker"
        case .inferenceToken: "what server and worker share, 16 characters at least"
        case .inferenceTokenFile: "a file that holds it"
        case .inferenceCertificate: "PEM file of the certificate that a worker or a server shows the other"
        case .inferenceKey: "PEM file of its key"
        case .inferenceAuthorities: "PEM file of the authorities that vouch for the other side"
        }
    }

    /// The value as it may be printed: of a secret nothing, of a database's URL all but the password.
    package func shown(_ value: String) -> String {
        switch self {
        case .alertWebhook, .alertSecret, .adminToken, .inferenceToken: value.isEmpty ? "" : "(hidden)"
        case .database, .databaseListen: Self.withoutPassword(value)
        default: value
        }
    }

    /// `postgres://user:secret@host/database` with the secret, there or among the parameters, as `***`.
    private static func withoutPassword(_ url: String) -> String {
        url.replacing(#/(?<begin>^[a-z]+:\/\/[^@\/:?]*:)[^@\/]*@/#) { "\($0.output.begin)***@" }
            .replacing(#/(?<name>[?&](?:ssl)?password=)[^&]*/#) { "\($0.output.name)***" }
    }
}

/// Where a setting's value came from.
package enum SettingOrigin: Hashable, Sendable, CustomStringConvertible {
    case flag
    case environment
    case file(String)
    case standard

    package var description: String {
        switch self {
        case .flag: "flag"
        case .environment: "environment"
        case .file(let path): path
        case .standard: "default"
        }
    }
}
