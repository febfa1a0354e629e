//! Makes the way to a server longer: what is sent arrives half of the delay later, in order, in both directions.
//!
//! `delay-proxy <host:port>` listens on a loopback port of its own, which it prints. A line on standard input is the
//! delay of a round trip in microseconds from then on; the program ends with its input. It is not JavaScript, because
//! Node's timers count whole milliseconds, and it takes one thread per end of a connection, which then only sleeps.

use std::io::{Read, Result, Write, stdin};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

static ONE_WAY_NS: AtomicU64 = AtomicU64::new(0);

fn main() -> Result<()> {
    let server = env::args().nth(1).expect("usage: delay-proxy <host:port>");
    // A sleeping thread of Linux is woken up to 50 µs late to save power; threads inherit this. Elsewhere there is no such file.
    let _ = fs::write("/proc/self/timerslack_ns", "1");
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            if let Err(error) = link(&near, &server) {
                eprintln!("no connection to {server}: {error}");
                let _ = near.shutdown(Shutdown::Both);
            }
        }
    });
    for line in stdin().lines() {
        let round_trip_us: u64 = line?.parse().expect("a number of microseconds");
        ONE_WAY_NS.store(round_trip_us * 500, Ordering::Relaxed);
        println!("{round_trip_us}");
    }
    Ok(())
}

fn link(near: &TcpStream, server: &str) -> Result<()> {
    let far = TcpStream::connect(server)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    lane(near.try_clone()?, far.try_clone()?);
    lane(far, near.try_clone()?);
    Ok(())
}

/// One direction: one thread reads, another waits and writes, so that waiting never holds up reading.
fn lane(mut from: TcpStream, mut to: TcpStream) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let due = Instant::now() + Duration::from_nanos(ONE_WAY_NS.load(Ordering::Relaxed));
            if sender.send((due, buffer[..read].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
