//! The bytes that call the scripts of state machines, and what their replies mean. The words of a reply are the
//! `snake_case` names of [`Outcome`]'s variants; the fields come in the variant's order.

use super::resp::{Malformed, Resp, TimeSource, decimal, unreadable};
use super::{DUE, TRANSITION};
use crate::model::machine::{Command, History, Look, Machine, Outcome, Send, Snapshot, StateNode};

/// A machine, with what its commands tell the script about it.
#[derive(Debug)]
pub struct Prepared {
    pub machine: Machine,
    /// The states that are final or have a timer.
    states: Vec<u8>,
    /// All states, for a drain, which must recognise a state that this machine does not have.
    all_states: Vec<u8>,
    /// For each event, its edges.
    edges: Vec<Vec<u8>>,
}

/// The keys of one instance.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    pub instance: &'a [u8],
    /// The running timers of its machine, in its partition.
    pub due_set: &'a [u8],
    pub member: &'a [u8],
}

impl Prepared {
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        let name = |index: usize| &machine.states[index].name;
        let line = |state: &StateNode| match state.after {
            Some(timer) => format!("{}\tT{}\t{}", state.name, timer.ms, name(timer.to)),
            None => format!("{}\t{}\t", state.name, if state.is_final { "F" } else { "" }),
        };
        let is_special = |state: &&StateNode| state.is_final || state.after.is_some();
        let states = table(machine.states.iter().filter(is_special).map(line));
        let all_states = table(machine.states.iter().map(line));
        let edges = machine
            .events
            .iter()
            .map(|event| table(event.edges.iter().map(|edge| format!("{}\t{}", name(edge.from), name(edge.to)))));
        let edges = edges.collect();
        Self { machine, states, all_states, edges }
    }
}

fn table(lines: impl Iterator<Item = String>) -> Vec<u8> {
    let mut text = String::from("\n");
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text.into_bytes()
}

/// Appends the `EVALSHA` of `command`.
pub fn pack(command: &Command, of: &Prepared, keys: Keys<'_>, clock: TimeSource, out: &mut Vec<u8>) {
    let initial = of.machine.states[of.machine.initial].name.as_bytes();
    let request = match command {
        Command::Create { token, data } => start(out, b"create", of, keys, 3).arg(initial).arg(&token.0).arg(data),
        Command::Send(send) => {
            let request = start(out, b"send", of, keys, 9).arg(if send.create { initial } else { b"" });
            pack_send(request, send, of)
        }
        Command::Look { purpose } => start(out, word(*purpose), of, keys, 1).arg(b""),
    };
    request.clock(clock);
}

/// Writes what all commands have in common; `more` arguments and the clock follow.
fn start<'a>(out: &'a mut Vec<u8>, command: &[u8], of: &Prepared, keys: Keys<'_>, more: u64) -> Resp<'a> {
    Resp::start(out, 11 + more)
        .arg(b"EVALSHA")
        .arg(TRANSITION.sha1.as_bytes())
        .arg(b"2")
        .arg(keys.instance)
        .arg(keys.due_set)
        .arg(command)
        .arg(keys.member)
        .arg(if command == b"drain" { &of.all_states } else { &of.states })
        .number(of.machine.history_limit)
        .number(of.machine.retention_ms)
}

fn pack_send<'a>(request: Resp<'a>, send: &Send, of: &Prepared) -> Resp<'a> {
    let request = request.arg(&send.token.0);
    let (mark, data) = send.data.as_ref().map_or((b"=", &[][..]), |data| (b"<", data));
    let request = request.arg(data).arg(of.machine.events[send.event].name.as_bytes()).arg(&of.edges[send.event]);
    let request = match send.expected_version {
        None => request.arg(b""),
        Some(version) => request.number(version),
    };
    let mut by = Vec::new();
    send.by.name(&mut by);
    if send.is_first && send.caller().is_some() {
        by.push(b'1');
    }
    request.arg(&by).arg(&send.payload).arg(mark)
}

fn word(purpose: Look) -> &'static [u8] {
    match purpose {
        Look::Glance => b"glance",
        Look::History => b"history",
        Look::Trail => b"trail",
        Look::Wait => b"wait",
        Look::Drain => b"drain",
    }
}

/// Appends the `EVALSHA` that asks for members of `due_set`.
pub fn pack_due(due_set: &[u8], (skipped, limit): (u64, u64), clock: TimeSource, out: &mut Vec<u8>) {
    let request = Resp::start(out, 7).arg(b"EVALSHA").arg(DUE.sha1.as_bytes()).arg(b"1").arg(due_set);
    request.number(limit).number(skipped).clock(clock);
}

/// A reply is an array of strings, or the bare string `absent`, which is passed as `reply` with one element.
///
/// # Errors
/// The reply is none of the script's outcomes.
pub fn parse<B: AsRef<[u8]>>(reply: &[B]) -> Result<Outcome, Malformed> {
    let (name, fields) = reply.split_first().ok_or(Malformed)?;
    let field = |at: usize| fields.get(at).map(AsRef::as_ref);
    let number = |at: usize| decimal(field(at)?);
    let text = |at: usize| String::from_utf8(field(at)?.to_vec()).ok();
    // Five fields from `at` on.
    let snapshot = |at: usize| {
        let left_ms = match field(at + 3)? {
            b"" => None,
            left => Some(decimal(left)?),
        };
        let data = field(at + 4)?.to_vec();
        Some(Snapshot { state: text(at)?, version: number(at + 1)?, entered_ms: number(at + 2)?, left_ms, data })
    };
    let outcome = || {
        Some(match (name.as_ref(), fields.len()) {
            (b"moved", 6) => Outcome::Moved { from: text(0)?, to: snapshot(1)? },
            (b"replayed", 6) => Outcome::Replayed { from: text(0)?, to: snapshot(1)? },
            (b"instance", 7..) => {
                let (at, fired, created) = (snapshot(0)?, number(5)?, number(6)? == 1);
                let history = History::decode(&fields[7..])?.into_entries();
                Outcome::Instance { at, fired, created, history }
            }
            (b"illegal", 2) => Outcome::Illegal { state: text(0)?, version: number(1)? },
            (b"conflict", 2) => Outcome::Conflict { state: text(0)?, version: number(1)? },
            (b"stale", 1) => Outcome::Stale { fence: number(0)? },
            (b"mismatch", 1) => Outcome::Mismatch { event: text(0)? },
            (b"absent", 0) => Outcome::Absent,
            (b"unreadable", 1) => Outcome::Unreadable(unreadable(field(0)?)?),
            _ => return None,
        })
    };
    outcome().ok_or(Malformed)
}
