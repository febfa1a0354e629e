use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::link::Link;

/// A private server on a unix socket in a directory of its own. Dropping this value ends both.
pub struct Server {
    child: Child,
    directory: PathBuf,
}

impl Server {
    /// Starts `$REDIS_BIN`, or `redis-server`. A machine without one fails the test, because skipping would hide that.
    pub fn start() -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("actonce-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let binary = std::env::var("REDIS_BIN").unwrap_or_else(|_| "redis-server".into());
        let child = Command::new(&binary)
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(directory.join("socket"))
            .arg("--dir")
            .arg(&directory)
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{binary} is needed for this test (or set REDIS_BIN): {error}"));
        let server = Self { child, directory };
        let deadline = Instant::now() + Duration::from_secs(10);
        while Link::open(&server.socket()).is_err() {
            assert!(Instant::now() < deadline, "{binary} did not open its socket");
            sleep(Duration::from_millis(5));
        }
        server
    }

    pub fn connect(&self) -> Link {
        Link::open(&self.socket()).unwrap()
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("socket")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The child is ours, so its pid cannot have become somebody else's.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
