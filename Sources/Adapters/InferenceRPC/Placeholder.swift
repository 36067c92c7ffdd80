import GRPCNIOTransportHTTP2Posix

enum Placeholder {}
