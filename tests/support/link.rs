use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    Nil,
    Integer(i64),
    Text(Vec<u8>),
    Array(Vec<Reply>),
    Error(String),
}

impl Reply {
    pub fn integer(&self) -> i64 {
        let Self::Integer(number) = self else { panic!("{self:?} is no number") };
        *number
    }
}

/// A connection that speaks RESP3, so that published messages arrive between its replies.
pub struct Link {
    stream: BufReader<UnixStream>,
    /// Channel and message of everything published on the channels it listens to.
    pub heard: Vec<(Vec<u8>, Vec<u8>)>,
    pub version: (u32, u32),
}

impl Link {
    pub fn open(socket: &Path) -> io::Result<Self> {
        let stream = BufReader::new(UnixStream::connect(socket)?);
        let mut link = Self { stream, heard: Vec::new(), version: (0, 0) };
        let Reply::Array(greeting) = link.call(&[b"HELLO", b"3"]) else {
            return Err(io::Error::other("still loading"));
        };
        let field = |name: &[u8]| greeting.iter().position(|part| *part == Reply::Text(name.to_vec()));
        if let Some(Reply::Text(version)) = field(b"version").and_then(|at| greeting.get(at + 1)) {
            let mut parts = std::str::from_utf8(version).unwrap().split('.').map(|part| part.parse().unwrap());
            link.version = (parts.next().unwrap(), parts.next().unwrap());
        }
        Ok(link)
    }

    pub fn send(&mut self, request: &[u8]) {
        self.stream.get_mut().write_all(request).unwrap();
    }

    pub fn call(&mut self, parts: &[&[u8]]) -> Reply {
        let mut request = Vec::new();
        pack(parts, &mut request);
        self.send(&request);
        self.read()
    }

    /// The next reply. Messages that come before it are put aside.
    pub fn read(&mut self) -> Reply {
        loop {
            let line = self.line();
            let (kind, rest) = line.split_at(1);
            let count = || rest.parse::<i64>().unwrap();
            return match kind {
                "_" => Reply::Nil,
                "+" => Reply::Text(rest.into()),
                "-" => Reply::Error(rest.into()),
                ":" => Reply::Integer(count()),
                "$" if count() < 0 => Reply::Nil,
                "$" => Reply::Text(self.bulk(usize::try_from(count()).unwrap())),
                // A verbatim text begins with its kind, `txt:`.
                "=" => Reply::Text(self.bulk(usize::try_from(count()).unwrap()).split_off(4)),
                "*" => Reply::Array((0..count()).map(|_| self.read()).collect()),
                "%" => Reply::Array((0..2 * count()).map(|_| self.read()).collect()),
                ">" => {
                    let push: Vec<_> = (0..count()).map(|_| self.read()).collect();
                    if let [Reply::Text(what), Reply::Text(channel), Reply::Text(message)] = push.as_slice()
                        && what == b"message"
                    {
                        self.heard.push((channel.clone(), message.clone()));
                    }
                    continue;
                }
                _ => panic!("{line:?} is not a RESP3 reply"),
            };
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn bulk(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes.truncate(length);
        bytes
    }
}

pub fn pack(parts: &[&[u8]], out: &mut Vec<u8>) {
    write!(out, "*{}\r\n", parts.len()).unwrap();
    for part in parts {
        write!(out, "${}\r\n", part.len()).unwrap();
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
}
