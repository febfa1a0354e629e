//! The servers behind one client, each with a [`Wire`]: one server, or the nodes of a cluster. The fleet sends every
//! request to the node that has its key, follows redirections, and asks again which node has which slots when one is
//! gone. A request under way moves with its key. The node that takes over recognises it, like any repeated request.

mod alone;

use std::sync::Arc;

use alone::Refused;

use super::connect::Connected;
use super::pending::{FleetNews, Pending, Route};
use super::slots::{Range, SLOTS, slot};
use super::target::Servers;
use super::wire::Wire;
use crate::clock::{MILLI, Micros};
use crate::error::StoreError;
use crate::store::Store;
use crate::store::ask::{Answer, Event, Request};

const READ_SIZE: usize = 64 * 1024;

/// The time between two looks at which node has which slots.
const LOOK_AGAIN: Micros = 250 * MILLI;
/// The same after a node redirected a request, because others will do so too.
const LOOK_SOON: Micros = 20 * MILLI;

/// Nodes that redirect a request to each other do not agree yet. After this many hops it waits a little.
const PATIENT_HOPS: u8 = 5;

pub struct Fleet {
    wires: Vec<Wire>,
    command_timeout: Micros,
    map: Option<Map>,
    refused: Option<Refused>,
    buffer: Box<[u8]>,
}

/// What is known of a cluster.
struct Map {
    /// For every slot, the wire to its primary.
    owners: Box<[u16]>,
    look_at: Micros,
    looked_at: Micros,
    is_looking: bool,
    /// Which node to ask next.
    turn: usize,
}

impl Fleet {
    #[must_use]
    pub fn new(servers: &Servers, command_timeout: Micros) -> Self {
        let wires = servers.targets.iter().map(|target| Wire::new(Arc::clone(target), command_timeout)).collect();
        let map = servers.is_cluster.then(|| Map {
            owners: vec![0; SLOTS].into_boxed_slice(),
            look_at: 0,
            looked_at: 0,
            is_looking: false,
            turn: 0,
        });
        Self { wires, command_timeout, map, refused: None, buffer: vec![0; READ_SIZE].into_boxed_slice() }
    }

    fn home_of(&self, key: &str) -> usize {
        self.map.as_ref().map_or(0, |map| usize::from(map.owners[slot(key)]))
    }

    fn home(&mut self, key: &str) -> &mut Wire {
        let index = self.home_of(key);
        &mut self.wires[index]
    }

    fn follow(&mut self, from: usize, news: FleetNews, now: Micros) {
        match news {
            FleetNews::Moved { pending, .. } if self.map.is_none() => {
                let why = "the server is a node of a cluster: give its address as redis+cluster://";
                let why = StoreError::Refused(why.into());
                let engine = &mut self.wires[from].engine;
                if pending.outlives_final_errors() {
                    engine.wait_out(*pending, why, now);
                } else {
                    let failed = pending.fail(why);
                    engine.events().push(failed);
                }
            }
            FleetNews::Moved { pending, slot, address, once } => {
                self.send_on(from, *pending, slot, &address, once, now);
            }
            FleetNews::Slots(ranges) => self.learn(from, ranges, now),
            FleetNews::Alone(pending) => self.send_alone(from, *pending, now),
        }
    }

    /// The wire to a node that another one named.
    fn wire_to(&mut self, address: &str, named_by: usize) -> Option<usize> {
        let target = self.wires[named_by].target.sibling(address)?;
        let name = target.name();
        let known = self.wires.iter().position(|wire| wire.target.name() == name);
        Some(known.unwrap_or_else(|| {
            self.wires.push(Wire::new(Arc::new(target), self.command_timeout));
            self.wires.len() - 1
        }))
    }

    fn send_on(&mut self, from: usize, mut pending: Pending, slot: u16, address: &str, once: bool, now: Micros) {
        let hops = pending.route.hops.saturating_add(1);
        let Some(to) = self.wire_to(address, from) else {
            let why = StoreError::Protocol(format!("a node redirected a request to '{address}'"));
            return self.wires[from].engine.postpone(pending, why, now);
        };
        pending.route = Route { asking: once, hops };
        if let Some(map) = self.map.as_mut().filter(|_| !once) {
            map.owners[usize::from(slot)] = index_of(to);
            map.look_at = map.look_at.min(now + LOOK_SOON).max(map.looked_at + LOOK_SOON);
        }
        let engine = &mut self.wires[to].engine;
        if hops.is_multiple_of(PATIENT_HOPS) {
            let why = StoreError::Unavailable("the nodes of the cluster redirect a request in circles".into());
            engine.postpone(pending, why, now);
        } else {
            engine.take_over(pending, now);
        }
    }

    fn learn(&mut self, from: usize, ranges: Option<Vec<Range>>, now: Micros) {
        let told = ranges.filter(|ranges| !ranges.is_empty());
        for range in told.iter().flatten() {
            if let Some(owner) = self.wire_to(&range.address, from)
                && let Some(map) = &mut self.map
            {
                map.owners[range.first..=range.last].fill(index_of(owner));
            }
        }
        if let Some(map) = &mut self.map {
            map.is_looking = false;
            map.looked_at = now;
            // A node that does not tell is not asked again at once; the next node is.
            map.look_at = if told.is_some() { Micros::MAX } else { now + LOOK_SOON };
            map.turn = map.turn.wrapping_add(1);
        }
        if told.is_some() {
            self.move_house(now);
        }
    }

    /// Hands requests that wait for a lost node to the node that has their keys now.
    fn move_house(&mut self, now: Micros) {
        let Some(map) = &self.map else { return };
        let mut moving = Vec::new();
        for (index, wire) in self.wires.iter_mut().enumerate().filter(|(_, wire)| !wire.engine.is_up()) {
            let node = wire.beside.unwrap_or(index);
            moving.push(wire.engine.surrender(|key| usize::from(map.owners[slot(key)]) != node));
        }
        for (requests, channels) in moving {
            for mut pending in requests {
                pending.route = Route::default();
                self.home(&pending.request.key).engine.take_over(pending, now);
            }
            for channel in channels {
                self.listen(&channel, now);
            }
        }
    }

    /// When it is time, asks a node which node has which slots.
    fn look_around(&mut self, now: Micros) {
        let Some(map) = &mut self.map else { return };
        if map.is_looking {
            return;
        }
        // Somebody depends on a node that is not there. Another node may have taken over.
        if self.wires.iter().any(|wire| !wire.engine.is_up() && wire.engine.is_needed()) {
            map.look_at = map.look_at.min(map.looked_at + LOOK_AGAIN);
        }
        if map.look_at > now {
            return;
        }
        // A connected node, else the one that will try to connect first. Nodes take turns, as one may be cut off.
        let count = self.wires.len();
        let index = (0..count)
            .map(|offset| (map.turn + offset) % count)
            .filter(|&index| self.wires[index].beside.is_none())
            .min_by_key(|&index| self.wires[index].engine.up_at());
        let index = index.unwrap_or(0);
        map.is_looking = true;
        self.wires[index].engine.ask_slots(now);
    }
}

impl Store for Fleet {
    fn submit(&mut self, request: Request, now: Micros) -> Option<Answer> {
        let home = self.home_of(&request.key);
        if self.is_risky(&request, now) {
            self.send_alone(home, Pending::new(request), now);
        } else {
            self.wires[home].engine.submit(request, now);
        }
        None
    }

    fn forget(&mut self, id: u64) -> bool {
        self.wires.iter_mut().any(|wire| wire.engine.forget(id))
    }

    fn listen(&mut self, key: &str, now: Micros) -> bool {
        // Every node hears of the change, so a node that is listening already is as good as another.
        if !self.wires.iter().any(|wire| wire.engine.knows(key)) {
            self.home(key).engine.subscribe(key, now);
        }
        false
    }

    fn stop_listening(&mut self, key: &str, now: Micros) {
        for wire in &mut self.wires {
            wire.engine.unsubscribe(key, now);
        }
    }

    fn hears_of(&self, key: &str) -> bool {
        self.wires.iter().any(|wire| wire.engine.can_listen(key))
    }

    /// What has happened, but for what concerns the fleet: that is dealt with here.
    fn take_events(&mut self, now: Micros) -> Vec<Event> {
        let mut index = 0;
        // Whoever follows news may add a wire, and make news on a later one.
        while index < self.wires.len() {
            let news = self.wires[index].engine.fleet_news();
            if !news.is_empty() {
                for news in std::mem::take(news) {
                    self.follow(index, news, now);
                }
            }
            index += 1;
        }
        self.look_around(now);
        let mut events = std::mem::take(self.wires[0].engine.events());
        if self.wires.len() > 1 {
            for wire in &mut self.wires[1..] {
                events.append(wire.engine.events());
            }
            self.end_idle(now);
        }
        events
    }

    fn turn(&mut self, now: Micros) {
        for index in 0..self.wires.len() {
            self.turn_one(index, now);
        }
    }

    fn turn_one(&mut self, connection: usize, now: Micros) {
        let wire = &mut self.wires[connection];
        wire.read(&mut self.buffer, now);
        wire.tick(now);
    }

    fn wake_at(&self) -> Micros {
        let look_at = self.map.as_ref().filter(|map| !map.is_looking).map_or(Micros::MAX, |map| map.look_at);
        self.wires.iter().map(|wire| wire.engine.wake_at()).fold(look_at, Micros::min)
    }

    fn is_idle(&self) -> bool {
        self.wires.iter().all(|wire| wire.engine.is_idle())
    }

    fn connections(&mut self) -> &mut [Wire] {
        &mut self.wires
    }

    fn connected(&mut self, connection: usize, result: Connected, now: Micros) {
        if result.is_ok() {
            self.judge(connection, now);
        }
        self.wires[connection].install(result, now);
    }

    fn fail_all(&mut self, error: &StoreError) {
        for wire in &mut self.wires {
            wire.engine.fail_all(error);
        }
    }

    fn disconnect(&mut self, now: Micros) {
        for wire in &mut self.wires {
            wire.write(now);
            wire.disconnect(now);
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a cluster has a thousand nodes at most")]
fn index_of(wire: usize) -> u16 {
    wire as u16
}
