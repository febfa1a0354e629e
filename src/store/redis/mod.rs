//! Redis and whatever speaks like it. `engine` is the protocol without I/O, `connect` makes connections on a
//! background thread, `wire` joins the two, `task` turns a wire on a tokio thread (`uv/` turns one on Node's loop).

mod backoff;
mod bounds;
pub mod connect;
pub mod engine;
pub mod inbox;
pub mod reply;
pub mod request;
pub mod stream;
pub mod target;
pub mod task;
pub mod wire;
