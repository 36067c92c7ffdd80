import GRPCProtobuf

enum Placeholder {}
