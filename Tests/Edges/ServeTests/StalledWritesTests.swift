import NIOCore
import NIOEmbedded
import Testing

@testable import Serve

/// On a channel whose time is moved by hand. What is written there counts as taken when it is flushed.
@Suite struct StalledWritesTests {
    private func open() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(handler: StalledWrites(patience: .seconds(60)))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    @Test func `a connection whose peer takes nothing is closed`() throws {
        let channel = try open()
        channel.write(ByteBuffer(string: "never read"), promise: nil)
        channel.embeddedEventLoop.advanceTime(by: .seconds(59))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }

    @Test func `a connection whose peer takes something now and then stays`() throws {
        let channel = try open()
        for _ in 0..<5 {
            channel.write(ByteBuffer(string: "read late"), promise: nil)
            channel.embeddedEventLoop.advanceTime(by: .seconds(45))
            channel.flush()
        }
        #expect(channel.isActive)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    @Test func `a connection with nothing to write stays`() throws {
        let channel = try open()
        channel.writeAndFlush(ByteBuffer(string: "read"), promise: nil)
        channel.embeddedEventLoop.advanceTime(by: .hours(1))
        #expect(channel.isActive)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }
}
