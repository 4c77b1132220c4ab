//! The published messages, one protobuf package per context.
