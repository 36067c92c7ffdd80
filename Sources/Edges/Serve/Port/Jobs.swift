/// The states in which a job can be listed. A finished job is gone.
package enum JobState: String, Codable, Sendable, CaseIterable {
    case available, running, scheduled, held, dead
}

/// Which jobs to list: `GET /api/jobs`.
package struct JobsQuery: Sendable, Equatable {
    package var state: JobState
    package var collection: String?
    /// 1 … 500.
    package var limit: Int
    /// ``JobsPage/nextCursor`` of the page before; its content is the backend's own affair.
    package var cursor: String?

    package init(state: JobState, collection: String? = nil, limit: Int = 50, cursor: String? = nil) {
        self.state = state
        self.collection = collection
        self.limit = limit
        self.cursor = cursor
    }
}

/// One job in a list.
package struct JobSummary: Encodable, Sendable, Equatable {
    package var id: Int64
    package var collection: String
    /// The item's key as text.
    package var key: String
    package var state: JobState
    package var attempt: Int
    /// A stable word for why it failed last; absent if it never did.
    package var reason: String?
    /// The last failure in words.
    package var error: String?
    /// ISO 8601: when it was scheduled, began, may begin, or died, according to the state.
    package var since: String

    package init(
        id: Int64, collection: String, key: String, state: JobState, attempt: Int, reason: String? = nil,
        error: String? = nil, since: String
    ) {
        self.id = id
        self.collection = collection
        self.key = key
        self.state = state
        self.attempt = attempt
        self.reason = reason
        self.error = error
        self.since = since
    }
}

/// A page of jobs.
package struct JobsPage: Encodable, Sendable, Equatable {
    package var jobs: [JobSummary]
    /// Continues after the last job; absent on the last page.
    package var nextCursor: String?

    package init(jobs: [JobSummary], nextCursor: String? = nil) {
        self.jobs = jobs
        self.nextCursor = nextCursor
    }
}

/// Which dead and held jobs to try again; all of them where nothing is named. Every part given must match.
package struct RetrySelection: Decodable, Sendable, Equatable {
    package var collection: String?
    package var reason: String?
    package var key: String?

    package init(collection: String? = nil, reason: String? = nil, key: String? = nil) {
        self.collection = collection
        self.reason = reason
        self.key = key
    }
}
