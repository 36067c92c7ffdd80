import NIOCore

/// Closes a connection whose peer reads nothing for a while: a response that is never read would hold its memory and
/// its task for as long as the peer likes.
final class StalledWrites: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = Any
    typealias OutboundOut = Any

    private let patience: TimeAmount
    /// Writes not yet taken by the system's socket buffer.
    private var outstanding = 0
    /// Writes taken so far, to see whether there was progress between two looks.
    private var taken = 0
    private var look: Scheduled<Void>?

    init(patience: TimeAmount) {
        self.patience = patience
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        look?.cancel()
        look = nil
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        outstanding += 1
        let promise = promise ?? context.eventLoop.makePromise(of: Void.self)
        // Futures of this channel complete on its own loop, where this handler lives.
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        promise.futureResult.whenComplete { _ in
            handler.value.outstanding -= 1
            handler.value.taken += 1
        }
        context.write(data, promise: promise)
        watch(context)
    }

    private func watch(_ context: ChannelHandlerContext) {
        guard look == nil else { return }
        let before = taken
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        look = context.eventLoop.scheduleTask(in: patience) {
            let (handler, context) = bound.value
            handler.look = nil
            guard handler.outstanding > 0 else { return }
            if handler.taken == before {
                context.close(promise: nil)
            } else {
                handler.watch(context)
            }
        }
    }
}
