//! The threads of this addon, each with a tokio runtime of its own, started on first use and shared by every client of
//! the process. `io` makes connections and runs the fallback executor. `keeper` only renews leases, so that no traffic
//! can make a renewal late. `seal` compresses and encrypts large payloads. The threads are never joined, because they
//! hold no JavaScript.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle};

/// # Panics
/// When the operating system gives no thread, without which nothing here can work.
fn start(name: &'static str) -> Handle {
    let (send, receive) = std::sync::mpsc::channel();
    #[allow(clippy::print_stderr, reason = "nobody is there to be told otherwise")]
    let body = move || {
        let runtime = Builder::new_current_thread().enable_all().thread_name(name).build();
        match runtime {
            Ok(runtime) => {
                let _ = send.send(runtime.handle().clone());
                runtime.block_on(std::future::pending::<()>());
            }
            Err(error) => eprintln!("actonce: cannot start the {name} runtime: {error}"),
        }
    };
    let spawned = std::thread::Builder::new().name(format!("actonce-{name}")).spawn(body);
    let handle = spawned.ok().and_then(|_| receive.recv().ok());
    #[allow(
        clippy::expect_used,
        reason = "a process without threads cannot keep the promise; the panic becomes a typed error in node/"
    )]
    handle.expect("actonce needs a background thread")
}

pub fn io() -> &'static Handle {
    static IO: OnceLock<Handle> = OnceLock::new();
    IO.get_or_init(|| start("io"))
}

pub fn keeper() -> &'static Handle {
    static KEEPER: OnceLock<Handle> = OnceLock::new();
    KEEPER.get_or_init(|| start("keeper"))
}

pub fn seal() -> &'static Handle {
    static SEAL: OnceLock<Handle> = OnceLock::new();
    SEAL.get_or_init(|| start("seal"))
}
