//! Random state machines, and random commands on one instance that keep hitting the edge cases.

use actonce::model::machine::{
    By, Caller, Command, Edge, Event, Instance, Look, Machine, Send, StateNode, Timer, Token,
};
use proptest::prelude::*;

const NAMES: [&str; 5] = ["requested", "b", "awaiting payment", "zurück", "b b"];

pub fn machines() -> impl Strategy<Value = Machine> {
    let states = 1..=NAMES.len();
    states.prop_flat_map(|count| {
        let edge = || (0..count, 0..count);
        let timer =
            || proptest::option::weighted(0.4, (prop_oneof![Just(1_u64), Just(1_000), Just(90_000)], 1..5_usize));
        (
            0..count,
            proptest::collection::vec((any::<bool>(), timer()), count),
            proptest::collection::vec(proptest::collection::vec(edge(), 0..6), 1..4),
            prop_oneof![Just(1_u64), Just(2), Just(6), Just(50)],
            prop_oneof![Just(20_000_u64), Just(86_400_000)],
        )
            .prop_map(|(initial, nodes, events, history_limit, retention_ms)| {
                machine(initial, &nodes, &events, history_limit, retention_ms)
            })
    })
}

type Node = (bool, Option<(u64, usize)>);

fn machine(
    initial: usize,
    nodes: &[Node],
    events: &[Vec<(usize, usize)>],
    history_limit: u64,
    retention_ms: u64,
) -> Machine {
    let count = nodes.len();
    let states = nodes.iter().enumerate().map(|(index, (is_final, timer))| {
        // Timers lead forwards only, so that they form no circle.
        let after = timer.map(|(ms, step)| Timer { ms, to: index + step }).filter(|timer| timer.to < count);
        let is_final = *is_final && index != initial;
        StateNode { name: NAMES[index].into(), is_final, after: after.filter(|_| !is_final) }
    });
    let states: Vec<_> = states.collect();
    let events = events.iter().enumerate().map(|(index, edges)| {
        let mut sound: Vec<Edge> = Vec::new();
        for &(from, to) in edges {
            if !states[from].is_final && sound.iter().all(|edge| edge.from != from) {
                sound.push(Edge { from, to });
            }
        }
        Event { name: format!("E{index}"), edges: sound }
    });
    let events = events.collect();
    Machine { id: "test".into(), initial, states, events, history_limit, retention_ms }
}

#[derive(Clone, Debug)]
pub struct Step {
    pub elapse: Elapse,
    pub ask: Ask,
}

#[derive(Clone, Debug)]
pub enum Elapse {
    Micros(u64),
    /// To the timer's end, plus this many milliseconds.
    Timer(i64),
    BackMs(u64),
}

/// A command whose parts depend on the instance that it will meet.
#[derive(Clone, Debug)]
pub enum Ask {
    Create {
        token: u8,
        text: u8,
    },
    Send {
        event: usize,
        token: u8,
        data: Option<u8>,
        payload: u8,
        /// Relative to the current version.
        expected: Option<i64>,
        by: Whose,
        create: bool,
    },
    Look(Look),
}

#[derive(Clone, Copy, Debug)]
pub enum Whose {
    Itself,
    Call(u8),
    /// An attempt of a record, with this fence. The record exists for `longer` microseconds more.
    Attempt {
        record: u8,
        fence: u64,
        longer: u64,
        is_first: bool,
    },
}

impl Whose {
    /// Who sends, and whether this is the first attempt of its record.
    fn by(self) -> (By, bool) {
        match self {
            Self::Itself => (By::Itself, false),
            Self::Call(n) => (By::Call(Token([b'0' + n; 11])), false),
            Self::Attempt { record, fence, longer, is_first } => {
                let caller = Caller { record: [b'A' + record; 22], fence };
                (By::Attempt { caller, until: fence + longer }, is_first)
            }
        }
    }
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let elapse = prop_oneof![
        6 => (0..2_000_000_u64).prop_map(Elapse::Micros),
        3 => (-1..=1_i64).prop_map(Elapse::Timer),
        1 => (1..100_000_u64).prop_map(Elapse::BackMs),
        1 => Just(Elapse::Micros(60_000_000)),
    ];
    proptest::collection::vec((elapse, asks()).prop_map(|(elapse, ask)| Step { elapse, ask }), 1..40)
}

fn asks() -> impl Strategy<Value = Ask> {
    let send = (
        0..4_usize,
        0..12_u8,
        proptest::option::of(0..4_u8),
        0..4_u8,
        proptest::option::weighted(0.2, -1..=1_i64),
        whose(),
        any::<bool>(),
    );
    let looks = [Look::Glance, Look::History, Look::Trail, Look::Wait, Look::Drain];
    let looks = proptest::sample::select(looks.to_vec());
    prop_oneof![
        1 => (0..3_u8, 0..4_u8).prop_map(|(token, text)| Ask::Create { token, text }),
        8 => send.prop_map(|(event, token, data, payload, expected, by, create)| {
            Ask::Send { event, token, data, payload, expected, by, create }
        }),
        3 => looks.prop_map(Ask::Look),
    ]
}

fn whose() -> impl Strategy<Value = Whose> {
    let attempt = (0..20_u8, 1..9_u64, 0..6_u64, any::<bool>())
        .prop_map(|(record, fence, longer, is_first)| Whose::Attempt { record, fence, longer, is_first });
    prop_oneof![2 => Just(Whose::Itself), 1 => (0..3_u8).prop_map(Whose::Call), 3 => attempt]
}

/// Texts that can be mistaken for a history, and texts that are hard to quote.
fn text(n: u8) -> Vec<u8> {
    match n {
        0 => Vec::new(),
        1 => format!("\nE2 1 {}\nE1\nb\nb\n0 ", "b".repeat(11)).into_bytes(),
        2 => vec![b'x'; 30_000],
        _ => br#"{"total":"12,50 \u20ac"}"#.to_vec(),
    }
}

const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

fn token(n: u8) -> Token {
    let mut token = [LETTERS[usize::from(n % 64)]; 11];
    token[10] = LETTERS[usize::from((n + n / 64) % 64)];
    Token(token)
}

impl Ask {
    pub fn command(&self, machine: &Machine, instance: Option<&Instance>) -> Command {
        match *self {
            // Creations have tokens of their own, so a creation is never taken for an event.
            Self::Create { token: n, text: data } => Command::Create { token: token(20 + n), data: text(data) },
            Self::Look(purpose) => Command::Look { purpose },
            Self::Send { event, token: n, data, payload, expected, by, create } => {
                let (by, is_first) = by.by();
                Command::Send(Send {
                    token: token(n),
                    by,
                    is_first,
                    event: event % machine.events.len(),
                    data: data.map(text),
                    payload: text(payload),
                    expected_version: expected
                        .map(|more| instance.map_or(0, |instance| instance.version).saturating_add_signed(more)),
                    create,
                })
            }
        }
    }
}
